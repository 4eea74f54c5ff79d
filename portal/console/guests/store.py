"""The statements behind the search box and a device's timeline. Each decides nothing.

Rows of a timeline come newest first, from before a moment; `at` is the one by which they are ordered.
"""

from __future__ import annotations

from collections.abc import Sequence

from portal.clock import Moment
from portal.sql import any_of
from portal.units import Row, Sql, Unit, rows, value

FOREVER = 2**62
MOST = 500  # passes of a device that are looked through for one page


def created_at(device_id: int) -> Unit[Moment | None]:
    """Since when a device is known."""
    found: Moment | None = yield from value(
        "SELECT created_at FROM devices WHERE tenant_id = :tenant AND id = :id", id=device_id
    )
    return found


# --- finding ---


def person_with(phone_index: bytes) -> Unit[int | None]:
    """The person with this number."""
    found: int | None = yield from value(
        "SELECT id FROM persons WHERE tenant_id = :tenant AND phone_index = :index", index=phone_index
    )
    return found


_PAID_FOR = (
    "SELECT COALESCE(s.device_id, p.device_id) AS device_id FROM payments p LEFT JOIN passes s"
    " ON s.tenant_id = p.tenant_id AND s.cause_kind = 'payment' AND s.cause_ref = p.public WHERE p.tenant_id = :tenant"
)


def devices_of_person(person_id: int, limit: int) -> Unit[list[int]]:
    """Where the passes are that a person was asked to pay for, the latest payment first."""
    found = yield from rows(
        f"{_PAID_FOR} AND p.person_id = :person_id ORDER BY p.created_at DESC LIMIT :limit",
        person_id=person_id,
        limit=limit,
    )
    return [row["device_id"] for row in found]


def device_of_payment(payment_id: int) -> Unit[int | None]:
    """Where the pass of a payment is now, or else for which device it was."""
    found: int | None = yield from value(f"{_PAID_FOR} AND p.id = :payment_id", payment_id=payment_id)
    return found


# --- the device ---


def payers(device_id: int, limit: int) -> Unit[list[int]]:
    """The persons who were lately asked to pay for a device, or whose pass it has."""
    asked = yield from rows(
        "SELECT person_id FROM payments WHERE tenant_id = :tenant AND device_id = :device_id"
        " ORDER BY created_at DESC LIMIT :limit",
        device_id=device_id,
        limit=limit,
    )
    has = yield from rows(
        "SELECT person_id FROM passes WHERE tenant_id = :tenant AND device_id = :device_id"
        " AND person_id IS NOT NULL LIMIT :limit",
        device_id=device_id,
        limit=limit,
    )
    return list(dict.fromkeys(row["person_id"] for row in (*asked, *has)))


def macs(device_ids: Sequence[int]) -> Unit[dict[int, str]]:
    """The MACs of devices."""
    if not device_ids:
        return {}
    marks, bound = any_of(device_ids)
    found = yield from rows(f"SELECT id, mac FROM devices WHERE +tenant_id = :tenant AND id IN ({marks})", **bound)
    return {row["id"]: row["mac"] for row in found}


def users(pass_id: int) -> Unit[dict[int, str]]:
    """The devices of a pass with their MACs."""
    found = yield from rows(
        "SELECT d.id, d.mac FROM pass_devices u JOIN devices d ON d.tenant_id = u.tenant_id AND d.id = u.device_id"
        " WHERE u.tenant_id = :tenant AND u.pass_id = :pass_id ORDER BY u.added_at, u.id",
        pass_id=pass_id,
    )
    return {row["id"]: row["mac"] for row in found}


# --- what happened to it ---


def payments(device_id: int, before: Moment, limit: int) -> Unit[Sequence[Row]]:
    """Payments for the device, with their receipts, and when their last evidence came."""
    return (
        yield from rows(
            "SELECT p.created_at AS at, p.submitted_at, p.settled_at, p.state, p.reason, p.amount_minor, p.currency,"
            " p.plan_copy, p.person_id, p.settled_by, p.receipt_state, p.router_id, r.number AS receipt,"
            " (SELECT MAX(i.received_at) FROM inbox i WHERE i.tenant_id = :tenant AND i.payment_id = p.id) AS heard_at"
            " FROM payments p LEFT JOIN receipts r ON r.tenant_id = p.tenant_id AND r.payment_id = p.id"
            " WHERE p.tenant_id = :tenant AND p.device_id = :device_id AND p.created_at < :before"
            " ORDER BY p.created_at DESC LIMIT :limit",
            device_id=device_id,
            before=before,
            limit=limit,
        )
    )


