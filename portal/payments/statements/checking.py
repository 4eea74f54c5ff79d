"""The daily three-way check: statement, receipts and passes of one day must tell the same story."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from portal.clock import MINUTE, Moment
from portal.payments.accounts import at_mpesa
from portal.payments.statements import store
from portal.units import Row, Unit

YOUNG_MS = 15 * MINUTE  # what is younger may still settle by itself
# Near the ends of what was read, a clock that is a little off would make a finding of what is well.
EDGE_MS = 2 * MINUTE


@dataclass(frozen=True, kw_only=True)
class Day:
    """A day of the ISP's calendar, and the moments between which it lies."""

    name: str  # 2026-11-28
    since: Moment
    until: Moment


@dataclass(frozen=True, kw_only=True)
class Found:
    """Something that does not agree."""

    kind: str
    row: Row


@dataclass(frozen=True, kw_only=True)
class Looked:
    """What comparing a day came to."""

    day: Day
    found: Sequence[Found]
    whole: Row  # of `store.of_day`
    covered: bool


def look(day: Day, now: Moment) -> Unit[Looked]:
    """Compare a day. It only reads: a large day takes seconds, and whoever writes meanwhile does not wait for it."""
    return Looked(
        day=day,
        found=(yield from compare(day.since, min(day.until, now - YOUNG_MS), now)),
        whole=(yield from store.of_day(day.since, day.until)),
        covered=(yield from covered(day.since, min(day.until, now))),
    )


def write_down(looked: Looked, currency: str, now: Moment) -> Unit[int]:
    """Write down what is new, close what agrees by now; gives how much is open."""
    day, found = looked.day, looked.found
    before = {(row["kind"], row["subject"]): row["id"] for row in (yield from store.open_findings(day.name))}
    for each in found:
        if (each.kind, each.row["subject"]) not in before:
            yield from _new(day, each, currency, now)
    there = {(each.kind, each.row["subject"]) for each in found}
    yield from store.settle_gone([finding for name, finding in before.items() if name not in there], now)
    left = len((yield from store.open_findings(day.name)))
    yield from _sum_up(looked, currency, left, now)
    return left


def check(day: Day, currency: str, now: Moment) -> Unit[int]:
    """`look` and `write_down` in one: for small days."""
    return (yield from write_down((yield from look(day, now)), currency, now))


def _sum_up(looked: Looked, currency: str, left: int, now: Moment) -> Unit[None]:
    day, whole = looked.day, looked.whole
    yield from store.set_check(
        day=day.name,
        since=day.since,
        until=day.until,
        checked_at=now,
        received=whole["receipts"],
        lines=whole["lines"],
        amount_minor=whole["minor"],
        currency=currency,
        covered=looked.covered,
        found=left,
    )


def _new(day: Day, found: Found, currency: str, now: Moment) -> Unit[None]:
    row = found.row
    made = yield from store.add_finding(
        day=day.name,
        kind=found.kind,
        subject=row["subject"],
        account_id=row["account_id"],
        payment_id=row["payment_id"],
        receipt_id=row["receipt_id"],
        amount_minor=row["minor"],
        currency=currency,
        detail=row["detail"] or "",
        found_at=now,
    )
    if made is None:
        yield from store.open_again(found.kind, row["subject"], now)


def compare(since: Moment, until: Moment, now: Moment) -> Unit[list[Found]]:
    """All that does not agree between two moments."""
    found: list[Found] = []

    def add(kind: str, rows: Sequence[Row]) -> None:
        found.extend(Found(kind=kind, row=row) for row in rows)

    add("not-in-books", (yield from store.not_in_books(since, until)))
    add("amount", (yield from store.other_amounts(since, until)))
    add("unplaced", (yield from store.unplaced(since, until)))
    add("no-pass", (yield from store.no_pass(since, until)))
    add("twice", (yield from store.twice(since, until)))
    add("reversed", (yield from store.reversed_elsewhere(since, until)))
    for account_id, begin, end in (yield from read_whole(since, until)):
        add("not-on-statement", (yield from store.not_on_statement(account_id, begin, end)))
        add("no-receipt", (yield from store.no_receipt(account_id, begin, end, now - YOUNG_MS)))
    return found


# --- what was read whole ---


def read_whole(since: Moment, until: Moment) -> Unit[list[tuple[int, Moment, Moment]]]:
    """The stretches between two moments of which the statement was read whole, by account."""
    stretches: list[tuple[int, Moment, Moment]] = []
    for account in (yield from at_mpesa()):
        spans = [(row["since"], row["until"]) for row in (yield from store.spans(account.id, since, until))]
        for begin, end in joined(spans):
            begin, end = max(begin + EDGE_MS, since), min(end - EDGE_MS, until)
            if begin < end:
                stretches.append((account.id, begin, end))
    return stretches


def joined(spans: Sequence[tuple[Moment, Moment]]) -> list[tuple[Moment, Moment]]:
    """Stretches that touch or overlap, put together; `spans` are in the order of their begin."""
    out: list[tuple[Moment, Moment]] = []
    for since, until in spans:
        if out and since <= out[-1][1]:
            out[-1] = (out[-1][0], max(out[-1][1], until))
        else:
            out.append((since, until))
    return out


def covered(since: Moment, until: Moment) -> Unit[bool]:
    """Whether the statement of every active account at M-Pesa was read for all of this time."""
    whole = yield from read_whole(since, until)
    wanted = {each.id for each in (yield from at_mpesa()) if each.active}
    return wanted <= {account for account, begin, end in whole if begin <= since and end >= until - YOUNG_MS}
