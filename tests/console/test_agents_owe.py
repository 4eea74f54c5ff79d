"""Agents: commission, limit and settlement, and what they owe."""

from __future__ import annotations

import re
from typing import Any

import pytest

from portal.clock import DAY
from portal.console.vouchers import store as making
from portal.money import Money
from portal.units import update, value
from portal.vouchers import batches, codes
from portal.vouchers.stock import moves
from tests.console.office import Office, Visitor
from tests.console.test_agents import form, move_of, owes, sound, theirs
from tests.vouchers.cards import print_cards, show

PRICE = 2_000


# --- commission, limit, settlement ---


async def test_commission_is_frozen_when_a_card_goes_out_and_earned_when_it_is_redeemed(o: Office) -> None:
    owner, agent = await o.of("owner"), await o.of("agent")
    drawn = await print_cards(o.home, 4)
    here = f"/agents/{agent.staff_id}"
    await owner.post(f"{here}/terms", percent="7.5", limit="")
    await owner.post(f"{here}/move", **form("handed", "1-2", 2, n=1))
    await owner.post(f"{here}/terms", percent="10", limit="")
    await owner.post(f"{here}/move", **form("handed", "3-4", 2, n=2))
    assert await owes(o, agent) == 4 * PRICE, "nothing is earned yet"
    await show(o.home, drawn[0], 1)
    await show(o.home, drawn[2], 2)
    assert await owes(o, agent) == 4 * PRICE - 150 - 200
    page = await owner.get(f"{here}/account")
    assert "Commission" in page
    assert "KSh\u00a076.50" in page
    await sound(o)


async def test_a_batch_that_is_made_for_an_agent_earns_their_commission(o: Office) -> None:
    owner, agent = await o.of("owner"), await o.of("agent")
    await owner.post(f"/agents/{agent.staff_id}/terms", percent="10 %", limit="100")
    from tests.console.test_vouchers import order

    await owner.post("/vouchers/new", 303, **await order(owner, count="3", agent="", stock_of=str(agent.staff_id)))
    found = await o.home.read(value, "SELECT SUM(commission_minor) FROM vouchers WHERE tenant_id = :tenant")
    assert found == 3 * 200
    more = await order(owner, count="3", agent="", stock_of=str(agent.staff_id), key="f" * 16)
    assert "more than their limit" in (await owner.post("/vouchers/new", 409, **more)).text
    await sound(o)


@pytest.mark.parametrize("percent", ["-1", "101", "1e1", "7.555", "x", "٧"])
async def test_a_wrong_percentage_is_refused(o: Office, percent: str) -> None:
    owner, agent = await o.of("owner"), await o.of("agent")
    answer = await owner.post(f"/agents/{agent.staff_id}/terms", 400, percent=percent, limit="12,000")
    assert "a percentage from 0 to 100" in answer.text
    assert 'value="12,000"' in answer.text


async def test_a_hand_out_beyond_the_limit_is_refused_and_an_owner_may_do_it_all_the_same(o: Office) -> None:
    owner, manager, agent = await o.of("owner"), await o.of("manager"), await o.of("agent")
    await print_cards(o.home, 10)
    here = f"/agents/{agent.staff_id}"
    await owner.post(f"{here}/terms", percent="", limit="100")
    await manager.post(f"{here}/move", **form("handed", "1-5", 5, n=1))
    refused = await manager.post(f"{here}/move", 409, **form("handed", "6-7", 2, n=2, beyond="1"))
    assert "would owe more than their limit" in refused.text
    assert "Hand them out" not in refused.text.partition('id="sure"')[2].partition("</section>")[0]
    assert await owes(o, agent) == 5 * PRICE
    await owner.post(f"{here}/move", 409, **form("handed", "6-7", 2, n=3))
    await owner.post(f"{here}/move", **form("handed", "6-7", 2, n=4, beyond="1"))
    assert await owes(o, agent) == 7 * PRICE
    assert '"limit":"beyond it"' in str((await o.acts())[-1]["payload"])


async def test_the_limit_is_looked_at_in_the_transaction_that_hands_out(o: Office) -> None:
    owner, agent = await o.of("owner"), await o.of("agent")
    await print_cards(o.home, 10)
    await o.home.write(update, "staff", agent.staff_id, debt_limit_minor=5 * PRICE)
    first = await move_of(o, agent, owner, 5, "a")
    await o.home.write(moves.carry_out, first, o.home.clock.now())
    with pytest.raises(Exception, match="stock-limit"):
        await o.home.write(moves.carry_out, await move_of(o, agent, owner, 9, "b"), o.home.clock.now())
    assert len(await theirs(o, agent)) == 5, "and the cards stay where they were"


@pytest.mark.parametrize("change", [{"state": "off"}, {"role": "cashier"}])
async def test_who_stops_selling_between_the_form_and_the_hand_out_gets_no_cards(
    o: Office, change: dict[str, str]
) -> None:
    owner, agent = await o.of("owner"), await o.of("agent")
    await print_cards(o.home, 10)
    wanted = await move_of(o, agent, owner, 5, "a")
    await o.home.write(update, "staff", agent.staff_id, **change)
    with pytest.raises(Exception, match="move-off"):
        await o.home.write(moves.carry_out, wanted, o.home.clock.now())
    assert (await theirs(o, agent), await owes(o, agent)) == ([], 0)


async def order_of(o: Office, agent: Visitor, key: str) -> batches.Order:
    plan = await o.home.plan_of(name=f"Plan {key}", price=Money(PRICE, "KES"))
    style, use_by = codes.STYLES["letters-8"], o.home.clock.now() + DAY
    return batches.Order(plan=plan, count=3, style=style, use_by=use_by, agent_id=agent.staff_id, by="W.", form_key=key)


