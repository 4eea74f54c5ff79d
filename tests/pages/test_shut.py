"""What guests of an ISP that is switched off read, and that nothing they send makes anything."""

from __future__ import annotations

import asyncio
from pathlib import Path

from portal.tenancy import closing
from portal.tenancy import store as tenancy
from portal.units import Row, Unit, rows
from tests.pages.house import House, house

CLOSED = "Closed at the moment"


async def switch(h: House, on: bool) -> None:
    await h.home.db.write(None, closing.switch, h.home.tenant.id, on, h.home.clock.now())
    await h.catalog.refresh()


async def test_every_page_says_that_the_shop_is_closed_and_nothing_is_sold(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        first = await h.enter()
        waiting = await h.pay(first)
        before = await h.counts()
        await switch(h, False)

        arriving = await h.http.get(f"/e/{h.router.public}", params=h.claims())
        assert (arriving.status_code, CLOSED in arriving.text) == (503, True)
        for path in (first, waiting):
            answer = await h.http.get(path)
            assert (answer.status_code, CLOSED in answer.text) == (503, True), path
        for path, data in (
            ("pay", {"plan": h.home.plan.public, "phone": "0712 345 678"}),
            ("voucher", {"code": "ABCD-EFGH-JKLM"}),
            ("trial", {}),
        ):
            answer = await h.http.post(first + path, data=data)
            assert (answer.status_code, CLOSED in answer.text) == (503, True), path
        assert await h.counts() == before

        await switch(h, True)
        assert (await h.http.get(first)).status_code == 200


async def test_money_that_comes_after_the_switch_is_kept_for_staff_and_makes_no_pass(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        await h.pay(await h.enter())
        handset = await h.prompt()
        await switch(h, False)
        await handset.approve()
        for _ in range(3000):
            if "tenant-closed" in [line["kind"] for line in await h.home.read(tenancy.exceptions)]:
                break
            await asyncio.sleep(0.01)
        assert "tenant-closed" in [line["kind"] for line in await h.home.read(tenancy.exceptions)]
        assert await h.home.read(passes) == []


def passes() -> Unit[list[Row]]:
    return list((yield from rows("SELECT id FROM passes WHERE tenant_id = :tenant")))
