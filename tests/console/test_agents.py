"""Agents: ranges of cards go out and come back, what they owe follows, and each sees their own alone."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from portal import check
from portal.books import agents as books
from portal.units import rows
from portal.vouchers import batches
from portal.vouchers import store as vouchers
from portal.vouchers.stock import moves
from portal.vouchers.stock import store as stock
from portal.vouchers.stock.moves import Move
from tests.console.office import Office, Visitor
from tests.console.test_stock import tap
from tests.vouchers.cards import print_cards, show

PRICE = 2_000


async def owes(o: Office, agent: Visitor | int) -> int:
    agent_id = agent if isinstance(agent, int) else agent.staff_id
    found = await o.home.read(books.standing, agent_id, "KES")
    return int(found.debt.minor)


async def theirs(o: Office, agent: Visitor) -> list[int]:
    """The serials that are an agent's, of the first batch."""
    found = await o.home.read(
        rows,
        "SELECT serial FROM vouchers WHERE tenant_id = :tenant AND agent_id = :agent ORDER BY batch_id, serial",
        agent=agent.staff_id,
    )
    return [int(each["serial"]) for each in found]


def form(kind: str, serials: str, count: int, batch: int = 1, n: int = 0, **more: str) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "kind": kind,
        "batch": str(batch),
        "serials": serials,
        "count": str(count),
        "key": f"{n:016x}",
    }
    return {**fields, **more}


async def sound(o: Office) -> None:
    assert await o.home.read(check.breaches, o.home.clock.now()) == []


async def test_a_range_goes_out_comes_back_and_is_lost_and_the_debt_follows(o: Office) -> None:
    owner, agent = await o.of("owner"), await o.of("agent")
    await print_cards(o.home, 20)
    path = f"/agents/{agent.staff_id}/move"
    assert "10 cards of B1" in await owner.get(path, kind="handed", batch="1", serials="1-10")
    await owner.post(path, **form("handed", "1-10", 10, n=1))
    assert (await theirs(o, agent), await owes(o, agent)) == (list(range(1, 11)), 10 * PRICE)
    await owner.post(path, **form("returned", "9-10", 2, n=2))
    assert (await theirs(o, agent), await owes(o, agent)) == (list(range(1, 9)), 8 * PRICE)
    await owner.post(path, **form("lost", "7-8", 2, n=3, reason="Rain"))
    assert await owes(o, agent) == 8 * PRICE, "of what they lost they owe the price"
    await owner.post(path, **form("let-off", "5-6", 2, n=4, reason="Stolen, seen by the police"))
    assert (await theirs(o, agent), await owes(o, agent)) == ([1, 2, 3, 4, 7, 8], 6 * PRICE)
    states = await o.home.read(rows, "SELECT state FROM vouchers WHERE tenant_id = :tenant ORDER BY serial")
    assert "".join(each["state"][0] for each in states) == "pppp" + "vvvv" + "p" * 12
    acts = [each["act"] for each in await o.acts()]
    assert acts == ["stock.hand-out", "stock.take-back", "stock.lost", "stock.let-off"]
    page = await owner.get(f"/agents/{agent.staff_id}/account")
    for said in ("Handed out: B1, 1-10", "Taken back: B1, 9-10", "Lost, still owed: B1, 7-8", "Lost, let off: B1, 5-6"):
        assert said in page
    await sound(o)


async def test_only_good_cards_in_our_own_hands_go_out(o: Office) -> None:
    owner, agent, other = await o.of("owner"), await o.of("agent"), await o.of("agent")
    drawn = await print_cards(o.home, 10)
    await show(o.home, drawn[0], 1)
    await owner.post("/vouchers/batch/1/void", serials="2", reason="torn")
    await owner.post(f"/agents/{other.staff_id}/move", **form("handed", "3-4", 2))
    path = f"/agents/{agent.staff_id}/move"
    page = await owner.get(path, kind="handed", batch="1", serials="1-10")
    assert "6 cards of B1" in page
    assert "4 of the range stay behind" in page
    await owner.post(path, **form("handed", "1-10", 6, n=1))
    assert await theirs(o, agent) == [5, 6, 7, 8, 9, 10]
    assert await theirs(o, other) == [3, 4]
    await sound(o)


