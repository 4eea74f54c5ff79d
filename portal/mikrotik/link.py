"""One API connection to a router that many coroutines share.

Every command carries a tag and has its own time limit; replies may interleave. After a refusal (`RouterTrap`) the
connection is as good as before. After anything else (silence, nonsense, `!fatal`, end of stream) it is dropped, and
everyone waiting on it hears `RouterUnreachable`: what the router did is then unknown, and the keeper reads again.
Commands made in one turn of the loop leave in one write. `Pace` decides how many may be underway.
"""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import cast

from portal.errors import RouterTrap, RouterUnreachable
from portal.mikrotik.memory import Row, Table, Told
from portal.mikrotik.pace import Pace, Ticket
from portal.mikrotik.sentences import BadSentence, Decoder, Sentence, encode, printable

__all__ = ["Held", "Observe", "Reply", "Row", "Wire"]

Observe = Callable[[str], None]

MAX_HELD = 64 << 20  # bytes of unfinished answers over all commands: a table of 100 000 rows is about 30 MB
MAX_STRANGE = 1 << 20  # the same before the login, when anybody may be there
MAX_ALL = 256 << 20  # the same over all routers together: beyond it those go that hold more than their share
MAX_SHARE = 4 << 20  # a table of 13 000 rows
MAX_UNASKED = 1 << 16  # bytes that come while nothing is asked
FAREWELL_S = 1.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """A whole answer: its rows and what `!done` returned (an id, a count), empty if nothing."""

    rows: list[Row]
    returned: str = ""
    told: list[Told] = field(default_factory=list)  # the rows of a table that is remembered, instead of `rows`


@dataclass(kw_only=True, slots=True)
class Held:
    """Bytes of unfinished answers of all routers of a process."""

    now: int = 0
    most: int = MAX_ALL


@dataclass(kw_only=True, slots=True, eq=False)
class _Command:
    """A command from the call to its `!done`; one whose caller went away stays until its answer has passed."""

    path: str
    tag: str
    encoded: bytes
    urgent: bool
    timeout_s: float
    reply: asyncio.Future[Reply]
    rows: list[Row] = field(default_factory=list)
    traps: list[Row] = field(default_factory=list)
    held: int = 0
    ticket: Ticket | None = None
    timer: asyncio.TimerHandle | None = None
    table: Table | None = None