def passes(device_id: int, before: Moment, limit: int) -> Unit[Sequence[Row]]:
    """Passes that are the device's now, with what made them."""
    return (
        yield from rows(
            "SELECT s.bought_at AS at, s.id, s.plan_name, s.kind, s.cause_kind, s.cause_ref, s.state, s.started_at,"
            " s.ended_at, s.end_reason, s.used_bytes, r.number AS receipt, v.redeemed_router_id AS router_id"
            " FROM passes s LEFT JOIN payments q ON s.cause_kind = 'payment' AND q.tenant_id = s.tenant_id"
            " AND q.public = s.cause_ref LEFT JOIN receipts r ON r.tenant_id = q.tenant_id AND r.payment_id = q.id"
            " LEFT JOIN vouchers v ON s.cause_kind = 'voucher' AND v.tenant_id = s.tenant_id AND v.label = s.cause_ref"
            " WHERE s.tenant_id = :tenant AND s.device_id = :device_id AND s.bought_at < :before"
            " ORDER BY s.bought_at DESC, s.id DESC LIMIT :limit",
            device_id=device_id,
            before=before,
            limit=limit,
        )
    )


def sessions(device_id: int, before: Moment, limit: int) -> Unit[Sequence[Row]]:
    """The stretches in which the device was online, as its routers told."""
    return (
        yield from rows(
            # What runs was written down some minutes ago; how it stands now, its last reading says.
            "SELECT e.started_at AS at, e.router_id, e.ended_at, e.end_cause, e.online_ms,"
            " COALESCE(y.active_bytes_in, e.bytes_up) AS bytes_up,"
            " COALESCE(y.active_bytes_out, e.bytes_down) AS bytes_down FROM sessions e LEFT JOIN presence y"
            " ON y.tenant_id = e.tenant_id AND y.router_id = e.router_id AND y.device_id = e.device_id"
            " AND y.online_since = e.started_at AND e.ended_at IS NULL"
            " WHERE e.tenant_id = :tenant AND e.device_id = :device_id AND e.started_at < :before"
            " ORDER BY e.started_at DESC LIMIT :limit",
            device_id=device_id,
            before=before,
            limit=limit,
        )
    )


def joined(device_id: int, before: Moment, limit: int) -> Unit[Sequence[Row]]:
    """Passes that the device may use, or took over, later than they were bought.

    Looked for among its latest ones: what is older than those is older than the page of passes, too.
    """
    return (
        yield from rows(
            "SELECT d.added_at AS at, s.plan_name, s.device_id AS owner FROM (SELECT * FROM pass_devices"
            " WHERE tenant_id = :tenant AND device_id = :device_id AND added_at < :before"
            " ORDER BY id DESC LIMIT :most) d"
            " JOIN passes s ON s.tenant_id = d.tenant_id AND s.id = d.pass_id"
            " WHERE d.tenant_id = :tenant AND s.tenant_id = :tenant AND d.added_at > s.bought_at"
            " ORDER BY d.added_at DESC LIMIT :limit",
            device_id=device_id,
            before=before,
            limit=limit,
            most=MOST,
        )
    )


def moves(device_id: int, before: Moment, limit: int) -> Unit[Sequence[Row]]:
    """Vouchers that guests moved to this device, or away from it."""
    return (
        yield from rows(
            "SELECT m.moved_at AS at, m.from_device_id, m.to_device_id, v.label FROM voucher_moves m JOIN vouchers v"
            " ON v.tenant_id = m.tenant_id AND v.id = m.voucher_id WHERE m.tenant_id = :tenant"
            " AND (m.from_device_id = :device_id OR m.to_device_id = :device_id) AND m.moved_at < :before"
            " ORDER BY m.moved_at DESC LIMIT :limit",
            device_id=device_id,
            before=before,
            limit=limit,
        )
    )


def acts(device_id: int, before: Moment, limit: int) -> Unit[Sequence[Row]]:
    """What staff did to the device."""
    return (
        yield from rows(
            "SELECT at, act, actor, payload FROM audit WHERE tenant_id = :tenant AND subject = :subject"
            " AND at < :before ORDER BY number DESC LIMIT :limit",
            subject=f"device:{device_id}",
            before=before,
            limit=limit,
        )
    )


def notes(device_id: int, before: Moment, limit: int) -> Unit[Sequence[Row]]:
    """What staff wrote about the device."""
    return (
        yield from rows(
            "SELECT n.written_at AS at, n.text, s.name FROM notes n JOIN staff s ON s.tenant_id = n.tenant_id"
            " AND s.id = n.staff_id WHERE n.tenant_id = :tenant AND n.device_id = :device_id AND n.written_at < :before"
            " ORDER BY n.written_at DESC LIMIT :limit",
            device_id=device_id,
            before=before,
            limit=limit,
        )
    )


def same_note(device_id: int, staff_id: int, text: str, since: Moment) -> Unit[bool]:
    """Whether the same person wrote just this since then."""
    found = yield from rows(
        "SELECT text FROM notes WHERE tenant_id = :tenant AND device_id = :device_id AND staff_id = :staff_id"
        " AND written_at >= :since",
        device_id=device_id,
        staff_id=staff_id,
        since=since,
    )
    return any(row["text"] == text for row in found)


def add_note(device_id: int, staff_id: int, text: str, now: Moment) -> Unit[None]:
    """Written out, since a column that is called `text` cannot be named to `insert`."""
    yield Sql(
        "INSERT INTO notes (tenant_id, device_id, staff_id, text, written_at)"
        " VALUES (:tenant, :device_id, :staff_id, :text, :now)",
        {"device_id": device_id, "staff_id": staff_id, "text": text, "now": now},
    )
