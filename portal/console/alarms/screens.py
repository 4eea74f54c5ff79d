"""The page of alarms: the open ones first, then the payments of today, then what is over."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response

from portal.clock import Moment
from portal.console import asked
from portal.console.alarms import channels, day
from portal.console.desk import Desk
from portal.console.screens import get, post
from portal.errors import Refused
from portal.tenancy.store import Tenant
from portal.units import Unit
from portal.watch import store
from portal.watch.alarm import KINDS, Kind, lasted
from portal.watch.store import Kept

OPEN, PAST = 50, 25
MUTABLE = ("router-down", "routers-down")
_PLACE = re.compile(r"([0-9]{1,15})-([0-9]{1,18})")


@dataclass(frozen=True, kw_only=True)
class Page:
    """What the page shows, of one snapshot."""

    open: list[Kept]
    past: list[Kept]
    days: list[list[Moment]]
    told: int  # how many channels there are


def page(now: Moment, tenant: Tenant, before: tuple[Moment, int] | None) -> Unit[Page]:
    sells = tenant.kind == "isp"
    return Page(
        open=(yield from store.open_page(OPEN)) if before is None else [],
        past=(yield from store.past_page(before, PAST + 1)),
        days=(yield from day.read(now, tenant.timezone)) if sells and before is None else [],
        told=len([each for each in (yield from store.channels()) if each.active]),
    )


async def listed(desk: Desk) -> Response:
    """What is wrong now, and what was."""
    before = _before(desk.query.get("before", ""))
    found = await desk.read(page, desk.now, desk.view.tenant, before)
    past = found.past[:PAST]
    return desk.page(
        "alarms",
        found=found,
        past=past,
        first=before is None,
        further=f"{past[-1].closed_at}-{past[-1].id}" if len(found.past) > PAST else "",
        kind=kind_of,
        lasted=lambda each: lasted((each.gone_at or each.closed_at or desk.now) - each.since),
        router=router_of,
        mutable=MUTABLE,
        chart=day.chart(found.days, desk.calendar) if found.days else None,
    )


def _before(text: str) -> tuple[Moment, int] | None:
    """The place from which on the past is shown; raises `Refused("form")`."""
    if not text:
        return None
    match = _PLACE.fullmatch(text) if text.isascii() else None
    if match is None:
        raise Refused("form")
    return int(match[1]), int(match[2])


_UNKNOWN = Kind(title="Something is wrong", do="See the manual.")


def kind_of(kept: Kept) -> Kind:
    """What to say of an alarm; one of a later version says its sentence alone."""
    return KINDS.get(kept.kind, _UNKNOWN)


def router_of(kept: Kept) -> str:
    """The number of the router that it is about, or nothing."""
    sort, _, number = kept.subject.partition(":")
    return number if sort == "router" and number.isdigit() else ""


async def seen(desk: Desk) -> Response:
    """Somebody takes care of it."""
    kept = await _open_one(desk)
    if kept.seen_at is None:
        await _change(desk, "alarm.seen", kept, seen_at=desk.now, seen_by=desk.staff.id)
    return desk.go("/console/alarms", "alarm-seen")


async def mute(desk: Desk) -> Response:
    """Say nothing more of a router until it is back; or say it again."""
    kept = await _open_one(desk)
    on = asked.one_of(desk.fields.get("to", ""), ("on", "off")) == "on"
    if kept.kind not in MUTABLE:
        raise Refused("form")
    if on != (kept.muted_at is not None):
        await _change(desk, "alarm.mute" if on else "alarm.unmute", kept, muted_at=desk.now if on else None)
    return desk.go("/console/alarms", "alarm-muted" if on else "alarm-unmuted")


async def _change(desk: Desk, act: str, kept: Kept, **columns: Moment | int | None) -> None:
    """The change with its act, which holds the sentence: alarms are not kept as long as the log."""
    args: Any = columns
    await desk.act(act, f"alarm:{kept.id}", store.change, kept.id, after={"alarm": kept.sentence}, **args)


async def _open_one(desk: Desk) -> Kept:
    kept = await desk.read(store.alarm, asked.number(desk.request.path_params["id"]))
    if kept is None:
        raise Refused("not-found", status=404)
    if kept.closed_at is not None:
        raise Refused("alarm-over", status=409)
    return kept


SCREENS = (
    get("/alarms", "alarms", listed),
    post("/alarms/{id}/seen", "alarms.change", seen),
    post("/alarms/{id}/mute", "alarms.change", mute),
    *channels.SCREENS,
)
