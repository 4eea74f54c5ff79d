"""A closed ISP is erased after ninety days: no person and no secret of it is left, its books and all others are."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import LargeBinary, Text

from portal import check
from portal.audit import store as audit
from portal.clock import DAY, TravelClock
from portal.errors import Refused
from portal.privacy.closed import store
from portal.privacy.closed.ends import ENDS, GONE, KEPT
from portal.privacy.closed.room import Closed
from portal.privacy.retention import service
from portal.schema import TENANT_TABLES, metadata
from portal.seal import NotOurs
from portal.tenancy import closing
from portal.tenancy import store as tenancy
from portal.tenancy.store import Tenant
from portal.units import rows, value
from sandbox.history import lived
from sandbox.stock import stocked
from tests.console import samples_money
from tests.privacy.rows import NOW, Planted
from tests.support import Seed, seed

# Stay on purpose: they hold no person, open nothing, or are the end of the chain of acts.
STAYS = {
    ("sealing_keys", "wrapped"),  # the head of the log of acts is sealed under it; nothing else is left that is
    ("audit_heads", "seal"),
    ("staff", "email_sealed"),  # an empty address, sealed
    ("staff", "email_index"),  # "left:<id>"
    ("staff", "name"),  # "Former staff"
}
# Texts that stay: words of the trade, random names, numbers of receipts and what plans and sites are called.
IN_THE_BOOKS: dict[str, set[str]] = {
    "batches": {"form_key", "style"},
    "disclosures": {"authority", "digest", "form_key", "public", "reference"},
    "exceptions": {"subject"},
    "findings": {"subject"},
    "gifts": {"cause"},
    "mpesa_accounts": {"base_url", "environment", "party_b", "provider", "public", "shortcode"},
    "outages": {"form_key"},
    "passes": {"cause_ref", "plan_name", "sites"},
    "payments": {"account_ref", "click_key", "environment", "public", "reason", "receipt_state", "settled_by"},
    "persons": {"ref"},
    "plans": {"hours", "name", "public", "sites"},
    "purge_runs": {"began_by"},
    "purges": {"keep", "rule"},
    "questions": {"number", "outcome", "public"},
    "receipts": {"environment", "number", "provider", "seen_via", "shortcode"},
    "refunds": {"form_key", "number", "public", "way"},
    "routers": {"mass_removal", "name", "public"},
    "staff": {"language", "public"},
    "statement_rows": {"linked", "number", "outcome", "via"},
    "statement_spans": {"via"},
    "stock_moves": {"form_key"},
    "transfers": {"cause", "credit", "debit"},
    "voucher_acts": {"act", "how"},
    "vouchers": {"label"},
}
BY_ITSELF = {"audit", "audit_heads", "sealing_keys"}  # a chain and its keys: rows are written by their own units


@pytest.fixture
async def home(tmp_path: Path) -> AsyncIterator[Seed]:
    made = await seed(tmp_path, clock=TravelClock(start=NOW))
    made.clock.run_at(0)
    yield made
    await made.db.aclose()


def full(planted: Planted, tenant: int) -> None:
    """A row in each table, with something in each column that may hold something."""
    for table in metadata.sorted_tables:
        if table.name in TENANT_TABLES - BY_ITSELF:
            texts = [each for each in table.columns if isinstance(each.type, Text) and each.name not in WORDS]
            blobs = [each for each in table.columns if isinstance(each.type, LargeBinary)]
            more: dict[str, Any] = {each.name: f"mark {table.name} {each.name} {tenant}" for each in texts}
            more |= {each.name: f"mark {table.name} {each.name} {tenant}".encode() for each in blobs}
            planted.row(table.name, tenant, **{**more, **SENSE.get(table.name, {})})


WORDS = {"state", "kind", "currency", "plan_copy", "cause_kind", "role", "end_reason", "day"}
SENSE: dict[str, dict[str, Any]] = {
    "passes": {"started_at": 5, "end_reason": None, "state": "running"},
    "payments": {"settled_at": 5},
    "holds": {"lifted_at": 5},
}


def of(planted: Planted, tenant: int) -> dict[str, list[dict[str, Any]]]:
    """All rows of an ISP, by table."""
    return {
        name: planted.rows(f"SELECT * FROM {name} WHERE tenant_id = ? ORDER BY id", tenant)
        for name in sorted(TENANT_TABLES)
    }


async def closed(home: Seed) -> Tenant:
    """Closed ninety days ago, and read anew."""
    await home.write(closing.close, home.tenant.id, home.clock.now())
    home.clock.advance(90 * DAY)
    return await again(home)


async def again(home: Seed) -> Tenant:
    found: Tenant | None = await home.db.read(None, tenancy.tenant, home.tenant.id)
    assert found is not None
    return found


def room(home: Seed) -> Closed:
    return Closed(home.db, home.vault, home.clock)


def test_each_table_of_an_isp_has_its_end() -> None:
    assert set(ENDS) == TENANT_TABLES


def test_no_column_that_is_personal_or_secret_is_passed_over() -> None:
    for table in metadata.sorted_tables:
        end = ENDS.get(table.name, GONE)
        for column in table.columns if end not in (GONE, "staff", "audit") else []:
            if column.info.get("data", "plain") != "plain" and (table.name, column.name) not in STAYS:
                assert f"{column.name} = " in end, f"{table.name}.{column.name} would stay"
    assert "phone_tail = " in ENDS["payments"]
    assert ENDS["transfers"] == KEPT


async def test_no_person_and_no_secret_is_left_and_others_are_as_they_were(home: Seed) -> None:
    planted = Planted(home.db.place)
    other = await home.db.write(None, tenancy.add_tenant, "Langata Wi-Fi", home.clock.now())
    for tenant in (home.tenant.id, other.id):
        full(planted, tenant)
        told = {"actor": "staff:ada", "act": "note", "subject": "device:1", "payload": {"name": f"mark of {tenant}"}}
        for money in (True, False):
            await home.db.write(tenant, audit.append, home.vault, **told, now=home.clock.now(), money=money)
        for table, column in (("code_owners", "code_index"), ("staff_owners", "email_index")):
            index = f"mark {'vouchers' if table == 'code_owners' else 'staff'} {column} {tenant}".encode()
            planted.connection.execute(f"INSERT INTO {table} ({column}, owner) VALUES (?, ?)", (index, tenant))
    before, tables = of(planted, other.id), of(planted, home.tenant.id)
    assert all(tables.values()), "something stands in each table"
    await closed(home)
    assert await room(home).run_once() == 1
    after = of(planted, home.tenant.id)
    left = [
        (table.name, column.name, row[column.name])
        for table in metadata.sorted_tables
        for column in table.columns
        for row in after.get(table.name, [])
        if column.info.get("data", "plain") != "plain" and not _nothing(table.name, column.name, row[column.name])
    ]
    assert left == []
    typed = {name: {column for row in found for column in row if _marked(row[column])} for name, found in after.items()}
    assert {name: columns for name, columns in typed.items() if columns} == IN_THE_BOOKS
    staff = after["staff"][0]
    assert (
        staff["name"],
        home.vault.open(staff["email_sealed"], table="staff", row=staff["public"], column="email"),
    ) == (
        "Former staff",
        b"",
    )
    assert [row for row in after["audit"] if row["payload"] not in (None, "{}")] == []
    assert planted.rows("SELECT * FROM code_owners WHERE owner = ?", home.tenant.id) == []
    assert planted.rows("SELECT * FROM staff_owners WHERE owner = ?", home.tenant.id) == []
    assert of(planted, other.id) == before
    assert len(planted.rows("SELECT * FROM code_owners WHERE owner = ?", other.id)) == 1
    assert len(planted.rows("SELECT * FROM staff_owners WHERE owner = ?", other.id)) == 1
    assert await home.read(audit.verify_all, home.vault) is None
    planted.connection.close()


def _nothing(table: str, column: str, found: object) -> bool:
    """Whether this says nothing of anybody, and opens nothing."""
    if (table, column) in STAYS or found in (None, "", 0, "{}"):
        return True
    text = found.decode("latin-1") if isinstance(found, bytes) else str(found)
    return text.startswith(("gone:", "gone-", "left:"))


def _marked(found: object) -> bool:
    return "mark" in (found.decode("latin-1") if isinstance(found, bytes) else str(found))


async def test_the_scan_finds_a_column_that_was_passed_over(home: Seed) -> None:
    planted = Planted(home.db.place)
    planted.row("payments", home.tenant.id, phone_tail="678", settled_at=5)
    await closed(home)
    await room(home).run_once()
    planted.connection.execute("UPDATE payments SET phone_tail = '678'")
    row = of(planted, home.tenant.id)["payments"][0]
    assert not _nothing("payments", "phone_tail", row["phone_tail"])
    assert _nothing("payments", "token_hash", row["token_hash"])
    planted.connection.close()


async def test_the_books_of_a_month_keep_their_totals_and_their_invariants(home: Seed) -> None:
    await samples_money.account(home)
    await home.plan_of(name="1 hour")
    given = (home.db, home.vault, home.tenant, home.router_id, home.clock.now())
    await lived(*given)
    await stocked(*given)
    sums, receipts = await home.read(rows, SUMS), await home.read(rows, RECEIPTS)
    assert len(sums) > 3
    assert await home.read(check.breaches, home.clock.now()) == []
    await closed(home)
    home.clock.advance(DAY)
    await room(home).run_once()
    assert (await again(home)).state == "erased"
    assert await home.read(rows, SUMS) == sums
    assert await home.read(rows, RECEIPTS) == receipts
    assert await home.read(check.breaches, home.clock.now()) == []
    assert await home.read(audit.verify_all, home.vault) is None


SUMS = (
    "SELECT kind, debit, credit, COUNT(*) AS n, SUM(amount_minor) AS minor FROM transfers WHERE tenant_id = :tenant"
    " GROUP BY kind, debit, credit ORDER BY kind, debit, credit"
)
RECEIPTS = "SELECT number, amount_minor, paid_at, payment_id FROM receipts WHERE tenant_id = :tenant ORDER BY id"


async def test_it_happens_to_the_day_and_until_then_it_can_be_opened_again(home: Seed) -> None:
    await home.write(closing.close, home.tenant.id, home.clock.now())
    home.clock.advance(90 * DAY - 1)
    assert await room(home).run_once() == 0
    await home.write(closing.switch, home.tenant.id, True, home.clock.now())
    home.clock.advance(DAY)
    assert await room(home).run_once() == 0
    assert (await again(home)).state == "on"
    await closed(home)
    assert await room(home).run_once() == 1
    with pytest.raises(Refused, match="isp-erased"):
        await home.write(closing.switch, home.tenant.id, True, home.clock.now())
    assert await room(home).run_once() == 0, "once"


async def test_at_once_only_what_is_closed_and_the_service_is_woken(home: Seed) -> None:
    with pytest.raises(Refused, match="isp-not-closed"):
        await home.write(closing.hasten, home.tenant.id, home.clock.now())
    with pytest.raises(Refused, match="isp-not-due"):
        await room(home).erase(home.tenant)
    await home.write(closing.close, home.tenant.id, home.clock.now())
    await home.write(closing.hasten, home.tenant.id, home.clock.now())
    assert await room(home).erase(await again(home))
    found = await again(home)
    assert (found.state, found.support_phone, found.name) == ("erased", "", "Kilimani Wi-Fi")


async def test_a_hold_and_a_payment_on_its_way_are_waited_for(home: Seed) -> None:
    planted = Planted(home.db.place)
    hold = await home.write(service.hold, home.vault, ["session"], "Order 12", None, "command", home.clock.now())
    tenant = await closed(home)
    assert await room(home).run_once() == 0
    with pytest.raises(Refused, match="erase-hold"):
        await room(home).erase(tenant)
    await home.write(service.release, home.vault, hold, "command", home.clock.now())
    paying = planted.row("payments", home.tenant.id, created_at=home.clock.now(), settled_at=None, state="asked")
    assert await home.read(store.waits_for, home.clock.now()) == "payment"
    planted.connection.execute("UPDATE payments SET settled_at = 5, state = 'failed' WHERE id = ?", (paying,))
    assert await room(home).run_once() == 1
    planted.connection.close()


async def test_a_hold_that_comes_while_it_is_erased_keeps_what_is_left(home: Seed) -> None:
    planted = Planted(home.db.place)
    full(planted, home.tenant.id)
    tenant = await closed(home)
    first, last = store.ORDER[0], "audit"
    ids = await home.read(store.find, first, 0, 9)
    await home.write(store.end, home.vault, first, ids, home.clock.now())
    hold = await home.write(service.hold, home.vault, ["act"], "Order 12", None, "command", home.clock.now())
    with pytest.raises(Refused, match="erase-hold"):
        await room(home).erase(tenant)
    assert [each for each in of(planted, home.tenant.id)[last] if each["payload"] is None] == []
    await home.write(service.release, home.vault, hold, "command", home.clock.now())
    assert await room(home).erase(tenant)
    planted.connection.close()


async def test_one_that_broke_off_is_finished_by_the_next(home: Seed) -> None:
    planted = Planted(home.db.place)
    full(planted, home.tenant.id)
    tenant = await closed(home)
    for table in store.ORDER[: len(store.ORDER) // 2]:
        ids = await home.read(store.find, table, 0, 9)
        await home.write(store.end, home.vault, table, ids, home.clock.now())
    home.clock.advance(1)
    assert (await again(home)).state == "closed"
    assert await room(home).erase(tenant)
    assert await home.read(value, "SELECT COUNT(*) FROM sessions WHERE tenant_id = :tenant") == 0
    assert await home.read(audit.verify_all, home.vault) is None
    planted.connection.close()


async def test_its_secrets_open_no_more(home: Seed) -> None:
    tenant = await closed(home)
    await room(home).erase(tenant)
    router = (await home.read(tenancy.routers))[0]
    with pytest.raises(NotOurs):
        replace(router).password(home.vault)
