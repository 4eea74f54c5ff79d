"""Stealing what others bought: with a cheap pass bought for their device, a receipt, or their MAC."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.attacks.guest import THIEFS_PHONE, VICTIM_PHONE, World, a_world, until

THIEF = "02:00:00:00:00:02"


@pytest.fixture
async def w(tmp_path: Path) -> AsyncIterator[World]:
    async with a_world(tmp_path) as made:
        yield made


async def test_a_cheap_pass_for_somebodys_device_opens_none_of_their_passes(w: World) -> None:
    victim = (await w.site.phone(1)).mac
    thief = (await w.site.phone(2)).mac
    assert thief == THIEF
    await w.buy(victim, "3 hours", VICTIM_PHONE)
    bought = (await w.standing(victim)).head
    assert bought is not None
    purchase = await w.buy(victim, "30 minutes", THIEFS_PHONE, "1" * 32)  # the thief says to be the victim
    proof = await w.proof(purchase)

    page = (await w.http.get(proof)).text
    assert "3 hours" not in page
    await w.http.post(f"{proof}add", data={"mac": THIEF})
    await w.http.post(f"{proof}disconnect", data={})
    stands = await w.standing(victim)
    assert stands.head is not None
    assert stands.head.id == bought.id
    assert stands.allowance is not None
    assert not w.site.router.is_authorized(THIEF, "10.5.50.12")

    receipt = await w.receipt(purchase)
    home = await w.arrive(THIEF)
    answer = await w.http.post(f"{home}claim", data={"text": receipt, "phone": THIEFS_PHONE})
    assert answer.status_code == 303, answer.text
    mine = await w.standing(THIEF)
    theirs = await w.standing(victim)
    assert [one.plan_name for one in mine.queue] == ["30 minutes"]
    assert [one.id for one in theirs.queue] == [bought.id]
    await until(lambda: w.site.router.is_authorized(THIEF, "10.5.50.12"))
    await until(lambda: w.site.router.is_authorized(victim, "10.5.50.11"))


async def test_an_owner_cannot_disconnect_a_stranger_by_adding_them_to_a_pass(w: World) -> None:
    victim = (await w.site.phone(1)).mac
    await w.buy(victim, "1 hour", VICTIM_PHONE)
    thief = (await w.site.phone(2)).mac
    proof = await w.proof(await w.buy(thief, "3 hours", THIEFS_PHONE))
    await w.http.post(f"{proof}add", data={"mac": victim})
    await w.http.post(f"{proof}disconnect", data={"mac": victim})
    assert (await w.standing(victim)).allowance is not None


async def test_an_owner_can_disconnect_and_connect_a_device_that_shares_the_pass(w: World) -> None:
    proof = await w.proof(await w.buy((await w.site.phone(1)).mac, "3 hours", VICTIM_PHONE))
    other = (await w.site.phone(2)).mac
    await w.http.post(f"{proof}add", data={"mac": other})
    await w.http.post(f"{proof}disconnect", data={"mac": other})
    assert (await w.standing(other)).allowance is None
    await w.http.post(f"{proof}connect", data={"mac": other})
    assert (await w.standing(other)).allowance is not None


async def test_the_status_of_an_unpaid_purchase_is_the_purchase(w: World) -> None:
    mac = (await w.site.phone(1)).mac
    answer = await w.order(await w.arrive(mac), "1 hour", VICTIM_PHONE, "0" * 32)
    purchase = answer.headers["location"].partition("?")[0]
    away = await w.http.get(f"{purchase}status", follow_redirects=True)
    assert away.status_code == 200
    assert away.url.path == purchase
