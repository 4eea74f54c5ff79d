"""The statements of the export: each class of records in chunks, from where the chunk before it ended.

Columns are named one by one, so that nothing sealed or hashed is even read but what is opened on purpose. The order of
each is one that never changes for a row and that an index has.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from portal.sql import marks
from portal.units import Row, Unit, rows, value

AT_ONCE = 1_000  # rows of a chunk
MANY = 10_000  # what is counted at most

After = tuple[Any, ...]


@dataclass(frozen=True)
class Statement:
    """What is read, and in which order."""

    text: str
    order: tuple[str, ...]

    def after(self, row: Row) -> After:
        """Where the chunk that ends with this row ended."""
        return tuple(row[name.rpartition(".")[2]] for name in self.order)


STATEMENTS: Mapping[str, Statement] = {
    "payments": Statement(
        "SELECT p.id, p.public, p.created_at, p.submitted_at, p.settled_at, p.state, p.reason, p.amount_minor,"
        " p.currency, p.plan_copy, p.account_ref, p.settled_by, p.environment, p.person_id, d.mac,"
        " s.name AS site, r.number AS receipt FROM payments p"
        " LEFT JOIN devices d ON d.tenant_id + 0 = :tenant AND d.id = p.device_id"
        " LEFT JOIN routers s ON s.tenant_id + 0 = :tenant AND s.id = p.router_id"
        " LEFT JOIN receipts r ON r.tenant_id + 0 = :tenant AND r.payment_id = p.id"
        " WHERE p.tenant_id = :tenant",
        ("p.created_at", "p.id"),
    ),
    # No index has the receipts of one ISP in an order that lasts, so this goes through those of all, once.
    "receipts": Statement(
        "SELECT r.id, r.provider, r.environment, r.number, r.amount_minor, r.currency, r.account_ref, r.shortcode,"
        " r.payer_tail, r.paid_at, r.seen_at, r.seen_via, r.state, p.public AS payment FROM receipts r"
        " LEFT JOIN payments p ON p.tenant_id + 0 = :tenant AND p.id = r.payment_id"
        " WHERE r.tenant_id + 0 = :tenant",
        ("r.id",),
    ),
    "passes": Statement(
        "SELECT p.id, p.plan_name, p.price_minor, p.currency, p.cause_kind, p.cause_ref, p.state, p.end_reason,"
        " p.bought_at, p.use_by, p.started_at, p.ends_at, p.ended_at, p.used_ms, p.used_bytes, d.mac FROM passes p"
        " LEFT JOIN devices d ON d.tenant_id + 0 = :tenant AND d.id = p.device_id"
        " WHERE p.tenant_id = :tenant",
        ("p.cause_kind", "p.cause_ref"),
    ),
    "vouchers": Statement(
        "SELECT v.batch_id, v.serial, v.label, v.state, v.use_by, v.redeemed_at, v.voided_at, v.voided_by,"
        " v.void_reason, b.number, b.plan_copy, b.price_minor, b.currency, b.created_at, s.name AS site,"
        " CASE WHEN p.state = 'ended' THEN 1 ELSE 0 END AS over FROM vouchers v"
        " LEFT JOIN batches b ON b.tenant_id + 0 = :tenant AND b.id = v.batch_id"
        " LEFT JOIN routers s ON s.tenant_id + 0 = :tenant AND s.id = v.redeemed_router_id"
        " LEFT JOIN passes p ON p.tenant_id = :tenant AND p.cause_kind = 'voucher' AND p.cause_ref = v.label"
        " WHERE v.tenant_id = :tenant",
        ("v.batch_id", "v.serial"),
    ),
    "batches": Statement(
        "SELECT b.number, b.plan_copy, b.price_minor, b.currency, b.count, b.style, b.use_by, b.note, b.agent,"
        " b.made_by, b.created_at, b.ready_at FROM batches b WHERE b.tenant_id = :tenant",
        ("b.number",),
    ),
    "devices": Statement(
        "SELECT d.mac, d.created_at, d.last_seen_at, d.held_by, d.held_until, d.blocked_at, s.name AS site"
        " FROM devices d LEFT JOIN routers s ON s.tenant_id + 0 = :tenant AND s.id = d.last_router_id"
        " WHERE d.tenant_id = :tenant",
        ("d.mac",),
    ),
    "sessions": Statement(
        # Of what runs, the last reading of its device.
        "SELECT e.id, e.started_at, COALESCE(y.read_at, e.seen_at) AS seen_at, e.ended_at, e.end_cause,"
        " COALESCE(y.active_uptime_s * 1000, e.online_ms) AS online_ms,"
        " COALESCE(y.active_bytes_in, e.bytes_up) AS bytes_up,"
        " COALESCE(y.active_bytes_out, e.bytes_down) AS bytes_down,"
        " e.address, d.mac, s.name AS site, p.plan_name, p.cause_kind, p.cause_ref FROM sessions e"
        " LEFT JOIN devices d ON d.tenant_id + 0 = :tenant AND d.id = e.device_id"
        " LEFT JOIN routers s ON s.tenant_id + 0 = :tenant AND s.id = e.router_id"
        " LEFT JOIN passes p ON p.tenant_id + 0 = :tenant AND p.id = e.pass_id"
        " LEFT JOIN presence y ON y.tenant_id = :tenant AND y.router_id = e.router_id AND y.device_id = e.device_id"
        " AND y.online_since = e.started_at AND e.ended_at IS NULL"
        " WHERE e.tenant_id = :tenant",
        ("e.started_at", "e.id"),
    ),
    "usage": Statement(
        "SELECT u.hour, u.router_id, u.plan_name, u.guests, u.online_ms, u.bytes_up, u.bytes_down, s.name AS site"
        " FROM usage_hours u LEFT JOIN routers s ON s.tenant_id + 0 = :tenant AND s.id = u.router_id"
        " WHERE u.tenant_id = :tenant",
        ("u.hour", "u.router_id", "u.plan_name"),
    ),
    "plans": Statement(
        "SELECT l.id, l.public, l.name, l.price_minor, l.currency, l.kind, l.span_ms, l.window_ms, l.data_bytes,"
        " l.rate_up, l.rate_down, l.max_devices, l.use_by_ms, l.on_sale, l.locked, l.created_at"
        " FROM plans l WHERE l.tenant_id = :tenant",
        ("l.id",),
    ),
    "routers": Statement(
        "SELECT s.id, s.public, s.name, s.host, s.port, s.tunnel, s.hotspot_host, s.active, s.last_contact_at,"
        " s.created_at FROM routers s WHERE s.tenant_id = :tenant",
        ("s.id",),
    ),
    "staff": Statement(
        "SELECT m.id, m.public, m.name, m.email_sealed, m.role, m.state, m.language, m.created_at, m.changed_at"
        " FROM staff m WHERE m.tenant_id = :tenant",
        ("m.id",),
    ),
    "acts": Statement(
        "SELECT a.number, a.at, a.actor, a.act, a.subject, a.payload, a.money FROM audit a WHERE a.tenant_id = :tenant",
        ("a.number",),
    ),
}


TABLES: Mapping[str, str] = MappingProxyType(
    {
        "payments": "payments",
        "receipts": "receipts",
        "passes": "passes",
        "vouchers": "vouchers",
        "batches": "batches",
        "devices": "devices",
        "sessions": "sessions",
        "usage": "usage_hours",
        "plans": "plans",
        "routers": "routers",
        "staff": "staff",
        "acts": "audit",
    }
)


def chunk(name: str, after: After | None, limit: int = AT_ONCE) -> Unit[Sequence[Row]]:
    """The rows of this class that come after, in their order."""
    wanted = STATEMENTS[name]
    order, bound = ", ".join(wanted.order), {f"k{n}": each for n, each in enumerate(after or ())}
    beyond = f" AND ({order}) > ({marks(bound)})" if bound else ""
    return (yield from rows(f"{wanted.text}{beyond} ORDER BY {order} LIMIT :limit", limit=limit, **bound))


def counts() -> Unit[dict[str, int]]:
    """How many rows each class has, and one more than `MANY` when it has more."""
    found: dict[str, int] = {}
    for name in STATEMENTS:
        found[name] = int(
            (
                yield from value(
                    f"SELECT COUNT(*) FROM (SELECT 1 FROM {TABLES[name]} WHERE tenant_id = :tenant LIMIT :cap) AS few",
                    cap=MANY + 1,
                )
            )
        )
    return found
