"""At a router in RADIUS mode the guest's browser finishes the login: where it is sent, with what, and when not."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from portal.access import admission
from portal.access import store as access
from portal.access.store import Cause
from portal.clock import HOUR, MINUTE
from portal.radius import tickets
from portal.tenancy import store as tenancy
from portal.tenancy.store import AsksRadius
from tests.pages.house import MAC, House, house

AGAIN = 'id="go" rel'  # the link that the page follows by itself


@pytest.fixture
async def h(tmp_path: Path) -> AsyncIterator[House]:
    """The router asks RADIUS."""
    async with house(tmp_path) as made:
        asks = AsksRadius(source="10.9.0.7")
        columns = tenancy.radius_columns(made.home.vault, made.router.public, asks)
        await made.home.write(tenancy.change_router, made.home.router_id, **columns)
        await made.catalog_again()
        yield made


async def grant(h: House, mac: str = MAC) -> int:
    """A pass for this device; its id."""
    now = h.home.clock.now()
    device = await h.home.write(access.touch_device, mac, h.home.router_id, now)
    await h.home.write(admission.grant, h.home.plan, device.id, Cause(kind="staff", ref=mac), now)
    return int(device.id)


async def page(h: House, address: str) -> str:
    answer = await h.http.get(address)
    assert answer.status_code == 200, answer.text
    return answer.text


def proven(h: House, address: str, mac: str = MAC) -> bool:
    """Whether the router's address holds a one-time login of this device that is good now."""
    said = parse_qs(urlsplit(address).query)
    ticket = tickets.read(said["username"][0])
    assert ticket is not None
    vault, tenant = h.services.vault, h.home.tenant.id
    secret = tickets.password_of(vault, tenant, h.home.router_id, mac, ticket)
    return ticket.good_at(h.home.clock.now()) and tickets.proven(secret, said["password"][0], None)


async def test_the_way_leads_to_the_registered_host_with_a_fresh_password_and_back(h: House) -> None:
    await grant(h)
    first = await h.enter()
    assert AGAIN in await page(h, first)
    answers = [await h.http.get(first + "enter") for _ in range(2)]
    for answer in answers:
        place = urlsplit(answer.headers["location"])
        assert answer.status_code == 303
        assert (place.scheme, place.netloc, place.path) == ("http", "login.wifi.test", "/login")
        assert proven(h, answer.headers["location"])
        assert not proven(h, answer.headers["location"], "02:AB:CD:00:00:02")
        back = parse_qs(place.query)["dst"][0]
        assert back == f"{h.services.settings.public_url}{first}?was=entered"
    assert answers[0].headers["location"] != answers[1].headers["location"]
    h.home.clock.advance(MINUTE)
    assert not proven(h, answers[0].headers["location"])
    assert {route for _, route, _ in h.seen} <= {"/e/{router}", "/w/{token}/", "/w/{token}/enter"}


async def test_a_login_page_of_https_is_gone_back_to_by_https(h: House) -> None:
    await grant(h)
    first = await h.enter(link_login="https://login.wifi.test/login")
    answer = await h.http.get(first + "enter")
    assert answer.headers["location"].startswith("https://login.wifi.test/login?")


async def test_another_host_is_never_gone_to(h: House) -> None:
    claims = h.claims(link_login="http://evil.test/login")
    assert (await h.http.get(f"/e/{h.router.public}", params=claims)).status_code == 400


async def test_who_has_no_time_is_not_sent_there(h: House) -> None:
    first = await h.enter()
    answer = await h.http.get(first + "enter")
    assert answer.headers["location"] == f"{first}?was=entered"
    device = await grant(h)
    now = h.home.clock.now()
    await h.home.write(admission.hold, device, "staff", now + HOUR, now)
    answer = await h.http.get(first + "enter")
    assert "password" not in answer.headers["location"]


async def test_a_router_that_is_called_needs_no_browser(tmp_path: Path) -> None:
    async with house(tmp_path) as plain:
        first = await plain.enter()
        assert (await plain.http.get(first + "enter")).status_code == 404


@pytest.mark.parametrize(
    ("error", "says"),
    [
        ("RADIUS server is not responding", "got no answer from us"),
        ("radius-timeout", "got no answer from us"),
        ("already authorizing, retry later", "did not let this device in"),
        ("<b>This login was used</b>", "did not let this device in"),
    ],
)
async def test_a_refusal_of_the_router_is_said_and_not_tried_again_by_itself(h: House, error: str, says: str) -> None:
    await grant(h)
    first = await h.enter(error=error)
    shown = await page(h, first)
    assert says in shown
    assert "<b>This" not in shown
    assert AGAIN not in shown
    assert 'href="enter"' in shown


async def test_looking_at_the_routers_own_pages_is_no_refusal(h: House) -> None:
    await grant(h)
    assert AGAIN in await page(h, await h.enter(error="not-logged-in"))


async def test_whom_the_router_has_let_in_waits_for_its_word_and_goes_round_in_no_circle(h: House) -> None:
    await grant(h)
    first = await h.enter()
    for address in (first + "?was=entered", await h.enter(**{"in": "yes"})):
        shown = await page(h, address)
        assert "Connecting you" in shown
        assert AGAIN not in shown
    assert (await h.http.get(first + "state?was=entered")).json() == {"s": "connecting"}
    assert (await h.http.get(first + "state")).json() == {"s": "enter"}
    await h.goes_online()
    shown = await page(h, first + "?was=entered")
    assert "You are online" in shown


async def test_a_router_that_sends_a_guest_here_knows_better_that_they_are_not_in(h: House) -> None:
    await grant(h)
    await h.goes_online()
    h.home.clock.advance(10_000)
    assert "Your time is ready" in await page(h, await h.enter())
    assert "You are online" in await page(h, await h.enter(**{"in": "yes"}))


async def test_a_payment_leads_there_too(h: House) -> None:
    first = await h.enter()
    waiting = await h.pay(first)
    await (await h.prompt()).approve()
    await h.reaches(waiting, "enter")
    shown = await page(h, waiting)
    assert 'href="enter?c=' in shown
    path, _, query = waiting.partition("?")
    answer = await h.http.get(f"{path}enter?{query}")
    assert proven(h, answer.headers["location"])
    back = parse_qs(urlsplit(answer.headers["location"]).query)["dst"][0]
    assert back == f"{h.services.settings.public_url}{waiting}&was=entered"
    assert "Connecting you" in await page(h, f"{waiting}&was=entered")
    bare = await page(h, path)
    assert "http://login.wifi.test/" in bare
    assert 'href="enter' not in bare
