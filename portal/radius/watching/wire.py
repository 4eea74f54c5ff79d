"""Disconnect and CoA on the wire (RFC 5176): one request to a router, its few repeats, and what it answered.

The codec is pyrad's; Message-Authenticator is the first attribute (CVE-2024-3596), and an answer that does not prove
the secret is none. A router takes these from the address that it sends its own requests to, and from no other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import lru_cache
from io import StringIO
from ipaddress import ip_address
from typing import Literal

from pyrad.dictionary import Dictionary
from pyrad.packet import CoAACK, CoANAK, CoAPacket, CoARequest, DisconnectACK, DisconnectNAK, DisconnectRequest

from portal.clock import SECOND, Clock, Moment
from portal.loops import first
from portal.mikrotik.addresses import Policy, judge
from portal.mikrotik.values import Rate, rate_limit
from portal.radius.terms import Terms

Said = Literal["yes", "gone", "no", "silent"]

TRIES = 3
REPEAT_MS = 2 * SECOND
NO_SUCH_SESSION = 503
GIGAWORD = 1 << 32
NO_LIMIT = (1 << 20) * GIGAWORD  # bytes: takes a limit off that was told before, where 0 might mean none at all
LONGEST_S = 0xFFFFFFFF
LARGEST = 4096  # bytes of a packet

_WORDS = """
ATTRIBUTE User-Name 1 string
ATTRIBUTE Framed-IP-Address 8 ipaddr
ATTRIBUTE Session-Timeout 27 integer
ATTRIBUTE Acct-Session-Id 44 string
ATTRIBUTE Message-Authenticator 80 octets
ATTRIBUTE Error-Cause 101 integer
VENDOR Mikrotik 14988
BEGIN-VENDOR Mikrotik
ATTRIBUTE Mikrotik-Rate-Limit 8 string
ATTRIBUTE Mikrotik-Total-Limit 17 integer
ATTRIBUTE Mikrotik-Total-Limit-Gigawords 18 integer
END-VENDOR Mikrotik
"""


@lru_cache(maxsize=1)
def _dictionary() -> Dictionary:
    return Dictionary(StringIO(_WORDS))


def change(terms: Terms, told: Terms | None, started_at: Moment) -> dict[str, str | int]:
    """New terms in the attributes of a CoA; times and bytes count from the beginning of the session.

    Where a router counted the time from now on instead, it would be too long: then the session is disconnected at its
    end, since this router can be reached.
    """
    found: dict[str, str | int] = {
        "Session-Timeout": min(LONGEST_S, max(1, -(-(terms.until - started_at) // SECOND))),
        "Mikrotik-Rate-Limit": rate_limit(Rate(up=terms.up, down=terms.down)) or "0/0",
    }
    if terms.bytes is None and (told is None or told.bytes is None):
        return found
    size = terms.bytes if terms.bytes is not None else NO_LIMIT
    high, low = divmod(size if size % GIGAWORD else size - 1, GIGAWORD)  # a lower half of 0 might mean no limit
    return {**found, "Mikrotik-Total-Limit": low, "Mikrotik-Total-Limit-Gigawords": high}


def request(secret: str, whom: Mapping[str, str], changes: Mapping[str, str | int] | None) -> CoAPacket:
    """A CoA with these changes, or a Disconnect; `whom`: the attributes that name the session."""
    code = DisconnectRequest if changes is None else CoARequest
    made = CoAPacket(code=code, secret=secret.encode(), dict=_dictionary())
    made.add_message_authenticator()
    for name, value in {**whom, **(changes or {})}.items():
        made[name] = value
    return made


def said_by(asked: CoAPacket, data: bytes) -> Said | None:
    """What an answer says; None when it is none, or does not prove the secret."""
    if not 20 <= len(data) <= LARGEST:
        return None
    try:
        answer = asked.CreateReply(packet=data)
        if not asked.VerifyReply(answer, data):
            return None
        cause = answer.get("Error-Cause")
    except Exception:  # whatever comes from the network, and whatever the library says of it
        return None
    if answer.code in (DisconnectACK, CoAACK):
        return "yes"
    if answer.code in (DisconnectNAK, CoANAK):
        return "gone" if cause and cause[0] == NO_SUCH_SESSION else "no"
    return None


class _Answers(asyncio.DatagramProtocol):
    """What comes back, until something counts."""

    def __init__(self, asked: CoAPacket) -> None:
        self._asked = asked
        self.said: asyncio.Future[Said] = asyncio.get_running_loop().create_future()

    def datagram_received(self, data: bytes, addr: object) -> None:
        said = said_by(self._asked, data)
        if said is not None and not self.said.done():
            self.said.set_result(said)

    def error_received(self, exc: Exception) -> None:
        """Nobody listens there now; it is asked again all the same."""


async def ask(host: str, port: int, asked: CoAPacket, *, policy: Policy, clock: Clock) -> Said:
    """Send a request up to `TRIES` times; silent: nobody answered, and nothing is known.

    Raises `AddressRefused` for an address at which no router may be.
    """
    judge(ip_address(host), policy)
    loop = asyncio.get_running_loop()
    data = asked.RequestPacket()
    try:
        transport, answers = await loop.create_datagram_endpoint(lambda: _Answers(asked), remote_addr=(host, port))
    except OSError:
        return "silent"
    try:
        for _ in range(TRIES):
            transport.sendto(data)
            await first(asyncio.shield(answers.said), clock.sleep(REPEAT_MS))
            if answers.said.done():
                return answers.said.result()
        return "silent"
    finally:
        transport.close()
