"""Cookies of the console: one for a login, one for light and dark, and what is said where there are none."""

from __future__ import annotations

import re
from collections.abc import Iterator
from http.cookies import SimpleCookie

import httpx
import pyotp
import pytest

from portal.console.desk import COOKIE, THEME
from portal.console.site import SCREENS
from tests.console.office import Office
from tests.console.test_frame import filled
from tests.staff.people import EMAIL, PASSWORD, SECRET, hire

KEPT_FOR = re.compile(r";\s*(?:max-age|expires)\s*=", re.IGNORECASE)


@pytest.fixture
async def staffed(o: Office) -> Office:
    await o.home.write(hire, o.home.vault, o.home.clock.now())
    return o


def browser(o: Office, cookie: str = "") -> httpx.AsyncClient:
    """A browser that keeps no cookie by itself."""
    kept = {"Cookie": cookie} if cookie else {}
    return httpx.AsyncClient(base_url=o.url, trust_env=False, timeout=60, headers=kept)


async def logs_in(o: Office, wanted: str = "") -> httpx.Response:
    code = pyotp.TOTP(SECRET).generate_otp(o.home.clock.now() // 30_000)
    fields = {"email": EMAIL, "password": PASSWORD, "second": code, "next": wanted}
    async with browser(o) as http:
        return await http.post("/console/login", data=fields)


def set_by(answer: httpx.Response) -> Iterator[str]:
    """The cookies that an answer and those before it set, as they stand in its head."""
    for each in (*answer.history, answer):
        yield from each.headers.get_list("set-cookie")


async def test_a_login_sets_one_cookie_that_ends_with_the_browser(staffed: Office) -> None:
    answer = await logs_in(staffed)
    (cookie,) = set_by(answer)
    (name,) = SimpleCookie(cookie)
    flags = {part.strip().lower() for part in cookie.split(";")[1:]}

    assert name == COOKIE
    assert name.startswith("__Host-"), "browsers take it from this very host alone, over https, for the whole of it"
    assert flags == {"httponly", "secure", "path=/", "samesite=lax"}
    assert not KEPT_FOR.search(cookie)


@pytest.mark.parametrize("role", ["owner", "agent", "platform"])
async def test_no_page_sets_a_cookie(o: Office, role: str) -> None:
    """Whether it shows something, refuses it or does not find it."""
    who = await o.of(role)
    for screen in SCREENS:
        if screen.method == "GET":
            answer = await who.http.get(f"/console{filled(screen.path, '1')}", follow_redirects=True)
            assert list(set_by(answer)) == [], screen.path
    for path in ("/console", "/console/nowhere", "/console/static/console.css", "/console/link/x.y"):
        assert list(set_by(await who.http.get(path, follow_redirects=True))) == [], path


async def test_logging_out_takes_the_cookie_away(o: Office) -> None:
    who = await o.of("cashier")
    (cookie,) = set_by(await who.post("/account/logout"))
    assert cookie.startswith(f'{COOKIE}="";')
    assert "max-age=0" in cookie.lower()


@pytest.mark.parametrize("chosen", ["light", "dark", "system"])
async def test_light_or_dark_is_kept_for_a_year_when_somebody_chooses_it(o: Office, chosen: str) -> None:
    async with browser(o) as http:
        (cookie,) = set_by(await http.post("/console/theme", data={"theme": chosen}))
    (morsel,) = SimpleCookie(cookie).values()

    assert (morsel.key, morsel.value) == (THEME, chosen), "a word that says nothing about anybody"
    assert morsel["max-age"] == "31536000"
    assert morsel["secure"]


@pytest.mark.parametrize("chosen", ["", "blue", "dark ", "DARK", "dark; Path=/", "id-1234"])
async def test_no_other_word_is_kept(o: Office, chosen: str) -> None:
    async with browser(o) as http:
        assert list(set_by(await http.post("/console/theme", data={"theme": chosen}))) == []


# --- a browser that keeps none ---


async def test_whoever_keeps_no_cookies_is_told_why_the_login_leads_nowhere(staffed: Office) -> None:
    entered = await logs_in(staffed, "/console/online")
    async with browser(staffed) as http:
        page = await http.get(entered.headers["location"])
        first = await http.get("/console/login")

    assert page.status_code == 200
    assert "this browser keeps no cookies" in page.text
    assert 'name="next" value="/console/online"' in page.text, "what was wanted is not lost"
    assert "keeps no cookies" not in first.text


async def test_whoever_keeps_the_cookie_goes_on_to_where_they_wanted(staffed: Office) -> None:
    entered = await logs_in(staffed, "/console/online")
    cookie = entered.headers["set-cookie"].partition(";")[0]
    async with browser(staffed, cookie) as http:
        on = await http.get(entered.headers["location"])
        page = await http.get(on.headers["location"])
        elsewhere = await http.get("/console/login?entered=1&next=https://evil.test/")

    assert (on.status_code, on.headers["location"], page.status_code) == (303, "/console/online", 200)
    assert elsewhere.headers["location"] == "/console/"


async def test_a_cookie_that_opens_nothing_goes_round_in_no_circle(o: Office) -> None:
    async with browser(o, f"{COOKIE}=nothing") as http:
        answer = await http.get("/console/login?entered=1", follow_redirects=True)

    assert answer.status_code == 200
    assert "Log in" in answer.text
