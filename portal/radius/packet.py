"""What FreeRADIUS tells of a packet. Pure.

`rlm_rest` posts ``{"User-Name": {"type": "string", "value": ["x"]}, …}``: every attribute of the packet, numbers as
numbers, octets as ``0x…``, and what our own configuration adds. All of it came from the network first: what cannot be
right is refused with `BadPacket` before anybody looks at it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address
from typing import Any

from portal.errors import BandoError
from portal.mikrotik.values import mac as mac_of

MOST_BYTES = 64 * 1024  # of a body: a packet has at most 4096, and each byte of it at most six characters here
LONGEST = 253  # bytes of one attribute (RFC 2865)
SOURCE = "Bando-Source"  # added by our configuration of FreeRADIUS: the address that the packet came from


class BadPacket(BandoError):
    """This is not what FreeRADIUS says of a packet."""


class Attributes:
    """The attributes of one packet; of several with the same name the first one counts."""

    def __init__(self, given: Mapping[str, Any]) -> None:
        self._given = given  # as `rlm_rest` wraps them: most of them nobody asks for

    def _value(self, name: str) -> Any:
        found = self._given.get(name)
        if found is None:
            return None
        values = found.get("value") if isinstance(found, dict) else None
        if not isinstance(values, list) or not values:
            raise BadPacket(f"{name} has no value")
        return values[0]

    def text(self, name: str) -> str:
        """A text; empty when there is none. What no column takes has a mark in its place, or no spool would end."""
        found = self._value(name)
        if found is None:
            return ""
        if not isinstance(found, str) or len(found) > 2 * LONGEST + 2:
            raise BadPacket(f"{name} is no text")
        return found if found.isprintable() else found.encode(errors="replace").decode().replace("\0", "\ufffd")

    def word(self, name: str) -> str:
        """A name out of a list, or its number, as FreeRADIUS happens to say it; empty when there is none."""
        found = self._value(name)
        return str(found) if isinstance(found, int) else self.text(name)

    def whole(self, name: str) -> int:
        """A whole number from 0 up; 0 when there is none."""
        found = self._value(name)
        if found is None:
            return 0
        if isinstance(found, str) and found.isascii() and found.isdigit() and len(found) < 20:
            found = int(found)
        if not isinstance(found, int) or isinstance(found, bool) or not 0 <= found < 2**63:
            raise BadPacket(f"{name} is no whole number")
        return found

    def octets(self, name: str) -> bytes | None:
        """Bytes; None when there are none."""
        found = self.text(name)
        if not found:
            return None
        try:
            return bytes.fromhex(found.removeprefix("0x"))
        except ValueError:
            raise BadPacket(f"{name} is no octets") from None

    def address(self, name: str) -> str:
        """An IP address; empty when there is none."""
        found = self.text(name)
        try:
            return _address(found) if found else ""
        except ValueError:
            raise BadPacket(f"{name} is no address") from None

    def mac(self, name: str) -> str:
        """A MAC as ``AA:BB:CC:DD:EE:FF``, in whatever of RouterOS's formats it came; empty when it is none."""
        return mac_in(self.text(name))


@lru_cache(maxsize=4096)
def _address(text: str) -> str:
    return str(ip_address(text))


def read(body: bytes) -> Attributes:
    """The attributes in a body of `rlm_rest`; raises `BadPacket`."""
    try:
        found = json.loads(body.decode(errors="replace"))  # what a guest typed may be in no code that we know
    except (ValueError, RecursionError):
        raise BadPacket("no JSON") from None
    if not isinstance(found, dict):
        raise BadPacket("no attributes")
    return Attributes(found)


def mac_in(text: str) -> str:
    """What may be a MAC as ``AA:BB:CC:DD:EE:FF``; empty when it cannot be one."""
    if not 12 <= len(text) <= 17 or not text.isascii():
        return ""
    try:
        return mac_of(text) if not text.strip("0123456789abcdefABCDEF:-.") else ""
    except ValueError:
        return ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Chap:
    """A password that the router has hashed: MD5(id, password, challenge)."""

    id: int
    digest: bytes
    challenge: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class Login:
    """A device that wants to be online (Access-Request)."""

    source: str  # the address that the router's packet came from
    name: str
    password: str  # empty: there was none, or `chap` has it
    chap: Chap | None
    mac: str  # as the router sees it
    session: str  # Acct-Session-Id, which a request that is sent again has again


def login_of(given: Attributes) -> Login:
    """The login in an Access-Request; raises `BadPacket`."""
    mac = given.mac("Calling-Station-Id")
    source = given.address(SOURCE)
    if not mac or not source:
        raise BadPacket("no device, or no source")
    return Login(
        source=source,
        name=given.text("User-Name"),
        password=given.text("User-Password"),
        chap=_chap(given),
        mac=mac,
        session=given.text("Acct-Session-Id"),
    )


def _chap(given: Attributes) -> Chap | None:
    answer, challenge = given.octets("CHAP-Password"), given.octets("CHAP-Challenge")
    if answer is None:
        return None
    if len(answer) != 17 or not challenge:
        raise BadPacket("a CHAP answer without its challenge")
    return Chap(id=answer[0], digest=answer[1:], challenge=challenge)
