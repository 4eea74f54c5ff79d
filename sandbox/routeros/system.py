"""The rest of the router around the hotspot: factory rows, clock, accounts, certificates, files."""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from portal.clock import SECOND, as_datetime
from sandbox.routeros.columns import Trap
from sandbox.routeros.menus import POLICIES
from sandbox.routeros.tables import Change, Props, Row, Table
from sandbox.routeros.values import format_span

if TYPE_CHECKING:
    from sandbox.routeros.device import SandboxRouter

_CONTENTS_MAX = 61_250  # measured on 7.24.4, facts/mikrotik.md 4.4
_SERVICES = {"telnet": 23, "ftp": 21, "www": 80, "ssh": 22, "www-ssl": 443, "api": 8728, "winbox": 8291}
_SERVICES["api-ssl"] = 8729
BOOT_WITHOUT_CLOCK = int(datetime(1970, 1, 2, tzinfo=UTC).timestamp() * 1000)


def furnish(router: SandboxRouter) -> None:
    """Connect the tables with each other and fill them as the factory does."""
    tables = router.tables
    _mirror_interfaces(tables)
    tables["/ip/address"].after.append(_address_words)
    tables["/user/group"].before.append(_merge_policies)
    tables["/ip/hotspot/profile"].before.append(_keep_certificate_only_with_https(tables["/certificate"]))
    tables["/ip/hotspot"].live = lambda row: _server_words(router, row)
    for path in ("/ip/hotspot/profile", "/ip/hotspot/user/profile", "/ip/hotspot/user"):
        tables[path].before.append(_protect_default)
    tables["/system/resource"].live = lambda row: _resource(router)
    tables["/system/clock"].live = lambda row: _clock(router)
    tables["/system/device-mode"].live = lambda row: _device_mode(router)
    tables["/system/scheduler"].after.append(_start_now(router))
    _files(router)
    _factory_rows(router)


def _factory_rows(router: SandboxRouter) -> None:
    tables = router.tables
    for number in range(1, 6):
        mac = f"48:8F:5A:00:00:{number:02X}"
        tables["/interface/ethernet"].add({"name": f"ether{number}", "mac-address": mac}, dynamic=True)
    for name in ("all", "none", "dynamic", "static"):
        tables["/interface/list"].add({"name": name, "builtin": "true"}, dynamic=True)
    tables["/ip/hotspot/profile"].add({"name": "default", "default": "true"}, dynamic=True)
    tables["/ip/hotspot/user/profile"].add({"name": "default", "default": "true"}, dynamic=True)
    trial = {"name": "default-trial", "comment": "counters and limits for trial users", "default": "true"}
    tables["/ip/hotspot/user"].add(trial, dynamic=True)
    tables["/ip/hotspot/service-port"].add({"name": "ftp"}, dynamic=True)
    tables["/ipv6/nd"].add({"interface": "all", "default": "true"}, dynamic=True)
    for name, port in _SERVICES.items():
        row = {"name": name, "port": str(port), "disabled": "true" if name == "www-ssl" else "false"}
        if name in ("api-ssl", "www-ssl"):
            row |= {"certificate": "none", "tls-version": "any"}
        tables["/ip/service"].add(row, dynamic=True)
    _accounts(tables)
    _packages(router)


def _accounts(tables: Mapping[str, Table]) -> None:
    everything = set(POLICIES.split("|"))
    without = {"full": set(), "write": {"ftp", "policy"}, "read": {"ftp", "write", "policy"}}
    for name, missing in without.items():
        tables["/user/group"].add({"name": name, "policy": _policy_text(everything - missing)}, dynamic=True)
    tables["/user"].add({"name": "admin", "group": "full", "comment": "system default user"}, dynamic=True)


def _packages(router: SandboxRouter) -> None:
    names = ["routeros"] if router.version >= (7,) else ["system", "dhcp", "hotspot", "security", "ppp", "ipv6"]
    for name in names:
        router.tables["/system/package"].add({"name": name, "version": router.version_text}, dynamic=True)


# -- policies ----------------------------------------------------------------------------------


def policies_of(group: Mapping[str, str]) -> frozenset[str]:
    return frozenset(word for word in group["policy"].split(",") if word and not word.startswith("!"))


def _policy_text(granted: set[str]) -> str:
    return ",".join(word if word in granted else f"!{word}" for word in POLICIES.split("|"))


