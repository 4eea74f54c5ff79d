"""The list of agents, the page of one, their account, and what they pay."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from functools import partial
from urllib.parse import urlencode

from starlette.responses import Response

from portal import spans, words
from portal.books import agents as books
from portal.console import asked, tables
from portal.console.agents import account, form, moving, sales, store
from portal.console.agents.account import Account
from portal.console.desk import Desk
from portal.console.screens import get, post
from portal.console.stock import store as shelf
from portal.console.takings import span
from portal.console.takings.span import Days
from portal.console.vouchers.store import BEYOND
from portal.errors import Refused
from portal.money import Money
from portal.spreadsheet import decimal
from portal.staff.store import Staff
from portal.units import Unit
from portal.vouchers.print_run import part
from portal.vouchers.stock import store as stock
from portal.vouchers.stock.store import Terms

MOVES = 15
HEAD = ("day", "time", "what", "cards", "owes more", "owes less", "balance", "currency")
CHART_DAYS = 30


def cost(desk: Desk, minor: int) -> str:
    """Minor units of the ISP's currency as people read them."""
    return words.money(Money(int(minor), desk.view.tenant.currency), "en")


async def agents(desk: Desk) -> Response:
    """Everybody who sells cards, with what they hold and owe."""
    currency, month = desk.view.tenant.currency, desk.calendar.begin_of_month()
    lines = await desk.read(store.everybody, stand(desk), currency, month, desk.now)
    return desk.page("agents", lines=lines, cost=lambda minor: cost(desk, minor))


def stand(desk: Desk) -> store.Stand:
    """How each agent stands in the books, without adding up years."""
    return partial(desk.services.standing.of_agent, desk.view.tenant.id, now=desk.now)


# --- one of them ---


@dataclass(frozen=True, kw_only=True)
class Sight:
    """All that the page of an agent shows."""

    standing: books.Standing
    terms: Terms
    shelf: shelf.Shelf
    sales: sales.Sales
    moves: list[dict[str, object]]

    @property
    def unused(self) -> int:
        return sum(each.unused for each in self.shelf.batches)


def sight(agent: Staff, stand: store.Stand, currency: str, days: list[spans.Span], now: int) -> Unit[Sight]:
    return Sight(
        standing=books.of_sums((yield from stand(agent.id)), currency),
        terms=(yield from stock.terms(agent.id)),
        shelf=(yield from shelf.shelf(agent.id, BEYOND, BEYOND, now)),
        sales=(yield from sales.sales(agent.id, days)),
        moves=[dict(row) for row in (yield from stock.moves_of(agent.id, stock.BEYOND, MOVES))],
    )


async def agent(desk: Desk) -> Response:
    """One agent."""
    return await _agent(desk, await moving.found(desk))


async def _agent(desk: Desk, one: Staff, wrong: str = "", status: int = 200) -> Response:
    tenant = desk.view.tenant
    days = spans.last_days(desk.now, tenant.timezone, CHART_DAYS)
    seen = await desk.read(sight, one, stand(desk), tenant.currency, days, desk.now)
    typed = desk.fields if wrong else {}
    return desk.page(
        "agent",
        status,
        agent=one,
        sight=seen,
        cost=lambda minor: cost(desk, minor),
        chart=chart(desk, days, seen.sales),
        moved=account.MOVED,
        part=part,
        key=asked.new_key(),
        typed={**_typed(seen), **{name: text[:40] for name, text in typed.items()}},
        percent=form.percent_text(seen.terms.commission_bp),
        wrong=wrong,
        now=desk.now,
    )


def _typed(seen: Sight) -> dict[str, str]:
    """What stands in the forms before anybody typed."""
    limit, debt = seen.terms.limit_minor, seen.standing.debt.minor
    return {
        "percent": form.percent_text(seen.terms.commission_bp),
        "limit": "" if limit is None else decimal(limit).removesuffix(".00"),
        "amount": decimal(debt).removesuffix(".00") if debt > 0 else "",
    }


def chart(desk: Desk, days: list[spans.Span], sold: sales.Sales) -> dict[str, object]:
    """Cards redeemed on each day."""
    return {
        "kind": "bars",
        "unit": "",
        "what": "Redeemed",
        "labels": [desk.calendar.local(since).strftime("%-d %b") for since, _ in days],
        "values": [each.redeemed for each in sold.days],
    }


async def terms(desk: Desk) -> Response:
    """Another commission or limit; cards that are out keep what was agreed when they were handed out."""
    one = await moving.found(desk)
    try:
        wanted = form.terms(desk.fields, desk.view.tenant.currency)
    except Refused as wrong:
        return await _agent(desk, one, wrong.key, wrong.status)
    before = await desk.read(stock.terms, one.id)
    if wanted != before:
        await desk.act(
            "agent.terms", f"staff:{one.public}", stock.set_terms, one.id, wanted,
            before=_told(desk, before), after=_told(desk, wanted),
        )  # fmt: skip
    return desk.go(f"/console/agents/{one.id}", "saved")


