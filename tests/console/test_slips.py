"""Slips from the console, print runs that do not pile up, and forms that work once."""

from __future__ import annotations

import asyncio
import re

import pytest

from portal.console.work import PRESSES, WAITING, Work
from portal.errors import Refused
from portal.units import rows, update
from portal.vouchers import store as cards
from portal.vouchers.batches import END_CHUNK, Batches
from portal.vouchers.guesses import TENANT_AN_HOUR
from tests.console.office import Office, Visitor
from tests.console.test_vouchers import acts, batches_of, order, states_of


@pytest.fixture
async def who(o: Office) -> Visitor:
    return await o.of("owner")


async def a_batch(who: Visitor, count: str = "6") -> int:
    await who.post("/vouchers/new", 303, **await order(who, count=count))
    return int((await batches_of(who.office))[0].id)


async def history(o: Office, batch_id: int) -> list[tuple[str, str, int, int, str]]:
    found = await o.home.read(cards.acts, batch_id)
    names = ("act", "how", "first_serial", "last_serial", "reason")
    return [tuple(each[name] for name in names) for each in found]


# --- slips ---


@pytest.mark.parametrize("mm", ["58", "80"])
async def test_slips_are_a_page_as_wide_as_the_paper_that_asks_nobody_for_anything(
    o: Office, who: Visitor, mm: str
) -> None:
    batch = await a_batch(who)
    answer = await who.post(f"/vouchers/batch/{batch}/file", 200, form="slips", mm=mm, serials="2-4")
    page = answer.text

    assert answer.headers["content-disposition"] == f'attachment; filename="B1-2-4-{mm}mm.html"'
    assert f"size: {mm}mm" in page
    assert page.count('class="slip"') == 3
    assert re.findall(r"B1-\d{4}", page.split("<body>")[1]) == ["B1-0002", "B1-0003", "B1-0004"]
    assert "default-src 'none'" in page
    assert not re.search(r'(?:src|href)="(?!data:)', page)
    assert (await history(o, batch))[-1] == ("printed", f"slip {mm}, page", 2, 4, "")
    assert await acts(o) == [("voucher.make", f"batch:{batch}"), ("voucher.print", f"batch:{batch}")]


async def test_the_raw_bytes_are_those_of_the_command_line(o: Office, who: Visitor) -> None:
    batch = await a_batch(who)
    answer = await who.post(f"/vouchers/batch/{batch}/file", 200, form="escpos", mm="58", serials="1-2")

    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.content.startswith(b"\x1b@")
    assert answer.content.count(b"\x1dV\x01") == 2
    assert b"B1-0001" in answer.content
    assert (await history(o, batch))[-1][:2] == ("printed", "slip 58")


async def test_the_language_of_the_cards_is_chosen(o: Office, who: Visitor) -> None:
    batch = await a_batch(who)
    english = await who.post(f"/vouchers/batch/{batch}/file", 200, form="slips", lang="en", serials="1")
    swahili = await who.post(f"/vouchers/batch/{batch}/file", 200, form="slips", lang="sw", serials="2")
    await who.post(f"/vouchers/batch/{batch}/file", 400, form="slips", lang="xx", serials="3")
    await who.post(f"/vouchers/batch/{batch}/file", 400, form="slips", mm="57", serials="3")

    assert '<html lang="en">' in english.text
    assert '<html lang="sw">' in swahili.text
    assert "Msaada" in swahili.text


async def test_what_was_on_paper_goes_there_again_for_a_reason_and_says_so(o: Office, who: Visitor) -> None:
    batch = await a_batch(who)
    await who.post(f"/vouchers/batch/{batch}/file", 200, form="slips", serials="1-2")
    refused = await who.post(f"/vouchers/batch/{batch}/file", 409, form="escpos", serials="2-3", mm="80")
    assert "were on paper before" in refused.text
    assert '<option value="80" selected>' in refused.text
    again = await who.post(f"/vouchers/batch/{batch}/file", 200, form="slips", serials="2-3", reason="jam")

    first, second = re.findall(r"<span>(B1-\d{4}[^<]*)</span>", again.text)
    assert (second, first.startswith("B1-0002 ")) == ("B1-0003", True)
    assert (await history(o, batch))[-1] == ("reprinted", "slip 58, page", 2, 3, "jam")


async def test_a_roll_takes_500_at_once(o: Office, who: Visitor) -> None:
    batch = await a_batch(who, "501")
    refused = await who.post(f"/vouchers/batch/{batch}/file", 400, form="slips")

    assert "at most 500 slips" in refused.text
    assert (await history(o, batch))[-1][0] == "made"


async def test_a_name_that_is_markup_is_a_name_on_the_slip(o: Office, who: Visitor) -> None:
    await o.home.write(update, "plans", o.home.plan.id, name='<script>"x"')
    batch = await a_batch(who)
    page = (await who.post(f"/vouchers/batch/{batch}/file", 200, form="slips", serials="1")).text

    assert "<script>" not in page
    assert "&lt;script&gt;" in page


# --- print runs that do not pile up ---


