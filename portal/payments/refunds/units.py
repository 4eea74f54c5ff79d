"""What becomes of a refund: asked for, agreed to, sent, heard of. Each function is a unit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from portal.access import admission
from portal.access import store as access
from portal.access.store import Cause
from portal.books.ledger import About, post
from portal.clock import Moment
from portal.errors import ProviderRefused, ProviderUnknown, Refused
from portal.money import Money
from portal.payments import posting
from portal.payments import store as payments
from portal.payments.accounts import MpesaAccount, get_account
from portal.payments.refunds import store
from portal.payments.refunds.rules import MAY_APPROVE, Rules
from portal.payments.refunds.states import SILENT_MS, STALE_MS, Effect, Evidence, step
from portal.payments.refunds.store import Refund
from portal.payments.store import Payment
from portal.seal import Vault, new_public, token_hash
from portal.tenancy import store as tenancy
from portal.units import Unit

LINES = {
    "refund-unknown": "Nobody knows whether this refund left. Look in the M-Pesa statement, then say what you found.",
    "refund-failed": "M-Pesa did not send this refund. The guest has their pass again; give it back another way.",
    "refund-odd": "M-Pesa said two things about this refund. It counts as sent; look in the M-Pesa statement.",
}


@dataclass(frozen=True, kw_only=True)
class Who:
    """Somebody of the staff, as far as refunds want to know."""

    id: int
    role: str


@dataclass(frozen=True, kw_only=True)
class Wish:
    """A refund that somebody asks for."""

    payment_id: int
    way: str  # reversal | cash
    amount: Money
    reason: str
    ends_pass: bool
    key: str  # of the form


# --- asked, agreed to, declined ---


def ask(vault: Vault, tenant_public: str, wish: Wish, who: Who, rules: Rules, now: Moment) -> Unit[int]:
    """Ask for a refund; approved at once where one person is enough, and cash is then handed over. Gives its id.

    Raises `Refused`: refund-there (with the refund that this form has made), refund-unpaid, refund-never-came,
    refund-amount, refund-limit, refund-more, refund-reversal-part, refund-reversal-receipt, refund-reversal-setup,
    refund-lives.
    """
    there = yield from store.by_form(wish.key)
    if there is not None:
        raise Refused("refund-there", status=409, refund=there)
    paid = yield from _paid(wish, who, rules)
    if wish.way == "reversal":
        yield from _reversible(paid, wish)
    alone = not rules.needs_two((yield from _in_all(paid.id, wish.amount)))
    if not (yield from store.reserve(paid.id, wish.amount.minor)):
        raise Refused("refund-more", status=409)
    public = new_public(8)
    refund_id = yield from store.insert_refund(
        public=public,
        form_key=wish.key,
        payment_id=paid.id,
        way=wish.way,
        amount_minor=wish.amount.minor,
        currency=wish.amount.currency,
        state="approved" if alone else "asked",
        reason=wish.reason,
        ends_pass=wish.ends_pass,
        asked_by=who.id,
        asked_at=now,
        decided_by=who.id if alone else None,
        decided_at=now if alone else None,
        result_hash=token_hash(result_token(vault, tenant_public, public)),
    )
    if refund_id is None:
        raise Refused("refund-lives", status=409)
    if alone and wish.way == "cash":
        yield from hand_over(refund_id, who, now)
    return refund_id


def result_token(vault: Vault, tenant_public: str, public: str) -> str:
    """The path token of a refund's result address."""
    return vault.path_token(tenant_public, "refund", public)


def _paid(wish: Wish, who: Who, rules: Rules) -> Unit[Payment]:
    """The payment, if so much of it may be given back by them."""
    paid = yield from payments.payment(wish.payment_id)
    if paid is None or paid.state != "paid":
        raise Refused("refund-unpaid", status=409)
    yield from _must_be_there(paid.id)
    if wish.amount.minor <= 0 or wish.amount.currency != paid.amount.currency or wish.amount > paid.amount:
        raise Refused("refund-amount")
    if not rules.may(who.role, (yield from _in_all(paid.id, wish.amount))):
        raise Refused("refund-limit", status=403)
    return paid


def _must_be_there(payment_id: int) -> Unit[None]:
    """Raise `Refused` when somebody has found that the money of a payment is not at the provider."""
    receipt = yield from payments.receipt_of(payment_id)
    if (yield from posting.given_up(payment_id, None if receipt is None else receipt.id)):
        raise Refused("refund-never-came", status=409)


def _in_all(payment_id: int, more: Money) -> Unit[Money]:
    """What is given back of a payment with this: limits are for all of it, so that nobody gets round them in parts."""
    return Money((yield from store.refunded(payment_id)) + more.minor, more.currency)


def _reversible(paid: Payment, wish: Wish) -> Unit[None]:
    """M-Pesa takes a whole receipt back, and asks by whom."""
    if wish.amount != paid.amount:
        raise Refused("refund-reversal-part")
    if (yield from payments.receipt_of(paid.id)) is None:
        raise Refused("refund-reversal-receipt", status=409)
    account = yield from get_account(paid.account_id)
    if account is None or not account.can_reverse:
        raise Refused("refund-reversal-setup", status=409)