async def test_a_form_that_is_sent_twice_moves_once(o: Office) -> None:
    owner, agent = await o.of("owner"), await o.of("agent")
    await print_cards(o.home, 20)
    fields = form("handed", "1-10", 10)
    for _ in range(2):
        await owner.post(f"/agents/{agent.staff_id}/move", **fields)
    assert await owes(o, agent) == 10 * PRICE
    back = form("returned", "1-5", 5, n=1)
    await owner.post(f"/agents/{agent.staff_id}/move", **back)
    await owner.post(f"/agents/{agent.staff_id}/move", **form("handed", "1-5", 5, n=2))
    await owner.post(f"/agents/{agent.staff_id}/move", **back)  # a browser that goes back and sends it once more
    assert await owes(o, agent) == 10 * PRICE
    assert [each["act"] for each in await o.acts()] == ["stock.hand-out", "stock.take-back", "stock.hand-out"]


async def test_without_its_key_the_same_form_would_move_again(o: Office) -> None:
    """The negative control."""
    owner, agent = await o.of("owner"), await o.of("agent")
    await print_cards(o.home, 5)
    path = f"/agents/{agent.staff_id}/move"
    await owner.post(path, **form("handed", "1-5", 5, n=1))
    await owner.post(path, **form("returned", "1-5", 5, n=2))
    await owner.post(path, **form("handed", "1-5", 5, n=3))
    await owner.post(path, **form("returned", "1-5", 5, n=4))
    assert await owes(o, agent) == 0


async def test_of_two_who_hand_out_the_same_cards_at_once_each_card_goes_to_one(o: Office) -> None:
    owner, one, two = await o.of("owner"), await o.of("agent"), await o.of("agent")
    await print_cards(o.home, 40)
    csrf = await owner.token()

    async def hands(agent: Visitor, n: int) -> int:
        data = {"csrf": csrf, **form("handed", "1-40", 40, n=n)}
        return (await owner.http.post(f"/console/agents/{agent.staff_id}/move", data=data)).status_code

    answers = await asyncio.gather(*(hands(each, n) for n, each in enumerate((one, two) * 4)))
    assert sorted(answers) == [303] + [409] * 7
    assert sorted([*await theirs(o, one), *await theirs(o, two)]) == list(range(1, 41))
    assert await owes(o, one) + await owes(o, two) == 40 * PRICE
    await sound(o)


async def move_of(o: Office, agent: Visitor, by: Visitor, last: int, key: str, kind: Any = "handed") -> Move:
    batch = await o.home.read(vouchers.batch, 1)
    return Move(
        kind=kind, agent_id=agent.staff_id, batch=batch, first=1, last=last, staff_id=by.staff_id, by="W.", key=key
    )


async def test_two_moves_of_the_same_cards_in_two_transactions_share_none(o: Office) -> None:
    owner, one, two = await o.of("owner"), await o.of("agent"), await o.of("agent")
    await print_cards(o.home, 30)
    wanted = [await move_of(o, each, owner, 20 + 5 * n, f"k{n}") for n, each in enumerate((one, two))]
    taken = await asyncio.gather(*(o.home.write(moves.carry_out, each, o.home.clock.now()) for each in wanted))
    assert sum(taken) == 25
    assert not set(await theirs(o, one)) & set(await theirs(o, two))
    await sound(o)


