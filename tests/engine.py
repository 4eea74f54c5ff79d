"""What tests of the PostgreSQL engine do with it: devices of two ISPs, and a lock that keeps whoever writes waiting."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from portal.db.connections import LOCKS
from portal.db.postgres import Postgres
from portal.place import Server
from portal.units import Signal, Sql, Unit, insert, rows, value
from tests import postgres

PATIENCE_S = 30.0


def server(db: Postgres) -> Server:
    """Whose it is."""
    assert isinstance(db.place, Server)
    return db.place


@asynccontextmanager
async def an_engine(watch: Watch, *isps: str) -> AsyncIterator[Postgres]:
    """On an empty database with these ISPs; `watch` sees what is done with it."""
    made = Postgres(fresh(), observe=watch)
    for name in isps:
        await made.write(None, add_tenant, name)
    watch.seen.clear()
    yield made
    await made.aclose()


class Watch:
    """What the engine did, in its order."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def __call__(self, what: str) -> None:
        self.seen.append(what)

    @property
    def commits(self) -> int:
        return self.seen.count("commit:after")


def add_tenant(name: str) -> Unit[None]:
    yield Sql("INSERT INTO tenants (public, name, created_at) VALUES (:name, :name, 0)", {"name": name})


def add(mac: str) -> Unit[int]:
    return (yield from insert("devices", mac=mac, created_at=0, last_seen_at=0))


def macs() -> Unit[list[str]]:
    found = yield from rows("SELECT mac FROM devices WHERE tenant_id = :tenant ORDER BY mac")
    return [row["mac"] for row in found]


def count() -> Unit[int]:
    return int((yield from value("SELECT COUNT(*) FROM devices WHERE tenant_id = :tenant")))


def add_then_fail(mac: str, error: Exception) -> Unit[None]:
    yield from add(mac)
    raise error


def add_and_signal(mac: str, error: Exception | None = None) -> Unit[None]:
    device_id = yield from add(mac)
    yield Signal("wake", device_id)
    if error is not None:
        raise error


def sleep(seconds: float) -> Unit[None]:
    """Wait in the server."""
    yield Sql("SELECT pg_sleep(:s)", {"s": seconds})


def himself(server: Server) -> Server:
    """The same database as the superuser, whom no policy stops."""
    return Server(server.url.replace("bando_app@", "postgres@"))


async def asked(server: Server, text: str) -> Sequence[Any]:
    """The rows of one statement of the superuser's."""
    connection = await asyncpg.connect(himself(server).url)
    try:
        found: Sequence[Any] = await connection.fetch(text)
        return found
    finally:
        await connection.close()


async def on_disk(server: Server) -> set[str]:
    """What is committed."""
    return {row["mac"] for row in await asked(server, "SELECT mac FROM devices")}


async def connected(server: Server, state: str = "") -> int:
    """How many connections of ours the server has, all or those in this state."""
    (row,) = await asked(
        server,
        "SELECT COUNT(*) AS n FROM pg_stat_activity WHERE usename = 'bando_app'"
        f" AND datname = '{server.database}' AND state LIKE '{state or '%'}'",
    )
    return int(row["n"])


@asynccontextmanager
async def held(server: Server, tenant: int) -> AsyncIterator[None]:
    """In here nobody writes for this tenant."""
    connection = await asyncpg.connect(server.url)
    try:
        await connection.execute(f"SELECT pg_advisory_lock({LOCKS}, {tenant})")
        yield
    finally:
        await connection.close()


async def somebody_waits(server: Server, many: int = 1) -> None:
    """Return when so many connections wait for a lock."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            (row,) = await asked(server, "SELECT COUNT(*) AS n FROM pg_locks WHERE NOT granted")
            if row["n"] >= many:
                return
            await asyncio.sleep(0.01)


def fresh() -> Server:
    return postgres.fresh_database()
