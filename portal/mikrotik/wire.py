"""Reaching a router: TCP, TLS with a pinned certificate, login; what comes out is a `Wire`.

The pin is the SHA-256 of the router's own certificate, taken when the router is added; it stands in for authority
and host name, neither of which a router has. It is compared before the password is sent. Plain TCP only where the
operator declared a tunnel. Where a router may be at all says the policy of `addresses`, asked with every connection.
"""

from __future__ import annotations

import asyncio
import hashlib
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, TypeVar

from portal.errors import Misconfigured, RouterTrap, RouterUnreachable
from portal.mikrotik.addresses import Policy, Resolve, reach, resolve
from portal.mikrotik.link import FAREWELL_S, MAX_HELD, Held, Observe, Reply, Row, Wire
from portal.mikrotik.pace import Pace
from portal.mikrotik.replies import RouterCertificateChanged, RouterRefusedLogin

__all__ = ["Address", "Held", "Reply", "Row", "Wire", "connect", "fingerprint_of"]

P = TypeVar("P", bound=asyncio.BaseProtocol)


@dataclass(frozen=True, kw_only=True, slots=True)
class Address:
    """Where a router answers, as whom we come, and what its certificate is (SHA-256 in hex, colons allowed).

    `policy` has no default, so that nobody connects without having thought of it.
    """

    host: str
    port: int
    policy: Policy
    username: str
    password: str = field(repr=False)
    fingerprint: str | None = None
    tunnel: bool = False

    @property
    def where(self) -> str:
        return f"{self.host}:{self.port}"


async def connect(
    address: Address,
    *,
    timeout_s: float = 10,
    observe: Observe | None = None,
    pace: Pace | None = None,
    resolve: Resolve = resolve,
    max_held: int = MAX_HELD,
    held: Held | None = None,
) -> Wire:
    """A connection that is logged in. Keep one `Pace` per router and hand it in, so that what it learned stays.

    `max_held`: bytes of unfinished answers that are taken from it; `held`: what is taken from all routers together.
    """
    if not address.fingerprint and not address.tunnel:
        raise Misconfigured(
            f"router {address.where}: pin its certificate, or declare that a tunnel protects the way to it"
        )
    wire = Wire(pace=pace, held=held)
    try:
        async with asyncio.timeout(timeout_s):
            ips = await reach(address.host, address.port, tunnel=address.tunnel, policy=address.policy, resolve=resolve)
            await _open(wire, address, ips)
            await _login(wire, address, timeout_s)
    except (OSError, TimeoutError) as error:
        wire.drop("the connection was not made")
        raise RouterUnreachable(f"router {address.where}: {_reason(error)}") from error
    except BaseException:
        wire.drop("the login did not succeed")
        raise
    wire.max_held = max_held
    if observe is not None:
        wire.observe = observe
    return wire


async def fingerprint_of(
    host: str, port: int, *, policy: Policy, timeout_s: float = 10, resolve: Resolve = resolve
) -> str:
    """The certificate that answers there now, for a person to compare when a router is added."""
    transport: asyncio.BaseTransport | None = None
    try:
        async with asyncio.timeout(timeout_s):
            ips = await reach(host, port, tunnel=False, policy=policy, resolve=resolve)
            transport = await _first(ips, port, asyncio.Protocol, ssl=_tls(), ssl_shutdown_timeout=FAREWELL_S)
            return _fingerprint(transport)
    except (OSError, TimeoutError) as error:
        raise RouterUnreachable(f"router {host}:{port}: {_reason(error)}") from error
    finally:
        if isinstance(transport, asyncio.WriteTransport):
            transport.abort()


async def _open(wire: Wire, address: Address, ips: Sequence[str]) -> None:
    if not address.fingerprint:
        await _first(ips, address.port, lambda: wire)
        return
    transport = await _first(ips, address.port, lambda: wire, ssl=_tls(), ssl_shutdown_timeout=FAREWELL_S)
    found = _fingerprint(transport)
    if not found or found != _plain(address.fingerprint):
        raise RouterCertificateChanged(
            f"router {address.where}: another certificate than the pinned one; if it was renewed, pin the new one"
        )


async def _first(ips: Sequence[str], port: int, protocol: Callable[[], P], **tls: Any) -> asyncio.BaseTransport:
    """A connection to the first of these that answers. They are addresses already: nothing is resolved again."""
    loop = asyncio.get_running_loop()
    for ip in ips[:-1]:
        try:
            return (await loop.create_connection(protocol, ip, port, **tls))[0]
        except OSError:
            continue
    return (await loop.create_connection(protocol, ips[-1], port, **tls))[0]


async def _login(wire: Wire, address: Address, timeout_s: float) -> None:
    """Name and password in one sentence; a router before 6.43 ignores them and returns a challenge."""
    names = {"name": address.username}
    try:
        first = await wire.ask("/login", names | {"password": address.password}, urgent=True, timeout_s=timeout_s)
        if first.returned:
            response = _response(address.password, first.returned)
            await wire.ask("/login", names | {"response": response}, urgent=True, timeout_s=timeout_s)
    except RouterTrap as trap:
        raise RouterRefusedLogin(f"router {address.where} refused the API account: {trap.message}") from trap
    except RouterUnreachable as error:
        # after five wrong logins the refusal is a !fatal (facts/mikrotik.md 1.3)
        kind = (
            RouterRefusedLogin if "before login" in str(error) or "not logged in" in str(error) else RouterUnreachable
        )
        raise kind(f"router {address.where}: {error}") from error


def _response(password: str, challenge: str) -> str:
    """The answer of routers before 6.43: MD5 over a zero byte, the password and the challenge."""
    try:
        secret = b"\0" + password.encode() + bytes.fromhex(challenge)
    except ValueError as error:
        raise RouterUnreachable("the challenge of the login is not hexadecimal") from error
    return "00" + hashlib.md5(secret, usedforsecurity=False).hexdigest()


@lru_cache(maxsize=1)
def _tls() -> ssl.SSLContext:
    """Encryption without authorities; who answers is settled by the pin. One for all: making it is dear."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _fingerprint(transport: asyncio.BaseTransport) -> str:
    """Hex of the SHA-256 of the certificate; "" where there is none (anonymous suites)."""
    session = transport.get_extra_info("ssl_object")
    certificate = session.getpeercert(binary_form=True) if session is not None else None
    return hashlib.sha256(certificate).hexdigest() if certificate else ""


def _plain(fingerprint: str) -> str:
    return fingerprint.replace(":", "").replace(" ", "").lower()


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return str(error) or type(error).__name__
