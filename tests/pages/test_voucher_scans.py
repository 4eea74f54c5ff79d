"""The address in the QR code: with the router's word one tap, without it how to join; opening it spends nothing."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import quote

import pytest

from portal.clock import DAY, HOUR
from portal.tenancy import store as tenancy
from portal.tenancy.store import Router
from portal.vouchers import codes
from tests.pages.cards import OTHER, card, redeems, scans, spent_nothing, words_of
from tests.pages.house import House, hidden, house
from tests.vouchers.cards import print_cards


@pytest.fixture
async def h(tmp_path: Path) -> AsyncIterator[House]:
    async with house(tmp_path, plans=True) as made:
        yield made


async def test_a_scanned_code_is_one_tap_and_a_get_spends_nothing(h: House) -> None:
    code = await card(h, name="3 hours", span_ms=3 * HOUR)
    first = await scans(h, code.lower())
    for _ in range(3):
        page = await h.http.get(first)
    head = await h.http.head(first)
    await spent_nothing(h, code)
    form = hidden(page.text)
    done = await h.http.post(first + "voucher", data=form)
    await h.goes_online()
    online = await h.http.get(done.headers["location"])

    assert head.status_code == 200
    assert "Your voucher is good" in words_of(page)
    assert "3 hours" in words_of(page)
    assert codes.shown(code) in words_of(page)
    assert "KSh 20" in words_of(page)
    assert 'href="./?buy=1"' in page.text
    assert form == {"code": code}
    assert "You are online" in words_of(online)


async def test_the_code_is_in_no_address_and_in_no_log(h: House) -> None:
    code = await card(h)
    first = await scans(h, code)
    page = await h.http.get(first)
    done = await h.http.post(first + "voucher", data=hidden(page.text))
    await h.http.get(f"/V/{code}")

    for address in (first, done.headers["location"]):
        assert code not in address
    assert {route for _, route, _ in h.seen} <= {"/e/{router}", "/w/{token}/", "/w/{token}/voucher", "/V/{code:path}"}
    assert page.headers["referrer-policy"] == "no-referrer"


async def test_the_plans_stay_one_tap_away_from_a_scanned_code(h: House) -> None:
    code = await card(h)
    first = await scans(h, code)
    plans = await h.http.get(first + "?buy=1")
    swahili = (await h.http.get(first + "?lang=sw")).headers["location"]

    assert "Buy internet time" in words_of(plans)
    assert "Vocha yako iko sawa" in words_of(await h.http.get(swahili))
    await spent_nothing(h, code)


async def test_who_is_online_adds_the_vouchers_time_with_one_tap(h: House) -> None:
    await redeems(h, await card(h, span_ms=2 * HOUR))
    await h.goes_online()
    first = await scans(h, await card(h))
    offer = await h.http.get(first)
    state = await h.http.get(first + "?was=here")
    done = await h.http.post(first + "voucher", data=hidden(offer.text))
    added = await h.http.get(done.headers["location"])

    assert "You have 2 hours left" in words_of(offer)
    assert "Add this time" in words_of(offer)
    assert "2 hours" in words_of(state)
    assert "Added to your time" in words_of(added)
    assert (await h.counts())["passes"] == 2


async def test_a_code_of_ones_own_shows_where_one_stands(h: House) -> None:
    code = await card(h)
    await redeems(h, code)
    await h.contact()
    page = await h.http.get(await scans(h, code))
    typed = await redeems(h, code)

    assert "Connecting you" in words_of(page)
    assert typed.endswith("?was=resumed")
    assert (await h.counts())["passes"] == 1


@pytest.mark.parametrize("address", ["http://evil.test/V/{}", "http://login.wifi.test/V/{}", "{url}/W/{}", "{url}/V/"])
async def test_only_our_own_address_is_a_voucher(h: House, address: str) -> None:
    code = await card(h)
    first = await h.enter(link_orig=address.format(code, url=h.url))

    assert "Buy internet time" in words_of(await h.http.get(first))


@pytest.mark.parametrize("path", ["/V/{}", "/v/{}", "/V/{lower}", "/V/{groups}", "/V/{}/"])
async def test_over_mobile_data_the_page_says_how_to_join_and_spends_nothing(h: House, path: str) -> None:
    code = await card(h, name="3 hours", span_ms=3 * HOUR)
    address = path.format(code, lower=code.lower(), groups=codes.shown(code))
    page = await h.http.get(address)
    await h.http.head(address)

    assert page.status_code == 200
    said = words_of(page)
    assert "Your voucher is good" in said
    assert "3 hours" in said
    assert codes.shown(code) in said
    assert "Turn off mobile data" in said
    assert "Join the Wi-Fi Site 1" in said
    back = quote(f"{h.url}/V/{code}?once=1", safe="")
    assert f'href="http://login.wifi.test/login?dst={back}"' in page.text
    assert "http-equiv" not in page.text
    assert "<script" not in page.text
    await spent_nothing(h, code)


async def test_a_phone_that_is_probably_on_the_wifi_goes_to_the_router_by_itself_once(h: House) -> None:
    code = await card(h)
    await h.enter(mac=OTHER)
    goes = await h.http.get(f"/V/{code}")
    target = re.search(r'content="2;url=([^"]+)"', goes.text)
    back = await h.http.get(f"/V/{code}?once=1")
    h.home.clock.advance(2 * HOUR)
    later = await h.http.get(f"/V/{code}")

    assert target is not None
    assert target[1] == f"http://login.wifi.test/login?dst={quote(f'{h.url}/V/{code}?once=1', safe='')}"
    assert 'id="go" data-stay="?once=1"' in goes.text
    for page in (back, later):
        assert "http-equiv" not in page.text
        assert "<script" not in page.text
    first = await h.enter(link_orig=f"{h.url}/V/{code}?once=1")
    assert "Connect" in words_of(await h.http.get(first))


async def more_sites(h: House) -> list[Router]:
    """A second site, and a third with the same login page."""
    fields = {"host": "127.0.0.1", "port": 1, "username": "u", "password": "p", "tunnel": True}
    now = h.home.clock.now()
    for name in ("Lake", "Twin"):
        await h.home.write(tenancy.add_router, h.home.vault, now, name=name, hotspot_host="lake.wifi.test", **fields)
    await h.catalog_again()
    view = h.catalog.tenant(h.home.tenant.id)
    assert view is not None
    return list(view.routers.values())


async def test_several_sites_are_named_with_a_link_each(h: House) -> None:
    await more_sites(h)
    code = await card(h)
    page = await h.http.get(f"/V/{code}")
    await h.enter()
    here = await h.http.get(f"/V/{code}")

    assert "Connect at Site 1" in words_of(page)
    assert "Connect at Lake" in words_of(page)
    assert "Twin" not in words_of(page)
    assert "lake.wifi.test" not in here.text
    assert 'id="go"' in here.text


async def test_where_several_sites_share_one_way_out_the_guest_chooses(h: House) -> None:
    _, lake, _ = await more_sites(h)
    code = await card(h)
    await h.enter()
    claims = h.claims(link_login="http://lake.wifi.test/login")
    await h.http.get(f"/e/{lake.public}", params=claims)
    page = await h.http.get(f"/V/{code}")

    assert 'id="go"' not in page.text
    assert "Connect at Site 1" in words_of(page)
    assert "Connect at Lake" in words_of(page)


async def test_a_voucher_for_another_site_leads_there(h: House) -> None:
    _, lake, _ = await more_sites(h)
    await h.enter()
    page = await h.http.get(f"/V/{await card(h, sites=(lake.id,))}")

    assert 'id="go"' not in page.text
    assert "http://lake.wifi.test/login" in page.text
    assert "login.wifi.test/login?" not in page.text.replace("lake.wifi.test", "")


async def test_a_code_in_use_says_so_openly(h: House) -> None:
    code = await card(h)
    await redeems(h, code)
    page = await h.http.get(f"/V/{code}?once=1")

    assert "It is in use and has time left" in words_of(page)


async def test_the_bare_address_has_a_field_that_leads_on(h: House) -> None:
    code = await card(h)
    for path in ("/", "/V", "/v", "/V/"):
        page = await h.http.get(path, headers={"accept-language": "sw-KE,sw;q=0.9"})
        assert page.status_code == 200
        assert '<html lang="sw">' in page.text
        assert 'action="/V/?lang=sw"' in page.text
    await h.enter()
    near = await h.http.get("/")
    good = await h.http.post("/V/", data={"code": codes.shown(code).lower()})
    swahili = await h.http.post("/V/?lang=sw", data={"code": code}, follow_redirects=True)
    bad = await h.http.post("/V/", data={"code": "7KQ9"})

    assert 'href="http://login.wifi.test/login"' in near.text
    assert good.headers["location"] == f"/V/{code}"
    assert "Vocha yako iko sawa" in words_of(swahili)
    assert bad.status_code == 422
    assert 'value="7KQ9"' in bad.text
    await spent_nothing(h, code)


async def test_an_unknown_code_openly_can_be_mended(h: House) -> None:
    page = await h.http.get(f"/V/{codes.draw(codes.STYLES['letters-10'])}")

    assert page.status_code == 404
    assert "We can't use this code" in words_of(page)
    assert 'name="code"' in page.text
    assert "Kilimani" not in page.text


async def test_a_voucher_says_until_when_it_is_good(h: House) -> None:
    (code,) = await print_cards(h.home, 1, use_by=h.home.clock.now() + 40 * DAY)
    page = await h.http.get(f"/V/{code}")

    assert re.search(r"Use by \d+ \w+ \d{4}", words_of(page))
