"""Agents see their own cards and their own account alone."""

from __future__ import annotations

import re

import pytest

from portal.clock import DAY
from portal.console.stock import store as shelf
from portal.units import rows
from tests.console.office import Office
from tests.console.test_agents import form
from tests.console.test_stock import tap
from tests.vouchers.cards import print_cards

PRICE = 2_000


# --- what agents see ---


async def test_an_agent_sees_their_range_of_a_batch_and_no_other_card_of_it(o: Office) -> None:
    owner, one, two = await o.of("owner"), await o.of("agent"), await o.of("agent")
    await print_cards(o.home, 9)
    await owner.post(f"/agents/{one.staff_id}/move", **form("handed", "1-3", 3, n=1))
    await owner.post(f"/agents/{two.staff_id}/move", **form("handed", "4-6", 3, n=2))
    page = await one.get("/stock/batch/1")
    assert re.findall(r"B1-000(\d)<", page) == ["1", "2", "3"]
    assert "3 cards are yours" in page
    assert re.findall(r"B1-000(\d)<", await two.get("/stock/batch/1")) == ["4", "5", "6"]
    refused = await one.post("/stock/batch/1/file", 409, form="pdf", serials="2-5")
    assert "not yours" in refused.text
    table = await one.post("/stock/batch/1/file", 200, form="slips", serials="")
    assert "B1-0003" in table.text
    assert "B1-0004" not in table.text
    assert "3 left" in await two.get("/stock"), "what one prints is not on paper for the other"
    await owner.post(f"/agents/{one.staff_id}/move", **form("returned", "1-3", 3, n=3))
    await one.get("/stock/batch/1", 404)


async def test_without_the_agent_in_its_statement_a_page_would_show_anothers_cards(o: Office) -> None:
    """The negative control of the guard: the same statement without its scope finds the other agent's cards."""
    one, two = await o.of("agent"), await o.of("agent")
    await print_cards(o.home, 2, agent_id=two.staff_id)
    seen = await o.home.read(shelf.cards_of, one.staff_id, 1, 0, 9, 9)
    assert seen == []
    unscoped = "SELECT v.label FROM vouchers v WHERE v.tenant_id = :tenant AND v.batch_id = 1"
    assert len(await o.home.read(rows, unscoped)) == 2
    with pytest.raises(shelf.NotMine):
        shelf.mine(unscoped)


async def test_a_tap_sells_a_card_of_ones_own_range_alone(o: Office) -> None:
    owner, one, two = await o.of("owner"), await o.of("agent"), await o.of("agent")
    await print_cards(o.home, 9)
    await owner.post(f"/agents/{one.staff_id}/move", **form("handed", "7-8", 2, n=1))
    for n in range(2):
        await one.post("/stock/sell", 303, **tap(one, n))
    await one.post("/stock/sell", 409, **tap(one, 9))
    await two.post("/stock/sell", 409, **tap(two))
    found = await o.home.read(rows, "SELECT serial FROM vouchers WHERE tenant_id = :tenant AND handed_at IS NOT NULL")
    assert sorted(int(each["serial"]) for each in found) == [7, 8]


async def test_an_agents_own_account_and_moves(o: Office) -> None:
    owner, one, two = await o.of("owner"), await o.of("agent"), await o.of("agent")
    await print_cards(o.home, 9)
    assert "Nothing was moved yet" in await one.get("/stock/moves")
    await owner.post(f"/agents/{one.staff_id}/move", **form("handed", "1-3", 3, reason="For the kiosk"))
    assert "KSh\u00a060" in await one.get("/stock")
    assert "Handed out: B1, 1-3" in await one.get("/stock/account")
    assert "For the kiosk" in await one.get("/stock/moves")
    assert "Handed out: B1" not in await two.get("/stock/account")
    assert "For the kiosk" not in await two.get("/stock/moves")
    table = await one.post("/stock/account/file", 200, span="month")
    assert "Handed out: B1, 1-3,3,60.00,,60.00,KES" in table.text.replace('"', "")
    for path in ("/agents", f"/agents/{one.staff_id}", "/agents/slip/1"):
        await one.get(path, 403)


async def test_the_account_carries_its_balance_over_days(o: Office) -> None:
    owner, agent = await o.of("owner"), await o.of("agent")
    await print_cards(o.home, 9)
    await owner.post(f"/agents/{agent.staff_id}/move", **form("handed", "1-3", 3))
    o.home.clock.advance(2 * DAY)
    owner = await o.again(owner)
    await owner.post(f"/agents/{agent.staff_id}/settle", amount="20", key="a" * 16)
    page = re.sub(
        r"\s+", " ", re.sub(r"<[^>]+>", " ", (await owner.get(f"/agents/{agent.staff_id}/account", span="today")))
    )
    assert "Owed before KSh 60" in page.replace("\u00a0", " ")
    table = await owner.post(f"/agents/{agent.staff_id}/account/file", 200, span="today")
    lines = table.text.splitlines()
    assert "Owed before" in lines[1]
    assert ",20.00,40.00,KES" in lines[2]
