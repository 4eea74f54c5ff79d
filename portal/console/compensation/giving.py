"""Giving free time: a pass behind those that there are, its worth in the books, and who gave it.

What is given is a pass like any other, made through the one door (`portal.access.admission`). Its price is nothing;
what it would have cost is posted from *compensation* to *given*, which are no part of revenue.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from portal import words
from portal.access import admission
from portal.access import store as access
from portal.access.passes import Pass
from portal.access.plans import USE_BY_MS, Plan
from portal.access.store import Cause
from portal.books.ledger import About, post
from portal.clock import Moment
from portal.console.compensation import store
from portal.console.compensation.store import Lost
from portal.errors import Refused
from portal.money import Money
from portal.units import Row, Unit

LEAST_BYTES = 1_000_000
CHUNK = 20  # gifts in one transaction: each makes a pass and wakes routers
MOST = 20_000  # guests of one outage


@dataclass(frozen=True, kw_only=True)
class Giver:
    """Who gives, and since when their day counts."""

    staff_id: int
    role: str
    since: Moment


@dataclass(frozen=True, kw_only=True)
class Gift:
    """More time for a device. The key is the form's own, so that sending it twice gives once (I2)."""

    span_ms: int
    key: str
    reason: str
    giver: Giver

    @property
    def cause(self) -> Cause:
        return Cause(kind="staff", ref=self.key)


def must_be_within(giver: Giver, device_id: int, span_ms: int) -> Unit[None]:
    """Raise `Refused`: gift-guest or gift-day when it is more than their role may give."""
    limit = yield from store.limit_of(giver.role)
    if limit is None:
        return
    before = yield from store.given_by_guest(giver.staff_id, giver.since)
    if before[device_id] + span_ms > limit.guest_ms:
        raise Refused("gift-guest", status=409)
    if (yield from store.given_since(giver.staff_id, giver.since)) + span_ms > limit.day_ms:
        raise Refused("gift-day", status=409)


def give(base: Pass, bought: Mapping[str, object], gift: Gift, now: Moment) -> Unit[Pass]:
    """So much time behind the passes of a device, as `base` was; raises `Refused` beyond the limits of a role."""
    yield from must_be_within(gift.giver, base.device_id, gift.span_ms)
    worth = yield from store.worth(base.id, gift.span_ms)
    made = yield from _granted(base, bought, gift.span_ms, gift.cause, now)
    yield from _written(
        base, bought, made, worth, now, cause=gift.cause.ref, span_ms=gift.span_ms, reason=gift.reason,
        staff_id=gift.giver.staff_id,
    )  # fmt: skip
    return made


def _granted(base: Pass, bought: Mapping[str, object], span_ms: int, cause: Cause, now: Moment) -> Unit[Pass]:
    """A free pass for all who use `base`; of its kind and rate, so that routers let it follow without a new login."""
    person = bought["person_id"]
    plan = plan_of(base, bought, span_ms)
    made = yield from admission.grant(plan, base.device_id, cause, now, None if person is None else int(str(person)))
    for each in (yield from access.devices_of_pass(base.id)):
        yield from admission.add_device(made.id, each, now)
    return made


