"""Free time: what was given, the limits of each role, and making an outage good."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from starlette.responses import Response

from portal import words
from portal.clock import DAY, HOUR, MINUTE, Clock, Moment
from portal.console import asked
from portal.console.compensation import giving, limits, store
from portal.console.compensation.giving import Hit, Outage
from portal.console.compensation.limits import Limit
from portal.console.compensation.store import Heard
from portal.console.desk import Desk
from portal.console.guests.screens import giver
from portal.console.screens import get, post
from portal.db import Database
from portal.errors import Refused
from portal.money import Money
from portal.vouchers.batches import PAUSE_MS

LIST = 25
SHOWN = 50  # passes that are named before they get their time
LONGEST_MS = 7 * DAY
OLDEST_MS = 31 * DAY


def cost(desk: Desk, minor: int) -> str:
    return words.money(Money(int(minor), desk.view.tenant.currency), "en")


async def compensation(desk: Desk) -> Response:
    """What was given."""
    return await _compensation(desk)


async def _compensation(desk: Desk, wrong: str = "", status: int = 200) -> Response:
    before = asked.number_or_none(desk.query.get("before", ""))
    found = await desk.read(store.gifts, before or 2**62, LIST + 1)
    known = await desk.read(store.limits)
    typed = {name: text[:20] for name, text in desk.fields.items()} if wrong else {}
    return desk.page(
        "compensation",
        status,
        outages=[dict(row) for row in await desk.read(store.outages, LIST)],
        gifts=[dict(row) for row in found[:LIST]],
        before=before,
        more=found[LIST - 1]["id"] if len(found) > LIST else None,
        limits={role: _fields(role, limit, typed) for role, limit in known.items() if role in limits.DEFAULTS},
        cost=lambda minor: cost(desk, minor),
        wrong=wrong,
    )


def _fields(role: str, limit: Limit, typed: Mapping[str, str]) -> dict[str, str]:
    """What stands in the form of a role."""
    return {name: typed.get(f"{role}_{name}", str(getattr(limit, name))) for name in limits.FIELDS}


async def set_limits(desk: Desk) -> Response:
    """How much each role may give."""
    try:
        wanted = limits.read(desk.fields)
    except Refused as wrong:
        return await _compensation(desk, wrong.key, wrong.status)
    before = await desk.read(store.limits)
    if any(before[role] != limit for role, limit in wanted.items()):
        await desk.act(
            "gift.limits", "tenant", store.set_limits, wanted,
            before={role: _told(before[role]) for role in wanted}, after={role: _told(wanted[role]) for role in wanted},
        )  # fmt: skip
    return desk.go("/console/compensation", "saved")


def _told(limit: Limit) -> str:
    return f"{limit.guest_minutes} min a guest, {limit.day_minutes} min a day, {limit.guests} guests at once"


# --- an outage ---


@dataclass(frozen=True, kw_only=True)
class Window:
    """Which router, from when until when."""

    router_id: int
    since: Moment
    until: Moment


def _when(desk: Desk, text: str) -> Moment:
    """``2026-11-28T14:05`` by the ISP's clock; raises `Refused("outage-when")`."""
    try:
        if len(text) not in (16, 19) or not text.isascii():
            raise ValueError(text)
        local = datetime.fromisoformat(text)
        if local.tzinfo is not None:
            raise ValueError(text)
        return int(local.replace(tzinfo=ZoneInfo(desk.view.tenant.timezone)).timestamp() * 1000)
    except (ValueError, OverflowError):
        raise Refused("outage-when") from None


def _window(desk: Desk, fields: Mapping[str, str]) -> Window:
    """The outage that was asked for; raises `Refused`."""
    router_id = asked.number(fields.get("router", ""))
    if router_id not in desk.view.routers:
        raise Refused("outage-router")
    since, until = _when(desk, fields.get("since", "")), _when(desk, fields.get("until", ""))
    if not since < until <= desk.now + MINUTE:
        raise Refused("outage-span")
    if until - since > LONGEST_MS or since < desk.now - OLDEST_MS:
        raise Refused("outage-old")
    return Window(router_id=router_id, since=since, until=min(until, desk.now))


async def ask(desk: Desk) -> Response:
    """The form, and what it would do as far as it is filled."""
    return await _ask(desk, desk.query)


