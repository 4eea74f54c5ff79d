"""The first page: its numbers, its charts, what it says of routers and of lines for staff, and how much it weighs."""

from __future__ import annotations

import gzip
import json
import re
from datetime import UTC, datetime

import pytest
from playwright.async_api import ConsoleMessage, async_playwright

from portal import spans
from portal.access.places import store as places
from portal.access.store import touch_device
from portal.clock import DAY, HOUR, MINUTE, Moment
from portal.console.dashboard import store
from portal.console.dashboard.store import Times
from portal.tenancy import store as tenancy
from portal.units import insert, update
from tests.console.money import paid, payment
from tests.console.office import Office
from tests.console.plans_of_queries import plans, scans
from tests.support import on_postgres

NAIROBI = "Africa/Nairobi"


def utc(year: int, month: int, day: int, hour: int) -> Moment:
    return int(datetime(year, month, day, hour, tzinfo=UTC).timestamp() * 1000)


def times(now: Moment, zone: str = NAIROBI) -> Times:
    return Times(
        now=now,
        month=spans.month_span(now, zone),
        days=spans.last_days(now, zone, 30),
        seen_since=now - MINUTE,
    )


async def test_a_day_of_takings_begins_at_midnight_in_nairobi(o: Office) -> None:
    midnight = utc(2026, 11, 21, 21)  # 22 November begins there
    for at, minor in ((midnight - 1, 1_000), (midnight, 2_000), (midnight + DAY - 1, 3_000), (midnight + DAY, 9_000)):
        await paid(o.home, at, minor)
    for now in (midnight, midnight + 12 * HOUR, midnight + DAY - 1):
        found = await o.home.read(store.overview, "KES", times(now))
        assert (found.days[-2], found.today) == (1_000, 5_000)
    assert (await o.home.read(store.overview, "KES", times(midnight + DAY))).today == 9_000


async def test_a_month_of_takings_begins_at_midnight_in_nairobi(o: Office) -> None:
    first = utc(2026, 10, 31, 21)  # 1 November begins there
    await paid(o.home, first - 1, 1_000)
    await paid(o.home, first, 2_000)
    await paid(o.home, first + DAY, 3_000)

    assert (await o.home.read(store.overview, "KES", times(first + 2 * DAY))).month == 5_000
    assert (await o.home.read(store.overview, "KES", times(first - 1))).month == 1_000


async def test_only_what_is_paid_in_the_currency_of_the_isp_is_takings(o: Office) -> None:
    now = o.home.clock.now()
    await paid(o.home, now, 2_000, receipt_state="to come")
    await paid(o.home, now, 3_000, receipt_state="overdue")
    await paid(o.home, now, 4_000, currency="UGX")
    await payment(o.home, now, 5_000)
    await payment(o.home, now, 6_000, state="failed", reason="cancelled")

    assert (await o.home.read(store.overview, "KES", times(now))).today == 5_000


def test_a_day_may_have_23_hours() -> None:
    spring = [until - since for since, until in spans.last_days(utc(2026, 3, 29, 20), "Europe/Berlin", 3)]

    assert spring == [24 * HOUR, 24 * HOUR, 23 * HOUR]


async def test_the_page_shows_takings_routers_and_lines_with_what_to_do(o: Office) -> None:
    now = o.home.clock.now()
    await paid(o.home, now, 123_400)
    await o.home.write(tenancy.note_contact, o.home.router_id, now)
    await o.home.write(tenancy.open_exception, "licence-full", f"router:{o.home.router_id}", "Ten of ten.", now)
    page = await (await o.of("owner")).get("/")

    assert "KSh\u00a01,234" in page
    assert "1 of 1" in page
    assert "higher licence level" in page
    (drawn,) = re.findall(r'id="takings">(.*?)</script>', page)
    data = json.loads(drawn)
    assert (len(data["values"]), data["values"][-1], data["unit"]) == (30, 1234, "KSh")


async def test_a_router_that_is_silent_or_in_trouble_is_not_up(o: Office) -> None:
    owner = await o.of("owner")
    assert "never seen yet" in await owner.get("/")
    await o.home.write(tenancy.note_contact, o.home.router_id, o.home.clock.now())
    o.home.clock.advance(5 * MINUTE)
    page = await owner.get("/")
    assert "0 of 1" in page
    assert "silent" in page
    await o.home.write(tenancy.note_trouble, o.home.router_id, "password")
    assert "refuses our password" in await owner.get("/")


async def test_only_devices_at_routers_that_answer_are_online(o: Office) -> None:
    now = o.home.clock.now()
    for n, (since, seen) in enumerate(((now, now), (None, now), (now - DAY, now - DAY))):
        device = await o.home.write(touch_device, f"02:AB:CD:00:00:0{n}", o.home.router_id, now)
        await o.home.write(
            insert, "presence", router_id=o.home.router_id, device_id=device.id, seen_at=seen, online_since=since
        )

    assert await o.home.read(store.online, now - MINUTE) == 1


@pytest.mark.parametrize("role", ["cashier", "support"])
async def test_whoever_may_not_see_takings_is_led_to_a_page_of_their_own(o: Office, role: str) -> None:
    who = await o.of(role)
    answer = await who.http.get("/console/")

    assert answer.status_code == 303
    assert (await who.http.get(answer.headers["location"])).status_code == 200


async def test_the_name_of_a_router_cannot_break_out_of_the_page(o: Office) -> None:
    await o.home.write(update, "routers", o.home.router_id, name="</script><b>x</b>")

    assert "<b>x</b>" not in await (await o.of("owner")).get("/")


async def test_the_whole_first_page_weighs_less_than_100_kb(o: Office) -> None:
    owner = await o.of("owner")
    page = await owner.get("/")
    weight = len(gzip.compress(page.encode()))
    for address in sorted(set(re.findall(r'(?:src|href)="(/console/static/[^"#]+)', page))):
        answer = await owner.http.get(address, headers={"accept-encoding": "gzip"})
        weight += int(answer.headers["content-length"])

    assert weight <= 100_000


async def test_no_statement_of_the_page_goes_through_a_whole_table(o: Office) -> None:
    found = plans(o.home, store.overview("KES", times(o.home.clock.now())))

    assert scans(found) == []
    if not on_postgres():  # which chooses among the indexes of a table of a few rows as it likes
        assert any("ix_payments_tenant_id_receipt_state_settled_at" in each for each in found)


@pytest.mark.browser
async def test_a_browser_draws_both_charts_and_finds_nothing_against_the_policy(o: Office, chromium_path: str) -> None:
    now = o.home.clock.now()
    await o.home.write(places.count_online, o.home.router_id, now - now % places.SLOT_MS, 5)
    name, _, token = (await o.of("owner")).http.headers["Cookie"].partition("=")
    complaints: list[str] = []

    def heard(message: ConsoleMessage) -> None:
        complaints.append(message.text)

    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium_path, args=["--no-sandbox"])
        context = await browser.new_context(viewport={"width": 360, "height": 740})
        await context.add_cookies(
            [{"name": name, "value": token, "url": o.url.replace("http:", "https:"), "secure": True, "httpOnly": True}]
        )
        page = await context.new_page()
        page.on("console", heard)
        await page.goto(f"{o.url}/console/")
        await page.wait_for_function("document.querySelectorAll('[data-chart] canvas').length === 2")
        wide = await page.evaluate("document.documentElement.scrollWidth - innerWidth")
        await browser.close()

    assert (wide, complaints) == (0, [])
