"""Read-only checks of one router: each fault in one sentence, with its remedy.

`inspect` reads, `judge` thinks. A router on which the set-up script was just imported gives no fault.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

from portal.clock import MINUTE, as_datetime
from portal.findings import Finding, fault, warning
from portal.mikrotik.inspection_network import NETWORK_CHECKS
from portal.mikrotik.picture import Expected, Picture, take
from portal.mikrotik.values import flag, number
from portal.mikrotik.wire import Wire

__all__ = ["Expected", "Picture", "inspect", "judge"]

Check = Callable[[Picture, Expected], Iterator[Finding]]

POLICIES = frozenset({"api", "read", "write", "test"})
CLOCK_SLACK_MS = 5 * MINUTE
LOW_MEMORY = 16 << 20
LOW_FLASH = 512 << 10
SPARE_SESSIONS = 3

# Below these, pages can be tricked into running script (CVE-2025-6563), or holes are known whose details were
# withheld (facts/mikrotik.md 9).
FLOOR = {6: (6, 49, 21), 7: (7, 19, 2)}
ADVISED = ((7, 23, 4), (7, 24, 2))


async def inspect(wire: Wire, expected: Expected) -> list[Finding]:
    """Look at the router through an open connection."""
    return judge(await take(wire, expected), expected)


def judge(picture: Picture, expected: Expected) -> list[Finding]:
    """All that is wrong; without a hotspot what hangs on it is not looked at."""
    findings = [found for check in _ROUTER_CHECKS for found in check(picture, expected)]
    stop = list(_hotspot(picture))
    if stop:
        return stop + findings
    return findings + [found for check in (*_HOTSPOT_CHECKS, *NETWORK_CHECKS) for found in check(picture, expected)]


# -- is there a hotspot -------------------------------------------------------------------------


def _hotspot(picture: Picture) -> Iterator[Finding]:
    if "/ip/hotspot" in picture.forbidden:
        yield fault(
            "no-read",
            "The API user may not read the router's settings.",
            "Give its group the policies api,read,write,test.",
        )
    elif "/ip/hotspot" not in picture.menus:
        yield fault(
            "hotspot-package",
            "The router has no hotspot: its package is missing or disabled.",
            "Install or enable the hotspot package (on version 6: /system package enable hotspot), then reboot.",
        )
    elif picture.only("/system/device-mode").get("hotspot") in ("false", "no"):
        yield fault(
            "device-mode",
            "The router's device-mode forbids the hotspot, so its server stands still.",
            "Run /system device-mode update hotspot=yes, then press reset or cut the power within 5 minutes.",
        )
    elif picture.server is None:
        yield fault(
            "no-server",
            "No interface of the router has a hotspot server.",
            "Import the set-up script; it is in the console under Routers, or printed by: bando router script.",
        )
    else:
        yield from _standing_still(picture.server)


def _standing_still(server: dict[str, str]) -> Iterator[Finding]:
    name = server.get("name", "")
    if flag(server.get("disabled")):
        yield fault(
            "server-disabled",
            f"The hotspot server {name} is disabled, so guests get no page (or the internet for nothing).",
            f"Run /ip hotspot enable {name}.",
        )
    elif flag(server.get("invalid")) or flag(server.get("inactive")):
        yield fault(
            "server-invalid",
            f"The hotspot server {name} is not working: the router calls it invalid.",
            f"Look at /ip hotspot print: is {server.get('interface', '')} there, and not a port of a bridge?",
        )


# -- the router itself --------------------------------------------------------------------------


def _version(picture: Picture, expected: Expected) -> Iterator[Finding]:
    version = picture.version
    if not version:
        return
    text = ".".join(map(str, version))
    floor = FLOOR.get(version[0], FLOOR[7])
    if version < floor:
        least = ".".join(map(str, floor))
        yield fault(
            "version",
            f"RouterOS {text} has known holes in its hotspot pages.",
            f"Upgrade to {least} or newer: /system package update install.",
        )
    elif version[0] == 7 and not (ADVISED[0] <= version < (7, 24) or version >= ADVISED[1]):
        yield warning(
            "version-advisory",
            f"RouterOS {text} is older than the security advisory of September 2026.",
            "Upgrade to 7.23.4, 7.24.2 or newer: /system package update install.",
        )


def _clock(picture: Picture, expected: Expected) -> Iterator[Finding]:
    told = router_time(picture.only("/system/clock"))
    if told is None:
        return
    remedy = "Set the time zone, and network time by address: /system ntp client set enabled=yes."
    if told.year < 2000:
        yield fault(
            "clock-1970", "The router's clock stands in 1970: it has not learned the time since it started.", remedy
        )
        return
    off = abs(told - as_datetime(expected.now))
    if off > timedelta(milliseconds=CLOCK_SLACK_MS):
        minutes = int(off.total_seconds() // 60)
        yield fault("clock-off", f"The router's clock is {minutes} minutes away from Bando's.", remedy)


def router_time(clock: dict[str, str]) -> datetime | None:
    """What the router's clock says, in UTC; dates are ``2026-01-31``, before 7.10 ``jan/31/2026``."""
    text = f"{clock.get('date', '')} {clock.get('time', '')}"
    for form in ("%Y-%m-%d %H:%M:%S", "%b/%d/%Y %H:%M:%S"):
        try:
            local = datetime.strptime(text.title(), form).replace(tzinfo=UTC)
        except ValueError:
            continue
        return local - _offset(clock.get("gmt-offset", ""))
    return None


