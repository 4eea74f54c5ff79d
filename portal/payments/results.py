"""What M-Pesa posts later about what its API user was asked for: of a refund, of a question."""

from __future__ import annotations

from portal.clock import Moment
from portal.payments import initiator
from portal.payments import store as payments
from portal.payments.initiator import InitiatorResult
from portal.payments.refunds import store as refunds
from portal.payments.refunds import units as refunding
from portal.payments.statements import asking
from portal.payments.statements import store as statements
from portal.seal import Vault
from portal.units import Row, Unit

CHANNELS = frozenset({"result", "result-timeout"})


def owner(result_hash: bytes) -> Unit[dict[str, int] | None]:
    """Whose result address this is."""
    refund_id = yield from refunds.by_result(result_hash)
    if refund_id is not None:
        return {"refund_id": refund_id}
    question_id = yield from statements.question_by_result(result_hash)
    return None if question_id is None else {"question_id": question_id}


def account_of(refund_id: int | None, question_id: int | None) -> Unit[int | None]:
    """Through whose account it was asked for."""
    if refund_id is not None:
        one = yield from refunds.refund(refund_id)
        return None if one is None else (yield from payments.account_of_payment(one.payment_id))
    question = None if question_id is None else (yield from statements.question(question_id))
    return None if question is None else int(question["account_id"])


def settle(vault: Vault, row: Row, body: bytes, now: Moment, *, trusted: bool, open_shop: bool) -> Unit[str]:
    """Let a result act. From an address that is not on the list it does nothing: its refund stays unknown."""
    if not trusted:
        return "unlisted-source"
    if row["channel"] == "result-timeout":
        return (yield from _silent(row, now))
    said = initiator.read_result(body)
    if said is None:
        return "unreadable"
    if row["refund_id"] is not None:
        return (yield from _refund(row["refund_id"], said, now))
    question = yield from statements.question(row["question_id"])
    assert question is not None
    return (yield from asking.answered(vault, question, said, now, open_shop))


def _silent(row: Row, now: Moment) -> Unit[str]:
    """M-Pesa does not know what became of it, and neither do we."""
    if row["refund_id"] is None:
        yield from statements.no_answer(row["question_id"], now)
        return "unknown"
    one = yield from refunds.refund(row["refund_id"])
    assert one is not None
    yield from refunding.hear(one, "silent", now)
    return "unknown"


def _refund(refund_id: int, said: InitiatorResult, now: Moment) -> Unit[str]:
    one = yield from refunds.refund(refund_id)
    assert one is not None
    if one.conversation and said.conversation and one.conversation != said.conversation:
        return "wrong-ids"
    meaning = initiator.reversal_meaning(said.code)
    if meaning.state == "unknown":
        return "pending"
    if said.transaction:
        yield from refunds.keep(one.id, number=said.transaction[:20])
    if meaning.state == "done":
        yield from refunding.hear(one, "success", now)
        return "success"
    yield from refunding.hear(one, "failure", now, meaning.reason)
    return meaning.reason
