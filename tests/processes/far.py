"""A line to somebody who is far away: whatever is sent arrives a tenth of a second later, in both directions."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

AWAY_S = 0.1


@asynccontextmanager
async def far_from(host: str, port: int, away_s: float = AWAY_S) -> AsyncIterator[int]:
    """A port that leads there, over that distance."""
    tasks: set[asyncio.Task[None]] = set()

    async def lead(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        ends = [writer]
        try:
            there, to_there = await asyncio.open_connection(host, port)
            ends.append(to_there)
            await asyncio.gather(_carry(reader, to_there, away_s), _carry(there, writer, away_s))
            await asyncio.sleep(2 * away_s)
        except OSError:
            pass
        finally:
            for each in ends:
                each.transport.abort()
            tasks.discard(task)

    server = await asyncio.start_server(lead, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, away_s: float) -> None:
    """In order, each part so much later than it was sent; the end and a break, too."""
    loop = asyncio.get_running_loop()
    try:
        while True:
            part = await reader.read(65_536)
            if not part:
                break
            loop.call_later(away_s, _write, writer, part)
    except OSError:
        loop.call_later(away_s, writer.transport.abort)
        return
    loop.call_later(away_s, writer.close)


def _write(writer: asyncio.StreamWriter, part: bytes) -> None:
    if not writer.is_closing():
        writer.write(part)
