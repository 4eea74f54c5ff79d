"""Checks of what guests reach before and after paying: walled gardens, DNS, FastTrack, IPv6."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Sequence

from portal.findings import Finding, fault, warning
from portal.mikrotik.link import Row
from portal.mikrotik.picture import Expected, Picture
from portal.mikrotik.values import flag

# What phones ask to find out whether they are behind a portal (facts/captive-portal.md 1.1).
PROBES = (
    *("captive.apple.com", "www.apple.com", "connectivitycheck.gstatic.com", "www.google.com", "play.googleapis.com"),
    *("clients3.google.com", "connectivitycheck.android.com", "connect.rom.miui.com"),
    *("connectivitycheck.platform.hicloud.com", "www.msftconnecttest.com", "detectportal.firefox.com"),
)
_HOSTS, _IPS = "/ip/hotspot/walled-garden", "/ip/hotspot/walled-garden/ip"
_MATCHERS = (
    *("dst-host", "dst-address", "dst-port", "protocol", "src-address", "src-address-list", "dst-address-list"),
    *("path", "method"),
)


def _portal_in_garden(picture: Picture, expected: Expected) -> Iterator[Finding]:
    if any(_lets_portal_through(row, expected) for row in picture.rows(_IPS)):
        return
    host = expected.portal_host
    listed = any(_matches(row.get("dst-host", ""), host) for row in picture.rows(_HOSTS) if row.get("dst-host"))
    only = " (its line in walled-garden serves plain http only)" if listed else ""
    yield fault(
        "garden",
        f"The walled garden does not let guests reach {host} over https before they pay{only}.",
        f"Run /ip hotspot walled-garden ip add dst-host={host} action=accept.",
    )


def _lets_portal_through(row: Row, expected: Expected) -> bool:
    if row.get("action", "accept") != "accept" or not _port_443(row):
        return False
    if row.get("dst-host"):
        return _matches(row["dst-host"], expected.portal_host)
    addresses = {expected.portal_host, *expected.portal_addresses}
    return any(_covers(row.get("dst-address", ""), address) for address in addresses)


def _port_443(row: Row) -> bool:
    ports = row.get("dst-port", "")
    return not ports or "443" in ports.split(",") or "-" in ports


def _covers(spec: str, address: str) -> bool:
    """Whether an address lies in `spec`: an address, a network or a range."""
    try:
        wanted = ipaddress.IPv4Address(address)
        if "-" in spec:
            first, last = (ipaddress.IPv4Address(end) for end in spec.split("-", 1))
            return first <= wanted <= last
        return wanted in ipaddress.IPv4Network(spec, strict=False)
    except ValueError:
        return False


def _matches(pattern: str, host: str) -> bool:
    """The whole name, with ``*`` and ``?``, or a regular expression after ``:`` (facts/mikrotik.md 5)."""
    if pattern.startswith(":"):
        try:
            return re.search(pattern[1:], host) is not None
        except re.error:
            return False
    regex = "".join({"*": ".*", "?": "."}.get(sign, re.escape(sign)) for sign in pattern.lower())
    return re.fullmatch(regex, host.lower()) is not None


def _probes_in_garden(picture: Picture, expected: Expected) -> Iterator[Finding]:
    for menu, verb in ((_HOSTS, "allow"), (_IPS, "accept")):
        rows = [row for row in picture.rows(menu) if row.get("action", verb) == verb]
        if any(not any(row.get(name) for name in _MATCHERS) for row in rows):
            yield fault(
                "garden-open",
                f"A line of {menu[1:].replace('/', ' ')} without any condition lets everybody through for nothing.",
                f"Remove that line from {menu.replace('/', ' ').strip()}.",
            )
        hosts = [row["dst-host"] for row in rows if row.get("dst-host")]
        for pattern in [pattern for pattern in hosts if any(_matches(pattern, probe) for probe in PROBES)]:
            yield fault(
                "garden-probe",
                f"The walled garden lets {pattern} through, so phones believe they are online and show no portal.",
                f"Remove the line with dst-host={pattern} from {menu.replace('/', ' ').strip()}.",
            )


def _networks(picture: Picture) -> list[ipaddress.IPv4Interface]:
    """The router's addresses towards the guests."""
    rows = [row for row in picture.rows("/ip/address") if row.get("interface") == picture.interface]
    return [ipaddress.IPv4Interface(row["address"]) for row in rows if row.get("address")]


