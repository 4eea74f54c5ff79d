"""The invariants (design 8), looked for in the database: `bando check` in production, and tests after every step.

Each check is a unit that gives sentences; an empty list is a clean bill. They read, and change nothing.
"""

from __future__ import annotations

from collections.abc import Callable

from portal import check_books
from portal.audit import store as audit
from portal.clock import HOUR, MINUTE, Moment
from portal.db import Execute
from portal.seal import Vault
from portal.tenancy import store as tenancy
from portal.units import Unit, drive, rows

SOON_MS = MINUTE  # I1: "within seconds"; a paid payment without its pass for longer is a breach


def paid_without_pass(now: Moment) -> Unit[list[str]]:
    """I1: a receipt that paid has a pass of the bought size, or an open line for staff."""
    found = yield from rows(
        "SELECT p.id, p.public FROM payments p WHERE p.tenant_id = :tenant AND p.state = 'paid'"
        " AND p.settled_at < :before AND NOT EXISTS (SELECT 1 FROM passes s WHERE s.tenant_id = :tenant"
        " AND s.tenant_id = p.tenant_id AND s.cause_kind = 'payment' AND s.cause_ref = p.public)"
        " AND NOT EXISTS (SELECT 1 FROM exceptions e WHERE e.tenant_id = :tenant AND e.tenant_id = p.tenant_id"
        " AND e.closed_at IS NULL AND e.subject = 'payment:' || p.public)",
        before=now - SOON_MS,
    )
    return [f"I1: payment {row['public']} is paid and has no pass." for row in found]


def pass_without_cause(_: Moment) -> Unit[list[str]]:
    """I2: a pass made by a payment has that payment, and it is paid."""
    found = yield from rows(
        "SELECT s.id FROM passes s WHERE s.tenant_id = :tenant AND s.cause_kind = 'payment'"
        " AND NOT EXISTS (SELECT 1 FROM payments p WHERE p.tenant_id = :tenant AND p.tenant_id = s.tenant_id"
        " AND p.public = s.cause_ref AND p.state IN ('paid', 'reversal_pending', 'reversed'))"
    )
    return [f"I2: pass {row['id']} was made by a payment that is not paid." for row in found]


def cause_with_two_passes(_: Moment) -> Unit[list[str]]:
    """I2: one cause makes one pass."""
    found = yield from rows(
        "SELECT cause_kind, cause_ref FROM passes WHERE tenant_id = :tenant"
        " GROUP BY cause_kind, cause_ref HAVING COUNT(*) > 1"
    )
    return [f"I2: {row['cause_kind']} {row['cause_ref']} made more than one pass." for row in found]


def voucher_without_pass(_: Moment) -> Unit[list[str]]:
    """I4: a redeemed voucher has made its pass."""
    found = yield from rows(
        "SELECT v.label FROM vouchers v WHERE v.tenant_id = :tenant AND v.state = 'redeemed' AND NOT EXISTS"
        " (SELECT 1 FROM passes s WHERE s.tenant_id = :tenant AND s.tenant_id = v.tenant_id"
        " AND s.cause_kind = 'voucher' AND s.cause_ref = v.label)"
    )
    return [f"I4: voucher {row['label']} is redeemed and has no pass." for row in found]


def pass_without_voucher(_: Moment) -> Unit[list[str]]:
    """I4: a pass made by a voucher has that voucher, redeemed and not still for sale."""
    found = yield from rows(
        "SELECT s.id, s.cause_ref FROM passes s WHERE s.tenant_id = :tenant AND s.cause_kind = 'voucher'"
        " AND NOT EXISTS (SELECT 1 FROM vouchers v WHERE v.tenant_id = :tenant AND v.tenant_id = s.tenant_id"
        " AND v.label = s.cause_ref AND v.redeemed_at IS NOT NULL AND v.state <> 'printed')"
    )
    return [f"I4: pass {row['id']} was made by voucher {row['cause_ref']}, which is not redeemed." for row in found]


def receipt_twice(_: Moment) -> Unit[list[str]]:
    """I3: a receipt credits once, and a payment is paid by one receipt."""
    found = yield from rows(
        "SELECT payment_id FROM receipts WHERE tenant_id = :tenant AND payment_id IS NOT NULL"
        " GROUP BY payment_id HAVING COUNT(*) > 1"
    )
    twice = yield from rows(
        "SELECT number FROM receipts WHERE tenant_id = :tenant GROUP BY provider, environment, number"
        " HAVING COUNT(*) > 1"
    )
    return [f"I3: payment {row['payment_id']} was paid by two receipts." for row in found] + [
        f"I3: receipt {row['number']} stands twice." for row in twice
    ]


