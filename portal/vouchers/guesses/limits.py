"""How often a voucher code may be guessed, without closing the door on a café (docs/decisions/0010).

Only failures count, and three kinds of guessers are counted apart, so that none of them can use up what belongs
to another: a device that its router sees right now, a device that is only a claim in an address, and a phone
that no router has named at all. Whatever somebody does from afar so never slows a guest whom the router sees.

Each kind has limits of its own (a device, a source), a soft limit of what it shares with others (a router, the
tenant), above which only those are served who have not failed themselves, and a hard limit, which the odds of a
hit are computed from. Everything is read and written by the very transaction that redeems, and the tries of a device
and of a source come one after another: their limits hold exactly, for any number at once, and survive a restart. So do
all others where there is one writer; on PostgreSQL what is shared may be passed by as many tries as are under way at
one moment, which is eight for each process.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial
from hashlib import sha256
from ipaddress import IPv6Address, ip_address, ip_network

from portal.clock import HOUR, MINUTE, Moment
from portal.seal import Vault
from portal.tenancy.store import say_again
from portal.units import Unit
from portal.vouchers.guesses import store

WINDOW_MS = HOUR
ALERT, ALERT_WINDOW_MS = 20, MINUTE  # failures at one router that staff are told about
SOON_MS = MINUTE  # by then a router has named whoever is really there
KIND = "voucher-guesses"  # of the line for staff


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Failed guesses in an hour, by bucket. Whoever has none in `own` stands above `soft`, nobody above `hard`."""

    own: Mapping[str, int]
    soft: Mapping[str, int]
    hard: Mapping[str, int]
    at_most_ms: int = WINDOW_MS  # the longest wait that makes sense
    # What the database is asked for: when the nth latest failure of a bucket was. `last` is asked only of those
    # whom nothing else holds while `soft` is reached: most of a flood does not cost it.
    first: tuple[tuple[str, int], ...] = field(init=False)
    last: tuple[tuple[str, int], ...] = field(init=False)

    def __post_init__(self) -> None:
        latest = ((bucket, 1) for bucket in self.own)
        object.__setattr__(self, "first", (*self.own.items(), *latest, *self.soft.items()))
        object.__setattr__(self, "last", tuple(self.hard.items()))


# All guests of a café share one source; the router vouches for each of them instead.
SEEN = Limits(own={"device": 5}, soft={"router": 120, "tenant": 600}, hard={"router": 500, "tenant": 1_800})
# A MAC that only stands in an address costs nothing to invent: the source counts. A thousand do not reach `hard`.
CLAIMED = Limits(
    own={"device": 5, "source": 60},
    soft={"router": 120, "tenant": 300},
    hard={"tenant": 1_400},
    at_most_ms=SOON_MS,
)
# Without a router's word the tenant is not known either: one guess tries the codes of all.
OPEN = Limits(own={"source": 20}, soft={"installation": 100}, hard={"installation": 400})

# What can be tried of one tenant's codes in an hour; the odds of a hit are computed from it.
AT_ROUTERS_AN_HOUR = SEEN.hard["tenant"] + CLAIMED.hard["tenant"]
TENANT_AN_HOUR = AT_ROUTERS_AN_HOUR + OPEN.hard["installation"]


@dataclass(frozen=True, kw_only=True)
class Guesser:
    """Who guesses, as keyed hashes. `seen`: the router itself says that this MAC is there now."""

    device: bytes
    router: bytes
    source: bytes
    tenant: bytes
    router_id: int
    seen: bool
    routers: tuple[bytes, bytes]  # the router's buckets of both kinds of guessers

    @property
    def limits(self) -> Limits:
        return SEEN if self.seen else CLAIMED

    @property
    def subjects(self) -> dict[str, bytes]:
        found = {"device": self.device, "router": self.router, "tenant": self.tenant}
        return found if self.seen else {**found, "source": self.source}


def guesser(vault: Vault, tenant_id: int, mac: str, router_id: int, source: str, seen: bool) -> Guesser:
    """Who guesses; seen and claimed guessers have nothing in common, not even a bucket."""
    routers = (_subject(vault, tenant_id, True, str(router_id)), _subject(vault, tenant_id, False, str(router_id)))
    return Guesser(
        device=vault.index(tenant_id, _kind(seen), mac.upper()),
        router=routers[0] if seen else routers[1],
        source=b"" if seen else _subject(vault, tenant_id, seen, origin(source)),
        tenant=_subject(vault, tenant_id, seen, "tenant"),
        router_id=router_id,
        seen=seen,
        routers=routers,
    )


