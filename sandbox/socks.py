"""The server's half of a SOCKS5 handshake (RFC 1928): no authentication, CONNECT only."""

from __future__ import annotations

import asyncio
import ipaddress
import struct
from dataclasses import dataclass

SOCKS = 5
OK, NO_NETWORK, NO_HOST, REFUSED, BAD_COMMAND = 0, 3, 4, 5, 7


@dataclass(frozen=True, kw_only=True)
class Target:
    """Where the phone wants to go."""

    host: str
    port: int

    @property
    def address(self) -> str:
        """The IP address behind it: what was given, or the one the sandbox's DNS would tell."""
        return self.host if is_address(self.host) else pretend_address(self.host)


def is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def pretend_address(name: str) -> str:
    """A stable address for a name, out of the range set aside for benchmarks (198.18.0.0/15)."""
    spread = sum(ord(sign) * 31**place for place, sign in enumerate(name)) % 0x1FFFE
    return str(ipaddress.ip_address("198.18.0.1") + spread)


def socks_reply(code: int) -> bytes:
    return bytes([SOCKS, code, 0, 1, 0, 0, 0, 0, 0, 0])


async def read_target(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Target | None:
    """The SOCKS5 handshake (RFC 1928): no authentication, CONNECT only."""
    version, methods = await reader.readexactly(2)
    offered = await reader.readexactly(methods)
    if version != SOCKS or 0 not in offered:
        writer.write(bytes([SOCKS, 0xFF]))
        return None
    writer.write(bytes([SOCKS, 0]))
    _, command, _, kind = await reader.readexactly(4)
    host = await _read_host(reader, kind)
    (port,) = struct.unpack("!H", await reader.readexactly(2))
    if command != 1:
        writer.write(socks_reply(BAD_COMMAND))
        return None
    return Target(host=host, port=port)


async def _read_host(reader: asyncio.StreamReader, kind: int) -> str:
    if kind == 1:
        return str(ipaddress.IPv4Address(await reader.readexactly(4)))
    if kind == 4:
        return str(ipaddress.IPv6Address(await reader.readexactly(16)))
    if kind != 3:
        raise ValueError("unknown kind of address")
    (length,) = await reader.readexactly(1)
    return (await reader.readexactly(length)).decode("ascii").lower().rstrip(".")
