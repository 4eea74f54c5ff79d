"""A mail server on a real socket: just enough SMTP (RFC 5321) to take letters, with and without TLS and a login.

python -m sandbox.mail 2525        # says what comes
"""

from __future__ import annotations

import asyncio
import base64
import email.policy
import ssl
import sys
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.parser import BytesParser
from typing import Self

from sandbox.net import Listener

MOST = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Letter:
    """What came: from whom, to whom, and the message itself."""

    sender: str
    to: tuple[str, ...]
    raw: bytes

    @property
    def message(self) -> EmailMessage:
        found = BytesParser(policy=email.policy.default).parsebytes(self.raw)
        assert isinstance(found, EmailMessage)
        return found


@dataclass
class MailServer:
    """`login`: user and password that it wants; `refuses`: whom it does not know; `silent`: it says nothing."""

    login: tuple[str, str] | None = None
    refuses: frozenset[str] = frozenset()
    silent: bool = False
    got: list[Letter] = field(default_factory=list)
    port: int = 0
    _listener: Listener | None = None
    _starttls: ssl.SSLContext | None = None

    async def open(self, port: int = 0, tls: ssl.SSLContext | None = None, starttls: bool = False) -> Self:
        self._starttls = tls if starttls else None
        self._listener = await Listener(self._serve).open("127.0.0.1", port, None if starttls else tls)
        self.port = self._listener.port
        return self

    async def aclose(self) -> None:
        if self._listener is not None:
            await self._listener.aclose()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.silent:
            await asyncio.sleep(60)
        await Session(self, reader, writer).run()


class Session:
    """One connection."""

    def __init__(self, server: MailServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._server = server
        self._reader = reader
        self._writer = writer
        self._sender = ""
        self._to: list[str] = []
        self._in = server.login is None
        self._plain = server._starttls is not None

    async def run(self) -> None:
        await self._say("220 mail.sandbox ESMTP")
        while line := (await self._reader.readline()).decode("ascii", "replace").strip():
            word = line[:4].upper()
            if word == "QUIT":
                await self._say("221 bye")
                return
            await self._answer(word, line)

    async def _answer(self, word: str, line: str) -> None:
        if word in ("EHLO", "HELO"):
            more = ["STARTTLS"] if self._plain else ["AUTH PLAIN"] if self._server.login else []
            await self._say(*[f"250-{each}" for each in ("mail.sandbox", *more)], "250 SMTPUTF8")
        elif word == "STAR" and self._server._starttls is not None:
            await self._say("220 go on")
            await self._writer.start_tls(self._server._starttls)
            self._plain = False
        elif word == "AUTH":
            await self._log_in(line)
        elif not self._in:
            await self._say("530 log in first")
        elif word == "MAIL":
            self._sender, self._to = _between(line), []
            await self._say("250 ok")
        elif word == "RCPT":
            await self._to_whom(_between(line))
        elif word == "DATA":
            await self._data()
        else:
            await self._say("250 ok")

    async def _log_in(self, line: str) -> None:
        given = base64.b64decode(line.split()[-1]).split(b"\0")
        self._in = [each.decode() for each in given[1:]] == list(self._server.login or ())
        await self._say("235 welcome" if self._in else "535 no")

    async def _to_whom(self, address: str) -> None:
        if address in self._server.refuses:
            await self._say("550 nobody of that name")
            return
        self._to.append(address)
        await self._say("250 ok")

    async def _data(self) -> None:
        await self._say("354 go on")
        raw = await self._reader.readuntil(b"\r\n.\r\n")
        raw = raw[:-5].replace(b"\r\n..", b"\r\n.")
        self._server.got.append(Letter(sender=self._sender, to=tuple(self._to), raw=raw[:MOST]))
        await self._say("250 taken")

    async def _say(self, *lines: str) -> None:
        self._writer.write("".join(f"{each}\r\n" for each in lines).encode())
        await self._writer.drain()


def _between(line: str) -> str:
    return line.partition("<")[2].partition(">")[0]


async def main(port: int) -> None:
    server = await MailServer().open(port)
    print(f"A mail server on 127.0.0.1:{server.port}", flush=True)
    while True:
        await asyncio.sleep(1)
        while server.got:
            letter = server.got.pop(0)
            print(f"\n{letter.message['subject']} → {', '.join(letter.to)}\n{letter.message.get_content()}", flush=True)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
