"""Units of work: plain generators, run here on an in-memory SQLite without asyncio."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest

from portal.columns import metadata
from portal.schema import TENANT_TABLES
from portal.units import (
    Conflict,
    Row,
    Signal,
    Sql,
    TenantMissing,
    Unit,
    bind,
    drive,
    insert,
    names_tenant,
    one,
    rows,
    tenant_tables,
    update,
    value,
)

ADD = "INSERT INTO guesses (tenant_id, door, bucket, subject, guessed_at) VALUES (:tenant, 'receipt', 'device', :s, 1)"


class Memory:
    """An engine of a few lines: all that a unit needs."""

    def __init__(self) -> None:
        self.connection = sqlite3.connect(":memory:", isolation_level=None)
        self.connection.row_factory = sqlite3.Row
        self.connection.execute(
            "CREATE TABLE guesses (id INTEGER PRIMARY KEY, tenant_id INTEGER, door TEXT, bucket TEXT,"
            " subject BLOB UNIQUE, guessed_at INTEGER)"
        )
        self.said: list[str] = []

    def __call__(self, text: str, params: Mapping[str, Any]) -> Sequence[Row]:
        self.said.append(text)
        try:
            return self.connection.execute(text, params).fetchall()
        except sqlite3.IntegrityError as broken:
            raise Conflict(str(broken)) from broken


@pytest.fixture
def memory() -> Iterator[Memory]:
    made = Memory()
    yield made
    made.connection.close()


def add(subject: str) -> Unit[int]:
    return (yield from insert("guesses", door="receipt", bucket="device", subject=subject.encode(), guessed_at=1))


def test_a_unit_is_driven_to_its_result(memory: Memory) -> None:
    def unit() -> Unit[Any]:
        first = yield from add("a")
        yield from update("guesses", first, door="voucher")
        found = yield from one("SELECT door FROM guesses WHERE tenant_id = :tenant AND id = :id", id=first)
        assert found is not None
        return found["door"]

    assert drive(unit(), 1, memory) == "voucher"


def test_nothing_found_is_none_or_empty(memory: Memory) -> None:
    def unit() -> Unit[Any]:
        text = "SELECT * FROM guesses WHERE tenant_id = :tenant"
        return (yield from one(text)), (yield from value(text)), list((yield from rows(text)))

    assert drive(unit(), 1, memory) == (None, None, [])


def test_an_update_reaches_the_rows_of_its_tenant_only(memory: Memory) -> None:
    row_id = drive(add("a"), 1, memory)
    drive(update("guesses", row_id, door="voucher"), 2, memory)

    def doors() -> Unit[Any]:
        return (yield from value("SELECT door FROM guesses WHERE tenant_id = :tenant"))

    assert (drive(doors(), 1, memory), drive(doors(), 2, memory)) == ("receipt", None)


def test_a_conflict_is_thrown_into_the_unit_which_may_mend_it(memory: Memory) -> None:
    drive(add("a"), 1, memory)

    def unit() -> Unit[str]:
        try:
            yield from add("a")
        except Conflict:
            yield from add("b")
            return "mended"
        return "no conflict"

    assert drive(unit(), 1, memory) == "mended"


def test_a_conflict_that_is_not_mended_is_raised(memory: Memory) -> None:
    drive(add("a"), 1, memory)
    with pytest.raises(Conflict):
        drive(add("a"), 1, memory)


def test_signals_are_collected_and_run_nothing(memory: Memory) -> None:
    def unit() -> Unit[str]:
        yield Signal("wake", 7)
        return "done"

    heard: list[Signal] = []

    assert drive(unit(), 1, memory, heard) == "done"
    assert drive(unit(), 1, memory) == "done"
    assert (heard, memory.said) == ([Signal("wake", 7)], [])


def test_a_unit_can_be_stopped_at_any_statement(memory: Memory) -> None:
    unit = add("a")
    step = next(unit)
    unit.close()

    assert isinstance(step, Sql)
    assert memory.said == []


# --- the guard of R6 ---


REFUSED = [
    "SELECT * FROM passes",
    "SELECT * FROM passes WHERE id = :id",
    "select * from passes where id = :id",
    "SELECT * FROM passes WHERE tenant_id = 7",
    "DELETE FROM payments WHERE id = :id",
    "UPDATE devices SET mac = :mac WHERE id = :id",
    "INSERT INTO receipts (number) VALUES (:number)",
    "SELECT * FROM passes p JOIN payments q ON q.public = p.cause_ref WHERE p.tenant_id = :tenant",
    "SELECT * FROM passes p, payments q WHERE p.tenant_id = :tenant AND q.public = p.cause_ref",
    'SELECT * FROM "passes" WHERE id = :id',
    "SELECT 1 FROM tenants WHERE EXISTS (SELECT 1 FROM routers)",
    "INSERT INTO usage (tenant_id) SELECT 1 FROM passes WHERE :tenant > 0",
    "WITH x AS (SELECT * FROM persons) SELECT * FROM x",
]
ALLOWED = [
    "SELECT * FROM passes WHERE tenant_id = :tenant",
    "SELECT * FROM tenants",
    "SELECT 1",
    "SELECT p.id FROM passes p JOIN payments q ON q.tenant_id = p.tenant_id WHERE p.tenant_id = :tenant",
    "SELECT p.id FROM passes p, payments q WHERE q.tenant_id = p.tenant_id AND p.tenant_id = :tenant",
    "INSERT INTO receipts (tenant_id, number) VALUES (:tenant, :number)",
]


@pytest.mark.parametrize("text", REFUSED)
def test_a_statement_that_does_not_name_its_tenant_is_refused(memory: Memory, text: str) -> None:
    with pytest.raises(TenantMissing):
        drive(rows(text, id=1, mac="", number=""), 1, memory)

    assert memory.said == []


@pytest.mark.parametrize("text", ALLOWED)
def test_a_statement_that_names_its_tenant_is_let_through(text: str) -> None:
    assert names_tenant(text)
    assert dict(bind(Sql(text, {}), 7)).get("tenant", 7) == 7


@pytest.mark.parametrize("text", ["SELECT * FROM passes WHERE tenant_id = :tenant", ADD])
def test_without_a_tenant_no_tenants_table_is_touched(memory: Memory, text: str) -> None:
    with pytest.raises(TenantMissing):
        drive(rows(text, s=b"x", tenant=1), None, memory)


def test_a_unit_cannot_choose_another_tenant() -> None:
    bound = bind(Sql("SELECT * FROM passes WHERE tenant_id = :tenant", {"tenant": 2}), 1)

    assert bound["tenant"] == 1


def test_the_refusal_shows_the_statement_and_none_of_its_values() -> None:
    with pytest.raises(TenantMissing) as refused:
        bind(Sql("SELECT * FROM passes WHERE id = :id", {"id": "0712345678"}), 1)

    assert "SELECT * FROM passes" in str(refused.value)
    assert "0712345678" not in str(refused.value)


def test_the_guard_knows_every_table_with_a_tenant() -> None:
    with_tenant = {table.name for table in metadata.sorted_tables if "tenant_id" in table.c}

    assert with_tenant == TENANT_TABLES
    assert "passes" in with_tenant
    for name in with_tenant:
        assert tenant_tables(f"SELECT * FROM {name}") == (name,)