async def test_the_limit_counts_a_batch_that_is_still_being_made(o: Office) -> None:
    owner, agent = await o.of("owner"), await o.of("agent")
    await print_cards(o.home, 10)
    await o.home.write(update, "staff", agent.staff_id, debt_limit_minor=5 * PRICE)
    await o.home.write(making.make_once, await order_of(o, agent, "a"), o.home.clock.now())
    with pytest.raises(Exception, match="stock-limit"):
        await o.home.write(making.make_once, await order_of(o, agent, "b"), o.home.clock.now())
    with pytest.raises(Exception, match="stock-limit"):
        await o.home.write(moves.carry_out, await move_of(o, agent, owner, 3, "c"), o.home.clock.now())
    await o.home.write(moves.carry_out, await move_of(o, agent, owner, 2, "d"), o.home.clock.now())
    assert await owes(o, agent) == 2 * PRICE


async def test_no_batch_is_made_for_who_stops_selling_meanwhile(o: Office) -> None:
    agent = await o.of("agent")
    order = await order_of(o, agent, "a")
    await o.home.write(update, "staff", agent.staff_id, state="off")
    with pytest.raises(Exception, match="move-off"):
        await o.home.write(making.make_once, order, o.home.clock.now())


async def test_cash_of_an_agent_goes_into_ones_own_drawer_once_with_a_slip(o: Office) -> None:
    cashier, agent = await o.of("cashier"), await o.of("agent")
    await print_cards(o.home, 5, agent_id=agent.staff_id)
    here = f"/agents/{agent.staff_id}"
    fields: dict[str, Any] = {"amount": "60.50", "key": "a" * 16}
    first, second = [await cashier.post(f"{here}/settle", 303, **fields) for _ in range(2)]
    path = first.headers["location"].removeprefix("/console")
    assert second.headers["location"] == f"/console{path}?said=settled-there"
    assert await owes(o, agent) == 5 * PRICE - 6_050
    slip = await cashier.get(path)
    for said in ("KSh\u00a060.50", "Amina Agent", "Amina Cashier, in cash", "Still owed", "KSh\u00a039.50"):
        assert said in slip
    drawer = await o.home.read(value, "SELECT staff_id FROM transfers WHERE tenant_id = :tenant AND kind = 'settled'")
    assert drawer == cashier.staff_id
    for wrong, status in (("40", 409), ("0", 400), ("-1", 400), ("x", 400), ("", 400), ("1.234", 400)):
        await cashier.post(f"{here}/settle", status, amount=wrong, key="b" * 16)
    assert [each["act"] for each in await o.acts()] == ["agent.settle"]
    assert "Paid to Amina Cashier" in await cashier.get(f"{here}/account")
    await sound(o)


async def test_the_list_says_what_each_holds_and_owes(o: Office) -> None:
    owner, agent = await o.of("owner"), await o.of("agent")
    assert "No agents yet" not in await owner.get("/agents")
    drawn = await print_cards(o.home, 5, agent_id=agent.staff_id)
    await show(o.home, drawn[0], 1)
    page = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", (await owner.get("/agents")).replace("\u00a0", " ")))
    assert "Amina Agent 4 1 KSh 0 KSh 100 –" in page


async def test_who_is_an_agent_no_more_still_owes_and_gets_no_further_cards(o: Office) -> None:
    owner, agent, never = await o.of("owner"), await o.of("agent"), await o.of("agent")
    await print_cards(o.home, 4)
    here = f"/agents/{agent.staff_id}"
    await owner.post(f"{here}/move", **form("handed", "1-2", 2))
    for each in (agent, never):
        await owner.post(f"/staff/{each.staff_id}/role", role="cashier")
    assert "an agent no more" in await owner.get("/agents")
    assert "Hand out cards" not in await owner.get(here)
    await owner.post(f"{here}/move", 409, **form("handed", "3-4", 2, n=1))
    await owner.post(f"{here}/move", **form("returned", "1", 1, n=2))
    await owner.post(f"{here}/settle", amount="20", key="a" * 16)
    assert await owes(o, agent) == 0
    await owner.get(f"/agents/{never.staff_id}", 404)


async def test_the_list_of_batches_finds_what_was_handed_out_to_an_agent(o: Office) -> None:
    owner, agent = await o.of("owner"), await o.of("agent")
    await print_cards(o.home, 4)
    await print_cards(o.home, 4)
    await owner.post(f"/agents/{agent.staff_id}/move", **form("handed", "1-2", 2, batch=2))
    for only in ("all", "stock"):
        page = await owner.get("/vouchers", only=only, agent=str(agent.staff_id))
        assert ("B2</b>" in page, "B1</b>" in page) == (True, False)


async def test_an_isp_without_agents_reads_the_next_step(o: Office) -> None:
    assert "Invite somebody with the role Agent" in await (await o.of("owner")).get("/agents")


async def test_a_cashier_takes_cash_and_moves_no_cards(o: Office) -> None:
    cashier, agent = await o.of("cashier"), await o.of("agent")
    await print_cards(o.home, 2)
    page = await cashier.get(f"/agents/{agent.staff_id}")
    assert "Hand out cards" not in page
    await cashier.post(f"/agents/{agent.staff_id}/move", 403, **form("handed", "1-2", 2))
    await cashier.post(f"/agents/{agent.staff_id}/terms", 403, percent="50")
