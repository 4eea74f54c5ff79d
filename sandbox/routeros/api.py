"""The binary API on a socket: connections, logins, tags, `listen`, and the faults of the line."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import socket
import ssl
import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import cast

from sandbox.routeros.codec import BrokenFraming, Decoder, encode_sentence, to_bytes
from sandbox.routeros.columns import Trap
from sandbox.routeros.commands import DONE, Account, Request, Sentence, parse, run, traps
from sandbox.routeros.device import SandboxRouter
from sandbox.routeros.system import policies_of
from sandbox.routeros.tables import Change, Row, Table
from sandbox.routeros.timing import DelayLine
from sandbox.routeros.values import in_addresses

_LOGIN_FAILURES = 5  # the fifth is fatal (facts 1.3)
_INTERRUPTED = Trap("interrupted", 2)


@dataclass(slots=True)
class _Pending:
    """A command that has not ended: a `listen`, or a reply that is held back."""

    stop: Callable[[], None]


class Connection(asyncio.Protocol):
    """One client. Commands run in the order they come; replies may be late, never out of order."""

    transport: asyncio.Transport

    def __init__(self, server: ApiServer) -> None:
        self.server, self.router, self.faults = server, server.router, server.router.faults
        self.account: Account | None = None
        self._decoder = Decoder()
        self._arriving: DelayLine[Sentence] = DelayLine(self._arrive)
        self._working: DelayLine[Sentence] = DelayLine(self._execute)
        self._leaving: DelayLine[bytes | None] = DelayLine(self._write)
        self._pending: dict[str, _Pending] = {}
        self._replies: list[bytes] = []
        self._flushing = False
        self._silent = False
        self._said = 0  # bytes
        self._failures = 0
        self._challenge = b""
        self._active_row = ""
        self._peer = "127.0.0.1"

    # -- what asyncio calls --------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # a stream server's is one; uvloop's does not inherit it
        peer = transport.get_extra_info("peername")
        self._peer = peer[0] if peer else self._peer
        self.server.connections.add(self)
        reason = self.server.refusal(self._peer)
        if reason == "fatal":
            self._send_now([["!fatal", "too many sessions"]])
            self.transport.close()
        elif reason == "silence":
            self._silent = True
        elif reason == "close":
            self.transport.close()
        elif reason == "rst":
            self.reset()

    def data_received(self, data: bytes) -> None:
        if self._silent or self.faults.half_open or self.transport.is_closing():
            return
        try:
            sentences = self._decoder.feed(data)
        except BrokenFraming:
            self.transport.close()
            return
        self._take(sentences)

    def connection_lost(self, error: Exception | None) -> None:
        self.server.connections.discard(self)
        for line in (self._arriving, self._working, self._leaving):
            line.close()
        for pending in self._pending.values():
            pending.stop()
        self._pending.clear()
        if self.account is not None:
            self._log_out(self.account)

    # -- the road of a command -----------------------------------------------------------------

    def _take(self, sentences: list[Sentence]) -> None:
        at = asyncio.get_running_loop().time() + self.faults.latency_ms / 2000
        for sentence in sentences:
            self._arriving.push(sentence, at)

    def _arrive(self, sentence: Sentence) -> None:
        self._working.push(sentence, self.server.processor.done_at(asyncio.get_running_loop().time()))

    def _execute(self, sentence: Sentence) -> None:
        if self._silent or self.transport.is_closing() or not self.router.powered:
            return
        request = parse(sentence)
        if self.faults.fatal_next is not None:
            reason, self.faults.fatal_next = self.faults.fatal_next, None
            self._end(reason)
        elif request.command == "/login":
            self._login(request)
        elif self.account is None:
            self._end("not logged in")
        elif request.command == "/quit":
            self._quit()
        elif request.command == "/cancel":
            self._cancel(request)
        elif request.verb == "listen":
            self._listen(self.account, request)
        else:
            self._run(self.account, request)

    def _run(self, account: Account, request: Request) -> None:
        reply = run(self.router, account, request)
        held = self.faults.stall_command
        if held is None or not request.command.startswith(held):
            self._reply(reply, request.tag)
            return
        self.faults.stall_command = None
        self._hold(reply, request.tag)

    def _hold(self, reply: list[Sentence], tag: str) -> None:
        """A stalled reply: late by `stall_ms`, or only gone with the connection."""
        if self.faults.stall_ms is None:
            self._pending[tag] = _Pending(lambda: None)
            return
        loop = asyncio.get_running_loop()
        timer = loop.call_later(self.faults.stall_ms / 1000, self._release, reply, tag)
        self._pending[tag] = _Pending(timer.cancel)

    def _release(self, reply: list[Sentence], tag: str) -> None:
        self._pending.pop(tag, None)
        self._reply(reply, tag)

    # -- replies -------------------------------------------------------------------------------

    def _reply(self, sentences: Iterable[Sentence], tag: str) -> None:
        for words in sentences:
            tagged = [words[0], f".tag={tag}", *words[1:]] if tag else words
            self._replies.append(encode_sentence(tagged))
        if not self._flushing:  # gather the replies of many commands into one write
            self._flushing = True
            asyncio.get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        self._flushing = False
        if self._replies and not self.transport.is_closing():
            data = b"".join(self._replies)
            self._replies.clear()
            self._leave(data)

    def _leave(self, data: bytes | None) -> None:
        self._leaving.push(data, asyncio.get_running_loop().time() + self.faults.latency_ms / 2000)

    def _write(self, data: bytes | None) -> None:
        """None closes the connection once everything before it is written."""
        if data is None:
            self.transport.close()
            return
        data = self._until_silent(data)
        room = self.faults.cut_after_bytes
        if room is None:
            self.transport.write(data)
            return
        self.transport.write(data[:room])
        self.faults.cut_after_bytes = max(0, room - len(data))
        if len(data) >= room:
            self.faults.cut_after_bytes = None
            self.drop()

    def _until_silent(self, data: bytes) -> bytes:
        most = self.faults.silent_after_bytes
        if most is not None:
            data = data[: max(0, most - self._said)]
            self._silent = self._said + len(data) >= most
        self._said += len(data)
        return data

    def _send_now(self, sentences: list[Sentence]) -> None:
        self.transport.write(b"".join(map(encode_sentence, sentences)))

    def _end(self, reason: str) -> None:
        """`!fatal` carries its reason as a bare word and nothing follows (facts 1.2)."""
        self._reply([["!fatal", reason]], "")
        self._flush()
        self._leave(None)
        self._silent = True

    def drop(self) -> None:
        """Break the connection as the switches say."""
        if self.faults.cut_with_rst:
            self.reset()
        else:
            self.transport.close()

    def reset(self) -> None:
        sock = self.transport.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()

    # -- login and quit ------------------------------------------------------------------------

    def _login(self, request: Request) -> None:
        given, old = request.given, self.router.version < (6, 43)
        if "response" in given:
            self._judge(request, old and self._response_fits(given))
        elif old or "password" not in given:
            self._challenge = secrets.token_bytes(16)
            self._reply([["!done", f"=ret={self._challenge.hex()}"]], request.tag)
        else:
            self._judge(request, self._password_of(given) == given["password"])

    def _user(self, name: str) -> Row | None:
        rows = self.router.tables["/user"].find(name=name)
        return rows[0] if rows and rows[0]["disabled"] == "false" else None

    def _password_of(self, given: dict[str, str]) -> str | None:
        row = self._user(given.get("name", ""))
        return None if row is None else row["password"]

    def _response_fits(self, given: dict[str, str]) -> bool:
        password = self._password_of(given)
        if password is None or not self._challenge:
            return False
        digest = hashlib.md5(b"\x00" + to_bytes(password) + self._challenge).hexdigest()
        self._challenge = b""
        return given["response"].lower() == f"00{digest}"

    def _judge(self, request: Request, fits: bool) -> None:
        account = self._account(request.given.get("name", "")) if fits else None
        if account is not None:
            self._log_in(account)
            self._reply([DONE], request.tag)
            return
        self._failures += 1
        if self._failures >= _LOGIN_FAILURES:
            self._end("too many commands before login")
            return
        old = self.router.version < (6, 43)
        text = "cannot log in" if old else "invalid user name or password (6)"
        self._reply([*traps(Trap(text)), DONE], request.tag)

    def _account(self, name: str) -> Account | None:
        """The same refusal for a missing `api` policy and a forbidden source address (facts 1.3)."""
        row = self._user(name)
        if row is None or (row["address"] and not in_addresses(self._peer, row["address"])):
            return None
        group = self.router.tables["/user/group"].row(row["group"])
        policies = policies_of(group)
        return Account(name=name, policies=policies) if "api" in policies else None

    def _log_in(self, account: Account) -> None:
        if self.account is not None:
            self._log_out(self.account)
        self.account = account
        group = self.router.tables["/user"].row(account.name)["group"]
        words = {"when": str(self.router.clock.now()), "name": account.name, "address": self._peer}
        words |= {"via": self.server.service.replace("api-ssl", "api"), "group": group}
        self._active_row = self.router.tables["/user/active"].add(words, dynamic=True)
        self._account_log(account, "logged in")

    def _log_out(self, account: Account) -> None:
        table = self.router.tables["/user/active"]
        if self._active_row in table.rows:
            table.remove(self._active_row, dynamic=True)
        self.account = None
        self._account_log(account, "logged out")

    def _account_log(self, account: Account, what: str) -> None:
        self.router.log("system,info,account", f"user {account.name} {what} from {self._peer} via api")

    def _quit(self) -> None:
        if self.server.tls:  # over TLS no reply may come (facts 1.3)
            self._leave(None)
        else:
            self._end("session terminated on request")

    # -- listen and cancel ---------------------------------------------------------------------

    def _listen(self, account: Account, request: Request) -> None:
        try:
            account.need("read")
            table = self.router.table(request.menu)
        except Trap as trap:
            self._reply([*traps(trap), DONE], request.tag)
            return
        hear = self._listener(table, request.tag, "sensitive" in account.policies)
        table.after.append(hear)
        self._pending[request.tag] = _Pending(lambda: table.after.remove(hear))

    def _listener(self, table: Table, tag: str, secrets_shown: bool) -> Callable[[Change, Row], None]:
        def hear(change: Change, row: Row) -> None:
            words = {".id": row[".id"], ".dead": "true"}
            if change != "remove":
                words = table.view(row, secrets=secrets_shown)
            self._reply([["!re", *(f"={name}={value}" for name, value in words.items())]], tag)

        return hear

    def _cancel(self, request: Request) -> None:
        """The order recorded from a router: the trap, the cancel's own !done, the command's !done."""
        wanted = request.given.get("tag")
        tags = [tag for tag in self._pending if wanted is None or tag == wanted]
        for tag in tags:
            self._pending.pop(tag).stop()
            self._reply(traps(_INTERRUPTED), tag)
        self._reply([DONE], request.tag)
        for tag in tags:
            self._reply([DONE], tag)


class ApiServer:
    """The listening service `api` or `api-ssl` of one router."""

    def __init__(self, router: SandboxRouter, *, tls: bool) -> None:
        self.router, self.tls = router, tls
        self.service = "api-ssl" if tls else "api"
        self.processor = router.processor
        self.connections: set[Connection] = set()
        self.port = 0
        self._server: asyncio.Server | None = None

    async def start(self, host: str, port: int, tls: ssl.SSLContext | None) -> None:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Connection(self), host, port, ssl=tls, backlog=512)
        self.port = self._server.sockets[0].getsockname()[1]
        self.router.cut.append(self.drop_all)

    def refusal(self, peer: str) -> str:
        """What a new connection gets instead of service; "" is service."""
        row = self.router.tables["/ip/service"].row(self.service)
        faults = self.router.faults
        if not self.router.powered or row["disabled"] == "true":
            return "rst"
        if faults.refuse:
            return faults.refuse
        if row["address"] and not in_addresses(peer, row["address"]):
            return "close"  # the TCP connection is accepted, then denied (facts 1.3)
        return faults.max_sessions_answer if len(self.connections) > int(row.get("max-sessions", "1000")) else ""

    def drop_all(self) -> None:
        """Break every connection at once."""
        for connection in list(self.connections):
            connection.drop()

    async def aclose(self) -> None:
        if self.drop_all in self.router.cut:
            self.router.cut.remove(self.drop_all)
        for connection in list(self.connections):
            connection.transport.abort()
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()


async def serve_api(
    router: SandboxRouter, *, host: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None
) -> ApiServer:
    """Start the plain service, or with `tls` the TLS one; port 0 takes a free one (`.port`)."""
    server = ApiServer(router, tls=tls is not None)
    await server.start(host, port, tls)
    return server
