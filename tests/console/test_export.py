"""The ISP's records as files: what is in them, who may take them, and what is written down of it."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import re
import tracemalloc
import zipfile
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from starlette.requests import Request

from portal.access.plans import to_json
from portal.clock import DAY, MINUTE
from portal.console.desk import COOKIE, Desk
from portal.console.export import screens
from portal.console.site import SCREENS
from portal.export import files, records, store
from portal.export.files import Source
from portal.export.records import KINDS
from portal.people import store as people
from portal.place import Server
from portal.schema import metadata
from portal.sessions import store as sessions
from portal.sessions.fold import hour_of
from portal.sessions.meter import Use
from portal.staff.roles import WHEN_OFF, Permission
from portal.units import Unit, insert, rows, update, value
from portal.vouchers import codes
from portal.vouchers.batches import Batches, Order, open_code
from portal.vouchers.guesses import TENANT_AN_HOUR
from tests.console import guests, money
from tests.console.office import Office, Visitor
from tests.console.plans_of_queries import plans, scans
from tests.console.test_scope import next_door
from tests.engine import connected
from tests.support import Seed

EVIL = ("=HYPERLINK(1)", "+254", "-1", "@x", "\tx", "\rx", 'He said "no"', "two\nlines", "a,b;c", "‮evil", "مرحبا")


def read(body: bytes) -> list[dict[str, str]]:
    """The rows of a table by their heads; of two heads that are alike the last."""
    text = body.decode()
    assert text.startswith("\ufeff")
    head, *found = list(csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline="")))
    return [dict(zip(head, each, strict=True)) for each in found]


async def taken(who: Visitor, kind: str) -> list[dict[str, str]]:
    return read((await who.post(f"/export/{kind}", 200)).content)


async def furnish(home: Seed) -> None:
    """One of everything."""
    device = await guests.device(home, 7)
    await guests.paid(home, device)
    await guests.money_of_nobody(home, "SKE0000009")
    await guests.given(home, device)
    await guests.goes_online(home, device, for_s=60, size=1_000)
    use = Use(ms=MINUTE, bytes_up=500, bytes_down=500)
    await home.write(sessions.add_to_hour, hour_of(home.clock.now()), home.router_id, home.plan.name, 1, use)
    batches = Batches(
        db=home.db, vault=home.vault, clock=home.clock, tenant=home.tenant, guesses_an_hour=TENANT_AN_HOUR
    )
    style = codes.DEFAULT["letters"]
    await batches.make(
        Order(plan=home.plan, count=5, style=style, use_by=home.clock.now() + 9 * DAY, note="=A1", by="me")
    )


# --- what is in them ---


async def test_every_table_has_the_rows_of_its_table_and_no_other(o: Office, owner: Visitor) -> None:
    await furnish(o.home)
    for name in KINDS:
        found = await taken(owner, name)
        count = await o.home.read(value, f"SELECT COUNT(*) FROM {store.TABLES[name]} WHERE tenant_id = :tenant")
        assert len(found) == count > 0, name


async def test_a_payment_stands_there_whole(o: Office, owner: Visitor) -> None:
    device = await guests.device(o.home, 7)
    one = await guests.paid(o.home, device)
    (line,) = await taken(owner, "payments")

    assert (line["payment"], line["state"], line["receipt"]) == (one.public, "paid", guests.RECEIPT)
    assert (line["amount"], line["currency"], line["plan"]) == ("20.00", "KES", "1 hour")
    assert (line["phone"], line["device"], line["site"]) == ("0712 345 678", guests.mac(7), "Site 1")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+03:00", line["ordered at"])


async def test_a_number_that_was_erased_is_nowhere(o: Office, owner: Visitor) -> None:
    await guests.paid(o.home, await guests.device(o.home))
    person = await o.home.read(value, "SELECT person_id FROM payments WHERE tenant_id = :tenant")
    await o.home.write(people.forget, person, o.home.clock.now())

    assert [each["phone"] for each in await taken(owner, "payments")] == [""]


async def test_whole_numbers_stand_among_payments_alone(o: Office, owner: Visitor) -> None:
    await furnish(o.home)
    for name in KINDS:
        body = re.sub(r"\D", "", (await owner.post(f"/export/{name}", 200)).text.replace("254", "0"))
        assert ("0712345678" in body) == (name == "payments"), name


async def test_no_code_no_password_and_nothing_sealed_leaves(o: Office, owner: Visitor) -> None:
    await furnish(o.home)
    whole = b"".join([(await owner.post(f"/export/{name}", 200)).content for name in KINDS])
    sealed = await o.home.read(rows, "SELECT code_sealed, label FROM vouchers WHERE tenant_id = :tenant")
    for row in sealed:
        assert open_code(o.home.vault, o.home.tenant.id, row["label"], row["code_sealed"]).encode() not in whole
    assert b"router-password" not in whole
    assert b"\x00" not in whole


async def test_a_voucher_says_its_state_as_staff_see_it(o: Office, owner: Visitor) -> None:
    await furnish(o.home)
    ids = [each["id"] for each in await o.home.read(rows, "SELECT id FROM vouchers WHERE tenant_id = :tenant")]
    await o.home.write(update, "vouchers", ids[1], state="void", void_reason="=lost")
    await o.home.write(update, "vouchers", ids[2], state="redeemed")
    await o.home.write(update, "vouchers", ids[3], use_by=1)
    found = await taken(owner, "vouchers")

    assert [each["state"] for each in found] == ["printed", "void", "redeemed", "expired", "printed"]
    assert (found[1]["serial"], found[1]["why taken back"], found[1]["price"]) == ("B1-0002", "'=lost", "20.00")


async def test_staff_have_their_address_and_acts_their_details(o: Office, owner: Visitor) -> None:
    (line,) = await taken(owner, "staff")
    acts = await taken(owner, "acts")

    assert line["e-mail"].endswith("@isp.test")
    assert [each["act"] for each in acts] == ["export.staff", "export.acts"]
    assert acts[0]["by"] == f"staff:{line['staff']}"
    assert json.loads(acts[0]["details"])["name"] == "Amina Owner"


@pytest.mark.parametrize("text", EVIL)
async def test_hostile_names_come_whole_and_calculate_nothing(o: Office, owner: Visitor, text: str) -> None:
    plan = await o.home.plan_of(name=text)
    await money.paid(o.home, o.home.clock.now(), plan_id=plan.id, plan_copy=to_json(plan), reason=text)
    await o.home.write(update, "routers", o.home.router_id, name=text)
    (paid,) = await taken(owner, "payments")
    (router,) = await taken(owner, "routers")

    for cell in (paid["plan"], paid["reason"], paid["site"], router["name"]):
        assert cell in (text, f"'{text}")
        assert not cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n"))


async def test_another_isps_rows_are_in_no_table(o: Office, owner: Visitor) -> None:
    await next_door(o.home)
    for name in KINDS:
        body = (await owner.post(f"/export/{name}", 200)).text
        for theirs in ("Theirs", "Somebody Else", "Next Door", "02:BB:00:00:00:01", "them@next.test", "B1-0001"):
            assert theirs not in body, name


async def test_a_table_of_many_chunks_has_each_row_once(o: Office, owner: Visitor) -> None:
    """Many of one moment, so that a chunk ends among them."""
    count = 2 * store.AT_ONCE + 1
    await o.home.write(_devices, count, o.home.clock.now())
    await _payments(o.home, count)
    for kind, name in (("devices", "device"), ("payments", "payment")):
        found = [each[name] for each in await taken(owner, kind)]
        assert len(found) == len(set(found))
        assert len(found) >= count


async def test_the_archive_opens_and_has_every_table_and_what_explains_it(o: Office, owner: Visitor) -> None:
    await furnish(o.home)
    answer = await owner.post("/export/whole", 200)
    with zipfile.ZipFile(io.BytesIO(answer.content)) as whole:
        assert whole.testzip() is None
        assert whole.namelist() == ["README.txt", *(f"{name}.csv" for name in KINDS)]
        readme = whole.read("README.txt").decode()
        for kind in KINDS.values():
            assert f"{kind.name}.csv" in readme
            assert all(f"{each.head}: {each.tells}" in readme for each in kind.columns)
        assert len(read(whole.read("payments.csv"))) == 2
    assert answer.headers["content-type"] == "application/zip"
    assert [each["act"] for each in await o.acts()] == ["export.whole"]


# --- who may ---


@pytest.mark.parametrize("kind", ["payments", "staff", "whole"])
async def test_who_may_take_records_away(o: Office, kind: str) -> None:
    for role, status in (("owner", 200), ("manager", 200), ("auditor", 200), ("cashier", 403), ("support", 403)):
        who = await o.of(role)
        await who.post(f"/export/{kind}", status)
        await who.get("/export", status)


async def test_it_needs_the_password_again(o: Office, owner: Visitor) -> None:
    o.home.clock.advance(11 * MINUTE)
    page = await owner.get("/export")
    refused = await owner.post("/export/whole", 403)

    assert "password once more" in refused.text
    assert 'action="/console/export/whole"' in refused.text
    assert 'href="/console/account/prove?next=/console/export"' in page
    assert "Download everything" not in page
    assert await o.acts() == []


@pytest.mark.parametrize("kind", ["nothing", "audit", "%2e%2e", "payments.csv", "tenants", "0"])
async def test_what_is_no_class_of_records_is_not_there_and_leaves_no_act(o: Office, owner: Visitor, kind: str) -> None:
    await owner.post(f"/export/{kind}", 404)
    assert await o.acts() == []


async def test_the_act_is_there_before_the_first_byte_and_money_is_kept_longer(o: Office, owner: Visitor) -> None:
    token = await owner.token()
    async with owner.http.stream("POST", "/console/export/payments", data={"csrf": token}) as answer:
        assert answer.status_code == 200
        (act,) = await o.acts()
    await owner.post("/export/devices", 200)
    later = (await o.acts())[1]

    assert (act["act"], act["actor"].partition(":")[0], act["money"]) == ("export.payments", "staff", 1)
    assert (later["act"], later["money"]) == ("export.devices", 0)
    assert await o.verified()


async def test_the_page_says_how_much_there_is_up_to_a_limit(o: Office, owner: Visitor) -> None:
    await o.home.write(_devices, store.MANY + 5, o.home.clock.now())
    page = await owner.get("/export")

    assert "more than 10,000" in page
    assert all(f'action="/console/export/{name}"' in page for name in (*KINDS, "whole"))


async def test_the_page_works_with_nothing_but_what_is_left_of_a_switched_off_isp(o: Office, owner: Visitor) -> None:
    left = ("/export", "/account", "/support", "/settings/leave")
    permissions = {each.permission for each in SCREENS if each.path.startswith(left)}
    desk = _bare(await _desk(o, owner))
    page = bytes((await screens.classes(desk)).body).decode()

    assert permissions == WHEN_OFF
    assert "Download everything" in page
    assert 'href="/console/export"' in page
    assert 'href="/console/payments"' not in page


class _Bare(Desk):
    def may(self, permission: Permission) -> bool:
        return permission in WHEN_OFF


def _bare(desk: Desk) -> Desk:
    return _Bare(**desk.__dict__)


async def _desk(o: Office, who: Visitor) -> Desk:
    token = who.http.headers["cookie"].partition("=")[2]
    assert who.http.headers["cookie"].startswith(COOKIE)
    present = await o.services.staff.enter(token, alone=False)
    view = o.services.catalog.tenant(o.home.tenant.id)
    assert present is not None
    assert view is not None
    scope = {"type": "http", "method": "GET", "path": "/console/export", "query_string": b"", "headers": []}
    return Desk(services=o.services, request=Request(scope), present=present, view=view, fields={})


# --- how it runs ---


@pytest.mark.parametrize("kind", ["payments", "whole"])
async def test_a_connection_that_breaks_in_the_middle_leaves_nothing_open(o: Office, owner: Visitor, kind: str) -> None:
    await _payments(o.home, 6 * store.AT_ONCE)
    token = await owner.token()
    async with (
        httpx.AsyncClient(base_url=o.url, trust_env=False, timeout=60, headers=owner.http.headers) as http,
        http.stream("POST", f"/console/export/{kind}", data={"csrf": token}) as answer,
    ):
        async for _ in answer.aiter_raw(1024):
            break
    for _ in range(3000):
        if not _under_way():
            break
        await asyncio.sleep(0.05)

    assert _under_way() == []
    await owner.get("/export")
    assert not await _snapshot_held(o)
    assert len(await taken(owner, "payments")) == 6 * store.AT_ONCE


async def _snapshot_held(o: Office) -> bool:
    """Whether somebody still reads as of a moment that is over."""
    place = o.home.db.place
    if isinstance(place, Server):
        return (await connected(place, "idle in transaction")) > 0
    busy, *_ = await o.home.db.read(None, rows, "PRAGMA wal_checkpoint(PASSIVE)")
    return bool(dict(busy)["busy"])


def _under_way() -> list[str]:
    """Answers that are still being sent."""
    tasks = [str(each.get_coro()) for each in asyncio.all_tasks()]
    return [each for each in tasks if "run_asgi" in each or "stream_response" in each]


async def test_the_way_to_the_next_chunk_never_goes_through_what_is_done(o: Office) -> None:
    """Each class but receipts, which have no index in an order that lasts, and the few rows of some."""
    await furnish(o.home)
    for name in ("payments", "passes", "vouchers", "acts", "devices", "sessions", "usage"):
        first = await o.home.read(store.chunk, name, None)
        after = store.STATEMENTS[name].after(first[0]) if first else _begin(name)
        found = plans(o.home, store.chunk(name, after))
        tables = ("payments", "passes", "audit", "vouchers", "devices", "sessions", "usage_hours")
        assert scans(found, tables) == [], name
        assert not [each for each in found if each == "USE TEMP B-TREE FOR ORDER BY"], (name, found)


def _begin(name: str) -> store.After:
    """What is before each row of this class."""
    columns = metadata.tables[store.TABLES[name]].c
    return tuple(columns[each.rpartition(".")[2]].type.python_type() for each in store.STATEMENTS[name].order)


async def test_memory_stays_flat_however_long_a_table_is(o: Office) -> None:
    """The most that Python holds barely grows while 40 chunks pass; held whole, they are far more."""
    await _payments(o.home, 40 * store.AT_ONCE)
    source = Source(db=o.home.db, vault=o.home.vault, tenant=o.home.tenant, now=o.home.clock.now())
    tracemalloc.start()  # and not what the system gave the process: that is of all tests before, too
    try:
        begin = [part async for part in _some(files.table(source, records.PAYMENTS), 3)]
        few = tracemalloc.get_traced_memory()[1]
        tracemalloc.reset_peak()
        size = await _passed(files.archive(source)) + await _passed(files.table(source, records.PAYMENTS))
        flat = tracemalloc.get_traced_memory()[1]
        tracemalloc.reset_peak()
        whole = [part async for part in files.table(source, records.PAYMENTS)]
        held = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert begin
    assert size > 5_000_000
    assert flat - few < 2_000_000
    assert held - few > 5_000_000, "the measure would notice"
    assert len(whole) > len(begin)


async def _passed(parts: AsyncIterator[bytes]) -> int:
    """How many bytes went by; none is kept."""
    size = 0
    async for part in parts:
        size += len(part)
    return size


async def _some(parts: AsyncIterator[bytes], count: int) -> AsyncIterator[bytes]:
    async for part in parts:
        yield part
        count -= 1
        if not count:
            return


def _devices(count: int, now: int) -> Unit[None]:
    for n in range(count):
        yield from insert(
            "devices", mac=f"06:00:00:{n >> 16:02X}:{n >> 8 & 255:02X}:{n & 255:02X}", created_at=now, last_seen_at=now
        )


async def _payments(home: Seed, count: int) -> None:
    """Many payments of one moment, as copies of one."""
    first = await money.paid(home, home.clock.now())
    await home.write(_copies, first, count - 1)


def _copies(first: int, count: int) -> Unit[None]:
    (row,) = yield from rows("SELECT * FROM payments WHERE tenant_id = :tenant AND id = :id", id=first)
    columns: dict[str, Any] = {name: each for name, each in dict(row).items() if name not in ("id", "tenant_id")}
    for n in range(count):
        own = dict.fromkeys(("public", "click_key", "account_ref"), f"{n:012x}")
        hashes = {name: f"{name}{n}".encode() for name in ("token_hash", "callback_hash")}
        yield from insert("payments", **{**columns, **own, **hashes})
