"""Two ISPs in one database and one portal: nothing of the one reaches or shows the other (I7)."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from portal.access import store as access
from portal.access.plans import Plan
from portal.payments import accounts
from portal.schema import TENANT_TABLES
from portal.tenancy import store as tenancy
from portal.tenancy.store import Router, Tenant
from portal.units import Row, TenantMissing, Unit, rows
from tests.pages.house import PHONE, House, hidden, house
from tests.support import a_plan

OWN_MAC, THEIR_MAC = "02:AB:CD:00:00:01", "02:AB:CD:00:00:02"


@dataclass(kw_only=True)
class Two:
    """The house of one ISP, and a second ISP in it."""

    house: House
    tenant: Tenant
    router: Router
    plan: Plan
    account: accounts.MpesaAccount

    @property
    def own(self) -> Tenant:
        return self.house.home.tenant

    async def enter_there(self, mac: str = THEIR_MAC) -> str:
        """Arrive at the second ISP; the path of the first page."""
        h = self.house
        claims = {**h.claims(mac=mac), "link-login": f"http://{self.router.hotspot_host}/login"}
        answer = await h.http.get(f"/e/{self.router.public}", params=claims)
        assert answer.status_code == 303, answer.text
        return answer.headers["location"]

    async def buy_there(self) -> str:
        """Pay at the second ISP; the path of the waiting page."""
        first = await self.enter_there()
        page = await self.house.http.post(first + "pay", data={"plan": self.plan.public, "phone": "0722 000 678"})
        answer = await self.house.http.post(first + "pay", data={**hidden(page.text), "confirm": "1"})
        return answer.headers["location"]

    async def rows_of(self, tenant: Tenant, table: str) -> list[Row]:
        return list(await self.house.home.db.read(tenant.id, every, table))

    async def kinds(self, tenant: Tenant) -> set[str]:
        """The lines for staff."""
        return {row["kind"] for row in await self.rows_of(tenant, "exceptions")}

    async def everything(self, tenant: Tenant) -> dict[str, list[Row]]:
        return {table: await self.rows_of(tenant, table) for table in sorted(TENANT_TABLES)}


def every(table: str) -> Unit[Any]:
    found = yield from rows(f"SELECT * FROM {table} WHERE tenant_id = :tenant ORDER BY id")
    return [dict(row) for row in found]


def second_router(vault: Any, now: int) -> Unit[int]:
    return (
        yield from tenancy.add_router(
            vault, now, name="Shop 2", host="127.0.0.1", port=1, username="bando", password="other-password",
            hotspot_host="login.other.test", tunnel=True,
        )
    )  # fmt: skip


@asynccontextmanager
async def two(folder: Path) -> AsyncIterator[Two]:
    async with house(folder) as h:
        db, now = h.home.db, h.home.clock.now()
        tenant = await db.write(None, tenancy.add_tenant, "Westlands Net", now, support_phone="0711 111 111")
        router_id = await db.write(tenant.id, second_router, h.home.vault, now)
        plan = a_plan(name="Their hour")
        await db.write(tenant.id, access.add_plan, plan, now)
        h.mpesa.add_shortcode(
            kind="paybill", shortcode="600999", passkey="p2", consumer_key="key2", consumer_secret="s2"
        )
        add: Any = accounts.add_account
        account = await db.write(
            tenant.id, add, h.home.vault, now, tenant_public=tenant.public, environment="sandbox", kind="paybill",
            shortcode="600999", consumer_key="key2", consumer_secret="s2", passkey="p2",
            base_url=(await db.read(h.home.tenant.id, accounts.accounts))[0].base_url,
        )  # fmt: skip
        await db.write(None, tenancy.bump, tenant.id)
        await h.catalog.refresh()
        router = await db.read(tenant.id, tenancy.router, router_id)
        assert router is not None
        yield Two(house=h, tenant=tenant, router=router, plan=plan, account=account)


def as_tenant(token: str, tenant: Tenant) -> str:
    """The same token under another tenant's name."""
    return f"{tenant.public}.{token.partition('.')[2]}"


