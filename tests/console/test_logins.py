"""Logging in, as a browser sees it: nothing that was seen or planted once opens the console a second time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pyotp
import pytest

from portal.clock import MINUTE
from portal.console.desk import COOKIE
from portal.console.site import SCREENS
from portal.staff.logins import store as logins
from portal.staff.roles import may
from portal.units import rows
from tests.console.office import Office, office
from tests.console.test_frame import filled
from tests.staff.people import EMAIL, PASSWORD, SECRET, hire

FORMS = [each for each in SCREENS if each.method == "POST" and may("owner", each.permission)]


@pytest.fixture
async def o(tmp_path: Path) -> AsyncIterator[Office]:
    async with office(tmp_path) as made:
        await made.home.write(hire, made.home.vault, made.home.clock.now())
        yield made


def browser(o: Office, token: str = "") -> httpx.AsyncClient:
    """A browser with nothing in it, or with this cookie."""
    kept = {"Cookie": f"{COOKIE}={token}"} if token else {}
    return httpx.AsyncClient(base_url=o.url, trust_env=False, timeout=60, headers=kept)


def code(o: Office, steps: int = 0) -> str:
    return pyotp.TOTP(SECRET).generate_otp(o.home.clock.now() // 30_000 + steps)


async def logs_in(o: Office, second: str, *, password: str = PASSWORD, cookie: str = "") -> httpx.Response:
    async with browser(o, cookie) as http:
        return await http.post("/console/login", data={"email": EMAIL, "password": password, "second": second})


def cookie_of(answer: httpx.Response) -> str:
    """The token that a browser would keep, or nothing."""
    name, _, rest = answer.headers.get("set-cookie", "").partition("=")
    return rest.partition(";")[0] if name == COOKIE else ""


async def is_in(o: Office, token: str) -> bool:
    async with browser(o, token) as http:
        return (await http.get("/console/account")).status_code == 200


async def test_a_code_that_was_used_is_refused_in_a_second_browser(o: Office) -> None:
    seen = code(o)
    first = await logs_in(o, seen)
    assert await is_in(o, cookie_of(first))
    again = await logs_in(o, seen)
    assert (again.status_code, cookie_of(again)) == (403, "")
    assert "is not right" in again.text
    assert cookie_of(await logs_in(o, code(o, 1))), "the next one is good"


async def test_the_cookie_after_logging_in_is_none_that_was_there_before(o: Office) -> None:
    """Whoever plants a cookie, or keeps an old one, is not let in with it."""
    old = cookie_of(await logs_in(o, code(o)))
    for planted in ("planted", old):
        o.home.clock.advance(MINUTE)
        got = cookie_of(await logs_in(o, code(o), cookie=planted))
        assert got
        assert got != planted
    assert not await is_in(o, "planted")


async def test_what_was_kept_of_a_login_opens_nothing(o: Office) -> None:
    """The database knows a token's hash alone: whoever reads it cannot log in with what it holds."""
    token = cookie_of(await logs_in(o, code(o)))
    [row] = await o.home.read(rows, "SELECT * FROM logins WHERE tenant_id = :tenant")
    assert token not in str(dict(row))
    assert not await is_in(o, row["token_hash"].hex())


async def test_an_ended_login_is_refused_at_the_next_request_whatever_it_asks(o: Office) -> None:
    token = cookie_of(await logs_in(o, code(o)))
    assert await is_in(o, token)
    [row] = await o.home.read(rows, "SELECT * FROM logins WHERE tenant_id = :tenant")
    await o.home.write(logins.end_login, row["staff_id"], row["id"], o.home.clock.now())
    async with browser(o, token) as http:
        for screen in SCREENS:
            answer = await http.request(screen.method, f"/console{filled(screen.path)}")
            assert answer.status_code == 303, screen.path
            assert answer.headers["location"].startswith("/console/login"), screen.path
    assert await o.acts() == []


async def test_logging_out_takes_the_cookie_away_and_ends_the_login(o: Office) -> None:
    who = await o.of("cashier")
    token = who.http.headers["cookie"].partition("=")[2]
    answer = await who.post("/account/logout")
    assert "max-age=0" in answer.headers["set-cookie"].lower()
    assert not await is_in(o, token), "a copy of the cookie is no good either"


async def test_the_sixth_wrong_password_waits_and_says_how_long(o: Office) -> None:
    for _ in range(5):
        assert (await logs_in(o, "", password="wrong horse battery")).status_code == 403
    slowed = await logs_in(o, code(o))
    assert (slowed.status_code, cookie_of(slowed)) == (429, "")
    assert "Too many tries. Wait 15\u00a0minutes" in slowed.text
    o.home.clock.advance(15 * MINUTE)
    assert cookie_of(await logs_in(o, code(o)))


async def test_everybody_sees_their_own_logins_and_failed_ones_and_no_others(o: Office) -> None:
    await o.home.write(hire, o.home.vault, o.home.clock.now(), "b@kilimani.test", "cashier", totp=False)
    right = {"email": EMAIL, "password": PASSWORD, "second": code(o)}
    async with browser(o) as http:
        entered = await http.post("/console/login", data=right, headers={"User-Agent": "Their browser"})
        for email, agent in ((EMAIL, "A thief"), ("b@kilimani.test", "Somebody else")):
            wrong = {"email": email, "password": "wrong horse battery"}
            await http.post("/console/login", data=wrong, headers={"User-Agent": agent})
    async with browser(o, cookie_of(entered)) as http:
        page = (await http.get("/console/account")).text
    logins_shown, _, failed = page.partition("Failed logins")

    assert "Their browser" in logins_shown
    assert "127.0.0.1" in logins_shown
    assert "A thief" not in logins_shown
    assert ("A thief" in failed, "127.0.0.1" in failed) == (True, True)
    assert "Somebody else" not in page


GOOD: tuple[dict[str, str], ...] = ({}, {"Sec-Fetch-Site": "same-origin"})
FOREIGN = ({"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Origin": "https://evil.test"})


@pytest.mark.parametrize("headers", FOREIGN)
async def test_no_form_is_taken_from_another_site(o: Office, headers: dict[str, str]) -> None:
    who = await o.of("owner")
    csrf = await who.token()
    for screen in FORMS:
        answer = await who.http.post(f"/console{filled(screen.path)}", data={"csrf": csrf}, headers=headers)
        assert (answer.status_code, "did not come from this console" in answer.text) == (403, True), screen.path
    assert await o.acts() == []


@pytest.mark.parametrize("headers", GOOD)
async def test_no_form_is_taken_without_its_token(o: Office, headers: dict[str, str]) -> None:
    """With the header of a browser or without: an old browser sends none."""
    who = await o.of("owner")
    other = await (await o.of("owner")).token()
    for screen in FORMS:
        for fields in ({}, {"csrf": ""}, {"csrf": other}):
            answer = await who.http.post(f"/console{filled(screen.path)}", data=fields, headers=headers)
            assert (answer.status_code, "did not come from this console" in answer.text) == (403, True), screen.path
    assert await o.acts() == []


@pytest.mark.parametrize("path", ["/console/login", "/console/theme"])
@pytest.mark.parametrize("headers", FOREIGN)
async def test_nobody_is_logged_in_from_another_site(o: Office, path: str, headers: dict[str, str]) -> None:
    fields = {"email": EMAIL, "password": PASSWORD, "second": code(o), "theme": "dark"}
    async with browser(o) as http:
        answer = await http.post(path, data=fields, headers=headers)
    assert (answer.status_code, answer.headers.get("set-cookie")) == (403, None)
