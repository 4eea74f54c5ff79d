"""The statements (of SQL) about statements (of M-Pesa). Each decides nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from portal.clock import MINUTE, Moment
from portal.sql import any_of
from portal.units import Row, Sql, Unit, insert, insert_new, one, rows, update, value

# --- how far each account was read ---


@dataclass(frozen=True, kw_only=True)
class Pull:
    """How far the statement of an account was read: a row of `pulls`."""

    id: int
    account_id: int
    registered: bool
    zone: str | None
    read_until: Moment | None
    swept_at: Moment | None
    trouble: str | None
    tried_at: Moment | None


def pull_of(account_id: int) -> Unit[Pull]:
    """What is known of reading this account's statement; made known if it is new."""
    yield from insert_new("pulls", account_id=account_id)
    found = yield from known_pull(account_id)
    assert found is not None
    return found


def known_pull(account_id: int) -> Unit[Pull | None]:
    row = yield from one("SELECT * FROM pulls WHERE tenant_id = :tenant AND account_id = :id", id=account_id)
    if row is None:
        return None
    fields = {name: row[name] for name in Pull.__dataclass_fields__}
    return Pull(**{**fields, "registered": bool(fields["registered"])})


def change_pull(pull_id: int, **columns: Any) -> Unit[None]:
    yield from update("pulls", pull_id, **columns)


def pulls() -> Unit[Mapping[int, Row]]:
    """What is known of reading each account's statement, by the account."""
    found = yield from rows("SELECT * FROM pulls WHERE tenant_id = :tenant")
    return {row["account_id"]: row for row in found}


def add_span(account_id: int, since: Moment, until: Moment, via: str, lines: int, now: Moment) -> Unit[None]:
    """A statement was read whole; what follows without a gap makes the stretch before it longer."""
    last = yield from one(
        "SELECT * FROM statement_spans WHERE tenant_id = :tenant AND account_id = :account_id AND via = :via"
        " ORDER BY until DESC LIMIT 1",
        account_id=account_id,
        via=via,
    )
    if last is not None and last["since"] <= since <= last["until"]:
        longer = max(last["until"], until)
        yield from update("statement_spans", last["id"], until=longer, lines=last["lines"] + lines, read_at=now)
        return
    yield from insert(
        "statement_spans", account_id=account_id, since=since, until=until, via=via, lines=lines, read_at=now
    )


def spans(account_id: int, since: Moment, until: Moment) -> Unit[Sequence[Row]]:
    """What was read whole of an account that touches this time, in order."""
    return (
        yield from rows(
            "SELECT since, until, via, lines FROM statement_spans WHERE tenant_id = :tenant"
            " AND account_id = :account_id AND until > :since AND since < :until ORDER BY since",
            account_id=account_id,
            since=since,
            until=until,
        )
    )


# --- rows ---


def add_row(**columns: Any) -> Unit[int | None]:
    """A row of a statement; None when it is known."""
    return (yield from insert_new("statement_rows", **columns))


def known_rows(account_id: int, numbers: Sequence[str]) -> Unit[set[tuple[str, str]]]:
    """The number and kind of those of these rows that were read before."""
    found: set[tuple[str, str]] = set()
    for start in range(0, len(numbers), 500):
        marks, bound = any_of(numbers[start : start + 500])
        known = yield from rows(
            "SELECT number, kind FROM statement_rows WHERE tenant_id = :tenant AND account_id = :account_id"
            f" AND number IN ({marks})",
            account_id=account_id,
            **bound,
        )
        found.update((row["number"], row["kind"]) for row in known)
    return found


def set_outcome(row_id: int, outcome: str) -> Unit[None]:
    yield from update("statement_rows", row_id, outcome=outcome)


def row_numbered(account_id: int, number: str, kind: str) -> Unit[Row | None]:
    return (
        yield from one(
            "SELECT * FROM statement_rows WHERE tenant_id = :tenant AND account_id = :account_id"
            " AND number = :number AND kind = :kind",
            account_id=account_id,
            number=number,
            kind=kind,
        )
    )


def known_times(account_id: int, numbers: Sequence[str]) -> Unit[dict[str, Moment]]:
    """When these receipts were paid, as far as that is known from elsewhere."""
    found: dict[str, Moment] = {}
    for start in range(0, len(numbers), 500):
        marks, bound = any_of(numbers[start : start + 500])
        known = yield from rows(
            "SELECT number, paid_at FROM receipts WHERE tenant_id = :tenant AND account_id = :account_id"
            f" AND number IN ({marks}) AND paid_at IS NOT NULL AND seen_via IN ('stk', 'c2b')",
            account_id=account_id,
            **bound,
        )
        found |= {row["number"]: int(row["paid_at"]) for row in known}
    return found


