"""The form of a router, read strictly, and the set-up script that its answers make. Pure."""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, cast
from urllib.parse import urlsplit

from portal.console import asked
from portal.errors import Misconfigured, Refused
from portal.mikrotik.addresses import AddressRefused, Policy, check_typed
from portal.mikrotik.provisioning import Calling, Radius, ScriptOptions, script
from portal.tenancy.store import AsksRadius, Router

LONGEST_NAME = 60
LONGEST_PORTS = 300
SHORTEST_PASSWORD = 16  # that a script takes; the command line can be given others
MOST_ADDRESSES = 8  # of the portal
KINDS = ("ports", "bridge", "adopt")
VERSIONS = ("7", "6")

# What stands in the form before anybody has typed. The port follows from the way to the router.
EMPTY = {
    "way": "tls",
    "kind": "ports",
    "interface": "ether2",
    "wan": "ether1",
    "network": "10.5.50.0/24",
    "version": "7",
    "hotspot_host": "login.wifi",
}
NAMES = (
    *("key", "name", "host", "port", "way", "management", "kind", "interface", "version"),
    *("hotspot_host", "wan", "network", "certificate", "addresses", "coa_port"),
)
# The field beside which each sentence stands.
BESIDE = {
    **dict.fromkeys(("router-name", "router-name-taken"), "name"),
    **dict.fromkeys(
        ("router-host", "router-forbidden", "router-platform", "router-network", "router-tenant-network"), "host"
    ),
    "router-plain-public": "host",
    **dict.fromkeys(("router-port", "router-port-plain"), "port"),
    **dict.fromkeys(("router-interface", "router-interfaces"), "interface"),
    **dict.fromkeys(("router-lan", "router-overlap"), "network"),
    "router-management": "management",
    "router-server": "management",
    **dict.fromkeys(("router-source", "router-source-taken"), "host"),
    "router-coa-port": "coa_port",
    "router-wan": "wan",
    "router-hotspot-host": "hotspot_host",
    "router-certificate": "certificate",
    "router-addresses": "addresses",
}
ADVANCED = frozenset({"wan", "network", "hotspot_host", "certificate", "addresses", "port", "coa_port"})
WAYS = ("tls", "tunnel", "radius")

_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_HOST = re.compile(rf"(?:{_LABEL}\.)+{_LABEL}")
_UNSEEN = re.compile(r"[\s\u115f\u1160\u3164\uffa0\u2800]*")  # letters by name, blanks to the eye
_CERTIFICATE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,59}")
_PIN = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, kw_only=True)
class Answers:
    """What the set-up script has to know beside the router itself."""

    kind: str
    interface: str
    wan: str
    network: str
    management: str
    version: str
    certificate: str = ""
    addresses: str = ""

    def kept(self) -> str:
        return json.dumps(asdict(self), ensure_ascii=False)


@dataclass(frozen=True, kw_only=True)
class Wished:
    """A router as somebody wants it."""

    name: str
    host: str
    port: int
    tunnel: bool
    hotspot_host: str
    answers: Answers
    asks: AsksRadius | None = None  # it asks RADIUS, and Bando does not call it

    @property
    def columns(self) -> dict[str, Any]:
        """As it is kept."""
        return {
            "name": self.name,
            "host": self.host,
            "port": self.port,
            "tunnel": self.tunnel,
            "hotspot_host": self.hotspot_host,
            "answers": self.answers.kept(),
        }

    def told(self) -> dict[str, object]:
        """As the audit log keeps it."""
        plain = {name: value for name, value in self.columns.items() if name != "answers"}
        if self.asks:
            plain |= {"mode": "radius", "coa_port": self.asks.coa_port}
        return {**plain, **{name: value for name, value in asdict(self.answers).items() if value}}


