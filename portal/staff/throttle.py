"""How often a login may be tried, without letting a stranger lock anybody out.

A try is written by the very transaction that admits it, before the password is looked at, and taken back when it
was no failure: the limits hold exactly, for any number at once, and survive a restart. Addresses and sources are
kept as keyed hashes, whether there is such an account or not.

A source from which an account has lately logged in is known to it: there only their own pair counts, so that
whatever others do, elsewhere or behind the same address, the owner gets in. What is guessed of a second factor,
by somebody who has the password, has a tight limit of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv6Address, ip_address, ip_network

from portal.clock import DAY, MINUTE, SECOND, Moment
from portal.errors import Refused
from portal.seal import Vault
from portal.staff.logins import store
from portal.staff.store import plain_email
from portal.units import Unit

WINDOW_MS = 15 * MINUTE
KNOWN_MS = 30 * DAY  # how long a source stays known after a login
LIMITS = {"pair": 5, "source": 30, "account": 100}
LIMITS_KNOWN = {"pair": 5}
LIMITS_SECOND = {"second": 5}
LIMITS_PROOF = {"proof": 5}


@dataclass(frozen=True, kw_only=True)
class Knock:
    """Who tries to log in from where, as keyed hashes."""

    account: bytes = field(repr=False)
    source: bytes = field(repr=False)
    pair: bytes = field(repr=False)

    @property
    def subjects(self) -> dict[str, bytes]:
        return {"pair": self.pair, "source": self.source, "account": self.account}


@dataclass(frozen=True, kw_only=True)
class Admitted:
    """The rows of this try, to be taken back if it was no failure; `known`: from a source of this account's."""

    tries: tuple[int, ...]
    known: bool = False


def origin(source: str) -> str:
    """What counts as one source: an address, but of IPv6 the whole /56, which one customer has to himself."""
    try:
        address = ip_address(source)
    except ValueError:
        return source[:64]
    if not isinstance(address, IPv6Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ip_network((address, 56), strict=False))


def knock(vault: Vault, email: str, address: str) -> Knock:
    who, where = plain_email(email), origin(address)
    return Knock(
        account=vault.index(0, "login account", who),
        source=vault.index(0, "login source", where),
        pair=vault.index(0, "login pair", f"{where}|{who}"),
    )


def slow(wait_ms: int) -> Refused:
    return Refused("login-slow", status=429, wait_s=-(-wait_ms // SECOND))


def admit(who: Knock, now: Moment) -> Unit[Admitted | Refused]:
    """Count a try, if it may be made. The refusal is given, not raised: what was written stays written."""
    known = yield from is_known(who, now)
    wait = yield from _wait_ms(LIMITS_KNOWN if known else LIMITS, who.subjects, now)
    if wait:
        return slow(wait)
    return Admitted(tries=(yield from store.add_tries(who.subjects, now)), known=known)


def admit_one(limits: Mapping[str, int], subject: bytes, now: Moment) -> Unit[Admitted | Refused]:
    """The same of a try that counts in one bucket."""
    subjects = dict.fromkeys(limits, subject)
    wait = yield from _wait_ms(limits, subjects, now)
    return slow(wait) if wait else Admitted(tries=(yield from store.add_tries(subjects, now)))


def is_known(who: Knock, now: Moment) -> Unit[bool]:
    last = yield from store.nth_try("known", who.pair, 1)
    return last is not None and last > now - KNOWN_MS


def welcome(who: Knock, tries: tuple[int, ...], now: Moment) -> Unit[None]:
    """It was no failure: the source is known from now on, and the pair begins anew."""
    yield from store.drop_tries(tries)
    yield from store.drop_tries_of("pair", who.pair)
    yield from store.drop_tries_of("known", who.pair)
    yield from store.add_tries({"known": who.pair}, now)


def forget(now: Moment) -> Unit[None]:
    yield from store.forget_tries(now - DAY, now - KNOWN_MS)


def _wait_ms(limits: Mapping[str, int], subjects: Mapping[str, bytes], now: Moment) -> Unit[int]:
    """How long until one more try fits."""
    wait = 0
    for bucket, most in limits.items():
        at = yield from store.nth_try(bucket, subjects[bucket], most)
        wait = max(wait, 0 if at is None else at + WINDOW_MS - now)
    return wait