def token_of(path: str) -> str:
    return re.split(r"[/?]", path)[2]


def assert_nothing_of(tenant: Tenant, text: str) -> None:
    for word in (tenant.name, tenant.support_phone, tenant.public):
        assert word not in text


async def test_each_isp_sells_its_own_on_its_own_pages(tmp_path: Path) -> None:
    async with two(tmp_path) as w:
        here = await w.house.http.get(await w.house.enter())
        there = await w.house.http.get(await w.enter_there())

        assert w.house.home.plan.public in here.text
        assert w.plan.public in there.text
        assert w.plan.public not in here.text
        assert_nothing_of(w.tenant, here.text)
        assert_nothing_of(w.own, there.text)


async def test_an_entry_with_the_login_host_of_another_isps_router_is_refused(tmp_path: Path) -> None:
    async with two(tmp_path) as w:
        answer = await w.house.http.get(f"/e/{w.router.public}", params=w.house.claims())

        assert answer.status_code == 400
        assert_nothing_of(w.own, answer.text)


async def test_an_unknown_entry_is_404(tmp_path: Path) -> None:
    async with two(tmp_path) as w:
        answer = await w.house.http.get("/e/ffffffff", params=w.house.claims())

        assert answer.status_code == 404
        assert_nothing_of(w.own, answer.text)
        assert_nothing_of(w.tenant, answer.text)


async def test_an_arrivals_token_under_another_isps_name_is_404(tmp_path: Path) -> None:
    async with two(tmp_path) as w:
        token = token_of(await w.house.enter())
        answers = [
            await w.house.http.get(f"/w/{as_tenant(token, w.tenant)}/"),
            await w.house.http.get(f"/w/{as_tenant(token, w.tenant)}/state"),
            await w.house.http.post(f"/w/{as_tenant(token, w.tenant)}/pay", data={"plan": w.plan.public}),
            await w.house.http.post(
                f"/w/{as_tenant(token, w.tenant)}/claim", data={"text": "x", "phone": "0712345678"}
            ),
        ]
        right = await w.house.http.get(f"/w/{token}/")

        assert [each.status_code for each in answers] == [404] * 4
        assert right.status_code == 200
        for each in answers:
            assert_nothing_of(w.own, each.text)


async def test_a_plan_of_another_isp_cannot_be_bought(tmp_path: Path) -> None:
    async with two(tmp_path) as w:
        first = await w.house.enter()
        answer = await w.house.http.post(
            first + "pay", data={"plan": w.plan.public, "phone": "0712345678", "confirm": "1"}
        )

        assert 400 <= answer.status_code < 500
        assert "Their hour" not in answer.text
        assert await w.rows_of(w.own, "payments") + await w.rows_of(w.tenant, "payments") == []


async def test_a_purchases_token_under_another_isps_name_is_404(tmp_path: Path) -> None:
    async with two(tmp_path) as w:
        token = token_of(await w.house.pay(await w.house.enter()))
        before = await w.everything(w.own)
        foreign = as_tenant(token, w.tenant)
        gets = [
            await w.house.http.get(f"/{door}/{foreign}/{page}") for door, page in (("p", ""), ("p", "state"), ("s", ""))
        ]
        posts = [
            await w.house.http.post(f"/s/{foreign}/{act}", data={"mac": THEIR_MAC})
            for act in ("connect", "disconnect", "start", "add", "remove")
        ]
        again = await w.house.http.post(f"/p/{foreign}/again", data={"click": "1"})
        right = await w.house.http.get(f"/p/{token}/")

        assert {each.status_code for each in (*gets, *posts, again)} == {404}
        assert right.status_code == 200
        for each in (*gets, *posts, again):
            assert_nothing_of(w.own, each.text)
            assert "0712" not in each.text
        assert await w.rows_of(w.own, "passes") == before["passes"]
        assert [await w.rows_of(w.tenant, each) for each in ("devices", "payments", "passes")] == [[], [], []]


