"""Who is online now: a list that keeps itself fresh, with the buttons to kick and to block."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from urllib.parse import urlencode

from starlette.responses import Response

from portal.access import admission
from portal.access import store as access
from portal.access.admission import FRESH_MS, Standing
from portal.access.many.keep import LONGEST_MS
from portal.access.store import Device
from portal.clock import MINUTE, Moment
from portal.console import asked
from portal.console.desk import Desk
from portal.console.guests.state import silent, site_name
from portal.console.online import store
from portal.console.online.store import Place
from portal.console.screens import get
from portal.errors import Refused
from portal.tenancy.store import Router, routers
from portal.units import Row, Unit

PAGE = 50
OLD_MS = LONGEST_MS + MINUTE // 2  # a reading that is older is said to be: a poll after the latest that there may be
_PLACE = re.compile(r"([0-9]{1,15})-([0-9]{1,15})")


@dataclass(frozen=True, kw_only=True)
class Line:
    """A device that is online."""

    device_id: int
    router_id: int
    mac: str
    site: str
    plan: str
    left_ms: int | None  # None: without a pass; its router is about to end that
    bytes_left: int | None
    up: int  # bytes since it went online
    down: int
    pace_up: int | None  # in bit/s, between the last two readings
    pace_down: int | None
    read_at: Moment
    since: Moment
    address: str


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What the list is to show."""

    now: Moment
    router_id: int | None
    order: str  # one of `store.ORDERS`
    before: Place | None
    kicked: int | None


@dataclass(frozen=True, kw_only=True)
class Seen:
    """The list as it is now."""

    lines: Sequence[Line]
    routers: Mapping[int, Router]
    silent: Sequence[Router]  # who is online there, nobody knows
    kicked: Device | None
    further: str  # where the next page begins


def seen(asks: Asked) -> Unit[Seen]:
    """Everything that the page shows, in one snapshot."""
    known = {each.id: each for each in (yield from routers())}
    if asks.router_id is not None and asks.router_id not in known:
        raise Refused("not-found", status=404)
    found = yield from store.online(asks.now - FRESH_MS, asks.router_id, asks.order, asks.before, PAGE + 1)
    lines: list[Line] = []
    for row in found[:PAGE]:
        stands = yield from admission.standing(row["device_id"], asks.now, row["router_id"])
        lines.append(_line(row, stands, site_name(known, row["router_id"])))
    last = found[PAGE - 1] if len(found) > PAGE else None
    kicked = None if asks.kicked is None else (yield from access.device(asks.kicked))
    return Seen(
        lines=lines,
        routers=known,
        silent=[each for each in known.values() if silent(each, asks.now) and asks.router_id in (None, each.id)],
        kicked=kicked if kicked and kicked.hold.by == "staff" and kicked.hold.holds(asks.now) else None,
        further=f"{last['place']}-{last['id']}" if last else "",
    )


def _line(row: Row, stands: Standing | None, site: str) -> Line:
    head, allowance = (stands.head, stands.allowance) if stands else (None, None)
    return Line(
        device_id=row["device_id"],
        router_id=row["router_id"],
        mac=row["mac"],
        site=site,
        plan=head.plan_name if head else "",
        left_ms=allowance.seconds * 1000 if allowance else None,
        bytes_left=allowance.bytes if allowance else None,
        up=row["active_bytes_in"],
        down=row["active_bytes_out"],
        pace_up=row["rate_up"],
        pace_down=row["rate_down"],
        read_at=row["read_at"] or row["seen_at"],
        since=row["online_since"],
        address=row["address"] or "",
    )


async def online(desk: Desk) -> Response:
    """The list, of all sites or of one."""
    asks = Asked(
        now=desk.now,
        router_id=asked.number_or_none(desk.query.get("router", "")),
        order=asked.one_of(desk.query.get("order", ""), store.ORDERS),
        before=_place(desk.query.get("before", "")),
        kicked=asked.number_or_none(desk.query.get("kicked", "")),
    )
    return desk.page(
        "online",
        seen=await desk.read(seen, asks),
        asks=asks,
        address=_address(desk),
        link=partial(_link, asks),
        old=OLD_MS,
    )


def _place(text: str) -> Place | None:
    if not text:
        return None
    found = _PLACE.fullmatch(text)
    if found is None or not text.isascii():
        raise Refused("form")
    return int(found[1]), int(found[2])


def _link(asks: Asked, **changed: object) -> str:
    """The list with the same site and order but for what is `changed`."""
    kept = {"router": asks.router_id, "order": None if asks.order == "since" else asks.order, **changed}
    query = urlencode({name: each for name, each in kept.items() if each is not None})
    return "/console/online" + (f"?{query}" if query else "")


def _address(desk: Desk) -> str:
    """This very list, without what was said once."""
    kept = [f"{name}={desk.query[name]}" for name in ("router", "order", "before") if desk.query.get(name)]
    return "/console/online" + ("?" + "&".join(kept) if kept else "")


SCREENS = (get("/online", "online", online),)