def _dns(picture: Picture, expected: Expected) -> Iterator[Finding]:
    own = {str(each.ip) for each in _networks(picture)}
    for row in picture.rows("/ip/dhcp-server/network"):
        if not any(_covers(row.get("address", ""), address) for address in own):
            continue
        told = row.get("dns-server", "")
        if not told or not set(told.split(",")) <= own:
            gateway = row.get("gateway", "") or min(own)
            yield fault(
                "dhcp-dns",
                f"DHCP gives guests other DNS servers than the router ({told or 'those of the provider'}),"
                " so the portal may not open.",
                f"Run /ip dhcp-server network set [find address={row.get('address', '')}] dns-server={gateway}.",
            )
    if not flag(picture.only("/ip/dns").get("allow-remote-requests")):
        yield fault(
            "dns-closed",
            "The router does not answer DNS questions of guests.",
            "Run /ip dns set allow-remote-requests=yes, and drop port 53 from the internet.",
        )


def _translation(picture: Picture, expected: Expected) -> Iterator[Finding]:
    server = picture.server or {}
    if server.get("address-pool", "none") != "none":
        yield warning(
            "address-pool",
            f"The hotspot server {server.get('name', '')} gives guests a second address, which confuses phones.",
            f"At a quiet hour: /ip hotspot set {server.get('name', '')} address-pool=none.",
        )


def _fasttrack(picture: Picture, expected: Expected) -> Iterator[Finding]:
    rules = [row for row in picture.rows("/ip/firewall/filter") if row.get("chain") == "forward"]
    spared: set[str] = set()
    for row in rules:
        if row.get("action") == "accept":
            spared |= _ways(row, picture)
        if row.get("action") == "fasttrack-connection" and _takes_guests(row, spared):
            yield fault(
                "fasttrack",
                "FastTrack takes guests' connections past their rate limit and data count.",
                "Import the set-up script again: it accepts guests' connections before the FastTrack rule.",
            )
            return


def _takes_guests(row: Row, spared: set[str]) -> bool:
    limited = ("src-address", "dst-address", "in-interface", "out-interface", "connection-mark")
    return not flag(row.get("dynamic")) and spared < {"from", "to"} and not any(row.get(name) for name in limited)


def _ways(row: Row, picture: Picture) -> set[str]:
    """Which directions of guests' traffic an accepting rule takes out."""
    on, own = picture.interface, [str(each.ip) for each in _networks(picture)]
    ways = set()
    for way, side, place in (("from", "in-interface", "src-address"), ("to", "out-interface", "dst-address")):
        if row.get(side) == on or any(_covers(row.get(place, ""), address) for address in own):
            ways.add(way)
    return ways


def _ipv6(picture: Picture, expected: Expected) -> Iterator[Finding]:
    if flag(picture.only("/ipv6/settings").get("disable-ipv6")) or _dropped(
        picture.rows("/ipv6/firewall/filter"), picture
    ):
        return
    rows = {row.get("interface"): row for row in picture.rows("/ipv6/nd")}
    row = rows.get(picture.interface, rows.get("all"))
    if row is not None and row.get("ra-lifetime", "30m") not in ("none", "0s"):
        yield warning(
            "ipv6",
            f"The router offers IPv6 on {picture.interface}, and the hotspot does not see IPv6: guests may go past it.",
            f"Run /ipv6 nd add interface={picture.interface} ra-lifetime=none, or import the set-up script again.",
        )


def _dropped(rows: Sequence[Row], picture: Picture) -> bool:
    return any(
        row.get("chain") == "forward"
        and row.get("in-interface") == picture.interface
        and row.get("action") in ("drop", "reject")
        for row in rows
    )


NETWORK_CHECKS = (_portal_in_garden, _probes_in_garden, _dns, _translation, _fasttrack, _ipv6)
