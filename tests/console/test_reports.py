"""Reports of the books: each way to cut them has the same whole, to the cent, and it is that of the books' page."""

from __future__ import annotations

import csv
import io
import re

import pytest

from portal.books import ledger
from portal.books.ledger import About
from portal.clock import DAY
from portal.money import Money
from portal.units import Unit
from tests.console.office import Office, Visitor
from tests.support import Seed


def some_days(home: Seed, plan_id: int, cashier: int, agent: int) -> Unit[None]:
    """Three days of all sorts: with and without a site or a plan; one of them in another currency."""
    now, plan, site = home.clock.now(), plan_id, home.router_id
    facts: list[tuple[str, int, About]] = [
        ("paid", 2_050, About(plan_id=plan, router_id=site)),
        ("paid", 1_000, About(plan_id=plan)),
        ("redeemed", 2_000, About(plan_id=plan, router_id=site, agent_id=agent)),
        ("redeemed-stock", 333, About(plan_id=plan, router_id=site)),
        ("expired", 500, About(plan_id=plan, agent_id=agent)),
        ("refund-reversal", 1_000, About(plan_id=plan, router_id=site)),
        ("refund-cash", 250, About(plan_id=plan, router_id=site, staff_id=cashier)),
        ("sold", 4_000, About(plan_id=plan, staff_id=cashier)),
        ("sale-undone", 1_000, About(plan_id=plan, staff_id=cashier)),
        ("handed-out", 20_000, About(plan_id=plan, agent_id=agent)),
        ("taken-back", 2_000, About(plan_id=plan, agent_id=agent)),
        ("commission", 200, About(plan_id=plan, agent_id=agent)),
        ("settled", 5_000, About(agent_id=agent, staff_id=cashier)),
        ("short", 15, About(staff_id=cashier)),
    ]
    for n, (kind, minor, about) in enumerate(facts):
        yield from ledger.post(kind, f"r{n}", Money(minor), now - (n % 3) * DAY, about)
    yield from ledger.post("paid", "dollars", Money(77_777, "USD"), now, About(plan_id=plan, router_id=site))


async def posted(o: Office) -> Visitor:
    cashier, agent = await o.of("cashier"), await o.of("agent")
    plan = await o.home.plan_of()
    await o.home.write(some_days, o.home, plan.id, cashier.staff_id, agent.staff_id)
    return await o.of("owner")


async def table(who: Visitor, by: str) -> list[dict[str, str]]:
    """The file of a report."""
    answer = await who.post("/books/report/csv", 200, by=by, span="30")
    assert f"books-by-{by}-" in answer.headers["content-disposition"]
    return list(csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff"))))


@pytest.mark.parametrize("by", ["day", "plan", "site"])
async def test_each_cut_of_the_sales_has_the_same_whole(o: Office, by: str) -> None:
    who = await posted(o)
    found = await table(who, by)
    assert sum(float(row["left"]) for row in found) == pytest.approx(46.33)  # 58.83 came in, 12.50 went back
    assert {row["currency"] for row in found} == {"KES"}
    page = await who.get("/books/report", by=by, span="30")
    assert "KSh\xa046.33" in page
    assert len(re.findall(r'<svg class="share"', page)) == len(found)
    assert "KSh\xa058.83" in await who.get("/books", span="30"), "the books' page says the same of what came in"


async def test_a_report_of_drawers_names_each_of_the_staff(o: Office) -> None:
    (row,) = await table(await posted(o), "staff")
    assert (row["cards sold"], row["sales undone"], row["from agents"]) == ("40.00", "10.00", "50.00")
    assert (row["given back"], row["over"], row["short"]) == ("2.50", "0.00", "0.15")
    assert row["cash that came in"] == "77.35"


async def test_a_report_of_agents_says_what_they_owe_more(o: Office) -> None:
    (row,) = await table(await posted(o), "agent")
    assert (row["handed out"], row["taken back"], row["redeemed"]) == ("200.00", "20.00", "20.00")
    assert (row["commission"], row["cash brought"], row["owes more"]) == ("2.00", "50.00", "128.00")


async def test_debts_that_became_less_are_numbers_in_the_file(o: Office) -> None:
    agent = await o.of("agent")
    about = About(agent_id=agent.staff_id)
    await o.home.write(ledger.post, "settled", "k", Money(1_234), o.home.clock.now(), about)
    (row,) = await table(await o.of("owner"), "agent")
    assert row["owes more"] == "-12.34"


async def test_odd_wishes_are_told(o: Office) -> None:
    who = await o.of("owner")
    assert (await who.http.get("/console/books/report?by=mood")).status_code == 400
    wrong = await who.http.get("/console/books/report?span=custom&since=2026-12-01&until=2026-11-01")
    assert wrong.status_code == 400
    assert "Nothing in these days" in await who.get("/books/report", by="agent")


async def test_a_cashier_sees_no_reports(o: Office) -> None:
    who = await o.of("cashier")
    assert (await who.http.get("/console/books/report")).status_code == 403
