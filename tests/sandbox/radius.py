"""A RADIUS server of a few lines, a router that asks it, and a guest's phone at the router."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import cast

from portal.clock import TravelClock
from sandbox.http1 import Reply, Request
from sandbox.radius import packet
from sandbox.radius.packet import ZERO, Attributes, Code, Packet
from sandbox.radius.words import Value
from sandbox.routeros.device import SandboxRouter
from sandbox.routeros.radius_line import RadiusLine, radius_line
from sandbox.routeros.servlet import Guest, answered

SECRET = "a-secret-of-a-router"
MAC, IP = "AA:BB:CC:00:00:01", "10.5.50.11"
HOST = "login.wifi.test"
Answer = Callable[[Packet], Packet | None]


@dataclass
class Server(asyncio.DatagramProtocol):
    """Records what it is asked and answers as it is told; None is silence."""

    answer: Answer
    asked: list[Packet] = field(default_factory=list)
    marked: bool = True  # whether answers carry a Message-Authenticator
    secret: bytes = SECRET.encode()
    port: int = 0
    transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)
        self.port = transport.get_extra_info("sockname")[1]

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        asked = packet.read(data)
        self.asked.append(asked)
        said = self.answer(asked)
        if said is None or self.transport is None:
            return
        mark: Attributes = [("Message-Authenticator", ZERO)] if self.marked else []
        whole = Packet(code=said.code, identifier=asked.identifier, attributes=[*mark, *said.attributes])
        self.transport.sendto(packet.reply(whole, asked.authenticator, self.secret), addr)

    def of(self, status: int) -> list[Packet]:
        """Accounting-Requests of this Acct-Status-Type."""
        return [each for each in self.asked if each.get("Acct-Status-Type") == status]

    @property
    def logins(self) -> list[Packet]:
        return [each for each in self.asked if each.code is Code.ACCESS_REQUEST]

    def password(self, asked: Packet) -> str:
        hidden = asked.get("User-Password")
        assert isinstance(hidden, bytes)
        return packet.show(hidden, self.secret, asked.authenticator)


def accepts(**words: Value) -> Answer:
    """Every login is good; `Session_Timeout` means `Session-Timeout`."""
    said = [(name.replace("_", "-"), value) for name, value in words.items()]
    return lambda asked: (
        Packet(code=Code.ACCESS_ACCEPT, identifier=0, attributes=said)
        if asked.code is Code.ACCESS_REQUEST
        else Packet(code=Code.ACCOUNTING_RESPONSE, identifier=0)
    )


def rejects(**words: Value) -> Answer:
    said = [(name.replace("_", "-"), value) for name, value in words.items()]
    return lambda asked: Packet(code=Code.ACCESS_REJECT, identifier=0, attributes=said)


@dataclass
class Site:
    """The router, its clock, its client and the server."""

    clock: TravelClock
    router: SandboxRouter
    line: RadiusLine
    server: Server

    async def login(self, user: str = "guest", password: str = "pw", dst: str = "") -> Reply:
        """The form of the router's own login page, as a browser sends it by GET."""
        target = f"/login?username={user}&password={password}" + (f"&dst={dst}" if dst else "")
        request = Request(method="GET", target=target, headers=(("Host", HOST),))
        return await answered(self.router, Guest(mac=MAC, address=IP), request, intercepted=False, tls=False)

    def online(self) -> bool:
        return self.router.is_authorized(MAC, IP)

    async def until(self, true: Callable[[], object]) -> None:
        async with asyncio.timeout(5):
            while not true():
                await asyncio.sleep(0.005)

    async def later(self, span_ms: int) -> None:
        """Let time pass, and the router look at it."""
        self.clock.advance(span_ms)
        self.line.turn()
        await asyncio.sleep(0.02)

    @property
    def errors(self) -> list[str]:
        return [row["message"] for row in self.router.tables["/log"].rows.values() if "failed" in row["message"]]


def use_radius(router: SandboxRouter, port: int, *, timeout: str = "40ms", **profile: str) -> None:
    """What `/radius add` and the hotspot's profile say."""
    server = {"service": "hotspot", "address": "127.0.0.1", "secret": SECRET, "timeout": timeout}
    server |= {"authentication-port": str(port), "accounting-port": str(port), "src-address": "127.0.0.21"}
    router.tables["/radius"].add(server)
    given = {"use-radius": "yes", "login-by": "http-pap"} | {k.replace("_", "-"): v for k, v in profile.items()}
    router.tables["/ip/hotspot/profile"].set("hs-prof", given)


@asynccontextmanager
async def site(answer: Answer, *, timeout: str = "40ms", seen: bool = True, **profile: str) -> AsyncIterator[Site]:
    """A router with a guest beside it that has no user of that name."""
    clock = TravelClock(start=1_800_000_000_000)
    clock.run_at(0)
    router = SandboxRouter(clock)
    server = Server(answer)
    await asyncio.get_running_loop().create_datagram_endpoint(lambda: server, local_addr=("127.0.0.1", 0))
    use_radius(router, server.port, timeout=timeout, **profile)
    try:
        async with radius_line(router) as line:
            if seen:
                router.host_seen(MAC, IP)
            yield Site(clock, router, line, server)
    finally:
        assert server.transport is not None
        server.transport.close()
