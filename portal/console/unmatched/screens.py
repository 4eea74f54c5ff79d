"""The page “What this money was for”, and the three ways in which staff give money its place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response

from portal import phone
from portal.access import store as access
from portal.access.plans import Plan
from portal.console import asked
from portal.console.desk import Desk
from portal.console.guests.clues import clues
from portal.console.guests.finding import find
from portal.console.payments.timeline import state_words
from portal.console.screens import get, post
from portal.console.unmatched import store
from portal.errors import Refused
from portal.payments import by_hand
from portal.payments.by_hand import Given
from portal.payments.store import Payment, Receipt
from portal.phone import Phone
from portal.units import Row, Unit
from portal.vouchers import imported

TYPED = ("device", "plan", "phone", "reason", "ref", "back_reason", "back_ref", "q", "router")


# --- the page ---


@dataclass(frozen=True, kw_only=True)
class Sight:
    """All that the page shows."""

    receipt: Receipt
    candidates: Sequence[store.Candidate]
    devices: Sequence[Row]
    plans: Sequence[Plan]


async def ask(desk: Desk) -> Response:
    """What is known of the money, and what it may have been for; once it has a place, that place."""
    return await _shown(desk)


async def _shown(desk: Desk, wrong: Refused | None = None, found: Sequence[int] | None = None) -> Response:
    try:
        return await _page(desk, wrong, found)
    except Refused as placed:
        return _placed(desk, placed)


def _placed(desk: Desk, wrong: Refused) -> Response:
    """Somebody was quicker: the payment that has the money by now."""
    if wrong.key != "money-done":
        raise wrong
    return desk.go(f"/console/payments/{wrong.values['payment']}", "money-done")


def _id(desk: Desk) -> int:
    return asked.number(desk.request.path_params["id"])


async def _page(desk: Desk, wrong: Refused | None = None, found: Sequence[int] | None = None) -> Response:
    router = asked.number_or_none(desk.fields.get("router", "") or desk.query.get("router", ""))
    routers = [router] if router in desk.view.routers else list(desk.view.routers)
    sight = await desk.read(_sight, desk, _id(desk), routers, found)
    fitting = [each for each in sight.plans if each.price == sight.receipt.amount]
    typed = {name: desk.fields.get(name, "")[:300] for name in TYPED}
    return desk.page(
        "money",
        wrong.status if wrong else 200,
        sight=sight,
        receipt=sight.receipt,
        found=found,
        fitting=fitting,
        others=[each for each in sight.plans if each not in fitting],
        typed=typed,
        router=router,
        sites={each.id: each.name for each in desk.view.routers.values()},
        state_words=state_words,
        wrong=wrong.key if wrong else "",
        path=f"/console/payments/money/{sight.receipt.id}",
    )


def _sight(desk: Desk, receipt_id: int, routers: Sequence[int], found: Sequence[int] | None) -> Unit[Sight]:
    receipt = yield from by_hand.waiting(receipt_id)
    listed = store.lately_seen(routers) if found is None else store.devices_of(found)
    chosen = desk.fields.get("device", "")
    extra = [int(chosen)] if chosen.isascii() and chosen.isdecimal() and len(chosen) < 19 else []
    devices = list((yield from listed))
    missing = [each for each in extra if each not in {row["id"] for row in devices}]
    return Sight(
        receipt=receipt,
        candidates=(yield from store.candidates(desk.services.vault, receipt)),
        devices=[*(yield from store.devices_of(missing)), *devices],
        plans=[each for each in (yield from access.plan_list()) if each.on_sale],
    )


async def look_up(desk: Desk) -> Response:
    """Devices by a MAC, a phone, a receipt or a voucher; nothing of it stands in an address."""
    meant = clues(desk.fields.get("q", ""), imported.lengths(desk.view.tenant))
    hits = await desk.read(find, desk.services.vault, desk.view.tenant.id, meant, desk.now)
    return await _shown(desk, found=[each.device.id for each in hits.devices])


# --- what is done with it ---


async def _done(desk: Desk, act: Callable[[Desk, Receipt], Any], said: str) -> Response:
    """Do it; what was typed is kept when it cannot be done, and who comes second is led to what the first one did."""
    try:
        receipt = await desk.read(by_hand.waiting, _id(desk))
        payment_id = await act(desk, receipt)
    except Refused as wrong:
        if wrong.key in ("not-found", "money-returned", "money-done"):
            return _placed(desk, wrong)
        return await _shown(desk, wrong)
    return desk.go(f"/console/payments/{payment_id}" if payment_id else "/console/payments/queue", said)


async def match(desk: Desk) -> Response:
    """It belonged to an order."""
    return await _done(desk, _match, "money-matched")


async def _match(desk: Desk, receipt: Receipt) -> int:
    payment_id = await _meant(desk, receipt)
    one: Payment = await desk.act(
        "money.match",
        f"payment:{payment_id}",
        by_hand.match,
        *(desk.services.vault, receipt.id, payment_id, desk.now),
        after=_told(receipt),
        money=True,
    )
    return one.id


async def _meant(desk: Desk, receipt: Receipt) -> int:
    """The payment that was tapped, or the one whose reference was typed."""
    if desk.fields.get("payment"):
        return asked.number(desk.fields["payment"])
    ref = "".join(desk.fields.get("ref", "").split())
    named = await desk.read(store.payment_named, ref[:40], receipt.environment) if ref else None
    if named is None:
        raise Refused("match-unknown", status=404)
    return int(named.id)


def _told(receipt: Receipt, **more: object) -> dict[str, object]:
    """A receipt as the audit log keeps it."""
    return {"receipt": receipt.number, "amount": str(receipt.amount), **more}


async def give(desk: Desk) -> Response:
    """It buys a pass for a device."""
    return await _done(desk, _give, "money-given")


async def _give(desk: Desk, receipt: Receipt) -> int:
    given = await _given(desk)
    done: int = await desk.act(
        "money.give",
        f"device:{given.device_id}",
        by_hand.give,
        *(desk.services.vault, desk.view.tenant.id, receipt.id, given, desk.now),
        after=_told(receipt, plan=given.plan.name, price=str(given.plan.price), reason=given.reason),
        money=True,
    )
    return done


async def _given(desk: Desk) -> Given:
    fields = desk.fields
    plan = next((each for each in await desk.read(access.plan_list) if str(each.id) == fields.get("plan", "")), None)
    if plan is None or not plan.on_sale:
        raise Refused("plan-off")
    if not fields.get("device"):
        raise Refused("give-device")
    return Given(
        device_id=asked.number(fields["device"]),
        plan=plan,
        phone=_phone(fields.get("phone", "")),
        reason=_words(fields.get("reason", "")),
    )


def _phone(text: str) -> Phone | None:
    try:
        return phone.parse(text) if text.strip() else None
    except Refused:
        raise Refused("give-phone") from None


def _words(text: str) -> str:
    return asked.note(text, "reason-long")


async def send_back(desk: Desk) -> Response:
    """It was sent back by hand."""
    return await _done(desk, _send_back, "money-returned")


async def _send_back(desk: Desk, receipt: Receipt) -> None:
    reason, ref = asked.reason(desk.fields.get("back_reason", "")), _words(desk.fields.get("back_ref", ""))
    await desk.act(
        "money.return",
        f"receipt:{receipt.number}",
        by_hand.sent_back,
        *(receipt.id, desk.now),
        after=_told(receipt, reason=reason, reference=ref),
        money=True,
    )


# --- a payment whose money somebody has seen ---


async def name_receipt(desk: Desk) -> Response:
    """Staff have found its receipt."""
    payment_id = _id(desk)
    number = await desk.read(by_hand.typed_number, payment_id, desk.fields.get("number", ""))
    if number is None:
        raise Refused("receipt-typed")
    await desk.act(
        "money.receipt",
        f"payment:{payment_id}",
        by_hand.found_receipt,
        *(desk.services.vault, payment_id, number, desk.now),
        after={"receipt": number},
        money=True,
    )
    return desk.go(f"/console/payments/{payment_id}", "money-matched")


async def count_as_paid(desk: Desk) -> Response:
    """The pass now; the receipt is to come."""
    payment_id, reason = _id(desk), asked.reason(desk.fields.get("reason", ""))
    await desk.act(
        "money.paid",
        f"payment:{payment_id}",
        by_hand.count_as_paid,
        *(desk.services.vault, payment_id, desk.now),
        after={"reason": reason},
        money=True,
    )
    return desk.go(f"/console/payments/{payment_id}", "money-paid")


AT = "/payments/money/{id}"
SCREENS = (
    get(AT, "payments.settle", ask),
    post(f"{AT}/find", "payments.settle", look_up),
    post(f"{AT}/match", "payments.settle", match),
    post(f"{AT}/give", "payments.settle", give),
    post(f"{AT}/return", "payments.settle", send_back),
    post("/payments/{id}/receipt", "payments.settle", name_receipt),
    post("/payments/{id}/paid", "payments.settle", count_as_paid),
)
