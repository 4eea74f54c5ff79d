"""The .rsc file that sets a router up for Bando (facts/mikrotik.md 8.2).

It is made for `/import`: statement by statement, so that a refusal stops it before anything has changed. It may be
imported again: what is there stays, what is missing is added. Nothing in it relies on the router's clock, which may
say 1970: the certificate is pinned, not dated, and pages that were fetched are compared with the text in the script.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlsplit

from portal.errors import Misconfigured
from portal.mikrotik import calling, hotspot_steps, radius_steps
from portal.mikrotik import router_steps as steps
from portal.mikrotik.calling import Calling
from portal.mikrotik.radius_steps import Radius
from portal.mikrotik.router_files import files
from portal.mikrotik.script import Step, quote, verification

__all__ = ["Calling", "Radius", "ScriptOptions", "files", "script"]


@dataclass(frozen=True, kw_only=True)
class ScriptOptions:
    """What has to be known of a router and its site.

    `interface`: the ports of the guests, separated by commas; with `bridge` one bridge that exists; with `adopt`
    the interface on which the hotspot runs already. `management`: the address or network from which Bando comes.
    `tunnel`: the API is spoken plain, inside of the operator's tunnel.
    `radius`: the router asks RADIUS, and no API, its user and `management` are needed.
    `certificate`: the name of a trusted certificate for `dns_name` that the router has; only then is option 114 sent.
    """

    interface: str
    site: str
    portal_url: str
    router_public: str
    management: str = ""
    api_password: str = field(default="", repr=False)
    radius: Radius | None = None
    api_user: str = "bando"
    network: str = "10.5.50.0/24"
    wan: str = "ether1"
    version: Literal[6, 7] = 7
    bridge: bool = False
    adopt: bool = False
    tunnel: bool = False
    dns_name: str = ""
    certificate: str = ""
    portal_addresses: tuple[str, ...] = ()
    payment_hosts: tuple[str, ...] = ()  # where guests pay on a page of a provider
    calling: Calling | None = None  # the router calls us each minute
    time_zone: str = "Africa/Nairobi"
    ntp_servers: tuple[str, ...] = ("162.159.200.1", "162.159.200.123")
    dns_servers: tuple[str, ...] = ("1.1.1.1", "9.9.9.9")

    def __post_init__(self) -> None:
        for wrong, sentence in _doubts(self):
            if wrong:
                raise Misconfigured(sentence)

    @property
    def portal_host(self) -> str:
        return urlsplit(self.portal_url).hostname or ""

    @property
    def subnet(self) -> ipaddress.IPv4Network:
        return ipaddress.IPv4Network(self.network)

    @property
    def gateway(self) -> str:
        """The router's own address towards the guests."""
        return str(self.subnet[1])

    @property
    def hotspot_host(self) -> str:
        """The host of link-login, to be registered with the router."""
        return self.dns_name or self.gateway

    @property
    def hotspot_interface(self) -> str:
        return self.interface if self.bridge or self.adopt else "bando"

    @property
    def ports(self) -> tuple[str, ...]:
        return tuple(port.strip() for port in self.interface.split(","))

    @property
    def mode(self) -> str:
        return "radius" if self.radius else "api"

    @property
    def directory(self) -> str:
        """Version 6 cannot make a directory, so there the stock one is used, which a fresh router has."""
        return "hotspot" if self.version == 6 and not self.adopt else "bando"


def _doubts(options: ScriptOptions) -> list[tuple[bool, str]]:
    portal, name = urlsplit(options.portal_url), options.dns_name.lower()
    return [
        (not options.interface.strip(), "Say on which interface the guests are: --interface ether2"),
        ("," in options.interface and (options.bridge or options.adopt), "Name one interface, not several."),
        (portal.scheme != "https" or not portal.hostname, "The portal's address must begin with https://."),
        (not options.router_public, "The router has no public name yet; add it first: bando router add"),
        (not _is_network(options.network, 16, 27), f"{options.network} is not an IPv4 network between /16 and /27."),
        *(options.radius.doubts() if options.radius else _api_doubts(options)),
        (name == portal.hostname, "The hotspot's DNS name must differ from the portal's host."),
        (name.endswith(".local"), "The hotspot's DNS name must not end in .local: phones do not ask for it."),
        (bool(options.certificate) and not name, "A certificate for the hotspot needs its DNS name: --dns-name"),
        (any(sign in text for sign in "\r\n\0" for text in (options.interface, options.site, options.wan)),
         "A name holds a line break."),
    ]  # fmt: skip


def _api_doubts(options: ScriptOptions) -> list[tuple[bool, str]]:
    return [
        (not _is_network(options.management, 0, 32), f"{options.management} is not an IPv4 address or network."),
        (options.management.endswith("/0"), "The management address may not be the whole internet."),
        (len(options.api_password) < 16, "The password of the API user needs at least 16 characters."),
    ]


def _is_network(text: str, shortest: int, longest: int) -> bool:
    try:
        return shortest <= ipaddress.IPv4Network(text).prefixlen <= longest
    except ValueError:
        return False


def script(options: ScriptOptions) -> str:
    """The file's text. It holds a password or the RADIUS secret: delete it from the router after the import."""
    own = radius_steps.service_side(options, options.radius) if options.radius else steps.service_side(options)
    calls = calling.steps(options, hotspot_steps.authority(options))
    todo: list[Step] = [*own, *hotspot_steps.hotspot_side(options), *calls]
    parts = [
        _header(options),
        *steps.guards(options),
        *calling.guards(options),
        *(f"# {step.what}\n{step.text()}" for step in todo),
        "# read everything again",
        verification(todo),
        *steps.farewell(options),
    ]
    return "\n\n".join(parts) + "\n"


def _header(options: ScriptOptions) -> str:
    what = "takes over the hotspot on" if options.adopt else "sets up a hotspot on"
    return "\n".join(
        (
            f"# Bando {what} {_one_line(options.interface)} of the site {_one_line(options.site)},"
            f" for RouterOS {options.version}.",
            "# Upload this file and import it: /import file-name=bando.rsc (never paste it).",
            "# It may be imported again. It holds a secret: remove it from the router afterwards.",
            f":put {quote('bando: setting up ' + options.site)}",
        )
    )


def _one_line(text: str) -> str:
    return text.encode("ascii", "replace").decode()
