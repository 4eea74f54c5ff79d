"""A plan in words, the same on a page and on paper. Pure."""

from __future__ import annotations

from markupsafe import Markup

from portal import words
from portal.access.plans import Plan
from portal.texts import Texts


def plan_title(plan: Plan, lang: str) -> str:
    """The plan's name; where it only says how long, it says so in the language of the page."""
    plain_name = words.span(plan.span_ms, "en").replace("\u00a0", " ")
    return words.title(words.span(plan.span_ms, lang)) if plan.name.casefold() == plain_name else plan.name


def plan_line(said: Texts, plan: Plan) -> str:
    """What else the guest gets: length, data, speed, devices."""
    lang = said.lang
    found: list[str] = []
    length = words.span(plan.span_ms, lang)
    if plan_title(plan, lang) != words.title(length):
        found.append(length)
    if plan.data_bytes:
        found.append(said("plan.data", data=words.data(plan.data_bytes, lang)))
    if plan.rate_down:
        found.append(said("plan.rate", rate=words.rate(plan.rate_down, lang)))
    if plan.max_devices > 1:
        found.append(said("plan.devices", n=plan.max_devices))
    if plan.kind == "used":
        window = words.span(plan.window_ms, lang) if plan.window_ms else ""
        found.append(said("plan.window", window=window) if window else said("plan.used"))
    line = Markup(" · ").join(found)
    return line[:1].upper() + line[1:]
