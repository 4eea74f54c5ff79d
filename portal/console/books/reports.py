"""What some days brought, by day, plan, site, staff or agent: a table with bars, and the same as a file."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from types import MappingProxyType
from urllib.parse import urlencode

from starlette.responses import Response

from portal import spreadsheet
from portal.access import store as access
from portal.books import store as books
from portal.console import asked, tables
from portal.console.desk import Desk
from portal.console.screens import get, post
from portal.console.takings import span
from portal.money import Money
from portal.spans import Span
from portal.staff import store as staff
from portal.units import Row, Unit


@dataclass(frozen=True)
class Column:
    """What one column adds up: transfers of these kinds. `sign` is how it counts in the sum of its row."""

    word: str
    kinds: Sequence[str]
    sign: int = 1


@dataclass(frozen=True, kw_only=True)
class Report:
    """One way to cut the books."""

    title: str
    of: str  # what stands in the first column
    field: books.Field | None  # None: by day
    columns: Sequence[Column]
    whole: str  # what the sum of a row is
    nobody: str = "–"  # for transfers that name none; with nothing here they are left out


_SALES = (
    Column("Paid by phone", ("paid",)),
    Column("Cards redeemed", ("redeemed", "redeemed-stock")),
    Column("Never redeemed", ("expired",)),
    Column("Given back", ("refund-reversal", "refund-cash"), -1),
)
REPORTS: Mapping[str, Report] = MappingProxyType(
    {
        "day": Report(title="By day", of="Day", field=None, columns=_SALES, whole="Left"),
        "plan": Report(title="By plan", of="Plan", field="plan_id", columns=_SALES, whole="Left"),
        "site": Report(title="By site", of="Site", field="router_id", columns=_SALES, whole="Left", nobody="no site"),
        "staff": Report(
            title="By staff",
            of="Whose drawer",
            field="staff_id",
            columns=(
                Column("Cards sold", ("sold",)),
                Column("Sales undone", ("sale-undone",), -1),
                Column("From agents", ("settled",)),
                Column("Given back", ("refund-cash",), -1),
                Column("Over", ("over",)),
                Column("Short", ("short",), -1),
            ),
            whole="Cash that came in",
        ),
        "agent": Report(
            title="By agent",
            of="Agent",
            field="agent_id",
            columns=(
                Column("Handed out", ("handed-out",)),
                Column("Taken back", ("taken-back",), -1),
                Column("Redeemed", ("redeemed",), 0),
                Column("Commission", ("commission",), -1),
                Column("Cash brought", ("settled",), -1),
            ),
            whole="Owes more",
            nobody="",
        ),
    }
)


@dataclass(kw_only=True)
class Line:
    """One row: what it is about, and in minor units each column and their sum."""

    name: str
    amounts: list[int] = field(default_factory=list)
    whole: int = 0
    counts: int = 0  # how many transfers


async def report(desk: Desk) -> Response:
    """The table of one report."""
    by = asked.one_of(desk.query.get("by", ""), tuple(REPORTS))
    days, wrong = span.shown(desk.query, desk.now, desk.view.tenant.timezone)
    lines = await _lines(desk, REPORTS[by], days)
    currency = desk.view.tenant.currency
    return desk.page(
        "report",
        400 if wrong else 200,
        by=by,
        cuts=[(name, each.title, _address(name, days.fields)) for name, each in REPORTS.items()],
        chips=[(name, word, _address(by, {"span": name})) for name, word in span.CHOICES if name != "custom"],
        report=REPORTS[by],
        days=days,
        wrong=wrong,
        lines=lines,
        whole=_added(lines),
        most=max((each.whole for each in lines), default=0),
        cost=lambda minor: Money(int(minor), currency),
    )


def _address(by: str, days: Mapping[str, str]) -> str:
    return f"/console/books/report?{urlencode({'by': by, **days})}"


async def _lines(desk: Desk, chosen: Report, days: span.Days) -> list[Line]:
    every = days.all(desk.view.tenant.timezone)
    if chosen.field is None:
        return await desk.read(_each_day, chosen, days, every, desk.view.tenant.currency)
    return await _each(desk, chosen, chosen.field, (every[0][0], every[-1][1]))


def _each_day(chosen: Report, days: span.Days, every: Sequence[Span], currency: str) -> Unit[list[Line]]:
    """The days on which something was posted, the latest first."""
    lines: list[Line] = []
    for n, (since, until) in enumerate(every):
        found = yield from books.sums_of(_kinds(chosen), since, until, currency)
        if found:
            lines.append(_line(days.named(n).strftime("%a %-d %b %Y"), chosen, found))
    return lines[::-1]


async def _each(desk: Desk, chosen: Report, by: books.Field, days: Span) -> list[Line]:
    """The largest first."""
    found = await desk.read(books.sums_by, by, _kinds(chosen), days, desk.view.tenant.currency)
    names = await _names(desk, by)
    lines = [
        _line(
            names.get(about, "–") if about else chosen.nobody, chosen, [row for row in found if row["about"] == about]
        )
        for about in dict.fromkeys(row["about"] for row in found)
        if about or chosen.nobody
    ]
    return sorted(lines, key=lambda each: (-each.whole, each.name))


async def _names(desk: Desk, by: books.Field) -> dict[int, str]:
    if by == "router_id":
        return {each.id: each.name for each in desk.view.routers.values()}
    if by == "plan_id":
        return await desk.read(access.plan_names)
    return await desk.read(staff.names)


def _kinds(chosen: Report) -> list[str]:
    return [kind for column in chosen.columns for kind in column.kinds]


def _line(name: str, chosen: Report, found: Sequence[Row]) -> Line:
    amounts = [sum(int(row["minor"]) for row in found if row["kind"] in column.kinds) for column in chosen.columns]
    return Line(
        name=name,
        amounts=amounts,
        whole=sum(amount * column.sign for amount, column in zip(amounts, chosen.columns, strict=True)),
        counts=sum(int(row["n"]) for row in found),
    )


def _added(lines: Sequence[Line]) -> Line:
    """The last row: all of them together."""
    return Line(
        name="All",
        amounts=[sum(column) for column in zip(*(each.amounts for each in lines), strict=True)],
        whole=sum(each.whole for each in lines),
        counts=sum(each.counts for each in lines),
    )


# --- the file ---


async def file(desk: Desk) -> Response:
    """The same as a table."""
    by = asked.one_of(desk.fields.get("by", ""), tuple(REPORTS))
    days = span.days(desk.fields, desk.now, desk.view.tenant.timezone)
    lines = await _lines(desk, REPORTS[by], days)
    await desk.act("books.report", "books", tables.leaves, after={"by": by, **days.fields}, money=True)
    words = [column.word for column in REPORTS[by].columns]
    head = [each.lower() for each in (REPORTS[by].of, "Transfers", *words, REPORTS[by].whole, "Currency")]
    return tables.streamed(
        f"books-by-{by}-{days.first}-{days.last}.csv", head, _parts(lines, desk.view.tenant.currency)
    )


async def _parts(lines: Sequence[Line], currency: str) -> AsyncIterator[str]:
    yield tables.lines(
        [
            each.name,
            each.counts,
            *(Decimal(spreadsheet.decimal(minor)) for minor in (*each.amounts, each.whole)),
            currency,
        ]
        for each in lines
    )


SCREENS = (
    get("/books/report", "books", report),
    post("/books/report/csv", "export", file, proof=True),
)
