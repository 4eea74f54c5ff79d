"""The drawer of somebody of the staff: what should be in it, and counting it at the end of the day (the Z report).

A cash-up counts every transfer of the drawer that no cash-up before has counted, and marks it. So whatever comes later,
however late, falls into the next one, and a cash-up always equals the sum of its rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from portal.books import store
from portal.books.ledger import About, post
from portal.clock import Moment
from portal.errors import Refused
from portal.money import Money
from portal.units import Row, Unit


@dataclass(frozen=True, kw_only=True)
class Line:
    """What one kind of fact brought into a drawer, or took from it; minor units."""

    kind: str
    count: int
    came: int
    went: int


@dataclass(frozen=True, kw_only=True)
class Drawer:
    """A drawer since it was last counted."""

    number: int  # that its next cash-up gets
    opening: Money
    opened_at: Moment | None  # None: nothing has happened since
    lines: Sequence[Line]

    @property
    def came(self) -> int:
        return sum(each.came for each in self.lines)

    @property
    def went(self) -> int:
        return sum(each.went for each in self.lines)

    @property
    def expected(self) -> Money:
        """What should be in it now."""
        return Money(self.opening.minor + self.came - self.went, self.opening.currency)


@dataclass(frozen=True, kw_only=True)
class Count:
    """What somebody counted in a drawer, and how much of it stays there for the next day."""

    staff_id: int
    number: int  # of the cash-up that it is to be, as the page said: a second tap counts nothing
    counted: Money
    left: Money
    by: int
    note: str = ""


def drawer(staff_id: int, currency: str) -> Unit[Drawer]:
    """A drawer as it should be."""
    last = yield from store.last_closing(staff_id, currency)
    found = yield from store.drawer(staff_id, currency)
    firsts = [row["first_at"] for row in found]
    return Drawer(
        number=1 + (yield from store.last_number(staff_id)),
        opening=Money(last["left_minor"] if last else 0, currency),
        opened_at=(last["closed_at"] if last else min(firsts)) if firsts else None,
        lines=lines_of(found),
    )


def lines_of(found: Sequence[Row]) -> list[Line]:
    return [Line(kind=row["kind"], count=int(row["n"]), came=int(row["came"]), went=int(row["went"])) for row in found]


def close(count: Count, now: Moment) -> Unit[int]:
    """Count a drawer: write down what is over or short, hand the rest over, and begin anew. Gives the cash-up.

    Raises `Refused`: count-there when it was counted meanwhile, count-left when more stays than was counted,
    count-nothing when nothing has happened.
    """
    currency = count.counted.currency
    if not 0 <= count.left.minor <= count.counted.minor:
        raise Refused("count-left")
    before = yield from drawer(count.staff_id, currency)
    if before.number != count.number:
        raise Refused("count-there", status=409)
    if before.opened_at is None and count.counted == count.left == before.opening:
        raise Refused("count-nothing", status=409)
    yield from _even_out(count, before.expected, now)
    whole = yield from drawer(count.staff_id, currency)
    closing_id = yield from store.add_closing(
        staff_id=count.staff_id,
        number=count.number,
        closed_by=count.by,
        opened_at=now if before.opened_at is None else before.opened_at,
        closed_at=now,
        currency=currency,
        opening_minor=whole.opening.minor,
        in_minor=whole.came,
        out_minor=whole.went,
        counted_minor=count.counted.minor,
        left_minor=count.left.minor,
        lines=sum(each.count for each in whole.lines),
        note=count.note,
    )
    yield from store.count_in(count.staff_id, closing_id, currency)
    return closing_id


def _even_out(count: Count, expected: Money, now: Moment) -> Unit[None]:
    """The drawer holds what was counted, and then what stays in it."""
    cause, about = f"{count.staff_id}:{count.number}", About(staff_id=count.staff_id)
    apart = count.counted.minor - expected.minor
    kind = "over" if apart > 0 else "short"
    yield from post(kind, cause, Money(abs(apart), expected.currency), now, about)
    handed = Money(count.counted.minor - count.left.minor, expected.currency)
    yield from post("handed-over", cause, handed, now, about)