def _offset(text: str) -> timedelta:
    sign = -1 if text.startswith("-") else 1
    hours, colon, minutes = text.lstrip("+-").partition(":")
    if not hours.isdecimal():
        return timedelta()
    return sign * (timedelta(hours=int(hours), minutes=int(minutes)) if colon else timedelta(seconds=int(hours)))


def _ntp(picture: Picture, expected: Expected) -> Iterator[Finding]:
    if not flag(picture.only("/system/ntp/client").get("enabled")):
        yield warning(
            "no-ntp",
            "The router does not ask for network time, so its clock will be wrong after a power cut.",
            "Run /system ntp client set enabled=yes with servers given by address.",
        )


def _room(picture: Picture, expected: Expected) -> Iterator[Finding]:
    resource = picture.only("/system/resource")
    for name, least, what, remedy in (
        ("free-memory", LOW_MEMORY, "memory", "Reboot it at a quiet hour and remove services that it does not need."),
        ("free-hdd-space", LOW_FLASH, "storage", "Remove old files and backups from /file."),
    ):
        if name in resource and number(resource[name]) < least:
            kib = number(resource[name]) >> 10
            yield warning(f"low-{what}", f"The router has only {kib} KiB of {what} left.", remedy)


# -- the API ------------------------------------------------------------------------------------


def _services(picture: Picture, expected: Expected) -> Iterator[Finding]:
    for row in picture.rows("/ip/service"):
        if row.get("name") == "api" and not row.get("address"):
            yield fault(
                "api-open",
                "The API without TLS is open to everybody, so passwords cross the network readable.",
                "Run /ip service disable api (or set its address if something else needs it).",
            )
        if row.get("name") == "api-ssl" and row.get("certificate", "none") in ("", "none"):
            yield warning(
                "api-anonymous",
                "The API over TLS has no certificate, so nobody can tell the router from an impostor.",
                "Import the set-up script again: it makes a certificate and gives it to api-ssl.",
            )


def _sessions(picture: Picture, expected: Expected) -> Iterator[Finding]:
    used = sum(1 for row in picture.rows("/user/active") if row.get("via", "").startswith("api"))
    limits = [number(row.get("max-sessions")) for row in picture.rows("/ip/service") if "api" in row.get("name", "")]
    most = min((limit for limit in limits if limit), default=0)
    if most and used > most - SPARE_SESSIONS:
        yield warning(
            "max-sessions",
            f"{used} of the {most} API sessions that the router allows are taken.",
            "Find out in /user active who leaves sessions open; raise max-sessions in /ip service.",
        )


