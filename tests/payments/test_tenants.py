"""Tenants and time: what is one shop's never reaches another, and what was acknowledged survives."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from portal.errors import Refused
from portal.payments import accounts, views
from portal.tenancy import store as tenancy
from portal.units import Sql, Unit
from tests.payments.road import MAC, PHONE, Road, all_rows, payment_row, road


async def another_shop(r: Road) -> Any:
    tenant = await r.home.db.write(None, tenancy.add_tenant, "Other Wi-Fi", r.clock.now())
    await r.catalog.refresh()
    return tenant


def close(tenant_id: int) -> Unit[None]:
    yield Sql("UPDATE tenants SET active = :no, version = version + 1 WHERE id = :id", {"no": False, "id": tenant_id})


def notice(amount: float = 20.0) -> bytes:
    items = [{"Name": "Amount", "Value": amount}, {"Name": "MpesaReceiptNumber", "Value": "UKM0000001"}]
    said = {"ResultCode": 0, "CallbackMetadata": {"Item": items}}
    return json.dumps({"Body": {"stkCallback": said}}).encode()


async def test_a_token_under_another_tenants_name_is_unknown(tmp_path: Path) -> None:
    async with road(tmp_path) as r:
        other = await another_shop(r)
        started = await r.buy()
        await r.until(started, "awaiting")
        push = next(iter(r.mpesa.pushes.values()))
        foreign = push.callback_url.replace(r.home.tenant.public, other.public)
        c2b = accounts.c2b_token(r.home.vault, other.public, r.account.public)
        statuses = [await r.post(foreign.removeprefix(r.door), notice()), await r.post(f"/c2b/{c2b}/confirm", notice())]

        assert (statuses, await r.verdicts(), await r.state(started)) == ([404, 404], [], "awaiting")


async def test_a_purchase_token_opens_nothing_at_another_tenant(tmp_path: Path) -> None:
    async with road(tmp_path) as r:
        other = await another_shop(r)
        started = await r.buy()
        found = await r.home.db.read(other.id, views.payment_by_token, r.home.vault, started.token)

        assert found is None


async def test_a_shop_without_an_account_says_so(tmp_path: Path) -> None:
    async with road(tmp_path) as r:
        other = await another_shop(r)
        view = r.catalog.tenant(other.id)
        assert view is not None
        with pytest.raises(Refused) as foreign_router:
            await r.payments.checkout.begin(view, r.router, r.view.plans[0], mac=MAC, phone=PHONE, click="1")

        assert foreign_router.value.key == "plan"
        assert await r.home.db.read(other.id, all_rows, "payments") == []


async def test_a_receipt_of_another_tenant_is_unknown_to_a_claim(tmp_path: Path) -> None:
    async with road(tmp_path) as r:
        await r.register_c2b()
        receipt = await r.mpesa.pay_by_hand(PHONE.digits, r.account.pay_number, "X", 20)
        await r.settled(1)
        other = await another_shop(r)
        add: Any = tenancy.add_router
        await r.home.db.write(
            other.id, add, r.home.vault, r.clock.now(), name="R2", host="h", port=1, username="u", password="p",
            hotspot_host="x.test",
        )  # fmt: skip
        await r.home.db.write(None, tenancy.bump, other.id)
        await r.catalog.refresh()
        view = r.catalog.tenant(other.id)
        assert view is not None
        (router,) = view.routers.values()
        with pytest.raises(Refused) as refused:
            await r.payments.claims.claim(view, router, mac=MAC, text=receipt, phone=PHONE, source="10.0.0.1")

        assert refused.value.key == "receipt-unknown"


async def test_a_closed_shop_sells_nothing_and_keeps_late_money_for_staff(tmp_path: Path) -> None:
    async with road(tmp_path) as r:
        started = await r.buy()
        handset = await r.prompt()
        await r.until(started, "awaiting")
        await r.home.db.write(None, close, r.home.tenant.id)
        await r.catalog.refresh()
        with pytest.raises(Refused) as refused:
            await r.buy(click="later")
        await handset.approve()
        seen = await r.until(started, "review")

        assert (refused.value.key, seen.reason, await r.passes()) == ("no-payments", "tenant-closed", [])
        assert (await r.lines(), len(await r.receipts())) == ({"tenant-closed"}, 1)


@pytest.mark.parametrize(
    "mac", ["", "02:00:00:00:00", "02-00-00-00-00-01", "' OR 1=1 --", "02:00:00:00:00:0G", "x" * 99]
)
async def test_a_hostile_mac_is_refused_and_nothing_is_stored(tmp_path: Path, mac: str) -> None:
    async with road(tmp_path, loops=False) as r:
        with pytest.raises(Refused) as refused:
            await r.buy(mac=mac)

        assert (refused.value.key, refused.value.status) == ("mac", 400)
        assert [await r.home.read(all_rows, table) for table in ("devices", "payments", "persons")] == [[], [], []]


async def test_a_refused_checkout_leaves_no_person_behind(tmp_path: Path) -> None:
    async with road(tmp_path, prompts_tenant="1") as r:
        await r.buy()
        with pytest.raises(Refused):
            await r.buy(mac="02:00:00:00:00:09", phone=PHONE.__class__("254733000111"), click="2")

        assert len(await r.home.read(all_rows, "persons")) == 1


async def test_the_same_click_of_another_device_is_another_payment(tmp_path: Path) -> None:
    async with road(tmp_path) as r:
        first = await r.buy()
        second = await r.buy(mac="02:00:00:00:00:09", phone=PHONE.__class__("254733000111"))

        assert first.token != second.token


async def test_what_was_acknowledged_is_settled_after_a_restart(tmp_path: Path) -> None:
    async with road(tmp_path, loops=False) as r:
        started = await r.buy()
        await r.until(started, "awaiting")
        await (await r.prompt()).approve()
        before = (await r.home.read(all_rows, "passes"), await r.state(started))
        await r.restart()
        await r.until(started, "paid")

        assert before == ([], "awaiting")


async def test_a_payment_that_was_being_sent_is_unknown_after_a_restart_and_not_sent_again(tmp_path: Path) -> None:
    async with road(tmp_path) as r:
        r.mpesa.faults.next(slow_ms=500)
        started = await r.buy()
        await r.prompt()
        await r.restart()
        state = await r.state(started)
        await (await r.prompt()).approve()
        await r.until(started, "paid")

        assert (state, len(r.mpesa.pushes), len(await r.passes())) == ("submit_unknown", 1, 1)


async def test_a_claimed_mac_sees_that_a_payment_is_checked_and_no_more(tmp_path: Path) -> None:
    async with road(tmp_path) as r:
        started = await r.buy()
        await r.until(started, "awaiting")
        row = await payment_row(r.home, started.public)
        seen = await r.home.read(views.open_payment_of, row.device_id, r.clock.now())

        assert seen.state == "awaiting"
        assert not {"phone", "receipt", "token", "account_ref"} & set(seen.__dict__)
