"""How other systems write times, sizes, speeds, prices and moments. Pure; what cannot be read is None."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

from portal.clock import DAY, HOUR, MINUTE, SECOND, Moment
from portal.money import from_decimal

LONGEST_MS = 400 * DAY  # as in the form of a plan
MOST_BYTES = 10**14
SLOWEST, FASTEST = 64_000, 10**10
HIGHEST_MINOR = 250_000 * 100
MOST_DEVICES = 20
LONGEST_NAME = 60

_SPANS = {
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), SECOND),
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes"), MINUTE),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), HOUR),
    **dict.fromkeys(("d", "day", "days"), DAY),
    **dict.fromkeys(("w", "week", "weeks"), 7 * DAY),
    **dict.fromkeys(("month", "months"), 30 * DAY),
}
_SIZES = {"b": 1, "k": 10**3, "kb": 10**3, "m": 10**6, "mb": 10**6, "g": 10**9, "gb": 10**9, "tb": 10**12}
_SIZES |= {"kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30}
_RATES = {"": 1, "k": 10**3, "kbps": 10**3, "m": 10**6, "mbps": 10**6, "g": 10**9, "gbps": 10**9, "bps": 1}
_PART = re.compile(r"([0-9]{1,9})\s*([a-z]+)", re.ASCII)
_CLOCK = re.compile(r"(?:([0-9]{1,4})d\s*)?([0-9]{1,4}):([0-9]{2})(?::([0-9]{2}))?", re.ASCII)
_AMOUNT = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,6})?)\s*([a-z]*)", re.ASCII)
_OFFSET = re.compile(r"([+-])([0-9]{2}):([0-9]{2})")
_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_OLD_DATE = re.compile(r"([a-z]{3})/([0-9]{1,2})/([0-9]{4})\s+([0-9]{1,2}):([0-9]{2}):([0-9]{2})", re.ASCII)
_NEW_DATE = re.compile(r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})[ T]+([0-9]{1,2}):([0-9]{2})(?::([0-9]{2}))?", re.ASCII)


def span(text: str) -> int | None:
    """``1d``, ``1h30m``, ``2 hours``, ``1d02:03:04`` in milliseconds; None when it is no time, or none at all."""
    plain = text.strip().lower()
    if found := _CLOCK.fullmatch(plain):
        days, hours, minutes, seconds = (int(each or 0) for each in found.groups())
        return days * DAY + hours * HOUR + minutes * MINUTE + seconds * SECOND or None
    parts = _PART.findall(plain)
    if not parts or _PART.sub("", plain).strip() or any(unit not in _SPANS for _, unit in parts):
        return None
    return sum(int(count) * _SPANS[unit] for count, unit in parts) or None


def size(text: str) -> int | None:
    """``500 MB``, ``2G``, ``1073741824`` in bytes; None when it is no size, or none at all."""
    found = _AMOUNT.fullmatch(text.strip().lower())
    if found is None or found[2] not in {"", *_SIZES}:
        return None
    return data(int(float(found[1]) * _SIZES.get(found[2], 1)))


def data(count: int) -> int | None:
    """So many bytes, where they are a limit at all."""
    return count if 0 < count <= MOST_BYTES else None


def bits(text: str) -> int | None:
    """``2M``, ``512 kbps`` in bit/s."""
    found = _AMOUNT.fullmatch(text.strip().lower())
    return int(float(found[1]) * _RATES[found[2]]) or None if found and found[2] in _RATES else None


def price(text: str) -> int | None:
    """``5000``, ``5,000.00`` in minor units; None when it is no price, or more than one M-Pesa payment can be."""
    found = from_decimal(text.replace(",", "").replace(" ", "") or None)
    return found.minor if found is not None and 0 <= found.minor <= HIGHEST_MINOR else None


def offset(text: str) -> tzinfo | None:
    """``+03:00`` as a zone."""
    found = _OFFSET.fullmatch(text.strip())
    if found is None or int(found[2]) > 14:
        return None
    way = timedelta(hours=int(found[2]), minutes=int(found[3]))
    return timezone(-way if found[1] == "-" else way)


def zone(name: str) -> tzinfo | None:
    """``Africa/Nairobi`` as a zone."""
    if not re.fullmatch(r"[A-Za-z]+(?:/[A-Za-z0-9_+-]+){0,2}", name):
        return None
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return None


def moment(text: str, where: tzinfo) -> Moment | None:
    """``jan/02/2024 12:00:00`` of older routers, ``2024-01-02 12:00:00`` of newer ones and of most tables."""
    plain = text.strip().lower()
    if (old := _OLD_DATE.fullmatch(plain)) and old[1] in _MONTHS:
        parts = (int(old[3]), _MONTHS.index(old[1]) + 1, int(old[2]), int(old[4]), int(old[5]), int(old[6]))
    elif new := _NEW_DATE.fullmatch(plain):
        parts = (int(new[1]), int(new[2]), int(new[3]), int(new[4]), int(new[5]), int(new[6] or 0))
    else:
        return None
    return _at(parts, where)


def _at(parts: tuple[int, int, int, int, int, int], where: tzinfo) -> Moment | None:
    year, month, day, hour, minute, second = parts
    try:
        return int(datetime(year, month, day, hour, minute, second, tzinfo=where).timestamp() * 1000)
    except (ValueError, OverflowError):
        return None


def looks_like_a_date(text: str) -> bool:
    """Whether this is meant as a moment, though perhaps a broken one."""
    return bool(re.match(r"(?:[a-z]{3}/[0-9]{1,2}/|[0-9]{4}-[0-9]{1,2}-)[0-9]", text.strip().lower()))


def name(text: str) -> str:
    """A plan's name as guests could read it; nothing when it is none."""
    plain = " ".join(text.split())
    return plain if 1 <= len(plain) <= LONGEST_NAME and plain.isprintable() else ""