def _kind(seen: bool) -> str:
    return "voucher-guess-seen" if seen else "voucher-guess-claimed"


@lru_cache(maxsize=4096)
def _subject(vault: Vault, tenant_id: int, seen: bool, value: str) -> bytes:
    return vault.index(tenant_id, _kind(seen), value)


@lru_cache(maxsize=4096)
def origin(source: str) -> str:
    """What counts as one source: an address, but of IPv6 the whole /56, which one customer has to himself."""
    try:
        address = ip_address(source)
    except ValueError:
        return source
    if not isinstance(address, IPv6Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ip_network((address, 56), strict=False))


# --- with a router's word ---


def admit(who: Guesser, now: Moment) -> Unit[int]:
    """0: this code may be looked at now; else how many milliseconds to wait."""
    return (yield from _wait_ms(who.limits, partial(store.nth_guesses, who.subjects), now))


def count(who: Guesser, now: Moment, code: bytes = b"") -> Unit[None]:
    """A failed guess, in every bucket; staff hear of many at one router.

    The same code again is no further guess, so a page that is loaded again costs nothing.
    """
    shown = _shown(who.device, code)
    if code and (yield from store.guesses_since("code", [shown], now - WINDOW_MS)):
        return
    yield from store.add_guesses({**who.subjects, "code": shown}, now)
    if (yield from store.guesses_since("router", who.routers, now - ALERT_WINDOW_MS)) >= ALERT:
        yield from say_again(KIND, f"router:{who.router_id}", ALERT_TEXT, now)


def _shown(who: bytes, code: bytes) -> bytes:
    """This code in these hands."""
    return sha256(who + code).digest()


ALERT_TEXT = (
    f"Somebody may be guessing voucher codes at this router: {ALERT} wrong codes within a minute. Bando slows them"
    " down by itself, and M-Pesa stays open. If guests ask: a batch may be void, used up or past its use-by."
)


# --- without ---


@lru_cache(maxsize=4)
def _installation(vault: Vault) -> bytes:
    return vault.index(0, "voucher-guess-open", "installation")


def _open_subjects(vault: Vault, source: str) -> dict[str, bytes]:
    return {"source": vault.index(0, "voucher-guess-open", origin(source)), "installation": _installation(vault)}


def admit_open(vault: Vault, source: str, now: Moment) -> Unit[int]:
    """As `admit`, for a guest without a router's word."""
    return (yield from _wait_ms(OPEN, partial(store.nth_open_guesses, _open_subjects(vault, source)), now))


def count_open(vault: Vault, source: str, now: Moment, code: bytes = b"") -> Unit[None]:
    """As `count`, for a guest without a router's word."""
    subjects = _open_subjects(vault, source)
    shown = _shown(subjects["source"], code)
    if code and (yield from store.open_guesses_since("code", shown, now - WINDOW_MS)):
        return
    yield from store.add_open_guesses({**subjects, "code": shown}, now)


def forget_open(before: Moment) -> Unit[None]:
    """Nobody needs to know of these any more."""
    yield from store.delete_open_guesses(before)


# --- the arithmetic ---

Nth = Callable[[tuple[tuple[str, int], ...]], Unit[Sequence[Moment | None]]]


def _wait_ms(limits: Limits, nth: Nth, now: Moment) -> Unit[int]:
    """How long until one more guess fits."""
    found = yield from nth(limits.first)
    if not any(found):
        return 0
    waits = remaining(found, now)
    own = len(limits.own)
    crowd, clean = max(waits[2 * own :]), max(waits[own : 2 * own])
    wait = max(min(crowd, clean), *waits[:own])  # until the crowd is gone, or the own failures are forgotten
    if crowd and not wait:
        wait = max(remaining((yield from nth(limits.last)), now))
    return min(limits.at_most_ms, wait)


def remaining(found: Sequence[Moment | None], now: Moment) -> list[int]:
    """How long each of these stays in the window."""
    return [0 if at is None else max(0, at + WINDOW_MS - now) for at in found]