def _merge_policies(change: Change, row: Row | None, given: Props) -> None:
    """`add` denies what is not named; `set` adds, and takes away only what is named with `!`."""
    if "policy" not in given:
        return
    granted = set(policies_of(row)) if row and change == "set" else set()
    for word in filter(None, given["policy"].split(",")):
        if word.removeprefix("!") not in POLICIES.split("|"):
            raise Trap("input does not match any value of policy", 1)
        if word.startswith("!"):
            granted.discard(word[1:])
        else:
            granted.add(word)
    given["policy"] = _policy_text(granted)


# -- interfaces, addresses, hotspot rows -------------------------------------------------------


def _mirror_interfaces(tables: Mapping[str, Table]) -> None:
    """Bridges, ports and tunnels appear in /interface too."""
    everything = tables["/interface"]
    for path, kind in (
        ("/interface/ethernet", "ether"),
        ("/interface/bridge", "bridge"),
        ("/interface/wireguard", "wg"),
    ):
        tables[path].after.append(_mirror(everything, kind))


def _mirror(everything: Table, kind: str) -> Callable[[Change, Row], None]:
    mirrored: dict[int, Row] = {}

    def hear(change: Change, row: Row) -> None:
        words = {name: row[name] for name in ("name", "mac-address", "disabled") if name in row}
        if change == "add":
            mirrored[id(row)] = everything.row(everything.add({**words, "type": kind}, dynamic=True))
        elif change == "set":
            everything.put(mirrored[id(row)], words)
        else:
            everything.remove(mirrored.pop(id(row))[".id"], dynamic=True)

    return hear


def _address_words(change: Change, row: Row) -> None:
    if change == "add":
        interface = ipaddress.ip_interface(row["address"])
        row["address"] = interface.with_prefixlen
        row["network"], row["actual-interface"] = str(interface.network.network_address), row["interface"]


def _server_words(router: SandboxRouter, row: Row) -> dict[str, str]:
    """A server that device-mode forbids is shown as inactive."""
    if not router.faults.device_mode_hotspot:
        return {"invalid": "true", "inactive": "true", ".about": "inactivated, not allowed by device-mode"}
    profiles = router.tables["/ip/hotspot/profile"].find(name=row["profile"])
    https = bool(profiles) and profiles[0]["ssl-certificate"] != "none"
    return {"HTTPS": "true" if https else "false", "ip-of-dns-name": profiles[0]["hotspot-address"] if profiles else ""}


def _keep_certificate_only_with_https(certificates: Table) -> Callable[[Change, Row | None, Props], None]:
    """A certificate is kept only if it is trusted and login-by has https in the same set (facts 8.2)."""

    def check(change: Change, row: Row | None, given: Props) -> None:
        wanted = given.get("ssl-certificate", "none")
        if wanted == "none":
            return
        trusted = certificates.row(wanted)["trusted"] == "true"
        if not trusted or "https" not in given.get("login-by", "").split(","):
            given["ssl-certificate"] = "none"

    return check


def _protect_default(change: Change, row: Row | None, given: Props) -> None:
    if change == "remove" and row is not None and row.get("default") == "true":
        raise Trap("failure: can not remove default entry")


# -- what the system says about itself ---------------------------------------------------------


