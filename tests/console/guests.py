"""Guests for the tests of the console: devices that were seen, payments that were made, cards that were shown."""

from __future__ import annotations

from typing import Any

from portal.access import admission
from portal.access import store as access
from portal.access.passes import Pass
from portal.access.plans import Plan, to_json
from portal.access.store import Cause
from portal.clock import Moment
from portal.money import Money
from portal.payments import accounts, settle
from portal.payments import store as payments
from portal.payments.payment import Evidence
from portal.payments.settle import MoneyMoved, Said
from portal.payments.store import Payment
from portal.people import store as people
from portal.phone import Phone
from portal.seal import new_public, new_token, token_hash
from portal.sessions import store as sessions
from portal.sessions.fold import stretches
from portal.sessions.meter import Reading
from portal.tenancy import store as tenancy
from portal.units import Unit
from tests.payments.road import add_account
from tests.support import Seed

PHONE = Phone("254712345678")
RECEIPT = "TKM4X7Y2ZQ"


def mac(n: int) -> str:
    return f"02:00:00:00:{n >> 8:02X}:{n & 255:02X}"


async def device(s: Seed, n: int = 1, router_id: int = 0) -> int:
    """A device that opened the Wi-Fi page."""
    return int((await s.write(access.touch_device, mac(n), router_id or s.router_id, s.clock.now())).id)


async def given(s: Seed, device_id: int, plan: Plan | None = None, cause: Cause | None = None) -> Pass:
    """A pass for it."""
    why = cause or Cause(kind="trial", ref=new_public())
    made: Pass = await s.write(admission.grant, plan or s.plan, device_id, why, s.clock.now())
    return made


async def goes_online(s: Seed, device_id: int, *, router_id: int = 0, for_s: int = 0, size: int = 0) -> None:
    """Its router says that it is online, and that it answers."""
    await s.write(_online, device_id, router_id or s.router_id, for_s, size, s.clock.now())


def _online(device_id: int, router_id: int, for_s: int, size: int, now: Moment) -> Unit[None]:
    reading = Reading(read_at=now, active_uptime_s=for_s, active_bytes_in=size // 2, active_bytes_out=size - size // 2)
    yield from access.save_presence(router_id, device_id, reading, reading.online_since, now)
    for part in stretches(None, None, reading, reading.online_since):
        yield from sessions.keep(router_id, device_id, part, None, None, None)
    yield from tenancy.note_contact(router_id, now)
    yield from admission.refresh(device_id, now)


def _order(s: Seed, device_id: int, phone: Phone, now: Moment) -> Unit[Payment]:
    account = yield from accounts.current_account()
    if account is None:
        account = yield from add_account(s, "paybill", "http://127.0.0.1:1")
    public = new_public()
    payment_id = yield from payments.insert_payment(
        public=public,
        token_hash=token_hash(new_token("x")),
        callback_hash=token_hash(new_token("x")),
        click_key=public,
        account_id=account.id,
        environment=account.environment,
        router_id=s.router_id,
        device_id=device_id,
        person_id=(yield from people.person_for(s.vault, s.tenant.id, phone, now)),
        phone_tail=phone.tail,
        plan_id=s.plan.id,
        plan_copy=to_json(s.plan),
        amount_minor=s.plan.price.minor,
        currency="KES",
        account_ref=public,
        state="awaiting",
        created_at=now,
        submitted_at=now + 1,
    )
    found = yield from payments.payment(payment_id or 0)
    assert found is not None
    return found


async def asked(s: Seed, device_id: int, phone: Phone = PHONE) -> Payment:
    """A prompt was sent."""
    made: Payment = await s.write(_order, s, device_id, phone, s.clock.now())
    return made


async def answered(s: Seed, one: Payment, kind: Evidence, reason: str | None = None, receipt: str = "") -> None:
    """What M-Pesa said of it."""
    await s.write(
        settle.settle,
        s.vault,
        one,
        Said(kind=kind, via="stk", reason=reason, money=_money(one, receipt)),
        s.clock.now(),
    )


def _money(one: Payment, receipt: str) -> MoneyMoved | None:
    if not receipt:
        return None
    return MoneyMoved(
        number=receipt, environment=one.environment, amount=one.amount, account_id=one.account_id, shortcode="600000"
    )


async def paid(s: Seed, device_id: int, phone: Phone = PHONE, receipt: str = RECEIPT) -> Payment:
    """A payment with its receipt and pass."""
    one = await asked(s, device_id, phone)
    s.clock.advance(10_000)
    await answered(s, one, "success", receipt=receipt)
    return one


async def money_of_nobody(s: Seed, receipt: str) -> None:
    """A receipt that belongs to no payment."""
    one = await asked(s, await device(s, 999), Phone("254799000000"))
    await s.write(
        settle.known_receipt,
        MoneyMoved(
            number=receipt,
            environment=one.environment,
            amount=Money(3300),
            account_id=one.account_id,
            shortcode="600000",
        ),
        "c2b-confirm",
        s.clock.now(),
    )


async def state_of(s: Seed, device_id: int) -> Any:
    return await s.read(admission.standing, device_id, s.clock.now())


def a_router(s: Seed, **fields: Any) -> Unit[int]:
    return (yield from tenancy.add_router(s.vault, s.clock.now(), **fields))
