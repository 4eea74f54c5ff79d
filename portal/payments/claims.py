""" "Already paid?": a receipt and the paying number, against what the house knows of the money.

A receipt that paid for a pass moves it to this device; a receipt that waits for its payment buys the plan that
costs exactly as much. Whoever guesses is counted first (see `limits.reserve_guess`) and told nothing.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from portal.access import admission
from portal.access import store as access
from portal.access.catalog import TenantView
from portal.access.hours import still_sold
from portal.access.plans import Plan, to_json
from portal.access.store import Cause
from portal.clock import Clock, Moment
from portal.db import Database
from portal.errors import Refused
from portal.payments import limits, posting, settle, store
from portal.payments.accounts import current_account
from portal.payments.orders import MAC, new_ref
from portal.payments.store import Payment, Receipt
from portal.people import store as people
from portal.phone import Phone
from portal.seal import Vault, new_public, new_token, token_hash
from portal.tenancy.store import Router
from portal.units import Unit

MAX_TEXT = 2_000
_TOKEN = re.compile(r"(?<![A-Z0-9])[A-Z][A-Z0-9]{9}(?![A-Z0-9])")
_CONFIRMED = re.compile(r"\W{0,3}(CONFIRMED|IMETHIBITISHWA)")


@dataclass(frozen=True, kw_only=True)
class Claimed:
    """What became of a claim."""

    pass_id: int
    how: Literal["connected", "moved", "already"]


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A guest says: this money was mine, and it was for this device."""

    tenant_id: int
    timezone: str
    router: Router
    plans: Sequence[Plan]
    mac: str
    number: str
    phone: Phone


def find_receipt(text: str) -> str | None:
    """The receipt number in a pasted message, or typed in any case and with spaces; None when there is none."""
    upper = text[:MAX_TEXT].upper()
    found = list(_TOKEN.finditer(upper))
    confirmed = [each[0] for each in found if _CONFIRMED.match(upper, each.end())]
    # One number in ten has no digit; among other words, only a digit tells it from a word of ten letters.
    likely = [each[0] for each in found if any(letter.isdigit() for letter in each[0])]
    joined = re.sub(r"[\s\-.]", "", upper)
    alone = [joined] if _TOKEN.fullmatch(joined) else []
    return next(iter(confirmed + likely + alone), None)


Ask = Callable[[TenantView, str], Awaitable[int]]  # the provider, about a receipt; how many accounts were asked


class Claims:
    """Answers "already paid?". `ask` is called about receipts that nobody here knows."""

    def __init__(self, db: Database, vault: Vault, clock: Clock, ask: Ask) -> None:
        self._db = db
        self._vault = vault
        self._clock = clock
        self._ask = ask

    async def claim(
        self, view: TenantView, router: Router, *, mac: str, text: str, phone: Phone, source: str
    ) -> Claimed:
        """Put the claiming device online with what was paid.

        Raises `Refused`: receipt-text, receipt-unknown, receipt-asked, receipt-used, receipt-amount, receipt-review,
        guess-limit (with `wait_s`), no-payments, mac.
        """
        tenant = view.tenant
        number = find_receipt(text)
        if not tenant.active or router.tenant_id != tenant.id:
            raise Refused("no-payments", status=409)
        if not MAC.fullmatch(mac.upper()):
            raise Refused("mac")
        if number is None:
            raise Refused("receipt-text")
        subjects = limits.guess_subjects(self._vault, tenant.id, mac.upper(), router.id, source)
        guesses = await self._db.write(tenant.id, limits.reserve_guess, "receipt", subjects, self._clock.now())
        claim = Claim(
            tenant_id=tenant.id,
            timezone=tenant.timezone,
            router=router,
            plans=view.plans_at(router.id),
            mac=mac.upper(),
            number=number,
            phone=phone,
        )
        try:
            return await self._db.write(tenant.id, redeem, self._vault, claim, guesses, self._clock.now())
        except Refused as refused:
            if refused.key == "receipt-unknown" and await self._asked(view, number):
                raise Refused("receipt-asked", status=404) from None
            raise

    async def _asked(self, view: TenantView, number: str) -> bool:
        """Whether the provider is asked about it now; whether it is known here under another number changes nothing,
        or the answer would tell a stranger which receipts exist."""
        try:
            return await self._ask(view, number) > 0
        except Refused:  # it was asked a moment ago, or there is nobody who may ask
            return False


