"""The list of payments narrowed by days, plan and site, its table, and the takings of a span."""

from __future__ import annotations

import csv
import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal import spans
from portal.access.plans import to_json
from portal.books import ledger
from portal.books.ledger import About
from portal.clock import DAY, HOUR
from portal.console import tables
from portal.console.payments import store as listing
from portal.console.payments.wanted import Wanted
from portal.console.takings import store
from portal.money import Money
from portal.units import value
from tests.console.money import paid, payment, receipt
from tests.console.office import Office, Visitor
from tests.console.plans_of_queries import plans, scans
from tests.console.test_payments import shown
from tests.support import add_router, on_postgres


def day_of(o: Office, at: int) -> str:
    return spans.today(at, o.home.tenant.timezone).isoformat()


def read(text: str) -> list[list[str]]:
    assert text.startswith("\ufeff")
    return list(csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline="")))


# --- the list ---


async def test_the_list_is_narrowed_by_days_plan_and_site_and_says_what_it_comes_to(o: Office, owner: Visitor) -> None:
    now = o.home.clock.now()
    other_plan = await o.home.plan_of(name="1 day", price=Money(5000))
    site = await o.home.write(add_router, o.home.vault, now, name="Site 2", hotspot_host="two.test")
    await o.services.catalog.refresh()
    old = await paid(o.home, now - 9 * DAY)
    plain = await paid(o.home, now)
    dear = await paid(o.home, now, 5000, plan_id=other_plan.id, plan_copy=to_json(other_plan))
    there = await paid(o.home, now, router_id=site)
    failed = await payment(o.home, now, state="failed", reason="cancelled")
    today = day_of(o, now)
    page = await owner.get("/payments", since=today, until=today)

    assert shown(page) == [failed, there, dear, plain]
    assert "<b>KSh\u00a090</b> in 3 paid, 1 not paid or waiting" in page
    assert shown(await owner.get("/payments", plan=str(other_plan.id))) == [dear]
    assert shown(await owner.get("/payments", router=str(site))) == [there]
    assert shown(await owner.get("/payments", since=today, plan=str(o.home.plan.id), state="paid")) == [there, plain]
    assert shown(await owner.get("/payments", until=day_of(o, now - 5 * DAY))) == [old]
    assert "No such payment" in await owner.get("/payments", plan="424242")


async def test_a_page_of_a_narrowed_list_leads_on_with_its_filters(o: Office, owner: Visitor) -> None:
    now = o.home.clock.now()
    made = [await paid(o.home, now) for _ in range(listing.PAGE + 2)]
    today = day_of(o, now)
    first = await owner.get("/payments", since=today)
    assert f"since={today}&amp;before={made[2]}" in first
    rest = await owner.get("/payments", since=today, before=str(made[2]))

    assert shown(first) + shown(rest) == made[::-1]


@pytest.mark.parametrize(
    "query",
    [
        {"since": "2026-11-40"},
        {"since": "yesterday"},
        {"since": "2026-11-02", "until": "2026-11-01"},
        {"plan": "x"},
        {"plan": "-1"},
        {"router": "9" * 40},
        {"state": "stolen"},
        {"until": "0001-01-01"},
        {"since": "9999-12-31"},
    ],
)
async def test_odd_filters_are_refused(o: Office, owner: Visitor, query: dict[str, str]) -> None:
    await owner.get("/payments", 400, **query)


# --- the table ---


