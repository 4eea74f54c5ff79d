"""The screens of retention: what stands, other days after a look at what they would remove, and holds."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta

from starlette.responses import Response

from portal import spans
from portal.clock import Moment
from portal.console import asked
from portal.console.desk import Desk
from portal.console.retention import view
from portal.console.screens import get, post
from portal.errors import Refused
from portal.privacy.retention import service
from portal.privacy.retention.periods import PERIODS, OutOfBounds, Period, chosen
from portal.privacy.retention.rules import BY_NAME, HOLDABLE

HOME = "/console/settings/retention"
KEPT = tuple(each.keep for each in PERIODS.values() if not each.fixed)


async def overview(desk: Desk) -> Response:
    """How long each class is kept, the holds, and the last runs."""
    count = desk.query.get("count") == "yes"
    found = await desk.read(view.page, desk.view.tenant, count, desk.now)
    return desk.page(
        "retention", found=found, counted=count, titles={name: each.title for name, each in PERIODS.items()}
    )


@dataclass(frozen=True, kw_only=True)
class Wished:
    """Other days for a class, as they were typed, and what is wrong with them."""

    period: Period
    typed: str
    days: int | None = None  # once they are possible
    wrong: str = ""
    why: str = ""  # why these days are not possible


def _wished(fields: dict[str, str]) -> Wished:
    period, typed = PERIODS[asked.one_of(fields.get("keep", ""), KEPT)], fields.get("days", "").strip()[:9]
    try:
        return Wished(period=period, typed=typed, days=chosen(period.keep, asked.number(typed)))
    except OutOfBounds as bound:
        return Wished(period=period, typed=typed, wrong=bound.key, why=str(bound))
    except Refused:
        return Wished(period=period, typed=typed, wrong="retention-days")


async def ask_days(desk: Desk) -> Response:
    """The days of one class; when some are typed, what they would remove."""
    wished = _wished(dict(desk.query))
    return await _days(desk, wished if wished.typed else replace(wished, wrong=""))


async def _days(desk: Desk, wished: Wished, wrong: Refused | None = None) -> Response:
    tenant, now = desk.view.tenant, desk.now
    known = await desk.read(service.terms, tenant, now)
    removes = None
    if wished.days is not None:
        removes = await desk.read(service.preview_of, tenant, wished.period.keep, wished.days, now)
    return desk.page(
        "retention_days",
        400 if wrong or wished.wrong else 200,
        wished=wished,
        days=known.days(wished.period.keep),
        held=known.held(wished.period.keep),
        removes=removes,
        reason=desk.fields.get("reason", "")[: asked.MAX_NOTE],
        wrong=wrong.key if wrong else "",
    )


async def keep_days(desk: Desk) -> Response:
    """Keep the class for so many days from now on."""
    wished = _wished(dict(desk.fields))
    if wished.days is None:
        return await _days(desk, wished)
    try:
        reason = asked.reason(desk.fields.get("reason", ""))
    except Refused as wrong:
        return await _days(desk, wished, wrong)
    keep, known = wished.period.keep, await desk.read(service.terms, desk.view.tenant, desk.now)
    await desk.act(
        "retention.days",
        f"class:{keep}",
        service.set_days,
        *(keep, wished.days, desk.staff.name, desk.now),
        before={"days": known.days(keep)},
        after={"days": wished.days, "reason": reason},
    )
    return desk.go(HOME, "retention-days")


async def ask_hold(desk: Desk) -> Response:
    """The form of a hold."""
    return _hold(desk)


def _hold(desk: Desk, wrong: Refused | None = None) -> Response:
    return desk.page(
        "retention_hold",
        wrong.status if wrong else 200,
        classes=[PERIODS[each] for each in HOLDABLE],
        picked=_picked(desk),
        reason=desk.fields.get("reason", "")[: service.LONGEST],
        until=desk.fields.get("until", "")[:10],
        wrong=wrong.key if wrong else "",
    )


def _picked(desk: Desk) -> list[str]:
    return [each for each in HOLDABLE if desk.fields.get(f"hold-{each}") == "1"]


async def place(desk: Desk) -> Response:
    """A hold stands from now on."""
    picked, reason = _picked(desk), desk.fields.get("reason", "")
    try:
        until = _until(desk)
        await desk.act(
            "hold.place",
            lambda made: f"hold:{made}",
            service.place,
            *(picked, reason, until, desk.staff.name, desk.now),
            after={"classes": " ".join(picked), "reason": reason.strip(), "until": desk.fields.get("until", "")},
        )
    except Refused as wrong:
        return _hold(desk, wrong)
    return desk.go(HOME, "hold-placed")


def _until(desk: Desk) -> Moment | None:
    """The end of the last day that was typed, or None; raises `Refused`."""
    text = desk.fields.get("until", "").strip()
    if not text:
        return None
    try:
        last = date.fromisoformat(asked.day(text))
        return spans.midnight(last + timedelta(days=1), desk.view.tenant.timezone)
    except (ValueError, OverflowError, Refused):
        raise Refused("hold-needs") from None


async def lift(desk: Desk) -> Response:
    """A hold ends."""
    hold_id = asked.number(desk.request.path_params["id"])
    reason = asked.reason(desk.fields.get("reason", ""))
    await desk.act(
        "hold.lift",
        f"hold:{hold_id}",
        service.lift,
        *(hold_id, desk.staff.name, desk.now),
        after={"reason": reason},
    )
    return desk.go(HOME, "hold-lifted")


async def ask_clear(desk: Desk) -> Response:
    """What clearing the log of sessions would take, and what it means."""
    return await _clear(desk)


async def _clear(desk: Desk, wrong: Refused | None = None) -> Response:
    known = await desk.read(service.terms, desk.view.tenant, desk.now)
    counts = await desk.read(service.preview_clearing, desk.view.tenant, desk.now)
    return desk.page(
        "retention_clear",
        wrong.status if wrong else 200,
        counts=[(BY_NAME[name].title, many) for name, many in counts.items()],
        total=sum(counts.values()),
        held=known.held("session"),
        reason=desk.fields.get("reason", "")[: asked.MAX_NOTE],
        wrong=wrong.key if wrong else "",
    )


async def clear(desk: Desk) -> Response:
    """Have the log of sessions cleared; the page of retention shows how far it is."""
    try:
        reason = asked.reason(desk.fields.get("reason", ""))
        await desk.act(
            service.CLEARED,
            lambda run: f"purge:{run}",
            service.clear,
            *(desk.view.tenant, f"staff:{desk.staff.public}", desk.now),
            after={"reason": reason},
        )
    except Refused as wrong:
        return await _clear(desk, wrong)
    return desk.go(HOME, "clearing")


SCREENS = (
    get("/settings/retention", "tenant", overview),
    get("/settings/retention/days", "retention.change", ask_days),
    post("/settings/retention/days", "retention.change", keep_days),
    get("/settings/retention/hold", "retention.change", ask_hold),
    post("/settings/retention/hold", "retention.change", place),
    post("/settings/retention/hold/{id}/lift", "retention.change", lift),
    get("/settings/retention/clear", "retention.change", ask_clear),
    post("/settings/retention/clear", "retention.change", clear, proof=True),
)