def plan_of(base: Pass, bought: Mapping[str, object], span_ms: int) -> Plan:
    """What a gift of so much time is like: a share of the data, and everything else as in the pass before it."""
    share = None if base.data_bytes is None else max(LEAST_BYTES, base.data_bytes * span_ms // max(1, base.span_ms))
    return Plan(
        id=int(str(bought["plan_id"])),
        public="",
        name=words.span(span_ms, "en").replace("\u00a0", " "),
        price=Money(0, str(bought["currency"])),
        kind=base.kind,
        span_ms=span_ms,
        window_ms=None if base.window_ms is None else max(base.window_ms, span_ms),
        data_bytes=share,
        rate_up=base.rate_up,
        rate_down=base.rate_down,
        max_devices=base.max_devices,
        use_by_ms=USE_BY_MS,
        sites=base.sites,
    )


def _written(
    base: Pass,
    bought: Mapping[str, object],
    made: Pass,
    worth: Money,
    now: Moment,
    *,
    router_id: int | None = None,
    cause: str,
    **more: object,
) -> Unit[None]:
    """The gift, and its worth in the books."""
    columns = {
        "device_id": base.device_id,
        "pass_id": base.id,
        "made_id": made.id,
        "worth_minor": worth.minor,
        "currency": worth.currency,
        "cause": cause,
        "given_at": now,
    }
    yield from store.add_gift(**columns, **more)
    yield from post("compensated", cause, worth, now, About(plan_id=int(str(bought["plan_id"])), router_id=router_id))


# --- outages ---


@dataclass(frozen=True, kw_only=True)
class Outage:
    """A router that was of no use for a while, as somebody asks to make it good."""

    router_id: int
    since: Moment
    until: Moment
    reason: str
    key: str
    giver: Giver


@dataclass(frozen=True, kw_only=True)
class Hit:
    """Whose passes it has hit."""

    lost: list[Lost]

    @property
    def guests(self) -> int:
        return len({each.one.device_id for each in self.lost})

    @property
    def span_ms(self) -> int:
        return sum(each.span_ms for each in self.lost)

    @property
    def by_guest(self) -> Mapping[int, int]:
        """How much each guest lost, with all of their passes."""
        found: Counter[int] = Counter()
        for each in self.lost:
            found[each.one.device_id] += each.span_ms
        return found

    @property
    def longest_ms(self) -> int:
        return max(self.by_guest.values(), default=0)

    @property
    def worth(self) -> int:
        return sum(each.worth.minor for each in self.lost)


def foresee(router_id: int, since: Moment, until: Moment) -> Unit[Hit]:
    """What making an outage good would come to; changes nothing."""
    return Hit(lost=(yield from store.hit(router_id, since, until, MOST)))


def begin(outage: Outage, told: int, now: Moment) -> Unit[int]:
    """Write down that an outage is made good; `told` is how many passes its page had named.

    Raises `Refused`: outage-there when its form was sent before, outage-nobody, outage-changed, or beyond the limits
    of the role.
    """
    there = yield from store.with_key(outage.key)
    if there is not None:
        raise Refused("outage-there", status=409, outage=there)
    hit = yield from foresee(outage.router_id, outage.since, outage.until)
    if not hit.lost:
        raise Refused("outage-nobody", status=409)
    if len(hit.lost) != told:
        raise Refused("outage-changed", status=409)
    yield from _may_give(outage.giver, hit)
    made = yield from store.add_outage(
        router_id=outage.router_id,
        since=outage.since,
        until=outage.until,
        guests=len(hit.lost),
        span_ms=hit.span_ms,
        reason=outage.reason,
        staff_id=outage.giver.staff_id,
        form_key=outage.key,
        begun_at=now,
    )
    assert made is not None
    return made


def _may_give(giver: Giver, hit: Hit) -> Unit[None]:
    limit = yield from store.limit_of(giver.role)
    if limit is None:
        return
    if hit.guests > limit.guests:
        raise Refused("gift-guests", status=409)
    before = yield from store.given_by_guest(giver.staff_id, giver.since)
    if any(span_ms + before[guest] > limit.guest_ms for guest, span_ms in hit.by_guest.items()):
        raise Refused("gift-guest", status=409)
    if (yield from store.given_since(giver.staff_id, giver.since)) + hit.span_ms > limit.day_ms:
        raise Refused("gift-day", status=409)


def give_some(outage_id: int, now: Moment) -> Unit[bool]:
    """Give the next few of an outage their time; whether there may be more. Called again it gives nothing twice."""
    outage = yield from store.outage(outage_id)
    if outage["done_at"] is not None:
        return False
    lost = yield from store.next_of(outage, CHUNK)
    for each in lost:
        yield from _make_good(outage, each, now)
    if not lost:
        yield from store.done(outage_id, now)
    return bool(lost)


def _make_good(outage: Row, lost: Lost, now: Moment) -> Unit[None]:
    cause = Cause(kind="staff", ref=f"O{outage['id']}:{lost.one.id}")
    yield from admission.refresh(lost.one.device_id, now)
    bought = yield from bought_as(lost.one.id)
    made = yield from _granted(lost.one, bought, lost.span_ms, cause, now)
    yield from _written(
        lost.one, bought, made, lost.worth, now, router_id=outage["router_id"], cause=cause.ref,
        outage_id=outage["id"], span_ms=lost.span_ms, lost_from=lost.since, lost_until=lost.until,
        reason=outage["reason"], staff_id=outage["staff_id"],
    )  # fmt: skip


def bought_as(pass_id: int) -> Unit[Row]:
    """``plan_id``, ``person_id`` and ``currency`` of a pass."""
    found = yield from store.bought(pass_id)
    assert found is not None
    return found
