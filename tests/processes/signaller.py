"""A process that signals after each of its commits, and says when: `python -m tests.processes.signaller URL COUNT`."""

from __future__ import annotations

import asyncio
import sys
import time

from portal.db import open_database
from portal.place import Server
from portal.units import Signal, Sql, Unit

TOPIC = "moment"  # the key is when it was signalled, in µs of the machine's own clock


def signalled() -> Unit[None]:
    """A unit that writes something, and signals when it did."""
    yield Sql("SELECT set_config('bando.tried', '1', true)", {})
    yield Signal(TOPIC, int(time.monotonic() * 1e6))


async def main(url: str, count: int) -> None:
    db = open_database(Server(url))
    await db.share()
    await asyncio.sleep(0.5)
    for _ in range(count):
        await db.write(None, signalled)
        await asyncio.sleep(0.02)
    await asyncio.sleep(0.5)
    await db.aclose()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
