"""An ISP moves: everything of it in one sealed file, and equal rows in an empty installation with other keys."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from portal import check
from portal.access import plans
from portal.access.catalog import Catalog
from portal.audit import store as audit
from portal.backup.sealed import Unusable
from portal.errors import Misconfigured, Refused
from portal.keys.cells import ELSEWHERE, SEALED
from portal.moving import pack, store
from portal.moving.anew import MAKERS
from portal.moving.tables import ANEW, AS_IT_IS, LEFT, ORDER, OTHERS, TAKEN
from portal.payments import posting, settle
from portal.payments import store as payments
from portal.payments.claims import Claims
from portal.people import store as people
from portal.phone import Phone
from portal.schema import TENANT_TABLES, metadata
from portal.tenancy import store as tenancy
from portal.units import Unit
from portal.units import rows as all_rows
from sandbox.history import lived
from sandbox.stock import stocked
from tests.console import samples_money
from tests.imports.taking import door, enter, table, take
from tests.imports.test_door import CARDS
from tests.keys.everything import planted as sealed_rows
from tests.moving.move import arrived, lines, moved_in, packed, repacked, rows, silent, there
from tests.privacy.rows import Planted
from tests.privacy.test_closed import full
from tests.raw import opened
from tests.staff.people import EMAIL, HASHED, Office, a_room, hire
from tests.support import Seed


async def a_month(home: Seed) -> None:
    await samples_money.account(home)
    await home.plan_of(name="1 hour")
    given = (home.db, home.vault, home.tenant, home.router_id, home.clock.now())
    await lived(*given)
    await stocked(*given)


# --- the tables ---


def not_named() -> set[str]:
    """Tables and secret columns of which nobody has said what becomes of them."""
    names = {table.name for table in metadata.sorted_tables} - TAKEN - set(LEFT) - set(OTHERS)
    said = {*SEALED, *ELSEWHERE, *ANEW, *AS_IT_IS}
    columns = (column for table in metadata.sorted_tables if table.name in TAKEN for column in table.columns)
    return names | {f"{each.table.name}.{each.name}" for each in columns if each.info["data"] == "secret"} - said


def test_each_table_and_each_secret_column_has_its_way() -> None:
    assert not_named() == set()
    assert set(ORDER) | set(LEFT) == TENANT_TABLES | {"tenants"}
    assert not TAKEN & set(LEFT)


def test_each_hash_has_a_maker() -> None:
    assert set(MAKERS) == set(ANEW)


def test_a_table_or_a_hash_that_nobody_thought_of_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.moving.test_moving.TAKEN", TAKEN - {"receipts"})
    assert not_named() == {"receipts"}
    monkeypatch.undo()
    monkeypatch.setattr("tests.moving.test_moving.ANEW", {})
    assert "vouchers.code_index" in not_named()


# --- equal rows ---


async def everything(home: Seed) -> None:
    """A row in each table, with true seals and with such as do not open."""
    planted = Planted(home.db.place)
    full(planted, home.tenant.id)
    planted.connection.close()
    await home.write(sealed_rows, home.vault, home.tenant.id, "x", 2, act=True)
    fitting(home)


def fitting(home: Seed) -> None:
    """Planted words become such as Bando reads when it starts."""
    with opened(home.db.place) as connection:
        connection.execute("UPDATE plans SET kind = 'wall', sites = '[1]', hours = NULL")
        connection.execute("UPDATE passes SET sites = NULL")
        connection.execute("UPDATE routers SET answers = '{}', beat = '{}'")
        connection.execute("UPDATE staff SET password_hash = ?", (HASHED.encode(),))
        for table in ("payments", "batches"):
            connection.execute(f"UPDATE {table} SET plan_copy = ?", (plans.to_json(home.plan),))


async def test_every_table_comes_back_with_equal_rows(home: Seed, tmp_path: Path) -> None:
    await everything(home)
    file = await packed(home, tmp_path / "isp.move")
    moved = moved_in(file, tmp_path / "there", home.clock.now(), breached=True)
    first = rows(file)
    assert set(first) == set(ORDER), "something stands in each table"
    assert {table: len(found) for table, found in first.items()} == moved.rows
    assert moved.shut > 0
    async with arrived(tmp_path / "there", home) as new:
        again = repacked(new.db.place, new.vault, home, tmp_path / "again.move")
    second = rows(again)
    assert second["audit"].pop()["act"] == "tenant.import"
    assert second == first


@pytest.mark.parametrize("table", [each for each in ORDER if each != "tenants"])
async def test_a_table_that_is_left_out_is_noticed(
    home: Seed, tmp_path: Path, table: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By whoever imports, as that side knows the table."""
    monkeypatch.setattr(pack, "ORDER", tuple(each for each in ORDER if each != table))
    file = await packed(home, tmp_path / "isp.move")
    monkeypatch.undo()
    with pytest.raises(Unusable, match="does not hold all tables"):
        moved_in(file, tmp_path / "there", home.clock.now())


