"""What a guest's browser may send that no honest router or person would: a clear 4xx page, and nothing stored."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.pages.house import MAC, PHONE, House, a_click, hidden, house

XSS = '"><script>alert(1)</script>'

ENTRY = [
    {"mac": ""},
    {"mac": "---"},
    {"mac": "00:00:00:00:00:00"},
    {"mac": "FF:FF:FF:FF:FF:FF"},
    {"mac": "01:00:5E:00:00:01"},
    {"mac": "02:AB:CD:00:00:01:02"},
    {"mac": "02:AB:CD:00:00:0١"},
    {"mac": XSS},
    {"mac": "02:AB:CD:00:00:01\n"[:-1] + "\x00"},
    {"mac": "0" * 5000},
    {"ip": ""},
    {"ip": "127.0.0.1"},
    {"ip": "224.0.0.1"},
    {"ip": "0.0.0.0"},
    {"ip": "255.255.255.255"},
    {"ip": "10.5.50.7.8"},
    {"ip": "::1"},
    {"ip": "10.5.50.7' OR 1=1"},
    {"link_login": ""},
    {"link_login": "http://evil.test/login"},
    {"link_login": "http://login.wifi.test@evil.test/login"},
    {"link_login": "http://login.wifi.test.evil.test/login"},
    {"link_login": "javascript://login.wifi.test/%0aalert(1)"},
    {"link_login": "//login.wifi.test/login"},
    {"link_login": "http://login.wifi.test\\@evil.test/"},
    {"link_login": "http://[::1"},
    {"link_orig": "javascript:alert(1)"},
    {"link_orig": "data:text/html,<script>alert(1)</script>"},
    {"link_orig": "//evil.test/"},
    {"link_orig": "http://user:secret@example.test/"},
    {"link_orig": "http://example.test/\r\nSet-Cookie: a=b"},
    {"link_orig": f"http://example.test/{XSS}"},
    {"link_orig": "http://[broken/"},
    {"link_orig": "intent://example.test/#Intent;end"},
]


def is_clear_page(answer: httpx.Response) -> None:
    """A 4xx page of ours, with nothing of theirs in it."""
    assert 400 <= answer.status_code < 500
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "<h1>" in answer.text
    assert "alert(1)" not in answer.text
    assert "evil.test" not in answer.text
    assert "Traceback" not in answer.text


@pytest.fixture
async def h(tmp_path: Path) -> Any:
    async with house(tmp_path) as made:
        yield made


async def test_a_hostile_arrival_is_refused_and_leaves_nothing(h: House) -> None:
    before = await h.counts()
    for claims in ENTRY:
        answer = await h.http.get(f"/e/{h.router.public}", params=h.claims(**claims))
        assert "location" not in answer.headers, claims
        is_clear_page(answer)

    assert await h.counts() == before


@pytest.mark.parametrize(
    "query",
    [
        "mac=02:AB:CD:00:00:01&mac=02:AB:CD:00:00:02",
        "mac=%ff%fe",
        "&".join(f"a{n}=1" for n in range(100)),
        "mac=" + "A" * 10_000,
        "mac=%00",
    ],
)
async def test_a_broken_query_is_refused(h: House, query: str) -> None:
    is_clear_page(await h.http.get(f"/e/{h.router.public}?{query}"))


async def test_an_innocent_address_that_cannot_be_followed_is_dropped(h: House) -> None:
    for orig in ("", "http://example.test/" + "a" * 2000, "http://login.wifi.test/status"):
        first = await h.enter(link_orig=orig)
        assert (await h.http.get(first)).status_code == 200


async def test_an_unknown_router_is_a_404(h: House) -> None:
    answer = await h.http.get("/e/ffffffff", params={"mac": MAC})

    assert answer.status_code == 404
    is_clear_page(answer)


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"phone": ""}, 422),
        ({"phone": "0712"}, 422),
        ({"phone": "0112345678901234567890"}, 422),
        ({"phone": "+1 202 555 0100"}, 422),
        ({"phone": "0202222222"}, 422),
        ({"phone": XSS}, 422),
        ({"phone": "07١٢345678"}, 422),
        ({"plan": ""}, 422),
        ({"plan": "nothing"}, 422),
        ({"plan": XSS}, 422),
        ({"click": "short", "confirm": "1"}, 400),
        ({"click": XSS, "confirm": "1"}, 400),
        ({"phone": "0712\x00345678"}, 400),
        ({"x" * 17_000: "1"}, 413),
    ],
)
async def test_a_hostile_order_is_refused_and_leaves_nothing(h: House, change: dict[str, str], status: int) -> None:
    first = await h.enter()
    before = await h.counts()
    form = {"plan": h.home.plan.public, "phone": "0712345678", "click": a_click(), **change}
    answer = await h.http.post(first + "pay", data=form)

    assert answer.status_code == status
    assert "<script>alert" not in answer.text
    assert await h.counts() == before


async def test_a_body_of_another_kind_or_in_pieces_is_capped_and_refused(h: House) -> None:
    async def flood() -> Any:
        for _ in range(40):
            yield b"a" * 1000

    first = await h.enter()
    flooded = await h.http.post(first + "pay", content=flood())
    doubled = await h.http.post(
        first + "pay",
        content=b"plan=a&plan=b",
        headers={"content-type": "application/x-www-form-urlencoded"},
    )
    json = await h.http.post(first + "pay", json={"plan": "a"})

    assert (flooded.status_code, doubled.status_code, json.status_code) == (413, 400, 415)


@pytest.mark.parametrize(
    ("text", "phone", "status"),
    [
        ("", "0712345678", 422),
        ("x" * 1500, "0712345678", 422),
        (XSS, "0712345678", 422),
        ("SGR7ABCD12", "0712", 422),
        ("SGR7ABCD12", "0712345678", 422),
        ("' OR 1=1 --", "0712345678", 422),
        ("\u202eSGR7ABCD12\u0301", XSS, 422),
        ("a" * 17_000, "0712345678", 413),
    ],
)
async def test_a_hostile_receipt_is_refused(h: House, text: str, phone: str, status: int) -> None:
    first = await h.enter()
    answer = await h.http.post(first + "claim", data={"text": text, "phone": phone})
    after = await h.counts()

    assert answer.status_code == status
    assert "<script>alert" not in answer.text
    assert {name: n for name, n in after.items() if n} in ({}, {"guesses": after["guesses"]})


async def test_altered_and_foreign_tokens_open_nothing(h: House) -> None:
    first = await h.enter()
    token = first.split("/")[2]
    public, _, sealed = token.partition(".")
    middle = len(sealed) // 2
    broken = sealed[:middle] + ("A" if sealed[middle] != "A" else "B") + sealed[middle + 1 :]
    for bad in (f"{public}.{broken}", f"ffff.{sealed}", public, f"{public}.", "a" * 9000, f"{public}.%FF", "..%2f"):
        for path in (f"/w/{bad}/", f"/p/{bad}/", f"/s/{bad}/", f"/p/{bad}/status", f"/w/{bad}/state"):
            answer = await h.http.get(path)
            assert answer.status_code == 404, path

    for path in (f"/s/{token}/", f"/p/{token}/"):
        assert (await h.http.get(path)).status_code == 404


async def test_a_token_of_yesterday_is_old(h: House) -> None:
    first = await h.enter()
    h.home.clock.advance(25 * 3_600_000)
    answer = await h.http.get(first)

    assert answer.status_code == 410
    assert "http://login.wifi.test/login" in answer.text


async def test_a_form_of_another_site_is_refused(h: House) -> None:
    first = await h.enter()
    form = {**hidden((await h.order(first)).text), "confirm": "1"}
    for headers, status in (
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"origin": "https://evil.test"}, 403),
        ({"origin": "null"}, 303),
        ({"sec-fetch-site": "same-origin", "origin": "null"}, 303),
    ):
        answer = await h.http.post(first + "pay", data=form, headers=headers)
        assert answer.status_code == status, headers


async def test_the_owners_acts_take_only_what_is_theirs(h: House) -> None:
    waiting = await h.pay(await h.enter())
    await (await h.prompt()).approve()
    await h.goes_online()
    await h.reaches(waiting, "online")
    path, _, query = waiting.partition("?")
    own = (await h.http.get(f"{path}status?{query}")).headers["location"]
    before = await h.counts()
    answers = [
        await h.http.post(own + "add", data={"mac": XSS}),
        await h.http.post(own + "add", data={"mac": "02:AB:CD:00:00:55"}),
        await h.http.post(own + "remove", data={"mac": "02:AB:CD:00:00:55"}),
        await h.http.post(own + "remove", data={"mac": MAC}),
        await h.http.post(own + "start", data={"pass": "999"}),
    ]

    assert [answer.status_code for answer in answers] == [422, 422, 422, 422, 404]
    assert await h.counts() == before


async def test_callbacks_are_kept_or_refused_plainly(h: House) -> None:
    public = h.home.tenant.public
    unknown = await h.http.post(f"/hook/{public}.{'0' * 32}", content=b"{}")
    strange = await h.http.post("/hook/nonsense", content=b"{}")
    large = await h.http.post(f"/hook/{public}.{'0' * 32}", content=b"a" * 17_000)
    looked = await h.http.get(f"/hook/{public}.{'0' * 32}")

    assert (unknown.status_code, strange.status_code, large.status_code, looked.status_code) == (404, 404, 413, 405)
    assert (await h.counts())["inbox"] == 0


async def test_a_claimed_mac_sees_neither_phone_nor_receipt(h: House) -> None:
    waiting = await h.pay(await h.enter())
    push = await (await h.prompt()).approve()
    await h.goes_online()
    await h.reaches(waiting, "online")
    page = await h.http.get(await h.enter())

    assert str(push.receipt) not in page.text
    assert PHONE[-6:] not in page.text
    assert "678" not in page.text
    assert "disconnect" not in page.text
