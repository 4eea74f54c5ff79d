"""Hours of sale on the guest pages: what is shown, what is refused, and who is still let through."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from portal.access import hours
from portal.access.hours import WEEK, Hours, local_day
from portal.clock import HOUR, MINUTE
from portal.money import Money
from portal.pages.home import Shelf
from portal.pages.visit import Visit
from portal.units import Unit, update
from tests.pages.cards import words_of
from tests.pages.house import House, a_click, hidden, house
from tests.pages.trials import go_to

NIGHT = Hours(days=WEEK, begin=22 * 60, end=6 * 60)


@pytest.fixture
async def h(tmp_path: Path) -> AsyncIterator[House]:
    async with house(tmp_path) as made:
        made.home.plan = await made.home.plan_of(name="Night", hours=NIGHT, price=Money(1000))
        await made.catalog_again()
        yield made


def night(h: House) -> dict[str, str]:
    return {"plan": h.home.plan.public, "phone": "0712 345 678"}


async def test_the_page_follows_the_hours(h: House) -> None:
    go_to(h.home.clock, 21, 59)
    first = await h.enter()
    shown = []
    for span in (0, MINUTE, 8 * HOUR - 2 * MINUTE, 2 * MINUTE):
        h.home.clock.advance(span)
        shown.append("Night" in words_of(await h.http.get(first)))
    assert shown == [False, True, True, False]  # at 21:59, 22:00, 05:58 and 06:00


async def test_when_nothing_is_on_sale_the_page_says_when_something_is(h: House) -> None:
    day = await h.home.plan_of(name="Monday", hours=Hours(days=(0,), begin=8 * 60, end=9 * 60))
    await h.home.write(_hours, 1, NIGHT)
    await h.catalog_again()
    go_to(h.home.clock, 12)
    first = await h.enter()
    assert "Sale begins again today at 22:00" in words_of(await h.http.get(first))
    assert "Mauzo yanaanza tena leo, 22:00" in words_of(await h.http.get(first + "?lang=sw", follow_redirects=True))
    for plan_id in (1, h.home.plan.id):
        await h.home.write(_hours, plan_id, Hours(days=WEEK, begin=11 * 60, end=11 * 60 + 1))
    await h.catalog_again()
    local = words_of(await h.http.get(first))
    assert "tomorrow at 11:00" in local or "tomorrow at 08:00" in local, day.name
    for plan_id in (1, h.home.plan.id):
        await h.home.write(_hours, plan_id, Hours(days=(0,), begin=8 * 60, end=9 * 60))
    go_to(h.home.clock, 12, days=(2 - _weekday(h)) % 7)  # a Wednesday
    await h.catalog_again()
    assert "Sale begins again on Monday," in words_of(await h.http.get(await h.enter()))


def _weekday(h: House) -> int:
    return local_day(h.home.clock.now(), "Africa/Nairobi").weekday()


def _hours(plan_id: int, sale: Hours) -> Unit[None]:
    yield from update("plans", plan_id, hours=hours.text(sale))


async def test_who_saw_it_has_ten_minutes(h: House) -> None:
    go_to(h.home.clock, 5, 50)
    first = await h.enter()
    assert "Night" in words_of(await h.http.get(first))
    h.home.clock.advance(19 * MINUTE)  # 06:09
    assert "Night" not in words_of(await h.http.get(first)), "who comes now sees it no more"
    page = await h.http.post(first + "pay", data=night(h))
    assert "Is this right?" in words_of(page)
    edit = await h.http.post(first + "pay", data={**night(h), "edit": "1"})
    assert "Night" in words_of(edit), "what was chosen stays to choose"
    bad = await h.http.post(first + "pay", data={**night(h), "phone": "0712"})
    assert "Night" in words_of(bad)
    h.home.clock.advance(2 * MINUTE)  # 06:11
    late = await h.http.post(first + "pay", data=night(h))
    assert late.status_code == 422
    assert "Night is not on sale at this hour. It is again today at 22:00." in words_of(late)
    assert "1 hour" in words_of(late), "what is on sale stands below"


async def test_the_form_of_the_last_step_is_looked_at_again(h: House) -> None:
    """A page kept from the night, or a forged one, pays for nothing in the day."""
    go_to(h.home.clock, 12)
    first = await h.enter()
    answer = await h.http.post(first + "pay", data={**night(h), "confirm": "1", "click": a_click()})
    assert answer.status_code == 409
    assert "not on sale at this hour" in words_of(answer)
    assert await h.counts() == dict.fromkeys(await h.counts(), 0)


async def test_a_payment_that_has_begun_goes_on_whatever_the_hour(h: House) -> None:
    go_to(h.home.clock, 5, 59)
    first = await h.enter()
    page = await h.order(first)
    fields = {**hidden(page.text), "confirm": "1"}
    begun = await h.http.post(first + "pay", data=fields)
    handset = await h.prompt()
    h.home.clock.advance(45 * 1000)
    await handset.approve()
    await h.reaches(begun.headers["location"], "connecting", "router-offline", "not-seen")
    h.home.clock.advance(HOUR)
    again = await h.http.post(first + "pay", data=fields)
    assert again.headers["location"] == begun.headers["location"], "the same click is the same payment"


@pytest.mark.parametrize(("minutes", "status"), [(20, 303), (31, 409), (6 * 60, 409)])
async def test_what_failed_may_be_tried_again_for_half_an_hour(h: House, minutes: int, status: int) -> None:
    go_to(h.home.clock, 5, 58)
    waiting = await h.pay(await h.enter())
    await (await h.prompt()).cancel()
    await h.reaches(waiting, "failed", "failed+")
    h.home.clock.advance(minutes * MINUTE)
    path, _, query = waiting.partition("?")
    answer = await h.http.post(f"{path}again?{query}", data={"click": a_click()})
    assert answer.status_code == status, words_of(answer)


async def test_trying_again_does_not_last_from_one_try_to_the_next(h: House) -> None:
    go_to(h.home.clock, 5, 58)
    waiting = await h.pay(await h.enter())
    for minutes, status in ((20, 303), (20, 409)):
        await (await h.prompt()).cancel()
        await h.reaches(waiting, "failed", "failed+")
        h.home.clock.advance(minutes * MINUTE)
        path, _, query = waiting.partition("?")
        answer = await h.http.post(f"{path}again?{query}", data={"click": a_click()})
        assert answer.status_code == status
        waiting = answer.headers.get("location", waiting)
        if status == 303:
            await h.prompt()


async def test_a_page_from_the_shelf_is_made_once_between_two_changes(h: House) -> None:
    go_to(h.home.clock, 12)
    view = h.catalog.tenant(h.home.tenant.id)
    assert view is not None
    visit = Visit(services=h.services, view=view, lang="en", router=h.router)
    shelf, noon = Shelf(), h.home.clock.now()
    kept = shelf.plans(visit, "", noon)
    evening = noon + 10 * HOUR
    assert shelf.plans(visit, "", evening - 1000) is kept
    assert shelf.plans(visit, "", noon - 1000) is not kept, "a clock that was put back"
    h.home.clock.advance(10 * HOUR)
    night_page = shelf.plans(visit, "", evening + 1000)
    assert night_page is not kept
    assert shelf.plans(visit, "", evening + HOUR) is night_page
    assert shelf.plans(visit, "", evening + 2 * HOUR + 2000) is not night_page, "tomorrow is another day"


async def test_the_shelf_does_not_grow_for_ever(h: House) -> None:
    view = h.catalog.tenant(h.home.tenant.id)
    assert view is not None
    visit = Visit(services=h.services, view=view, lang="en", router=h.router)
    shelf, now = Shelf(most=2), h.home.clock.now()
    first = shelf.plans(visit, "", now)
    shelf.plans(visit, "ended", now)
    assert shelf.plans(visit, "", now) is first
    shelf.plans(visit, "restart", now)
    assert shelf.plans(visit, "", now) is not first