def matched_to_unpaid(_: Moment) -> Unit[list[str]]:
    """I3: a receipt that is matched belongs to a payment that is paid."""
    found = yield from rows(
        "SELECT r.number FROM receipts r JOIN payments p ON p.id = r.payment_id AND p.tenant_id = r.tenant_id"
        " WHERE r.tenant_id = :tenant AND r.state = 'matched' AND p.state NOT IN"
        " ('paid', 'review', 'reversal_pending', 'reversed')"
    )
    return [f"I3: receipt {row['number']} is matched to a payment that is not paid." for row in found]


def sent_back_but_used(_: Moment) -> Unit[list[str]]:
    """I3: money that went back to its payer has paid nothing."""
    found = yield from rows(
        "SELECT number FROM receipts WHERE tenant_id = :tenant AND state = 'returned' AND payment_id IS NOT NULL"
    )
    return [f"I3: receipt {row['number']} was sent back and has paid all the same." for row in found]


def other_amount(_: Moment) -> Unit[list[str]]:
    """R1: a receipt pays a payment of just as much."""
    found = yield from rows(
        "SELECT r.number FROM receipts r JOIN payments p ON p.id = r.payment_id AND p.tenant_id = r.tenant_id"
        " WHERE r.tenant_id = :tenant AND r.state IN ('matched', 'claimed')"
        " AND (p.amount_minor <> r.amount_minor OR p.currency <> r.currency)"
    )
    return [f"R1: receipt {row['number']} paid a payment of another amount." for row in found]


def more_than_bought(_: Moment) -> Unit[list[str]]:
    """I6: a pass was not used for longer than bought, beyond a poll and the overruns of R4."""
    found = yield from rows(
        "SELECT id, kind, used_ms, span_ms FROM passes WHERE tenant_id = :tenant AND ("
        "(kind = 'used' AND used_ms > span_ms + :grace) OR (kind = 'wall' AND ends_at <> 0 AND started_at <> 0"
        " AND ends_at - started_at > CASE WHEN used_ms < span_ms THEN span_ms - used_ms ELSE 0 END)) ORDER BY id",
        grace=2 * MINUTE,
    )
    return [
        f"I6: pass {row['id']} runs for longer than was bought."
        if row["kind"] == "wall"
        else f"I6: pass {row['id']} was used for {row['used_ms'] // 1000} s of {row['span_ms'] // 1000} s."
        for row in found
    ]


def late_end(now: Moment) -> Unit[list[str]]:
    """I6: a pass whose end has long come is ended."""
    found = yield from rows(
        "SELECT id FROM passes WHERE tenant_id = :tenant AND state IN ('running', 'paused') AND ends_at < :before",
        before=now - HOUR,
    )
    return [f"I6: pass {row['id']} should have ended more than an hour ago; does bando serve run?" for row in found]


def two_heads(_: Moment) -> Unit[list[str]]:
    """A device has one head in its queue."""
    found = yield from rows(
        "SELECT device_id FROM passes WHERE tenant_id = :tenant AND state IN ('waiting', 'running', 'paused')"
        " GROUP BY device_id HAVING COUNT(*) > 1"
    )
    return [f"Device {row['device_id']} has two passes at the head of its queue." for row in found]


CHECKS: tuple[Callable[[Moment], Unit[list[str]]], ...] = (
    paid_without_pass,
    pass_without_cause,
    cause_with_two_passes,
    voucher_without_pass,
    pass_without_voucher,
    receipt_twice,
    matched_to_unpaid,
    sent_back_but_used,
    other_amount,
    more_than_bought,
    late_end,
    two_heads,
    *check_books.CHECKS,
)


def breaches(now: Moment) -> Unit[list[str]]:
    """Every breach of an invariant in one tenant."""
    found: list[str] = []
    for check in CHECKS:
        found += yield from check(now)
    return found


def whole(run: Execute, vault: Vault, now: Moment) -> list[str]:
    """Every breach in an installation, with its ISP's name: what `breaches` finds, and logs that are not whole."""
    found: list[str] = []
    for tenant in drive(tenancy.tenants(), None, run):
        found += [f"{tenant.name}: {each}" for each in drive(breaches(now), tenant.id, run)]
        found += _log(run, vault, tenant.id, tenant.name)
    platform = drive(tenancy.platform(), None, run)
    return found + (_log(run, vault, platform.id, "Platform") if platform else [])


def _log(run: Execute, vault: Vault, tenant_id: int, name: str) -> list[str]:
    broken = drive(audit.verify_all(vault), tenant_id, run)
    return [f"{name}: I9: {broken}; see: bando audit verify"] if broken else []
