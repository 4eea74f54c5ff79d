"""Drawers at the console: a count that is sent twice, or by two people at once, counts once."""

from __future__ import annotations

import asyncio
import re

from portal.books import ledger
from portal.books.ledger import About
from portal.money import Money
from portal.units import rows
from tests.console.office import Office, Visitor


async def float_of(o: Office, who: Visitor, minor: int, cause: str) -> None:
    staff = About(staff_id=who.staff_id)
    await o.home.write(ledger.post, "float", cause, Money(minor), o.home.clock.now(), staff)


async def count_form(who: Visitor, counted: str) -> dict[str, str]:
    page = await who.get("/drawer")
    begin = page.index('action="/console/drawer/close"')
    hidden = re.findall(r'name="(\w+)" value="(\w*)"', page[begin : page.index("</form>", begin)])
    return {**dict(hidden), "counted": counted, "left": "", "note": ""}


async def posted(o: Office) -> list[tuple[str, int]]:
    found = await o.home.read(rows, "SELECT kind, amount_minor FROM transfers WHERE tenant_id = :tenant ORDER BY id")
    return [(each["kind"], each["amount_minor"]) for each in found]


async def test_a_drawer_is_counted_once_however_often_the_form_is_sent(o: Office) -> None:
    who = await o.of("cashier")
    await float_of(o, who, 10_000, "f1")
    fields = await count_form(who, "100")
    answers = await asyncio.gather(*(who.http.post("/console/drawer/close", data=fields) for _ in range(8)))

    assert sorted(each.status_code for each in answers) == [303] + [409] * 7
    assert await posted(o) == [("float", 10_000), ("handed-over", 10_000)]
    assert [each["act"] for each in await o.acts()] == ["drawer.close"]


async def test_the_next_day_is_counted_from_a_new_page(o: Office) -> None:
    who = await o.of("cashier")
    for cause in ("f1", "f2"):
        await float_of(o, who, 10_000, cause)
        answer = await who.http.post("/console/drawer/close", data=await count_form(who, "100"))
        assert answer.status_code == 303

    assert [kind for kind, _ in await posted(o)] == ["float", "handed-over"] * 2
