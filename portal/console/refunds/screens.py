"""Refunds: asking for one, agreeing to it, handing cash over, and finding out what became of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from starlette.responses import Response

from portal.console import asked
from portal.console.desk import Desk
from portal.console.refunds import wording
from portal.console.screens import get, post
from portal.errors import Refused
from portal.payments import store as payments
from portal.payments.accounts import MPESA, get_account
from portal.payments.refunds import rules, store, units
from portal.payments.refunds.rules import Rules
from portal.payments.refunds.store import Refund
from portal.payments.refunds.units import Who, Wish
from portal.payments.store import Payment
from portal.staff import store as staff

PAGE = 50
EVER = 1 << 62
TYPED = ("way", "amount", "reason", "ends")


def who(desk: Desk) -> Who:
    return Who(id=desk.staff.id, role=desk.staff.role)


def rules_of(desk: Desk) -> Rules:
    return rules.read(desk.view.tenant.refund_rules)


# --- the list, and one of them ---


async def listed(desk: Desk) -> Response:
    """All refunds, the newest first; those that wait for somebody stand above."""
    before = asked.number_or_none(desk.query.get("before", ""))
    found = await desk.read(store.newest, before or EVER, PAGE + 1)
    waiting = [] if before else await desk.read(store.in_state, ("asked", "approved", "unknown"))
    return desk.page(
        "refunds",
        waiting=waiting,
        refunds=found[:PAGE],
        older=found[PAGE - 1].id if len(found) > PAGE else None,
        words=wording,
        names=await _names(desk),
    )


async def _names(desk: Desk) -> dict[int, str]:
    return await desk.read(staff.names)


async def one(desk: Desk) -> Response:
    """One refund: where it stands, and what can be done."""
    return await _one(desk)


async def _one(desk: Desk, wrong: Refused | None = None) -> Response:
    found = await desk.read(store.refund, asked.number(desk.request.path_params["id"]))
    paid = None if found is None else await desk.read(payments.payment, found.payment_id)
    if found is None or paid is None:
        raise Refused("not-found", status=404)
    return desk.page(
        "refund",
        wrong.status if wrong else 200,
        refund=found,
        paid=paid,
        words=wording,
        names=await _names(desk),
        may_agree=desk.may("refunds.approve") and found.asked_by != desk.staff.id,
        wrong=wrong.key if wrong else "",
    )


# --- asking ---


async def ask(desk: Desk) -> Response:
    """The form: what may be given back of a payment, and how."""
    return await _ask(desk, await _paid(desk))


async def _paid(desk: Desk) -> Payment:
    found = await desk.read(payments.payment, asked.number(desk.request.path_params["id"]))
    if found is None:
        raise Refused("not-found", status=404)
    return found


async def _ask(desk: Desk, paid: Payment, wrong: Refused | None = None) -> Response:
    account = await desk.read(get_account, paid.account_id)
    receipt = await desk.read(payments.receipt_of, paid.id)
    given = await desk.read(store.refunded, paid.id)
    return desk.page(
        "refund_new",
        wrong.status if wrong else 200,
        paid=paid,
        left=paid.amount.minor - given,
        past=await desk.read(store.of_payment, paid.id),
        reversible=bool(account and account.can_reverse and receipt and not given),
        set_up=bool(account and account.can_reverse),
        at_mpesa=account is None or account.provider == MPESA,
        rules=rules_of(desk),
        words=wording,
        filled={name: desk.fields.get(name, "")[:300] for name in TYPED},
        key=asked.new_key(),
        wrong=wrong.key if wrong else "",
    )


async def make(desk: Desk) -> Response:
    """Ask for it; a second tap of the same page leads to the same refund."""
    paid = await _paid(desk)
    try:
        wish = _wish(desk, paid)
        made: int = await desk.act(
            "refund.ask",
            f"payment:{paid.id}",
            units.ask,
            *(desk.services.vault, desk.view.tenant.public, wish, who(desk), rules_of(desk), desk.now),
            after={"amount": str(wish.amount), "way": wish.way, "reason": wish.reason},
            money=True,
        )
    except Refused as wrong:
        if wrong.key == "form":
            raise
        if wrong.key == "refund-there":
            return desk.go(f"/console/refunds/{wrong.values['refund']}", "refund-there")
        return await _ask(desk, paid, wrong)
    _wake(desk)
    return desk.go(f"/console/refunds/{made}", "refund-asked")


def _wish(desk: Desk, paid: Payment) -> Wish:
    fields = desk.fields
    way = asked.one_of(fields.get("way", "") or "-", tuple(wording.WAYS))
    return Wish(
        payment_id=paid.id,
        way=way,
        amount=paid.amount if way == "reversal" else asked.money(fields.get("amount", ""), paid.amount.currency),
        reason=asked.reason(fields.get("reason", "")),
        ends_pass=fields.get("ends") == "1" or way == "reversal",
        key=f"{desk.staff.id}:{asked.key(fields.get('key', ''))}",
    )


def _wake(desk: Desk) -> None:
    if desk.services.payments is not None:
        desk.services.payments.refunds.wake()


# --- what becomes of it ---


async def _acted(desk: Desk, act: str, unit: Callable[..., Any], *args: Any, **after: object) -> Response:
    """Do it; what cannot be done is said on the page of the refund."""
    refund_id = asked.number(desk.request.path_params["id"])
    try:
        done: Refund = await desk.act(
            act, f"refund:{refund_id}", unit, refund_id, *args, after=after or None, money=True
        )
    except Refused as wrong:
        if wrong.key in ("not-found", "form"):
            raise
        return await _one(desk, wrong)
    _wake(desk)
    return desk.go(f"/console/refunds/{done.id}", act.replace(".", "-"))


async def approve(desk: Desk) -> Response:
    """Agree to somebody else's."""
    return await _acted(desk, "refund.agree", units.approve, who(desk), rules_of(desk), desk.now)


async def decline(desk: Desk) -> Response:
    """Not to be given back."""
    return await _with_reason(desk, _declined)


async def _with_reason(desk: Desk, act: Callable[[Desk, str], Awaitable[Response]]) -> Response:
    try:
        reason = asked.reason(desk.fields.get("reason", ""))
    except Refused as wrong:
        return await _one(desk, wrong)
    return await act(desk, reason)


async def _declined(desk: Desk, reason: str) -> Response:
    return await _acted(desk, "refund.decline", units.decline, who(desk), reason, desk.now, reason=reason)


async def hand_over(desk: Desk) -> Response:
    """The cash leaves one's own drawer."""
    return await _acted(desk, "refund.hand", units.hand_over, who(desk), desk.now)


async def found_out(desk: Desk) -> Response:
    """Somebody has looked in M-Pesa's own list."""
    return await _with_reason(desk, _found_out)


async def _found_out(desk: Desk, reason: str) -> Response:
    gone = asked.one_of(desk.fields.get("gone", "") or "-", ("yes", "no")) == "yes"
    return await _acted(
        desk, "refund.found", units.found_out, gone, who(desk), desk.now, gone=desk.fields["gone"], reason=reason
    )


AT = "/refunds/{id}"
SCREENS = (
    get("/refunds", "payments", listed),
    get(AT, "payments", one),
    get("/payments/{id}/refund", "refunds", ask),
    post("/payments/{id}/refund", "refunds", make),
    post(f"{AT}/agree", "refunds.approve", approve, proof=True),
    post(f"{AT}/decline", "refunds", decline),
    post(f"{AT}/hand", "refunds", hand_over),
    post(f"{AT}/found", "refunds.approve", found_out, proof=True),
)
