"""Who is kept off by a stranger's hand, or by their own from before, and then pays, is online."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from portal.access import admission
from portal.access import store as access
from portal.access.admission import Standing
from tests.pages.cards import card, redeems
from tests.pages.house import MAC, House, house


@pytest.fixture
async def h(tmp_path: Path) -> AsyncIterator[House]:
    async with house(tmp_path, plans=True) as made:
        yield made


async def stands(h: House) -> Standing:
    device = await h.home.read(access.device_by_mac, MAC)
    found: Standing = await h.home.read(admission.standing, device.id, h.home.clock.now())
    return found


async def test_a_stranger_cannot_hold_a_device_that_then_pays(h: House) -> None:
    code = await card(h, max_devices=2)
    theirs = (await redeems(h, code, mac="02:AB:CD:00:00:66")).partition("?")[0]
    await h.http.post(theirs + "add", data={"mac": MAC})
    await h.http.post(theirs + "disconnect", data={"mac": MAC})
    assert (await stands(h)).allowance is None

    at = await h.pay(await h.enter())
    await (await h.prompt()).approve()
    await h.reaches(at, "connecting", "unreachable", "not-seen", "waiting", "router-offline", "router-silent")

    assert (await stands(h)).allowance is not None


async def test_who_disconnects_after_asking_to_pay_stays_disconnected(h: House) -> None:
    at = await h.pay(await h.enter())
    device = await h.home.read(access.device_by_mac, MAC)
    h.home.clock.advance(10)
    await h.home.write(admission.hold, device.id, "guest", None, h.home.clock.now())

    await (await h.prompt()).approve()
    await h.reaches(at, "held")

    assert (await stands(h)).allowance is None
