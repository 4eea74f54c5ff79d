"""A plan in plain words, as the audit log keeps it. Pure."""

from __future__ import annotations

from portal import words
from portal.access import hours
from portal.access.plans import Plan

Told = dict[str, object]


def told(plan: Plan) -> Told:
    """All that staff can set, but for the places where it is sold."""
    return {
        "name": plan.name,
        "price": str(plan.price),
        "time": _plain(words.span(plan.span_ms, "en")),
        "counted": "online time" if plan.kind == "used" else "by the clock",
        "window": _plain(words.span(plan.window_ms, "en")) if plan.window_ms else "",
        "data": _plain(words.data(plan.data_bytes, "en")) if plan.data_bytes else "no limit",
        "speed": f"{_rate(plan.rate_up)} up, {_rate(plan.rate_down)} down",
        "devices": plan.max_devices,
        "locked": plan.locked,
        "hidden": plan.hidden,
        "hours": hours.in_words(plan.hours),
        "free trial": f"once in {plan.trial_days} days, {plan.trial_cap} a day" if plan.trial else "",
    }


def changes(before: Plan, after: Plan) -> tuple[Told, Told]:
    """What is different, before and after; the name always, to know it by."""
    was, now = told(before), told(after)
    names = [name for name in was if name == "name" or was[name] != now[name]]
    return {name: was[name] for name in names}, {name: now[name] for name in names}


def _rate(bits: int | None) -> str:
    return _plain(words.rate(bits, "en")) if bits else "no limit"


def _plain(text: str) -> str:
    return text.replace("\u00a0", " ")
