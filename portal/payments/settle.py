"""Evidence in, pass out: the one way by which anything said about money changes a payment.

A callback, a query answer, a C2B confirmation and a claim all end in `settle`, any number of times and in any
order: the state table and the unique receipts make the second call a no-op. The pass is made in the same
transaction. What fits nothing is kept as a receipt with a line for staff, never dropped.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import Any, Literal

from portal.access import admission
from portal.access.store import Cause
from portal.clock import Moment
from portal.money import Money
from portal.payments import mpesa, payment, posting, store
from portal.payments.late import store as late
from portal.payments.payment import Evidence
from portal.payments.store import Payment, Receipt
from portal.people import store as people
from portal.phone import Phone
from portal.seal import Vault
from portal.tenancy.store import open_exception
from portal.units import Unit


@dataclass(frozen=True, kw_only=True)
class MoneyMoved:
    """What a channel says about money that moved."""

    number: str
    environment: str
    amount: Money
    account_id: int
    shortcode: str
    provider: str = store.PROVIDER
    account_ref: str = ""
    payer_tail: str | None = None
    payer_index: bytes | None = None
    paid_at: Moment | None = None


@dataclass(frozen=True, kw_only=True)
class Said:
    """Evidence about one payment, and by which way it came."""

    kind: Evidence | Literal["nothing"]
    via: str
    reason: str | None = None
    money: MoneyMoved | None = None
    alert: bool = False


def settle(vault: Vault, one: Payment, said: Said, now: Moment) -> Unit[str]:
    """Let evidence act on a payment; gives the verdict in a word."""
    said, nameless = yield from _of_the_erased(one, said)
    if said.money is not None:
        said = yield from _with_receipt(one, said, said.money, now, nameless)
    if said.kind == "nothing":
        return said.reason or "nothing"
    step = payment.step(one.state, said.kind)
    if changes := _changes(one, step, said, now):
        yield from store.change_payment(one.id, **changes)
    if step.effect == "grant":
        yield from _grant(vault, one, said, now)
    elif step.effect == "tell":
        yield from _tell(one, said, now)
    return "doubtful" if step.effect == "ask" else said.reason or said.kind


def _of_the_erased(one: Payment, said: Said) -> Unit[tuple[Said, bool]]:
    """Money for somebody who was erased meanwhile makes no pass for nobody, and brings no digits back (0036).

    Gives whether the payer was erased. While a payment is on its way nobody is; so only what is over is looked up.
    """
    if one.phone_tail is not None and one.state not in ("failed", "review"):
        return said, False
    erased = yield from late.payer_erased(one.person_id)
    if erased and said.money is not None:
        said = replace(said, money=replace(said.money, payer_tail=None, payer_index=None))
    if said.kind != "success" or one.state == "paid":
        return said, erased
    nobody = erased or (yield from late.device_gone(one.device_id))
    return (replace(said, kind="mismatch", reason="payer-erased") if nobody else said), erased


def _changes(one: Payment, step: payment.Step, said: Said, now: Moment) -> dict[str, Any]:
    """What becomes of the payment's own row; in one statement, because a callback's time goes into statements."""
    changes: dict[str, Any] = {}
    if step.state != one.state:
        changes |= {"state": step.state, "reason": said.reason if step.state in ("failed", "review") else None}
    if step.effect == "ask":
        changes["next_query_at"] = now
    elif step.state in ("failed", "review", "paid"):
        changes["next_query_at"] = None
    if step.effect == "grant":
        changes |= {"settled_at": now, "settled_by": said.via}
    return changes


def _tell(one: Payment, said: Said, now: Moment) -> Unit[None]:
    kind = said.reason or said.kind if said.kind == "mismatch" else _TOLD_AS[said.kind]
    yield from open_exception(kind, f"payment:{one.public}", LINES.get(kind, kind), now)


_TOLD_AS = {"failure": "contradicted", "success": "money-in-review"}
LINES = {
    "contradicted": "This payment is paid; later evidence says that it failed. It stays paid.",
    "wrong-amount": "Money came for this payment, but not the amount that was asked for.",
    "wrong-ids": "A success for this payment names ids of another request. No pass was made.",
    "receipt-used": "The receipt named for this payment has already paid another one. No pass was made.",
    "receipt-elsewhere": "The receipt named for this payment is already in the books. No pass was made.",
    "payer-erased": "Money came for somebody who was erased meanwhile. No pass was made.",
    "tenant-closed": "Money came while the shop was closed. No pass was made.",
    "unproven": "A success was reported that alone is no proof, and nothing has proven it in ten minutes.",
    "unknown-outcome": "A prompt may have rung and nobody knows what became of it; it cannot be asked for.",
    "unknown-id": "A success was reported, but M-Pesa does not know the request. No pass was made.",
    "second-receipt": "A second receipt came for a payment that is paid already.",
    "two-payments": "Two payments for one device succeeded within ten minutes; both made a pass.",
    "came-after-all": "Money is here that staff had given up as missing. The pass that it bought was ended then.",
    "two-candidates": "Money came that may belong to more than one payment.",
    "unmatched-money": "Money came that belongs to no payment.",
    "wrong-shortcode": "A confirmation names a number that is not of this account.",
    "unlisted-source": "A confirmation came from an address that is not on the list; nothing was credited.",
    "receipt-missing": "Paid according to a query two days ago, and still no receipt.",
    "money-in-review": "Money came for a payment that staff are looking at.",
}


PROOF = ("success", "decided")

# --- receipts ---


def _with_receipt(one: Payment, said: Said, money: MoneyMoved, now: Moment, nameless: bool) -> Unit[Said]:
    """Write the receipt down and give it to the payment, or say why it is not the payment's."""
    found = yield from known_receipt(money, said.via, now)
    if found is None:
        return replace(said, kind="mismatch", reason="receipt-elsewhere")
    if nameless and found.payment_id in (None, one.id):
        yield from late.forget_payer(found.id)
    if found.payment_id == one.id:
        return said
    if found.payment_id is not None or found.state == "returned":
        return replace(said, kind="mismatch", reason="receipt-used")
    if said.kind in PROOF and found.amount != one.amount:
        said = replace(said, kind="mismatch", reason="wrong-amount")
    if said.kind not in PROOF or (said.kind == "success" and one.state == "review"):
        yield from store.set_receipt_state(found.id, "review")
        return said
    return (yield from _attach(one, said, found, now))


