"""The statements of access: plans, devices, passes, presence. Each decides nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from portal.access import passes, plans
from portal.access.allowance import Hold
from portal.access.passes import Pass
from portal.access.plans import Plan
from portal.access.waking.store import move
from portal.clock import MINUTE, SECOND, Moment
from portal.sessions.meter import Pace, Reading, Use
from portal.sql import any_of
from portal.units import Row, Signal, Sql, Unit, insert, insert_new_text, one, rows, update, value

WAKE = "wake"  # signal topic: the key is a router's id
PRESENT_MS = 75 * SECOND  # two polls of a large router and a reconnect; older knowledge starts nothing


@dataclass(frozen=True, kw_only=True)
class Device:
    """One MAC address, as seen at a router."""

    id: int
    mac: str
    person_id: int | None
    hold: Hold
    last_router_id: int | None
    last_seen_at: Moment


@dataclass(frozen=True, kw_only=True)
class Presence:
    """Where a device was last seen, and the last reading of its counters there."""

    router_id: int
    device_id: int
    seen_at: Moment
    online_since: Moment | None
    reading: Reading | None
    address: str | None = None  # by which the router's hotspot knew it last
    pace: Pace | None = None
    patience_ms: int = 0  # how much longer than at a polled router this holds: a RADIUS router tells so seldom

    def fresh(self, now: Moment) -> bool:
        """Whether this is how it stands, and not how it stood when the router last said something."""
        return now - self.seen_at <= PRESENT_MS + self.patience_ms


@dataclass(frozen=True, kw_only=True)
class Cause:
    """What made a pass: a payment, a voucher, a staff grant or a free trial."""

    kind: str
    ref: str


# --- plans ---


def plan_list() -> Unit[list[Plan]]:
    """All plans of the tenant, in the order of sale."""
    found = yield from rows("SELECT * FROM plans WHERE tenant_id = :tenant ORDER BY position, id")
    return [plans.from_row(row) for row in found]


def plan_names() -> Unit[dict[int, str]]:
    """What each plan is called, by id; also those that are no longer sold."""
    return {each.id: each.name for each in (yield from plan_list())}


def add_plan(plan: Plan, now: Moment) -> Unit[int]:
    """Put a plan on sale."""
    return (yield from insert("plans", **plans.to_columns(plan), created_at=now))


def set_on_sale(plan_id: int, on_sale: bool) -> Unit[None]:
    """Sell a plan, or sell it no more; what was sold of it stays good."""
    yield from update("plans", plan_id, on_sale=on_sale)


# --- devices ---


def read_device(row: Row) -> Device:
    return Device(
        id=row["id"],
        mac=row["mac"],
        person_id=row["person_id"],
        hold=Hold(by=row["held_by"], until=row["held_until"], blocked=row["blocked_at"] is not None, at=row["held_at"]),
        last_router_id=row["last_router_id"],
        last_seen_at=row["last_seen_at"],
    )


FRESH_MS = MINUTE  # each look would move the device in the index of those seen last (decision 23)


def touch_device(mac: str, router_id: int | None, now: Moment) -> Unit[Device]:
    """The device with this MAC, made known if it is new; that it is here is written down once a minute."""
    known = yield from device_by_mac(mac)
    if known is not None and now - known.last_seen_at < FRESH_MS and router_id in (None, known.last_router_id):
        return known
    row = yield from one(
        f"{_NEW_DEVICE} DO UPDATE SET last_seen_at = excluded.last_seen_at,"
        " last_router_id = COALESCE(excluded.last_router_id, devices.last_router_id) RETURNING *",
        mac=mac,
        router_id=router_id,
        now=now,
    )
    assert row is not None
    return read_device(row)


def meet_device(mac: str, router_id: int, now: Moment) -> Unit[int | None]:
    """Make a device known; its id, or None when it is known already, however lately."""
    row = yield from one(f"{_NEW_DEVICE} DO NOTHING RETURNING id", mac=mac, router_id=router_id, now=now)
    return None if row is None else int(row["id"])


_NEW_DEVICE = (
    "INSERT INTO devices (tenant_id, mac, created_at, last_seen_at, last_router_id)"
    " VALUES (:tenant, :mac, :now, :now, :router_id) ON CONFLICT (tenant_id, mac)"
)


def device(device_id: int) -> Unit[Device | None]:
    """A device; None also when its MAC was purged: no router hears of it, and nobody can do anything to it."""
    text = "SELECT * FROM devices WHERE tenant_id = :tenant AND id = :id AND mac NOT LIKE 'gone-%'"
    row = yield from one(text, id=device_id)
    return None if row is None else read_device(row)


def device_by_mac(mac: str) -> Unit[Device | None]:
    row = yield from one("SELECT * FROM devices WHERE tenant_id = :tenant AND mac = :mac", mac=mac)
    return None if row is None else read_device(row)


def devices_by_mac(macs: Sequence[str]) -> Unit[list[Device]]:
    """The known devices among these MACs, in chunks that both engines take."""
    found: list[Device] = []
    for start in range(0, len(macs), 500):
        marks, chunk = any_of(macs[start : start + 500])
        text = f"SELECT * FROM devices WHERE tenant_id = :tenant AND mac IN ({marks})"
        found += [read_device(row) for row in (yield from rows(text, **chunk))]
    return found


def blocked_devices() -> Unit[list[Device]]:
    found = yield from rows("SELECT * FROM devices WHERE tenant_id = :tenant AND blocked_at IS NOT NULL")
    return [read_device(row) for row in found]


def set_hold(device_id: int, by: str | None, until: Moment | None, at: Moment) -> Unit[None]:
    yield from update("devices", device_id, held_by=by, held_until=until, held_at=at)


def set_block(device_id: int, at: Moment | None) -> Unit[None]:
    yield from update("devices", device_id, blocked_at=at)


def set_person(device_id: int, person_id: int) -> Unit[None]:
    yield from update("devices", device_id, person_id=person_id)


# --- passes ---


def insert_pass(one_pass: Pass, plan: Plan, person_id: int | None, cause: Cause) -> Unit[int | None]:
    """Store a new pass; its id, or None when the cause has made its pass already (I2)."""
    row = yield from one(
        _NEW_PASS,
        **{
            **vars(one_pass),
            "sites": plans.sites_text(one_pass.sites),
            "price_minor": plan.price.minor,
            "currency": plan.price.currency,
            "person_id": person_id,
            "plan_id": plan.id,
            "cause_kind": cause.kind,
            "cause_ref": cause.ref,
        },
    )
    return None if row is None else int(row["id"])


# What is left out has no value yet, or begins at 0.
_LATER = ("id", "used_ms", "used_bytes", "ended_at", "end_reason")
_BOUGHT = ("price_minor", "currency", "person_id", "plan_id", "cause_kind", "cause_ref")
_NEW_PASS = insert_new_text("passes", *(name for name in passes.FIELDS if name not in _LATER), *_BOUGHT)


def pass_by_cause(cause: Cause) -> Unit[Pass | None]:
    row = yield from one(
        "SELECT * FROM passes WHERE tenant_id = :tenant AND cause_kind = :kind AND cause_ref = :ref",
        kind=cause.kind,
        ref=cause.ref,
    )
    return None if row is None else passes.from_row(row)


def get_pass(pass_id: int) -> Unit[Pass | None]:
    row = yield from one("SELECT * FROM passes WHERE tenant_id = :tenant AND id = :id", id=pass_id)
    return None if row is None else passes.from_row(row)


def known_passes(pass_ids: Sequence[int]) -> Unit[list[int]]:
    """Those of these passes that the tenant has."""
    found: list[int] = []
    for pass_id in pass_ids:
        row = yield from one("SELECT id FROM passes WHERE tenant_id = :tenant AND id = :id", id=pass_id)
        found += [] if row is None else [pass_id]
    return found


def bought_with(pass_id: int) -> Unit[set[int]]:
    """The pass itself, and what the same person paid for on the same device: all that its proof opens (R3)."""
    found = yield from rows(
        "SELECT p.id FROM passes q JOIN passes p ON p.tenant_id = q.tenant_id AND p.device_id = q.device_id"
        " AND (p.id = q.id OR p.person_id = q.person_id) WHERE q.tenant_id = :tenant AND q.id = :pass_id",
        pass_id=pass_id,
    )
    return {row["id"] for row in found}


def queue_of(device_id: int) -> Unit[list[Pass]]:
    """The passes of a device that have not ended, in their order."""
    found = yield from rows(
        "SELECT * FROM passes WHERE tenant_id = :tenant AND device_id = :device_id AND state <> 'ended'"
        " ORDER BY position, id",
        device_id=device_id,
    )
    return [passes.from_row(row) for row in found]


def last_ended(device_id: int) -> Unit[Pass | None]:
    row = yield from one(
        "SELECT * FROM passes WHERE tenant_id = :tenant AND device_id = :device_id AND state = 'ended'"
        " ORDER BY ended_at DESC, id DESC LIMIT 1",
        device_id=device_id,
    )
    return None if row is None else passes.from_row(row)


def pass_list(limit: int = 100) -> Unit[list[Row]]:
    found = yield from rows(
        "SELECT p.*, d.mac FROM passes p JOIN devices d ON d.id = p.device_id AND d.tenant_id = p.tenant_id"
        " WHERE p.tenant_id = :tenant ORDER BY p.id DESC LIMIT :limit",
        limit=limit,
    )
    return list(found)


_CHANGING = (
    "device_id",
    "state",
    "position",
    "span_ms",
    "not_before",
    "use_by",
    "started_at",
    "ends_at",
    "used_ms",
    "used_bytes",
    "ended_at",
    "end_reason",
)


def save_pass(before: Pass, after: Pass) -> Unit[bool]:
    """Write what changed of a pass; whether anything did."""
    changed: Mapping[str, Any] = {
        name: getattr(after, name) for name in _CHANGING if getattr(after, name) != getattr(before, name)
    }
    if not changed:
        return False
    yield from update("passes", after.id, **changed)
    return True


def last_position(device_id: int) -> Unit[int]:
    found = yield from value(
        "SELECT COALESCE(MAX(position), 0) FROM passes WHERE tenant_id = :tenant AND device_id = :device_id",
        device_id=device_id,
    )
    return int(found)


def no_earlier_than(device_id: int, now: Moment) -> Unit[None]:
    """Queued passes of a device do not start before `now`, although it was online before; use-by moves along."""
    yield Sql(
        "UPDATE passes SET use_by = use_by + :now - not_before, not_before = :now"
        " WHERE tenant_id = :tenant AND device_id = :device_id"
        " AND state = 'queued' AND not_before < :now",
        {"device_id": device_id, "now": now},
    )


def due_devices(now: Moment) -> Unit[list[int]]:
    """Devices with a pass whose end by the clock, or use-by while it waits, has come."""
    found = yield from rows(
        # Two questions and not one with OR: each is a stretch of an index, however long the past is.
        "SELECT device_id FROM passes WHERE tenant_id = :tenant AND state IN ('running', 'paused') AND ends_at <= :now"
        " UNION SELECT device_id FROM passes WHERE tenant_id = :tenant AND state = 'waiting' AND started_at IS NULL"
        " AND use_by <= :now",
        now=now,
    )
    return [row["device_id"] for row in found]


def next_end(now: Moment) -> Unit[Moment | None]:
    """The next end by the clock in this tenant."""
    end: Moment | None = yield from value(
        "SELECT MIN(ends_at) FROM passes WHERE tenant_id = :tenant AND state IN ('running', 'paused')"
        " AND ends_at > :now",
        now=now,
    )
    return end


# --- devices of a pass ---


def add_pass_device(pass_id: int, device_id: int, now: Moment) -> Unit[None]:
    yield Sql(
        "INSERT INTO pass_devices (tenant_id, pass_id, device_id, added_at)"
        " VALUES (:tenant, :pass_id, :device_id, :now) ON CONFLICT (tenant_id, pass_id, device_id) DO NOTHING",
        {"pass_id": pass_id, "device_id": device_id, "now": now},
    )


def remove_pass_device(pass_id: int, device_id: int) -> Unit[None]:
    yield Sql(
        "DELETE FROM pass_devices WHERE tenant_id = :tenant AND pass_id = :pass_id AND device_id = :device_id",
        {"pass_id": pass_id, "device_id": device_id},
    )


def devices_of_pass(pass_id: int) -> Unit[list[int]]:
    """The devices of a pass, the one that joined first first."""
    found = yield from rows(
        "SELECT device_id FROM pass_devices WHERE tenant_id = :tenant AND pass_id = :pass_id ORDER BY added_at, id",
        pass_id=pass_id,
    )
    return [row["device_id"] for row in found]


def shared_with(device_id: int) -> Unit[list[Pass]]:
    """Live passes of other devices that this device may use."""
    found = yield from rows(
        "SELECT p.* FROM pass_devices pd JOIN passes p ON p.id = pd.pass_id AND p.tenant_id = pd.tenant_id"
        " WHERE pd.tenant_id = :tenant AND pd.device_id = :device_id AND p.device_id <> :device_id"
        " AND p.state IN ('waiting', 'running', 'paused') ORDER BY p.bought_at, p.id",
        device_id=device_id,
    )
    return [passes.from_row(row) for row in found]


# --- presence and use ---


def read_presence(row: Row) -> Presence:
    reading = None
    if row["read_at"] is not None:
        reading = Reading(
            read_at=row["read_at"],
            user_uptime_s=row["user_uptime_s"],
            user_bytes_in=row["user_bytes_in"],
            user_bytes_out=row["user_bytes_out"],
            active_uptime_s=row["active_uptime_s"],
            active_bytes_in=row["active_bytes_in"],
            active_bytes_out=row["active_bytes_out"],
        )
    return Presence(
        router_id=row["router_id"],
        device_id=row["device_id"],
        seen_at=row["seen_at"],
        online_since=row["online_since"],
        reading=reading,
        address=row["address"],
        pace=None if row["rate_up"] is None else Pace(up=row["rate_up"], down=row["rate_down"]),
        patience_ms=row["patience_ms"],
    )


def presence_at(router_id: int, device_id: int) -> Unit[Presence | None]:
    row = yield from one(
        "SELECT * FROM presence WHERE tenant_id = :tenant AND router_id = :router_id AND device_id = :device_id",
        router_id=router_id,
        device_id=device_id,
    )
    return None if row is None else read_presence(row)


def presence_of(device_id: int) -> Unit[list[Presence]]:
    """Where a device is or was, the latest first."""
    found = yield from rows(
        "SELECT * FROM presence WHERE tenant_id = :tenant AND device_id = :device_id ORDER BY seen_at DESC",
        device_id=device_id,
    )
    return [read_presence(row) for row in found]


def save_presence(
    router_id: int,
    device_id: int,
    reading: Reading,
    online_since: Moment | None,
    seen_at: Moment,
    pace: Pace | None = None,
    patience_ms: int = 0,
) -> Unit[None]:
    yield Sql(
        "INSERT INTO presence (tenant_id, router_id, device_id, seen_at, online_since, read_at, user_uptime_s,"
        " user_bytes_in, user_bytes_out, active_uptime_s, active_bytes_in, active_bytes_out, rate_up, rate_down,"
        " patience_ms) VALUES (:tenant,"
        " :router_id, :device_id, :seen_at, :online_since, :read_at, :user_uptime_s, :user_bytes_in,"
        " :user_bytes_out, :active_uptime_s, :active_bytes_in, :active_bytes_out, :rate_up, :rate_down, :patience_ms)"
        " ON CONFLICT (tenant_id, router_id, device_id) DO UPDATE SET seen_at = excluded.seen_at,"
        " online_since = excluded.online_since, read_at = excluded.read_at,"
        " user_uptime_s = excluded.user_uptime_s, user_bytes_in = excluded.user_bytes_in,"
        " user_bytes_out = excluded.user_bytes_out, active_uptime_s = excluded.active_uptime_s,"
        " active_bytes_in = excluded.active_bytes_in, active_bytes_out = excluded.active_bytes_out,"
        " rate_up = excluded.rate_up, rate_down = excluded.rate_down, patience_ms = excluded.patience_ms",
        {
            **reading.__dict__,
            "router_id": router_id,
            "device_id": device_id,
            "online_since": online_since,
            "seen_at": seen_at,
            "rate_up": pace.up if pace else None,
            "rate_down": pace.down if pace else None,
            "patience_ms": patience_ms,
        },
    )


def add_use(pass_id: int, device_id: int, use: Use, now: Moment) -> Unit[None]:
    yield Sql(
        "INSERT INTO usage (tenant_id, pass_id, device_id, used_ms, bytes_up, bytes_down, updated_at)"
        " VALUES (:tenant, :pass_id, :device_id, :ms, :up, :down, :now)"
        " ON CONFLICT (tenant_id, pass_id, device_id) DO UPDATE SET used_ms = usage.used_ms + excluded.used_ms,"
        " bytes_up = usage.bytes_up + excluded.bytes_up, bytes_down = usage.bytes_down + excluded.bytes_down,"
        " updated_at = excluded.updated_at",
        {
            "pass_id": pass_id,
            "device_id": device_id,
            "ms": use.ms,
            "up": use.bytes_up,
            "down": use.bytes_down,
            "now": now,
        },
    )


def has_used(pass_id: int, device_id: int) -> Unit[bool]:
    """Whether this device was ever admitted by this pass."""
    found = yield from value(
        "SELECT COUNT(*) FROM usage WHERE tenant_id = :tenant AND pass_id = :pass_id AND device_id = :device_id",
        pass_id=pass_id,
        device_id=device_id,
    )
    return bool(found)


def last_use_elsewhere(pass_id: int, device_id: int) -> Unit[Moment]:
    """Until when this device went by other passes; 0 when it never did."""
    found = yield from value(
        "SELECT MAX(updated_at) FROM usage"
        " WHERE tenant_id = :tenant AND device_id = :device_id AND pass_id <> :pass_id",
        pass_id=pass_id,
        device_id=device_id,
    )
    return int(found or 0)


# --- waking the keepers ---


def wake(router_ids: Iterable[int], device_id: int) -> Unit[None]:
    """Tell the keepers of these routers: in this process at the commit, elsewhere by the version."""
    for router_id in sorted(set(router_ids)):
        yield from move(router_id)
        yield Signal(f"{WAKE}:{router_id}", device_id)


def routers_of(device_id: int) -> Unit[list[int]]:
    """Routers that have seen the device: where it entered, and where it was read."""
    found = yield from rows(
        "SELECT last_router_id AS router_id FROM devices WHERE tenant_id = :tenant AND id = :device_id"
        " AND last_router_id IS NOT NULL"
        " UNION SELECT router_id FROM presence WHERE tenant_id = :tenant AND device_id = :device_id",
        device_id=device_id,
    )
    return [row["router_id"] for row in found]