async def test_the_table_has_the_narrowed_list_for_a_spreadsheet_and_leaves_an_act(o: Office, owner: Visitor) -> None:
    now = o.home.clock.now()
    evil = await o.home.plan_of(name="=HYPERLINK(1)")
    first = await paid(o.home, now, plan_id=evil.id, plan_copy=to_json(evil))
    await receipt(o.home, "SKE1234567", now, first)
    await payment(o.home, now, state="failed", reason="wrong-pin")
    await paid(o.home, now - 9 * DAY)
    answer = await owner.post("/payments/csv", 200, since=day_of(o, now))
    head, *found = read(answer.text)

    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"].startswith('attachment; filename="payments-')
    assert [dict(zip(head, each, strict=True))["state"] for each in found] == ["not paid: wrong PIN", "paid"]
    line = dict(zip(head, found[1], strict=True))
    assert (line["plan"], line["phone"], line["receipt"]) == ("'=HYPERLINK(1)", "xxxx xxx 678", "SKE1234567")
    assert (line["amount"], line["currency"]) == ("20.00", "KES")
    assert line["time"].endswith("+03:00")
    assert "0712" not in answer.text
    (act,) = await o.acts()
    assert (act["act"], act["money"]) == ("payments.export", 1)


async def test_a_long_table_comes_whole(o: Office, owner: Visitor) -> None:
    now = o.home.clock.now()
    for _ in range(620):
        await payment(o.home, now)
    found = read((await owner.post("/payments/csv", 200)).text)

    assert len(found) == 621
    assert len({each[-1] for each in found}) == 621


@pytest.mark.parametrize("path", ["/payments/csv", "/takings/csv"])
async def test_who_may_take_tables_away(o: Office, path: str) -> None:
    for role, status in (("owner", 200), ("manager", 200), ("auditor", 200), ("cashier", 403), ("support", 403)):
        await (await o.of(role)).post(path, status)


async def test_a_table_needs_the_password_again(o: Office, owner: Visitor) -> None:
    o.home.clock.advance(11 * 60_000)
    refused = await owner.post("/payments/csv", 403)

    assert "password once more" in refused.text
    assert await o.acts() == []


@given(st.text(max_size=30))
def test_no_cell_begins_as_a_formula_and_all_of_it_is_there(text: str) -> None:
    (back,) = next(csv.reader(io.StringIO(tables.lines([[text]]), newline=""))) or ("",)

    assert not back.lstrip(" ").startswith(("=", "+", "-", "@", "\t", "\r", "\n"))
    assert back in (text, f"'{text}")


# --- takings ---


async def test_takings_by_day_plan_and_site_and_the_cards_of_the_counter_apart(o: Office, owner: Visitor) -> None:
    now = o.home.clock.now()
    other = await o.home.plan_of(name="1 day", price=Money(5000))
    await paid(o.home, now)
    await paid(o.home, now, 5000, plan_id=other.id, plan_copy=to_json(other))
    await paid(o.home, now - 40 * DAY)
    await payment(o.home, now, state="failed")
    await owner.post("/sale", 303, **await the_form(owner, o))
    page = await owner.get("/takings", span="today")

    assert "KSh\u00a070" in page
    assert "2 payments" in page
    assert "KSh\u00a020 in cash" in page
    assert "came into the drawers" in page
    assert page.index("<td>1 day</td>") < page.index("<td>1 hour</td>")
    assert "<td>Site 1</td>" in page
    assert "<td>Amina Owner</td>" in page
    assert f"day={day_of(o, now)}" in page


async def the_form(who: Visitor, o: Office) -> dict[str, str]:
    page = await who.get("/sale")
    found = re.search(r'name="key" value="([0-9a-f]+)"', page)
    assert found
    return {"plan": str(o.home.plan.id), "key": found[1]}


async def test_a_sale_that_is_undone_changes_no_day_that_is_over(o: Office, owner: Visitor) -> None:
    await owner.post("/sale", 303, **await the_form(owner, o))
    sold_at = o.home.clock.now()
    label = await o.home.read(value, "SELECT label FROM vouchers WHERE tenant_id = :tenant")
    o.home.clock.advance(DAY)
    about = About(staff_id=owner.staff_id, plan_id=o.home.plan.id)
    await o.home.write(ledger.post, "sale-undone", label, Money(2_000), o.home.clock.now(), about)
    days = spans.last_days(o.home.clock.now(), o.home.tenant.timezone, 2)
    sold = await o.home.read(store.sold, days, "KES")

    assert days[0][0] <= sold_at < days[0][1]
    assert [(each.day, each.count, each.minor, each.undone) for each in sold] == [(0, 1, 2_000, 0), (1, 0, -2_000, 1)]
    assert "1 taken back" in await (await o.again(owner)).get("/takings", span="today")