def approve(refund_id: int, who: Who, rules: Rules, now: Moment) -> Unit[Refund]:
    """A second person agrees. Raises `Refused`: refund-same-person, refund-limit, refund-never-came, refund-over."""
    one = yield from _existing(refund_id)
    yield from _must_be_there(one.payment_id)
    if who.id == one.asked_by:
        raise Refused("refund-same-person", status=403)
    in_all = yield from _in_all(one.payment_id, Money(0, one.amount.currency))  # this one is counted in it
    if who.role not in MAY_APPROVE or not rules.may(who.role, in_all):
        raise Refused("refund-limit", status=403)
    yield from _decided(one, "approved", who, now)
    return one


def decline(refund_id: int, who: Who, why: str, now: Moment) -> Unit[Refund]:
    """It is not given back. Who asked may take it back, who may agree may decline."""
    one = yield from _existing(refund_id)
    if who.id != one.asked_by and who.role not in MAY_APPROVE:
        raise Refused("refund-limit", status=403)
    yield from _decided(one, "declined", who, now, why_not=why)
    return one


def hand_over(refund_id: int, who: Who, now: Moment) -> Unit[Refund]:
    """The cash of an approved refund leaves the drawer of whoever hands it over."""
    one = yield from _existing(refund_id)
    if one.way != "cash":
        raise Refused("refund-over", status=409)
    yield from _must_be_there(one.payment_id)
    yield from store.keep(one.id, drawer_id=who.id)
    if not (yield from hear(one, "handed", now)):
        raise Refused("refund-over", status=409)
    return one


def found_out(refund_id: int, gone: bool, who: Who, now: Moment) -> Unit[Refund]:
    """Staff have looked in the provider's list for a refund of which nobody knew."""
    one = yield from _existing(refund_id)
    if who.role not in MAY_APPROVE:
        raise Refused("refund-limit", status=403)
    if not (yield from hear(one, "seen-gone" if gone else "seen-kept", now)):
        raise Refused("refund-over", status=409)
    return one


@dataclass(frozen=True, kw_only=True)
class Elsewhere:
    """Money that the provider's list shows as taken back, of which nobody here had asked for it."""

    payment_id: int
    amount: Money
    number: str  # of the reversal, in that list
    staff_id: int


def seen_elsewhere(vault: Vault, tenant_public: str, gone: Elsewhere, now: Moment) -> Unit[None]:
    """A reversal that was made at the provider's own page: the one that lives here is done, or it becomes one."""
    sent = yield from _make_way(gone.payment_id, now)
    if sent is not None:
        yield from store.keep(sent.id, number=sent.number or gone.number)
        yield from hear(sent, "success", now)
        return
    public = new_public(8)
    refund_id = yield from store.insert_refund(
        public=public,
        form_key=f"elsewhere:{gone.number}",
        payment_id=gone.payment_id,
        way="reversal",
        amount_minor=gone.amount.minor,
        currency=gone.amount.currency,
        state="unknown",
        reason="made at the provider",
        ends_pass=True,
        asked_by=gone.staff_id,
        asked_at=now,
        number=gone.number,
        result_hash=token_hash(result_token(vault, tenant_public, public)),
    )
    if refund_id is not None:
        yield from store.count_given(gone.payment_id, gone.amount.minor)
        yield from hear((yield from _existing(refund_id)), "seen-gone", now)


def _make_way(payment_id: int, now: Moment) -> Unit[Refund | None]:
    """The money of a receipt has left: a reversal that was not sent never is. Gives the one that was, if any."""
    for one in (yield from store.of_payment(payment_id)):
        if one.way != "reversal":
            continue
        if one.state in ("asked", "approved"):
            yield from hear(one, "declined", now, "gone-already")
        elif one.state in ("submitting", "awaiting", "unknown", "done"):
            return one
    return None


def _decided(one: Refund, evidence: Evidence, who: Who, now: Moment, why_not: str | None = None) -> Unit[None]:
    if not (yield from hear(one, evidence, now, why_not)):
        raise Refused("refund-over", status=409)
    yield from store.keep(one.id, decided_by=who.id, decided_at=now)


def _existing(refund_id: int) -> Unit[Refund]:
    one = yield from store.refund(refund_id)
    if one is None:
        raise Refused("not-found", status=404)
    return one


# --- sent, and heard of ---


@dataclass(frozen=True, kw_only=True)
class Sending:
    """A reversal that is about to be sent."""

    refund: Refund
    account: MpesaAccount
    receipt: str


Outcome = str | ProviderRefused | ProviderUnknown  # the name that the provider gave the request, or why it did not


def claim(refund_id: int, now: Moment) -> Unit[Sending | None]:
    """Take an approved reversal in hand, before the provider is called; None when it is not ours to send."""
    one = yield from store.refund(refund_id)
    if one is None or one.way != "reversal" or one.state != "approved":
        return None
    paid = yield from payments.payment(one.payment_id)
    receipt = yield from payments.receipt_of(one.payment_id)
    account = None if paid is None else (yield from get_account(paid.account_id))
    if receipt is None or account is None:
        return None
    if not (yield from hear(one, "claimed", now)):
        return None
    yield from store.keep(one.id, sent_at=now)
    return Sending(refund=one, account=account, receipt=receipt.number)


