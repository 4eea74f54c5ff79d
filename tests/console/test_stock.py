"""The stock of an agent: sold once, and nobody else's is within reach."""

from __future__ import annotations

import asyncio
import re

import pytest

from portal.clock import MINUTE
from portal.console.stock import store
from portal.console.vouchers import paper
from portal.units import Unit, rows
from portal.vouchers import print_run
from portal.vouchers.press import Agree, Job, press
from portal.vouchers.print_run import PrintRun
from tests.console.office import Office, Visitor
from tests.console.test_vouchers import CODE, order
from tests.vouchers.cards import print_cards, show


def tap(who: Visitor, n: int = 0) -> dict[str, str]:
    plan = who.office.home.plan
    return {"plan": str(plan.id), "price": str(plan.price.minor), "key": f"{n:016x}"}


async def handed(o: Office) -> list[int]:
    found = await o.home.read(
        rows, "SELECT id FROM vouchers WHERE tenant_id = :tenant AND handed_at IS NOT NULL ORDER BY id"
    )
    return [int(each["id"]) for each in found]


async def test_an_agent_lands_on_their_stock_and_an_empty_one_says_the_next_step(o: Office) -> None:
    who = await o.of("agent")
    answer = await who.http.get("/console/")
    assert answer.headers["location"] == "/console/stock"
    assert "You have no cards yet" in await who.get("/stock")


async def test_a_batch_is_made_for_an_agent_who_sells_one_card_with_one_tap(o: Office) -> None:
    who, owner = await o.of("agent"), await o.of("owner")
    await owner.post("/vouchers/new", 303, **await order(owner, count="3", agent="", stock_of=str(who.staff_id)))
    page = await owner.get("/vouchers/batch/1")
    assert "<dt>Stock of</dt><dd>Amina Agent</dd>" in page
    answers = [await who.post("/stock/sell", 303, **tap(who)) for _ in range(2)]
    path = answers[0].headers["location"].removeprefix("/console")
    assert answers[1].headers["location"] == f"/console{path}?said=hand-there"
    assert len(await handed(o)) == 1
    code = CODE.search(await who.get(path))
    assert code is not None
    acts = await o.acts()
    assert [each["act"] for each in acts] == ["voucher.make", "voucher.hand"]
    assert code[1].replace("-", "") not in acts[1]["payload"]
    await show(o.home, code[1], 1)
    assert CODE.search(await who.get(path)) is None, "it was used"
    assert "1 card at their price" in await who.get("/stock")


async def test_a_code_is_shown_for_ten_minutes(o: Office) -> None:
    who = await o.of("agent")
    await print_cards(o.home, 1, agent_id=who.staff_id)
    path = (await who.post("/stock/sell", 303, **tap(who))).headers["location"].removeprefix("/console")
    o.home.clock.advance(10 * MINUTE)
    assert CODE.search(await who.get(path)) is None
    assert "No card of this plan is left" in (await who.post("/stock/sell", 409, **tap(who, 1))).text


async def test_many_taps_at_the_same_time_hand_out_each_card_once(o: Office) -> None:
    who = await o.of("agent")
    await print_cards(o.home, 20, agent_id=who.staff_id)
    csrf = await who.token()
    data = [{"csrf": csrf, **tap(who, n)} for n in range(32)]
    answers = await asyncio.gather(*(who.http.post("/console/stock/sell", data=each) for each in data))
    led = [each.headers["location"] for each in answers if each.status_code == 303]
    assert (len(led), len(set(led)), len(await handed(o))) == (20, 20, 20)
    assert [each.status_code for each in answers].count(409) == 12


async def test_without_taking_it_in_one_statement_all_taps_would_find_the_same_card(o: Office) -> None:
    """The negative control: whoever looks first and writes later hands the first card to everybody."""
    who = await o.of("agent")
    await print_cards(o.home, 20, agent_id=who.staff_id)
    look = f"SELECT MIN(v.id) AS id FROM vouchers v WHERE {store.OURS} AND {store.TO_SELL}"
    now = o.home.clock.now()
    found = await asyncio.gather(*(o.home.read(rows, look, agent=who.staff_id, now=now) for _ in range(8)))
    assert len({each[0]["id"] for each in found}) == 1


async def test_a_card_on_paper_is_not_sold_a_second_time(o: Office) -> None:
    who, owner = await o.of("agent"), await o.of("owner")
    await print_cards(o.home, 2, agent_id=who.staff_id)
    await owner.post("/vouchers/batch/1/file", 200, form="slips", serials="1")
    await who.post("/stock/sell", 303, **tap(who))
    await who.post("/stock/sell", 409, **tap(who, 1))


async def test_a_card_that_a_tap_has_sold_is_not_printed(o: Office) -> None:
    who, owner = await o.of("agent"), await o.of("owner")
    await print_cards(o.home, 2, agent_id=who.staff_id)
    await who.post("/stock/sell", 303, **tap(who))
    table = await owner.post("/vouchers/batch/1/file", 200, form="csv", serials="")
    assert [line.split(",")[0] for line in table.text.splitlines()[1:]] == ["B1-0002"]
    assert "sold by their agent" in (await owner.post("/vouchers/batch/1/file", 409, form="pdf", serials="1")).text
    assert "sold on a screen" in await owner.get("/vouchers/batch/1")


