"""The statements of free time. Each decides nothing but the limit of a role."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from portal.access.passes import Pass, from_row
from portal.access.places.store import SLOT_MS
from portal.clock import DAY, MINUTE, Moment
from portal.console.compensation.limits import DEFAULTS, FIELDS, NOTHING, Limit
from portal.errors import Refused
from portal.money import Money
from portal.units import Row, Sql, Unit, insert, insert_new, one, rows, update, value

SEEN_BEFORE_MS = 15 * MINUTE  # a device that was seen so shortly before an outage was there when it began


# --- limits ---


def limits() -> Unit[Mapping[str, Limit]]:
    """Of each role that has some."""
    found = yield from rows("SELECT * FROM gift_limits WHERE tenant_id = :tenant")
    own = {row["role"]: Limit(**{name: int(row[name]) for name in FIELDS}) for row in found}
    return {**DEFAULTS, **own}


def limit_of(role: str) -> Unit[Limit | None]:
    """Of this role; None when there is none, as for owners."""
    return None if role == "owner" else (yield from limits()).get(role, NOTHING)


def set_limits(wanted: Mapping[str, Limit]) -> Unit[None]:
    for role, limit in wanted.items():
        yield Sql("DELETE FROM gift_limits WHERE tenant_id = :tenant AND role = :role", {"role": role})
        yield from insert("gift_limits", role=role, **{name: getattr(limit, name) for name in FIELDS})


def given_since(staff_id: int, since: Moment) -> Unit[int]:
    """What somebody has given to all since a moment, and what they still will for outages."""
    given = yield from value(
        "SELECT COALESCE(SUM(span_ms), 0) FROM gifts WHERE tenant_id = :tenant AND staff_id = :staff"
        " AND outage_id IS NULL AND given_at >= :since",
        staff=staff_id,
        since=since,
    )
    promised = yield from value(
        "SELECT COALESCE(SUM(span_ms), 0) FROM outages WHERE tenant_id = :tenant AND staff_id = :staff"
        " AND begun_at >= :since",
        staff=staff_id,
        since=since,
    )
    return int(given) + int(promised)


def given_by_guest(staff_id: int, since: Moment) -> Unit[Counter[int]]:
    """What somebody has given to each guest since a moment, by hand and for outages, and what they still will."""
    found = yield from rows(
        "SELECT device_id, SUM(span_ms) AS span FROM gifts WHERE tenant_id = :tenant AND staff_id = :staff"
        " AND given_at >= :since GROUP BY device_id",
        staff=staff_id,
        since=since,
    )
    given = Counter({int(row["device_id"]): int(row["span"]) for row in found})
    return given + (yield from _promised(staff_id))


def _promised(staff_id: int) -> Unit[Counter[int]]:
    """What each guest is yet to get for the outages that somebody has begun."""
    found = yield from rows(
        "SELECT * FROM outages WHERE tenant_id = :tenant AND staff_id = :staff AND done_at IS NULL", staff=staff_id
    )
    promised: Counter[int] = Counter()
    for row in found:
        for each in (yield from next_of(row, int(row["guests"]))):
            promised[each.one.device_id] += each.span_ms
    return promised


# --- what time is worth ---


def worth(pass_id: int, span_ms: int) -> Unit[Money]:
    """So much time at the price of a pass, or of its plan when it was free."""
    found = yield from one(
        "SELECT s.price_minor AS minor, s.span_ms AS span, s.currency AS currency,"
        " p.price_minor AS plan_minor, p.span_ms AS plan_span FROM passes s JOIN plans p"
        " ON p.tenant_id = s.tenant_id AND p.id = s.plan_id WHERE s.tenant_id = :tenant AND s.id = :id",
        id=pass_id,
    )
    assert found is not None
    return priced(found, span_ms)


def priced(row: Row, span_ms: int) -> Money:
    """Rounded to the next minor unit."""
    minor, span = (row["minor"], row["span"]) if row["minor"] else (row["plan_minor"], row["plan_span"])
    return Money((int(minor) * span_ms + int(span) // 2) // max(1, int(span)), row["currency"])


# --- gifts ---


def add_gift(**columns: Any) -> Unit[int]:
    return (yield from insert("gifts", **columns))


def gifts(before: int, limit: int) -> Unit[Sequence[Row]]:
    """Gifts to single guests below an id, the newest first; with ``mac``, ``by_name`` and ``plan_name``."""
    return (
        yield from rows(
            "SELECT g.*, d.mac AS mac, s.name AS by_name, p.plan_name AS plan_name FROM gifts g"
            " JOIN devices d ON d.tenant_id = g.tenant_id AND d.id = g.device_id"
            " JOIN staff s ON s.tenant_id = g.tenant_id AND s.id = g.staff_id"
            " JOIN passes p ON p.tenant_id = g.tenant_id AND p.id = g.pass_id"
            " WHERE g.tenant_id = :tenant AND g.outage_id IS NULL AND g.id < :before ORDER BY g.id DESC LIMIT :limit",
            before=before,
            limit=limit,
        )
    )


# --- outages ---


def whole(span_ms: int) -> int:
    """The minute that was begun is given as well."""
    return -(-span_ms // MINUTE) * MINUTE


@dataclass(frozen=True, kw_only=True)
class Lost:
    """A pass that could not be used for a while."""

    one: Pass
    mac: str
    since: Moment
    until: Moment
    worth: Money

    @property
    def span_ms(self) -> int:
        """In whole minutes, as it is given."""
        return whole(self.until - self.since)


# Passes that ran by the clock while a router was of no use, of devices that were near it then: they were seen there
# shortly before it, or since. What ended by hand was dealt with; what was made good already is left out.
_HIT = (
    "SELECT s.*, d.mac AS mac, s.price_minor AS minor, s.span_ms AS span, p.price_minor AS plan_minor,"
    " p.span_ms AS plan_span FROM passes s JOIN devices d ON d.tenant_id = s.tenant_id AND d.id = s.device_id"
    " JOIN plans p ON p.tenant_id = s.tenant_id AND p.id = s.plan_id WHERE s.tenant_id = :tenant AND s.id IN"
    " (SELECT u.pass_id FROM presence q JOIN pass_devices u ON u.tenant_id = q.tenant_id AND u.device_id = q.device_id"
    " WHERE q.tenant_id = :tenant AND q.router_id = :router AND q.seen_at >= :seen)"
    " AND s.kind = 'wall' AND s.started_at < :until AND COALESCE(s.ended_at, s.ends_at) > :since"
    " AND (s.end_reason IS NULL OR s.end_reason IN ('time', 'data'))"
    " AND NOT EXISTS (SELECT 1 FROM gifts g WHERE g.tenant_id = :tenant AND g.pass_id = s.id"
    " AND g.lost_from < :until AND g.lost_until > :since) ORDER BY s.id LIMIT :limit"
)


def hit(router_id: int, since: Moment, until: Moment, limit: int) -> Unit[list[Lost]]:
    """Whose passes an outage has hit, and how much each lost."""
    seen = (yield from _heard(router_id, since)) - SEEN_BEFORE_MS
    found = yield from rows(_HIT, router=router_id, since=since, until=until, seen=seen, limit=limit)
    return [_lost(row, since, until) for row in found]


def _heard(router_id: int, since: Moment) -> Unit[Moment]:
    """When a router was last heard before a moment: an outage may have begun before staff say so."""
    found = yield from value(
        "SELECT MAX(slot) FROM online_counts WHERE tenant_id = :tenant AND router_id = :router AND slot <= :since"
        " AND slot > :day",
        router=router_id,
        since=since,
        day=since - DAY,
    )
    return since if found is None else int(found)


@dataclass(frozen=True, kw_only=True)
class Heard:
    """In how many of the whole quarters of an hour of a span a router answered."""

    quarters: int
    heard: int


def heard(router_id: int, since: Moment, until: Moment) -> Unit[Heard]:
    """What there is to say of a router while somebody says that it was of no use; counts are kept per quarter."""
    first, end = -(-since // SLOT_MS) * SLOT_MS, until // SLOT_MS * SLOT_MS
    found = yield from value(
        "SELECT COUNT(*) FROM online_counts WHERE tenant_id = :tenant AND router_id = :router AND slot >= :first"
        " AND slot < :end",
        router=router_id,
        first=first,
        end=end,
    )
    return Heard(quarters=max(0, end - first) // SLOT_MS, heard=int(found))


def _lost(row: Row, since: Moment, until: Moment) -> Lost:
    over = row["ends_at"] if row["ended_at"] is None else row["ended_at"]
    begin, end = max(since, int(row["started_at"])), min(until, int(over))
    return Lost(one=from_row(row), mac=row["mac"], since=begin, until=end, worth=priced(row, whole(end - begin)))


def bought(pass_id: int) -> Unit[Row | None]:
    """What a pass was bought as."""
    return (
        yield from one(
            "SELECT plan_id, person_id, currency FROM passes WHERE tenant_id = :tenant AND id = :id", id=pass_id
        )
    )


def add_outage(**columns: Any) -> Unit[int | None]:
    """A new outage; None when its form has made it before."""
    return (yield from insert_new("outages", **columns))


def with_key(form_key: str) -> Unit[int | None]:
    found: int | None = yield from value(
        "SELECT id FROM outages WHERE tenant_id = :tenant AND form_key = :form_key", form_key=form_key
    )
    return found


_TOLD = (
    "SELECT o.*, r.name AS site, s.name AS by_name FROM outages o"
    " JOIN routers r ON r.tenant_id = o.tenant_id AND r.id = o.router_id"
    " JOIN staff s ON s.tenant_id = o.tenant_id AND s.id = o.staff_id WHERE o.tenant_id = :tenant"
)


def outage(outage_id: int) -> Unit[Row]:
    """An outage with ``site`` and ``by_name``; raises `Refused`."""
    found = yield from one(f"{_TOLD} AND o.id = :id", id=outage_id)
    if found is None:
        raise Refused("not-found", status=404)
    return found


def outages(limit: int) -> Unit[Sequence[Row]]:
    """The latest outages."""
    return (yield from rows(f"{_TOLD} ORDER BY o.id DESC LIMIT :limit", limit=limit))


def gave(outage_id: int) -> Unit[Row]:
    """``n``, ``span`` and ``minor`` of what was given for an outage so far."""
    found = yield from one(
        "SELECT COUNT(*) AS n, COALESCE(SUM(span_ms), 0) AS span, COALESCE(SUM(worth_minor), 0) AS minor FROM gifts"
        " WHERE tenant_id = :tenant AND outage_id = :outage",
        outage=outage_id,
    )
    assert found is not None
    return found


def next_of(outage: Row, limit: int) -> Unit[list[Lost]]:
    """The next passes that are to get their time for an outage; none once as many have it as its page had named."""
    left = int(outage["guests"]) - int((yield from gave(outage["id"]))["n"])
    return (yield from hit(outage["router_id"], outage["since"], outage["until"], min(limit, max(0, left))))


def of_outage(outage_id: int, after: int, limit: int) -> Unit[Sequence[Row]]:
    """What was given for an outage, above an id; with ``mac`` and ``plan_name``."""
    return (
        yield from rows(
            "SELECT g.*, d.mac AS mac, p.plan_name AS plan_name FROM gifts g"
            " JOIN devices d ON d.tenant_id = g.tenant_id AND d.id = g.device_id"
            " JOIN passes p ON p.tenant_id = g.tenant_id AND p.id = g.pass_id"
            " WHERE g.tenant_id = :tenant AND g.outage_id = :outage AND g.pass_id > :after"
            " ORDER BY g.pass_id LIMIT :limit",
            outage=outage_id,
            after=after,
            limit=limit,
        )
    )


def done(outage_id: int, now: Moment) -> Unit[None]:
    yield from update("outages", outage_id, done_at=now)