async def test_of_many_print_runs_some_wait_and_the_rest_are_told_to_come_again(o: Office, who: Visitor) -> None:
    batch = await a_batch(who)
    work, leave = o.services.work, asyncio.Event()

    async def long_one() -> None:
        async with work.press():
            await leave.wait()

    busy = [asyncio.create_task(long_one()) for _ in range(PRESSES + WAITING)]
    await asyncio.sleep(0.05)
    refused = await who.post(f"/vouchers/batch/{batch}/file", 503, form="csv")
    assert "try again in a moment" in refused.text
    assert (await history(o, batch))[-1][0] == "made"
    leave.set()
    await asyncio.gather(*busy)
    await who.post(f"/vouchers/batch/{batch}/file", 200, form="csv")


async def test_who_gives_up_waiting_leaves_their_place() -> None:
    work, leave = Work(), asyncio.Event()

    async def one() -> None:
        async with work.press():
            await leave.wait()

    tasks = [asyncio.create_task(one()) for _ in range(PRESSES + WAITING)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    with pytest.raises(Refused, match="press-busy"):
        await one()
    tasks[-1].cancel()
    await asyncio.gather(tasks[-1], return_exceptions=True)
    tasks[-1] = asyncio.create_task(one())
    await asyncio.sleep(0)
    leave.set()
    await asyncio.gather(*tasks)


# --- the counter ---


def key_of(page: str) -> str:
    found = re.search(r'name="key" value="([0-9a-f]+)"', page)
    assert found is not None
    return found[1]


async def test_two_of_one_name_have_each_their_own_sales(o: Office) -> None:
    one, other = await o.of("cashier"), await o.of("cashier")
    plan = str(o.home.plan.id)
    key = key_of(await one.get("/sale"))
    sold = await one.post("/sale", plan=plan, key=key)
    same_key = await other.post("/sale", plan=plan, key=key)

    assert sold.headers["location"] != same_key.headers["location"]
    assert len(await batches_of(o)) == 2
    assert "B1-0001" not in await other.get("/sale")
    assert "B2-0001" in await other.get("/sale")
    shown = sold.headers["location"].removeprefix("/console")
    assert "is not shown any more" in await other.get(shown)
    assert "is not shown any more" not in await one.get(shown)


async def test_a_tap_again_is_the_same_card_whatever_was_sold_between(o: Office) -> None:
    one, other = await o.of("cashier"), await o.of("cashier")
    day = await o.home.plan_of(name="1 day")
    plan, key = str(o.home.plan.id), key_of(await one.get("/sale"))
    first = await one.post("/sale", plan=plan, key=key)
    await other.post("/sale", plan=plan, key=key_of(await other.get("/sale")))
    again = await one.post("/sale", plan=plan, key=key)
    another_plan = await one.post("/sale", plan=str(day.id), key=key)

    assert again.headers["location"] == f"{first.headers['location']}?said=sale-there"
    assert another_plan.headers["location"] != first.headers["location"]
    assert len(await batches_of(o)) == 3


async def test_32_taps_at_once_sell_one_card(o: Office) -> None:
    who = await o.of("cashier")
    data = {
        "csrf": await who.token(),
        "plan": str(o.home.plan.id),
        "key": key_of(await who.get("/sale")),
    }
    answers = await asyncio.gather(*(who.http.post("/console/sale", data=data) for _ in range(32)))

    assert {each.status_code for each in answers} == {303}
    assert len(await batches_of(o)) == 1
    assert [each["act"] for each in await o.acts()] == ["voucher.sell"]


# --- voiding ---


async def test_two_who_void_at_once_leave_one_act(o: Office, who: Visitor) -> None:
    batch = await a_batch(who)
    other = await o.of("manager")
    data = {"serials": "1-4", "reason": "Lost"}
    posts = [
        each.http.post(f"/console/vouchers/batch/{batch}/void", data={"csrf": await each.token(), **data})
        for each in (who, other) * 8
    ]
    answers = await asyncio.gather(*posts)

    assert sorted({each.status_code for each in answers}) in ([303, 409], [303])
    assert [each.status_code for each in answers].count(303) == 1
    assert await states_of(o, batch) == ["void"] * 4 + ["printed"] * 2
    assert [act for act, _ in await acts(o)].count("voucher.void") == 1
    assert [each[0] for each in await history(o, batch)] == ["made", "voided"]


async def test_the_history_of_a_void_that_was_stopped_names_what_is_void(o: Office, who: Visitor) -> None:
    batch_id = await a_batch(who, "120")
    batch = (await batches_of(o))[0]
    batches = Batches(
        db=o.home.db, vault=o.home.vault, clock=o.home.clock, tenant=o.home.tenant, guesses_an_hour=TENANT_AN_HOUR
    )

    class Stop(Exception):
        pass

    def stop(_: int) -> None:
        raise Stop

    with pytest.raises(Stop):
        await batches.carry_out(batch, 1, 120, reason="Lost", by="Asha", end_passes=True, progress=stop)
    void = (await states_of(o, batch_id)).count("void")

    assert void == END_CHUNK
    assert (await history(o, batch_id))[-1] == ("voided", "", 1, END_CHUNK, "Lost")


async def test_what_is_void_already_is_not_voided_again(o: Office, who: Visitor) -> None:
    batch = await a_batch(who)
    await who.post(f"/vouchers/batch/{batch}/void", serials="1-4", reason="Lost")
    again = await who.post(f"/vouchers/batch/{batch}/void", 409, serials="1-4", reason="Lost")

    assert "can be taken back any more" in again.text
    assert "Lost" in again.text
    assert len(await o.home.read(rows, "SELECT id FROM voucher_acts WHERE tenant_id = :tenant AND act = 'voided'")) == 1