def wished(fields: Mapping[str, str], policy: Policy, portal_host: str) -> Wished:
    """The router that was asked for; raises `Refused`."""
    way = asked.one_of(fields.get("way", ""), WAYS)
    name, tunnel = _name(fields.get("name", "")), way == "tunnel"
    asks = _asking(fields, policy) if way == "radius" else None
    host, port = (asks.source, 8729) if asks else _address(fields, tunnel, policy)
    answers = _answers(fields)
    if asks and not _is_ipv4(answers.management):
        raise Refused("router-server")
    return Wished(
        name=name,
        host=host,
        port=port,
        tunnel=tunnel,
        hotspot_host=_hotspot_host(fields.get("hotspot_host", ""), answers, portal_host),
        answers=answers,
        asks=asks,
    )


def _asking(fields: Mapping[str, str], policy: Policy) -> AsksRadius:
    """A router that asks: known by the address that its packets come from, which is one of a tunnel."""
    typed = fields.get("coa_port", "").strip()
    if typed and not (re.fullmatch(r"[0-9]{1,5}", typed) and 1 <= int(typed) <= 65_535):
        raise Refused("router-coa-port")
    source = fields.get("host", "").strip(" ")
    if not _is_ipv4(source):
        raise Refused("router-source")
    try:
        return AsksRadius(
            source=check_typed(source, int(typed or 3799), tunnel=True, policy=policy),
            coa_port=int(typed) if typed else None,
        )
    except AddressRefused as refused:
        raise Refused("host" if refused.key == "router-port" else refused.key) from None


def _name(text: str) -> str:
    plain = " ".join(text.split(" ")).strip()
    if not 1 <= len(plain) <= LONGEST_NAME or not plain.isprintable() or _UNSEEN.fullmatch(plain):
        raise Refused("router-name")
    return plain


def _address(fields: Mapping[str, str], tunnel: bool, policy: Policy) -> tuple[str, int]:
    typed = fields.get("port", "").strip() or ("8728" if tunnel else "8729")
    if not re.fullmatch(r"[0-9]{1,5}", typed):
        raise Refused("router-port")
    try:
        return check_typed(fields.get("host", "").strip(" "), int(typed), tunnel=tunnel, policy=policy), int(typed)
    except AddressRefused as refused:
        raise Refused(refused.key) from None


def _answers(fields: Mapping[str, str]) -> Answers:
    kind = asked.one_of(fields.get("kind", ""), KINDS)
    management = _network(fields.get("management", ""), 1, 32, "router-management")
    network = _network(fields.get("network", ""), 16, 27, "router-lan")
    if kind != "adopt" and ipaddress.IPv4Network(management).overlaps(ipaddress.IPv4Network(network)):
        raise Refused("router-overlap")
    return Answers(
        kind=kind,
        interface=_interface(fields.get("interface", ""), kind),
        wan=_words(fields.get("wan", ""), 60, "router-wan"),
        network=network,
        management=management,
        version=asked.one_of(fields.get("version", ""), VERSIONS),
        certificate=_certificate(fields.get("certificate", ""), fields.get("hotspot_host", "")),
        addresses=_addresses(fields.get("addresses", "")),
    )


def _network(text: str, shortest: int, longest: int, key: str) -> str:
    """An IPv4 network, or a single address where that is long enough; raises `Refused(key)`."""
    plain = text.strip(" ")
    try:
        if not re.fullmatch(r"[0-9.]{7,15}(?:/[0-9]{1,2})?", plain):
            raise Refused(key)
        if not shortest <= ipaddress.IPv4Network(plain).prefixlen <= longest:
            raise Refused(key)
    except ValueError:
        raise Refused(key) from None
    return plain


def _interface(text: str, kind: str) -> str:
    ports = [each.strip() for each in text.split(",")]
    if len(ports) > 1 and kind != "ports":
        raise Refused("router-interfaces")
    if len(text) > LONGEST_PORTS:
        raise Refused("router-interface")
    return ",".join(_words(each, 60, "router-interface") for each in ports)


def _words(text: str, longest: int, key: str) -> str:
    plain = text.strip()
    if not 1 <= len(plain) <= longest or not plain.isprintable():
        raise Refused(key)
    return plain


def _certificate(text: str, hotspot_host: str) -> str:
    plain = text.strip()
    if plain and not (_CERTIFICATE.fullmatch(plain) and hotspot_host.strip()):
        raise Refused("router-certificate")
    return plain