def told_of(account_id: int, since: Moment, until: Moment) -> Unit[bool]:
    """Whether messages told of money that came to this account between two moments."""
    found = yield from one(
        "SELECT 1 AS n FROM receipts WHERE tenant_id = :tenant AND account_id = :account_id"
        " AND paid_at >= :since AND paid_at < :until AND seen_via IN ('stk', 'c2b') LIMIT 1",
        account_id=account_id,
        since=since,
        until=until,
    )
    return found is not None


# --- the comparison: each gives ``subject``, ``minor`` and ``detail``, with the ids of what it is about ---

TWICE_MS = 10 * MINUTE


def not_in_books(since: Moment, until: Moment) -> Unit[Sequence[Row]]:
    """Money on the statement of which no receipt is known."""
    return (
        yield from rows(
            "SELECT 'receipt:' || s.number AS subject, s.amount_minor AS minor, '' AS detail,"
            " s.account_id AS account_id, NULL AS payment_id, NULL AS receipt_id FROM statement_rows s"
            " WHERE s.tenant_id = :tenant AND s.kind = 'in' AND s.paid_at >= :since AND s.paid_at < :until"
            " AND NOT EXISTS (SELECT 1 FROM receipts r WHERE r.tenant_id = :tenant AND r.number = s.number"
            " AND r.account_id = s.account_id)",
            since=since,
            until=until,
        )
    )


def other_amounts(since: Moment, until: Moment) -> Unit[Sequence[Row]]:
    """Receipts of which the statement names another amount."""
    return (
        yield from rows(
            "SELECT 'receipt:' || s.number AS subject, s.amount_minor AS minor,"
            " CAST(r.amount_minor AS TEXT) AS detail, s.account_id AS account_id, r.payment_id AS payment_id,"
            " r.id AS receipt_id FROM statement_rows s JOIN receipts r ON r.tenant_id = s.tenant_id"
            " AND r.number = s.number AND r.account_id = s.account_id WHERE s.tenant_id = :tenant AND s.kind = 'in'"
            " AND s.paid_at >= :since AND s.paid_at < :until AND s.amount_minor <> r.amount_minor",
            since=since,
            until=until,
        )
    )


def not_on_statement(account_id: int, since: Moment, until: Moment) -> Unit[Sequence[Row]]:
    """Receipts of a time whose statement was read whole, and which it does not list."""
    return (
        yield from rows(
            "SELECT 'receipt:' || r.number AS subject, r.amount_minor AS minor, r.seen_via AS detail,"
            " r.account_id AS account_id, r.payment_id AS payment_id, r.id AS receipt_id FROM receipts r"
            " WHERE r.tenant_id = :tenant AND r.account_id = :account_id"
            " AND COALESCE(r.paid_at, r.seen_at) >= :since AND COALESCE(r.paid_at, r.seen_at) < :until"
            " AND NOT EXISTS (SELECT 1 FROM statement_rows s WHERE s.tenant_id = :tenant"
            " AND s.account_id = r.account_id AND s.number = r.number AND s.kind = 'in')",
            account_id=account_id,
            since=since,
            until=until,
        )
    )


def no_receipt(account_id: int, since: Moment, until: Moment, settled_before: Moment) -> Unit[Sequence[Row]]:
    """Payments of such a time that count as paid, for some time now, and have no receipt."""
    return (
        yield from rows(
            "SELECT 'payment:' || p.public AS subject, p.amount_minor AS minor, p.settled_by AS detail,"
            " p.account_id AS account_id, p.id AS payment_id, NULL AS receipt_id FROM payments p"
            " WHERE p.tenant_id = :tenant AND p.account_id = :account_id AND p.state = 'paid'"
            " AND p.created_at >= :oldest AND p.created_at < :until AND p.settled_at < :settled_before"
            " AND COALESCE(p.submitted_at, p.created_at) >= :since AND COALESCE(p.submitted_at, p.created_at) < :until"
            " AND NOT EXISTS (SELECT 1 FROM receipts r WHERE r.tenant_id = :tenant AND r.payment_id = p.id)",
            account_id=account_id,
            since=since,
            until=until,
            oldest=since - TWICE_MS,
            settled_before=settled_before,
        )
    )


def unplaced(since: Moment, until: Moment) -> Unit[Sequence[Row]]:
    """Receipts that have bought nothing, and were not sent back."""
    return (
        yield from rows(
            "SELECT 'receipt:' || r.number AS subject, r.amount_minor AS minor, r.state AS detail,"
            " r.account_id AS account_id, NULL AS payment_id, r.id AS receipt_id FROM receipts r"
            " WHERE r.tenant_id = :tenant AND r.payment_id IS NULL AND r.state IN ('unmatched', 'review')"
            " AND COALESCE(r.paid_at, r.seen_at) >= :since AND COALESCE(r.paid_at, r.seen_at) < :until",
            since=since,
            until=until,
        )
    )