async def test_the_takings_of_a_span_are_those_of_the_list_and_of_the_first_page(o: Office, owner: Visitor) -> None:
    now = o.home.clock.now()
    begin = spans.day_span(spans.today(now, o.home.tenant.timezone), o.home.tenant.timezone)[0]
    for at in (begin, begin - 1, begin + HOUR, begin - 3 * DAY):
        await paid(o.home, at)
    today = day_of(o, now)
    custom = await owner.get("/takings", span="custom", since=day_of(o, now - 3 * DAY), until=today)
    listed = await owner.get("/payments", since=day_of(o, now - 3 * DAY), until=today)

    assert "KSh\u00a080" in custom
    assert "<b>KSh\u00a080</b> in 4 paid" in listed
    assert "KSh\u00a040" in await owner.get("/takings", span="today")
    assert "KSh\u00a040" in await owner.get("/")


async def test_the_table_of_the_takings_adds_up(o: Office, owner: Visitor) -> None:
    now = o.home.clock.now()
    for _ in range(3):
        await paid(o.home, now)
    await owner.post("/sale", 303, **await the_form(owner, o))
    head, *found = read((await owner.post("/takings/csv", 200, span="today")).text)
    lines = [dict(zip(head, each, strict=True)) for each in found]

    assert [(each["what"], each["count"], each["amount"]) for each in lines] == [
        ("M-Pesa", "3", "60.00"),
        ("cards sold at the counter", "1", "20.00"),
    ]
    assert lines[1]["sold by"] == "Amina Owner"


@pytest.mark.parametrize(
    "query",
    [
        {"span": "ever"},
        {"span": "custom", "since": "x"},
        {"span": "custom", "since": "2026-02-30"},
        {"span": "custom", "since": "2020-01-01", "until": "2026-01-01"},
        {"span": "custom", "since": "2026-01-02", "until": "2026-01-01"},
    ],
)
async def test_odd_spans_are_refused(o: Office, owner: Visitor, query: dict[str, str]) -> None:
    await owner.get("/takings", 400, **query)
    await owner.post("/takings/csv", 400, **query)


async def test_no_takings_say_so(o: Office, owner: Visitor) -> None:
    assert "Nothing came in" in await owner.get("/takings")


async def test_a_cashier_sees_no_takings(o: Office) -> None:
    await (await o.of("cashier")).get("/takings", 403)


async def test_no_statement_of_the_takings_goes_through_a_whole_table(o: Office) -> None:
    now = o.home.clock.now()
    days = spans.last_days(now, o.home.tenant.timezone, 2)
    took = plans(o.home, store.took(days, "KES"))
    sold = plans(o.home, store.sold(days, "KES"))

    assert scans([*took, *sold], ("payments", "transfers")) == []
    if not on_postgres():  # which chooses among the indexes of a table of a few rows as it likes
        assert all("COVERING INDEX ix_payments_takings" in each for each in took if "payments" in each)


@pytest.mark.parametrize("narrowed", ["days", "plan"])
async def test_no_statement_of_a_narrowed_list_goes_through_a_whole_table(o: Office, narrowed: str) -> None:
    today = spans.day_span(spans.today(o.home.clock.now(), o.home.tenant.timezone), o.home.tenant.timezone)
    want = Wanted(span=today) if narrowed == "days" else Wanted(plan=o.home.plan.id)
    found = plans(o.home, listing.payment_page(o.home.vault, want, None))

    assert scans(found) == []
    assert scans(plans(o.home, listing.totals(want, "KES"))) == []
