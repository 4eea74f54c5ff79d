"""To which addresses alarms may be sent: whoever types one could else make the portal knock at doors inside.

Webhooks go to public addresses alone, unless the operator lets in networks of their own (BANDO_WEBHOOK_NETWORKS). What
is refused always, how a host may be written, and that a name is resolved once and every address of it must pass, is the
policy of routers' addresses (decision 19). Pure but for `reach`.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from portal.errors import BandoError
from portal.mikrotik import addresses as routers
from portal.mikrotik.addresses import HTTPS, LOOPBACK, MOST_ADDRESSES, NEVER_PORTS, AddressRefused, Resolve
from portal.settings import Network, Settings

LONGEST = 500
EVERYWHERE: tuple[Network, ...] = (ipaddress.ip_network("0.0.0.0/0"), ipaddress.ip_network("::/0"))
_EMAIL = re.compile(r"[A-Za-z0-9._+'-]{1,64}@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]{2,63}")


class Forbidden(BandoError):
    """The address is one to which no alarm is sent."""


@dataclass(frozen=True, kw_only=True)
class Policy:
    """`allowed`: private networks in which webhooks may be. `loopback`: the sandbox, whose receivers are here."""

    allowed: tuple[Network, ...] = ()
    platform: tuple[Network, ...] = ()
    loopback: bool = False

    @classmethod
    def of(cls, settings: Settings) -> Policy:
        return cls(allowed=settings.webhook_networks, platform=settings.platform_networks, loopback=settings.sandbox)


@dataclass(frozen=True, kw_only=True)
class Target:
    """A webhook's address in its parts; `path` with its query."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def named(self) -> str:
        """The host as a header has it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        usual = {"https": 443, "http": 80}[self.scheme]
        return host if self.port == usual else f"{host}:{self.port}"


def target(url: str, policy: Policy) -> Target:
    """The address of a webhook as somebody typed it; raises `Forbidden`."""
    if len(url) > LONGEST or not url.isascii() or not url.isprintable() or set(url) & set(' \\"<>^`{|}'):
        raise Forbidden
    try:
        parts = urlsplit(url)
        port = HTTPS if parts.port is None else parts.port
        host = routers.host_of(parts.hostname or "")
    except (ValueError, AddressRefused):
        raise Forbidden from None
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise Forbidden
    here = _is_here(host) and policy.loopback
    if (not here and (parts.scheme != "https" or not _port(port))) or parts.scheme not in ("https", "http"):
        raise Forbidden
    found = Target(
        scheme=parts.scheme, host=host, port=port, path=(parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    )
    if _literal(host) is not None:
        judge(host, policy)
    return found


def _port(port: int) -> bool:
    return port == HTTPS or (port >= 1024 and port not in NEVER_PORTS)


def _literal(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _is_here(host: str) -> bool:
    ip = _literal(host)
    return ip is not None and any(ip.version == each.version and ip in each for each in LOOPBACK)


def judge(text: str, policy: Policy) -> None:
    """Raise `Forbidden` unless alarms may be sent to this IP address."""
    ip = _literal(text)
    if ip is None:
        raise Forbidden
    if policy.loopback and _is_here(text):
        return
    try:
        routers.judge(ip, routers.Policy(allowed=EVERYWHERE, platform=policy.platform))
    except AddressRefused:
        raise Forbidden from None
    inside = any(ip.version == each.version and ip in each for each in policy.allowed)
    if not (ip.is_global or inside) or routers.is_own(text):
        raise Forbidden


async def reach(found: Target, policy: Policy, resolve: Resolve) -> Sequence[str]:
    """The IP addresses to connect to, all of them judged; raises `Forbidden`, or `OSError` for an unknown name."""
    if _literal(found.host) is not None:
        ips: Sequence[str] = [found.host]
    else:
        ips = list(dict.fromkeys(await resolve(found.host, found.port)))[:MOST_ADDRESSES]
    for each in ips:
        judge(each, policy)
    if not ips:
        raise OSError("the name has no address")
    return ips


def email(text: str) -> str:
    """An e-mail address as it is kept; raises `Forbidden`. Nothing that a header could be made of passes."""
    if len(text) > 254 or not _EMAIL.fullmatch(text) or ".." in text or text.startswith("."):
        raise Forbidden
    return text
