"""Money, time and data as people say them, in the language of the page. Pure."""

from __future__ import annotations

from datetime import date, timedelta
from functools import lru_cache
from typing import Literal
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_timedelta
from babel.numbers import format_decimal

from portal.clock import DAY, HOUR, MINUTE, Moment, as_datetime
from portal.money import Money

Step = Literal["day", "hour", "minute", "second"]

SYMBOLS = {"KES": "KSh", "TZS": "TSh", "UGX": "USh", "RWF": "FRw", "ETB": "Br", "USD": "$"}
_STEPS: tuple[tuple[Step, int], ...] = (("day", DAY), ("hour", HOUR), ("minute", MINUTE))
_MANY = 10**9  # babel climbs to the next unit at this count: never


@lru_cache(maxsize=1024)
def money(amount: Money, lang: str) -> str:
    """``KSh 20``; cents only when there are some."""
    pattern = "#,##0" if amount.minor % 100 == 0 else "#,##0.00"
    number = format_decimal(amount.minor / 100, format=pattern, locale=lang)
    return f"{SYMBOLS.get(amount.currency, amount.currency)}\u00a0{number}"


def _count(n: int, step: Step, size: int, lang: str) -> str:
    text = format_timedelta(timedelta(milliseconds=n * size), granularity=step, threshold=_MANY, locale=lang)
    return text.replace(" ", "\u00a0")


@lru_cache(maxsize=4096)
def span(span_ms: int, lang: str) -> str:
    """``3 hours``, ``saa 3``, ``2 days 4 hours``: at most two steps, the last minute rounded up."""
    left = -(-max(0, span_ms) // MINUTE) * MINUTE
    if left == DAY:
        return _count(24, "hour", HOUR, lang)
    parts: list[str] = []
    for step, size in _STEPS:
        n, left = divmod(left, size)
        if n and len(parts) < 2:
            parts.append(_count(n, step, size, lang))
        elif parts:
            break
    return " ".join(parts) or _count(0, "minute", MINUTE, lang)


def wait(seconds: object, lang: str) -> str:
    """How long to wait; a minute when nobody said."""
    return span(int(seconds) * 1000 if isinstance(seconds, int) else MINUTE, lang)


def title(text: str) -> str:
    """The text with its first letter large."""
    return text[:1].upper() + text[1:]


@lru_cache(maxsize=1024)
def data(count: int, lang: str) -> str:
    """``500 MB``, ``1.5 GB``; steps of 1000 as shops count them."""
    for size, unit in ((10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if count >= size:
            number = format_decimal(count / size, format="#,##0.#", locale=lang)
            return f"{number}\u00a0{unit}"
    return f"{count}\u00a0B"


@lru_cache(maxsize=1024)
def rate(bits: int, lang: str) -> str:
    """``5 Mbps``."""
    size, unit = (10**6, "Mbps") if bits >= 10**6 else (10**3, "kbps")
    return f"{format_decimal(bits / size, format='#,##0.#', locale=lang)}\u00a0{unit}"


def clock_time(moment: Moment, now: Moment, timezone: str) -> str:
    """``14:30`` today, ``14:30, 3/12`` another day; never Swahili clock hours, which start at sunrise."""
    zone = ZoneInfo(timezone)
    then, today = as_datetime(moment).astimezone(zone), as_datetime(now).astimezone(zone)
    text = f"{then:%H:%M}"
    return text if then.date() == today.date() else f"{text}, {then.day}/{then.month}"


def weekday(day: date, lang: str) -> str:
    """``Monday, 30 November``"""
    return format_date(day, "EEEE, d MMMM", locale=lang)