async def test_a_large_range_moves_in_parts_and_goes_on_after_it_was_cut_short(
    o: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(moves, "PART", 10)
    owner, agent = await o.of("owner"), await o.of("agent")
    await print_cards(o.home, 45)
    fields = form("handed", "1-45", 45)
    whole = await move_of(o, agent, owner, 45, f"{owner.staff_id}:{0:016x}:handed:{agent.staff_id}:1:45")
    for each in list(whole.parts)[:2]:  # as if the process had ended here
        await o.home.write(moves.carry_out, each, o.home.clock.now())
    assert await owes(o, agent) == 20 * PRICE
    await sound(o)
    await owner.post(f"/agents/{agent.staff_id}/move", **fields)
    assert await owes(o, agent) == 45 * PRICE
    assert len(await o.acts()) == 3
    await owner.post(f"/agents/{agent.staff_id}/move", **fields)
    assert (await owes(o, agent), len(await o.acts())) == (45 * PRICE, 3)
    await sound(o)


async def test_what_changed_since_the_page_was_shown_is_said_and_nothing_moves(o: Office) -> None:
    owner, agent = await o.of("owner"), await o.of("agent")
    drawn = await print_cards(o.home, 5)
    await show(o.home, drawn[0], 1)
    answer = await owner.post(f"/agents/{agent.staff_id}/move", 409, **form("handed", "1-5", 5))
    assert "Something has happened to these cards meanwhile" in answer.text
    assert "4 cards of B1" in answer.text
    assert await theirs(o, agent) == []


async def test_a_card_that_a_tap_has_sold_neither_comes_back_nor_is_lost(o: Office) -> None:
    owner, agent = await o.of("owner"), await o.of("agent")
    await print_cards(o.home, 3)
    path = f"/agents/{agent.staff_id}/move"
    await owner.post(path, **form("handed", "1-3", 3))
    await agent.post("/stock/sell", 303, **tap(agent))
    await owner.post(path, **form("returned", "1-3", 2, n=1))
    assert await theirs(o, agent) == [1]
    for kind in ("returned", "lost", "let-off"):
        answer = await owner.post(path, 409, **form(kind, "1", 1, n=2, reason="because"))
        assert "None of these cards can be moved" in answer.text


async def test_writing_off_wants_a_reason_and_keeps_what_was_typed(o: Office) -> None:
    owner, agent = await o.of("owner"), await o.of("agent")
    await print_cards(o.home, 3, agent_id=agent.staff_id)
    path = f"/agents/{agent.staff_id}/move"
    answer = await owner.post(path, 400, **form("lost", "1-2", 2))
    assert "Say why" in answer.text
    assert 'value="1-2"' in answer.text
    assert len(await theirs(o, agent)) == 3


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("serials", "0-5"), ("serials", "3-1"), ("serials", "1-999"), ("serials", ""), ("serials", "1;2"),
        ("kind", "stolen"), ("kind", ""), ("batch", "x"), ("batch", "-1"), ("key", "short"), ("reason", "a\x00b"),
        ("reason", "x" * 301),
    ],
)  # fmt: skip
async def test_nonsense_moves_nothing(o: Office, field: str, text: str) -> None:
    owner, agent = await o.of("owner"), await o.of("agent")
    await print_cards(o.home, 5)
    await owner.post(f"/agents/{agent.staff_id}/move", 400, **{**form("handed", "1-5", 5), field: text})
    assert await theirs(o, agent) == []
    assert await o.acts() == []


async def test_only_an_agent_has_such_a_page(o: Office) -> None:
    owner = await o.of("owner")
    for path in ("", "/account", "/move"):
        await owner.get(f"/agents/{owner.staff_id}{path}", 404)
    await owner.post(f"/agents/{owner.staff_id}/settle", 404, amount="1", key="0" * 16)


# --- on paper ---


async def test_printing_a_range_that_was_handed_out_names_its_agent(o: Office) -> None:
    owner, agent = await o.of("owner"), await o.of("agent")
    await print_cards(o.home, 4)
    await owner.post(f"/agents/{agent.staff_id}/move", **form("handed", "1-2", 2))
    page = (await owner.post("/vouchers/batch/1/file", 200, form="html", serials="")).text
    assert page.count("Amina Agent · B1-000") == 2
    assert "Amina Agent · B1-0003" not in page
    slips = (await owner.post("/vouchers/batch/1/file", 200, form="slips", serials="1-3", reason="again")).text
    assert slips.count("<p>Amina Agent</p>") == 2
    raw = (await owner.post("/vouchers/batch/1/file", 200, form="escpos", serials="1", reason="again")).content
    assert b"Amina Agent" in raw
    table = (await owner.post("/vouchers/batch/1/file", 200, form="csv", serials="")).text
    assert [line.rpartition(",")[2] for line in table.splitlines()[1:]] == ["Amina Agent", "Amina Agent", "", ""]


async def test_a_whole_range_of_many_cards_holds_the_writer_for_a_moment(o: Office) -> None:
    """A part is one statement: the time that others wait for."""
    owner, agent = await o.of("owner"), await o.of("agent")
    await print_cards(o.home, moves.PART)
    begun = asyncio.get_running_loop().time()
    await o.home.write(moves.carry_out, await move_of(o, agent, owner, moves.PART, "k"), o.home.clock.now())
    took = asyncio.get_running_loop().time() - begun
    print(f"{moves.PART} cards in {1000 * took:.0f} ms")
    assert took < 1.0, "an order of magnitude above what was measured"
    assert (
        await o.home.read(stock.movable, "returned", agent.staff_id, 1, 1, moves.PART, o.home.clock.now()) == moves.PART
    )
    assert batches.MOST // moves.PART <= 10
