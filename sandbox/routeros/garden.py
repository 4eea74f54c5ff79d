"""The two walled gardens, as pure questions to their rows (facts/mikrotik.md 5).

The host garden is asked by the HTTP proxy, so it never helps HTTPS; the ip garden lets any protocol through.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from sandbox.routeros.values import in_addresses

Row = Mapping[str, str]


def text_matches(pattern: str, text: str) -> bool:
    """Whole-string match: wildcards `*` and `?`, or a regular expression after `:`."""
    if pattern.startswith("!"):
        return not text_matches(pattern[1:], text)
    if pattern.startswith(":"):
        return re.search(pattern[1:], text) is not None
    regex = "".join({"*": ".*", "?": "."}.get(sign, re.escape(sign)) for sign in pattern)
    return re.fullmatch(regex, text) is not None


def port_matches(spec: str, port: int) -> bool:
    """`443`, `80,443`, `8000-8080`, each also behind `!`."""
    if spec.startswith("!"):
        return not port_matches(spec[1:], port)
    ends = [part.partition("-") for part in spec.split(",")]
    return any(int(low) <= port <= int(high or low) for low, _, high in ends)


def host_garden(rows: Iterable[Row], host: str, port: int, path: str) -> Row | None:
    """The first row that fits a plain HTTP request."""
    for row in rows:
        if row["disabled"] == "true":
            continue
        fits_host = not row["dst-host"] or text_matches(row["dst-host"].lower(), host.lower())
        fits_path = not row["path"] or text_matches(row["path"], path)
        if fits_host and fits_path and _fits_port(row, port):
            return row
    return None


def ip_garden(rows: Iterable[Row], host: str, address: str | None, port: int) -> Row | None:
    """The first row that fits a connection; with a dst-host its dst-address is ignored."""
    for row in rows:
        if row["disabled"] == "true" or not _fits_port(row, port) or row.get("protocol", "tcp") not in ("tcp", "6"):
            continue
        if row["dst-host"]:
            if row["dst-host"].lower() == host.lower():
                return row
        elif not row.get("dst-address") or (address and in_addresses(address, row["dst-address"])):
            return row
    return None


def _fits_port(row: Row, port: int) -> bool:
    return not row.get("dst-port") or port_matches(row["dst-port"], port)
