"""A voucher typed on the Wi-Fi: online, on further devices, moved to a new phone."""

from __future__ import annotations

import html
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from portal.access import admission
from portal.access import store as access
from portal.clock import HOUR
from portal.vouchers import codes
from tests.pages.cards import OTHER, card, redeems, scans, shows, spent_nothing, voucher_state, words_of
from tests.pages.house import MAC, ORIG, House, hidden, house


@pytest.fixture
async def h(tmp_path: Path) -> AsyncIterator[House]:
    async with house(tmp_path, plans=True) as made:
        yield made


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


async def test_a_stopped_device_spends_nothing(h: House) -> None:
    code, now = await card(h), h.home.clock.now()
    device = await h.home.write(access.touch_device, MAC, h.home.router_id, now)
    await h.home.write(admission.block, device.id, True, now)
    answer = await shows(h, await h.enter(), code)

    assert answer.status_code == 403
    assert "Staff have stopped this device" in words_of(answer)
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