def _told(desk: Desk, agreed: Terms) -> dict[str, str]:
    limit = "none" if agreed.limit_minor is None else cost(desk, agreed.limit_minor).replace("\u00a0", " ")
    return {"commission": f"{form.percent_text(agreed.commission_bp)} %", "limit": limit}


# --- what they pay ---


async def settle(desk: Desk) -> Response:
    """An agent brings cash, into the drawer of whoever takes it; a second tap leads to the same slip."""
    one = await moving.found(desk)
    cause = ""
    try:
        brought = form.amount(desk.fields.get("amount", ""), desk.view.tenant.currency, "settle-amount")
        cause = f"{desk.staff.id}:{one.id}:{asked.key(desk.fields.get('key', ''))}"
        paid = books.Payment(agent_id=one.id, amount=brought, staff_id=desk.staff.id, key=cause)
        there = await desk.read(store.settled_by, cause)
        if there is not None:
            return desk.go(f"/console/agents/slip/{there}", "settled-there")
        after = {"amount": cost(desk, brought.minor).replace("\u00a0", " ")}
        await desk.act("agent.settle", f"staff:{one.public}", books.settle, paid, desk.now, after=after, money=True)
    except Refused as wrong:
        if wrong.key != "settle-there":
            return await _agent(desk, one, wrong.key, wrong.status)
    return desk.go(f"/console/agents/slip/{await desk.read(store.settled_by, cause)}")


async def slip(desk: Desk) -> Response:
    """The receipt of a payment, to be printed and signed."""
    paid = await desk.read(store.settlement, asked.number(desk.request.path_params["id"]))
    owed = books.of_sums(await desk.read(stand(desk), paid["agent_id"]), paid["currency"]).debt.minor
    left = owed - await desk.read(store.since_posted, paid)
    return desk.page("agent_slip", paid=paid, left=left, cost=lambda minor: cost(desk, minor))


# --- the account ---


def _days(desk: Desk, fields: Mapping[str, str]) -> tuple[Days, str]:
    """The days that were asked for, and what was wrong with them."""
    timezone = desk.view.tenant.timezone
    try:
        return span.days(fields, desk.now, timezone), ""
    except Refused as wrong:
        if wrong.key not in ("span", "span-long"):
            raise
        return span.days({}, desk.now, timezone), wrong.key


async def account_page(desk: Desk, one: Staff, path: str, back: str) -> Response:
    """The account of an agent in some days: of an ISP's staff, or their own."""
    days, wrong = _days(desk, desk.query)
    return desk.page(
        "agent_account",
        400 if wrong else 200,
        agent=one,
        account=await _read(desk, one, days),
        days=days,
        chips=[(name, word, f"{path}?{urlencode({'span': name})}") for name, word in span.CHOICES if name != "custom"],
        path=path,
        back=back,
        cost=lambda minor: cost(desk, minor),
        wrong=wrong,
    )


async def _read(desk: Desk, one: Staff, days: Days) -> Account:
    tenant = desk.view.tenant
    every = days.all(tenant.timezone)
    since, until = every[0][0], every[-1][1]
    return await desk.read(account.account, one.id, stand(desk), tenant.currency, since, until, desk.calendar.day)


async def account_file(desk: Desk, one: Staff) -> Response:
    """The same as a table."""
    days = span.days(desk.fields, desk.now, desk.view.tenant.timezone)
    told = await _read(desk, one, days)
    await desk.act("agent.account", f"staff:{one.public}", tables.leaves, after=days.fields, money=True)
    return tables.streamed(f"account-{days.first}-{days.last}.csv", HEAD, _parts(desk, told))


async def _parts(desk: Desk, told: Account) -> AsyncIterator[str]:
    currency = desk.view.tenant.currency
    yield tables.lines([["", "", "Owed before", "", "", "", decimal(told.opening), currency]])
    yield tables.lines(
        [
            desk.calendar.local(each.at).date().isoformat(),
            desk.calendar.local(each.at).strftime("%H:%M"),
            each.text,
            "" if each.count is None else each.count,
            decimal(each.more) if each.more else "",
            decimal(each.less) if each.less else "",
            decimal(each.balance),
            currency,
        ]
        for each in told.entries
    )


async def of_agent(desk: Desk) -> Response:
    one = await moving.found(desk)
    return await account_page(desk, one, f"/console/agents/{one.id}/account", f"/console/agents/{one.id}")


async def file(desk: Desk) -> Response:
    return await account_file(desk, await moving.found(desk))


SCREENS = (
    get("/agents", "agents", agents),
    get("/agents/{id}", "agents", agent),
    get("/agents/{id}/account", "agents", of_agent),
    post("/agents/{id}/account/file", "agents", file),
    get("/agents/{id}/move", "agents.change", moving.ask),
    post("/agents/{id}/move", "agents.change", moving.move),
    post("/agents/{id}/terms", "agents.change", terms),
    post("/agents/{id}/settle", "agents.settle", settle),
    get("/agents/slip/{id}", "agents", slip),
)
