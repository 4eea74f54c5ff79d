"""The form of a plan, read strictly. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from portal.access import hours, trials
from portal.access.hours import WEEK, Hours
from portal.access.plans import Plan
from portal.clock import DAY, HOUR, MINUTE
from portal.console.vouchers.form import whole
from portal.errors import Refused
from portal.money import Money

LONGEST_NAME = 60
HIGHEST_PRICE = 250_000  # whole units: what one M-Pesa payment may come to
LONGEST_MS = 400 * DAY
MOST_DEVICES = 20
RAREST_DAYS = 366
MOST_TRIALS = 100_000
SLOWEST, FASTEST = 64_000, 10**10  # bit/s

TIMES = {"minutes": MINUTE, "hours": HOUR, "days": DAY}
SIZES = {"MB": 10**6, "GB": 10**9}
RATES = {"kbps": 10**3, "Mbps": 10**6}
_UNSEEN = re.compile(r"[\s\u115f\u1160\u3164\uffa0\u2800]*")  # letters by name, blanks to the eye
_CLOCK = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])")
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


def plan_of(fields: Mapping[str, str], currency: str, *, trial: bool = False) -> Plan:
    """The plan that was asked for; raises `Refused`."""
    public = fields.get("public", "")
    if not _PUBLIC.fullmatch(public):
        raise Refused("form")
    up, down = _rates(fields)
    return Plan(
        id=0,
        public=public,
        name=name_of(fields.get("name", "")),
        span_ms=_measure(fields, "time", TIMES, LONGEST_MS, "plan-time"),
        data_bytes=_measure(fields, "data", SIZES, 10**14, "plan-data") if fields.get("data", "").strip() else None,
        rate_up=up,
        rate_down=down,
        hours=hours_of(fields),
        **(_trial(fields, currency) if trial else _sold(fields, currency)),
    )


def _sold(fields: Mapping[str, str], currency: str) -> dict[str, Any]:
    """What only a plan has that costs something."""
    used = fields.get("kind") == "used"
    return {
        "price": price_of(fields.get("price", ""), currency),
        "kind": "used" if used else "wall",
        "window_ms": _window(fields) if used else None,
        "max_devices": whole(fields.get("devices", ""), 1, MOST_DEVICES, "plan-devices"),
        "locked": fields.get("locked") == "1",
        "hidden": fields.get("hidden") == "1",
    }


def _trial(fields: Mapping[str, str], currency: str) -> dict[str, Any]:
    """What only a free trial has: it runs by the clock, on one device."""
    return {
        "price": Money(0, currency),
        "kind": "wall",
        "use_by_ms": trials.USE_BY_MS,
        "trial_days": whole(fields.get("every", ""), 1, RAREST_DAYS, "plan-every"),
        "trial_cap": whole(fields.get("cap", ""), 1, MOST_TRIALS, "plan-cap"),
    }


def hours_of(fields: Mapping[str, str]) -> Hours | None:
    """The hours of sale; no day means each day, no times the whole day. Raises `Refused`."""
    days = tuple(day for day in WEEK if fields.get(f"day{day}") == "1") or WEEK
    texts = [fields.get(name, "").strip() for name in ("from", "until")]
    if any(texts) and not all(texts):
        raise Refused("plan-hours")
    begin, end = (_minute(each) if each else 0 for each in texts)
    if begin == end != 0:
        raise Refused("plan-hours")
    sale = Hours(days=days, begin=begin, end=end)
    return None if sale == hours.ALWAYS else sale


def _minute(text: str) -> int:
    """``22:00`` as a minute of the day; raises `Refused`."""
    match = _CLOCK.fullmatch(text)
    if match is None:
        raise Refused("plan-hours")
    return int(match[1]) * 60 + int(match[2])


def _window(fields: Mapping[str, str]) -> int | None:
    if not fields.get("window", "").strip():
        return None
    span = _measure(fields, "time", TIMES, LONGEST_MS, "plan-time")
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


# --- a plan as the form shows it ---


def filled(plan: Plan) -> dict[str, str]:
    """What the form of this plan is filled in with."""
    time, time_unit = _split(plan.span_ms, TIMES)
    window, window_unit = _split(plan.window_ms, TIMES, "days")
    data, data_unit = _split(plan.data_bytes, SIZES, "GB")
    up, down, rate_unit = _split_rates(plan)
    return {
        "public": plan.public,
        "name": plan.name,
        "price": str(plan.price.whole),
        "kind": plan.kind,
        **{"time": time, "time_unit": time_unit, "window": window, "window_unit": window_unit},
        **{"data": data, "data_unit": data_unit, "up": up, "down": down, "rate_unit": rate_unit},
        "devices": str(plan.max_devices),
        "locked": "1" if plan.locked else "",
        "hidden": "1" if plan.hidden else "",
        "every": str(plan.trial_days or ""),
        "cap": str(plan.trial_cap or ""),
        **_filled_hours(plan.hours),
    }


def _filled_hours(sale: Hours | None) -> dict[str, str]:
    if sale is None:
        return {}
    days = {f"day{day}": "1" for day in sale.days} if sale.days != WEEK else {}
    times = {"from": hours.clock(sale.begin), "until": hours.clock(sale.end)} if sale.begin != sale.end else {}
    return {**days, **times}


def _split(value: int | None, units: Mapping[str, int], empty: str = "") -> tuple[str, str]:
    """``5400000`` as ``90``, ``minutes``: the largest unit in which it is a whole number."""
    if value is None:
        return "", empty
    fitting = [name for name, size in units.items() if value % size == 0]
    unit = fitting[-1] if fitting else next(iter(units))
    return str(value // units[unit]), unit


def _split_rates(plan: Plan) -> tuple[str, str, str]:
    if plan.rate_up is None or plan.rate_down is None:
        return "", "", "Mbps"
    unit = "Mbps" if not (plan.rate_up % RATES["Mbps"] or plan.rate_down % RATES["Mbps"]) else "kbps"
    return str(plan.rate_up // RATES[unit]), str(plan.rate_down // RATES[unit]), unit