async def _ask(desk: Desk, fields: Mapping[str, str], wrong: str = "", status: int = 200) -> Response:
    hit: Hit | None = None
    heard: Heard | None = None
    window: Window | None = None
    if fields.get("since") or fields.get("until"):
        try:
            window = _window(desk, fields)
            hit = await desk.read(giving.foresee, window.router_id, window.since, window.until)
            heard = await desk.read(store.heard, window.router_id, window.since, window.until)
        except Refused as refused:
            wrong, status = wrong or refused.key, max(status, refused.status)
    return desk.page(
        "outage_new",
        status,
        routers=sorted(desk.view.routers.values(), key=lambda each: each.name.casefold()),
        filled=_filled(desk, fields),
        window=window,
        hit=hit,
        heard=heard,
        shown=SHOWN,
        limit=await desk.read(store.limit_of, desk.staff.role),
        key=asked.new_key(),
        reason=fields.get("reason", "")[: asked.MAX_NOTE],
        cost=lambda minor: cost(desk, minor),
        wrong=wrong,
    )


def _filled(desk: Desk, fields: Mapping[str, str]) -> dict[str, str]:
    """What stands in the form; at first the hour that has just passed."""
    local = desk.calendar.local
    start = {
        "router": "",
        "since": local(desk.now - HOUR).strftime("%Y-%m-%dT%H:%M"),
        "until": local(desk.now).strftime("%Y-%m-%dT%H:%M"),
    }
    return {name: fields.get(name, text)[:20] for name, text in start.items()}


async def make_good(desk: Desk) -> Response:
    """Give all of them their time, a few at a time, after the answer; a second tap gives nothing twice."""
    fields = desk.fields
    try:
        window = _window(desk, fields)
        outage = Outage(
            router_id=window.router_id,
            since=window.since,
            until=window.until,
            reason=asked.reason(fields.get("reason", "")),
            key=f"{desk.staff.id}:{asked.key(fields.get('key', ''))}",
            giver=giver(desk),
        )
        made = await _begun(desk, outage, asked.number(fields.get("count", "")))
    except Refused as wrong:
        if wrong.key == "outage-there":
            return desk.go(f"/console/compensation/{wrong.values['outage']}", "outage-there")
        return await _ask(desk, fields, wrong.key, wrong.status)
    return await _given(desk, made)


async def _begun(desk: Desk, outage: Outage, told: int) -> int:
    after = {
        "site": desk.view.routers[outage.router_id].name,
        "from": desk.calendar.clock(outage.since),
        "until": desk.calendar.clock(outage.until),
        "passes": told,
        "reason": outage.reason,
    }
    return await desk.act(
        "gift.outage", lambda made: f"outage:{made}", giving.begin, outage, told, desk.now, after=after, money=True
    )


async def finish(desk: Desk) -> Response:
    """Go on with one that was stopped."""
    row = await _found(desk)
    if row["done_at"] is None:
        desk.services.work.must_be_free(desk.view.tenant.id, f"outage:{row['id']}")
        await desk.act("gift.finish", f"outage:{row['id']}", store.outage, row["id"])
    return await _given(desk, row["id"])


async def _given(desk: Desk, outage_id: int) -> Response:
    job = carry_out(desk.services.db, desk.services.clock, desk.view.tenant.id, outage_id)
    await desk.services.work.begin(desk.view.tenant.id, f"outage:{outage_id}", job)
    return desk.go(f"/console/compensation/{outage_id}", "outage-given")


async def carry_out(db: Database, clock: Clock, tenant_id: int, outage_id: int) -> None:
    """Give until nobody is left; may be stopped at any point and called again."""
    while await db.write(tenant_id, giving.give_some, outage_id, clock.now()):
        await clock.sleep(PAUSE_MS)


async def _found(desk: Desk) -> dict[str, Any]:
    return dict(await desk.read(store.outage, asked.number(desk.request.path_params["id"])))


async def outage(desk: Desk) -> Response:
    """One outage, and what was given for it."""
    row = await _found(desk)
    after = asked.number_or_none(desk.query.get("after", "")) or 0
    found = await desk.read(store.of_outage, row["id"], after, SHOWN + 1)
    return desk.page(
        "outage",
        outage=row,
        gave=dict(await desk.read(store.gave, row["id"])),
        gifts=[dict(each) for each in found[:SHOWN]],
        more=found[SHOWN - 1]["pass_id"] if len(found) > SHOWN else None,
        going=desk.services.work.going(desk.view.tenant.id, f"outage:{row['id']}"),
        cost=lambda minor: cost(desk, minor),
    )


SCREENS = (
    get("/compensation", "compensate", compensation),
    post("/compensation/limits", "staff.change", set_limits),
    get("/compensation/new", "compensate", ask),
    post("/compensation/new", "compensate", make_good),
    get("/compensation/{id}", "compensate", outage),
    post("/compensation/{id}/finish", "compensate", finish),
)
