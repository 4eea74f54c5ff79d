"""Wake-ups from process to process: what was signalled after a commit, told to the others in a batch.

NOTIFY takes a lock on the whole database until its transaction ends (facts/trust.md 4.4), so it is never part of a
unit: one connection of the process tells, outside of any transaction of ours, what all of its units have signalled in
the last milliseconds. A wake-up that is lost with its process costs nobody more than the wait for the next look.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any

import asyncpg
import structlog

from portal.db.connections import AWAY, DatabaseAway, connect
from portal.db.serving import SHARE
from portal.place import Server

CHANNEL = "bando"
GATHER_S = 0.01
LONGEST = 7_000  # bytes of one NOTIFY; the server takes 7,999
AGAIN_S = 1.0  # after a failure
QUIET_S, ANSWER_S = 15.0, 5.0  # how often the connection is tried when nothing is told, and for how long

Told = tuple[str, int, int]  # topic, tenant, key
log = structlog.get_logger("bando.db")


class Wakeups:
    """`post` tells the other processes; `hear` is called with what they tell."""

    def __init__(self, server: Server, hear: Callable[[str, int, int], None]) -> None:
        self._server = server
        self._hear = hear
        self._me = secrets.token_hex(8)
        self._out: dict[Told, None] = {}  # each once
        self._more = asyncio.Event()
        self._well = True  # whether it listens, or nobody knows better
        self._task = asyncio.create_task(self._run(), name="wake-ups")

    def post(self, told: Iterable[Told]) -> None:
        self._out.update(dict.fromkeys(told))
        self._more.set()

    async def aclose(self) -> None:
        """Tell what is left, then leave."""
        await asyncio.sleep(0)
        if self._out:
            await asyncio.sleep(2 * GATHER_S)
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task

    async def _run(self) -> None:
        while True:
            try:
                await self._connected()
            except (DatabaseAway, asyncpg.PostgresError, asyncpg.InterfaceError, *AWAY) as failed:
                if self._well:
                    log.warning("wake-ups are not heard", error=type(failed).__name__)
                self._well = False
                await asyncio.sleep(AGAIN_S)

    async def _connected(self) -> None:
        connection = await connect(self._server)
        connection.add_termination_listener(lambda _: self._more.set())
        try:
            if not await connection.fetchval(SHARE):  # whoever must be alone with the records comes first
                raise DatabaseAway
            await connection.add_listener(CHANNEL, self._on_notice)
            self._well = True
            while True:
                await self._until_more()
                told, self._out = list(self._out), {}
                try:
                    await self._tell(connection, told)
                except BaseException:
                    self.post(told)
                    raise
        finally:
            connection.terminate()

    async def _tell(self, connection: asyncpg.Connection, told: Sequence[Told]) -> None:
        for part in _parts(self._me, told):
            await connection.execute("SELECT pg_notify($1, $2)", CHANNEL, part, timeout=ANSWER_S)
        if not told:  # whoever only listens does not notice by itself that nobody speaks any more
            await connection.execute("SELECT 1", timeout=ANSWER_S)

    async def _until_more(self) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._more.wait(), QUIET_S)
        await asyncio.sleep(GATHER_S)
        self._more.clear()

    def _on_notice(self, _connection: Any, _pid: int, _channel: str, payload: str) -> None:
        sender, told = json.loads(payload)
        if sender != self._me:
            for topic, tenant, key in told:
                self._hear(topic, tenant, key)


def _parts(me: str, told: Iterable[Told]) -> Iterator[str]:
    """Payloads that the server takes."""
    held: list[Told] = []
    size = 0
    for each in told:
        more = len(json.dumps(each)) + 2
        if held and size + more > LONGEST:
            yield json.dumps([me, held], separators=(",", ":"))
            held, size = [], 0
        held.append(each)
        size += more
    if held:
        yield json.dumps([me, held], separators=(",", ":"))
