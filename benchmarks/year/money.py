"""Money: payments, receipts, and the books of them."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from benchmarks.year.ground import (
    ROUTERS,
    Filling,
)
from portal.access import plans as plan_text
from portal.clock import DAY
from portal.migrations.opening import WHAT_WAS
from portal.payments import accounts
from portal.units import Unit


def payments(of: Filling, first_device: int, persons: Sequence[int]) -> list[tuple[str, int]]:
    """Payments with receipts and what M-Pesa said; gives public names and moments of the paid ones."""
    year, random = of.year, of.random
    first, prefix = of.next_id("payments"), year.tenant.public
    plan = year.plans[0]
    copy, paid, receipts, inbox, rows = plan_text.to_json(plan), list[tuple[str, int]](), [], [], []
    account = of.unit(_account(of))
    for n in range(year.size.payments):
        at = of.at(n / year.size.payments)
        good = random.random() < 0.9
        public = f"{prefix}y{n}"
        tail = f"{n % 1000:03d}"
        device = first_device + (0 if n % 100 == 0 else random.randrange(year.size.devices))
        state, reason = ("paid", None) if good else ("failed", "cancelled")
        rows.append(
            (first + n, public, secrets.token_bytes(32), secrets.token_bytes(32), f"year-{n}", account, "sandbox",
             year.routers[n % ROUTERS], device, persons[n % len(persons)], tail, plan.id, copy, plan.price.minor, "KES",
             f"Y{n:06d}", state, reason, "here" if good else None, "callback", at, at + 1000, at + 9000)
        )  # fmt: skip
        inbox.append((f"{prefix}i{n}", "stk", first + n, account, b"x" * 300, at + 9000, at + 9010, "ok"))
        if good:
            paid.append((public, at))
            number = f"S{year.tenant.id}Y{n:07d}"
            receipts.append(
                ("mpesa", "sandbox", number, plan.price.minor, "KES", tail, at, at, "callback", first + n, "matched")
            )
    of.many(
        "payments",
        "id, public, token_hash, callback_hash, click_key, account_id, environment, router_id, device_id, person_id,"
        " phone_tail, plan_id, plan_copy, amount_minor, currency, account_ref, state, reason, receipt_state,"
        " settled_by, created_at, submitted_at, settled_at",
        rows,
    )
    of.many(
        "receipts",
        "provider, environment, number, amount_minor, currency, payer_tail, paid_at, seen_at,"
        " seen_via, payment_id, state",
        receipts,
    )
    of.many("inbox", "ref, channel, payment_id, account_id, body_sealed, received_at, processed_at, verdict", inbox)
    year.named |= {"provider": "paystack", "account": str(account), "receipt": str(of.next_id("receipts") - 1)}
    year.named["payment"] = str(first + year.size.payments // 200 * 100)
    year.sought["receipt"] = receipts[len(receipts) // 2][2]
    return paid


def books(of: Filling) -> None:
    """What was paid, in the books; some refunds, and a count of a drawer for each day."""
    year, staff = of.year, int(of.year.named["staff"])
    for each in WHAT_WAS[:4]:  # another ISP may be there already
        of._connection.execute(each.replace("INSERT INTO", "INSERT OR IGNORE INTO", 1))
    paid = of._connection.execute(
        "SELECT id FROM payments WHERE tenant_id = ? AND state = 'paid' LIMIT ?",
        (year.tenant.id, year.size.payments // 100),
    ).fetchall()
    of.many(
        "refunds",
        "public, form_key, payment_id, way, amount_minor, currency, state, reason, ends_pass, asked_by, asked_at,"
        " result_hash",
        [
            (f"{year.tenant.public}f{n}", f"f{n}", row[0], "cash", 500, "KES", "done", "slow", 0, staff, year.now,
             secrets.token_bytes(32))
            for n, row in enumerate(paid)
        ],
    )  # fmt: skip
    of.many(
        "closings",
        "staff_id, number, closed_by, opened_at, closed_at, currency, opening_minor, in_minor, out_minor,"
        " counted_minor, left_minor, lines",
        [
            (staff, n + 1, staff, year.now - (365 - n) * DAY, year.now - (364 - n) * DAY, "KES", 0, 0, 0, 0, 0, 0)
            for n in range(365)
        ],
    )
    year.named |= {"refund": str(of.next_id("refunds") - 1), "closing": str(of.next_id("closings") - 1)}


def _account(of: Filling) -> Unit[int]:
    """The till of this ISP, apart from the sandbox's own."""
    made = yield from accounts.add_account(
        of.vault, of.year.now, tenant_public=of.year.tenant.public, environment="sandbox", kind="paybill",
        shortcode=f"60{of.year.tenant.id:04d}", consumer_key="key", consumer_secret="secret", passkey="passkey",
    )  # fmt: skip
    return made.id