def _account(picture: Picture, expected: Expected) -> Iterator[Finding]:
    user = next((row for row in picture.rows("/user") if row.get("name") == expected.api_user), None)
    group = next((row for row in picture.rows("/user/group") if user and row.get("name") == user.get("group")), None)
    if user is None or group is None:
        return
    name = group.get("name", "")
    granted = {word for word in group.get("policy", "").split(",") if word and not word.startswith("!")}
    if lacking := sorted(POLICIES - {"test"} - granted):
        yield fault(
            "group-narrow",
            f"The API user's group {name} lacks {', '.join(lacking)}, so Bando cannot let guests in.",
            f"Run /user group set {name} policy={','.join(lacking)}.",
        )
    if extra := sorted(granted - POLICIES):
        yield warning(
            "group-wide",
            f"The API user's group {name} may do more than Bando needs: {', '.join(extra)}.",
            f"Run /user group set {name} policy={','.join('!' + word for word in extra)}.",
        )


# -- the hotspot --------------------------------------------------------------------------------


def _login_by(picture: Picture, expected: Expected) -> Iterator[Finding]:
    ways = set(picture.profile.get("login-by", "").split(","))
    name = picture.profile.get("name", "")
    if "http-pap" not in ways:
        only = " (http-chap alone needs passwords that Bando does not have)" if "http-chap" in ways else ""
        yield fault(
            "login-by",
            f"The hotspot profile {name} does not allow http-pap{only}, so logins of guests may be refused.",
            f"At a quiet hour: /ip hotspot profile set {name} login-by=http-pap,mac-cookie.",
        )
    elif "mac-cookie" not in ways:
        yield warning(
            "mac-cookie",
            f"The hotspot profile {name} does not allow mac-cookie, so phones that come back wait for the next poll.",
            f"At a quiet hour: /ip hotspot profile set {name} login-by=http-pap,mac-cookie.",
        )


def _names(picture: Picture, expected: Expected) -> Iterator[Finding]:
    profile = picture.profile
    dns_name, name = profile.get("dns-name", "").lower(), profile.get("name", "")
    other = f"Run /ip hotspot profile set {name} dns-name= with another name, or none."
    if dns_name == expected.portal_host.lower():
        yield fault(
            "dns-name", f"The hotspot's DNS name is the portal's own ({dns_name}), so guests go in circles.", other
        )
    elif dns_name.endswith(".local"):
        yield fault(
            "dns-local", f"The hotspot's DNS name {dns_name} ends in .local, which phones do not ask for.", other
        )
    elif expected.hotspot_host.lower() != (dns_name or profile.get("hotspot-address", "")):
        yield fault(
            "hotspot-host",
            f"The router calls its hotspot {dns_name or profile.get('hotspot-address', '')},"
            f" Bando expects {expected.hotspot_host}: guests are refused at the entry.",
            "Correct the hotspot host of the router in Bando, or dns-name in the hotspot's profile.",
        )


def _pages(picture: Picture, expected: Expected) -> Iterator[Finding]:
    wrong = [name for name, body in expected.files.items() if picture.pages.get(name, "") != body.decode()]
    if not wrong:
        return
    remedy = "Import the set-up script again: it writes the pages."
    if {"login.html", "rlogin.html"} & set(wrong):
        yield fault(
            "pages",
            f"The router's own pages do not lead to the portal ({', '.join(wrong)} in {picture.folder}).",
            remedy,
        )
    else:
        yield warning("pages-old", f"Some of the router's pages are missing or old: {', '.join(wrong)}.", remedy)


def _profiles(picture: Picture, expected: Expected) -> Iterator[Finding]:
    for row in picture.rows("/ip/hotspot/user/profile"):
        if row.get("name", "").startswith("bando-") and row.get("keepalive-timeout", "none") != "none":
            name = row["name"]
            yield fault(
                "keepalive",
                f"The user profile {name} logs sleeping phones out (keepalive-timeout {row['keepalive-timeout']}).",
                f"Run /ip hotspot user profile set {name} keepalive-timeout=none.",
            )


_ROUTER_CHECKS: tuple[Check, ...] = (_version, _clock, _ntp, _room, _services, _sessions, _account)
_HOTSPOT_CHECKS: tuple[Check, ...] = (_login_by, _names, _pages, _profiles)
