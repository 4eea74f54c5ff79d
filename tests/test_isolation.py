"""Nobody reaches another ISP's rows on PostgreSQL, though a statement forgets whose they are.

The filter of each statement is one guard, the refusal of statements without it (`portal.units.bind`) another. Here both
are taken away, as in a build that went wrong: row-level security is left, and with each of its parts removed in turn
the foreign rows are there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from commands.ground import must_be_usable
from portal import units
from portal.access import store as access
from portal.db import Execute, at_once, quiet
from portal.db.aside import Aside
from portal.db.connections import begin, executor
from portal.db.postgres import Postgres
from portal.db.roles import sees_too_much
from portal.errors import Misconfigured
from portal.place import Server
from portal.schema import TENANT_TABLES, metadata
from portal.settings import load
from portal.tenancy import store as tenancy
from portal.units import Sql, Unit, rows
from portal.vouchers import store as vouchers
from tests import postgres
from tests.privacy.rows import Planted
from tests.raw import changed
from tests.support import MASTER

TABLES = sorted(TENANT_TABLES)
MINE, THEIRS = 1, 2
# What nobody may change or take away, whoever it belongs to: the triggers of the chain come before any policy.
STAYS = {"audit", "audit_heads"}


@pytest.fixture(scope="module")
def place() -> Server:
    """A database with a row of each of two ISPs in every table."""
    made = postgres.fresh_database()
    with closing(Planted(made).connection) as connection:
        for name in ("mine", "theirs"):
            connection.execute(f"INSERT INTO tenants (public, name, created_at) VALUES ('{name}', '{name}', 0)")
    planted = Planted(made)
    for table in TABLES:
        for tenant in (MINE, THEIRS):
            if not planted.rows(f"SELECT id FROM {table} WHERE tenant_id = ?", tenant):
                planted.row(table, tenant)
    planted.connection.close()
    return made


@pytest.fixture
def undone(place: Server) -> Iterator[Callable[[str, int | None], Execute]]:
    """`undone(role, tenant)`: statements of this role in a transaction of this ISP, which never happened afterwards."""
    asides: list[Aside] = []

    def opened(role: str, tenant: int | None) -> Execute:
        one = _Undone(postgres.cluster().at(place.database, role))
        asides.append(one)
        one.begin(tenant)
        return executor(one._fetch, tenant, quiet)

    yield opened
    for each in asides:
        each.close()  # which commits nothing


class _Undone(Aside):
    def begin(self, tenant: int | None) -> None:
        unlocked = begin(tenant, write=True).partition(", pg_advisory")[0]  # several of them are open in one test
        self._await(self._begin(unlocked))


def owners(run: Execute, table: str) -> set[int]:
    return {row["tenant_id"] for row in run(f"SELECT tenant_id FROM {table}", {})}


# --- every table ---


@pytest.mark.parametrize("table", TABLES)
def test_a_statement_that_forgets_its_tenant_reads_and_changes_no_foreign_row(
    undone: Callable[[str, int | None], Execute], table: str
) -> None:
    run = undone("bando_app", MINE)
    assert owners(run, table) == {MINE}
    if table not in STAYS:
        changed = run(f"UPDATE {table} SET id = id WHERE TRUE RETURNING tenant_id", {})
        assert {row["tenant_id"] for row in changed} == {MINE}
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            run(f"UPDATE {table} SET tenant_id = {THEIRS}", {})


@pytest.mark.parametrize("table", sorted({*TABLES} - STAYS))
def test_a_statement_that_forgets_its_tenant_deletes_no_foreign_row(
    undone: Callable[[str, int | None], Execute], table: str
) -> None:
    run = undone("bando_app", MINE)
    before = len(undone("bando_platform", None)(f"SELECT id FROM {table} WHERE tenant_id = {THEIRS}", {}))
    try:
        gone = run(f"DELETE FROM {table} RETURNING tenant_id", {})
    except units.Conflict:  # of its own rows others speak; then let it be none of them
        gone = undone("bando_app", None)(f"DELETE FROM {table} RETURNING tenant_id", {})
        assert gone == []
    assert {row["tenant_id"] for row in gone} <= {MINE}
    after = len(undone("bando_platform", None)(f"SELECT id FROM {table} WHERE tenant_id = {THEIRS}", {}))
    assert before == after > 0


@pytest.mark.parametrize("table", TABLES)
def test_nobody_writes_a_row_in_the_name_of_another(undone: Callable[[str, int | None], Execute], table: str) -> None:
    columns = [each.name for each in metadata.tables[table].columns if each.name not in ("id", "tenant_id")]
    listed = ", ".join(columns)
    text = f"INSERT INTO {table} (tenant_id, {listed}) SELECT {THEIRS}, {listed} FROM {table} LIMIT 1"
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
        undone("bando_app", MINE)(text, {})


@pytest.mark.parametrize("table", TABLES)
def test_without_a_tenant_there_is_nothing(undone: Callable[[str, int | None], Execute], table: str) -> None:
    assert owners(undone("bando_app", None), table) == set()


# --- the same with a part removed ---


@pytest.mark.parametrize("table", TABLES)
def test_the_platforms_role_sees_the_rows_of_all(undone: Callable[[str, int | None], Execute], table: str) -> None:
    assert owners(undone("bando_platform", MINE), table) == {MINE, THEIRS}


@pytest.mark.parametrize("table", TABLES)
def test_the_owner_sees_its_tenants_rows_alone_and_without_force_all(
    undone: Callable[[str, int | None], Execute], table: str
) -> None:
    run = undone("bando_owner", MINE)
    assert owners(run, table) == {MINE}
    run(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY", {})
    assert owners(run, table) == {MINE, THEIRS}


def test_without_row_level_security_the_foreign_rows_are_there(undone: Callable[[str, int | None], Execute]) -> None:
    for table in TABLES:
        run = undone("postgres", MINE)
        run("SET LOCAL ROLE bando_app", {})
        assert owners(run, table) == {MINE}
        run("RESET ROLE", {})
        run(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY", {})
        run("SET LOCAL ROLE bando_app", {})
        assert owners(run, table) == {MINE, THEIRS}


# --- one connection, many tenants ---


async def test_the_tenant_of_a_transaction_is_forgotten_by_the_next_on_the_same_connection(place: Server) -> None:
    connection = await asyncpg.connect(place.url)
    for write in (True, False):
        for tenant in (MINE, THEIRS, None):
            await connection.execute(begin(tenant, write=write))
            seen = {row["tenant_id"] for row in await connection.fetch("SELECT tenant_id FROM devices")}
            await connection.execute("COMMIT")
            bare = await connection.fetch("SELECT tenant_id FROM devices")
            assert (seen, list(bare)) == ({tenant} - {None}, [])
    await connection.close()


async def test_units_of_two_isps_on_the_same_connections_see_their_own(
    place: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    unguarded(monkeypatch)
    db = Postgres(place)
    for n in range(40):
        tenant = (MINE, THEIRS, None)[n % 3]
        for way in (db.read, db.write):
            found = {row["tenant_id"] for row in await way(tenant, rows, "SELECT tenant_id FROM devices")}
            assert found == {tenant} - {None}
    await db.aclose()


# --- a test build: statements of the house without their filter ---

FILTER = re.compile(
    r"\s*\b(?:[a-z_]+\.)?tenant_id = :tenant(?: AND\b)?"
    r"| AND (?:[a-z_]+\.)?tenant_id = (?:[a-z_]+\.)?tenant_id",
)


def unguarded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Statements may forget their tenant."""

    def bind(step: Sql, tenant: int | None) -> Mapping[str, Any]:
        return {**step.params, "tenant": tenant} if ":tenant" in step.text else step.params

    monkeypatch.setattr(units, "bind", bind)