def redeem(vault: Vault, claim: Claim, guesses: Sequence[int], now: Moment) -> Unit[Claimed]:
    """Turn a claim into a connection; the guess is given back only when it was right."""
    for each in (yield from store.receipts_numbered(claim.number)):
        one = None if each.payment_id is None else (yield from store.payment(each.payment_id))
        fits = yield from _payer_fits(vault, claim, each, one)
        if not fits or (one is None and (yield from _only_played(each))):
            continue
        if each.state == "returned":
            raise Refused("receipt-used", status=409)
        if each.state == "review":
            raise Refused("receipt-review", status=409)
        if one is None:
            done = yield from _credit(vault, claim, each, now)
        else:
            done = yield from _move(claim, one, now)
        yield from limits.give_back(guesses)
        return done
    raise Refused("receipt-unknown", status=404)


def _payer_fits(vault: Vault, claim: Claim, receipt: Receipt, one: Payment | None) -> Unit[bool]:
    """The proof of R3: of a receipt that paid, the whole paying number; else what its receipt shows of it."""
    if one is None:
        return settle.same_payer(vault, receipt.payer_tail, receipt.payer_index, claim.phone)
    phone = yield from settle.payers_phone(vault, one)
    return phone == claim.phone


def _only_played(receipt: Receipt) -> Unit[bool]:
    """Whether this is no money: a sandbox's receipt buys only while the ISP is trying things out there."""
    if receipt.environment == "production":
        return False
    used = yield from current_account()
    return used is None or used.environment != receipt.environment


def _move(claim: Claim, one: Payment, now: Moment) -> Unit[Claimed]:
    """The receipt has made its pass: the pass comes to this device."""
    made = yield from access.pass_by_cause(Cause(kind="payment", ref=one.public))
    if made is None or made.state == "ended":
        raise Refused("receipt-used", status=409)
    device = yield from access.touch_device(claim.mac, claim.router.id, now)
    if made.device_id == device.id:
        yield from admission.tap(device.id, now)
        return Claimed(pass_id=made.id, how="already")
    mine = yield from access.bought_with(made.id)
    yield from admission.move(made.device_id, device.id, now, only=mine)
    return Claimed(pass_id=made.id, how="moved")


def _credit(vault: Vault, claim: Claim, receipt: Receipt, now: Moment) -> Unit[Claimed]:
    """The receipt waits for its payment: it buys the one plan that costs as much, of those on sale when it was paid."""
    paid_at = receipt.paid_at or receipt.seen_at
    on_sale = [each for each in claim.plans if still_sold(each.hours, paid_at, claim.timezone)]
    fitting = [each for each in on_sale if each.price == receipt.amount]
    if len(fitting) != 1 or receipt.account_id is None:
        raise Refused("receipt-amount", status=409)
    device = yield from access.touch_device(claim.mac, claim.router.id, now)
    person_id = yield from people.person_for(vault, claim.tenant_id, claim.phone, now)
    wish = Wish(plan=fitting[0], device_id=device.id, router_id=claim.router.id, person_id=person_id)
    payment_id, public = yield from paid_with(receipt, wish, "claim", claim.phone.tail, now)
    if not (yield from posting.take(receipt, payment_id, "claimed", now)):
        raise Refused("receipt-used", status=409)
    yield from store.close_line("unmatched-money", f"receipt:{receipt.number}", now)
    cause = Cause(kind="payment", ref=public)
    made = yield from admission.grant(fitting[0], device.id, cause, now, person_id)
    return Claimed(pass_id=made.id, how="connected")


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What the money of a receipt is to buy, and for whom."""

    plan: Plan
    device_id: int
    router_id: int | None
    person_id: int


def paid_with(receipt: Receipt, wish: Wish, by: str, tail: str | None, now: Moment) -> Unit[tuple[int, str]]:
    """The payment that this receipt would have belonged to; gives its id and its public name.

    The receipt's number is its click, so that a guest and staff who want the same money at once make one payment.
    """
    public = new_public()
    payment_id = yield from store.insert_payment(
        public=public,
        token_hash=token_hash(new_token("claim")),
        callback_hash=token_hash(new_token("claim")),
        click_key=f"claim:{receipt.environment}:{receipt.number}",
        account_id=receipt.account_id,
        environment=receipt.environment,
        router_id=wish.router_id,
        device_id=wish.device_id,
        person_id=wish.person_id,
        phone_tail=tail,
        plan_id=wish.plan.id,
        plan_copy=to_json(wish.plan),
        amount_minor=receipt.amount.minor,
        currency=receipt.amount.currency,
        account_ref=new_ref(),
        state="paid",
        receipt_state="here",
        settled_by=by,
        created_at=now,
        settled_at=now,
    )
    made = None if payment_id is None else (yield from store.payment(payment_id))
    if made is None:
        raise Refused("receipt-used", status=409)
    yield from posting.paid(made, now)
    return made.id, public
