"""Vouchers on the guest pages: typed, scanned, joined, moved; and every way in which a code can be of no use."""

from __future__ import annotations

import gzip
import html
import re
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from portal.access import admission
from portal.access import store as access
from portal.clock import DAY, HOUR
from portal.tenancy import store as tenancy
from portal.vouchers import codes, store
from portal.vouchers.batches import code_index
from tests.pages.house import MAC, ORIG, House, hidden, house
from tests.vouchers.cards import batch_of, print_cards

BUDGET = 14 * 1024
OTHER = "02:AB:CD:00:00:02"


@pytest.fixture
async def h(tmp_path: Path) -> Any:
    async with house(tmp_path, plans=True) as made:
        yield made


def words_of(answer: httpx.Response) -> str:
    """What a guest reads."""
    main = answer.text.partition("<main>")[2].partition("</main>")[0]
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", main)).split()).replace("\u00a0", " ")


async def card(h: House, **plan: Any) -> str:
    """A fresh code."""
    return (await print_cards(h.home, 1, await h.home.plan_of(**plan)))[0]


async def shows(h: House, first: str, code: str, **more: str) -> httpx.Response:
    return await h.http.post(first + "voucher", data={"code": code, **more})


async def redeems(h: House, code: str, **arrival: str) -> str:
    """Type the code as this device; the address of the status page."""
    answer = await shows(h, await h.enter(**arrival), code)
    assert answer.status_code == 303, words_of(answer)
    return answer.headers["location"]


async def scans(h: House, code: str, **arrival: str) -> str:
    """Arrive as somebody whom the router's login page sent here with the voucher's address."""
    return await h.enter(link_orig=f"{h.url}/V/{code}", **arrival)


async def voucher_state(h: House, code: str) -> str:
    found = await h.home.read(store.with_batch, code_index(h.home.vault, code))
    return str(found[0].state)


async def spent_nothing(h: House, code: str) -> None:
    assert await voucher_state(h, code) == "printed"
    assert (await h.counts())["passes"] == 0


# --- typing ---


@pytest.mark.parametrize("written", ["{}", "  {} ", "{lower}", "{groups}", "https://portal.test/V/{}?x=1", "O{rest}"])
async def test_a_typed_code_leads_online(h: House, written: str) -> None:
    code = await card(h)
    while written.startswith("O") and not code.startswith("0"):
        code = await card(h)
    text = written.format(code, lower=code.lower(), groups=codes.shown(code), rest=code[1:])
    own = await redeems(h, text)
    waiting = await h.http.get(own)
    before = (await h.http.get(own.partition("?")[0] + "state")).json()
    await h.goes_online()
    after = (await h.http.get(own.partition("?")[0] + "state")).json()
    online = await h.http.get(own)

    assert own.endswith("?was=redeemed")
    assert "Your voucher is accepted" in words_of(waiting)
    assert 'data-poll="state"' in waiting.text
    assert 'data-next="./?was=redeemed"' in waiting.text
    assert (before, after) == ({"s": "router-offline"}, {"s": "online"})
    assert "You are online" in words_of(online)
    assert f'content="1;url={html.escape(ORIG)}"' in online.text
    assert f'href="{html.escape(ORIG)}"' in online.text
    assert await voucher_state(h, code) == "redeemed"


async def test_the_field_is_on_every_page_from_which_a_guest_may_go_on(h: House) -> None:
    first = await h.enter()
    plans = await h.http.get(first)
    waiting = await h.http.get(await h.pay(first))
    here = await h.http.get(await h.enter())
    own = await redeems(h, await card(h))
    status = await h.http.get(own)
    await h.goes_online()
    still = await h.http.get(own)
    alone = await h.http.get(first + "voucher")

    for page in (plans, still, alone):
        (field,) = re.findall(r'<input type="text"[^>]*name="code"[^>]*>', page.text)
        assert 'maxlength="200"' in field
        assert 'autocapitalize="characters" autocorrect="off" spellcheck="false"' in field
        assert 'autocomplete="off"' in field
    for page in (waiting, here, status):  # these load again by themselves: a field would lose what is typed
        assert re.search(r'href="[^"]*voucher">Have a voucher\?', page.text)


