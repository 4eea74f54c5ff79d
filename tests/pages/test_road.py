"""The guest's road through the pages, as a browser without script and cookies walks it."""

from __future__ import annotations

from pathlib import Path

import pytest

from portal.access import store as access
from portal.clock import MINUTE
from portal.tenancy import store as tenancy
from tests.pages.house import MAC, ORIG, hidden, house


async def test_a_guest_buys_an_hour_and_is_led_to_where_they_wanted_to_go(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        first = await h.enter()
        plans = await h.http.get(first)
        confirm = await h.order(first)
        waiting = await h.pay(first)
        asked = await h.http.get(waiting)
        push = await (await h.prompt()).approve()
        await h.reaches(waiting, "router-offline")
        paid = await h.http.get(waiting)
        await h.contact()
        connecting = await h.http.get(waiting)
        await h.goes_online()
        online = await h.http.get(waiting)

        assert "KSh" in plans.text
        assert "0712 345 678" in confirm.text
        assert "Enter your M-Pesa PIN" in asked.text
        assert "174379" in asked.text
        assert "1 hour" in paid.text.replace("\u00a0", " ")
        assert "Connecting you" in connecting.text
        assert str(push.receipt) in online.text
        assert f'content="1;url={ORIG.replace("&", "&amp;")}"' in online.text


async def test_who_comes_back_finds_their_state_again(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        waiting = await h.pay(await h.enter())
        checking = await h.http.get(await h.enter())
        await (await h.prompt()).approve()
        await h.contact()
        await h.reaches(waiting, "connecting")
        connecting = await h.http.get(await h.enter())
        again = await h.enter()
        h.home.clock.advance(1000)
        await h.goes_online()
        online = await h.http.get(again)

        assert "Checking a payment" in checking.text
        assert "0712" not in checking.text
        assert "Connecting you" in connecting.text
        assert "You are online" in online.text


@pytest.mark.parametrize(
    ("act", "title"),
    [
        (lambda handset: handset.wrong_pin(), "Wrong M-Pesa PIN"),
        (lambda handset: handset.cancel(), "Payment cancelled"),
        (lambda handset: handset.poor(), "Not enough money"),
    ],
)
async def test_a_failure_is_said_in_words_and_can_be_tried_again(tmp_path: Path, act: object, title: str) -> None:
    async with house(tmp_path) as h:
        waiting = await h.pay(await h.enter())
        await act(await h.prompt())  # type: ignore[operator]
        await h.reaches(waiting, "failed+")
        failed = await h.http.get(waiting)
        h.home.clock.advance(2 * MINUTE)  # sooner, M-Pesa itself refuses the same amount (facts/mpesa.md 3.3)
        path, _, query = waiting.partition("?")
        again = await h.http.post(f"{path}again?{query}", data=hidden(failed.text))
        handset = await h.prompt()

        assert title in failed.text
        assert again.status_code == 303
        assert again.headers["location"] != waiting
        assert handset.pending is not None


async def test_pressing_pay_twice_is_one_payment(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        first = await h.enter()
        form = {**hidden((await h.order(first)).text), "confirm": "1"}
        one = await h.http.post(first + "pay", data=form)
        two = await h.http.post(first + "pay", data=form)

        assert one.headers["location"] == two.headers["location"]
        assert (await h.counts())["payments"] == 1


async def test_edit_keeps_plan_and_phone_out_of_the_address(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        first = await h.enter()
        form = {**hidden((await h.order(first)).text), "edit": "1"}
        page = await h.http.post(first + "pay", data=form)

        assert page.status_code == 200
        assert 'value="0712 345 678"' in page.text
        assert "checked" in page.text


async def test_the_owner_manages_devices_with_the_purchases_token(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        h.home.plan = await h.home.plan_of(max_devices=2, position=-1)
        await h.catalog_again()
        waiting = await h.pay(await h.enter())
        await (await h.prompt()).approve()
        await h.goes_online()
        await h.reaches(waiting, "online")
        path, _, query = waiting.partition("?")
        own = (await h.http.get(f"{path}status?{query}")).headers["location"]
        television = "02:AB:CD:00:00:77"
        added = await h.http.post(own + "add", data={"mac": television.lower().replace(":", "-")})
        shown = await h.http.get(own)
        full = await h.http.post(own + "add", data={"mac": "02:AB:CD:00:00:78"})
        removed = await h.http.post(own + "remove", data={"mac": television})
        off = await h.http.post(own + "disconnect", data={})
        held = await h.http.get(own)
        on = await h.http.post(own + "connect", data={})

        assert (added.status_code, full.status_code, removed.status_code) == (303, 422, 303)
        assert television in shown.text
        assert MAC in shown.text
        assert "You are disconnected" in held.text
        assert (off.status_code, on.status_code) == (303, 303)


async def test_a_receipt_brings_time_to_a_new_phone(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        waiting = await h.pay(await h.enter())
        push = await (await h.prompt()).approve()
        await h.contact()
        await h.reaches(waiting, "connecting")
        first = await h.enter(mac="02:AB:CD:00:00:99")
        sms = f"{push.receipt} Confirmed. Ksh20.00 sent to BANDO for account X on 1/1/26."
        wrong = await h.http.post(first + "claim", data={"text": sms, "phone": "0722 000 000"})
        right = await h.http.post(first + "claim", data={"text": sms, "phone": "0712345678"})
        page = await h.http.get(right.headers["location"])

        assert wrong.status_code == 422
        assert "Receipt not found" not in page.text
        assert right.status_code == 303
        assert "02:AB:CD:00:00:99" in page.text


async def test_the_language_stays_for_the_whole_road(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        first = await h.enter()
        swahili = (await h.http.get(first + "?lang=sw")).headers["location"]
        plans = await h.http.get(swahili)
        waiting = await h.pay(swahili)
        page = await h.http.get(waiting)
        path, _, query = waiting.partition("?")
        english = await h.http.get(f"{path}?lang=en&{query}", follow_redirects=True)

        assert '<html lang="sw">' in plans.text
        assert "Saa\u00a01" in plans.text
        assert "Weka PIN yako ya M-Pesa" in page.text
        assert "Enter your M-Pesa PIN" in english.text


async def test_who_must_wait_before_the_next_try_sees_how_long(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        waiting = await h.pay(await h.enter())
        await (await h.prompt()).cancel()
        await h.reaches(waiting, "failed+")
        path, _, query = waiting.partition("?")
        form = hidden((await h.http.get(waiting)).text)
        again = (await h.http.post(f"{path}again?{query}", data=form)).headers["location"]
        await h.reaches(again, "failed")
        page = await h.http.get(again)
        h.home.clock.advance(2 * MINUTE)

        assert "Same payment twice" in page.text
        assert "You can ask the same phone again in a moment" in page.text
        assert 'action="again' not in page.text
        assert await h.state(again) == "failed+"


async def test_a_guest_hears_that_the_routers_licence_is_full(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        waiting = await h.pay(await h.enter())
        await (await h.prompt()).approve()
        await h.reaches(waiting, "router-offline")
        now = h.home.clock.now()
        device = (await h.home.read(access.device_by_mac, MAC)).id
        subject = f"router:{h.home.router_id}:device:{device}"
        await h.home.write(tenancy.open_exception, "licence-full", subject, "full", now)

        assert "The Wi-Fi is full" in (await h.http.get(waiting)).text
