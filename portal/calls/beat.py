"""What a router tells each minute, read strictly. Pure.

The text comes from a router, which may be broken or be somebody else who has its token: it is short, each line is
``name=value``, the first of a name counts, and a value that cannot be is none.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from portal.mikrotik.values import seconds

MOST_BODY = 2_048  # bytes
LONGEST = 64  # letters of a value
MOST_VERSION = 10**9
EDITION = "bando 1"

# What a call ends with when it did not end well; the router's script says no others.
TROUBLES = ("clock", "beat", "answer", "pull", "long", "cut", "head", "signature", "kind", "apply")
_NUMBER = re.compile(r"[0-9]{1,15}", re.ASCII)
_NONCE = re.compile(r"[0-9A-Za-z:.-]{1,48}", re.ASCII)


class Unreadable(Exception):
    """This is no call of a router."""


@dataclass(frozen=True, kw_only=True)
class Beat:
    """A router as it says it is. `applied`: the version of the wishes that it has fulfilled last."""

    identity: str = ""
    version: str = ""
    board: str = ""
    uptime_s: int | None = None
    memory: int | None = None  # free, in bytes
    online: int | None = None  # devices logged in at the hotspot
    applied: int = 0
    trouble: str = ""
    source: str = ""  # its address on the internet, as we see it

    def kept(self) -> str:
        return json.dumps(asdict(self), ensure_ascii=False)

    @property
    def signs(self) -> bool:
        """Whether its script can compare digests: version 7."""
        return not self.version.startswith("6")


def read(body: bytes, source: str = "") -> Beat:
    """A beat; raises `Unreadable`."""
    told = _lines(body)
    applied = _number(told.get("applied"))
    if applied is None or applied >= MOST_VERSION:
        raise Unreadable("applied")
    trouble = told.get("trouble", "")
    return Beat(
        identity=_text(told, "identity"),
        version=_text(told, "version"),
        board=_text(told, "board"),
        uptime_s=_uptime(told.get("uptime", "")),
        memory=_number(told.get("memory")),
        online=_number(told.get("online")),
        applied=applied,
        trouble=trouble if trouble in TROUBLES else "",
        source=source,
    )


def read_nonce(body: bytes) -> str:
    """What a pull has to be answered with; raises `Unreadable`."""
    nonce = _lines(body).get("nonce", "")
    if not _NONCE.fullmatch(nonce):
        raise Unreadable("nonce")
    return nonce


def latest(text: str) -> Beat | None:
    """The beat that was kept; None before the first one."""
    kept = json.loads(text)
    return Beat(**kept) if kept else None


def fits(text: str) -> bool:
    """Whether this is a beat as it is kept; what came in a file may be anything."""
    kept = json.loads(text)
    if kept == {}:
        return True
    words, numbers = ("identity", "version", "board", "trouble", "source"), ("uptime_s", "memory", "online")
    whole = all(kept[name] is None or type(kept[name]) is int for name in numbers) and type(kept["applied"]) is int
    return whole and all(isinstance(kept[name], str) for name in words) and len(kept) == len(words) + len(numbers) + 1


def _lines(body: bytes) -> Mapping[str, str]:
    if len(body) > MOST_BODY:
        raise Unreadable("length")
    first, *rest = body.decode("utf-8", "replace").split("\n")
    if first != EDITION:
        raise Unreadable("edition")
    found: dict[str, str] = {}
    for line in rest:
        name, equals, value = line.partition("=")
        if equals:
            found.setdefault(name, value)
    return found


def _text(told: Mapping[str, str], name: str) -> str:
    """Letters that can be shown; the rest of a value, and what is none, is left out."""
    return "".join(sign for sign in told.get(name, "") if sign.isprintable())[:LONGEST]


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and _NUMBER.fullmatch(text) else None


def _uptime(text: str) -> int | None:
    try:
        return seconds(text[:LONGEST])
    except ValueError:
        return None