async def test_a_typo_is_said_beside_the_field_and_what_was_typed_stays(h: House) -> None:
    code = await card(h)
    wrong = code[:-1] + ("7" if code[-1] != "7" else "8")
    answer = await shows(h, await h.enter(), f'{wrong}"><script>')

    assert answer.status_code == 422
    assert f'value="{wrong}&#34;&gt;&lt;script&gt;"' in answer.text
    assert 'aria-invalid="true"' in answer.text
    assert 'aria-describedby="wrong-code hint-code"' in answer.text
    assert 'id="wrong-code" role="alert">This is not quite the code' in answer.text
    assert 'href="./?buy=1"' in answer.text
    assert (await h.counts())["guesses"] == 0
    await spent_nothing(h, code)


# --- bad input: a clear page, nothing spent ---


async def elsewhere(h: House) -> str:
    """A good code of another ISP."""
    other = await h.home.db.write(None, tenancy.add_tenant, "Other", h.home.clock.now())
    code = codes.draw(codes.STYLES["letters-10"])
    plan = h.home.plan
    plan_id = await h.home.db.write(other.id, access.add_plan, plan, h.home.clock.now())
    plan = type(plan)(**{**plan.__dict__, "id": plan_id})
    await h.home.db.write(other.id, batch_of, h.home.vault, other.id, plan, [code], h.home.clock.now())
    await h.catalog.refresh()
    return code


async def of_no_use(h: House) -> dict[str, str]:
    """One code for each reason why a code cannot be used."""
    expired = (await print_cards(h.home, 1, use_by=h.home.clock.now() + HOUR))[0]
    spent = await card(h, span_ms=HOUR)
    await redeems(h, spent, mac="02:AB:CD:00:00:31")
    await h.goes_online("02:AB:CD:00:00:31")
    device = await h.home.read(access.device_by_mac, "02:AB:CD:00:00:31")
    (one,) = await h.home.read(access.queue_of, device.id)
    await h.home.write(admission.end_pass, one.id, "time", h.home.clock.now())
    void = await card(h)
    row, _ = await h.home.read(store.with_batch, code_index(h.home.vault, void))
    now = h.home.clock.now()
    await h.home.write(store.void_range, row.batch_id, 1, 1, "tests", "lost", now, in_use=False)
    h.home.clock.advance(2 * HOUR)
    return {
        "unknown": codes.draw(codes.STYLES["letters-10"]),
        "expired": expired,
        "spent": spent,
        "void": void,
        "other": await elsewhere(h),
    }


async def test_all_codes_of_no_use_read_the_same_byte_for_byte(h: House) -> None:
    found = await of_no_use(h)
    before = await h.counts()
    typed, scanned, openly = {}, {}, {}
    for name, code in found.items():
        typed[name] = await shows(h, await h.enter(), code)
        scanned[name] = await h.http.get(await scans(h, code))
        if name != "other":
            openly[name] = await h.http.get(f"/V/{code}")
        h.home.clock.advance(HOUR)  # so that nobody is slowed
    after = await h.counts()

    for answers in (typed, scanned, openly):
        same = {(each.status_code, each.text.replace(found[name], "CODE")) for name, each in answers.items()}
        assert len(same) == 1
        assert {len(each.content) for each in answers.values()} == {len(answers["unknown"].content)}
        assert same.pop()[0] == 404
    assert "show the card, with its number" in words_of(typed["unknown"])
    assert {name: after[name] for name in ("passes", "devices")} == {
        name: before[name] for name in ("passes", "devices")
    }


STRANGE = {
    "long": "A" * 10_000,
    "cyrillic": "7КQ9М2ХDАВ4",
    "greek": "ΑΒΕΖΗΙΚΜΝΟΡ",
    "digits": "٠١٢٣٤٥٦٧٨٩٠",
    "emoji": "🎟️🎟️🎟️",
    "empty": "",
    "blank": "   ",
    "zero-width": "\u200b\u202e\ufeff",
    "quote": "' OR 1=1 --",
    "script": "<script>alert(1)</script>",
    "path": "a/b/c",
    "format": "{0.__class__}%s%n",
}


