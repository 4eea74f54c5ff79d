"""A month behind the sandbox's ISP, so that the console has something to show: guests who paid, and who did not."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from operator import itemgetter
from random import Random

from portal.access import plans as plan_text
from portal.access import store as access
from portal.access.places import store as places
from portal.access.plans import Plan
from portal.access.store import Cause
from portal.clock import DAY, HOUR, MINUTE, SECOND, Moment
from portal.db import Database
from portal.payments import posting
from portal.payments import store as payments
from portal.payments.store import Payment
from portal.people import store as people
from portal.phone import Phone
from portal.seal import Vault
from portal.tenancy import store as tenancy
from portal.tenancy.store import Tenant
from portal.units import Unit, insert, update, value
from sandbox.past import pass_that_is_over

DAYS = 30
GUESTS = 80
A_DAY = 34  # payments on an ordinary day; a Saturday has half as many again
# When people buy: few at night, most in the evening.
HOURS = (1, 1, 0, 0, 0, 1, 3, 5, 6, 6, 6, 7, 8, 8, 7, 7, 8, 10, 13, 15, 14, 11, 7, 3)


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where it happened."""

    vault: Vault
    tenant: Tenant
    router_id: int


@dataclass(frozen=True, kw_only=True)
class Guest:
    """Somebody who comes back."""

    device_id: int
    person_id: int
    tail: str


async def lived(db: Database, vault: Vault, tenant: Tenant, router_id: int, now: Moment) -> None:
    """Write the month, once; the ISP has plans and an M-Pesa account."""
    if not await db.read(tenant.id, _has_payments):
        await db.write(tenant.id, _month, Place(vault=vault, tenant=tenant, router_id=router_id), now)


def _has_payments() -> Unit[object]:
    return (yield from value("SELECT id FROM payments WHERE tenant_id = :tenant LIMIT 1"))


def _month(site: Place, now: Moment) -> Unit[None]:
    random = Random(7)
    plans = yield from access.plan_list()
    account = yield from value("SELECT id FROM mpesa_accounts WHERE tenant_id = :tenant ORDER BY id LIMIT 1")
    guests = []
    for number in range(GUESTS):
        guests += [(yield from _guest(site, number, now))]
    for number, (at, plan) in enumerate(sorted(_sales(random, plans, now), key=itemgetter(0)), start=1):
        yield from _payment(site, random, number, random.choice(guests), plan, int(account), at)
    yield from _online(site, random, now)
    yield from tenancy.open_exception(
        "unmatched-money",
        "receipt:SKL4TQ8ZPM",
        "KSh 50 came under account WIFI. Money came that belongs to no payment.",
        now,
    )


def _online(site: Place, random: Random, now: Moment) -> Unit[None]:
    """How many were online at each quarter of an hour: a day's curve, which wavers."""
    last = now - now % places.SLOT_MS
    for slot in range(last - DAYS * DAY, last, places.SLOT_MS):
        hour = (slot + 3 * HOUR) % DAY / HOUR
        here, there = HOURS[int(hour)], HOURS[(int(hour) + 1) % 24]
        busy = (here + (there - here) * (hour % 1)) * (1.3 if slot // DAY % 7 == 2 else 1)
        yield from places.count_online(site.router_id, slot, max(0, round(busy * random.uniform(0.85, 1.15))))


def _sales(random: Random, plans: Sequence[Plan], now: Moment) -> Iterator[tuple[Moment, Plan]]:
    """When which plan was bought, in no order; all of it is over: what goes on now is for whoever tries the world."""
    weights = [max(1, 8 - 2 * n) for n in range(len(plans))]
    for day in range(DAYS, -1, -1):
        midnight = now - day * DAY - now % DAY - 3 * HOUR
        for _ in range(int(A_DAY * (1.5 if day % 7 == 1 else 1) * random.uniform(0.8, 1.2))):
            at = midnight + random.choices(range(24), HOURS)[0] * HOUR + random.randrange(HOUR)
            plan = random.choices(plans, weights)[0]
            if at + plan.span_ms < now - HOUR:
                yield at, plan


def _guest(site: Place, number: int, now: Moment) -> Unit[Guest]:
    phone = Phone(f"2547{20_000_000 + number * 76_543:08d}")
    person_id = yield from people.person_for(site.vault, site.tenant.id, phone, now - DAYS * DAY)
    mac = f"02:10:00:00:{number // 256:02X}:{number % 256:02X}"
    device = yield from access.touch_device(mac, site.router_id, now - DAYS * DAY)
    return Guest(device_id=device.id, person_id=person_id, tail=phone.tail)


def _payment(
    site: Place, random: Random, number: int, guest: Guest, plan: Plan, account: int, at: Moment
) -> Unit[None]:
    reason = random.choices((None, "cancelled", "wrong-pin", "no-answer"), (88, 6, 3, 3))[0]
    paid = reason is None
    public = f"{site.tenant.public}h{number}"
    payment_id = yield from insert(
        "payments",
        public=public,
        token_hash=secrets.token_bytes(32),
        callback_hash=secrets.token_bytes(32),
        click_key=f"history-{number}",
        account_id=account,
        environment="sandbox",
        router_id=site.router_id,
        device_id=guest.device_id,
        person_id=guest.person_id,
        phone_tail=guest.tail,
        plan_id=plan.id,
        plan_copy=plan_text.to_json(plan),
        amount_minor=plan.price.minor,
        currency=plan.price.currency,
        account_ref=f"H{number:05d}",
        state="paid" if paid else "failed",
        reason=reason,
        receipt_state="here" if paid else None,
        settled_by="callback",
        created_at=at,
        submitted_at=at + SECOND,
        settled_at=at + random.randrange(6, 40) * SECOND,
    )
    if paid:
        payment = yield from payments.payment(payment_id)
        assert payment is not None
        yield from _paid(random, number, guest, payment, at + MINUTE)
    yield from update("devices", guest.device_id, last_seen_at=at)
    yield from update("persons", guest.person_id, last_seen_at=at)


def _paid(random: Random, number: int, guest: Guest, payment: Payment, at: Moment) -> Unit[None]:
    yield from _booked(f"SKH{number:07d}", guest, payment, at)
    plan = payment.plan
    assert payment.router_id is not None
    length = plan.span_ms if plan.kind == "wall" else plan.span_ms // 2
    yield from pass_that_is_over(
        plan,
        guest.device_id,
        Cause(kind="payment", ref=payment.public),
        at,
        router_id=payment.router_id,
        until=at + length,
        used_ms=length,
        used_bytes=random.randrange(20_000_000, 900_000_000),
        person_id=guest.person_id,
        position=number,
    )


def _booked(number: str, guest: Guest, payment: Payment, at: Moment) -> Unit[None]:
    """The receipt, and all of it in the books."""
    yield from insert(
        "receipts",
        provider="mpesa",
        environment="sandbox",
        account_id=payment.account_id,
        number=number,
        amount_minor=payment.amount.minor,
        currency=payment.amount.currency,
        payer_tail=guest.tail,
        paid_at=at,
        seen_at=at,
        seen_via="callback",
        payment_id=payment.id,
        state="matched",
    )
    receipt = yield from payments.receipt(number, "sandbox")
    assert receipt is not None
    yield from posting.written(receipt, at)
    yield from posting.placed(receipt, at)
    yield from posting.paid(payment, at)
