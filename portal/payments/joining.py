"""An account of a tenant at a provider that has no numbers, only keys: made, and given other keys.

M-Pesa's paybills and tills are made in `accounts`.
"""

from __future__ import annotations

from collections.abc import Mapping

from portal.clock import Moment
from portal.errors import Misconfigured
from portal.payments import accounts, store
from portal.payments.accounts import BASE_URLS, Account
from portal.payments.provider import Reader, Readers
from portal.seal import Vault
from portal.units import Unit


def join(
    vault: Vault,
    reader: Reader,
    now: Moment,
    *,
    tenant_public: str,
    environment: str,
    kind: str,
    secrets: Mapping[str, str],
    base_url: str = "",
) -> Unit[Account]:
    """A new account at this provider; one for each environment. Raises `Misconfigured` or `Conflict`."""
    if environment not in BASE_URLS:
        raise Misconfigured(f"The environment is {environment!r}; it must be sandbox or production.")
    _check(reader, kind, environment, secrets)
    return (
        yield from accounts.insert(
            vault,
            now,
            tenant_public,
            {name: secrets[name] for name in reader.secrets},
            provider=reader.name,
            environment=environment,
            base_url=base_url or reader.base_url(environment),
            told=reader.processor,
            kind=kind,
            shortcode="",
            party_b="",
        )
    )


def rejoin(vault: Vault, reader: Reader, account: Account, kind: str, secrets: Mapping[str, str]) -> Unit[None]:
    """Other keys for the same account, and how its next payments begin."""
    _check(reader, kind, account.environment, secrets)
    yield from accounts.replace_keys(vault, account, {name: secrets[name] for name in reader.secrets})
    yield from store.change_account(account.id, kind=kind)


def hosts(readers: Readers) -> Unit[tuple[str, ...]]:
    """What guests without a pass must reach to pay at the accounts that are on."""
    found: set[str] = set()
    for each in (yield from accounts.accounts()):
        if each.active and each.start == "page" and each.provider in readers:
            found.update(readers[each.provider].hosts(each))
    return tuple(sorted(found))


def _check(reader: Reader, kind: str, environment: str, secrets: Mapping[str, str]) -> None:
    if kind not in reader.kinds:
        raise Misconfigured(f"The kind is {kind!r}; it must be one of {', '.join(reader.kinds)}.")
    reader.refuse_keys(environment, secrets)
