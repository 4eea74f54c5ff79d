"""The sale at a counter: one tap makes one card, which is shown to whoever sells it.

A card that is sold is a batch of one with a note of its own, so that it has a price, a seller and a history like every
other card, and is not taken for stock. It is shown for `SHOWN_MS`, so that a reload loses no card that was paid for.
"""

from __future__ import annotations

from dataclasses import replace

from starlette.responses import Response

from portal.access import store as access
from portal.clock import DAY, MINUTE
from portal.console import asked
from portal.console.desk import Desk
from portal.console.symbols import symbol
from portal.console.vouchers import store
from portal.console.vouchers.form import order_of
from portal.console.vouchers.lists import found
from portal.console.vouchers.making import USE_BY_DAYS, room, summary
from portal.errors import Misconfigured, Refused
from portal.texts import said_in
from portal.vouchers import batches, codes, states
from portal.vouchers import store as cards
from portal.vouchers.batches import Order
from portal.vouchers.faces import face
from portal.vouchers.paper import Card
from portal.vouchers.store import Batch

SHOWN_MS = 10 * MINUTE
LATEST = 10
STYLE = codes.DEFAULT["letters"]


async def counter(desk: Desk) -> Response:
    """A button for each plan, and what one has sold today."""
    return await _counter(desk)


async def _counter(desk: Desk, wrong: str = "", status: int = 200) -> Response:
    plans = [each for each in await desk.read(access.plan_list) if each.by_staff]
    since = desk.calendar.begin_of_day()
    sold = await desk.read(store.sold_since, desk.staff.id, since, desk.now, LATEST)
    return desk.page(
        "sale", status, plans=plans, sold=sold, key=asked.new_key(), card=None, wrong=wrong, state_of=state_of
    )


def state_of(sold: store.Sold) -> str:
    """The state of the one card."""
    return next((each for each in states.STATES if sold.tally.counts[each]), "printed")


async def sell(desk: Desk) -> Response:
    """One card of a plan; a second tap of the same page leads to the same card."""
    try:
        made = await _sold(desk)
    except Misconfigured:
        return await _counter(desk, "batch-refused", 409)
    except Refused as wrong:
        if wrong.key == "batch-there":
            return desk.go(f"/console/sale/{wrong.values['batch']}", "sale-there")
        return await _counter(desk, wrong.key, wrong.status)
    return desk.go(f"/console/sale/{made.id}")


async def _sold(desk: Desk) -> Batch:
    order = await _order(desk)
    await room(desk).permit(order)
    return await desk.act(
        "voucher.sell",
        lambda made: f"batch:{made.id}",
        store.sell,
        *(desk.services.vault, desk.view.tenant.id, order, codes.draw(order.style), desk.now),
        after=summary(desk, order),
        money=True,
    )


async def _order(desk: Desk) -> Order:
    last_day = desk.calendar.local(desk.now + USE_BY_DAYS * DAY).date().isoformat()
    fields = {
        "plan": desk.fields.get("plan", ""),
        "count": "1",
        "style": STYLE.name,
        "use_by": last_day,
        "note": store.COUNTER,
        "key": desk.fields.get("key", ""),
    }
    order = order_of(fields, await desk.read(access.plan_list), desk.view.tenant, desk.now, desk.staff)
    return replace(order, form_key=f"{order.form_key}:{order.plan.id}")  # a page has a button for each plan


async def card(desk: Desk) -> Response:
    """The card that was just sold; later only its name."""
    batch = await found(desk)
    if batch.note != store.COUNTER or batch.count != 1:
        raise Refused("not-found", status=404)
    voucher = next(iter(await desk.read(cards.in_range, batch.id, 1, 1)), None)
    if voucher is None:
        raise Refused("not-found", status=404)
    fresh = batch.staff_id == desk.staff.id and desk.now - batch.created_at < SHOWN_MS and voucher.state == "printed"
    return desk.page(
        "sale",
        batch=batch,
        card=Shown(desk, batch, voucher.label, voucher.code_sealed) if fresh else voucher,
        fresh=fresh,
        wrong="",
    )


class Shown:
    """What the screen shows of a card: the same words as on paper."""

    def __init__(self, desk: Desk, batch: Batch, label: str, sealed: bytes) -> None:
        tenant, services = desk.view.tenant, desk.services
        code = batches.open_code(services.vault, tenant.id, label, sealed)
        said = said_in(tenant.theme, tenant.language)
        self.label = label
        self.face = face(tenant, batch, said, services.settings.public_url)
        self.code = codes.shown(code)
        self.symbol = symbol(self.face.url(Card(label=label, code=code)))
