"""What a router in RADIUS mode needs instead of an API: whom to ask, how to prove itself, and to be told (facts 6)."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from portal.mikrotik.router_steps import FILTER, PROFILE, basics, network_drops, rule, wan
from portal.mikrotik.script import Act, Raw, Row, Step, Words, found, quote, when

if TYPE_CHECKING:
    from portal.mikrotik.provisioning import ScriptOptions

COMMENT = "bando: radius"
SHORTEST_SECRET = 22  # letters: 128 bits and more
TIMEOUT = "3s"  # the router's own 300 ms are for a server next to it


@dataclass(frozen=True, kw_only=True)
class Radius:
    """How a router asks: `server` as the router reaches it, `source` as FreeRADIUS sees the router."""

    server: str
    source: str
    secret: str = field(repr=False)
    coa_port: int | None = None  # None: it cannot be reached, and a pass then ends by its Session-Timeout
    authentication_port: int = 1812
    accounting_port: int = 1813

    def doubts(self) -> list[tuple[bool, str]]:
        """What is wrong with it, in sentences."""
        return [
            (not _is_address(self.server), f"{self.server} is not an IPv4 address of FreeRADIUS: --radius-server"),
            (not _is_address(self.source), f"{self.source} is not an IPv4 address of the router: --source"),
            (len(self.secret) < SHORTEST_SECRET, "The RADIUS secret needs at least 22 characters."),
        ]


def _is_address(text: str) -> bool:
    try:
        ipaddress.IPv4Address(text)
    except ValueError:
        return False
    return True


def ways(options: ScriptOptions) -> str:
    """How guests log in: the browser by a one-time password, a known device by its MAC; cookies would be stale."""
    return "mac,https,http-pap" if options.certificate else "mac,http-pap"


def profile_words(options: ScriptOptions) -> Words:
    """The hotspot profile's part."""
    return {
        "login-by": ways(options),
        "use-radius": "yes",
        "radius-accounting": "yes",
        "radius-interim-update": "received",
        "radius-mac-format": Raw(quote("XX:XX:XX:XX:XX:XX")),
        "mac-auth-mode": "mac-as-username",
        "nas-port-type": "wireless-802.11",
    }


def service_side(options: ScriptOptions, asks: Radius) -> list[Step]:
    """Name and time, the server, its proof of itself, and Disconnects where the router can be reached."""
    return [*basics(options), *wan(options), *_server(asks), *_incoming(asks), *network_drops(options)]


def _server(asks: Radius) -> list[Step]:
    rest: Words = {
        "service": "hotspot",
        "address": asks.server,
        "secret": Raw(quote(asks.secret)),
        "src-address": asks.source,
        "authentication-port": str(asks.authentication_port),
        "accounting-port": str(asks.accounting_port),
        "timeout": TIMEOUT,
        "disabled": "no",
    }
    mine = f'[/radius find comment="{COMMENT}"]'
    # Versions before 7.15 do not know the property, and would not even read a line that has it.
    demand = f"/radius set {mine} require-message-auth=yes-for-request-resp".replace('"', '\\"')
    old = "this version does not sign what it asks: update to RouterOS 7.15 or newer, or FreeRADIUS stays silent"
    return [
        Row(what="the RADIUS server", menu="/radius", key={"comment": COMMENT}, rest=rest),
        Act(
            what="the signature of every answer",
            script=f':do {{ :local run [:parse "{demand}"]; $run }} on-error={{\n'
            f"  :put {quote('bando: WARNING: ' + old)}\n}}",
        ),
    ]


def _incoming(asks: Radius) -> list[Step]:
    if asks.coa_port is None:
        return []
    off = "[/radius incoming get accept] != true"
    from_us: Words = {
        "src-address": asks.server,
        "protocol": "udp",
        "dst-port": str(asks.coa_port),
        "action": "accept",
    }
    drops: Words = {"chain": "input", "action": "drop", "dynamic": "no"}
    text = f"/radius incoming set accept=yes port={asks.coa_port}"
    return [
        Act(what="Disconnect and CoA", script=text, unless=off),
        rule("the portal may disconnect guests", "input", from_us, before=drops, menu=FILTER),
    ]


def guest_defaults(options: ScriptOptions) -> list[Step]:
    """RADIUS users have the default profile, whose 2 minutes log sleeping phones out; others' it is left as it is."""
    if options.adopt:
        return []
    default = "[/ip hotspot user profile find default=yes]"
    words = "keepalive-timeout=none idle-timeout=none add-mac-cookie=no"
    return [Act(what="phones that sleep stay online", script=f"/ip hotspot user profile set {default} {words}")]


def switched(options: ScriptOptions) -> Act:
    """A router that worked the other way before: its profile is written once more, on purpose."""
    mine = found(PROFILE, {"name": "bando"})
    asks, wanted = f"[{PROFILE} get {mine} use-radius]", "true" if options.radius else "false"
    if options.radius:
        words = " ".join(
            f"{name}={value.text if isinstance(value, Raw) else value}"
            for name, value in profile_words(options).items()
        )
    else:
        ways_of_api = "http-pap,https,mac-cookie" if options.certificate else "http-pap,mac-cookie"
        words = f"use-radius=no login-by={ways_of_api}"
    other = f"{asks} != {wanted}"
    return Act(what="how the hotspot asks", script=when(other, f"{PROFILE} set {mine} {words}"), unless=other)