async def test_a_row_that_gets_lost_or_changes_on_its_way_in_is_noticed(
    home: Seed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = await packed(home, tmp_path / "isp.move")
    changed = store._ADD["plans"].replace(":price_minor", "1 + :price_minor")
    monkeypatch.setitem(store._ADD, "plans", changed)
    refused(file, tmp_path, home)
    monkeypatch.undo()
    real = store.add
    monkeypatch.setattr(store, "add", lambda table, row: lost() if table == "plans" else real(table, row))
    refused(file, tmp_path, home)
    monkeypatch.undo()
    moved_in(file, tmp_path / "there", home.clock.now())


def refused(file: Path, folder: Path, home: Seed) -> None:
    with pytest.raises(Unusable, match="What came in of plans is not what the file says"):
        moved_in(file, folder / "there", home.clock.now())


def lost() -> Unit[None]:
    yield from ()


# --- at work there ---


async def test_the_books_the_log_and_the_invariants_are_as_they_were(home: Seed, tmp_path: Path) -> None:
    await a_month(home)
    before = await home.read(all_rows, SUMS)
    file = await packed(home, tmp_path / "isp.move")
    head = await home.read(audit.head, home.vault)
    moved = moved_in(file, tmp_path / "there", home.clock.now())
    assert moved.breaches == []
    assert moved.shut == 0
    with there(tmp_path / "there", home.tenant.id) as new:
        assert new.run(all_rows(SUMS)) == before
        assert len(before) > 3
        assert new.run(check.breaches(home.clock.now())) == []
        assert new.run(audit.verify_all(new.vault)) is None
        (last,) = new.run(audit.page(None, 1))
        assert (last["number"], last["act"]) == (head.number + 1, "tenant.import")
        assert head.chain in last["payload"], "the end of the log that somebody may have written down"
        there_head = new.run(audit.head(new.vault))
        assert there_head.chain != head.chain


SUMS = (
    "SELECT kind, debit, credit, COUNT(*), SUM(amount_minor) FROM transfers WHERE tenant_id = :tenant"
    " GROUP BY kind, debit, credit ORDER BY kind, debit, credit"
)


async def test_a_card_that_was_sold_before_is_redeemed_there(home: Seed, tmp_path: Path) -> None:
    await a_month(home)
    file = await packed(home, tmp_path / "isp.move")
    printed = [each["code_sealed"] for each in rows(file)["vouchers"] if each["state"] == "printed"]
    moved_in(file, tmp_path / "there", home.clock.now())
    async with arrived(tmp_path / "there", home) as new:
        vouchers = await door(new)
        await enter(new, vouchers, printed[0], 1)
        with pytest.raises(Refused, match="voucher"):
            await enter(new, vouchers, printed[0], 2)
        _, offer = await vouchers.look_openly(printed[1], "192.0.2.9")
        assert offer


PHONE, OTHERS_PHONE = Phone("254712345678"), Phone("254712345679")


async def money_came(home: Seed, number: str) -> None:
    """An hour was paid by hand by somebody whose number is known, and nobody has asked for it."""
    now = home.clock.now()
    planted = Planted(home.db.place)
    (plan,), (account,) = (planted.rows(f"SELECT * FROM {each} LIMIT 1") for each in ("plans", "mpesa_accounts"))
    paid = {"amount_minor": plan["price_minor"], "currency": "KES", "seen_at": now, "paid_at": now}
    via = {"provider": "mpesa", "environment": "sandbox", "account_id": account["id"], "state": "unmatched"}
    payer = {"payer_tail": "678", "payer_index": settle.payer_index(home.vault, PHONE.digits)}
    planted.row("receipts", home.tenant.id, number=number, **paid, **via, **payer)
    planted.connection.close()
    (kept,) = await home.read(payments.receipts_numbered, number)
    await home.write(posting.written, kept, now)


async def claimed(at: Seed, number: str, phone: Phone, device: int) -> str:
    """What becomes of "already paid?" at a device."""
    catalog = Catalog(at.db)
    await catalog.refresh()
    view = catalog.tenant(at.tenant.id)
    assert view is not None
    claims = Claims(at.db, at.vault, at.clock, _nobody_to_ask)
    mac = f"02:00:00:00:00:{device:02X}"
    router = view.routers[at.router_id]
    done = await claims.claim(view, router, mac=mac, text=number, phone=phone, source="192.0.2.1")
    return done.how


async def test_a_card_of_another_system_is_good_there_and_found_at_its_routers_alone(
    home: Seed, tmp_path: Path
) -> None:
    home.plan = await home.plan_of(name="1 day")
    await take(home, table(home, CARDS))
    file = await packed(home, tmp_path / "isp.move")
    moved_in(file, tmp_path / "there", home.clock.now())
    async with arrived(tmp_path / "there", home) as new:
        assert (await enter(new, await door(new), "Ab12Cd34", 1)).how == "connected"
        assert await new.db.read(None, all_rows, "SELECT * FROM code_owners") == []


async def test_a_guest_with_a_receipt_finds_their_pass_and_their_money_there(home: Seed, tmp_path: Path) -> None:
    await samples_money.account(home)
    person = await home.write(people.person_for, home.vault, home.tenant.id, PHONE, home.clock.now())
    await money_came(home, "SKL4TQ8ZPM")
    await money_came(home, "SKL4TQ8ZPN")
    assert await claimed(home, "SKL4TQ8ZPM", PHONE, 1) == "connected"
    file = await packed(home, tmp_path / "isp.move")
    moved_in(file, tmp_path / "there", home.clock.now())
    async with arrived(tmp_path / "there", home) as new:
        assert await new.read(people.find, new.vault, new.tenant.id, PHONE) == person
        assert await new.read(people.find, home.vault, new.tenant.id, PHONE) is None, "by the old hash nobody is found"
        for number in ("SKL4TQ8ZPM", "SKL4TQ8ZPN"):
            with pytest.raises(Refused, match="receipt"):
                await claimed(new, number, OTHERS_PHONE, 2)
        assert await claimed(new, "SKL4TQ8ZPM", PHONE, 3) == "moved", "their pass, on another device"
        assert await claimed(new, "SKL4TQ8ZPN", PHONE, 4) == "connected", "money that came before the move"


async def _nobody_to_ask(*_: object) -> bool:
    return False


async def test_staff_log_in_there_with_their_password_and_their_app(home: Seed, tmp_path: Path) -> None:
    staff = await home.write(hire, home.vault, home.clock.now())
    file = await packed(home, tmp_path / "isp.move")
    moved_in(file, tmp_path / "there", home.clock.now())
    async with arrived(tmp_path / "there", home) as new:
        with a_room(new) as room:
            office = Office(s=new, room=room, owner=staff)
            assert (await office.inside(email=EMAIL)).staff.public == staff.public
            assert (await office.refused(password="another one")).key


# --- the file ---


async def test_the_file_holds_no_word_of_anybody_and_nobody_elses_rows(home: Seed, tmp_path: Path) -> None:
    other = await home.db.write(None, tenancy.add_tenant, "Langata Wi-Fi", home.clock.now())
    await everything(home)
    planted = Planted(home.db.place)
    full(planted, other.id)
    planted.connection.close()
    file = await packed(home, tmp_path / "isp.move")
    assert b"Kilimani" not in file.read_bytes()
    told = "\n".join(map(str, lines(file)))
    assert "Kilimani" in told
    assert "Langata" not in told
    assert f"mark payments phone_tail {home.tenant.id}" in told
    assert f"mark payments phone_tail {other.id}" not in told


async def test_it_is_of_one_moment_however_much_is_written_meanwhile(home: Seed, tmp_path: Path) -> None:
    await a_month(home)
    now = home.clock.now()
    parts = pack._snapshot(home.db.place, home.vault, home.tenant, now, silent)
    text = [next(parts), next(parts)]
    await home.plan_of(name="afterwards")
    text += list(parts)
    assert b"afterwards" not in b"".join(text)
    assert b"afterwards" in b"".join(pack._snapshot(home.db.place, home.vault, home.tenant, now, silent))


async def test_an_erased_isp_is_refused(home: Seed) -> None:
    with pytest.raises(Misconfigured, match="was erased"):
        pack.packed(home.db.place, home.vault, replace(home.tenant, erased_at=1), b"x" * 16, 1, silent)
