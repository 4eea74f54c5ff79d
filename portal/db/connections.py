"""Connections to a PostgreSQL server, and how one statement runs on one of them."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import asyncpg
from sqlalchemy.util import await_only

from portal.db.base import Execute, Observe, quiet
from portal.db.dialect import numbered
from portal.errors import BandoError
from portal.place import Server
from portal.units import Conflict, Row, running

CONNECT_S = 5.0
# What a connection that is not well may cost the others, in ms: a lock, a statement, a transaction that was left alone.
PATIENCE = {"lock_timeout": "10000", "statement_timeout": "120000", "idle_in_transaction_session_timeout": "60000"}
FROZEN_MS = 5_000  # so long a process that stands still may keep others of its tenant from writing
PLACE_S, ANSWER_S = 10.0, 30.0  # to wait for a free connection, and for one answer
REST_S = 0.2  # after a connection could not be had: whoever asks meanwhile hears it at once
NOBODY = 0  # no tenant has this number


class DatabaseAway(BandoError):
    """The database cannot be reached, or has no time for us."""


# The server is gone, going or not there yet.
AWAY = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
    asyncpg.IdleInTransactionSessionTimeoutError,  # we stood still
)
BUSY = (asyncpg.LockNotAvailableError, asyncpg.QueryCanceledError)  # it has waited, or worked, for too long
AGAIN = (asyncpg.SerializationError, asyncpg.DeadlockDetectedError, asyncpg.InvalidCachedStatementError)


async def connect(server: Server, *, answer_s: float | None = None) -> asyncpg.Connection:
    """A connection that knows whole numbers, and waits so long for an answer; raises `DatabaseAway`."""
    try:
        connection = await asyncpg.connect(
            server.url,
            timeout=CONNECT_S,
            command_timeout=answer_s,
            statement_cache_size=1024,
            max_cached_statement_lifetime=0,
            server_settings={**PATIENCE, "application_name": "bando"},
        )
        return await _counting(connection)
    except AWAY as failed:
        raise DatabaseAway(f"{server} cannot be reached: {type(failed).__name__}.") from failed


async def _counting(connection: asyncpg.Connection) -> asyncpg.Connection:
    """The connection, which knows whole numbers now; whoever breaks off before leaves none open."""
    try:
        await connection.set_type_codec("numeric", schema="pg_catalog", encoder=str, decoder=_whole, format="text")
    except BaseException:
        connection.terminate()
        raise
    return connection


def _whole(text: str) -> int | float:
    """A sum of 64-bit numbers comes as a numeric."""
    found = Decimal(text)
    return int(found) if found == found.to_integral_value() else float(found)


class Connections:
    """At most so many connections, each used by one at a time; one that broke is not used again."""

    def __init__(self, server: Server, most: int) -> None:
        self._server = server
        self._free: list[asyncpg.Connection] = []
        self._places = asyncio.Semaphore(most)
        self._rests_until = 0.0
        self._closed = False

    @asynccontextmanager
    async def one(self) -> AsyncIterator[asyncpg.Connection]:
        """A connection that is in no transaction; raises `DatabaseAway`, also for whatever came of one that broke."""
        await self._place()
        try:
            connection = await self._take()
            try:
                yield connection
            except (asyncpg.PostgresError, asyncpg.InterfaceError) as failed:
                if connection.is_closed() or isinstance(failed, BUSY):
                    raise DatabaseAway from failed
                raise
            finally:
                if self._closed or connection.is_closed() or connection.is_in_transaction():
                    connection.terminate()
                else:
                    self._free.append(connection)
        finally:
            self._places.release()

    async def _place(self) -> None:
        try:
            async with asyncio.timeout(PLACE_S):
                await self._places.acquire()
        except TimeoutError as late:
            raise DatabaseAway("All connections to the database are in use.") from late

    async def _take(self) -> asyncpg.Connection:
        while self._free:
            connection = self._free.pop()
            if not connection.is_closed():
                return connection
        time = asyncio.get_running_loop().time
        if time() < self._rests_until:
            raise DatabaseAway
        try:
            return await connect(self._server, answer_s=ANSWER_S)
        except DatabaseAway:
            self._rests_until = time() + REST_S
            raise

    async def aclose(self) -> None:
        """Close those that nobody uses; the others are closed when they are given back."""
        self._closed = True
        while self._free:
            connection = self._free.pop()
            try:
                await connection.close(timeout=2)
            except AWAY:
                connection.terminate()


def executor(fetch: Callable[[str, Sequence[Any]], Sequence[Row]], tenant: int | None, observe: Observe) -> Execute:
    """How one statement runs in a transaction that began for this tenant.

    A unit of another one, in the same transaction, binds its own first: the server shows each its own rows alone.
    """
    bound = tenant

    def plain(text: str, params: Mapping[str, Any]) -> Sequence[Row]:
        nonlocal bound
        unit = running()
        if unit is not None and unit.tenant != bound:
            fetch(BIND, [str(unit.tenant or NOBODY)])
            bound = unit.tenant
        marked, values = numbered(text, params)
        try:
            return fetch(marked, values)
        except asyncpg.IntegrityConstraintViolationError as broken:
            raise Conflict(str(broken)) from broken

    def observed(text: str, params: Mapping[str, Any]) -> Sequence[Row]:
        observe("db:before")
        found = plain(text, params)
        observe("db:after")
        return found

    return plain if observe is quiet else observed


BIND = "SELECT set_config('app.tenant_id', $1::text, true)"


HURRY = f"set_config('idle_in_transaction_session_timeout', '{FROZEN_MS}', true)"


def waiting(connection: asyncpg.Connection) -> Callable[[str, Sequence[Any]], Sequence[Row]]:
    """A statement on this connection, for whoever runs inside of `greenlet_spawn`."""

    def fetch(text: str, values: Sequence[Any]) -> Sequence[Row]:
        found: Sequence[Row] = await_only(connection.fetch(text, *values))
        return found

    return fetch


def begin(tenant: int | None, *, write: bool) -> str:
    """The statements that begin a transaction of a tenant: one snapshot, or alone in writing."""
    whose = tenant or NOBODY
    bind = f"SELECT set_config('app.tenant_id', '{whose:d}', true)"
    if write:
        return f"BEGIN; {bind}, {HURRY}, pg_advisory_xact_lock({LOCKS}, {whose:d})"
    return f"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; {bind}"


def begin_beside(tenant: int | None, subjects: Collection[str]) -> str:
    """The same beside other units of the tenant, but not beside one that shares a subject."""
    whose = tenant or NOBODY
    bind = f"SELECT set_config('app.tenant_id', '{whose:d}', true)"
    # In one order everywhere, so that no two wait for each other.
    locks = "".join(f", pg_advisory_xact_lock({mark:d})" for mark in sorted({_mark(whose, each) for each in subjects}))
    return f"BEGIN; {bind}, {HURRY}, pg_advisory_xact_lock_shared({LOCKS}, {whose:d}){locks}"


def begin_add(tenant: int | None) -> str:
    """The same without a lock, for what only adds rows."""
    return f"BEGIN; SELECT set_config('app.tenant_id', '{tenant or NOBODY:d}', true)"


def _mark(tenant: int, subject: str) -> int:
    """64 bits: the name of a lock."""
    digest = hashlib.blake2b(f"{tenant}|{subject}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


LOCKS = 0x62616E  # the class of our advisory locks: "ban"
