"""The statements of the watch: what it looks at, its alarms, whom it tells, and the outbox. Each decides nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from portal.clock import Moment
from portal.units import Row, Sql, Unit, insert, insert_new, one, rows, update, value

Span = tuple[Moment, Moment]

# --- what is looked at ---


def last_begun(span: Span) -> Unit[Moment | None]:
    """When the latest payment of a span began; None when none did."""
    found: Moment | None = yield from value(
        "SELECT MAX(created_at) FROM payments WHERE tenant_id = :tenant AND created_at >= :since"
        " AND created_at < :until",
        since=span[0],
        until=span[1],
    )
    return found


def last_paid(span: Span) -> Unit[Moment | None]:
    """When the latest payment of a span was finished; None when none was."""
    found: Moment | None = yield from value(
        "SELECT MAX(settled_at) FROM payments WHERE tenant_id = :tenant AND settled_at >= :since"
        " AND settled_at < :until AND state = 'paid'",
        since=span[0],
        until=span[1],
    )
    return found


def begun_in(span: Span) -> Unit[int]:
    """How many payments began in a span."""
    found = yield from value(
        "SELECT COUNT(*) FROM payments WHERE tenant_id = :tenant AND created_at >= :since AND created_at < :until",
        since=span[0],
        until=span[1],
    )
    return int(found)


def paid_of(span: Span) -> Unit[int]:
    """How many of those were finished."""
    found = yield from value(
        "SELECT COUNT(*) FROM payments WHERE tenant_id = :tenant AND created_at >= :since AND created_at < :until"
        " AND state = 'paid'",
        since=span[0],
        until=span[1],
    )
    return int(found)


def guests_who_began(span: Span) -> Unit[int]:
    """How many different guests began to pay after a moment, and not after another one."""
    found = yield from value(
        "SELECT COUNT(DISTINCT person_id) FROM payments WHERE tenant_id = :tenant AND created_at > :since"
        " AND created_at <= :until",
        since=span[0],
        until=span[1],
    )
    return int(found)


def began_at(span: Span) -> Unit[list[Moment]]:
    """When each payment of a span began."""
    found = yield from rows(
        "SELECT created_at FROM payments WHERE tenant_id = :tenant AND created_at >= :since AND created_at < :until"
        " ORDER BY created_at",
        since=span[0],
        until=span[1],
    )
    return [row["created_at"] for row in found]


def ended_in(span: Span) -> Unit[list[Row]]:
    """How the payments of a span ended: state and reason, and how many guests each."""
    found = yield from rows(
        "SELECT state, reason, COUNT(DISTINCT person_id) AS guests FROM payments WHERE tenant_id = :tenant"
        " AND settled_at >= :since AND settled_at < :until GROUP BY state, reason",
        since=span[0],
        until=span[1],
    )
    return list(found)


def settled_by(span: Span) -> Unit[dict[str, int]]:
    """By what the payments of a span were settled."""
    found = yield from rows(
        "SELECT settled_by, COUNT(*) AS payments FROM payments WHERE tenant_id = :tenant AND settled_at >= :since"
        " AND settled_at < :until GROUP BY settled_by",
        since=span[0],
        until=span[1],
    )
    return {row["settled_by"]: row["payments"] for row in found if row["settled_by"]}


def odd_reports(since: Moment) -> Unit[int]:
    """Successes that were reported since then and that M-Pesa does not know."""
    found = yield from value(
        "SELECT COUNT(*) FROM exceptions WHERE tenant_id = :tenant AND kind = 'unknown-id' AND opened_at >= :since",
        since=since,
    )
    return int(found)


def guesses(since: Moment) -> Unit[int]:
    """Wrong codes and receipts since then: each is one row of a device, beside those of its other buckets."""
    found = yield from value(
        "SELECT COUNT(*) FROM guesses WHERE tenant_id = :tenant AND door IN ('receipt', 'voucher')"
        " AND bucket = 'device' AND guessed_at >= :since",
        since=since,
    )
    return int(found)


def has_account() -> Unit[bool]:
    """Whether guests can pay by M-Pesa at all."""
    found = yield from value("SELECT id FROM mpesa_accounts WHERE tenant_id = :tenant AND active LIMIT 1")
    return found is not None


# --- alarms ---


@dataclass(frozen=True, kw_only=True)
class Kept:
    """An alarm as it stands in the books."""

    id: int
    kind: str
    subject: str
    severity: str
    sentence: str
    since: Moment
    suspected_at: Moment
    opened_at: Moment | None
    gone_at: Moment | None
    closed_at: Moment | None
    seen_by: int | None
    seen_at: Moment | None
    muted_at: Moment | None
    seen_name: str = ""


_NAMES = tuple(each for each in Kept.__dataclass_fields__ if each != "seen_name")


def _kept(row: Row) -> Kept:
    fields: dict[str, Any] = {name: row[name] for name in _NAMES}
    return Kept(**fields, seen_name=dict(row).get("seen_name") or "")


def unclosed() -> Unit[list[Kept]]:
    """Suspicions and open alarms."""
    found = yield from rows("SELECT * FROM alarms WHERE tenant_id = :tenant AND closed_at IS NULL ORDER BY id")
    return [_kept(row) for row in found]


_SEEN = (
    "SELECT a.*, s.name AS seen_name FROM alarms a LEFT JOIN staff s ON s.tenant_id = a.tenant_id AND s.id = a.seen_by"
    " WHERE a.tenant_id = :tenant"
)


def open_page(limit: int) -> Unit[list[Kept]]:
    """The open ones, the newest first: those that nobody has seen yet before the others."""
    found = yield from rows(
        f"{_SEEN} AND a.closed_at IS NULL AND a.opened_at > 0"
        " ORDER BY CASE WHEN a.seen_at IS NULL AND a.muted_at IS NULL THEN 0 ELSE 1 END, a.id DESC LIMIT :limit",
        limit=limit,
    )
    return [_kept(row) for row in found]


def past_page(before: tuple[Moment, int] | None, limit: int) -> Unit[list[Kept]]:
    """Those that are over, the latest first."""
    at, below = before or (2**62, 2**62)
    found = yield from rows(
        f"{_SEEN} AND (a.closed_at < :at OR (a.closed_at = :at AND a.id < :below))"
        " ORDER BY a.closed_at DESC, a.id DESC LIMIT :limit",
        at=at,
        below=below,
        limit=limit,
    )
    return [_kept(row) for row in found]


def alarm(alarm_id: int) -> Unit[Kept | None]:
    """One alarm of which staff were told."""
    row = yield from one(f"{_SEEN} AND a.id = :id AND a.opened_at > 0", id=alarm_id)
    return None if row is None else _kept(row)


def unseen() -> Unit[int]:
    """How many open alarms nobody has seen yet."""
    found = yield from value(
        "SELECT COUNT(*) FROM alarms WHERE tenant_id = :tenant AND closed_at IS NULL AND opened_at > 0"
        " AND seen_at IS NULL AND muted_at IS NULL"
    )
    return int(found)


def times_lately(kind: str, subject: str, since: Moment) -> Unit[int]:
    """How often this alarm was closed since then."""
    found = yield from value(
        "SELECT COUNT(*) FROM alarms WHERE tenant_id = :tenant AND kind = :kind AND subject = :subject"
        " AND closed_at >= :since",
        kind=kind,
        subject=subject,
        since=since,
    )
    return int(found)


def suspect(now: Moment, **columns: Any) -> Unit[int]:
    """A trouble that was seen for the first time."""
    return (yield from insert("alarms", suspected_at=now, **columns))


def change(alarm_id: int, **columns: Any) -> Unit[None]:
    """Change an alarm."""
    yield from update("alarms", alarm_id, **columns)


def forget(alarm_id: int) -> Unit[None]:
    """A suspicion that came to nothing."""
    yield Sql("DELETE FROM alarms WHERE tenant_id = :tenant AND id = :id AND opened_at IS NULL", {"id": alarm_id})


# --- whom to tell ---


@dataclass(frozen=True, kw_only=True)
class Channel:
    """Where an ISP wants to be told."""

    id: int
    tenant_id: int
    public: str
    kind: str
    address_sealed: bytes
    secret_sealed: bytes | None
    wanted: str | None
    active: bool
    last_ok_at: Moment | None
    last_failed_at: Moment | None
    removed_at: Moment | None


def _channel(row: Row) -> Channel:
    fields: dict[str, Any] = {name: row[name] for name in Channel.__dataclass_fields__}
    return Channel(**{**fields, "active": bool(fields["active"])})


def channels() -> Unit[list[Channel]]:
    """All that were not removed."""
    found = yield from rows("SELECT * FROM alarm_channels WHERE tenant_id = :tenant AND removed_at IS NULL ORDER BY id")
    return [_channel(row) for row in found]


def channel(channel_id: int) -> Unit[Channel | None]:
    """One of them."""
    row = yield from one(
        "SELECT * FROM alarm_channels WHERE tenant_id = :tenant AND id = :id AND removed_at IS NULL", id=channel_id
    )
    return None if row is None else _channel(row)


def channel_named(public: str) -> Unit[int | None]:
    """The channel that a form has made already."""
    found: int | None = yield from value(
        "SELECT id FROM alarm_channels WHERE tenant_id = :tenant AND public = :public", public=public
    )
    return found


def add_channel(**columns: Any) -> Unit[int | None]:
    """A new one; None when this form has made it already."""
    return (yield from insert_new("alarm_channels", **columns))


def change_channel(channel_id: int, **columns: Any) -> Unit[None]:
    yield from update("alarm_channels", channel_id, **columns)


# --- the outbox ---


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """A message on its way, or what became of it."""

    id: int
    public: str
    channel_id: int
    event: str
    body: str
    state: str
    tries: int
    next_try_at: Moment | None
    answer: str | None
    made_at: Moment
    done_at: Moment | None


def _delivery(row: Row) -> Delivery:
    fields: dict[str, Any] = {name: row[name] for name in Delivery.__dataclass_fields__}
    return Delivery(**fields)


def put_out(now: Moment, **columns: Any) -> Unit[int]:
    """A message that is to go out at once."""
    return (yield from insert("deliveries", state="waiting", made_at=now, next_try_at=now, **columns))


def due(now: Moment, limit: int) -> Unit[list[Delivery]]:
    """What is to be tried now, the oldest first."""
    found = yield from rows(
        "SELECT * FROM deliveries WHERE tenant_id = :tenant AND state = 'waiting' AND next_try_at <= :now"
        " ORDER BY next_try_at, id LIMIT :limit",
        now=now,
        limit=limit,
    )
    return [_delivery(row) for row in found]


def latest(channel_id: int, limit: int) -> Unit[list[Delivery]]:
    """The latest messages of a channel."""
    found = yield from rows(
        "SELECT * FROM deliveries WHERE tenant_id = :tenant AND channel_id = :channel ORDER BY id DESC LIMIT :limit",
        channel=channel_id,
        limit=limit,
    )
    return [_delivery(row) for row in found]


def change_delivery(delivery_id: int, **columns: Any) -> Unit[None]:
    yield from update("deliveries", delivery_id, **columns)


def drop_waiting(channel_id: int, now: Moment) -> Unit[None]:
    """Nothing more goes to this channel."""
    yield Sql(
        "UPDATE deliveries SET state = 'dropped', next_try_at = NULL, done_at = :now WHERE tenant_id = :tenant"
        " AND channel_id = :channel AND state = 'waiting'",
        {"channel": channel_id, "now": now},
    )


def forget_old(messages_before: Moment, alarms_before: Moment) -> Unit[None]:
    """Messages that are done, and alarms that are over, for so long that nobody asks for them."""
    yield Sql(
        "DELETE FROM deliveries WHERE tenant_id = :tenant AND state <> 'waiting' AND done_at < :before",
        {"before": messages_before},
    )
    yield Sql(
        "DELETE FROM alarms WHERE tenant_id = :tenant AND closed_at < :before AND NOT EXISTS (SELECT id FROM deliveries"
        " WHERE deliveries.tenant_id = alarms.tenant_id AND deliveries.alarm_id = alarms.id)",
        {"before": alarms_before},
    )


def told_of(alarm_id: int) -> Unit[Sequence[int]]:
    """The channels that were told of an alarm."""
    found = yield from rows(
        "SELECT DISTINCT channel_id FROM deliveries WHERE tenant_id = :tenant AND alarm_id = :alarm"
        " AND event IN ('opened', 'worse')",
        alarm=alarm_id,
    )
    return [row["channel_id"] for row in found]
