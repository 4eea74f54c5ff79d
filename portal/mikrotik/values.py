"""The router's spelling of durations, flags, numbers, rates and hardware addresses (facts/mikrotik.md 3.1)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

_UNITS = {"w": 604_800, "d": 86_400, "h": 3_600, "m": 60, "s": 1}
_LETTERS = re.compile(r"(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+)(?:\.\d+)?s)?(?:\d+ms)?", re.ASCII)
_COLONS = re.compile(r"(?:(\d+)w)?(?:(\d+)d)?(\d+):(\d{1,2})(?::(\d{1,2}))?(?:\.\d+)?", re.ASCII)
_RATE = re.compile(r"(\d+)([kMG]?)", re.ASCII)
_SCALE = {"": 1, "k": 1_000, "M": 1_000_000, "G": 1_000_000_000}
_NOT_HEX = re.compile(r"[^0-9A-Fa-f]")
_MAC = re.compile(r"[0-9A-F]{2}(?::[0-9A-F]{2}){5}", re.ASCII)


@lru_cache(maxsize=4096)  # devices that came together say the same
def seconds(text: str) -> int | None:
    """``1h58m10s``, ``1d02:03:04``, ``00:05:00`` or ``90`` in seconds; None for absent, ``none`` and ``never``."""
    text = text.strip()
    if text in ("", "none", "never", "unlimited"):
        return None
    if text.isascii() and text.isdigit():
        return int(text)
    match = _COLONS.fullmatch(text) or _LETTERS.fullmatch(text)
    if match is None:
        raise ValueError(f"not a duration of a router: {text!r}")
    return sum(int(part or 0) * size for part, size in zip(match.groups(), _UNITS.values(), strict=True))


def duration(span_s: int) -> str:
    """Seconds as the router prints them: ``1w2d3h4m5s``, ``0s``."""
    if span_s < 0:
        raise ValueError("a duration is never negative")
    parts: list[str] = []
    for unit, size in _UNITS.items():
        count, span_s = divmod(span_s, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"


def flag(text: str | None) -> bool:
    """``true`` and ``yes`` are true; ``false``, ``no`` and absent are not."""
    return text in ("true", "yes")


def number(text: str | None) -> int:
    """A count; absent is 0. Some versions group digits with spaces."""
    return int(text.replace(" ", "")) if text else 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Rate:
    """Bits per second as the client sees them; None: not limited."""

    up: int | None = None
    down: int | None = None


def rate_limit(rate: Rate) -> str:
    """``512k/1M``: upload first, since the router's rx is the client's upload. Empty when nothing is limited."""
    if not rate.up and not rate.down:
        return ""
    return f"{_short(rate.up or 0)}/{_short(rate.down or 0)}"


def rate(text: str) -> Rate:
    """The first two numbers of a rate-limit; bursts and priorities are left aside. 0 is not limited."""
    up, slash, down = text.split(" ", 1)[0].partition("/")
    if not up:
        return Rate()
    return Rate(up=_bits(up) or None, down=_bits(down if slash else up) or None)


def _bits(text: str) -> int:
    match = _RATE.fullmatch(text)
    if match is None:
        raise ValueError(f"not a rate of a router: {text!r}")
    return int(match[1]) * _SCALE[match[2]]


def _short(bits: int) -> str:
    for unit in ("G", "M", "k"):
        if bits and bits % _SCALE[unit] == 0:
            return f"{bits // _SCALE[unit]}{unit}"
    return str(bits)


def mac(text: str) -> str:
    """``aa-bb-cc-dd-ee-ff``, ``aabb.ccdd.eeff`` and the like as ``AA:BB:CC:DD:EE:FF``; empty stays empty."""
    if not text or _MAC.fullmatch(text):  # as most routers write it
        return text
    digits = _NOT_HEX.sub("", text).upper()
    if len(digits) != 12:
        raise ValueError("not a hardware address")
    return ":".join(digits[place : place + 2] for place in range(0, 12, 2))
