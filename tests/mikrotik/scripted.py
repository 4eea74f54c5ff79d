"""A router that says what the test tells it to: byte strings and sentences over a real socket."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from portal.mikrotik.pace import Pace
from portal.mikrotik.sentences import Decoder, Sentence, encode
from portal.mikrotik.wire import Address, Wire, connect
from sandbox.net import LOOPBACK


class Visitor:
    """One connection as the scripted router sees it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.heard: list[Sentence] = []
        self.reads = 0
        self._decoder = Decoder()
        self._queue: list[Sentence] = []

    async def hear(self) -> Sentence:
        """The next sentence; an empty list at the end of the stream."""
        while not self._queue:
            data = await self.reader.read(65536)
            self.reads += 1
            if not data:
                return []
            self._queue += self._decoder.feed(data)
        self.heard.append(self._queue[0])
        return self._queue.pop(0)

    def say(self, *words: str) -> None:
        self.writer.write(encode(words))

    def raw(self, data: bytes) -> None:
        self.writer.write(data)

    async def accept_login(self) -> Sentence:
        sentence = await self.hear()
        if sentence:
            self.say("!done", tag_of(sentence))
        return sentence

    async def end(self) -> None:
        """Wait until the client goes away."""
        while await self.hear():
            pass


Script = Callable[[Visitor], Awaitable[None]]


def tag_of(sentence: Sentence) -> str:
    return next(word for word in sentence if word.startswith(".tag="))


class Router:
    """The listening side: its port, and every visitor it had."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self.port = 0
        self.visitors: list[Visitor] = []
        self.errors: list[BaseException] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        visitor = Visitor(reader, writer)
        self.visitors.append(visitor)
        try:
            await self._script(visitor)
        except ConnectionError:
            pass
        except Exception as error:
            self.errors.append(error)
        finally:
            writer.transport.abort()

    def address(self, *, fingerprint: str | None = None, password: str = "secret-of-the-router") -> Address:
        return Address(
            host="127.0.0.1",
            policy=LOOPBACK,
            port=self.port,
            username="bando",
            password=password,
            fingerprint=fingerprint,
            tunnel=fingerprint is None,
        )


@asynccontextmanager
async def router(script: Script, *, tls: ssl.SSLContext | None = None) -> AsyncIterator[Router]:
    it = Router(script)
    server = await asyncio.start_server(it.serve, "127.0.0.1", 0, ssl=tls)
    it.port = server.sockets[0].getsockname()[1]
    try:
        yield it
    finally:
        server.close()
        for visitor in it.visitors:
            visitor.writer.transport.abort()
        await asyncio.sleep(0.01)
    assert it.errors == []


@asynccontextmanager
async def wired(script: Script, *, pace: Pace | None = None) -> AsyncIterator[tuple[Wire, Router]]:
    """A connection that is logged in to a router that then follows the script."""

    async def after_login(visitor: Visitor) -> None:
        await visitor.accept_login()
        await script(visitor)

    async with router(after_login) as it:
        wire = await connect(it.address(), pace=pace)
        try:
            yield wire, it
        finally:
            await wire.aclose()
