"""Whether a row that comes in can be read by what starts with Bando. Pure.

The engine would store it, and no invariant would miss it; `bando serve` would not start any more.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, get_args
from zoneinfo import ZoneInfo

from portal.access import hours, plans
from portal.backup.sealed import Unusable
from portal.calls import beat
from portal.errors import Refused
from portal.moving import values
from portal.payments.refunds import rules
from portal.settings import networks_of
from portal.staff import passwords
from portal.tenancy import look
from portal.texts import LANGUAGES
from portal.watch import channels

Row = Mapping[str, Any]
MOST_SITES = 10_000
MINUTES = range(hours.WHOLE_DAY)


def must_be(table: str, row: Row) -> None:
    """Raises `Unusable` for a row, as it travels, that cannot be read."""
    read = READ.get(table)
    try:
        fits = read is None or read(row)
    except (ArithmeticError, AttributeError, LookupError, OSError, RecursionError, Refused, TypeError, ValueError):
        fits = False
    if not fits:
        raise Unusable(f"The file holds a row of {table} that Bando could not read.")


def _tenant(row: Row) -> bool:
    ZoneInfo(row["timezone"])
    networks_of(row["router_networks"])
    look.style(row["accent"])
    lengths = [int(each) for each in row["imported_lengths"].split()]
    shown = row["name"].isprintable() and row["language"] in LANGUAGES and look.parse(row["accent"]) == row["accent"]
    return shown and all(each > 0 for each in lengths) and _rules(rules.read(row["refund_rules"]))


def _rules(found: rules.Rules) -> bool:
    most = all(each is None or values.is_whole(each) for each in dict(found.most).values())
    return most and values.is_whole(found.alone)


def _router(row: Row) -> bool:
    answers = json.loads(row["answers"])
    return (
        beat.fits(row["beat"])
        and 0 < row["port"] < 1 << 16
        and isinstance(answers, dict)
        and all(map(values.is_text, answers.values()))
    )


def _plan(row: Row) -> bool:
    found = plans.from_row(row)
    least = found.price.minor >= 0 and found.span_ms >= 0 and found.max_devices > 0 and found.use_by_ms >= 0
    return least and found.kind in get_args(plans.Kind) and _sites(row) and _hours(found.hours)


def _hours(found: hours.Hours | None) -> bool:
    if found is None:
        return True
    whole = all(type(each) is int for each in (found.begin, found.end, *found.days))
    return whole and set(found.days) <= set(hours.WEEK) and found.begin in MINUTES and found.end in MINUTES


def _sites(row: Row) -> bool:
    found = plans.read_sites(row["sites"]) or ()
    return len(found) <= MOST_SITES and all(map(values.is_whole, found))


def _bought(row: Row) -> bool:
    found = plans.from_json(row["plan_copy"])
    return found.kind in get_args(plans.Kind) and all(map(values.is_whole, (found.span_ms, found.price.minor)))


def _channel(row: Row) -> bool:
    address = row["address_sealed"]
    return not isinstance(address, str) or bool(channels.mark(row["kind"], address))


def _staff(row: Row) -> bool:
    known = row["password_hash"]
    return known is None or passwords.is_bearable(bytes.fromhex(known["hex"]).decode())


READ: Mapping[str, Callable[[Row], bool]] = {
    "tenants": _tenant,
    "routers": _router,
    "plans": _plan,
    "passes": _sites,
    "payments": _bought,
    "batches": _bought,
    "alarm_channels": _channel,
    "staff": _staff,
}
