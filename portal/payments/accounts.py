"""A tenant's own accounts at payment providers: keys sealed at rest, opened only to speak to the provider.

The environment is a property of the row, not of the process. Accounts with the same environment and consumer
key share an app: one token, one bucket of queries. What a provider does not need is empty (docs/decisions/0030).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from portal.clock import Moment
from portal.errors import Misconfigured
from portal.payments import store
from portal.processors import service as processors
from portal.processors.registry import Told
from portal.seal import Vault, new_public, token_hash
from portal.units import Row, Unit

Start = Literal["prompt", "page"]  # a phone rings, or the guest's browser goes to a page of the provider
Kind = Literal["paybill", "till"]  # at M-Pesa; other providers have their own words
BASE_URLS = {"sandbox": "https://sandbox.safaricom.co.ke", "production": "https://api.safaricom.co.ke"}
MPESA = "mpesa"
SECRETS = ("consumer_key", "consumer_secret", "passkey")


@dataclass(frozen=True, kw_only=True)
class Credentials:
    """An account's secrets, opened."""

    consumer_key: str
    consumer_secret: str
    passkey: str

    def __repr__(self) -> str:  # never in a log or a traceback (R7)
        return "Credentials(…)"


@dataclass(frozen=True, kw_only=True)
class Account:
    """An account of a tenant at a provider: a paybill or till with its app at M-Pesa, or a key at another one."""

    id: int
    tenant_id: int
    public: str
    provider: str
    environment: str
    base_url: str
    kind: str
    shortcode: str  # BusinessShortCode: the paybill, or the store number of a till
    party_b: str  # the paybill again, or the till
    consumer_key_sealed: bytes
    consumer_secret_sealed: bytes
    passkey_sealed: bytes
    app_index: bytes
    active: bool
    initiator: str = ""  # a user of the organisation's portal, for reversals and questions about one payment
    credential_sealed: bytes | None = None
    credential_at: Moment | None = None
    balance_limit_minor: int | None = None  # what it may hold at the provider, in minor units

    @property
    def can_reverse(self) -> bool:
        """Whether it is known who asks M-Pesa for reversals."""
        return bool(self.provider == MPESA and self.initiator and self.credential_sealed)

    @property
    def pay_number(self) -> str:
        """What a guest types to pay by hand."""
        return self.party_b if self.kind == "till" else self.shortcode

    @property
    def start(self) -> Start:
        """How its payments begin: the kind `page` is the one that has a page."""
        return "page" if self.kind == "page" else "prompt"

    @property
    def label(self) -> str:
        """How staff tell it from others."""
        return f"{self.kind} {self.pay_number}" if self.pay_number else f"{self.provider.capitalize()} {self.kind}"

    def owns(self, shortcode: str) -> bool:
        """Whether money to this number is this account's."""
        return shortcode in (self.shortcode, self.party_b)

    def credentials(self, vault: Vault) -> Credentials:
        own = vault.of(self.tenant_id)

        def opened(name: str) -> str:
            sealed: bytes = getattr(self, f"{name}_sealed")
            return own.open(sealed, table="mpesa_accounts", row=self.public, column=f"{name}_sealed").decode()

        return Credentials(**{name: opened(name) for name in SECRETS})


MpesaAccount = Account  # as the files of M-Pesa call it


def c2b_token(vault: Vault, tenant_public: str, account_public: str) -> str:
    """The path token of the account's own addresses, which the tenant registers with the provider."""
    return vault.path_token(tenant_public, "c2b", account_public)


def add_account(  # at M-Pesa
    vault: Vault,
    now: Moment,
    *,
    tenant_public: str,
    environment: str,
    kind: Kind,
    shortcode: str,
    consumer_key: str,
    consumer_secret: str,
    passkey: str,
    till: str = "",
    base_url: str = "",
) -> Unit[Account]:
    """A new account at M-Pesa; `shortcode` is the paybill, or the store number that goes with `till`."""
    _check(environment, kind, shortcode, till, base_url)
    secrets = dict(zip(SECRETS, (consumer_key, consumer_secret, passkey), strict=True))
    return (
        yield from insert(
            vault,
            now,
            tenant_public,
            secrets,
            provider=MPESA,
            environment=environment,
            base_url=base_url or BASE_URLS[environment],
            kind=kind,
            shortcode=shortcode,
            party_b=till if kind == "till" else shortcode,
        )
    )


