"""The bytes on the wire: what is signed, what comes first in an answer, and CHAP as RouterOS does it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping

import pytest

from portal.radius import site, tickets
from portal.radius.clients import client
from portal.radius.doors import Doors
from portal.radius.packet import Attributes
from portal.radius.replies import Answer
from sandbox.radius.packet import (
    Code,
    Packet,
    access_request,
    attributes_of,
    chap_answer,
    hide,
    proves_reply,
    read,
)
from sandbox.radius.words import Value
from tests.radius.freeradius import RADDB, configure, start
from tests.radius.stage import MAC, OTHER, SECRET, TOKEN, Stage

MARK = 80  # Message-Authenticator
WAIT_S = 1.5


class _Once(asyncio.DatagramProtocol):
    def __init__(self) -> None:
        self.got: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def datagram_received(self, data: bytes, addr: object) -> None:
        if not self.got.done():
            self.got.set_result(data)


async def ask(port: int, data: bytes, wait_s: float = WAIT_S) -> bytes | None:
    """The answer to these bytes; None when there is none."""
    loop = asyncio.get_running_loop()
    transport, once = await loop.create_datagram_endpoint(_Once, remote_addr=("127.0.0.1", port))
    try:
        transport.sendto(data)
        return await asyncio.wait_for(once.got, wait_s)
    except TimeoutError:
        return None
    finally:
        transport.close()


def request(mac: str = MAC, *, marked: bool = True, more: Mapping[str, Value] | None = None) -> tuple[bytes, bytes]:
    """An Access-Request by MAC, and its authenticator."""
    random = os.urandom(16)
    words: dict[str, Value | None] = {
        "User-Name": mac,
        "User-Password": hide("", SECRET.encode(), random),
        "Calling-Station-Id": mac,
        "Acct-Session-Id": "81000001",
        **(more or {}),
        "Message-Authenticator": bytes(16) if marked else None,
    }
    packet = Packet(code=Code.ACCESS_REQUEST, identifier=7, authenticator=random, attributes=attributes_of(words))
    return access_request(packet, SECRET.encode()), random


async def test_a_request_without_a_message_authenticator_gets_no_answer(house: Stage) -> None:
    await house.grant()
    bare, _ = request(marked=False)
    assert await ask(house.server.auth_port, bare) is None
    signed, _ = request()
    assert await ask(house.server.auth_port, signed) is not None


async def test_it_would_get_one_if_bando_did_not_demand_it(house: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """The guard taken away: silence above comes from the demand and from nothing else."""

    async def lenient(doors: Doors, given: Attributes) -> Answer:
        found = await client(doors, given)
        return Answer(status=200, attributes={**(found.attributes or {}), "control:FreeRADIUS-Client-Require-MA": "no"})

    monkeypatch.setitem(site.ENDPOINTS, "/radius/clients", lenient)
    await house.grant()
    assert await ask(house.server.auth_port, request(marked=False)[0]) is not None


async def test_a_message_authenticator_that_does_not_fit_gets_no_answer(house: Stage) -> None:
    await house.grant()
    signed, _ = request()
    assert await ask(house.server.auth_port, signed[:-1] + bytes([signed[-1] ^ 1])) is None


@pytest.mark.parametrize(("mac", "code"), [(MAC, Code.ACCESS_ACCEPT), (OTHER, Code.ACCESS_REJECT)])
async def test_the_first_attribute_of_an_answer_is_the_message_authenticator(
    house: Stage, mac: str, code: Code
) -> None:
    await house.grant()
    signed, random = request(mac, more={"Proxy-State": b"a forger's own bytes"})
    got = await ask(house.server.auth_port, signed)
    assert got is not None
    assert (got[0], got[20]) == (code, MARK)
    assert proves_reply(got, random, SECRET.encode())
    assert read(got).attributes[0][0] == "Message-Authenticator"


async def test_of_two_sessions_at_the_same_moment_one_has_the_one_time_login(
    house: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first step tells both yes; the last one writes down who came first, and turns the other's yes into a no."""
    monkeypatch.setattr("portal.radius.authorize._unused", lambda *_: True)
    await house.grant()
    now = house.clock.now()
    name, password = tickets.issue(house.vault, house.tenant.id, house.router_id, MAC, now)
    random = os.urandom(16)
    said: dict[str, Value] = {
        "User-Name": name,
        "User-Password": hide(password, SECRET.encode(), random),
        "Calling-Station-Id": MAC,
        "Acct-Session-Id": "81000001",
        "Message-Authenticator": bytes(16),
    }
    packet = Packet(code=Code.ACCESS_REQUEST, identifier=7, authenticator=random, attributes=attributes_of(said))
    other = [(name, "81000002" if name == "Acct-Session-Id" else value) for name, value in packet.attributes]
    second = Packet(code=Code.ACCESS_REQUEST, identifier=8, authenticator=random, attributes=other)
    asked = [access_request(each, SECRET.encode()) for each in (packet, second)]
    got = await asyncio.gather(*(ask(house.server.auth_port, each) for each in asked))
    kinds = sorted(each[0] for each in got if each is not None)
    assert kinds == [Code.ACCESS_ACCEPT, Code.ACCESS_REJECT]
    assert all(each is not None and each[20] == MARK for each in got)


async def test_without_its_line_in_the_configuration_it_would_not_come_first(house: Stage) -> None:
    await house.grant()
    folder = house.server.folder.parent / "without"
    ports = configure(folder, house.url, TOKEN)
    whole = (RADDB / "sites-enabled" / "bando").read_text()
    line = "\t\t\t&Message-Authenticator := 0x00\n"
    assert line in whole
    (folder / "sites-enabled" / "bando").write_text(whole.replace(line, '\t\t\t&Reply-Message := "x"\n'))
    server = await start(folder, ports)
    try:
        got = await ask(ports[0], request()[0])
        assert got is not None
        assert got[20] != MARK
    finally:
        await server.stop()


async def test_chap_with_and_without_a_challenge_of_its_own(house: Stage) -> None:
    """RouterOS sends one; RFC 2865 lets the packet's authenticator be it."""
    await house.grant()
    for challenge in (os.urandom(16), None):
        name, password = tickets.issue(house.vault, house.tenant.id, house.router_id, MAC, house.clock.now())
        house.clock.advance(1)
        for typed, code in (("wrong", Code.ACCESS_REJECT), (password, Code.ACCESS_ACCEPT)):
            random = os.urandom(16)
            words: dict[str, Value | None] = {
                "User-Name": name,
                "CHAP-Password": b"\x05" + chap_answer(5, typed, challenge or random),
                "CHAP-Challenge": challenge,
                "Calling-Station-Id": MAC,
                "Acct-Session-Id": "81000001",
                "Message-Authenticator": bytes(16),
            }
            packet = Packet(
                code=Code.ACCESS_REQUEST, identifier=9, authenticator=random, attributes=attributes_of(words)
            )
            got = await ask(house.server.auth_port, access_request(packet, SECRET.encode()))
            assert got is not None
            assert got[0] == code
