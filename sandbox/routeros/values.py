"""How RouterOS writes values: durations, booleans, rates, addresses.

Everything is text on the wire. Readers here take every form the router takes and raise ValueError on
the rest; writers give the one form the router prints.
"""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache

_UNITS = {"w": 604_800, "d": 86_400, "h": 3_600, "m": 60, "s": 1}
_SPAN = re.compile(r"(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")
_CLOCK = re.compile(r"(?:(\d+)w)?(?:(\d+)d)?(\d+):(\d\d)(?::(\d\d))?")
_MAC = re.compile(r"[0-9A-Fa-f]{2}([:-]?)(?:[0-9A-Fa-f]{2}\1){4}[0-9A-Fa-f]{2}")
_TRUE = frozenset({"yes", "true"})
_FALSE = frozenset({"no", "false"})
NO_MAC = "00:00:00:00:00:00"


@lru_cache(maxsize=4096)
def parse_span(text: str) -> int:
    """Seconds of `1h58m10s`, `7200`, `1:00:00`, `00:05:00` or `1d02:03:04`."""
    if text.isdecimal():
        return int(text)
    if found := _CLOCK.fullmatch(text):
        weeks, days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
        return weeks * 604_800 + days * 86_400 + hours * 3_600 + minutes * 60 + seconds
    found = _SPAN.fullmatch(text)
    if not text or not found:
        raise ValueError(text)
    return sum(int(part or 0) * size for part, size in zip(found.groups(), _UNITS.values(), strict=True))


def parse_millis(text: str) -> int:
    """The same in milliseconds, which a RADIUS timeout is counted in: `300ms`, `1s100ms`, `3s`."""
    whole, found = text, re.search(r"(\d+)ms$", text)
    if found:
        whole = text[: found.start()]
    return (parse_span(whole) * 1000 if whole else 0) + (int(found[1]) if found else 0)


def format_span(seconds: int) -> str:
    """The router's own writing: `2d20h12m20s`, `5m`, `0s`."""
    words = []
    for unit, size in _UNITS.items():
        count, seconds = divmod(seconds, size)
        if count:
            words.append(f"{count}{unit}")
    return "".join(words) or "0s"


def parse_bool(text: str) -> bool:
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    raise ValueError(text)


def format_millis(millis: int) -> str:
    """`300ms`, `3s`, `1s100ms`."""
    seconds, rest = divmod(millis, 1000)
    return (format_span(seconds) if seconds or not rest else "") + (f"{rest}ms" if rest else "")


def format_bool(value: bool) -> str:
    return "true" if value else "false"


def clean_mac(text: str) -> str:
    """`aa-bb-cc-dd-ee-ff` as `AA:BB:CC:DD:EE:FF`."""
    if not _MAC.fullmatch(text):
        raise ValueError(text)
    digits = re.sub("[^0-9A-Fa-f]", "", text).upper()
    return ":".join(digits[i : i + 2] for i in range(0, 12, 2))


def looks_like_mac(text: str) -> bool:
    return bool(_MAC.fullmatch(text))


def clean_address(text: str) -> str:
    return str(ipaddress.ip_address(text))


def clean_addresses(text: str) -> str:
    """A comma list of addresses, networks and ranges, as it was written."""
    for part in _parts(text.removeprefix("!")):
        _within(ipaddress.IPv4Address(0), part)
    return text


def _parts(spec: str) -> list[str]:
    return [part.strip() for part in spec.split(",") if part.strip()]


def in_addresses(address: str, spec: str) -> bool:
    """Is the address inside a comma list of addresses, networks and ranges?"""
    wanted = ipaddress.ip_address(address)
    if spec.startswith("!"):
        return not in_addresses(address, spec[1:])
    return any(_within(wanted, part) for part in _parts(spec))


def _within(wanted: ipaddress.IPv4Address | ipaddress.IPv6Address, part: str) -> bool:
    if "-" in part:
        first, last = (ipaddress.ip_address(end) for end in part.split("-", 1))
        return int(first) <= int(wanted) <= int(last)
    return wanted in ipaddress.ip_network(part, strict=False)


def parse_rate(text: str) -> int:
    """Bits per second of `512k`, `2M`, `1G` or plain digits."""
    found = re.fullmatch(r"(\d+)([kMG]?)", text)
    if not found:
        raise ValueError(text)
    return int(found[1]) * {"": 1, "k": 1_000, "M": 1_000_000, "G": 1_000_000_000}[found[2]]


def _pair(text: str) -> tuple[int, int]:
    up, slash, down = text.partition("/")
    return parse_rate(up), parse_rate(down if slash else up)


def parse_rate_limit(text: str) -> tuple[tuple[int, int], tuple[int, int] | None]:
    """`(up, down)` and the burst pair of a rate-limit string; the other parts are only looked at for form."""
    words = text.split()
    if not 0 < len(words) <= 6:
        raise ValueError(text)
    for word in words[2:3] + words[5:6]:
        _pair(word)
    for word in words[3:4]:
        for part in word.split("/"):
            parse_span(part)
    if len(words) > 4 and not 1 <= int(words[4]) <= 8:
        raise ValueError(text)
    return _pair(words[0]), _pair(words[1]) if len(words) > 1 else None


def queue_refusal(rate_limit: str) -> str | None:
    """Why the queue of a session cannot be made: a burst below the rate breaks the whole login."""
    if not rate_limit:
        return None
    (up, down), burst = parse_rate_limit(rate_limit)
    if burst is None:
        return None
    if 0 < burst[0] < up:
        return "upload-burst-limit less than upload-max-limit"
    if 0 < burst[1] < down:
        return "download-burst-limit less than download-max-limit"
    return None