def insert(
    vault: Vault,
    now: Moment,
    tenant_public: str,
    secrets: Mapping[str, str],
    *,
    base_url: str,
    told: Told | None = None,
    **plain: str,
) -> Unit[Account]:
    """A new account at any provider, with its secrets sealed; `told` is what the register says of a provider."""
    public = new_public(4)
    sealed = _sealed(vault, public, {name: secrets.get(name, "") for name in SECRETS})
    account_id = yield from store.insert_account(
        public=public,
        base_url=base_url.rstrip("/"),
        app_index=app_index(vault, plain["provider"], plain["environment"], secrets),
        c2b_token_hash=token_hash(c2b_token(vault, tenant_public, public)),
        created_at=now,
        **sealed,
        **plain,
    )
    yield from processors.ensure(plain["provider"], now, told)
    made = yield from get_account(account_id)
    assert made is not None
    return made


def app_index(vault: Vault, provider: str, environment: str, secrets: Mapping[str, str]) -> bytes:
    """Keyed hash of what makes two accounts one app of their provider."""
    key = secrets.get("consumer_key", "") or secrets.get("consumer_secret", "")
    return vault.index(0, f"{provider}-app", f"{environment}|{key.strip()}")


def _sealed(vault: Vault, public: str, secrets: Mapping[str, str]) -> dict[str, bytes]:
    return {
        f"{name}_sealed": vault.seal(text.strip(), table="mpesa_accounts", row=public, column=f"{name}_sealed")
        for name, text in secrets.items()
    }


def _check(environment: str, kind: str, shortcode: str, till: str, base_url: str) -> None:
    if environment not in BASE_URLS:
        raise Misconfigured(f"The environment is {environment!r}; it must be sandbox or production.")
    if kind not in ("paybill", "till"):
        raise Misconfigured(f"The kind is {kind!r}; it must be paybill or till.")
    if not (shortcode.isascii() and shortcode.isdigit() and 5 <= len(shortcode) <= 7):
        raise Misconfigured("The shortcode must be 5 to 7 digits: the paybill, or the store number of the till.")
    if kind == "till" and not (till.isascii() and till.isdigit() and 5 <= len(till) <= 8):
        raise Misconfigured("A till account needs the till number (5 to 8 digits) beside its store number.")
    if base_url and not base_url.startswith(("https://", "http://")):
        raise Misconfigured("The base URL must begin with https://.")


def replace_keys(vault: Vault, account: Account, secrets: Mapping[str, str]) -> Unit[None]:
    """Other keys for the same number; payments that are being asked about go on with them."""
    sealed = _sealed(vault, account.public, {name: secrets.get(name, "") for name in SECRETS})
    app = app_index(vault, account.provider, account.environment, secrets)
    yield from store.change_account(account.id, app_index=app, **sealed)


def set_initiator(account_id: int, name: str, credential_sealed: bytes, now: Moment) -> Unit[None]:
    """Who asks M-Pesa for reversals and questions about one payment; the credential lives for 90 days."""
    yield from store.change_account(account_id, initiator=name, credential_sealed=credential_sealed, credential_at=now)


def set_balance_limit(account_id: int, minor: int | None) -> Unit[None]:
    """What the account may hold at the provider; staff are told before it is full."""
    yield from store.change_account(account_id, balance_limit_minor=minor)


def set_active(account_id: int, active: bool) -> Unit[None]:
    """Whether new payments may go to it."""
    yield from store.change_account(account_id, active=active)


def get_account(account_id: int) -> Unit[Account | None]:
    row = yield from store.account_row(account_id)
    return None if row is None else _account(row)


def current_account() -> Unit[Account | None]:
    """The account that new payments of the tenant go to: the newest active one."""
    found = yield from accounts()
    return next((each for each in reversed(found) if each.active), None)


def accounts() -> Unit[list[Account]]:
    """All accounts of the tenant, oldest first."""
    return [_account(row) for row in (yield from store.account_rows())]


def at_mpesa() -> Unit[list[Account]]:
    """Those that have a statement to read, oldest first: nobody else has one."""
    return [each for each in (yield from accounts()) if each.provider == MPESA]


def _account(row: Row) -> Account:
    fields = {name: row[name] for name in Account.__dataclass_fields__}
    return Account(**{**fields, "active": bool(fields["active"])})