def _addresses(text: str) -> str:
    found = text.replace(",", " ").split()
    try:
        kept = [str(ipaddress.IPv4Address(each)) for each in found]
    except ValueError:
        raise Refused("router-addresses") from None
    if len(kept) > MOST_ADDRESSES:
        raise Refused("router-addresses")
    return " ".join(kept)


def _hotspot_host(text: str, answers: Answers, portal_host: str) -> str:
    """The host of the router's login page: a name, or where there is none the router's address towards the guests."""
    plain, gateway = text.strip(" ").lower(), str(ipaddress.IPv4Network(answers.network)[1])
    if not plain and answers.kind != "adopt":
        return gateway
    if plain == gateway or (answers.kind == "adopt" and _is_ipv4(plain)):
        return plain
    good = len(plain) <= 253 and _HOST.fullmatch(plain) and not plain.endswith(".local") and not _is_number(plain)
    if not good or plain == portal_host.lower():
        raise Refused("router-hotspot-host")
    return plain


def _is_number(host: str) -> bool:
    return host.rsplit(".", 1)[-1].isdigit()


def _is_ipv4(text: str) -> bool:
    try:
        ipaddress.IPv4Address(text)
    except ValueError:
        return False
    return True


def pin_of(text: str) -> str:
    """A fingerprint as it is kept; raises `Refused`."""
    plain = text.replace(":", "").replace(" ", "").lower()
    if not _PIN.fullmatch(plain):
        raise Refused("router-pin")
    return plain


# -- from what is kept ----------------------------------------------------------------------------


def filled(router: Router) -> dict[str, str]:
    """The form of a router that is there."""
    plain = {"port": 8728 if router.tunnel else 8729}
    return {
        **EMPTY,
        **answers_of(router),
        "name": router.name,
        "host": router.host,
        "port": "" if router.port == plain["port"] else str(router.port),
        "way": "radius" if router.mode == "radius" else "tunnel" if router.tunnel else "tls",
        "coa_port": str(router.coa_port or ""),
        "hotspot_host": router.hotspot_host,
    }


def answers_of(router: Router) -> dict[str, str]:
    """What was answered for its script; nothing for a router of the command line."""
    return cast(dict[str, str], json.loads(router.answers))


def script_of(
    router: Router,
    password: str,
    portal_url: str,
    time_zone: str,
    payment_hosts: tuple[str, ...] = (),
    *,
    calling: Calling | None = None,
    secret: str = "",
) -> str:
    """The set-up script of a router; raises `Refused`."""
    known = answers_of(router)
    if not known:
        raise Refused("router-unasked", status=409)
    if urlsplit(portal_url).scheme != "https":
        raise Refused("router-portal", status=409)
    if router.mode == "api" and len(password) < SHORTEST_PASSWORD:
        raise Refused("router-password-short", status=409)
    answers = Answers(**known)
    try:
        return script(
            ScriptOptions(
                interface=answers.interface,
                site=router.name,
                portal_url=portal_url,
                router_public=router.public,
                management=answers.management,
                api_user=router.username,
                api_password=password,
                radius=_radius(router, answers.management, secret),
                network=answers.network,
                wan=answers.wan,
                version=cast(Literal[6, 7], int(answers.version)),
                bridge=answers.kind == "bridge",
                adopt=answers.kind == "adopt",
                tunnel=router.tunnel,
                dns_name="" if _is_ipv4(router.hotspot_host) else router.hotspot_host,
                certificate=answers.certificate,
                portal_addresses=tuple(answers.addresses.split()),
                payment_hosts=payment_hosts,
                calling=calling,
                time_zone=time_zone,
            )
        )
    except Misconfigured:  # a setting of the installation has changed since
        raise Refused("router-unasked", status=409) from None


def _radius(router: Router, server: str, secret: str) -> Radius | None:
    if router.mode != "radius":
        return None
    return Radius(server=server, source=router.radius_source or "", secret=secret, coa_port=router.coa_port)