@pytest.mark.parametrize("name", STRANGE)
async def test_strange_text_is_a_clear_page_and_spends_nothing(h: House, name: str) -> None:
    code, text = await card(h), STRANGE[name]
    answers = [
        await shows(h, await h.enter(), text),
        await h.http.get(f"/V/{quote(text, safe='')}"),
        await h.http.get(f"/v/{quote(text, safe='/')}"),
        await h.http.post("/V/", data={"code": text}),
        await h.http.get(await scans(h, quote(text[:300], safe=""))),
    ]
    for answer in answers:
        assert answer.status_code in (200, 422)
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        assert "<h1>" in answer.text
        assert "<script>alert" not in answer.text
        assert len(gzip.compress(answer.content)) < BUDGET
    await spent_nothing(h, code)


@pytest.mark.parametrize("path", ["/V/%00", "/V/%ff%fe", "/V/a%2fb", "/V/7KQ9%20", "/V/" + "%E2%80%AE" * 900])
async def test_a_broken_address_is_a_clear_page(h: House, path: str) -> None:
    answer = await h.http.get(path)

    assert answer.status_code == 422
    assert "This is not quite the code" in words_of(answer)


async def test_a_line_break_in_an_address_leads_nowhere(h: House) -> None:
    answer = await h.http.get("/V/%0d%0aSet-Cookie:a=b")

    assert answer.status_code == 404
    assert "set-cookie" not in answer.headers
    assert "<h1>" in answer.text


async def test_a_broken_form_is_a_clear_page(h: House) -> None:
    first = await h.enter()
    for body in (b"code=%00", b"code=%ff", b"code=a&code=b", b"code=" + b"A" * 20_000):
        for address in (first + "voucher", "/V/"):
            kind = {"content-type": "application/x-www-form-urlencoded"}
            answer = await h.http.post(address, content=body, headers=kind)
            assert 400 <= answer.status_code < 500
            assert "<h1>" in answer.text


async def test_a_form_of_another_site_spends_nothing(h: House) -> None:
    code = await card(h)
    foreign = {"sec-fetch-site": "cross-site", "origin": "https://evil.test"}
    first = await h.enter()
    typed = await h.http.post(first + "voucher", data={"code": code}, headers=foreign)
    openly = await h.http.post("/V/", data={"code": code}, headers=foreign)

    assert (typed.status_code, openly.status_code) == (403, 403)
    await spent_nothing(h, code)


async def test_a_slowed_device_hears_how_long_and_may_pay(h: House) -> None:
    first = await h.enter()
    answer = await shows(h, first, codes.draw(codes.STYLES["letters-10"]))
    for _ in range(200):
        if answer.status_code == 429:
            break
        answer = await shows(h, first, codes.draw(codes.STYLES["letters-10"]))
    plans = await h.http.get(first + "?buy=1")
    waiting = await h.pay(first)

    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) > 0
    assert re.search(r"Wait \d+ (minutes?|hours?)", words_of(answer))
    assert 'href="./?buy=1"' in answer.text
    assert plans.status_code == 200
    assert waiting.startswith("/p/")


# --- scanning on the Wi-Fi ---


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
    assert "Vocha yako ni nzuri" in words_of(await h.http.get(swahili))
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


# --- several devices ---


async def test_a_further_device_joins_and_sees_its_own_state(h: House) -> None:
    code = await card(h, max_devices=2)
    await redeems(h, code)
    await h.goes_online()
    first = await scans(h, code, mac=OTHER)
    offer = await h.http.get(first)
    done = await h.http.post(first + "voucher", data=hidden(offer.text))
    own = done.headers["location"]
    joining = await h.http.get(own)
    await h.goes_online(OTHER)
    online = await h.http.get(own)
    off = await h.http.post(own.partition("?")[0] + "disconnect", data={})
    held = await h.home.read(access.device_by_mac, OTHER)
    owner = await h.home.read(access.device_by_mac, MAC)

    assert "there is room for this device too" in words_of(offer)
    assert own.endswith("?was=added")
    assert "Connecting you" in words_of(joining)
    assert "You are online" in words_of(online)
    assert "shares the voucher's time" in words_of(online)
    assert off.status_code == 303
    assert held.hold.holds(h.home.clock.now())
    assert not owner.hold.holds(h.home.clock.now())


