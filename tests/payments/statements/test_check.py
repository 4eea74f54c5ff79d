"""The three-way check: it finds every error that was planted, and takes nothing for one that only looks odd."""

from __future__ import annotations

import itertools
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.clock import DAY, HOUR, MINUTE
from portal.payments.statements import checking, store
from portal.payments.statements.checking import EDGE_MS, Day, joined
from portal.payments.statements.kinds import KINDS
from sandbox.day import ODDITIES, DayOfPayments, number
from tests.payments.refunds.shop import somebody
from tests.payments.story import Ledger
from tests.support import fresh_place, on_postgres

SINCE = 1_795_000_000_000
COUNT, EACH = 10_000, 50


def day_of(books: Ledger, **fields: Any) -> DayOfPayments:
    router, plan, account = books.views[books.tenant.id]
    books.run(somebody("olive", "owner"))
    made = DayOfPayments(
        fill=books.connection.fill,
        tenant_id=books.tenant.id,
        account_id=account.id,
        router_id=router.id,
        plan=plan,
        since=SINCE,
        **fields,
    )
    made.write()
    if on_postgres():  # which would take tables for empty that nobody has looked at
        books.connection.execute("ANALYZE")
    return made


def check(books: Ledger, day: DayOfPayments, now: int = SINCE + 2 * DAY) -> int:
    return books.run(checking.check(Day(name="2026-11-28", since=day.since, until=day.until), "KES", now))


def found(books: Ledger) -> dict[str, set[str]]:
    kinds: dict[str, set[str]] = defaultdict(set)
    for row in books.run(store.open_findings("2026-11-28")):
        kinds[row["kind"]].add(row["subject"])
    return kinds


@pytest.mark.parametrize("seed", [1, 2])
def test_fifty_errors_of_each_kind_in_ten_thousand_payments_are_found_and_nothing_else(
    tmp_path: Path, seed: int
) -> None:
    books = Ledger(fresh_place(tmp_path))
    day = day_of(books, count=COUNT, each=EACH, seed=seed)

    assert check(books, day) == len(KINDS) * EACH
    assert {kind: len(subjects) for kind, subjects in day.planted.items()} == dict.fromkeys(KINDS, EACH)
    assert found(books) == day.planted
    row = books.run(store.check_of("2026-11-28"))
    assert row is not None
    assert (row["covered"], row["found"]) == (1, len(KINDS) * EACH)
    books.connection.close()


def test_a_day_on_which_all_agrees_says_so(tmp_path: Path) -> None:
    books = Ledger(fresh_place(tmp_path))
    day = day_of(books, count=400)

    assert check(books, day) == 0
    row = books.run(store.check_of("2026-11-28"))
    assert row is not None
    assert (row["received"], row["lines"], row["found"], row["covered"]) == (400, 400, 0, 1)
    books.connection.close()


def test_what_agrees_by_now_is_closed_and_what_staff_settled_stays_so(tmp_path: Path) -> None:
    books = Ledger(fresh_place(tmp_path))
    day = day_of(books, count=400, each=2)
    assert check(books, day) == 2 * len(KINDS)
    assert check(books, day) == 2 * len(KINDS)
    gone, kept = sorted(day.planted["not-in-books"])
    books.connection.execute("DELETE FROM statement_rows WHERE number = ?", (gone.removeprefix("receipt:"),))
    (one,) = (row["id"] for row in books.run(store.open_findings("2026-11-28")) if row["subject"] == kept)
    assert books.run(store.settle_finding(one, "take", SINCE))
    assert not books.run(store.settle_finding(one, "take", SINCE))

    assert check(books, day) == 2 * len(KINDS) - 2
    assert found(books)["not-in-books"] == set()
    books.connection.close()


def test_what_no_statement_covers_is_not_said_to_be_missing(tmp_path: Path) -> None:
    books = Ledger(fresh_place(tmp_path))
    day = day_of(books, count=400, each=3)
    books.connection.execute("UPDATE statement_spans SET until = ?", (SINCE + 10 * HOUR,))
    check(books, day)
    whole, part = day.planted["not-on-statement"], found(books)["not-on-statement"]

    assert part < whole
    early = {f"receipt:{number(n)}" for n in range(1, 401) if day.at(n) < SINCE + 10 * HOUR - EDGE_MS}
    assert part == whole & early
    row = books.run(store.check_of("2026-11-28"))
    assert row is not None
    assert row["covered"] == 0
    books.connection.close()


def test_what_is_young_may_still_settle_by_itself(tmp_path: Path) -> None:
    books = Ledger(fresh_place(tmp_path))
    day = day_of(books, count=400, each=3)
    now = SINCE + 12 * HOUR
    check(books, day, now)
    placed = {f"receipt:{number(n)}" for n in range(1, 401) if day.at(n) < now - 15 * MINUTE}

    assert found(books)["unplaced"] == day.planted["unplaced"] & placed
    books.connection.close()


def test_each_oddity_alone_is_no_finding(tmp_path: Path) -> None:
    books = Ledger(fresh_place(tmp_path))
    day = day_of(books, count=len(ODDITIES) * 60, each=20)
    check(books, day)
    subjects = set().union(*found(books).values())

    assert subjects == set().union(*day.planted.values())
    books.connection.close()


moments = st.integers(0, 50)


@given(st.lists(st.tuples(moments, moments).map(lambda pair: (min(pair), max(pair)))))
def test_joined_stretches_cover_just_what_the_spans_cover(spans: list[tuple[int, int]]) -> None:
    whole = joined(sorted(spans))

    def inside(at: float, stretches: list[tuple[int, int]]) -> bool:
        return any(begin <= at <= end for begin, end in stretches)

    assert all(inside(n / 2, whole) == inside(n / 2, spans) for n in range(-2, 104))
    assert all(first[1] < second[0] for first, second in itertools.pairwise(whole))
