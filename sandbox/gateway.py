"""The radio between one phone and the router, as a SOCKS5 endpoint.

Whatever the phone wants to reach, it asks here, by name: so redirects, walled gardens and the phone's MAC are
those of the router, and a browser needs nothing but a proxy setting. What happens to a connection is decided
when it begins, as the router's dynamic firewall does (facts/mikrotik.md 4.5), and again while bytes flow:
who is cut off gets nothing more.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, MutableMapping
from enum import Enum

from portal.clock import SystemClock
from sandbox import http1
from sandbox.internet import Internet
from sandbox.net import CHUNK, PATIENCE_S, Listener, hang_up, listen
from sandbox.routeros.servlet import Guest, Router, answered, servlet_names
from sandbox.socks import NO_HOST, NO_NETWORK, OK, REFUSED, Target, is_address, read_target, socks_reply

WATCH_MS = 200  # how soon a silent tunnel notices that its phone was cut off
PROXY_PORTS = (80, 3128, 8080)  # what hs-unauth redirects to the garden proxy

Address = tuple[str, int]
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Road(Enum):
    """What becomes of a connection."""

    DEAD = "no router answers"
    REFUSED = "reset by the firewall"
    UNKNOWN = "no such name"
    SERVLET = "the router's own pages"
    PROXY = "plain HTTP of a stranger: the garden proxy"
    TUNNEL = "through to the world"


_ANSWERS = {Road.DEAD: NO_NETWORK, Road.REFUSED: REFUSED, Road.UNKNOWN: NO_HOST}


class Gateway:
    """One phone's place at one router."""

    def __init__(
        self,
        router: Router,
        internet: Internet,
        *,
        mac: str,
        address: str,
        to_address: str | None = None,
        inside: MutableMapping[str, Address] | None = None,
        tls: ssl.SSLContext | None = None,
        latency_ms: float = 0,
    ) -> None:
        self.router, self.internet = router, internet
        self.mac, self.address, self.to_address = mac, address, to_address
        self.inside: MutableMapping[str, Address] = {} if inside is None else inside
        self.tls, self.latency_ms = tls, latency_ms
        self.in_range = True
        self.bytes_up = self.bytes_down = 0
        self._open: set[asyncio.StreamWriter] = set()
        self._listener: Listener | None = None

    async def open(self, host: str, port: int) -> Gateway:
        self._listener = await listen(self._serve, host, port)
        self.router.cut.append(self.cut)
        return self

    async def aclose(self) -> None:
        if self.cut in self.router.cut:
            self.router.cut.remove(self.cut)
        if self._listener is not None:
            await self._listener.aclose()

    @property
    def host(self) -> str:
        return self._listener.host if self._listener else ""

    @property
    def port(self) -> int:
        return self._listener.port if self._listener else 0

    @property
    def guest(self) -> Guest:
        return Guest(mac=self.mac, address=self.to_address or self.address)

    # -- the phone's moves ---------------------------------------------------------------------

    def appear(self) -> None:
        """Send a packet: the router now knows the phone as a host."""
        self.in_range = True
        if self.router.powered:
            self.router.host_seen(self.mac, self.address, to_address=self.to_address)

    def leave(self) -> None:
        """Out of the radio's range."""
        self.in_range = False
        self.router.host_gone(self.mac)
        self.cut()

    def cut(self) -> None:
        """Break every connection."""
        for writer in self._open:
            writer.transport.abort()

    # -- deciding ------------------------------------------------------------------------------

    def road(self, target: Target) -> Road:
        """What the router does with a new connection."""
        if not (self.router.powered and self.in_range):
            return Road.DEAD
        self.appear()
        if self.router.is_blocked(self.mac):
            return Road.REFUSED
        if target.host in servlet_names(self.router.profile):
            secure = self._serves_tls() and target.port == 443
            return Road.SERVLET if secure or target.port == 80 else Road.REFUSED
        if not self._is_known(target):
            return Road.UNKNOWN
        if self.permits(target):
            return Road.TUNNEL if self._where(target) else Road.REFUSED
        return Road.PROXY if target.port in PROXY_PORTS else Road.REFUSED

    def permits(self, target: Target) -> bool:
        """May bytes flow between the phone and there, now?"""
        router, guest = self.router, self.guest
        if not (router.powered and self.in_range) or router.is_blocked(guest.mac):
            return False
        return router.is_authorized(guest.mac, guest.address) or router.garden_ip_allows(
            target.host, target.address, target.port
        )

    def _serves_tls(self) -> bool:
        return self.tls is not None and self.router.profile.get("ssl-certificate", "none") != "none"

    def _is_known(self, target: Target) -> bool:
        """Names must resolve before there is anything to intercept."""
        if is_address(target.host):
            return True
        ports = (target.port, 80, 443)
        return any(self._where(Target(host=target.host, port=port)) for port in ports)

    def _where(self, target: Target) -> Address | None:
        """The real socket: `inside` by `host:port`, by host, then the internet."""
        exact = self.inside.get(f"{target.host}:{target.port}")
        return exact or self.inside.get(target.host) or self.internet.where(target.host, target.port)

    # -- SOCKS ---------------------------------------------------------------------------------

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            async with asyncio.timeout(PATIENCE_S):
                target = await read_target(reader, writer)
            if target is not None:
                await self._carry(target, (reader, writer))
        finally:
            self._open.discard(writer)

    async def _carry(self, target: Target, phone: Streams) -> None:
        if self.latency_ms:
            await SystemClock().sleep(self.latency_ms)
        road = self.road(target)
        if road in _ANSWERS:
            phone[1].write(socks_reply(_ANSWERS[road]))
        elif road is Road.TUNNEL:
            await self._tunnel(target, phone)
        else:
            phone[1].write(socks_reply(OK))
            await self._web(road, target, phone)

    # -- plain HTTP answered or passed on by the router ----------------------------------------

    async def _web(self, road: Road, target: Target, phone: Streams) -> None:
        reader, writer = phone
        secure = road is Road.SERVLET and target.port == 443
        if secure and self.tls is not None:
            await writer.start_tls(self.tls)
        async with asyncio.timeout(PATIENCE_S):
            request = await http1.read_request(reader)
        if request is None:
            return
        if road is Road.PROXY:
            asked = Target(host=request.host or target.host, port=target.port)
            if self._may_pass(asked, request):
                await self._forward(asked, request, phone)
                return
        reply = await answered(self.router, self.guest, request, intercepted=road is Road.PROXY, tls=secure)
        writer.write(reply.encode(head_only=request.method == "HEAD"))
        await writer.drain()

    def _may_pass(self, asked: Target, request: http1.Request) -> bool:
        if self._where(asked) is None:
            return False
        return self.permits(asked) or self.router.garden_host_allows(asked.host, asked.port, request.path)

    async def _forward(self, asked: Target, request: http1.Request, phone: Streams) -> None:
        """One request and its answer; the next one is judged anew."""
        headers = (*request.without("connection", "keep-alive"), ("Connection", "close"))
        again = http1.Request(method=request.method, target=request.target, headers=headers, body=request.body)
        far = await self._dial(asked)
        if far is None:
            return
        far[1].write(again.encode())
        await self._join(phone, far, lambda: self._may_pass(asked, request), len(again.encode()))

    # -- tunnels -------------------------------------------------------------------------------

    async def _tunnel(self, target: Target, phone: Streams) -> None:
        far = await self._dial(target)
        phone[1].write(socks_reply(REFUSED if far is None else OK))
        if far is not None:
            await self._join(phone, far, lambda: self.permits(target))

    async def _dial(self, target: Target) -> Streams | None:
        where = self._where(target)
        if where is None:
            return None
        try:
            far = await asyncio.open_connection(*where)
        except OSError:
            return None
        self.internet.introduce(far[1].get_extra_info("sockname")[:2], self.mac)
        return far

    async def _join(self, phone: Streams, far: Streams, permitted: Callable[[], bool], sent: int = 0) -> None:
        """Carry bytes both ways until the far side has finished or the phone is cut off."""
        self._count(sent, 0)
        up = asyncio.create_task(self._pump(phone[0], far[1], permitted, lambda size: self._count(size, 0)))
        down = asyncio.create_task(self._pump(far[0], phone[1], permitted, lambda size: self._count(0, size)))
        watch = asyncio.create_task(_until_forbidden(permitted))
        tasks, sockname = {up, down, watch}, far[1].get_extra_info("sockname")[:2]
        try:
            await _first_end(up, down, watch)
            if not permitted():
                phone[1].transport.abort()
                far[1].transport.abort()
        finally:
            far[1].close()  # before any wait: this task may be cancelled there
            for task in tasks:
                task.cancel()
            self.internet.forget(sockname)
            await asyncio.gather(*tasks, return_exceptions=True)
            await hang_up(far[1])

    async def _pump(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        permitted: Callable[[], bool],
        count: Callable[[int], None],
    ) -> None:
        while data := await reader.read(CHUNK):
            if not permitted():
                raise ConnectionAbortedError("cut off")
            count(len(data))
            writer.write(data)
            await writer.drain()
        writer.write_eof()

    def _count(self, up: int, down: int) -> None:
        self.bytes_up += up
        self.bytes_down += down
        self.router.count(self.mac, self.guest.address, up=up, down=down)


async def _until_forbidden(permitted: Callable[[], bool]) -> None:
    while permitted():
        await SystemClock().sleep(WATCH_MS)


async def _first_end(up: asyncio.Task[None], down: asyncio.Task[None], watch: asyncio.Task[None]) -> None:
    """A phone may finish speaking and still listen; any other end is the end of all."""
    await asyncio.wait({up, down, watch}, return_when=asyncio.FIRST_COMPLETED)
    if up.done() and up.exception() is None and not (down.done() or watch.done()):
        await asyncio.wait({down, watch}, return_when=asyncio.FIRST_COMPLETED)


async def serve_gateway(
    router: Router,
    internet: Internet,
    *,
    mac: str,
    address: str,
    host: str = "127.0.0.1",
    port: int = 0,
    to_address: str | None = None,
    inside: MutableMapping[str, Address] | None = None,
    tls: ssl.SSLContext | None = None,
    latency_ms: float = 0,
) -> Gateway:
    """Put a phone next to a router; `tls` is the context of the hotspot's own https pages."""
    gateway = Gateway(
        router,
        internet,
        mac=mac,
        address=address,
        to_address=to_address,
        inside=inside,
        tls=tls,
        latency_ms=latency_ms,
    )
    return await gateway.open(host, port)