@pytest.mark.parametrize("way", ["typed", "scanned"])
async def test_a_new_phone_takes_over_with_a_confirming_tap(h: House, way: str) -> None:
    code = await card(h)
    await redeems(h, code)
    await h.goes_online()
    first = await (scans(h, code, mac=OTHER) if way == "scanned" else h.enter(mac=OTHER))
    asked = await (h.http.get(first) if way == "scanned" else shows(h, first, code))
    still = await h.home.read(access.device_by_mac, OTHER)
    done = await h.http.post(first + "voucher", data=hidden(asked.text))
    await h.goes_online(OTHER)
    page = await h.http.get(done.headers["location"])

    assert asked.status_code == (200 if way == "scanned" else 409)
    assert "In use on another device" in words_of(asked)
    assert "Move my time to this phone" in words_of(asked)
    assert f"{h.services.settings.voucher_moves} times a day" in words_of(asked)
    assert still is None
    assert hidden(asked.text) == {"code": code, "move": "1"}
    assert done.headers["location"].endswith("?was=moved")
    assert "Your time has moved to this device" in words_of(page)
    assert "You are online" in words_of(page)


async def test_too_many_moves_a_day_are_refused_at_the_field(h: House) -> None:
    code = await card(h)
    await redeems(h, code)
    for n in range(h.services.settings.voucher_moves + 1):
        first = await h.enter(mac=f"02:AB:CD:00:01:{n:02X}")
        answer = await shows(h, first, code, move="1")

    assert answer.status_code == 429
    assert "moved too often today" in words_of(answer)
    assert 'href="./?buy=1"' in answer.text


async def test_a_locked_voucher_stays_with_its_first_device(h: House) -> None:
    code = await card(h, locked=True)
    await redeems(h, code)
    typed = await shows(h, await h.enter(mac=OTHER), code)
    scanned = await h.http.get(await scans(h, code, mac=OTHER))

    for answer in (typed, scanned):
        assert answer.status_code == 409
        assert "stays with the device that used it first" in words_of(answer)


async def test_a_voucher_for_another_site_is_good_but_not_here(h: House) -> None:
    code = await card(h, sites=(h.home.router_id + 1,))
    answer = await shows(h, await h.enter(), code)

    assert answer.status_code == 409
    assert "other places of ours" in words_of(answer)
    await spent_nothing(h, code)


async def test_a_used_up_voucher_tells_its_own_device_so(h: House) -> None:
    code = await card(h, span_ms=HOUR)
    await redeems(h, code)
    device = await h.home.read(access.device_by_mac, MAC)
    (one,) = await h.home.read(access.queue_of, device.id)
    await h.home.write(admission.end_pass, one.id, "time", h.home.clock.now())
    answer = await shows(h, await h.enter(), code)

    assert answer.status_code == 409
    assert "This plan is used up" in words_of(answer)


# --- scanning without the Wi-Fi ---


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


async def test_several_sites_are_named_with_a_link_each(h: House) -> None:
    fields = {"host": "127.0.0.1", "port": 1, "username": "u", "password": "p", "tunnel": True}
    now = h.home.clock.now()
    await h.home.write(tenancy.add_router, h.home.vault, now, name="Lake", hotspot_host="lake.wifi.test", **fields)
    await h.home.write(tenancy.add_router, h.home.vault, now, name="Twin", hotspot_host="lake.wifi.test", **fields)
    await h.catalog_again()
    code = await card(h)
    page = await h.http.get(f"/V/{code}")
    await h.enter()
    here = await h.http.get(f"/V/{code}")

    assert "Connect at Site 1" in words_of(page)
    assert "Connect at Lake" in words_of(page)
    assert "Twin" not in words_of(page)
    assert "lake.wifi.test" not in here.text


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
    bad = await h.http.post("/V/", data={"code": "7KQ9"})

    assert 'href="http://login.wifi.test/login"' in near.text
    assert good.headers["location"] == f"/V/{code}"
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
