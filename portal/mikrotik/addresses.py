"""Which addresses Bando connects to when somebody says that a router is there.

An ISP types these addresses, and whoever types an address can make the portal knock at it: at the machine itself, at
the cloud's metadata, at a database next door. Router addresses are rightly private, so private ones cannot simply be
refused. What counts, and in this order: how it is written, the port, what is refused always, the networks of the
installation, the ISP's own ones. All of it is asked again with every connection, since a name may lead elsewhere by
then: a name is resolved once, every address of it must pass, and the connection goes to that very address.

Pure but for `resolve` and `is_own`; no redirect is ever followed, because the router's API has none (decision 19).
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from portal.errors import RouterError
from portal.settings import Network, Settings, networks_of

__all__ = ["AddressRefused", "Policy", "Resolve", "check_typed", "policy_for", "reach", "resolve"]

Ip = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]

API, API_PLAIN, HTTPS = 8729, 8728, 443
MOST_ADDRESSES = 4  # of one name that are tried
# Beside these, whoever listens below 1024 is no router's API; these are what stands unguarded in many networks.
NEVER_PORTS = frozenset(
    {
        1433,
        1521,
        2049,
        2375,
        2376,
        2379,
        3128,
        3306,
        3389,
        5432,
        5672,
        5900,
        6379,
        6443,
        8086,
        9200,
        10250,
        11211,
        27017,
    }
)

# Refused whatever the installation allows. The last ones are where clouds keep their metadata and keys: some of them
# lie inside of networks that routers rightly have.
NEVER: tuple[Network, ...] = tuple(
    ipaddress.ip_network(text)
    for text in (
        *("0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24"),
        *("198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
        "::/8",  # unspecified, loopback, and IPv4 written as IPv6
        *("64:ff9b::/96", "64:ff9b:1::/48"),  # NAT64
        *("100::/64", "2001::/23", "2001:db8::/32", "3fff::/20"),  # discard, Teredo and its kin, documentation
        "2002::/16",  # 6to4
        *("5f00::/16", "fe80::/10", "fec0::/10", "ff00::/8"),  # segment routing, link-local, site-local, multicast
        *("100.100.100.200/32", "168.63.129.16/32", "fd00:ec2::/32", "fd20:ce::254/128"),
    )
)
NOWHERE: tuple[Network, ...] = (ipaddress.ip_network("0.0.0.0/32"),)
LOOPBACK: tuple[Network, ...] = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))
_ISATAP = re.compile(r"(?:00|02)005efe")  # IPv4 in the last half of an IPv6 address, in any network

_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_NAME = re.compile(rf"(?:{_LABEL}\.)+{_LABEL}")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")  # a last label that some resolvers read as an address
# Names that mean this machine or its neighbours wherever they are asked.
_INSIDE = ("localhost", "localdomain", "local", "internal", "arpa", "onion", "invalid")

REASONS = {
    "router-host": "the address is not written as a plain IP address or a full host name",
    "router-port": "no router's API is at this port: 8729, 443, or one of 1024 and above where nothing else stands",
    "router-port-plain": "port 8728 speaks without TLS, which is for tunnels only",
    "router-plain-public": "this address is public, so no tunnel leads there, and without TLS all could be read",
    "router-forbidden": "no router can be at this address: it leads to the machine itself or is reserved",
    "router-platform": "this address belongs to the network of the portal itself",
    "router-network": "this address is in none of the networks where routers may be (BANDO_ROUTER_NETWORKS)",
    "router-tenant-network": "this address is in none of the networks that the ISP's routers may be in",
}


class AddressRefused(RouterError):
    """The address is one that Bando does not connect to; `key` names the sentence for staff."""

    def __init__(self, key: str, where: str = "") -> None:
        super().__init__(f"router {where}: {REASONS[key]}" if where else REASONS[key])
        self.key = key
        self.reason = REASONS[key]


@dataclass(frozen=True, kw_only=True)
class Policy:
    """Where routers may be: in one of `allowed`, in one of `narrowed` where the ISP has such, and not in `platform`.

    `loopback` is for the sandbox, whose routers are on this machine, at whatever port is free.
    """

    allowed: tuple[Network, ...] = ()
    narrowed: tuple[Network, ...] = ()
    platform: tuple[Network, ...] = ()
    loopback: bool = False


def policy_for(settings: Settings, tenant_networks: str = "") -> Policy:
    """The policy for the routers of an ISP; where its own networks cannot be read, nothing is allowed."""
    try:
        narrowed = networks_of(tenant_networks)
    except ValueError:
        narrowed = NOWHERE
    return Policy(
        allowed=settings.router_networks,
        narrowed=narrowed,
        platform=settings.platform_networks,
        loopback=settings.sandbox,
    )


# -- how it is written ----------------------------------------------------------------------------


def host_of(text: str) -> str:
    """The address as it is kept: an IP address or a full name, in one spelling; raises `AddressRefused`.

    Other spellings of numbers (``0x7f.1``, ``2130706433``, ``0177.0.0.1``) mean different things to different
    resolvers, so they are refused and not understood.
    """
    ip = _literal(text)
    if ip is not None:
        return str(ip)
    name = text.lower()
    labels = name.split(".")
    if len(name) > 253 or not text.isascii() or not _NAME.fullmatch(name) or _NUMBER.fullmatch(labels[-1]):
        raise AddressRefused("router-host")
    if labels[-1] in _INSIDE:
        raise AddressRefused("router-forbidden")
    return name


def _literal(text: str) -> Ip | None:
    """An IP address, or None; zone ids, brackets, blanks and leading zeros are none."""
    if not text.isascii() or "%" in text or text != text.strip():
        return None
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def check_port(port: int, *, tunnel: bool) -> None:
    """Raise `AddressRefused` for a port at which no router's API is."""
    if port == API_PLAIN and not tunnel:
        raise AddressRefused("router-port-plain")
    if port in NEVER_PORTS or not (port == HTTPS or 1024 <= port <= 65535):
        raise AddressRefused("router-port")


