"""What one tap of staff does about something that does not agree. Each is a unit; a finding is mended once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from portal.access import admission
from portal.access import store as access
from portal.access.store import Cause
from portal.books.ledger import About, post
from portal.clock import Moment
from portal.errors import Refused
from portal.money import Money
from portal.payments import posting
from portal.payments import store as payments
from portal.payments.accounts import get_account
from portal.payments.channels import settle_c2b
from portal.payments.late import store as late
from portal.payments.mpesa import C2bNotice
from portal.payments.mpesa_notices import of_c2b
from portal.payments.refunds import units as refunds
from portal.payments.refunds.store import refunded as given_back
from portal.payments.refunds.units import Elsewhere
from portal.payments.statements import store
from portal.payments.statements.kinds import KINDS
from portal.payments.store import Payment
from portal.seal import Vault
from portal.units import Row, Unit


@dataclass(frozen=True, kw_only=True)
class Mender:
    """Who mends, and with what."""

    vault: Vault
    tenant_public: str
    staff_id: int
    open_shop: bool


def mend(mender: Mender, finding_id: int, now: Moment) -> Unit[str]:
    """Do what the finding's kind offers; gives the word for it.

    Raises `Refused`: not-found, done-before, finding-gone, form.
    """
    finding = yield from store.finding(finding_id)
    if finding is None:
        raise Refused("not-found", status=404)
    remedy = KINDS[finding["kind"]].remedy
    act = _ACTS.get(remedy)
    if act is None:
        raise Refused("form")  # it leads to another page, where somebody has to choose
    if not (yield from store.settle_finding(finding_id, remedy, now)):
        raise Refused("done-before", status=409)
    yield from act(mender, finding, now)
    return remedy


def _take(mender: Mender, finding: Row, now: Moment) -> Unit[None]:
    """Settle a row of the statement as if a confirmation had come."""
    account = yield from get_account(finding["account_id"])
    number = finding["subject"].removeprefix("receipt:")
    row = yield from store.row_numbered(finding["account_id"], number, "in")
    if account is None or row is None:
        raise Refused("not-found", status=404)
    notice = C2bNotice(
        receipt=number,
        amount=Money(row["amount_minor"], row["currency"]),
        shortcode=account.pay_number,
        account_ref=row["account_ref"],
        payer=row["payer_tail"] or "",
        paid_at=row["paid_at"],
    )
    yield from settle_c2b(
        mender.vault, account, of_c2b(notice), now, trusted=True, open_shop=mender.open_shop, via="statement"
    )


def _grant(_: Mender, finding: Row, now: Moment) -> Unit[None]:
    """The pass that a paid payment never got; its cause makes it once."""
    one = yield from _payment(finding["payment_id"])
    if one is None or one.state != "paid":
        raise Refused("not-found", status=404)
    receipt = yield from payments.receipt_of(one.id)
    gone = yield from posting.given_up(one.id, None if receipt is None else receipt.id)
    if gone or (yield from given_back(one.id)) >= one.amount.minor:
        raise Refused("finding-gone", status=409)
    if (yield from late.nobodys(one.person_id, one.device_id)):
        raise Refused("match-erased", status=409)
    yield from admission.grant(one.plan, one.device_id, Cause(kind="payment", ref=one.public), now, one.person_id)


def _end(_: Mender, finding: Row, now: Moment) -> Unit[None]:
    """Nobody paid: the pass ends, and the books no longer have money that never came."""
    if finding["receipt_id"] is None:
        yield from _never_came(finding, now)
    else:
        yield from _not_there(finding, now)


def _never_came(finding: Row, now: Moment) -> Unit[None]:
    if (yield from payments.receipt_of(finding["payment_id"])) is not None:
        raise Refused("finding-gone", status=409)
    yield from _without_money("never-came", finding["payment_id"], finding["payment_id"], finding, now)


def _not_there(finding: Row, now: Moment) -> Unit[None]:
    """The statement was read further since: what it lists by now, and what the receipt has bought by now, counts."""
    receipt = yield from payments.receipt_by_id(finding["receipt_id"])
    assert receipt is not None
    if (yield from store.row_numbered(finding["account_id"], receipt.number, "in")) is not None:
        raise Refused("finding-gone", status=409)
    if receipt.payment_id is not None:
        yield from _without_money("not-there", receipt.id, receipt.payment_id, finding, now)
    elif (yield from payments.give_back(receipt.id)):  # it bought nothing, and never will
        yield from posting.sent_back(receipt, now)


def _without_money(kind: str, cause: int, payment_id: int, finding: Row, now: Moment) -> Unit[None]:
    about = About(account_id=finding["account_id"])
    yield from post(kind, str(cause), Money(finding["amount_minor"], finding["currency"]), now, about)
    one = yield from _payment(payment_id)
    made = None if one is None else (yield from access.pass_by_cause(Cause(kind="payment", ref=one.public)))
    if made is not None:
        yield from admission.end_pass(made.id, "void", now)


def _book(mender: Mender, finding: Row, now: Moment) -> Unit[None]:
    """The money went back at the provider's own page: it is a refund here, too."""
    receipt = yield from payments.receipt_by_id(finding["receipt_id"])
    assert receipt is not None
    if receipt.payment_id is None:
        if (yield from payments.give_back(receipt.id)):
            yield from posting.sent_back(receipt, now)
        return
    gone = Elsewhere(
        payment_id=receipt.payment_id,
        amount=Money(finding["amount_minor"], finding["currency"]),
        number=finding["detail"],
        staff_id=mender.staff_id,
    )
    yield from refunds.seen_elsewhere(mender.vault, mender.tenant_public, gone, now)


def _look(_: Mender, finding: Row, now: Moment) -> Unit[None]:
    """Somebody has looked."""
    yield from ()


def _payment(payment_id: int | None) -> Unit[Payment | None]:
    return None if payment_id is None else (yield from payments.payment(payment_id))


_ACTS: Mapping[str, Callable[[Mender, Row, Moment], Unit[None]]] = MappingProxyType(
    {"take": _take, "grant": _grant, "end": _end, "book": _book, "look": _look}
)