def no_pass(since: Moment, until: Moment) -> Unit[Sequence[Row]]:
    """Payments that are paid and never made a pass."""
    return (
        yield from rows(
            "SELECT 'payment:' || p.public AS subject, p.amount_minor AS minor, '' AS detail,"
            " p.account_id AS account_id, p.id AS payment_id, NULL AS receipt_id FROM payments p"
            " WHERE p.tenant_id = :tenant AND p.settled_at >= :since AND p.settled_at < :until AND p.state = 'paid'"
            " AND p.refunded_minor < p.amount_minor"
            " AND NOT EXISTS (SELECT 1 FROM passes s WHERE s.tenant_id = :tenant AND s.cause_kind = 'payment'"
            " AND s.cause_ref = p.public)",
            since=since,
            until=until,
        )
    )


def twice(since: Moment, until: Moment) -> Unit[Sequence[Row]]:
    """Payments that follow one of the same person, device, plan and amount within ten minutes; none is given back."""
    return (
        yield from rows(
            "SELECT 'payment:' || p.public AS subject, p.amount_minor AS minor, CAST(MAX(b.id) AS TEXT) AS detail,"
            " p.account_id AS account_id, p.id AS payment_id, NULL AS receipt_id FROM payments p"
            " JOIN payments b ON b.tenant_id = p.tenant_id AND b.device_id = p.device_id"
            " AND b.created_at BETWEEN p.created_at - :near AND p.created_at AND b.id < p.id"
            " AND b.person_id = p.person_id AND b.plan_id = p.plan_id AND b.amount_minor = p.amount_minor"
            " AND b.state = 'paid' AND b.refunded_minor = 0"
            " WHERE p.tenant_id = :tenant AND p.settled_at >= :since AND p.settled_at < :until AND p.state = 'paid'"
            " AND p.refunded_minor = 0 GROUP BY p.id, p.public, p.amount_minor, p.account_id",
            since=since,
            until=until,
            near=TWICE_MS,
        )
    )


def reversed_elsewhere(since: Moment, until: Moment) -> Unit[Sequence[Row]]:
    """Money that the statement shows as taken back, and the books as ours."""
    return (
        yield from rows(
            "SELECT 'receipt:' || r.number AS subject, s.amount_minor AS minor, s.number AS detail,"
            " s.account_id AS account_id, r.payment_id AS payment_id, r.id AS receipt_id FROM statement_rows s"
            " JOIN receipts r ON r.tenant_id = s.tenant_id AND r.account_id = s.account_id"
            " AND r.number = CASE WHEN s.linked = '' THEN s.number ELSE s.linked END"
            " WHERE s.tenant_id = :tenant AND s.kind = 'out' AND s.paid_at >= :since AND s.paid_at < :until"
            " AND r.state <> 'returned' AND NOT EXISTS (SELECT 1 FROM refunds f WHERE f.tenant_id = :tenant"
            " AND f.payment_id = r.payment_id AND f.way = 'reversal' AND f.state = 'done')",
            since=since,
            until=until,
        )
    )


def of_day(since: Moment, until: Moment) -> Unit[Row]:
    """``receipts`` and ``minor`` of the books, ``lines`` of the statement."""
    found = yield from one(
        "SELECT COUNT(*) AS receipts, COALESCE(SUM(amount_minor), 0) AS minor FROM receipts WHERE tenant_id = :tenant"
        " AND COALESCE(paid_at, seen_at) >= :since AND COALESCE(paid_at, seen_at) < :until",
        since=since,
        until=until,
    )
    lines = yield from value(
        "SELECT COUNT(*) AS n FROM statement_rows WHERE tenant_id = :tenant AND kind = 'in' AND paid_at >= :since"
        " AND paid_at < :until",
        since=since,
        until=until,
    )
    assert found is not None
    return {"receipts": int(found["receipts"]), "minor": int(found["minor"]), "lines": int(lines)}


# --- findings ---


def add_finding(**columns: Any) -> Unit[int | None]:
    """A new finding; None when it is known."""
    return (yield from insert_new("findings", **columns))


def open_again(kind: str, subject: str, now: Moment) -> Unit[None]:
    """A finding that had gone by itself is there again; what staff settled stays settled."""
    yield Sql(
        "UPDATE findings SET settled_at = NULL, how = NULL, found_at = :now WHERE tenant_id = :tenant"
        " AND kind = :kind AND subject = :subject AND how = 'gone'",
        {"kind": kind, "subject": subject, "now": now},
    )


