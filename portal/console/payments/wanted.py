"""Which payments staff ask for: the fields of the address, read strictly, and the address of such a list. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from urllib.parse import urlencode

from portal import spans
from portal.console import asked
from portal.errors import Refused
from portal.spans import Span

CHIPS = (
    ("all", "All"),
    ("paid", "Paid"),
    ("waiting", "Waiting"),
    ("failed", "Not paid"),
    ("somebody", "Needs somebody"),
)
LAST = 2**62  # no id and no moment is above it
ALWAYS: Span = (0, LAST)


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """State, days, plan and site."""

    chip: str = "all"
    since: str = ""  # the first day, 2026-11-22
    until: str = ""  # the last day
    plan: int | None = None
    router: int | None = None
    span: Span = ALWAYS

    @property
    def narrowed(self) -> bool:
        """Whether it asks for more than a state."""
        return self.span != ALWAYS or self.plan is not None or self.router is not None

    @property
    def fields(self) -> dict[str, str]:
        """As the address and the forms carry it."""
        named = {
            "state": self.chip if self.chip != "all" else "",
            "since": self.since,
            "until": self.until,
            "plan": str(self.plan or ""),
            "router": str(self.router or ""),
        }
        return {name: text for name, text in named.items() if text}

    def address(self, **more: str) -> str:
        query = urlencode({name: text for name, text in {**self.fields, **more}.items() if text})
        return f"/console/payments?{query}" if query else "/console/payments"


def wanted(fields: Mapping[str, str], timezone: str) -> Wanted:
    """What was asked for; raises `Refused("form")`. `day` is one day, as links of the dashboard have it."""
    day = asked.day(fields.get("day", ""))
    since = day or asked.day(fields.get("since", ""))
    until = day or asked.day(fields.get("until", ""))
    return Wanted(
        chip=asked.one_of(fields.get("state", ""), tuple(name for name, _ in CHIPS)),
        since=since,
        until=until,
        plan=asked.number_or_none(fields.get("plan", "")),
        router=asked.number_or_none(fields.get("router", "")),
        span=_span(since, until, timezone),
    )


def _span(since: str, until: str, timezone: str) -> Span:
    first = spans.named_day(since) if since else None
    last = spans.named_day(until) if until else None
    if first and last and last < first:
        raise Refused("span")
    return _begin(first, timezone), _end(last, timezone)


def _begin(day: date | None, timezone: str) -> int:
    return 0 if day is None else spans.day_span(day, timezone)[0]


def _end(day: date | None, timezone: str) -> int:
    return LAST if day is None else spans.day_span(day, timezone)[1]