def known_receipt(money: MoneyMoved, via: str, now: Moment) -> Unit[Receipt | None]:
    """The receipt with this number, written down if new; None when it is another tenant's (I3)."""
    made = yield from store.insert_receipt(
        provider=money.provider,
        environment=money.environment,
        number=money.number,
        amount_minor=money.amount.minor,
        currency=money.amount.currency,
        account_ref=mpesa.shown_ref(money.account_ref),
        shortcode=money.shortcode,
        payer_tail=money.payer_tail,
        payer_index=money.payer_index,
        account_id=money.account_id,
        paid_at=money.paid_at,
        seen_at=now,
        seen_via=via,
        state="unmatched",
    )
    if made is not None:
        yield from posting.written(made, now)
    return made or (yield from store.receipt(money.number, money.environment, money.provider))


def _attach(one: Payment, said: Said, found: Receipt, now: Moment) -> Unit[Said]:
    taken = yield from posting.take(found, one.id, "matched", now)
    if not taken:
        yield from store.set_receipt_state(found.id, "review")
        subject = f"receipt:{found.number}"
        yield from open_exception("second-receipt", subject, f"{LINES['second-receipt']} Payment {one.public}.", now)
        return replace(said, kind="nothing", reason="second-receipt")
    if one.state == "paid" and (yield from posting.came_after_all(found, one.id, now)):
        yield from open_exception("came-after-all", f"receipt:{found.number}", LINES["came-after-all"], now)
    yield from store.change_payment(one.id, receipt_state="here")
    yield from store.close_lines(("unproven", "unknown-outcome", "receipt-missing"), f"payment:{one.public}", now)
    yield from store.close_lines(("unmatched-money", "two-candidates"), f"receipt:{found.number}", now)
    return said


# --- the pass ---


def _grant(vault: Vault, one: Payment, said: Said, now: Moment) -> Unit[None]:
    """The payment is paid: its pass, in this very transaction (I1, I2)."""
    cause = Cause(kind="payment", ref=one.public)
    yield from admission.grant(one.plan, one.device_id, cause, now, one.person_id)
    yield from admission.wanted_since(one.device_id, one.created_at, now)
    yield from posting.paid(one, now)
    if said.money is None:
        yield from _receipt_to_come(vault, replace(one, settled_at=now), now)
    other = yield from store.paid_near(one.device_id, one.id, now - payment.CLOSE_MS)
    if other is not None:
        detail = f"{LINES['two-payments']} Payments {other.public} and {one.public}."
        yield from open_exception("two-payments", f"payment:{one.public}", detail, now)


def _receipt_to_come(vault: Vault, one: Payment, now: Moment) -> Unit[None]:
    """Settled without a receipt: one that waits may be it; with two, staff decide."""
    yield from store.change_payment(one.id, receipt_state="to come")
    since = min(now, one.submitted_at or one.created_at) - payment.BELONGS_MS
    waiting = yield from store.unmatched_like(one.account_id, one.amount, since, now + payment.BELONGS_MS)
    phone = yield from payers_phone(vault, one)
    fitting = [each for each in waiting if same_payer(vault, each.payer_tail, each.payer_index, phone)]
    if len(fitting) == 1:
        yield from _attach(one, Said(kind="success", via="waiting"), fitting[0], now)
    for each in fitting if len(fitting) > 1 else ():
        yield from store.set_receipt_state(each.id, "review")
        yield from open_exception("two-candidates", f"receipt:{each.number}", LINES["two-candidates"], now)


def payers_phone(vault: Vault, one: Payment) -> Unit[Phone | None]:
    """The phone that was asked to pay; None when its person is erased."""
    person = yield from people.person(vault, one.person_id)
    return None if person is None else person.phone


def payer_index(vault: Vault, payer: str) -> bytes | None:
    """The keyed hash of a payer's number, whether it came whole or as the provider's hash; None for a mask."""
    if mpesa.is_hash(payer):
        return vault.index(0, "payer", payer)
    if payer.isascii() and payer.isdigit() and len(payer) >= 9:
        return vault.index(0, "payer", hashlib.sha256(payer.encode()).hexdigest())
    return None


def same_payer(vault: Vault, tail: str | None, index: bytes | None, phone: Phone | None) -> bool:
    """Whether a receipt's payer may be this phone: by the whole number if known, else by its last digits."""
    if phone is None:
        return False
    if index is not None:
        return index == payer_index(vault, phone.digits)
    return tail is not None and tail == phone.tail
