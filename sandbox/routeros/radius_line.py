"""The router's RADIUS client on real sockets: requests and their repeats, accounting in its time, Disconnect and CoA.

A request is sent again after the server's own `timeout`, in real seconds as in `timing`; sessions and intervals
are those of the router's clock.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, cast

from portal.clock import SECOND, Moment
from sandbox.radius import packet
from sandbox.radius.packet import Attributes, BadPacket, Code, Packet
from sandbox.routeros import radius
from sandbox.routeros.device import SandboxRouter
from sandbox.routeros.radius import Asking, Grant, Kind, Proof
from sandbox.routeros.refusals import LoginRefused
from sandbox.routeros.sessions import NEVER, Host, Session
from sandbox.routeros.values import parse_millis

Row = Mapping[str, str]
Address = tuple[str, int]
_ACCESS = (Code.ACCESS_ACCEPT, Code.ACCESS_REJECT, Code.ACCESS_CHALLENGE)
NO_SUCH_SESSION = 503
_COUNTED = ("pending", "requests", "accepts", "rejects", "resends", "timeouts", "bad-replies")
LOOK_MS = 200  # how often ends and intervals are looked for


def _zeros(names: tuple[str, ...]) -> dict[str, int]:
    return dict.fromkeys(names, 0)


@dataclass
class Monitor:
    """/radius/monitor of one server."""

    counts: dict[str, int] = field(default_factory=lambda: _zeros(_COUNTED))

    def count(self, what: str) -> None:
        self.counts[what] += 1


@dataclass(frozen=True)
class _Waiting:
    answer: asyncio.Future[Packet]
    authenticator: bytes
    secret: bytes
    server: Address
    strict: bool
    monitor: Monitor


class _Socket(asyncio.DatagramProtocol):
    """One socket, with 256 requests in flight at most."""

    def __init__(self, line: RadiusLine) -> None:
        self.line = line
        self.free = deque(range(256))
        self.waiting: dict[int, _Waiting] = {}
        self.transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)

    def send(self, data: bytes, to: Address) -> None:
        faults, chance = self.line.router.faults.radius, self.line.router.random.random
        if self.transport is None or not self.line.router.powered or chance() < faults.loss:
            return
        for _ in range(2 if chance() < faults.doubled else 1):
            self.transport.sendto(data, to)

    def datagram_received(self, data: bytes, addr: Address) -> None:
        faults = self.line.router.faults.radius
        if not self.line.router.powered or self.line.router.random.random() < faults.loss:
            return
        if faults.late_ms:
            asyncio.get_running_loop().call_later(faults.late_ms / 1000, self.take, data, addr)
        else:
            self.take(data, addr)

    def take(self, data: bytes, addr: Address) -> None:
        """An answer; what is not proved to be one is dropped without a word."""
        waiting = self.waiting.get(data[1]) if len(data) >= 20 else None
        if waiting is None or waiting.server != addr:
            return
        try:
            answer = packet.read(data)
        except BadPacket:
            waiting.monitor.count("bad-replies")
            return
        unmarked = waiting.strict and answer.code in _ACCESS and not answer.marked
        if unmarked or not packet.proves_reply(data, waiting.authenticator, waiting.secret):
            waiting.monitor.count("bad-replies")
        elif not waiting.answer.done():
            waiting.answer.set_result(answer)

    def error_received(self, exc: Exception) -> None:
        """Nobody listens there: the request is repeated, as one that was lost."""


class _Incoming(asyncio.DatagramProtocol):
    """Where Disconnect and CoA arrive."""

    def __init__(self, line: RadiusLine) -> None:
        self.line = line
        self.transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: Address) -> None:
        answer = self.line.hear(data, addr[0]) if self.line.router.powered else None
        if answer is not None and self.transport is not None:
            self.transport.sendto(answer, addr)


# (identifier, secret, ms since the first) -> the packet, and its authenticator
Make = Callable[[int, bytes, int], tuple[bytes, bytes]]


class RadiusLine:
    """The client of one router."""

    def __init__(self, router: SandboxRouter) -> None:
        self.router = router
        self.monitors: dict[str, Monitor] = {}
        self.incoming = dict.fromkeys(("requests", "bad-requests", "acks", "naks"), 0)
        self._sockets: list[_Socket] = []
        self._heard: dict[bytes, bytes] = {}  # answers to repeats of the same request
        self._listener: tuple[Address, _Incoming] | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def open(self) -> RadiusLine:
        router = self.router
        router.radius = self
        router.hotspot.later = self.later
        router.hotspot.began.append(self._began)
        router.hotspot.ended.append(self._ended)
        self._spawn(self._watch())
        await self._listen_as_said()
        return self

    async def aclose(self) -> None:
        router = self.router
        router.radius = router.hotspot.later = None
        router.hotspot.began.remove(self._began)
        router.hotspot.ended.remove(self._ended)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for each in self._sockets:
            if each.transport is not None:
                each.transport.close()
        self._hush()

    def monitor(self, row: Row) -> Monitor:
        return self.monitors.setdefault(row[".id"], Monitor())

    # -- logins --------------------------------------------------------------------------------

    async def decide(self, host: Host, user: str, proof: Proof, by: str) -> None:
        """Ask about a login; `login` finds the answer with the host."""
        if host.asking:
            host.verdict = (user, radius.in_progress())
            return
        session, port = self.router.numbers.next()
        asking = Asking(user=user, proof=proof, by=by, session=session, port=port)
        host.asking = True
        try:
            answer = await self._ask(radius.access_words(self.router, host, asking), asking)
        finally:
            host.asking = False
        if answer is None or answer.code is not Code.ACCESS_ACCEPT:
            host.verdict = (user, radius.refusal_of(answer))
        else:
            host.verdict = (user, Grant(user=user, session=session, port=port).read(answer))

    async def _ask(self, words: Attributes, asking: Asking) -> Packet | None:
        def make(identifier: int, secret: bytes, since_ms: int) -> tuple[bytes, bytes]:
            random = secrets.token_bytes(16)
            said = radius.with_proof(words, asking.proof, secret, random)
            asked = Packet(code=Code.ACCESS_REQUEST, identifier=identifier, authenticator=random, attributes=said)
            return packet.access_request(asked, secret), random

        return await self._to_some_server("authentication-port", make)

    def later(self, host: Host, user: str, proof: Proof, by: str, failed: Callable[[], None]) -> None:
        """A login that nobody waits for: by cookie, by MAC, by the API."""
        self._spawn(self._later(host, user, proof, by, failed))

    async def _later(self, host: Host, user: str, proof: Proof, by: str, failed: Callable[[], None]) -> None:
        await self.decide(host, user, proof, by)
        try:
            self.router.hotspot.login(host.to_address, user, proof, None, by)
        except LoginRefused:
            failed()

    # -- accounting ----------------------------------------------------------------------------

    def _began(self, session: Session) -> None:
        if session.grant is not None:
            session.next_interim = self._next_interim(session, session.started)
            self._account("start", session, session.started)

    def _ended(self, session: Session, cause: str, at: Moment) -> None:
        if session.grant is not None:
            self._account("stop", session, at, cause)

    def _next_interim(self, session: Session, after: Moment) -> Moment:
        update = self.router.profile["radius-interim-update"]
        received = update in ("received", "0s", "none")
        wanted = (session.grant.interim_s if session.grant else None) if received else parse_millis(update) // SECOND
        return after + wanted * SECOND if wanted else NEVER

    def turn(self) -> None:
        """Close what has ended; send the updates that are due."""
        self.router.tick()
        now = self.router.clock.now()
        for session in list(self.router.hotspot.sessions.values()):
            if session.grant is not None and session.next_interim <= now:
                session.next_interim = self._next_interim(session, now)
                self._account("interim", session, now)

    async def _watch(self) -> None:
        while True:
            await self.router.clock.sleep(LOOK_MS)
            if self.router.powered:
                self.turn()
                await self._listen_as_said()

    def booted(self) -> None:
        """The router is up: what was running before is over."""
        self._account("on", None, self.router.clock.now())

    def going_down(self) -> None:
        """A reboot that was asked for: everybody is logged out first."""
        if self.router.faults.radius.silent_reboot:
            return
        for session in list(self.router.hotspot.sessions.values()):
            if session.grant is not None:
                self.router.hotspot.end(session, "reboot")
        self._account("off", None, self.router.clock.now())

    def _account(self, kind: Kind, session: Session | None, at: Moment, cause: str = "") -> None:
        profile = self.router.profile
        if profile["use-radius"] != "true" or profile["radius-accounting"] != "true":
            return
        if kind == "stop" and self.router.faults.radius.lost_stops:
            return
        self._spawn(self._tell(radius.accounting_words(self.router, kind, session, at, cause)))

    async def _tell(self, words: Attributes) -> None:
        def make(identifier: int, secret: bytes, since_ms: int) -> tuple[bytes, bytes]:
            said = [*words, ("Acct-Delay-Time", since_ms // SECOND)]
            asked = Packet(code=Code.ACCOUNTING_REQUEST, identifier=identifier, attributes=said)
            data = packet.signed_request(asked, secret)
            return data, data[4:20]

        await self._to_some_server("accounting-port", make)

    # -- requests ------------------------------------------------------------------------------

    async def _to_some_server(self, port: str, make: Make) -> Packet | None:
        for row in radius.rows_of(list(self.router.tables["/radius"].rows.values())):
            answer = await self._exchange(row, int(row[port]), make)
            if answer is not None:
                return answer
        return None

    async def _exchange(self, row: Row, port: int, make: Make) -> Packet | None:
        """Ask one server, again after each `timeout`; None when it never answers."""
        faults, monitor, loop = self.router.faults.radius, self.monitor(row), asyncio.get_running_loop()
        secret = row["secret"].encode() + (b"?" if faults.wrong_secret else b"")
        strict = row.get("require-message-auth", "no") == "yes-for-request-resp"
        at, begun = (row["address"], port), loop.time()
        socket = await self._socket(row["src-address"])
        identifier = socket.free.popleft()
        data, authenticator = make(identifier, secret, 0)
        answer: asyncio.Future[Packet] = loop.create_future()
        socket.waiting[identifier] = _Waiting(answer, authenticator, secret, at, strict, monitor)
        monitor.count("requests")
        try:
            for attempt in range(faults.attempts):
                if attempt:
                    monitor.count("resends")
                    if faults.anew:
                        data, authenticator = make(identifier, secret, int((loop.time() - begun) * 1000))
                        socket.waiting[identifier] = _Waiting(answer, authenticator, secret, at, strict, monitor)
                socket.send(data, at)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(parse_millis(row["timeout"]) / 1000):
                        return self._counted(monitor, await asyncio.shield(answer))
            monitor.count("timeouts")
            return None
        finally:
            del socket.waiting[identifier]
            socket.free.append(identifier)

    @staticmethod
    def _counted(monitor: Monitor, answer: Packet) -> Packet:
        if answer.code is Code.ACCESS_REJECT:
            monitor.count("rejects")
        elif answer.code is not Code.ACCESS_CHALLENGE:
            monitor.count("accepts")
        return answer

    async def _socket(self, source: str) -> _Socket:
        """A socket with a free identifier, bound to the address that the server knows the router by."""
        bound = self.router.radius_source() if source == "0.0.0.0" else source
        for each in self._sockets:
            if each.free and each.transport and each.transport.get_extra_info("sockname")[0] == bound:
                return each
        made = _Socket(self)
        await asyncio.get_running_loop().create_datagram_endpoint(lambda: made, local_addr=(bound, 0))
        self._sockets.append(made)
        return made

    # -- Disconnect and CoA --------------------------------------------------------------------

    async def _listen_as_said(self) -> None:
        """Listen where /radius/incoming says, if it says so."""
        said = self.router.tables["/radius/incoming"].row("")
        at = (self.router.radius_source(), int(said["port"]))
        if said["accept"] != "true":
            self._hush()
        elif self._listener is None or self._listener[0] != at:
            self._hush()
            ear = _Incoming(self)
            await asyncio.get_running_loop().create_datagram_endpoint(lambda: ear, local_addr=at)
            self._listener = (at, ear)

    def _hush(self) -> None:
        if self._listener is not None and self._listener[1].transport is not None:
            self._listener[1].transport.close()
        self._listener = None

    def hear(self, data: bytes, source: str) -> bytes | None:
        """The answer to a Disconnect or CoA; None is silence."""
        if data in self._heard:
            return self._heard[data]
        rows = radius.rows_of(list(self.router.tables["/radius"].rows.values()))
        keys = [row["secret"].encode() for row in rows if row["address"] == source]
        secret = next((key for key in keys if _is_proved(data, key)), None)
        if secret is None:
            self.incoming["bad-requests"] += 1
            return None
        self.incoming["requests"] += 1
        answer = self._obey(packet.read(data))
        if answer is None:
            return None
        self.incoming["acks" if answer.code in (Code.DISCONNECT_ACK, Code.COA_ACK) else "naks"] += 1
        said = packet.reply(answer, data[4:20], secret)
        self._heard = {**dict(list(self._heard.items())[-63:]), data: said}
        return said

    def _obey(self, asked: Packet) -> Packet | None:
        session = radius.wanted_session(self.router, asked)
        leaving = asked.code is Code.DISCONNECT_REQUEST
        if session == "ignored" or asked.code not in (Code.DISCONNECT_REQUEST, Code.COA_REQUEST):
            return None
        if session is None:
            code = Code.DISCONNECT_NAK if leaving else Code.COA_NAK
            return Packet(code=code, identifier=asked.identifier, attributes=[("Error-Cause", NO_SUCH_SESSION)])
        if leaving:
            self.router.hotspot.end(session, "admin reset")
        elif session.grant is not None:
            session.grant.read(asked)
            self.router.hotspot.obey(session)
        code = Code.DISCONNECT_ACK if leaving else Code.COA_ACK
        return Packet(code=code, identifier=asked.identifier)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _is_proved(data: bytes, secret: bytes) -> bool:
    try:
        packet.read(data)
    except BadPacket:
        return False
    return packet.proves_request(data, secret)


@asynccontextmanager
async def radius_line(router: SandboxRouter) -> AsyncIterator[RadiusLine]:
    """The router with its RADIUS client at work."""
    line = await RadiusLine(router).open()
    try:
        yield line
    finally:
        await line.aclose()
