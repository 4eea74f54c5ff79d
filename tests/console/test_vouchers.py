"""The pages of vouchers: making, printing, voiding, the sale at a counter; who may, and what is written down."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from portal import check
from portal.access import store as access
from portal.clock import DAY, MINUTE
from portal.console.vouchers import store
from portal.tenancy import store as tenancy
from portal.units import rows
from portal.vouchers import codes
from portal.vouchers import store as cards
from portal.vouchers.store import Batch
from tests.console.office import Office, Visitor, office
from tests.support import a_plan
from tests.vouchers.cards import batch_of, print_cards, show

KEY = re.compile(r'name="key" value="([0-9a-f]+)"')
CODE = re.compile(r"<code>([0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{3})</code>")


@pytest.fixture
async def o(tmp_path: Path) -> AsyncIterator[Office]:
    async with office(tmp_path) as made:
        yield made
        assert await made.home.read(check.breaches, made.home.clock.now()) == []
        assert await made.verified()


async def batches_of(o: Office) -> list[Batch]:
    found: list[Batch] = await o.home.read(cards.batches)
    return found


async def states_of(o: Office, batch_id: int) -> list[str]:
    found = await o.home.read(cards.in_range, batch_id, 1, 10_000)
    return [each.state for each in found]


async def order(who: Visitor, **changes: str) -> dict[str, str]:
    """The fields of the form, as it was opened now."""
    page = await who.get("/vouchers/new")
    key = KEY.search(page)
    day = re.search(r'type="date" value="([0-9-]+)"', page)
    assert key is not None
    assert day is not None
    plan = str(who.office.home.plan.id)
    fields = {"plan": plan, "count": "12", "use_by": day[1], "price": "", "style": "letters-10", "key": key[1]}
    return {**fields, "agent": "Mama Njeri", "note": "July", **changes}


async def acts(o: Office) -> list[tuple[str, str]]:
    return [(each["act"], each["subject"]) for each in await o.acts()]


# --- making ---


async def test_a_batch_is_made_and_its_page_tells_what_became_of_it(o: Office) -> None:
    who = await o.of("cashier")
    answer = await who.post("/vouchers/new", 303, **await order(who, count="1,2"))
    [made] = await batches_of(o)
    assert answer.headers["location"] == f"/console/vouchers/batch/{made.id}?said=batch-made"
    assert (made.count, made.agent, made.note, made.made_by) == (12, "Mama Njeri", "July", "Amina Cashier")
    assert made.ready_at is not None
    page = await who.get(f"/vouchers/batch/{made.id}")
    assert "B1-0012" in page
    assert 'aria-label="12 unused"' in page
    assert await acts(o) == [("voucher.make", f"batch:{made.id}")]
    shelf = await who.get("/vouchers")
    assert "B1</b>" in shelf
    assert "12 unused" in shelf


async def test_a_form_that_is_sent_twice_makes_one_batch(o: Office) -> None:
    who = await o.of("manager")
    fields = await order(who)
    answers = [await who.post("/vouchers/new", 303, **fields) for _ in range(3)]
    [made] = await batches_of(o)
    assert {each.headers["location"].partition("?")[0] for each in answers} == {f"/console/vouchers/batch/{made.id}"}
    assert answers[-1].headers["location"].endswith("said=batch-there")
    assert len(await o.acts()) == 1
    await who.post("/vouchers/new", 303, **await order(who))
    assert len(await batches_of(o)) == 2, "a form that was opened anew"


async def test_two_taps_at_the_same_time_make_one_batch(o: Office) -> None:
    who = await o.of("manager")
    fields = await order(who)
    await asyncio.gather(*(who.post("/vouchers/new", 303, **fields) for _ in range(4)))
    assert len(await batches_of(o)) == 1
    assert len(await o.acts()) == 1


MISTAKES = [
    ("count", "0", "1 to 50,000"),
    ("count", "50001", "1 to 50,000"),
    ("count", "1e3", "1 to 50,000"),
    ("count", "١٢", "1 to 50,000"),
    ("count", "9" * 400, "1 to 50,000"),
    ("use_by", "2020-01-01", "coming day"),
    ("use_by", "2999-01-01", "coming day"),
    ("use_by", "9999-12-31", "coming day"),
    ("use_by", "2027-02-30", "coming day"),
    ("use_by", "", "coming day"),
    ("price", "-5", "whole number, 0 or more"),
    ("price", "9.50", "whole number, 0 or more"),
    ("style", "letters-3", "not complete"),
    ("plan", "999", "plan that is on sale"),
    ("plan", "1 OR 1=1", "plan that is on sale"),
    ("agent", "x" * 201, "one line"),
    ("note", "a\nb", "one line"),
    ("key", "", "not complete"),
    ("key", "-1", "not complete"),
]


async def test_a_form_with_a_mistake_comes_back_filled_in(o: Office) -> None:
    who = await o.of("owner")
    fields = await order(who, agent='<b>"Njeri"')
    for field, text, says in MISTAKES:
        answer = await who.post("/vouchers/new", 400, **{**fields, field: text})
        assert says in answer.text, (field, text)
        assert field == "agent" or "&lt;b&gt;&#34;Njeri&#34;" in answer.text
    assert (await batches_of(o), await o.acts()) == ([], [])


async def test_short_codes_for_many_cards_are_refused_with_the_arithmetic_and_what_would_do(o: Office) -> None:
    who = await o.of("owner")
    answer = await who.post("/vouchers/new", 409, **await order(who, style="letters-8", count="50000"))
    assert "too easy to guess" in answer.text
    assert "1,099,511,627,776" in answer.text
    assert "codes like “Letters and digits: XXXX-XXXX-XXX”" in answer.text
    assert (await batches_of(o), await o.acts()) == ([], [])


async def test_a_withdrawn_plan_makes_no_batch(o: Office) -> None:
    gone = await o.home.plan_of(name="Old", on_sale=False)
    who = await o.of("owner")
    assert "Old" not in await who.get("/vouchers/new")
    await who.post("/vouchers/new", 400, **await order(who, plan=str(gone.id)))
    assert await batches_of(o) == []


async def test_a_large_batch_shows_how_far_it_is_and_cannot_be_drawn_twice_at_once(o: Office) -> None:
    who = await o.of("owner")
    answer = await who.post("/vouchers/new", 303, **await order(who, count="6000", style="letters-10"))
    [made] = await batches_of(o)
    path = f"/vouchers/batch/{made.id}"
    assert answer.headers["location"] == f"/console{path}?said=batch-made" or made.ready_at is None
    if o.services.work.going(o.home.tenant.id, f"batch:{made.id}"):
        page = await who.get(path)
        assert 'http-equiv="refresh"' in page
        assert "of 6,000 cards are stored" in page
        await who.post(f"{path}/finish", 409)
        await who.post(f"{path}/void", 409, serials="1-10", reason="Lost")
    while o.services.work.going(o.home.tenant.id, f"batch:{made.id}"):
        await asyncio.sleep(0.02)
    page = await who.get(path)
    assert "http-equiv" not in page
    assert "6,000" in page
    assert await acts(o) == [("voucher.make", f"batch:{made.id}")]


async def test_a_batch_whose_drawing_was_stopped_is_gone_on_with(o: Office) -> None:
    who = await o.of("cashier")
    batch_id = await o.home.write(_half, o)
    page = await who.get(f"/vouchers/batch/{batch_id}")
    assert "0 of 30 cards are stored" in page
    assert "Draw the rest" in page
    await who.post(f"/vouchers/batch/{batch_id}/file", 409, form="pdf")
    await who.post(f"/vouchers/batch/{batch_id}/finish")
    assert await states_of(o, batch_id) == ["printed"] * 30
    assert await acts(o) == [("voucher.finish", f"batch:{batch_id}")]
    await who.post(f"/vouchers/batch/{batch_id}/finish")
    assert len(await o.acts()) == 1, "nothing was left to do"


def _half(o: Office) -> Any:
    number = yield from cards.next_number()
    now = o.home.clock.now()
    columns = {"style": "letters-10", "count": 30, "use_by": now + DAY, "note": "", "agent": "", "made_by": "tests"}
    return (yield from cards.insert_batch(o.home.plan, number=number, created_at=now, **columns))


# --- what is shown ---


async def test_lists_are_filtered_by_the_address_and_go_on_by_keys(o: Office) -> None:
    who = await o.of("auditor")
    for _ in range(30):
        await print_cards(o.home, 1)
    await o.home.write(cards.void_range, 30, 1, 1, "tests", "lost", o.home.clock.now(), in_use=False)
    page = await who.get("/vouchers")
    assert "B30</b>" in page
    assert "B5</b>" not in page
    assert "Make a batch" not in page, "who only reads"
    older = await who.get("/vouchers", only="all", before="6")
    assert "B5</b>" in older
    assert "B6</b>" not in older
    assert "B30</b>" not in await who.get("/vouchers", only="stock")
    assert "Nothing sold at the counter yet" in await who.get("/vouchers", only="counter")
    for hostile in ({"only": "everything"}, {"before": "x"}, {"before": "1;DROP"}, {"before": "9" * 30}):
        await who.get("/vouchers", 400, **hostile)


async def test_cards_of_a_batch_go_on_by_fifty_and_never_show_a_code(o: Office) -> None:
    drawn = await print_cards(o.home, 60)
    await show(o.home, drawn[0], 1)
    who = await o.of("support")
    page = await who.get("/vouchers/batch/1")
    assert "B1-0050" in page
    assert "B1-0051" not in page
    assert 'aria-label="59 unused, 1 redeemed"' in page
    assert "B1-0060" in await who.get("/vouchers/batch/1", after="50")
    some = await who.get("/vouchers/batch/1", serials="10-12")
    assert re.findall(r">(B1-\d+)</td>", some) == ["B1-0010", "B1-0011", "B1-0012"]
    for text in ("0", "61", "5-2", "<script>", "1-61", "a-b"):
        assert "this batch does not have those" in await who.get("/vouchers/batch/1", 400, serials=text)
    assert not any(codes.shown(each) in page or each in page for each in drawn)
    await who.get("/vouchers/batch/x", 400)
    await who.get("/vouchers/batch/999", 404)


# --- paper ---


async def test_a_sheet_is_printed_and_written_down_and_again_as_a_copy(o: Office) -> None:
    await print_cards(o.home, 40)
    who = await o.of("cashier")
    answer = await who.post("/vouchers/batch/1/file", 200, form="pdf", grid="3x8", serials="1-24")
    assert answer.content.startswith(b"%PDF")
    assert answer.headers["content-type"] == "application/pdf"
    assert answer.headers["content-disposition"] == 'attachment; filename="B1-1-24.pdf"'
    assert answer.headers["cache-control"] == "no-store"
    await who.post("/vouchers/batch/1/file", 200, form="html", serials="20-30", reason="the printer jammed")
    done = [(each["act"], each["how"], each["first_serial"]) for each in await o.home.read(cards.acts, 1)]
    assert done == [("printed", "sheet 3x8", 1), ("reprinted", "page 4x9", 20)]
    assert await acts(o) == [("voucher.print", "batch:1")] * 2


async def test_a_table_guards_against_formulas_and_is_for_those_who_make(o: Office) -> None:
    plan = await o.home.plan_of(name="=1+1")
    drawn = await print_cards(o.home, 2, plan)
    who = await o.of("cashier")
    answer = await who.post("/vouchers/batch/1/file", 200, form="csv")
    text = answer.content.decode("utf-8-sig")
    assert codes.shown(drawn[1]) in text
    assert "'=1+1" in text
    assert await acts(o) == [("voucher.export", "batch:1")]
    reader = await o.of("auditor")
    await reader.post("/vouchers/batch/1/file", 403, form="csv")
    assert len(await o.acts()) == 1


async def test_what_cannot_be_printed_leaves_nothing(o: Office) -> None:
    await print_cards(o.home, 3)
    await o.home.write(cards.void_range, 1, 3, 3, "tests", "lost", o.home.clock.now(), in_use=False)
    who = await o.of("owner")
    wrong = [{"form": "exe"}, *({"form": "pdf", **each} for each in ({"grid": "9x9"}, {"serials": "0-5"}))]
    for fields in (*wrong, {"form": "csv", "serials": "../../etc"}):
        await who.post("/vouchers/batch/1/file", 400, **fields)
    await who.post("/vouchers/batch/1/file", 409, form="pdf", serials="3")
    assert (await o.acts(), await o.home.read(cards.acts, 1)) == ([], [])


async def test_one_file_holds_no_more_than_two_thousand(o: Office) -> None:
    await print_cards(o.home, 2001)
    who = await o.of("owner")
    assert "at most 2,000" in (await who.post("/vouchers/batch/1/file", 400, form="csv")).text
    answer = await who.post("/vouchers/batch/1/file", 200, form="csv", serials="2-2001")
    assert answer.content.count(b"\r\n") == 2001


# --- voiding ---


async def test_voiding_says_what_will_happen_asks_why_and_ends_passes_only_when_told(o: Office) -> None:
    drawn = await print_cards(o.home, 6)
    await show(o.home, drawn[0], 1)
    who = await o.of("manager")
    page = await who.get("/vouchers/batch/1/void", serials="1-4")
    assert "3 unused" in page
    assert "Also the 1 in use" in page
    answer = await who.post("/vouchers/batch/1/void", 400, serials="1-4", reason="  ")
    assert "Say why" in answer.text
    await who.post("/vouchers/batch/1/void", serials="1-4", reason="Lost by the shop")
    assert await states_of(o, 1) == ["redeemed", "void", "void", "void", "printed", "printed"]
    await who.post("/vouchers/batch/1/void", serials="1-6", reason="All of it", end="1")
    assert await states_of(o, 1) == ["void"] * 6
    assert await acts(o) == [("voucher.void", "batch:1")] * 2
    assert "Lost by the shop" in await who.get("/vouchers/batch/1")


async def test_a_range_that_is_not_there_voids_nothing(o: Office) -> None:
    await print_cards(o.home, 6)
    who = await o.of("owner")
    for serials in ("", "0", "1-7", "7", "2-1", "all", "1-6;", "9" * 50):
        await who.post("/vouchers/batch/1/void", 400, serials=serials, reason="Lost")
    assert (await states_of(o, 1), await o.acts()) == (["printed"] * 6, [])


@pytest.mark.parametrize("role", ["cashier", "support", "auditor"])
async def test_who_may_not_void_changes_nothing(o: Office, role: str) -> None:
    await print_cards(o.home, 2)
    who = await o.of(role)
    await who.get("/vouchers/batch/1/void", 403)
    await who.post("/vouchers/batch/1/void", 403, serials="1-2", reason="Lost")
    assert (await states_of(o, 1), await o.acts()) == (["printed"] * 2, [])


@pytest.mark.parametrize("role", ["support", "auditor"])
async def test_who_may_not_make_changes_nothing(o: Office, role: str) -> None:
    await print_cards(o.home, 2)
    who = await o.of(role)
    for path in ("/vouchers/new", "/sale", "/sale/1"):
        await who.get(path, 403)
    for path in ("/vouchers/new", "/sale", "/vouchers/batch/1/finish", "/vouchers/batch/1/file"):
        await who.post(path, 403, form="csv", plan="1", key="0" * 16, count="1")
    assert (len(await batches_of(o)), await o.acts()) == (1, [])


async def test_a_batch_of_another_isp_is_not_there(o: Office) -> None:
    h = o.home
    other = await h.db.write(None, tenancy.add_tenant, "Other Net", h.clock.now())
    plan_id = await h.db.write(other.id, _plan, h.clock.now())
    drawn = [codes.draw(codes.STYLES["letters-10"])]
    theirs = await h.db.write(other.id, batch_of, h.vault, other.id, a_plan(id=plan_id), drawn, h.clock.now())
    who = await o.of("owner")
    assert "No batch yet" in await who.get("/vouchers")
    for path in (f"/vouchers/batch/{theirs}", f"/vouchers/batch/{theirs}/void", f"/sale/{theirs}"):
        await who.get(path, 404)
    for path in ("file", "void", "finish"):
        await who.post(f"/vouchers/batch/{theirs}/{path}", 404, form="csv", serials="1", reason="Theft")
    await who.post("/vouchers/new", 400, **await order(who, plan=str(plan_id)))
    await who.post("/sale", 400, plan=str(plan_id), key="0" * 16)
    found = await h.db.read(other.id, rows, "SELECT state FROM vouchers WHERE tenant_id = :tenant")
    assert ([each["state"] for each in found], await o.acts()) == (["printed"], [])


def _plan(now: int) -> Any:
    return (yield from access.add_plan(a_plan(), now))


# --- the counter ---


async def test_one_tap_sells_one_card_and_shows_its_code_for_a_while(o: Office) -> None:
    who = await o.of("cashier")
    page = await who.get("/sale")
    key = KEY.search(page)
    assert key is not None
    answer = await who.post("/sale", plan=str(o.home.plan.id), key=key[1])
    path = answer.headers["location"].removeprefix("/console")
    shown = await who.get(path)
    code = CODE.search(shown)
    assert code is not None
    assert "<svg viewBox" in shown
    again = await who.post("/sale", plan=str(o.home.plan.id), key=key[1])
    assert again.headers["location"] == f"/console{path}?said=sale-there"
    assert len(await batches_of(o)) == 1
    [act] = await o.acts()
    assert (act["act"], act["money"]) == ("voucher.sell", 1)
    assert code[1].replace("-", "") not in act["payload"]
    colleague = await o.of("manager")
    assert CODE.search(await colleague.get(path)) is None
    assert "not used yet" in await who.get("/sale")
    await show(o.home, code[1], 1)
    assert CODE.search(await who.get(path)) is None, "it was used"


async def test_a_card_is_shown_for_ten_minutes_and_is_no_stock(o: Office) -> None:
    who = await o.of("cashier")
    path = (
        (await who.post("/sale", plan=str(o.home.plan.id), key="0" * 16)).headers["location"].removeprefix("/console")
    )
    assert CODE.search(await who.get(path)) is not None
    o.home.clock.advance(10 * MINUTE)
    assert CODE.search(await who.get(path)) is None
    assert await o.home.read(store.stock, o.home.clock.now()) == {}
    assert "No batch yet" in await who.get("/vouchers")
    assert "B1</b>" in await who.get("/vouchers", only="counter")


async def test_a_card_of_a_batch_is_no_sale(o: Office) -> None:
    await print_cards(o.home, 1)
    who = await o.of("cashier")
    await who.get("/sale/1", 404)
    for fields in (
        {"plan": "", "key": "0" * 16},
        {"plan": "1", "key": "x"},
        {"plan": "1"},
        {"plan": "99", "key": "0" * 16},
    ):
        await who.post("/sale", 400, **fields)
    assert await o.acts() == []
