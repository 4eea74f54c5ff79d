"""The list of plans, the form of a new one, and the page that changes one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from portal.access import hours, trials
from portal.access import store as access
from portal.access.plans import Plan, to_columns
from portal.console import asked
from portal.console.desk import Desk
from portal.console.plans import form, store
from portal.console.plans.telling import changes, told
from portal.console.screens import get, post
from portal.errors import Refused
from portal.seal import new_public

EMPTY = {
    "time": "1",
    "time_unit": "hours",
    "window_unit": "days",
    "data_unit": "GB",
    "rate_unit": "Mbps",
    "devices": "1",
}
TRIAL = {
    "trial": "1",
    "name": "Free trial",
    "time": "15",
    "time_unit": "minutes",
    "data_unit": "MB",
    "every": "1",
    "cap": str(trials.CAP),
}
NAMES = (
    *("public", "trial", "name", "price", "kind", "time", "time_unit", "window", "window_unit"),
    *("data", "data_unit", "up", "down", "rate_unit", "devices", "locked", "hidden"),
    *("every", "cap", "from", "until", *(f"day{day}" for day in hours.WEEK)),
)
# What the form of a plan changes; its places, its order and whether it is on sale are changed by themselves.
CHANGED = (
    *("name", "price_minor", "kind", "span_ms", "window_ms", "data_bytes", "rate_up", "rate_down"),
    *("max_devices", "locked", "hidden", "hours", "trial_days", "trial_cap"),
)


async def plans(desk: Desk) -> Response:
    """What is for sale, in the order in which guests see it."""
    listed = await desk.read(access.plan_list)
    closed = {each.id for each in listed if not hours.is_open(each.hours, desk.now, desk.view.tenant.timezone)}
    return desk.page("plans", plans=listed, routers=desk.view.routers, hours=hours, closed=closed)


async def ask(desk: Desk) -> Response:
    """The form of a new plan, or of a new free trial."""
    more = TRIAL if desk.query.get("kind") == "trial" else {}
    return _new(desk, {**EMPTY, **more, "public": new_public(4)})


def _new(desk: Desk, fields: Mapping[str, str], wrong: str = "", status: int = 200) -> Response:
    trial = fields.get("trial") == "1"
    return desk.page("plan", status, plan=None, trial=trial, filled=_shown(fields), form=form, hours=hours, wrong=wrong)


def _shown(fields: Mapping[str, str]) -> dict[str, str]:
    """What was typed, for the form again."""
    return {name: fields.get(name, "")[:200] for name in NAMES}


async def add(desk: Desk) -> Response:
    """Put it on sale; the public name in the form makes a second sending find the plan."""
    try:
        made = form.plan_of(desk.fields, desk.view.tenant.currency, trial=desk.fields.get("trial") == "1")
        await _act(desk, "plan.add", f"plan:{made.public}", store.add, made, desk.now, after=told(made))
    except Refused as wrong:
        if wrong.key == "plan-there":
            return desk.go(f"/console/plans/{wrong.values['plan']}", "plan-there")
        return _new(desk, desk.fields, wrong.key, wrong.status)
    return desk.go("/console/plans", "plan-added")


async def _act(desk: Desk, act: str, subject: str, unit: Any, *args: Any, **kwargs: Any) -> None:
    """One change of the plans, seen by guests at once."""
    await desk.act(act, subject, unit, desk.view.tenant.id, *args, **kwargs)
    await desk.services.catalog.refresh()


async def _found(desk: Desk) -> Plan:
    return await desk.read(store.plan, asked.number(desk.request.path_params["id"]))


async def plan(desk: Desk) -> Response:
    """One plan."""
    return _one(desk, await _found(desk))


def _one(desk: Desk, found: Plan, wrong: str = "", status: int = 200) -> Response:
    typed = desk.fields if "name" in desk.fields else form.filled(found)
    more = {"routers": desk.view.routers.values(), "trial": found.trial, "hours": hours}
    return desk.page("plan", status, plan=found, filled=_shown(typed), form=form, wrong=wrong, **more)


async def change(desk: Desk) -> Response:
    """Change what is for sale from now on; what was sold stays as it was."""
    found = await _found(desk)
    fields = {**desk.fields, "public": found.public}
    try:
        made = form.plan_of(fields, found.price.currency, trial=found.trial)
    except Refused as wrong:
        return _one(desk, found, wrong.key, wrong.status)
    before, after = changes(found, made)
    columns = {name: value for name, value in to_columns(made).items() if name in CHANGED}
    await _act(
        *(desk, "plan.change", f"plan:{found.public}", store.change, found.id), before=before, after=after, **columns
    )
    return desk.go(f"/console/plans/{found.id}", "plan-saved")


async def on_sale(desk: Desk) -> Response:
    """Withdraw it, or offer it again."""
    found, sell = await _found(desk), asked.one_of(desk.fields.get("sell", ""), ("no", "yes")) == "yes"
    word = "offer" if sell else "withdraw"
    await _act(
        desk, f"plan.{word}", f"plan:{found.public}", store.change, found.id, on_sale=sell, after={"name": found.name}
    )
    return desk.go(f"/console/plans/{found.id}", "plan-offered" if sell else "plan-withdrawn")


async def site(desk: Desk) -> Response:
    """Sell it at this router or not; ``all`` is everywhere, at routers to come too."""
    found, which = await _found(desk), desk.fields.get("site", "")
    before = {"sites": found.sites and list(found.sites)}
    try:
        if which == "all":
            await _act(
                *(desk, "plan.sites", f"plan:{found.public}", store.change, found.id),
                sites=None,
                before=before,
                after={"sites": "all"},
            )
        else:
            sold, router_id = desk.fields.get("sold") == "1", asked.number(which)
            after = {"router": router_id, "sold": sold}
            await _act(
                *(desk, "plan.sites", f"plan:{found.public}", store.set_site, found.id, router_id, sold),
                before=before,
                after=after,
            )
    except Refused as wrong:
        if wrong.key != "plan-nowhere":
            raise
        return _one(desk, found, wrong.key, wrong.status)
    return desk.go(f"/console/plans/{found.id}", "plan-sites")


async def move(desk: Desk) -> Response:
    """One place up or down in the list of sale."""
    found, way = await _found(desk), asked.one_of(desk.fields.get("way", ""), ("down", "up"))
    step = 1 if way == "down" else -1
    await _act(
        desk, "plan.move", f"plan:{found.public}", store.move, found.id, step, after={"name": found.name, "way": way}
    )
    return desk.go("/console/plans", "saved")


SCREENS = (
    get("/plans", "plans", plans),
    get("/plans/new", "plans.change", ask),
    post("/plans/new", "plans.change", add),
    get("/plans/{id}", "plans", plan),
    post("/plans/{id}", "plans.change", change),
    post("/plans/{id}/sale", "plans.change", on_sale),
    post("/plans/{id}/site", "plans.change", site),
    post("/plans/{id}/move", "plans.change", move),
)
