"""What the tests of the sandbox router share: a raw client that sees every word, and a phone's address."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from portal.clock import TravelClock
from sandbox.routeros.api import ApiServer, serve_api
from sandbox.routeros.codec import Decoder, Sentence, encode_sentence
from sandbox.routeros.device import Faults, LoginRefused, SandboxRouter

MAC, IP = "AA:BB:CC:00:00:01", "10.5.50.11"
OTHER_MAC, OTHER_IP = "AA:BB:CC:00:00:02", "10.5.50.12"
START = 1_800_000_000_000


class RawClient:
    """Sends words, receives sentences, hides nothing."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self._decoder = Decoder()
        self._sentences: list[Sentence] = []

    def send(self, *words: str) -> None:
        self.writer.write(encode_sentence(words))

    async def sentence(self) -> Sentence | None:
        """The next sentence; None is the end of the connection."""
        while not self._sentences:
            data = await asyncio.wait_for(self.reader.read(65536), 5)
            if not data:
                return None
            self._sentences += self._decoder.feed(data)
        return self._sentences.pop(0)

    async def talk(self, *words: str) -> list[Sentence]:
        """One command and its whole reply."""
        self.send(*words)
        reply: list[Sentence] = []
        while (sentence := await self.sentence()) is not None:
            reply.append(sentence)
            if sentence[0] in ("!done", "!fatal"):
                break
        return reply

    async def login(self, name: str = "bando", password: str = "sandbox") -> list[Sentence]:
        return await self.talk("/login", f"=name={name}", f"=password={password}")


@asynccontextmanager
async def raw_client(server: ApiServer, *, login: bool = True) -> AsyncIterator[RawClient]:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    client = RawClient(reader, writer)
    try:
        if login:
            assert await client.login() == [["!done"]]
        yield client
    finally:
        writer.transport.abort()


@asynccontextmanager
async def served(router: SandboxRouter) -> AsyncIterator[ApiServer]:
    server = await serve_api(router)
    try:
        yield server
    finally:
        await server.aclose()


def make_router(
    version: str = "7.20.8", faults: Faults | None = None, *, hotspot: bool = True
) -> tuple[SandboxRouter, TravelClock]:
    """A router and its clock, which stands still unless moved."""
    clock = TravelClock(start=START)
    clock.run_at(0)
    return SandboxRouter(clock, version=version, faults=faults, hotspot=hotspot), clock


def add_user(router: SandboxRouter, name: str = "guest", **props: str) -> str:
    given = {"name": name, "password": "pw"} | {key.replace("_", "-"): value for key, value in props.items()}
    return router.tables["/ip/hotspot/user"].add(given)


def set_profile(router: SandboxRouter, **props: str) -> None:
    table = router.tables["/ip/hotspot/user/profile"]
    table.set("default", {key.replace("_", "-"): value for key, value in props.items()})


def enter(router: SandboxRouter, mac: str = MAC, ip: str = IP, user: str = "guest", password: str = "pw") -> None:
    router.host_seen(mac, ip)
    router.login(ip=ip, user=user, password=password, by="http-pap")


def refusal(router: SandboxRouter, ip: str = IP, user: str = "guest", password: str = "pw", mac: str = "") -> str:
    """The text with which a login is refused."""
    try:
        router.login(ip=ip, user=user, password=password, mac=mac or None, by="http-pap")
    except LoginRefused as refused:
        return refused.text
    return ""


def active(router: SandboxRouter, mac: str = MAC, ip: str = IP) -> dict[str, str]:
    row = router.active_of(mac, ip)
    assert row is not None
    return row


def user_row(router: SandboxRouter, name: str = "guest") -> dict[str, str]:
    table = router.tables["/ip/hotspot/user"]
    return table.view(table.row(name))