async def test_a_card_that_is_sold_while_it_is_laid_out_is_not_printed(
    o: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    who, owner = await o.of("agent"), await o.of("owner")
    await print_cards(o.home, 2, agent_id=who.staff_id)

    async def slow(job: Job, agree: Agree) -> None:
        await who.post("/stock/sell", 303, **tap(who))
        await press(job, agree=agree)

    monkeypatch.setattr(paper, "press", slow)
    answer = await owner.post("/vouchers/batch/1/file", 409, form="pdf", serials="")
    assert "their agent sold one of them" in answer.text
    assert [each["act"] for each in await o.acts()] == ["voucher.hand"]
    monkeypatch.setattr(print_run, "_still_unsold", unwatched)
    await o.home.write(rows, "UPDATE vouchers SET handed_at = NULL, handed_key = NULL WHERE tenant_id = :tenant")
    await owner.post("/vouchers/batch/1/file", 200, form="pdf", serials="")  # without the look it is sold twice


def unwatched(run: PrintRun) -> Unit[None]:
    yield from ()


async def test_an_agent_sees_and_prints_a_batch_of_theirs_and_no_other(o: Office) -> None:
    who, other = await o.of("agent"), await o.of("agent")
    await print_cards(o.home, 3, agent_id=who.staff_id)
    await print_cards(o.home, 3, agent_id=other.staff_id)
    await print_cards(o.home, 3)
    assert 'href="/console/stock/batch/1"' in await who.get("/stock")
    page = await who.get("/stock/batch/1")
    assert all(f"B1-000{serial}<" in page for serial in (1, 2, 3))
    assert "CSV" not in page
    sheet = await who.post("/stock/batch/1/file", 200, form="pdf", serials="1-2")
    assert sheet.content.startswith(b"%PDF")
    assert [each["act"] for each in await o.acts()] == ["voucher.print"]
    assert "Say why" in (await who.post("/stock/batch/1/file", 409, form="pdf", serials="1")).text
    await who.post("/stock/batch/1/file", 400, form="csv", serials="1")
    assert "1 left" in await who.get("/stock"), "what is on paper is sold by hand"
    for theirs in ("2", "3", "4"):
        await who.get(f"/stock/batch/{theirs}", 404)
        await who.post(f"/stock/batch/{theirs}/file", 404, form="pdf", serials="")


async def test_filters_of_batches_keep_whose_stock_is_looked_at(o: Office) -> None:
    agent, owner = await o.of("agent"), await o.of("owner")
    await print_cards(o.home, 1)
    await print_cards(o.home, 1, agent_id=agent.staff_id)
    page = await owner.get("/vouchers", only="stock", agent=str(agent.staff_id))
    assert "B2</b>" in page
    assert "B1</b>" not in page
    assert f'href="/console/vouchers?only=counter&amp;agent={agent.staff_id}"' in page
    assert f'<option value="{agent.staff_id}" selected>' in page


async def test_nothing_of_the_house_or_of_another_agent_is_within_reach(o: Office) -> None:
    who, other = await o.of("agent"), await o.of("agent")
    await print_cards(o.home, 2)
    await print_cards(o.home, 2, agent_id=other.staff_id)
    await other.post("/stock/sell", 303, **tap(other))
    before = await handed(o)
    for number in range(1, 5):
        await who.get(f"/stock/card/{number}", 404)
    await who.post("/stock/sell", 409, **tap(who))
    assert await handed(o) == before
    assert not re.search(r"<b>B\d", await who.get("/stock"))
    for path in ("/vouchers", "/vouchers/batch/1", "/sale", "/guests", "/staff", "/audit", "/payments"):
        await who.get(path, 403)


async def test_a_statement_that_forgets_the_agent_is_refused() -> None:
    with pytest.raises(store.NotMine):
        store.mine("SELECT * FROM vouchers v WHERE v.tenant_id = :tenant")


async def test_only_agents_get_stock(o: Office) -> None:
    owner = await o.of("owner")
    for wrong in (str(owner.staff_id), "999", "x"):
        answer = await owner.post("/vouchers/new", 400, **await order(owner, stock_of=wrong))
        assert "Choose an agent" in answer.text


async def test_staff_filter_the_batches_by_whose_stock_they_are(o: Office) -> None:
    agent, owner = await o.of("agent"), await o.of("owner")
    await print_cards(o.home, 1)
    await print_cards(o.home, 1, agent_id=agent.staff_id, agent="Amina Agent")
    page = await owner.get("/vouchers", agent=str(agent.staff_id))
    assert "B2</b>" in page
    assert "B1</b>" not in page
    await owner.get("/vouchers", 400, agent="x")


async def test_an_agent_who_is_off_leaves_the_stock_with_the_isp(o: Office) -> None:
    agent, owner = await o.of("agent"), await o.of("owner")
    await print_cards(o.home, 1, agent_id=agent.staff_id)
    await owner.post(f"/staff/{agent.staff_id}/state", to="off")
    assert "Amina Agent (off)" in await owner.get("/vouchers/batch/1")
    assert (await agent.http.get("/console/stock")).status_code == 303
    assert (await agent.http.post("/console/stock/sell", data=tap(agent))).status_code == 303
    assert await handed(o) == []
