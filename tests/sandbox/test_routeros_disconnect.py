"""Disconnect and CoA at the sandbox router (facts/mikrotik.md section 6)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from portal.clock import MINUTE
from sandbox.radius import packet
from sandbox.radius.packet import Attributes, Code, Packet
from tests.sandbox.radius import IP, MAC, SECRET, Site, accepts, site
from tests.sandbox.routeros import active

PORT = 13799
WHOSE: Attributes = [("User-Name", "guest"), ("Framed-IP-Address", IP)]


@asynccontextmanager
async def listening(accept: str = "yes") -> AsyncIterator[Site]:
    """A guest is online at a router that takes Disconnects, if it does."""
    async with site(accepts(Session_Timeout=3600)) as here:
        here.router.tables["/radius/incoming"].set("", {"accept": accept, "port": str(PORT)})
        here.clock.run_at(50)
        await asyncio.sleep(0.05)
        here.clock.run_at(0)
        await here.login()
        assert here.online()
        yield here


class _Asker(asyncio.DatagramProtocol):
    def __init__(self) -> None:
        self.answers: asyncio.Queue[bytes] = asyncio.Queue()

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.answers.put_nowait(data)


async def send(code: Code, words: Attributes, *, secret: str = SECRET, times: int = 1) -> Packet | None:
    """The router's answer, proved; None is silence."""
    asked = packet.signed_request(Packet(code=code, identifier=9, attributes=words), secret.encode())
    loop = asyncio.get_running_loop()
    transport, asker = await loop.create_datagram_endpoint(
        _Asker, local_addr=("127.0.0.1", 0), remote_addr=("127.0.0.21", PORT)
    )
    try:
        answer = b""
        for _ in range(times):
            transport.sendto(asked)
            async with asyncio.timeout(0.3):
                answer = await asker.answers.get()
        assert packet.proves_reply(answer, asked[4:20], secret.encode())
        return packet.read(answer)
    except TimeoutError:
        return None
    finally:
        transport.close()


async def test_a_disconnect_ends_the_session_and_its_stop_says_so() -> None:
    async with listening() as here:
        answer = await send(Code.DISCONNECT_REQUEST, WHOSE)
        assert answer is not None
        assert answer.code is Code.DISCONNECT_ACK
        assert not here.online()
        await here.until(lambda: here.server.of(2))
        assert here.server.of(2)[0].get("Acct-Terminate-Cause") == 6


async def test_a_repeat_gets_the_same_answer() -> None:
    async with listening():
        answer = await send(Code.DISCONNECT_REQUEST, WHOSE, times=2)
        assert answer is not None
        assert answer.code is Code.DISCONNECT_ACK


async def test_where_it_is_not_switched_on_nobody_listens() -> None:
    async with listening("no") as here:
        assert await send(Code.DISCONNECT_REQUEST, WHOSE) is None
        assert here.online()


async def test_the_secret_is_needed() -> None:
    async with listening() as here:
        assert await send(Code.DISCONNECT_REQUEST, WHOSE, secret="another") is None
        assert here.online()
        assert here.line.incoming["bad-requests"] == 1


@pytest.mark.parametrize("words", [[], [("User-Name", "guest")], [("Framed-IP-Address", IP)]])
async def test_one_identifier_is_ignored(words: Attributes) -> None:
    async with listening() as here:
        assert await send(Code.DISCONNECT_REQUEST, words) is None
        assert here.online()


@pytest.mark.parametrize(
    "words",
    [
        [("User-Name", "guest"), ("Acct-Session-Id", "80010001")],  # without an address nothing of a hotspot is found
        [("User-Name", "another"), ("Framed-IP-Address", IP)],
        [("User-Name", "guest"), ("Framed-IP-Address", "10.5.50.99")],
        [("Acct-Session-Id", "80010009"), ("Framed-IP-Address", IP)],
    ],
)
async def test_what_matches_no_session_is_refused_with_503(words: Attributes) -> None:
    async with listening() as here:
        answer = await send(Code.DISCONNECT_REQUEST, words)
        assert answer is not None
        assert (answer.code, answer.get("Error-Cause")) == (Code.DISCONNECT_NAK, 503)
        assert here.online()


async def test_a_change_moves_the_end_and_the_rate() -> None:
    async with listening() as here:
        more: Attributes = [("Session-Timeout", 120), ("Calling-Station-Id", MAC)]
        answer = await send(Code.COA_REQUEST, [*WHOSE, *more])
        assert answer is not None
        assert answer.code is Code.COA_ACK
        assert active(here.router)["session-time-left"] == "2m"
        await here.later(3 * MINUTE)
        assert not here.online()


async def test_a_change_may_leave_nothing() -> None:
    async with listening() as here:
        here.router.count(MAC, IP, up=600, down=0)
        answer = await send(Code.COA_REQUEST, [*WHOSE, ("Mikrotik-Total-Limit", 500)])
        assert answer is not None
        assert answer.code is Code.COA_ACK
        assert not here.online()


async def test_a_change_for_nobody_is_refused() -> None:
    async with listening():
        answer = await send(Code.COA_REQUEST, [("User-Name", "another"), ("Framed-IP-Address", IP)])
        assert answer is not None
        assert answer.code is Code.COA_NAK