def record_outcome(refund_id: int, outcome: Outcome, now: Moment) -> Unit[None]:
    """Write down what the request came to; its result may have been quicker."""
    one = yield from _existing(refund_id)
    if isinstance(outcome, str):
        yield from store.keep(one.id, conversation=outcome)
        yield from hear(one, "accepted", now)
    elif isinstance(outcome, ProviderRefused):
        yield from hear(one, "refused", now, outcome.reason)
    else:
        yield from hear(one, "lost", now)


def recover(now: Moment) -> Unit[int]:
    """After a start: what was being sent has an unknown outcome."""
    found = yield from store.in_state(("submitting",))
    for one in found:
        yield from hear(one, "restarted", now)
    return len(found)


def anything_overdue(now: Moment) -> Unit[bool]:
    """Whether `overdue` has something to do; a read, so that an idle installation writes nothing."""
    found = yield from store.in_state(("awaiting", "asked"))
    return any(_is_late(one, now) for one in found)


def _is_late(one: Refund, now: Moment) -> bool:
    if one.state == "awaiting":
        return (one.sent_at or one.asked_at) <= now - SILENT_MS
    return one.asked_at <= now - STALE_MS


def overdue(now: Moment) -> Unit[int]:
    """Refunds of which nothing was heard for too long, and those that nobody agreed to."""
    late = 0
    for one in (yield from store.in_state(("awaiting", "asked"))):
        if one.state == "awaiting" and (one.sent_at or one.asked_at) <= now - SILENT_MS:
            late += yield from hear(one, "silent", now)
        elif one.state == "asked" and one.asked_at <= now - STALE_MS:
            late += yield from hear(one, "declined", now, "nobody-agreed")
    return late


def hear(one: Refund, evidence: Evidence, now: Moment, why_not: str | None = None) -> Unit[bool]:
    """Let evidence act on a refund; whether it changed or meant anything."""
    if one.state == "failed" and evidence == "success":
        sent = yield from _make_way(one.payment_id, now)
        if sent is not None:  # a receipt goes back once, so that this is word of the later one
            yield from hear(sent, "success", now)
            yield from _tell(one, evidence, now)
            return True
    after = step(one.state, evidence)
    if after.state == one.state and not after.effects:
        return False
    columns: dict[str, Any] = {"state": after.state, "why_not": why_not}
    if after.state in ("done", "failed", "declined"):
        columns["ended_at"] = now
    if not (yield from store.move(one.id, one.state, **columns)):
        return False
    for each in after.effects:
        yield from _carry_out(each, one, evidence, now)
    if after.state in ("done", "failed"):
        yield from payments.close_line("refund-unknown", f"refund:{one.public}", now)
    return True


def _carry_out(effect: Effect, one: Refund, evidence: Evidence, now: Moment) -> Unit[None]:
    if effect == "end" and one.ends_pass:
        yield from _end_pass(one, now)
    elif effect == "revive" and one.ends_pass:
        yield from _give_pass_back(one, now)
    elif effect == "release":
        yield from store.count_given(one.payment_id, -one.amount.minor)
    elif effect == "take":
        yield from store.count_given(one.payment_id, one.amount.minor)
    elif effect == "book":
        yield from _book(one, now)
    elif effect == "tell":
        yield from _tell(one, evidence, now)


def _end_pass(one: Refund, now: Moment) -> Unit[None]:
    made = yield from _pass_of(one)
    if made is not None:
        yield from admission.end_pass(made, "refund", now)


def _give_pass_back(one: Refund, now: Moment) -> Unit[None]:
    made = yield from _pass_of(one)
    if made is not None:
        yield from admission.revive(made, now)


def _pass_of(one: Refund) -> Unit[int | None]:
    paid = yield from payments.payment(one.payment_id)
    assert paid is not None
    made = yield from access.pass_by_cause(Cause(kind="payment", ref=paid.public))
    return None if made is None else made.id


def _book(one: Refund, now: Moment) -> Unit[None]:
    current = yield from store.refund(one.id)
    paid = yield from payments.payment(one.payment_id)
    assert paid is not None
    assert current is not None
    about = About(account_id=paid.account_id, plan_id=paid.plan.id, router_id=paid.router_id)
    if one.way == "cash":
        about = About(staff_id=current.drawer_id, plan_id=paid.plan.id, router_id=paid.router_id)
    yield from post(f"refund-{one.way}", one.public, one.amount, now, about)


def _tell(one: Refund, evidence: Evidence, now: Moment) -> Unit[None]:
    kind = "refund-unknown"
    if evidence in ("refused", "failure"):
        kind = "refund-odd" if one.state == "done" else "refund-failed"
    elif evidence == "success":
        kind = "refund-odd"
    yield from tenancy.open_exception(kind, f"refund:{one.public}", LINES[kind], now)
