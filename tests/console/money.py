"""Payments, receipts and lines for the tests of the console, written as rows."""

from __future__ import annotations

from typing import Any

from portal.access import store as access
from portal.access.plans import to_json
from portal.clock import Moment
from portal.payments import accounts, posting
from portal.payments import store as payments
from portal.people import store as people
from portal.phone import Phone
from portal.seal import new_public, token_hash
from portal.units import Unit, insert, value
from tests.support import Seed

PHONE = Phone("254712345678")


async def paid(home: Seed, at: Moment, minor: int = 2000, **changes: Any) -> int:
    """A payment that was paid at this moment."""
    fields = {"state": "paid", "receipt_state": "here", "settled_at": at, "settled_by": "stk", **changes}
    return await payment(home, at, minor, **fields)


async def payment(home: Seed, at: Moment, minor: int = 2000, **fields: Any) -> int:
    return int(await home.write(_payment, home, at, minor, fields))


def _account(home: Seed) -> Unit[int]:
    known = yield from value("SELECT id FROM mpesa_accounts WHERE tenant_id = :tenant")
    if known is not None:
        return int(known)
    yield from accounts.add_account(
        home.vault,
        home.clock.now(),
        tenant_public=home.tenant.public,
        environment="sandbox",
        kind="paybill",
        shortcode="600100",
        consumer_key="key",
        consumer_secret="secret",
        passkey="pass",
    )
    return int((yield from value("SELECT id FROM mpesa_accounts WHERE tenant_id = :tenant")))


def _payment(home: Seed, at: Moment, minor: int, fields: dict[str, Any]) -> Unit[int]:
    device = yield from access.touch_device("02:AB:CD:00:00:01", home.router_id, at)
    person_id = yield from people.person_for(home.vault, home.tenant.id, PHONE, at)
    columns: dict[str, Any] = {
        "public": new_public(),
        "token_hash": token_hash(new_public(16)),
        "callback_hash": token_hash(new_public(16)),
        "click_key": new_public(),
        "account_id": (yield from _account(home)),
        "environment": "sandbox",
        "router_id": home.router_id,
        "device_id": device.id,
        "person_id": person_id,
        "phone_tail": PHONE.tail,
        "plan_id": home.plan.id,
        "plan_copy": to_json(home.plan),
        "amount_minor": minor,
        "currency": "KES",
        "account_ref": new_public(),
        "state": "awaiting",
        "created_at": at,
        **fields,
    }
    payment_id = yield from insert("payments", **columns)
    one = yield from payments.payment(payment_id)
    if one is not None and one.state == "paid":
        yield from posting.paid(one, at)
    return payment_id


async def receipt(home: Seed, number: str, at: Moment, payment_id: int | None = None, **fields: Any) -> int:
    columns = {
        "provider": "mpesa",
        "environment": "sandbox",
        "number": number,
        "amount_minor": 2000,
        "currency": "KES",
        "account_ref": "HELLO",
        "payer_tail": "678",
        "seen_at": at,
        "seen_via": "c2b",
        "payment_id": payment_id,
        "state": "matched" if payment_id else "unmatched",
        **fields,
    }
    return int(await home.write(_receipt, columns, at))


def _receipt(columns: dict[str, Any], at: Moment) -> Unit[int]:
    """A receipt, in the books like its payment."""
    receipt_id = yield from insert("receipts", **columns)
    made = yield from payments.receipt_by_id(receipt_id)
    assert made is not None
    yield from posting.written(made, at)
    if made.payment_id is not None:
        yield from posting.placed(made, at)
    return receipt_id
