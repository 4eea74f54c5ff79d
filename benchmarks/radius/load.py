"""A load generator for RADIUS, in a process of its own; prints its numbers as JSON.

`python -m benchmarks.radius.load PORT FILE CODE closed CLIENTS SECONDS`: so many sockets, each of which sends its next
packet when it has the answer to its last one. `… open RATE SECONDS` sends at random moments, `RATE` a second, whatever
the server does; a packet's time begins at its moment. The packets are made and signed before; FILE holds each behind
two bytes of length. An answer counts when it is of CODE and its id is that of the question.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import deque
from collections.abc import Iterator, Sequence
from itertools import cycle
from pathlib import Path
from random import Random
from typing import cast

import uvloop

WARM_S = 1.0
SOCKETS = 128  # of the open model
PATIENCE_S = 3.0  # then a packet counts as lost


class Client(asyncio.DatagramProtocol):
    """One socket with one packet on its way."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._id = -1
        self.begun = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def ask(self, begun: float) -> None:
        packet = next(self._load.packets)
        self._id, self.begun = packet[1], begun
        self._transport.sendto(packet)

    def datagram_received(self, data: bytes, addr: object) -> None:
        if data[1] != self._id:
            return
        self._id = -1
        self._load.answered(self, data[0], time.perf_counter() - self.begun)

    def look(self, now: float) -> None:
        """Give up what was lost."""
        if self._id >= 0 and now - self.begun > PATIENCE_S:
            self._id = -1
            self._load.lost += 1
            self._load.free(self)


class Load:
    """What all sockets share."""

    def __init__(self, packets: Sequence[bytes], code: int) -> None:
        self.packets: Iterator[bytes] = cycle(packets)
        self.took: list[float] = []
        self.wrong = self.lost = 0
        self.counting = self.closed_loop = False
        self.clients: list[Client] = []
        self._code = code
        self._free: deque[Client] = deque()
        self._waiting: deque[float] = deque()

    async def connect(self, port: int, count: int) -> None:
        loop = asyncio.get_running_loop()
        for _ in range(count):
            _, client = await loop.create_datagram_endpoint(lambda: Client(self), remote_addr=("127.0.0.1", port))
            self.clients.append(client)
            self.free(client)

    def answered(self, client: Client, code: int, took: float) -> None:
        if code != self._code:
            self.wrong += 1
        elif self.counting:
            self.took.append(took)
        self.free(client)

    def free(self, client: Client) -> None:
        if self._waiting:
            client.ask(self._waiting.popleft())
        elif self.closed_loop:
            client.ask(time.perf_counter())
        else:
            self._free.append(client)

    def want(self, moment: float) -> None:
        begun = min(moment, time.perf_counter())
        if self._free:
            self._free.popleft().ask(begun)
        else:
            self._waiting.append(begun)

    async def give_up(self) -> None:
        """Once in a while look for what was lost."""
        while True:
            await asyncio.sleep(0.5)
            now = time.perf_counter()
            for each in self.clients:
                each.look(now)


async def closed(load: Load, port: int, clients: int, seconds: float) -> float:
    load.closed_loop = True
    await load.connect(port, clients)
    await asyncio.sleep(WARM_S)
    load.counting, begin = True, time.perf_counter()
    await asyncio.sleep(seconds)
    load.counting, took = False, time.perf_counter() - begin
    return len(load.took) / took


async def open_(load: Load, port: int, rate: float, seconds: float) -> float:
    await load.connect(port, SOCKETS)
    random, loop = Random(1), asyncio.get_running_loop()
    load.counting, at = True, time.perf_counter()
    offset, end = loop.time() - at, at + seconds
    while at < end:
        at += random.expovariate(rate)
        if (ahead := at - time.perf_counter()) > 0.002:
            await asyncio.sleep(ahead)
        loop.call_at(at + offset, load.want, at)
    await asyncio.sleep(1)
    return len(load.took) / seconds


def packets_in(data: bytes) -> list[bytes]:
    """The packets of a file."""
    found, at = [], 0
    while at < len(data):
        size = int.from_bytes(data[at : at + 2], "big")
        found.append(data[at + 2 : at + 2 + size])
        at += 2 + size
    return found


async def main() -> None:
    port, file, code, how, amount, seconds = sys.argv[1:]
    load = Load(packets_in(Path(file).read_bytes()), int(code))
    looking = asyncio.create_task(load.give_up())
    run = closed if how == "closed" else open_
    rate = await run(load, int(port), int(amount), float(seconds))
    looking.cancel()
    ms = [round(each * 1000, 3) for each in load.took]
    print(json.dumps({"rate": rate, "ms": ms, "wrong": load.wrong, "lost": load.lost}))


if __name__ == "__main__":
    uvloop.run(main())
