"""What the servlet's pages can say about a guest (facts/mikrotik.md 4.2)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from urllib.parse import quote

from sandbox.routeros.values import parse_span

NOTHING = "---"  # how the servlet writes "unlimited" and "unknown"


def nice(count: int) -> str:
    """Bytes for people: `1.5 MiB`."""
    size = float(count)
    for unit in ("B", "KiB", "MiB"):
        if size < 1024:
            return f"{count} B" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} GiB"


def links(base: str, folder: str, origin: str, wanted: str) -> dict[str, str]:
    """Where to go. `origin` is the page first asked for, `wanted` where a login leads."""
    root = f"{base}/{folder}"
    login = f"{root}login"
    return {
        "link-login": f"{login}?dst={quote(origin, safe='')}" if origin else login,
        "link-login-only": login,
        "link-logout": f"{root}logout",
        "link-status": f"{root}status",
        "link-orig": origin,
        "link-redirect": wanted or f"{root}status",
    }


def _span(name: str, text: str | None) -> Iterator[tuple[str, str]]:
    text = "" if text in (None, "none", "0s") else text
    yield name, text or ""
    yield f"{name}-secs", str(parse_span(text)) if text else "0"


def of_session(active: Mapping[str, str], refresh: str) -> dict[str, str]:
    """Times and counters of a session; of nobody, if `active` is empty."""
    words = {
        "logged-in": "yes" if active else "no",
        "login-by": active.get("login-by", ""),
        "domain": active.get("domain", ""),
        "trial": "yes" if active.get("login-by") == "trial" else "no",
    }
    left = active.get("session-time-left")
    for name, value in (
        ("uptime", active.get("uptime")),
        ("idle-timeout", active.get("idle-timeout")),
        ("keepalive-timeout", active.get("keepalive-timeout")),
        ("session-timeout", left),
        ("session-time-left", left),
        ("refresh-timeout", refresh),
    ):
        words |= _span(name, value)
    return words | dict(_counters(active))


def _counters(active: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    used = {way: int(active.get(f"bytes-{way}", "0")) for way in ("in", "out")}
    used["total"] = used["in"] + used["out"]
    for way, count in used.items():
        limit = active.get(f"limit-bytes-{way}")
        left = NOTHING if limit is None else str(max(0, int(limit) - count))
        yield f"bytes-{way}", str(count)
        yield f"bytes-{way}-nice", nice(count)
        yield f"limit-bytes-{way}", NOTHING if limit is None else limit
        yield f"remain-bytes-{way}", left
    for way in ("in", "out"):
        yield f"packets-{way}", active.get(f"packets-{way}", "0")