async def test_the_same_phone_at_two_isps_is_two_persons_with_different_look_ups(tmp_path: Path) -> None:
    async with two(tmp_path) as w:
        await w.house.pay(await w.house.enter())
        first = await w.enter_there()
        page = await w.house.http.post(first + "pay", data={"plan": w.plan.public, "phone": "0712 345 678"})
        await w.house.http.post(first + "pay", data={**hidden(page.text), "confirm": "1"})
        here, there = await w.rows_of(w.own, "persons"), await w.rows_of(w.tenant, "persons")

        assert (len(here), len(there)) == (1, 1)
        assert here[0]["phone_index"] != there[0]["phone_index"]


async def test_a_device_known_at_one_isp_is_a_stranger_at_the_other(tmp_path: Path) -> None:
    async with two(tmp_path) as w:
        waiting = await w.house.pay(await w.house.enter())
        await (await w.house.prompt()).approve()
        await w.house.contact()
        await w.house.reaches(waiting, "connecting")
        own, foreign = await w.house.enter(), await w.enter_there(mac=OWN_MAC)
        w.house.home.clock.advance(1_000)
        await w.house.goes_online(OWN_MAC)
        here = await w.house.http.get(own)
        there = await w.house.http.get(foreign)

        assert "You are online" in here.text
        assert "You are online" not in there.text
        assert w.plan.public in there.text  # it may buy
        assert await w.rows_of(w.tenant, "passes") == []


async def test_a_receipt_of_another_isp_is_unknown_and_moves_nothing(tmp_path: Path) -> None:
    async with two(tmp_path) as w:
        waiting = await w.house.pay(await w.house.enter())
        push = await (await w.house.prompt()).approve()
        await w.house.contact()
        await w.house.reaches(waiting, "connecting")
        before = await w.rows_of(w.own, "passes")
        form = {"text": push.receipt, "phone": "0712 345 678"}
        foreign = await w.house.http.post((await w.enter_there()) + "claim", data=form)
        nonsense = await w.house.http.post((await w.enter_there()) + "claim", data={**form, "text": "ZZZ9999999"})

        assert foreign.status_code == nonsense.status_code
        assert 400 <= foreign.status_code < 500
        assert_nothing_of(w.own, foreign.text)
        assert [row["device_id"] for row in await w.rows_of(w.own, "passes")] == [row["device_id"] for row in before]
        assert await w.rows_of(w.tenant, "passes") == []


async def test_callbacks_under_another_isps_name_are_404_and_are_not_kept(tmp_path: Path) -> None:
    async with two(tmp_path) as w:
        await w.house.pay(await w.house.enter())
        await w.house.prompt()
        push = next(iter(w.house.mpesa.pushes.values()))
        path = httpx.URL(push.callback_url).path
        own_c2b = accounts.c2b_token(w.house.home.vault, w.own.public, w.account.public)
        body = {"Body": {"stkCallback": {"ResultCode": 0}}}
        answers = [
            await w.house.http.post(path.replace(w.own.public, w.tenant.public), json=body),
            await w.house.http.post(f"/c2b/{own_c2b}/confirm", json={"TransID": "ZZZ9999999"}),
            await w.house.http.post(f"/c2b/{own_c2b}/validate", json={"TransID": "ZZZ9999999"}),
            await w.house.http.post("/hook/ffff.00000000000000000000000000000000", json=body),
        ]

        assert [each.status_code for each in answers] == [404] * 4
        assert await w.rows_of(w.own, "inbox") + await w.rows_of(w.tenant, "inbox") == []


