"""Statements that may wait are carried out with those that come after them: in fewer answers, with the same outcome."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from portal.db.merging import merging, together
from portal.db.postgres import Postgres
from portal.errors import Refused
from portal.units import Conflict, Signal, Sql, TenantMissing, Unit, drive, insert, later, one, value
from tests.engine import Watch, add, an_engine


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
async def db(watch: Watch) -> AsyncIterator[Postgres]:
    async with an_engine(watch, "one") as made:
        await made.write(1, add, "AA")
        await made.write(1, add_router)
        watch.seen.clear()
        yield made


def add_router() -> Unit[None]:
    columns = {"public": "r", "name": "r", "host": "h", "port": 1, "username": "u", "hotspot_host": "h"}
    yield from insert("routers", **columns, password_sealed=b"", created_at=0)


def seen_at(at: int, mac: str = "AA") -> Unit[None]:
    yield Sql(
        "UPDATE devices SET last_seen_at = last_seen_at + :at WHERE tenant_id = :tenant AND mac = :mac",
        {"at": at, "mac": mac},
    )


def hour(at: int, many: int) -> Unit[None]:
    yield Sql(
        "INSERT INTO usage_hours (tenant_id, hour, router_id, plan_name, guests, online_ms, bytes_up, bytes_down)"
        " VALUES (:tenant, :at, 1, '', :many, 0, 0, 0)"
        " ON CONFLICT (tenant_id, hour, router_id, plan_name) DO UPDATE SET guests = usage_hours.guests + :many",
        {"at": at, "many": many},
    )


def guests() -> Unit[int]:
    return int((yield from value("SELECT COALESCE(SUM(guests), 0) FROM usage_hours WHERE tenant_id = :tenant")))


def last_seen() -> Unit[int]:
    return int((yield from value("SELECT SUM(last_seen_at) FROM devices WHERE tenant_id = :tenant")))


async def test_two_that_wait_and_one_that_does_not_are_one_statement(db: Postgres, watch: Watch) -> None:
    def unit() -> Unit[Any]:
        yield from later(seen_at(5))
        yield from later(hour(1, 2))
        return (yield from value("SELECT name FROM tenants WHERE id = :id", id=1))

    assert await db.write(1, unit) == "one"
    assert watch.seen.count("db:before") == 1
    assert (await db.read(1, last_seen), await db.read(1, guests)) == (5, 2)


async def test_what_waits_at_the_end_is_carried_out(db: Postgres, watch: Watch) -> None:
    def unit() -> Unit[None]:
        yield from later(seen_at(5))
        yield from later(hour(1, 2))

    await db.write(1, unit)
    assert watch.seen.count("db:before") == 1
    assert (await db.read(1, last_seen), await db.read(1, guests)) == (5, 2)


async def test_the_same_row_twice_is_two_statements(db: Postgres) -> None:
    def unit() -> Unit[None]:
        for n in range(3):
            yield from later(hour(1, 1))
            yield from later(seen_at(n))

    await db.write(1, unit)
    assert (await db.read(1, last_seen), await db.read(1, guests)) == (3, 3)


async def test_whoever_asks_for_what_waits_finds_it(db: Postgres) -> None:
    def unit() -> Unit[tuple[int, int, int]]:
        yield from later(hour(1, 2))
        yield from later(seen_at(5))
        first = yield from guests()
        yield from later(hour(2, 4))
        other = yield from last_seen()
        return first, other, (yield from guests())

    assert await db.write(1, unit) == (2, 5, 6)


async def test_a_conflict_that_is_mended_is_not_the_others(db: Postgres) -> None:
    def unit() -> Unit[int]:
        yield from later(hour(1, 2))
        try:
            yield from add("AA")
        except Conflict:
            return (yield from add("BB"))
        raise AssertionError

    assert await db.write(1, unit) > 1
    assert await db.read(1, guests) == 2


async def test_a_conflict_that_is_not_mended_undoes_all(db: Postgres) -> None:
    def unit() -> Unit[None]:
        yield from later(hour(1, 2))
        yield from add("AA")

    with pytest.raises(Conflict):
        await db.write(1, unit)
    assert await db.read(1, guests) == 0


async def test_a_conflict_of_what_waited_reaches_the_caller(db: Postgres) -> None:
    def unit() -> Unit[None]:
        yield from later(ignored("AA"))

    with pytest.raises(Conflict):
        await db.write(1, unit)


def ignored(mac: str) -> Unit[None]:
    text = "INSERT INTO devices (tenant_id, mac, created_at, last_seen_at) VALUES (:tenant, :mac, 0, 0)"
    yield Sql(text, {"mac": mac})


async def test_what_is_raised_undoes_what_waited(db: Postgres) -> None:
    def unit() -> Unit[None]:
        yield from later(hour(1, 2))
        yield from later(seen_at(1))
        raise Refused("no")

    with pytest.raises(Refused):
        await db.write(1, unit)
    assert (await db.read(1, guests), await db.read(1, last_seen)) == (0, 0)


async def test_each_part_names_its_tenant(db: Postgres) -> None:
    def unit() -> Unit[None]:
        yield from later(bare())
        yield from seen_at(1)
        yield from hour(1, 2)

    def bare() -> Unit[None]:
        yield Sql("UPDATE routers SET name = 'x' WHERE id = 1", {})

    with pytest.raises(TenantMissing):
        await db.write(1, unit)
    with pytest.raises(TenantMissing):
        await db.write_beside(1, ["AA"], unit)


async def test_signals_and_results_pass(db: Postgres) -> None:
    heard: list[int] = []
    db.listen("wake", lambda _, key: heard.append(key))

    def unit() -> Unit[int]:
        yield from later(signalled(7))
        return 3

    def signalled(key: int) -> Unit[None]:
        yield from hour(1, key)
        yield Signal("wake", key)

    assert await db.write_beside(1, ["AA"], unit) == 3
    assert (heard, await db.read(1, guests)) == ([7], 7)


def test_names_do_not_meet_and_the_tenant_is_shared() -> None:
    """Without a server: both parts have a parameter of the same name."""
    made = together([Sql("UPDATE a SET x = :at WHERE tenant_id = :tenant", {"at": 1}), Sql("SELECT :at", {"at": 2})])

    assert made.text == "WITH w0 AS (UPDATE a SET x = :w0_at WHERE tenant_id = :tenant) SELECT :w1_at"
    assert made.params == {"w0_at": 1, "w1_at": 2}


def test_what_is_no_plain_statement_stands_alone() -> None:
    asked: list[str] = []

    def execute(text: str, params: Any) -> Any:
        asked.append(text)
        return ()

    def unit() -> Unit[None]:
        yield from later(hour(1, 2))
        yield from one("WITH x AS (SELECT 1 AS n) SELECT n FROM x")
        yield from later(seen_at(1))
        yield from one("SELECT 1")

    drive(merging(unit()), 1, execute)
    assert [each.split()[0] for each in asked] == ["INSERT", "WITH", "WITH"]
    assert asked[2].endswith("SELECT 1")
