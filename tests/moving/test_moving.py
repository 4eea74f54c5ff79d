"""An ISP moves: everything of it in one sealed file, and equal rows in an empty installation with other keys."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from portal.clock import TravelClock
from portal.keys.cells import ELSEWHERE, SEALED
from portal.moving.tables import ANEW, AS_IT_IS, LEFT, ORDER, OTHERS, TAKEN
from portal.schema import TENANT_TABLES, metadata
from portal.seal import Vault
from sandbox.history import lived
from sandbox.stock import stocked
from tests.console import samples_money
from tests.keys.everything import planted as sealed_rows
from tests.moving.move import THERE, moved_in, packed, repacked, rows, there
from tests.privacy.rows import NOW, Planted
from tests.privacy.test_closed import full
from tests.support import Seed, seed


@pytest.fixture
async def home(tmp_path: Path) -> AsyncIterator[Seed]:
    made = await seed(tmp_path, clock=TravelClock(start=NOW))
    made.clock.run_at(0)
    yield made
    await made.db.aclose()


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


def test_each_table_and_each_secret_column_has_its_way(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not_named() == set()
    assert set(ORDER) | set(LEFT) == TENANT_TABLES | {"tenants"}
    assert not TAKEN & set(LEFT)


async def test_every_table_comes_back_with_equal_rows(home: Seed, tmp_path: Path) -> None:
    planted = Planted(home.db.path)
    full(planted, home.tenant.id)
    await home.write(sealed_rows, home.vault, home.tenant.id, "x", 2, act=True)
    planted.connection.close()
    file = await packed(home, tmp_path / "isp.move")
    moved = moved_in(file, tmp_path / "there", home.clock.now(), breached=True)
    first = rows(file)
    assert set(first) == set(ORDER), "something stands in each table"
    assert {table: len(found) for table, found in first.items()} == moved.rows
    assert moved.shut > 0
    with there(tmp_path / "there", home.tenant.id) as new:
        again = repacked(tmp_path / "there" / "bando.db", _vault(new), home, tmp_path / "again.move")
    second = rows(again)
    assert second["audit"].pop()["act"] == "tenant.import"
    assert second == first


def _vault(new: object) -> Vault:
    from portal.db import Database
    from portal.keys.ring import vault_of

    db = Database(new.connection.execute("PRAGMA database_list").fetchone()["file"])
    return vault_of(THERE, db, TravelClock(start=NOW))
