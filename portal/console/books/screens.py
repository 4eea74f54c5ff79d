"""What stands in the books, and every transfer that brought it there."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass

from starlette.responses import Response

from portal import spreadsheet, words
from portal.access import store as access
from portal.books import ledger
from portal.books import store as books
from portal.console import asked, tables
from portal.console.books import wording
from portal.console.desk import Desk
from portal.console.screens import get, post
from portal.console.takings import span
from portal.money import Money
from portal.spans import Span
from portal.staff import store as staff
from portal.units import Row, Unit

EVER = 1 << 62
PAGE = 50
TAKEN = ("paid", "redeemed", "redeemed-stock", "expired")
GIVEN = ("refund-reversal", "refund-cash", "commission", "charge")
HEAD = (
    *("number", "posted", "happened", "what", "about", "debit", "credit", "amount", "currency"),
    *("plan", "site", "staff", "agent"),
)


async def whole(desk: Desk) -> Response:
    """What is owned and owed now, and what some days brought."""
    days, wrong = span.shown(desk.query, desk.now, desk.view.tenant.timezone)
    every = days.all(desk.view.tenant.timezone)
    currency = desk.view.tenant.currency
    return desk.page(
        "books",
        400 if wrong else 200,
        days=days,
        wrong=wrong,
        chips=[(name, word, f"/console/books?span={name}") for name, word in span.CHOICES if name != "custom"],
        now=ledger.balances(await desk.read(desk.services.standing.sums, desk.view.tenant.id, desk.now), currency),
        then=ledger.balances(await desk.read(books.sums, every[0][0], every[-1][1]), currency),
        chart=await _chart(desk, days, every),
        words=wording,
        cost=lambda minor: Money(int(minor), currency),
    )


async def _chart(desk: Desk, days: span.Days, every: Sequence[Span]) -> dict[str, object]:
    """Each day's takings less what was given back."""
    currency = desk.view.tenant.currency
    return {
        "kind": "bars",
        "what": "Left",
        "unit": words.SYMBOLS.get(currency, currency),
        "labels": [days.named(n).strftime("%-d %b") for n in range(len(every))],
        "values": [minor / 100 for minor in await desk.read(_nets, every, currency)],
    }


def _nets(every: Sequence[Span], currency: str) -> Unit[list[int]]:
    """What each day brought, in minor units."""
    nets: list[int] = []
    for since, until in every:
        found = yield from books.sums_of((*TAKEN, *GIVEN), since, until, currency)
        nets.append(sum(int(row["minor"]) * (1 if row["kind"] in TAKEN else -1) for row in found))
    return nets


# --- the journal ---


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A transfer for people."""

    row: Row
    amount: Money
    who: str


async def journal(desk: Desk) -> Response:
    """Every transfer, the newest first."""
    before = asked.number_or_none(desk.query.get("before", ""))
    found = await desk.read(books.newest, before or EVER, PAGE + 1)
    names = await desk.read(staff.names)
    return desk.page(
        "journal",
        entries=[_entry(row, names) for row in found[:PAGE]],
        older=found[PAGE - 1]["id"] if len(found) > PAGE else None,
        words=wording,
    )


def _entry(row: Row, names: dict[int, str]) -> Entry:
    who = names.get(row["agent_id"] or row["staff_id"] or 0, "")
    return Entry(row=row, amount=Money(row["amount_minor"], row["currency"]), who=who)


async def file(desk: Desk) -> Response:
    """The journal as a table, the newest first."""
    await desk.act("books.export", "books", tables.leaves, money=True)
    return tables.streamed("journal.csv", HEAD, _parts(desk, await desk.read(_names)))


@dataclass(frozen=True, kw_only=True)
class Names:
    """What stands behind the numbers of a transfer."""

    plans: Mapping[int, str]
    staff: Mapping[int, str]


def _names() -> Unit[Names]:
    return Names(plans=(yield from access.plan_names()), staff=(yield from staff.names()))


async def _parts(desk: Desk, names: Names) -> AsyncIterator[str]:
    before = EVER
    while True:
        found = await desk.read(books.newest, before, 500)
        if not found:
            return
        yield tables.lines(_cells(desk, row, names) for row in found)
        before = found[-1]["id"]


def _cells(desk: Desk, row: Row, names: Names) -> list[object]:
    def at(moment: int | None) -> str:
        return desk.calendar.local(moment).strftime("%Y-%m-%d %H:%M:%S") if moment else ""

    return [
        row["id"],
        at(row["posted_at"]),
        at(row["happened_at"]),
        row["kind"],
        row["cause"],
        row["debit"],
        row["credit"],
        spreadsheet.decimal(row["amount_minor"]),
        row["currency"],
        names.plans.get(row["plan_id"], ""),
        router.name if (router := desk.view.routers.get(row["router_id"])) else "",
        names.staff.get(row["staff_id"], ""),
        names.staff.get(row["agent_id"], ""),
    ]


SCREENS = (
    get("/books", "books", whole),
    get("/books/journal", "books", journal),
    post("/books/journal/csv", "export", file, proof=True),
)