class Wire(asyncio.Protocol):
    """The connection; made by `portal.mikrotik.wire.connect`."""

    def __init__(self, *, pace: Pace | None = None, held: Held | None = None) -> None:
        self.pace = pace or Pace()
        self.closed = asyncio.Event()
        self.why_closed = ""
        self.on_lost: Callable[[str], None] | None = None
        self.observe: Observe = _unobserved
        self.max_held = MAX_STRANGE
        self._loop = asyncio.get_running_loop()
        self._awaited: dict[str, Table] = {}  # those whose rows are coming in
        self._tables: dict[str, Table] = {}
        self._decoder = Decoder(self._awaited.values())
        self._transport: asyncio.Transport | None = None
        self._waiting: deque[_Command] = deque()
        self._underway: dict[str, _Command] = {}
        self._outgoing: list[bytes] = []
        self._last_tag = 0
        self._held = 0
        self._all = held or Held()
        self._unasked = 0

    # what callers use

    async def talk(
        self,
        path: str,
        attributes: Mapping[str, str] | None = None,
        queries: Iterable[str] = (),
        *,
        urgent: bool = False,
        timeout_s: float = 10,
    ) -> list[Row]:
        """Send a command and return its rows; the time limit begins when the command leaves."""
        return (await self.ask(path, attributes, queries, urgent=urgent, timeout_s=timeout_s)).rows

    async def add(
        self, path: str, attributes: Mapping[str, str], *, urgent: bool = False, timeout_s: float = 10
    ) -> str:
        """Add a row to the menu and return its id, or "" where an old version returns none."""
        return (await self.ask(f"{path}/add", attributes, urgent=urgent, timeout_s=timeout_s)).returned

    async def ask(
        self,
        path: str,
        attributes: Mapping[str, str] | None = None,
        queries: Iterable[str] = (),
        *,
        urgent: bool = False,
        timeout_s: float = 10,
    ) -> Reply:
        """Send a command and return the whole answer."""
        words = [path, *(f"={key}={value}" for key, value in (attributes or {}).items()), *queries]
        return await self._carry(self._command(words, urgent, timeout_s))

    async def whole(
        self, path: str, attributes: Mapping[str, str], *, urgent: bool = False, timeout_s: float = 10
    ) -> list[Told]:
        """The rows of a whole table; those that came in the same bytes last time are the very same ones."""
        words = [path, *(f"={key}={value}" for key, value in attributes.items())]
        table = self._tables.get(path)
        if table is None:
            table = self._tables[path] = Table(f"t{len(self._tables)}")
        if table.asked:  # twice at once: one of them does without
            rows = (await self._carry(self._command(words, urgent, timeout_s))).rows
            return [Told(b"", row) for row in rows]
        table.begin()
        return (await self._carry(self._command(words, urgent, timeout_s, table))).told

    async def _carry(self, command: _Command) -> Reply:
        urgent, verb = command.urgent, command.path.rsplit("/", 1)[1]
        self.observe(f"router:{verb}:before")
        if self.why_closed:
            raise RouterUnreachable(self.why_closed)
        if urgent:
            self._send(command)
        else:
            self._waiting.append(command)
            self._pump()
        reply = await command.reply
        self.observe(f"router:{verb}:after")
        return reply

    async def aclose(self) -> None:
        """Say goodbye without waiting for an answer (over TLS there may be none) and close."""
        self.on_lost = None
        if self._transport is not None and not self.why_closed:
            self._transport.write(b"".join(self._outgoing) + encode(["/quit"]))
            self._outgoing.clear()
            self._end("the connection was closed")
            self._transport.close()
        try:
            async with asyncio.timeout(FAREWELL_S):
                await self.closed.wait()
        except TimeoutError:
            if self._transport is not None:
                self._transport.abort()

    def drop(self, why: str) -> None:
        """Give the connection up at once."""
        if not self.why_closed:
            self._end(why)
            if self._transport is None:
                self.closed.set()
            else:
                self._transport.abort()

    # sending

    def _pump(self) -> None:
        room = self.pace.room() if self._waiting else 0
        while room and self._waiting:
            command = self._waiting.popleft()
            if not command.reply.done():
                self._send(command)
                room -= 1
            elif command.table is not None:  # its caller went away before it left
                command.table.asked = False

    def _command(self, words: list[str], urgent: bool, timeout_s: float, table: Table | None = None) -> _Command:
        self._last_tag += 1
        tag = str(self._last_tag) if table is None else table.tag
        encoded = encode([*words, f".tag={tag}"])
        reply: asyncio.Future[Reply] = self._loop.create_future()
        return _Command(
            path=words[0], tag=tag, encoded=encoded, urgent=urgent, timeout_s=timeout_s, reply=reply, table=table
        )

    def _send(self, command: _Command) -> None:
        now = self._loop.time()
        command.ticket = self.pace.sent(now, urgent=command.urgent)
        command.timer = self._loop.call_at(now + command.timeout_s, self._late, command)
        self._underway[command.tag] = command
        if command.table is not None:
            self._awaited[command.tag] = command.table
        if not self._outgoing:
            self._loop.call_soon(self._flush)
        self._outgoing.append(command.encoded)

    def _flush(self) -> None:
        if self._outgoing and self._transport is not None and not self.why_closed:
            self._transport.write(b"".join(self._outgoing))
        self._outgoing.clear()

    def _late(self, command: _Command) -> None:
        self.drop(f"the router did not answer {command.path} within {command.timeout_s:g} s")

    # receiving

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are transports by behaviour, not by class
        self._transport = cast(asyncio.Transport, transport)
        _keep_alive(transport.get_extra_info("socket"))

    def data_received(self, data: bytes) -> None:
        if self.why_closed:
            return
        self._unasked = 0 if self._underway else self._unasked + len(data)
        if self._unasked > MAX_UNASKED:
            self.drop("the router sends what nobody asked for")
            return
        try:
            for piece in self._decoder.pieces(data):
                if isinstance(piece, Table):
                    self._hold(self._underway[piece.tag], 0)
                else:
                    self._take(piece.words, piece.raw)
                if self.why_closed:
                    return
        except BadSentence as error:
            self.drop(f"the router does not speak its protocol: {error}")
        if not self.why_closed:
            self._pump()

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._end("the router closed the connection" if exc is None else f"the connection broke: {exc}")
        self.closed.set()

    def _take(self, sentence: Sentence, raw: bytes) -> None:
        kind = sentence[0]
        if kind == "!fatal":
            self.drop(f"the router ended the connection: {printable(' '.join(sentence[1:]))}")
            return
        tag, row = _parse(sentence)
        command = self._underway.get(tag)
        if command is None:
            raise BadSentence("an answer to nothing that was asked")
        if kind == "!done":
            self._finish(command, row)
        elif kind == "!re":
            self._hold(command, len(raw))
            if command.table is None:
                command.rows.append(row)
            else:
                command.table.take(raw, row)
        elif kind == "!trap":
            self._hold(command, len(raw))
            command.traps.append(row)
        elif kind == "!empty":
            self._hold(command, len(raw))
        else:
            raise BadSentence(f"an unknown reply {printable(kind[:20])}")

    def _hold(self, command: _Command, size: int) -> None:
        command.held += size + 200
        self._held += size + 200
        self._all.now += size + 200
        if self._held > self.max_held:
            raise BadSentence("an answer is too long")
        if self._all.now > self._all.most and self._held > MAX_SHARE:
            raise BadSentence("an answer is too long beside those of all other routers")

    def _finish(self, command: _Command, row: Row) -> None:
        del self._underway[command.tag]
        self._held -= command.held
        self._all.now -= command.held
        assert command.timer is not None
        assert command.ticket is not None
        command.timer.cancel()
        self.pace.answered(command.ticket, self._loop.time())
        told = self._told(command)
        if command.reply.done():  # its caller went away
            return
        if command.traps:
            command.reply.set_exception(_trap(command.traps))
        else:
            command.reply.set_result(Reply(rows=command.rows, returned=row.get("ret", ""), told=told))

    def _told(self, command: _Command) -> list[Told]:
        """The rows of a table that is remembered; of a refused answer nothing is."""
        if command.table is None:
            return []
        del self._awaited[command.tag]
        told = command.table.end()
        return [] if command.traps else told

    def _end(self, why: str) -> None:
        if self.why_closed:
            return
        self.why_closed = why
        self.pace.lost()
        commands = [*self._underway.values(), *self._waiting]
        self._underway.clear()
        self._awaited.clear()
        self._waiting.clear()
        self._all.now -= self._held
        self._held = 0
        for command in commands:
            if command.timer is not None:
                command.timer.cancel()
            if not command.reply.done():
                command.reply.set_exception(RouterUnreachable(why))
        if self.on_lost is not None:
            self.on_lost(why)


def _parse(sentence: Sentence) -> tuple[str, Row]:
    """The tag, which may stand anywhere, and the attributes; other words say nothing."""
    tag, row = "", {}
    for word in sentence:
        if word[0] == "=":
            key, _, value = word[1:].partition("=")
            row[key] = value
        elif word.startswith(".tag="):
            tag = word[5:]
    return tag, row


def _trap(traps: list[Row]) -> RouterTrap:
    messages = [printable(trap.get("message", "")) or "the router gave no reason" for trap in traps]
    category = traps[0].get("category", "")
    return RouterTrap(
        messages[0],
        int(category) if category.isascii() and category.isdigit() and len(category) < 4 else None,
        others=tuple(messages[1:]),
    )


def _keep_alive(link: socket.socket | None) -> None:
    """A dead path through NAT shows nothing by itself (facts/mikrotik.md 2.4): ask after 20 s, give up 15 s later."""
    if link is None or link.family not in (socket.AF_INET, socket.AF_INET6):
        return
    link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    link.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (("TCP_KEEPIDLE", 20), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 3)):
        if hasattr(socket, name):
            link.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def _unobserved(_: str) -> None:
    pass