def unfiltered(text: str) -> str:
    """The same statement without its tenant; ``WHERE`` alone is left with nothing to say."""
    loose = text.replace("+tenant_id = :tenant", "TRUE").replace("tenant_id = :tenant", "TRUE")
    return re.sub(r"\b[a-z]\.TRUE", "TRUE", loose)


def through(unit: Unit[Any]) -> Unit[Any]:
    """A unit of the house, each of whose statements has lost its filter."""
    step = next(unit)
    while True:
        if isinstance(step, Sql):
            assert "tenant_id = :tenant" in step.text, step.text
            step = Sql(unfiltered(step.text), step.params)
        found = yield step
        try:
            step = unit.send(found)
        except StopIteration as done:
            return done.value


HOUSE: dict[str, Callable[[], Unit[Any]]] = {
    "plans": access.plan_list,
    "routers": tenancy.routers,
    "devices": lambda: access.device_by_mac("mac-of-theirs"),
    "vouchers": lambda: vouchers.by_code(b"code-of-theirs"),
}


async def _seen(server: Server, unit: Callable[[], Unit[Any]]) -> Any:
    db = Postgres(server)
    try:
        return await db.read(MINE, unit)
    finally:
        await db.aclose()


@pytest.mark.parametrize("what", HOUSE)
async def test_a_build_that_lost_the_filter_still_shows_no_foreign_row(
    place: Server, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    unguarded(monkeypatch)
    one = "WHERE id = (SELECT MIN(id) FROM {} WHERE tenant_id = 2)"
    changed(place, f"UPDATE devices SET mac = 'mac-of-theirs' {one.format('devices')}")
    changed(place, f"UPDATE vouchers SET code_index = 'code-of-theirs'::bytea {one.format('vouchers')}")
    own = await _seen(place, lambda: through(HOUSE[what]()))
    everything = await _seen(postgres.cluster().at(place.database, "bando_platform"), lambda: through(HOUSE[what]()))

    assert size(everything) > size(own), "with the guards gone the test build shows what is not its own"
    assert own == await _seen(place, HOUSE[what])


def size(found: Any) -> int:
    return len(found) if isinstance(found, (list, tuple)) else int(found is not None)


# --- who may not serve ---


def settings_of(server: Server) -> Any:
    return load({"DATABASE_URL": server.url, "BANDO_SECRET_KEY": MASTER.decode(), "BANDO_MODE": "sandbox"})


@pytest.fixture
def own() -> Server:
    return postgres.fresh_database()


def test_the_role_that_serves_may(own: Server) -> None:
    assert sees_too_much(own) is None
    must_be_usable(settings_of(own))


@pytest.mark.parametrize(
    "role, why",
    [
        ("bando_owner", "owns the table"),
        ("bando_platform", "sees all tenants' rows"),
        ("postgres", "sees all tenants' rows"),
    ],
)
def test_a_role_that_could_see_more_is_refused_at_the_start(own: Server, role: str, why: str) -> None:
    with pytest.raises(Misconfigured, match=why):
        must_be_usable(settings_of(postgres.cluster().at(own.database, role)))


@pytest.mark.parametrize(
    "damage",
    [
        "ALTER TABLE {} NO FORCE ROW LEVEL SECURITY",
        "ALTER TABLE {} DISABLE ROW LEVEL SECURITY",
        "DROP POLICY own_rows ON {}",
    ],
)
@pytest.mark.parametrize("table", ["audit", "devices", "vouchers"])
def test_a_table_that_keeps_nobody_apart_is_refused_at_the_start(own: Server, damage: str, table: str) -> None:
    changed(own, damage.format(table))
    with pytest.raises(Misconfigured, match=f"table {table} does not keep tenants apart"):
        must_be_usable(settings_of(own))


def test_a_member_of_the_owners_role_is_refused_at_the_start(own: Server) -> None:
    changed(own, "CREATE ROLE half LOGIN IN ROLE bando_owner")
    try:
        with pytest.raises(Misconfigured, match="owns the table"):
            must_be_usable(settings_of(postgres.cluster().at(own.database, "half")))
    finally:
        changed(own, "DROP ROLE half")


def test_each_tenants_table_is_kept_and_no_other_is_forgotten(place: Server, tmp_path: Path) -> None:
    with at_once(place) as run:
        kept = {
            row["name"]
            for row in run(
                "SELECT c.relname AS name FROM pg_class c JOIN pg_policy p ON p.polrelid = c.oid"
                " WHERE c.relrowsecurity AND c.relforcerowsecurity",
                {},
            )
        }
    assert kept == {name for name, table in metadata.tables.items() if "tenant_id" in table.columns} == {*TABLES}