def _resource(router: SandboxRouter) -> dict[str, str]:
    return {
        "uptime": format_span(router.uptime_ms // SECOND),
        "version": f"{router.version_text} (stable)",
        "build-time": "2026-01-05 10:12:09",
        "free-memory": "190840832",
        "total-memory": "268435456",
        "cpu": "ARM",
        "cpu-count": "4",
        "cpu-load": "3",
        "free-hdd-space": "2097152",
        "total-hdd-space": "16777216",
        "architecture-name": "arm",
        "board-name": "hAP ax lite",
        "platform": "MikroTik",
    }


def _clock(router: SandboxRouter) -> dict[str, str]:
    now = as_datetime(router.own_time())
    date = f"{now:%Y-%m-%d}" if router.version >= (7, 10) else f"{now:%b/%d/%Y}".lower()
    return {"time": f"{now:%H:%M:%S}", "date": date}


def _device_mode(router: SandboxRouter) -> dict[str, str]:
    allowed = router.faults.device_mode_hotspot
    return {
        "mode": "advanced" if allowed else "home",
        "scheduler": "true" if allowed else "false",
        "fetch": "true" if allowed else "false",
        "hotspot": "true" if allowed else "false",
        "attempt-count": "0",
    }


def _start_now(router: SandboxRouter) -> Callable[[Change, Row], None]:
    """A row that is added without a start begins at what the clock says now (facts 8.2)."""

    def hear(change: Change, row: Row) -> None:
        if change == "add" and "start-time" not in row:
            row.state = router.own_time()
            row["start-time"] = f"{as_datetime(row.state):%H:%M:%S}"

    return hear


# -- certificates ------------------------------------------------------------------------------


def sign_certificate(router: SandboxRouter, row: Row, given: Props) -> None:
    """Self-sign (no `ca`) or sign by another certificate; the result is there a second later, not at once."""
    authority = given.get("ca")
    if authority is not None and (authority == row["name"] or not router.tables["/certificate"].find(name=authority)):
        raise Trap("input does not match any value of ca", 1)
    row.state = router.clock.now() + SECOND
    if "name" in given:
        router.tables["/certificate"].put(row, {"name": given["name"]})
    if authority:
        row["ca"] = authority


def import_certificates(router: SandboxRouter, file_name: str) -> None:
    """What a PEM file holds becomes trusted rows, once each; the file stays."""
    data = router.files.get(file_name)
    if data is None:
        raise Trap("no such item")
    table = router.tables["/certificate"]
    known = {row.state.fingerprint for row in table.rows.values() if isinstance(row.state, Imported)}
    for number, found in enumerate(x509.load_pem_x509_certificates(data)):
        imported = Imported(found)
        if imported.fingerprint not in known:
            words = {"name": f"{file_name}_{number}", "common-name": "imported", "trusted": "true"}
            table.add(words, state=imported, dynamic=True)


class Imported:
    """A certificate that came in a file."""

    def __init__(self, certificate: x509.Certificate) -> None:
        self.pem = certificate.public_bytes(serialization.Encoding.PEM).decode()
        self.fingerprint = certificate.fingerprint(hashes.SHA256()).hex()


def trusted(router: SandboxRouter) -> str:
    """All that the router trusts, as PEM."""
    states = (row.state for row in router.tables["/certificate"].rows.values())
    return "".join(each.pem for each in states if isinstance(each, Imported))


def certificate_words(router: SandboxRouter, row: Row) -> dict[str, str]:
    if isinstance(row.state, Imported):
        return {"fingerprint": row.state.fingerprint}
    if not isinstance(row.state, int) or router.clock.now() < row.state:
        return {}
    signed = as_datetime(row.state)
    print_ = router.own_certificate or hashlib.sha256(f"{row['name']}{row.state}".encode()).hexdigest()
    return {"private-key": "true", "fingerprint": print_, "invalid-before": f"{signed:%Y-%m-%d %H:%M:%S}"}


# -- files -------------------------------------------------------------------------------------


def _files(router: SandboxRouter) -> None:
    table = router.tables["/file"]

    def check(change: Change, row: Row | None, given: Props) -> None:
        if (router.version < (7, 15) and change == "add") or router.version < (7,):
            raise Trap("no such command")
        if len(given.get("contents", "")) > _CONTENTS_MAX:
            raise Trap("failure: contents too long")

    def hear(change: Change, row: Row) -> None:
        if change == "remove":
            router.files.pop(row["name"], None)
        elif "contents" in row:
            router.files[row["name"]] = row.pop("contents").encode()

    table.before.append(check)
    table.after.append(hear)
    table.live = lambda row: _file_words(router, row)


def _file_words(router: SandboxRouter, row: Row) -> dict[str, str]:
    data = router.files.get(row["name"], b"")
    words = {"size": str(len(data)), "type": ".{} file".format(row["name"].rsplit(".", 1)[-1])}
    return words | ({"contents": data.decode("utf-8", "replace")} if len(data) <= _CONTENTS_MAX else {})


def show_files(router: SandboxRouter) -> None:
    """Let /file agree with `router.files`, which the servlet and the tests write too."""
    table = router.tables["/file"]
    for row in list(table.rows.values()):
        if row["name"] not in router.files:
            table.remove(row[".id"], dynamic=True)
    known = {row["name"] for row in table.rows.values()}
    for name in [name for name in router.files if name not in known]:
        table.add({"name": name}, dynamic=True)


__all__ = [
    *("certificate_words", "furnish", "import_certificates", "policies_of", "show_files"),
    *("sign_certificate", "trusted"),
]
