"""The form of a plan, read strictly. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

from portal.access.plans import Plan
from portal.clock import DAY, HOUR, MINUTE
from portal.console.vouchers.form import whole
from portal.errors import Refused
from portal.money import Money

LONGEST_NAME = 60
HIGHEST_PRICE = 250_000  # whole units: what one M-Pesa payment may come to
LONGEST_MS = 400 * DAY
MOST_DEVICES = 20
SLOWEST, FASTEST = 64_000, 10**10  # bit/s

TIMES = {"minutes": MINUTE, "hours": HOUR, "days": DAY}
SIZES = {"MB": 10**6, "GB": 10**9}
RATES = {"kbps": 10**3, "Mbps": 10**6}
_UNSEEN = re.compile(r"[\s\u115f\u1160\u3164\uffa0\u2800]*")  # letters by name, blanks to the eye
_PUBLIC = re.compile(r"[0-9a-f]{8}")


def name_of(text: str) -> str:
    """What guests read; raises `Refused`."""
    plain = " ".join(text.split(" ")).strip()
    if not 1 <= len(plain) <= LONGEST_NAME or not plain.isprintable() or _UNSEEN.fullmatch(plain):
        raise Refused("plan-name")
    return plain


def price_of(text: str, currency: str) -> Money:
    """Whole units; raises `Refused`."""
    return Money(whole(text, 1, HIGHEST_PRICE, "plan-price") * 100, currency)


def plan_of(fields: Mapping[str, str], currency: str) -> Plan:
    """The plan that was asked for; raises `Refused`."""
    public = fields.get("public", "")
    if not _PUBLIC.fullmatch(public):
        raise Refused("form")
    span = _measure(fields, "time", TIMES, LONGEST_MS, "plan-time")
    up, down = _rates(fields)
    used = fields.get("kind") == "used"
    return Plan(
        id=0,
        public=public,
        name=name_of(fields.get("name", "")),
        price=price_of(fields.get("price", ""), currency),
        kind="used" if used else "wall",
        span_ms=span,
        window_ms=_window(fields, span) if used else None,
        data_bytes=_measure(fields, "data", SIZES, 10**14, "plan-data") if fields.get("data", "").strip() else None,
        rate_up=up,
        rate_down=down,
        max_devices=whole(fields.get("devices", ""), 1, MOST_DEVICES, "plan-devices"),
        locked=fields.get("locked") == "1",
    )


def _window(fields: Mapping[str, str], span: int) -> int | None:
    if not fields.get("window", "").strip():
        return None
    found = _measure(fields, "window", TIMES, LONGEST_MS, "plan-window")
    if found < span:
        raise Refused("plan-window")
    return found


def _rates(fields: Mapping[str, str]) -> tuple[int | None, int | None]:
    given = [bool(fields.get(name, "").strip()) for name in ("up", "down")]
    if not any(given):
        return None, None
    up, down = (_measure(fields, name, RATES, FASTEST, "plan-rate", "rate_unit") for name in ("up", "down"))
    if min(up, down) < SLOWEST:
        raise Refused("plan-rate")
    return up, down


def _measure(
    fields: Mapping[str, str], name: str, units: Mapping[str, int], most: int, key: str, unit_name: str = ""
) -> int:
    """A number and its unit, such as ``time`` and ``time_unit``; raises `Refused(key)`."""
    unit = units.get(fields.get(unit_name or f"{name}_unit", ""))
    if unit is None:
        raise Refused(key)
    found = whole(fields.get(name, ""), 1, 10**6, key) * unit
    if found > most:
        raise Refused(key)
    return found