# -- where it leads -------------------------------------------------------------------------------


def judge(ip: Ip, policy: Policy, *, tunnel: bool = False) -> None:
    """Raise `AddressRefused` unless a router may be at this address; in a `tunnel` Bando speaks without TLS."""
    if policy.loopback and _in(ip, LOOPBACK):
        return
    if _in(ip, NEVER) or _hides_ipv4(ip):
        raise AddressRefused("router-forbidden")
    if _in(ip, policy.platform):
        raise AddressRefused("router-platform")
    if not _in(ip, policy.allowed):
        raise AddressRefused("router-network")
    if policy.narrowed and not _in(ip, policy.narrowed):
        raise AddressRefused("router-tenant-network")
    if tunnel and ip.is_global:
        raise AddressRefused("router-plain-public")


def _in(ip: Ip, networks: Sequence[Network]) -> bool:
    return any(ip.version == each.version and ip in each for each in networks)


def _hides_ipv4(ip: Ip) -> bool:
    return ip.version == 6 and bool(_ISATAP.fullmatch(ip.packed[8:12].hex()))


def check_typed(host: str, port: int, *, tunnel: bool, policy: Policy) -> str:
    """What somebody typed, as it is kept; raises `AddressRefused`. Where a name leads is asked at each connection."""
    kept = host_of(host)
    ip = _literal(kept)
    if ip is not None:
        judge(ip, policy, tunnel=tunnel)
    if not (policy.loopback and ip is not None and _in(ip, LOOPBACK)):
        check_port(port, tunnel=tunnel)
    return kept


async def reach(host: str, port: int, *, tunnel: bool, policy: Policy, resolve: Resolve) -> list[str]:
    """The IP addresses to connect to, all of them judged; raises `AddressRefused`, or `OSError` for an unknown name."""
    try:
        kept = check_typed(host, port, tunnel=tunnel, policy=policy)
        literal = _literal(kept) is not None
        found = [kept] if literal else list(dict.fromkeys(await resolve(kept, port)))[:MOST_ADDRESSES]
        for text in found:
            _judge_found(text, policy, tunnel)
    except AddressRefused as refused:
        raise AddressRefused(refused.key, f"{host}:{port}") from None
    if not found:
        raise OSError("the name has no address")
    return found


def _judge_found(text: str, policy: Policy, tunnel: bool) -> None:
    ip = _literal(text)
    if ip is None:
        raise AddressRefused("router-forbidden")
    judge(ip, policy, tunnel=tunnel)
    if not policy.loopback and is_own(text):
        raise AddressRefused("router-platform")


def is_own(ip: str) -> bool:
    """Whether this is an address of this very machine: then it is also the one it would come from. Nothing is sent."""
    with socket.socket(socket.AF_INET6 if ":" in ip else socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((ip, API))
        except OSError:
            return False
        return bool(probe.getsockname()[0] == ip)


async def resolve(host: str, port: int) -> Sequence[str]:
    """What the machine's resolver says of a name."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(each[4][0]) for each in found]
