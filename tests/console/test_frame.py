"""The frame of the console: who gets in, where each role may go, and what a form must carry."""

from __future__ import annotations

import re
from urllib.parse import quote

import httpx
import pytest

from portal.clock import MINUTE
from portal.console.desk import COOKIE
from portal.console.site import SCREENS
from portal.staff import store as staff_store
from portal.staff.roles import ROLES, may
from tests.console.office import Office


def filled(path: str, value: str = "999999") -> str:
    """An address with its parameters filled in."""
    return re.sub(r"\{[^}]+\}", value, path)


def entered_at(path: str) -> str:
    """Where a login leads first: there it is seen whether the browser has kept its cookie."""
    return f"/console/login?entered=1&next={quote(path, safe='')}"


REFUSED = "Your role may not do this."


async def test_without_a_login_every_page_leads_to_the_login_and_changes_nothing(o: Office) -> None:
    async with httpx.AsyncClient(base_url=o.url, trust_env=False, timeout=60) as http:
        for screen in SCREENS:
            answer = await http.request(screen.method, f"/console{filled(screen.path)}")
            assert answer.status_code == 303
            assert answer.headers["location"].startswith("/console/login")
    assert await o.acts() == []


@pytest.mark.parametrize("role", ROLES)
async def test_every_role_at_every_route(o: Office, role: str) -> None:
    """The matrix: whoever has no permission gets 403, before anything is read; whoever has it gets something else."""
    who = await o.of(role)
    csrf = await who.token()
    differences = []
    for screen in SCREENS:
        if screen.path == "/account/logout":
            continue
        path = f"/console{filled(screen.path)}"
        answer = await who.http.request(
            screen.method, path, data={"csrf": csrf} if screen.method == "POST" else None, follow_redirects=False
        )
        if (REFUSED in answer.text) == may(role, screen.permission):
            differences.append((screen.method, screen.path, answer.status_code))
        assert answer.status_code < 500, (screen.path, answer.status_code)
    assert differences == []


async def test_a_form_without_its_token_or_from_another_site_is_refused(o: Office) -> None:
    who = await o.of("owner")
    csrf = await who.token()
    bad: list[tuple[dict[str, str], dict[str, str]]] = [
        ({}, {}),
        ({"csrf": csrf[:-1]}, {}),
        ({"csrf": csrf}, {"Sec-Fetch-Site": "cross-site"}),
        ({"csrf": csrf}, {"Sec-Fetch-Site": "same-site"}),
        ({"csrf": csrf}, {"Origin": "https://evil.test"}),
    ]
    for fields, headers in bad:
        answer = await who.http.post("/console/account/end", data={"login": "others", **fields}, headers=headers)
        assert answer.status_code == 403, (fields, headers)
    other = await o.of("owner")
    answer = await who.http.post("/console/account/end", data={"login": "others", "csrf": await other.token()})
    assert answer.status_code == 403, "a token of another login"
    good = await who.http.post(
        "/console/account/end", data={"login": "others", "csrf": csrf}, headers={"Sec-Fetch-Site": "same-origin"}
    )
    assert good.status_code == 303


async def test_whoever_must_have_a_second_factor_sees_only_the_page_that_sets_it_up(o: Office) -> None:
    who = await o.of("owner", second=False)
    answer = await who.http.get("/console/audit")
    assert (answer.status_code, answer.headers.get("location")) == (303, "/console/account/second")
    assert "symbol" in await who.get("/account/second")


async def test_an_invited_owner_comes_in_by_the_link_and_two_steps(o: Office) -> None:
    made, token = await o.home.write(
        staff_store.invite, o.home.vault, o.home.clock.now(), email="wanjiru@isp.test", name="Wanjiru", role="cashier"
    )
    async with httpx.AsyncClient(base_url=o.url, trust_env=False, timeout=60) as http:
        page = await http.get(f"/console/link/{token}")
        assert made.name in page.text
        wrong = await http.post(f"/console/link/{token}", data={"password": "short", "again": "short"})
        assert "too short" in wrong.text
        different = await http.post(f"/console/link/{token}", data={"password": "a long password", "again": "another"})
        assert "not the same" in different.text
        phrase = "maji safi kila siku"
        done = await http.post(f"/console/link/{token}", data={"password": phrase, "again": phrase})
        assert done.headers["location"] == "/console/login?said=password-set"
        assert (await http.get(f"/console/link/{token}")).status_code == 410

        refused = await http.post("/console/login", data={"email": "wanjiru@isp.test", "password": "not this one"})
        assert (refused.status_code, COOKIE in refused.headers.get("set-cookie", "")) == (403, False)
        entered = await http.post(
            "/console/login",
            data={"email": "Wanjiru@ISP.test", "password": phrase, "next": "/console/account"},
            headers={"Cookie": f"{COOKIE}=fixed-by-somebody-else"},
        )
        assert (entered.status_code, entered.headers["location"]) == (303, entered_at("/console/account"))
        cookie = entered.headers["set-cookie"]
        assert "fixed-by" not in cookie
        flags = {part.strip().lower() for part in cookie.split(";")[1:]}
        assert flags == {"httponly", "secure", "path=/", "samesite=lax"}, "it ends with the browser"
        own = await http.get("/console/account", headers={"Cookie": cookie.split(";")[0]})
        assert "Wanjiru" in own.text


@pytest.mark.parametrize(
    "wanted", ["https://evil.test/", "//evil.test", "/console/../x", "/console//evil.test", "/w/x"]
)
async def test_logging_in_leads_nowhere_else(o: Office, wanted: str) -> None:
    async with httpx.AsyncClient(base_url=o.url, trust_env=False, timeout=60) as http:
        page = await http.get("/console/login", params={"next": wanted})
    assert 'name="next" value=""' in page.text


async def test_the_theme_is_kept_for_a_year_and_nothing_else_is(o: Office) -> None:
    async with httpx.AsyncClient(base_url=o.url, trust_env=False, timeout=60) as http:
        answer = await http.post("/console/theme", data={"theme": "dark", "next": "/console/account"})
        assert "max-age=31536000" in answer.headers["set-cookie"].lower()
        none = await http.post("/console/theme", data={"theme": "<script>", "next": "https://evil.test"})
        assert "set-cookie" not in none.headers
        assert none.headers["location"] == "/console/"
        page = await http.get("/console/login", headers={"Cookie": "bando-theme=dark"})
        assert 'data-theme="dark"' in page.text


async def test_static_files_are_kept_and_pages_are_not(o: Office) -> None:
    async with httpx.AsyncClient(base_url=o.url, trust_env=False, timeout=60) as http:
        kept = await http.get("/console/static/console.css")
        page = await http.get("/console/login")
        missing = await http.get("/console/static/../desk.py")
    assert "immutable" in kept.headers["cache-control"]
    assert page.headers["cache-control"] == "no-store"
    assert missing.status_code == 404


async def test_a_page_that_renews_itself_keeps_no_login_open(o: Office) -> None:
    """A list that is left open on a desk asks every ten seconds."""
    who = await o.of("owner")
    for _ in range(4):
        o.home.clock.advance(10 * MINUTE)
        answer = await who.http.get("/console/online", headers={"HX-Request": "true"})
    assert (answer.status_code, answer.headers.get("hx-redirect")) == (204, "/console/login")
    other = await o.of("owner")
    for _ in range(4):
        o.home.clock.advance(10 * MINUTE)
        await other.get("/online")