def was_given_up(number: str) -> Unit[bool]:
    """Whether staff have ended what this receipt bought, as the statement did not list it."""
    found = yield from value(
        "SELECT COUNT(*) AS n FROM findings WHERE tenant_id = :tenant AND kind = 'not-on-statement'"
        " AND subject = :subject AND how = 'end'",
        subject=f"receipt:{number}",
    )
    return bool(found)


def open_findings(day: str) -> Unit[Sequence[Row]]:
    """What does not agree of a day, and is not settled."""
    return (
        yield from rows(
            "SELECT * FROM findings WHERE tenant_id = :tenant AND day = :day AND settled_at IS NULL ORDER BY kind, id",
            day=day,
        )
    )


def findings(before: int, limit: int) -> Unit[Sequence[Row]]:
    """All that is not settled below an id, the newest first."""
    return (
        yield from rows(
            "SELECT * FROM findings WHERE tenant_id = :tenant AND settled_at IS NULL AND id < :before"
            " ORDER BY id DESC LIMIT :limit",
            before=before,
            limit=limit,
        )
    )


def finding(finding_id: int) -> Unit[Row | None]:
    return (yield from one("SELECT * FROM findings WHERE tenant_id = :tenant AND id = :id", id=finding_id))


def settle_finding(finding_id: int, how: str, now: Moment) -> Unit[bool]:
    """A finding is settled, once."""
    row = yield from one(
        "UPDATE findings SET settled_at = :now, how = :how WHERE tenant_id = :tenant AND id = :id"
        " AND settled_at IS NULL RETURNING id",
        id=finding_id,
        how=how,
        now=now,
    )
    return row is not None


def settle_gone(finding_ids: Iterable[int], now: Moment) -> Unit[None]:
    """These agree by now."""
    for finding_id in finding_ids:
        yield from settle_finding(finding_id, "gone", now)


# --- checks ---


def set_check(**columns: Any) -> Unit[None]:
    """The result of a day; the latest one counts."""
    yield Sql("DELETE FROM checks WHERE tenant_id = :tenant AND day = :day", {"day": columns["day"]})
    yield from insert("checks", **columns)


def check_of(day: str) -> Unit[Row | None]:
    return (yield from one("SELECT * FROM checks WHERE tenant_id = :tenant AND day = :day", day=day))


def checks(limit: int) -> Unit[Sequence[Row]]:
    """The latest days that were checked."""
    return (
        yield from rows(
            "SELECT * FROM checks WHERE tenant_id = :tenant ORDER BY day DESC LIMIT :limit",
            limit=limit,
        )
    )


# --- questions ---


def add_question(**columns: Any) -> Unit[int]:
    return (yield from insert("questions", **columns))


def question_by_result(result_hash: bytes) -> Unit[int | None]:
    """The id of the question with this token in its result address."""
    found: int | None = yield from value(
        "SELECT id FROM questions WHERE tenant_id = :tenant AND result_hash = :hash", hash=result_hash
    )
    return found


def question(question_id: int) -> Unit[Row | None]:
    return (yield from one("SELECT * FROM questions WHERE tenant_id = :tenant AND id = :id", id=question_id))


def answer_question(question_id: int, outcome: str, now: Moment) -> Unit[None]:
    yield from update("questions", question_id, outcome=outcome, answered_at=now)


def no_answer(question_id: int, now: Moment) -> Unit[None]:
    """M-Pesa does not know; what it has answered already stands."""
    yield Sql(
        "UPDATE questions SET outcome = 'unknown', answered_at = :now WHERE tenant_id = :tenant AND id = :id"
        " AND answered_at IS NULL",
        {"id": question_id, "now": now},
    )


def asked_since(number: str, since: Moment) -> Unit[bool]:
    """Whether M-Pesa was asked about this receipt since then."""
    found = yield from value(
        "SELECT COUNT(*) AS n FROM questions WHERE tenant_id = :tenant AND number = :number AND asked_at > :since",
        number=number,
        since=since,
    )
    return bool(found)


def questions_since(since: Moment) -> Unit[int]:
    found = yield from value(
        "SELECT COUNT(*) AS n FROM questions WHERE tenant_id = :tenant AND asked_at > :since AND kind = 'status'",
        since=since,
    )
    return int(found)


def balances() -> Unit[Sequence[Row]]:
    """The latest balance that was told of each account; a word in its place is none."""
    return (
        yield from rows(
            "SELECT q.account_id AS account_id, q.outcome AS outcome, q.answered_at AS answered_at FROM questions q"
            " WHERE q.tenant_id = :tenant AND q.kind = 'balance' AND q.answered_at IS NOT NULL"
            " AND q.outcome LIKE '[%'"
            " AND q.id = (SELECT MAX(l.id) FROM questions l WHERE l.tenant_id = :tenant AND l.kind = 'balance'"
            " AND l.account_id = q.account_id AND l.answered_at IS NOT NULL AND l.outcome LIKE '[%')"
        )
    )
