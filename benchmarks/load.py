"""A light load generator for one address and many paths, in a process of its own; prints its numbers as JSON.

`python -m benchmarks.load PORT HOST PATHS closed CONNECTIONS SECONDS` asks again as soon as an answer is there.
`python -m benchmarks.load PORT HOST PATHS open RATE SECONDS` asks at random moments, `RATE` a second, whatever
the server does; a request's time begins at its moment, not when a connection was free for it.
`python -m benchmarks.load PORT HOST FORMS once CONNECTIONS 0` posts each ``[path, body]`` of FORMS once, as fast as
answers come; they must be redirects to a page of the pass. `paced RATE SECONDS` posts them at random moments.
`posts RATE SECONDS` posts JSON so.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import deque
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from random import Random
from typing import cast

import uvloop

OPEN_CONNECTIONS = 64
WARM_S = 0.5


class Client(asyncio.Protocol):
    """One kept connection; answers must be 200, and all of one length."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._got = 0
        self._size = 0
        self.begun = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # of a socket: it can write
        self._load.free(self)

    def ask(self, begun: float) -> None:
        self.begun = begun
        if (request := next(self._load.requests, None)) is not None:
            self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        if not self._got:
            self._size = self._expected(data)
        self._got += len(data)
        if self._got >= self._size:
            self._got = 0
            self._load.answered(time.perf_counter() - self.begun)
            self._load.free(self)

    def _expected(self, data: bytes) -> int:
        head, blank, _ = data.partition(b"\r\n\r\n")
        if not blank or not head.startswith(self._load.wanted):
            self._load.failed(data[:200])
            return len(data)
        length = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
        return len(head) + 4 + int(length)

    def connection_lost(self, exc: Exception | None) -> None:
        self._load.failed(b"the connection was closed")


class Load:
    """What all connections share: requests waiting for a free one, and the answers' times."""

    wanted = b"HTTP/1.1 200 "

    def __init__(self, host: str, paths: list[str]) -> None:
        # What a browser sends, as far as it changes the answer.
        head = f"Host: {host}\r\nAccept: text/html\r\nAccept-Encoding: gzip\r\nAccept-Language: en\r\n\r\n"
        self.requests: Iterator[bytes] = cycle([f"GET {path} HTTP/1.1\r\n{head}".encode() for path in paths])
        self.took: list[float] = []
        self.errors: list[str] = []
        self.done = asyncio.Event()
        self.closed_loop = False
        self.counting = False
        self.ending = False
        self._free: deque[Client] = deque()
        self._waiting: deque[float] = deque()

    def free(self, client: Client) -> None:
        if self._waiting:
            client.ask(self._waiting.popleft())
        elif self.closed_loop:
            client.ask(time.perf_counter())
        else:
            self._free.append(client)

    def want(self, moment: float) -> None:
        begun = min(moment, time.perf_counter())  # timers may be a little early
        if self._free:
            self._free.popleft().ask(begun)
        else:
            self._waiting.append(begun)

    def answered(self, took: float) -> None:
        if self.counting:
            self.took.append(took)

    def failed(self, what: bytes) -> None:
        if not self.ending:
            self.errors.append(what.decode("latin-1"))

    async def connect(self, port: int, count: int) -> None:
        loop = asyncio.get_running_loop()
        for _ in range(count):
            await loop.create_connection(lambda: Client(self), "127.0.0.1", port)


class Forms(Load):
    """Each form once."""

    wanted = b"HTTP/1.1 303 "

    def __init__(self, host: str, forms: list[tuple[str, str]]) -> None:
        super().__init__(host, [])
        kind = "Content-Type: application/x-www-form-urlencoded"
        self._left = len(forms)
        self.requests = iter(
            f"POST {path} HTTP/1.1\r\nHost: {host}\r\nX-Forwarded-For: 102.0.{n >> 8 & 255}.{n & 255}\r\n{kind}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n{body}".encode()
            for n, (path, body) in enumerate(forms)  # each from a source of its own, for a portal that trusts us
        )

    def answered(self, took: float) -> None:
        super().answered(took)
        self._left -= 1
        if not self._left:
            self.done.set()


class Posts(Forms):
    """Each body once, as a provider posts it: JSON, and the answer is a plain 200."""

    wanted = b"HTTP/1.1 200 "

    def __init__(self, host: str, posts: list[tuple[str, str]]) -> None:
        super().__init__(host, [])
        self._left = len(posts)
        self.requests = iter(
            f"POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n{body}".encode()
            for path, body in posts
        )


async def once(load: Load, port: int, connections: int, _: float) -> dict[str, object]:
    load.counting = load.closed_loop = True
    begin = time.perf_counter()
    await load.connect(port, connections)
    await load.done.wait()
    took = time.perf_counter() - begin
    return {"rate": len(load.took) / took, "ms": [round(each * 1000, 2) for each in load.took]}


async def closed(load: Load, port: int, connections: int, seconds: float) -> dict[str, object]:
    load.closed_loop = True
    await load.connect(port, connections)
    await asyncio.sleep(WARM_S)
    load.counting, begin = True, time.perf_counter()
    await asyncio.sleep(seconds)
    load.counting, took = False, time.perf_counter() - begin
    return {"rate": len(load.took) / took}


async def open_(load: Load, port: int, rate: float, seconds: float) -> dict[str, object]:
    await load.connect(port, OPEN_CONNECTIONS)
    random = Random(1)
    loop, load.counting = asyncio.get_running_loop(), True
    at = time.perf_counter()
    offset, end = loop.time() - at, at + seconds
    while at < end:
        at += random.expovariate(rate)
        if (ahead := at - time.perf_counter()) > 0.002:
            await asyncio.sleep(ahead)
        loop.call_at(at + offset, load.want, at)
    await asyncio.sleep(1)
    return {"ms": [round(each * 1000, 2) for each in load.took]}


async def main() -> None:
    port, host, paths, how, amount, seconds = sys.argv[1:]
    asked = json.loads(Path(paths).read_text())
    kind = Posts if how == "posts" else Forms if how in ("once", "paced") else Load
    load = kind(host, asked)
    run = {"closed": closed, "open": open_, "once": once, "paced": open_, "posts": open_}[how]
    found = await run(load, int(port), int(amount), float(seconds))
    load.ending = True
    print(json.dumps({**found, "errors": load.errors[:3]}))


if __name__ == "__main__":
    uvloop.run(main())
