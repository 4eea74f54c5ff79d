"""Making a batch: the form, the drawing of its codes, and going on with a drawing that was stopped.

A form that is sent twice makes one batch: it carries a key of its own, and whoever sends it again gets the batch that
it has made.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from portal.access import store as access
from portal.clock import DAY
from portal.console import asked
from portal.console.desk import Desk
from portal.console.vouchers import store
from portal.console.vouchers.form import StyleChoice, order_of, style_choices
from portal.console.vouchers.lists import found
from portal.errors import Misconfigured, Refused
from portal.vouchers import codes
from portal.vouchers.batches import Batches, Order, TooEasy
from portal.vouchers.guesses import TENANT_AN_HOUR
from portal.vouchers.store import Batch

USE_BY_DAYS = 90


def room(desk: Desk) -> Batches:
    """The batches of this ISP."""
    services, tenant = desk.services, desk.view.tenant
    return Batches(
        db=services.db, vault=services.vault, clock=services.clock, tenant=tenant, guesses_an_hour=TENANT_AN_HOUR
    )


async def ask(desk: Desk) -> Response:
    """The form of a new batch."""
    fields = {
        "plan": desk.query.get("plan", ""),
        "count": "100",
        "use_by": desk.calendar.local(desk.now + USE_BY_DAYS * DAY).date().isoformat(),
        "style": codes.DEFAULT["letters"].name,
        "key": asked.new_key(),
    }
    return await _form(desk, fields)


async def _form(desk: Desk, fields: Mapping[str, str], wrong: str = "", status: int = 200, **more: Any) -> Response:
    plans = [each for each in await desk.read(access.plan_list) if each.by_staff]
    agents = await desk.read(store.agents)
    styles: list[StyleChoice] = style_choices()
    names = ("plan", "count", "use_by", "price", "style", "agent", "stock_of", "note", "key")
    filled = {name: fields.get(name, "")[:200] for name in names}
    values = {"easy": None, "agents": agents, **more}
    return desk.page("batch_new", status, plans=plans, styles=styles, filled=filled, wrong=wrong, **values)


async def make(desk: Desk) -> Response:
    """Make the batch; thousands of codes are drawn after the answer."""
    try:
        plans, agents = await desk.read(access.plan_list), await desk.read(store.agents)
        order = order_of(desk.fields, plans, desk.view.tenant, desk.now, desk.staff, agents)
        made = await _begin(desk, order)
    except TooEasy as easy:
        return await _form(desk, desk.fields, "batch-easy", 409, easy=easy)
    except Misconfigured:
        return await _form(desk, desk.fields, "batch-refused", 409)
    except Refused as wrong:
        if wrong.key == "batch-there":
            return desk.go(f"/console/vouchers/batch/{wrong.values['batch']}", "batch-there")
        return await _form(desk, desk.fields, wrong.key, wrong.status)
    return await _drawn(desk, made)


async def _begin(desk: Desk, order: Order) -> Batch:
    await room(desk).permit(order)
    return await desk.act("voucher.make", _subject, store.make_once, order, desk.now, after=summary(desk, order))


def _subject(made: Batch) -> str:
    return f"batch:{made.id}"


def summary(desk: Desk, order: Order) -> dict[str, object]:
    """An order as the audit log keeps it."""
    return {
        "plan": order.plan.name,
        "count": order.count,
        "price": str(order.price or order.plan.price),
        "style": order.style.name,
        "use_by": desk.calendar.day(order.use_by),
        "agent": order.agent,
        "note": order.note,
    }


async def finish(desk: Desk) -> Response:
    """Draw what a batch lacks whose drawing was stopped."""
    batch = await found(desk)
    with desk.services.work.held(desk.view.tenant.id, _subject(batch)):
        if batch.ready_at is not None:
            return desk.go(f"/console/vouchers/batch/{batch.id}")
        await desk.act("voucher.finish", _subject(batch), store.batch, batch.id)
        return await _drawn(desk, batch)


async def _drawn(desk: Desk, batch: Batch) -> Response:
    job = room(desk).finish(batch, desk.staff.name)
    await desk.services.work.begin(desk.view.tenant.id, _subject(batch), job)
    return desk.go(f"/console/vouchers/batch/{batch.id}", "batch-made")