async def test_money_to_another_isps_number_is_kept_for_staff_and_pays_nothing(tmp_path: Path) -> None:
    async with two(tmp_path) as w:
        waiting = await w.house.pay(await w.house.enter())
        reference = (await w.rows_of(w.own, "payments"))[0]["account_ref"]
        token = accounts.c2b_token(w.house.home.vault, w.tenant.public, w.account.public)
        said = {
            "TransactionType": "Pay Bill",
            "TransID": "UKM0000077",
            "TransTime": "20261122170000",
            "TransAmount": "20.00",
            "BusinessShortCode": "174379",  # the first ISP's number, told to the second one's address
            "BillRefNumber": reference,
            "MSISDN": PHONE,
        }
        answer = await w.house.http.post(f"/c2b/{token}/confirm", content=json.dumps(said))
        for _ in range(200):
            await w.house.payments.inbox.run_once()
            if all(row["processed_at"] for row in await w.rows_of(w.tenant, "inbox")):
                break

        assert answer.status_code == 200
        assert await w.kinds(w.tenant) == {"wrong-shortcode"}
        assert await w.kinds(w.own) == set()
        assert [row["state"] for row in await w.rows_of(w.own, "payments")] in (["awaiting"], ["submitting"])
        assert await w.rows_of(w.own, "passes") + await w.rows_of(w.tenant, "passes") == []
        assert (await w.house.http.get(waiting)).status_code == 200


async def test_the_same_reference_at_two_isps_pays_where_the_money_went(tmp_path: Path) -> None:
    async with two(tmp_path) as w:
        await w.house.pay(await w.house.enter())
        reference = (await w.rows_of(w.own, "payments"))[0]["account_ref"]
        token = accounts.c2b_token(w.house.home.vault, w.tenant.public, w.account.public)
        said = {
            "TransID": "UKM0000078",
            "TransAmount": "20.00",
            "BusinessShortCode": "600999",
            "BillRefNumber": reference,
        }
        await w.house.http.post(f"/c2b/{token}/confirm", content=json.dumps({**said, "MSISDN": PHONE}))
        await w.house.payments.inbox.run_once()

        assert await w.kinds(w.tenant) == {"unmatched-money"}
        assert len(await w.rows_of(w.tenant, "receipts")) == 1
        assert await w.rows_of(w.own, "receipts") == []
        assert await w.rows_of(w.own, "passes") == []


async def test_no_row_of_one_isp_names_a_row_of_the_other(tmp_path: Path) -> None:
    async with two(tmp_path) as w:
        await w.house.pay(await w.house.enter())
        await w.buy_there()
        owners: dict[tuple[str, int], int] = {}
        for tenant in (w.own, w.tenant):
            for table, found in (await w.everything(tenant)).items():
                owners.update({(table, row["id"]): tenant.id for row in found})
        links = {"device_id": "devices", "person_id": "persons", "router_id": "routers", "plan_id": "plans"}
        links |= {"pass_id": "passes", "payment_id": "payments", "account_id": "mpesa_accounts"}
        checked = 0
        for tenant in (w.own, w.tenant):
            for found in (await w.everything(tenant)).values():
                for row in found:
                    for column in links.keys() & row.keys():
                        if row[column] is not None:
                            assert owners[links[column], row[column]] == tenant.id
                            checked += 1

        assert checked > 10


async def test_a_statement_without_its_tenant_is_refused_on_each_table(tmp_path: Path) -> None:
    def foreign(table: str) -> Unit[Any]:
        return (yield from rows(f"SELECT * FROM {table}"))

    async with two(tmp_path) as w:
        for table in sorted(TENANT_TABLES):
            for act in (w.house.home.db.read, w.house.home.db.write):
                with pytest.raises(TenantMissing):
                    await act(w.tenant.id, foreign, table)
            own = await w.rows_of(w.tenant, table)
            assert all(row["tenant_id"] == w.tenant.id for row in own)
        assert len(await w.rows_of(w.tenant, "plans")) == 1
