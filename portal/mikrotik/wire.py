"""Reaching a router: TCP, TLS with a pinned certificate, login; what comes out is a `Wire`.

The pin is the SHA-256 of the router's own certificate, taken when the router is added; it stands in for authority
and host name, neither of which a router has. It is compared before the password is sent. Plain TCP only where the
operator declared a tunnel.
"""

from __future__ import annotations

import asyncio
import hashlib
import ssl
from dataclasses import dataclass, field

from portal.errors import Misconfigured, RouterTrap, RouterUnreachable
from portal.mikrotik.link import FAREWELL_S, Observe, Reply, Row, Wire
from portal.mikrotik.pace import Pace
from portal.mikrotik.replies import RouterCertificateChanged, RouterRefusedLogin

__all__ = ["Address", "Reply", "Row", "Wire", "connect", "fingerprint_of"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Address:
    """Where a router answers, as whom we come, and what its certificate is (SHA-256 in hex, colons allowed)."""

    host: str
    port: int
    username: str
    password: str = field(repr=False)
    fingerprint: str | None = None
    tunnel: bool = False

    @property
    def where(self) -> str:
        return f"{self.host}:{self.port}"


async def connect(
    address: Address, *, timeout_s: float = 10, observe: Observe | None = None, pace: Pace | None = None
) -> Wire:
    """A connection that is logged in. Keep one `Pace` per router and hand it in, so that what it learned stays."""
    if not address.fingerprint and not address.tunnel:
        raise Misconfigured(
            f"router {address.where}: pin its certificate, or declare that a tunnel protects the way to it"
        )
    wire = Wire(pace=pace)
    try:
        async with asyncio.timeout(timeout_s):
            await _open(wire, address)
            await _login(wire, address, timeout_s)
    except (OSError, TimeoutError) as error:
        wire.drop("the connection was not made")
        raise RouterUnreachable(f"router {address.where}: {_reason(error)}") from error
    except BaseException:
        wire.drop("the login did not succeed")
        raise
    if observe is not None:
        wire.observe = observe
    return wire


async def fingerprint_of(host: str, port: int, *, timeout_s: float = 10) -> str:
    """The certificate that answers there now, for a person to compare when a router is added."""
    try:
        async with asyncio.timeout(timeout_s):
            _, writer = await asyncio.open_connection(host, port, ssl=_tls())
    except (OSError, TimeoutError) as error:
        raise RouterUnreachable(f"router {host}:{port}: {_reason(error)}") from error
    try:
        return _fingerprint(writer.transport)
    finally:
        writer.transport.abort()


async def _open(wire: Wire, address: Address) -> None:
    loop = asyncio.get_running_loop()
    if not address.fingerprint:
        await loop.create_connection(lambda: wire, address.host, address.port)
        return
    transport, _ = await loop.create_connection(
        lambda: wire, address.host, address.port, ssl=_tls(), ssl_shutdown_timeout=FAREWELL_S
    )
    found = _fingerprint(transport)
    if not found or found != _plain(address.fingerprint):
        raise RouterCertificateChanged(
            f"router {address.where}: another certificate than the pinned one; if it was renewed, pin the new one"
        )


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


def _tls() -> ssl.SSLContext:
    """Encryption without authorities; who answers is settled by the pin."""
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
