"""Who is online now: a list that keeps itself fresh, with the buttons to kick and to block."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from starlette.responses import Response

from portal.access import admission
from portal.access import store as access
from portal.access.admission import FRESH_MS, Standing
from portal.access.store import Device
from portal.clock import Moment
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
    used_bytes: int  # since it went online
    since: Moment


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What the list is to show."""

    now: Moment
    router_id: int | None
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
    found = yield from store.online(asks.now - FRESH_MS, asks.router_id, asks.before, PAGE + 1)
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
        further=f"{last['online_since']}-{last['id']}" if last else "",
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
        used_bytes=row["active_bytes_in"] + row["active_bytes_out"],
        since=row["online_since"],
    )


async def online(desk: Desk) -> Response:
    """The list, of all sites or of one."""
    asks = Asked(
        now=desk.now,
        router_id=asked.number_or_none(desk.query.get("router", "")),
        before=_place(desk.query.get("before", "")),
        kicked=asked.number_or_none(desk.query.get("kicked", "")),
    )
    return desk.page("online", seen=await desk.read(seen, asks), asks=asks, address=_address(desk))


def _place(text: str) -> Place | None:
    if not text:
        return None
    found = _PLACE.fullmatch(text)
    if found is None or not text.isascii():
        raise Refused("form")
    return int(found[1]), int(found[2])


def _address(desk: Desk) -> str:
    """This very list, without what was said once."""
    kept = [f"{name}={desk.query[name]}" for name in ("router", "before") if desk.query.get(name)]
    return "/console/online" + ("?" + "&".join(kept) if kept else "")


SCREENS = (get("/online", "online", online),)
