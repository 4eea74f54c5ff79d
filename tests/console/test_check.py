"""The daily check in the console: what files are refused, odd days, and one remedy that two want to tap."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime, timedelta

import pytest

from portal.payments import accounts
from portal.payments.statements import store
from tests.console import samples_money
from tests.console.office import Office, Visitor
from tests.console.samples_money import FILE


def line(o: Office, number: str, later: timedelta = timedelta()) -> str:
    at = datetime.fromtimestamp(o.home.clock.now() / 1000, UTC) + timedelta(hours=3) + later
    return f"{number},{at:%Y-%m-%d %H:%M:%S},Completed,20.00,\n"


async def uploads(o: Office, who: Visitor, text: str, status: int) -> str:
    account = (await o.home.read(accounts.accounts))[0]
    return (await who.post("/check/upload", status, account=str(account.id), text=text)).text


HEAD = FILE.splitlines()[0] + "\n"


async def test_a_file_of_days_to_come_is_refused_whole(o: Office) -> None:
    who = await o.of("owner")
    account_id = await samples_money.account(o.home)
    page = await uploads(o, who, HEAD + line(o, "SKF0000001") + line(o, "SKF0000002", timedelta(days=1)), 400)

    assert "days to come" in page
    assert await o.home.read(store.known_rows, account_id, ["SKF0000001", "SKF0000002"]) == set()
    assert list(await o.home.read(store.spans, account_id, 0, 1 << 60)) == []


async def test_joined_statements_are_refused_whole(o: Office) -> None:
    who = await o.of("owner")
    account_id = await samples_money.account(o.home)
    own = (await o.home.read(accounts.accounts))[0].shortcode
    one, other = HEAD + line(o, "SKF0000001"), HEAD + line(o, "SKF0000002")
    await uploads(o, who, f"Short Code:,{own}\n{one}Short Code:,99999999\n{other}", 409)
    assert await o.home.read(store.known_rows, account_id, ["SKF0000001", "SKF0000002"]) == set()

    await uploads(o, who, f"Short Code:,{own}\n{one}Short Code:,{own}\n{other}", 200)
    assert len(await o.home.read(store.known_rows, account_id, ["SKF0000001", "SKF0000002"])) == 2


async def test_lines_that_cannot_be_read_are_told(o: Office) -> None:
    who = await o.of("owner")
    account_id = await samples_money.account(o.home)
    page = await uploads(o, who, HEAD + line(o, "SKF0000001") + "SKF0000002,never,Completed,20.00,\n", 200)

    assert "<b>1</b> line could not be read" in page
    assert await o.home.read(store.known_rows, account_id, ["SKF0000001"]) == {("SKF0000001", "in")}
    assert list(await o.home.read(store.spans, account_id, 0, 1 << 60)) == [], "the file is not whole"


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31", "2026-13-01", "x", "2026-11-28\x00", "٢٠٢٦-١١-٢٨"])
async def test_an_odd_day_is_checked_or_refused(o: Office, day: str) -> None:
    who = await o.of("owner")
    answer = await who.http.post("/console/check/run", data={"csrf": await who.token(), "day": day})

    assert answer.status_code in (303, 400)


async def test_a_remedy_that_two_tap_at_once_is_done_once(o: Office) -> None:
    who = await o.of("owner")
    other = await o.of("manager")
    account_id = await samples_money.account(o.home)
    await uploads(o, who, HEAD + line(o, "SKF0000001"), 200)
    finding = await o.home.write(
        store.add_finding,
        day="2026-11-28",
        kind="not-in-books",
        subject="receipt:SKF0000001",
        account_id=account_id,
        amount_minor=2_000,
        currency="KES",
        found_at=0,
    )
    path = f"/console/check/finding/{finding}"
    tapped = [(each.http, {"csrf": await each.token()}) for each in (who, other, who)]
    answers = await asyncio.gather(*(http.post(path, data=form) for http, form in tapped))

    assert sorted(each.status_code for each in answers) == [303, 409, 409]
    assert re.search("Nothing was done twice", next(each.text for each in answers if each.status_code == 409))


async def test_the_page_stands_when_m_pesa_does_not_know_the_balance(o: Office) -> None:
    who = await o.of("owner")
    account_id = await samples_money.account(o.home)
    asked = await o.home.write(
        store.add_question, public="b", kind="balance", account_id=account_id, number=None, result_hash=b"b", asked_at=0
    )
    await o.home.write(store.no_answer, asked, 1)

    assert "not asked yet" in await who.get("/check")
