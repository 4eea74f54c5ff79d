"""A router that takes Disconnect and CoA, on a real socket, with the codec of the sandbox, not that of Bando."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from sandbox.radius import packet
from sandbox.radius.packet import Code, Packet

ACK = {Code.DISCONNECT_REQUEST: Code.DISCONNECT_ACK, Code.COA_REQUEST: Code.COA_ACK}
NAK = {Code.DISCONNECT_REQUEST: Code.DISCONNECT_NAK, Code.COA_REQUEST: Code.COA_NAK}


@dataclass
class Ear(asyncio.DatagramProtocol):
    """What it heard, and how it answers: yes, gone (503), no (a NAK of another cause), or nothing at all."""

    secret: str
    answers: str = "yes"
    to_changes: str = ""  # when changes are answered otherwise
    heard: list[Packet] = field(default_factory=list)
    unsigned: int = 0
    answer_secret: str = ""
    transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if not packet.proves_request(data, self.secret.encode()) or data[20] != 80:  # and the mark is the first of all
            self.unsigned += 1
            return
        asked = packet.read(data)
        self.heard.append(asked)
        word = (self.to_changes or self.answers) if asked.code is Code.COA_REQUEST else self.answers
        if word == "nothing":
            return
        cause: list[tuple[str, str | int | bytes]] = [("Error-Cause", 503 if word == "gone" else 401)]
        cause = [] if word == "yes" else cause
        code = (ACK if word == "yes" else NAK)[asked.code]
        answer = Packet(code=code, identifier=asked.identifier, attributes=cause)
        assert self.transport is not None
        secret = self.answer_secret or self.secret
        self.transport.sendto(packet.reply(answer, data[4:20], secret.encode()), addr)

    @property
    def port(self) -> int:
        assert self.transport is not None
        return int(self.transport.get_extra_info("sockname")[1])

    def count(self, code: Code) -> int:
        return sum(each.code is code for each in self.heard)


@asynccontextmanager
async def ear(secret: str) -> AsyncIterator[Ear]:
    made = Ear(secret)
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: made, local_addr=("127.0.0.1", 0))
    try:
        yield made
    finally:
        transport.close()
