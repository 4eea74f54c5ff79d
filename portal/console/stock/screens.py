"""What an agent sees: what is left, what was redeemed, and one tap that sells the next card of their stock.

A card is handed out once. It is shown to whoever sold it for as long as a card of the counter, so that a reload loses
none that was paid for.
"""

from __future__ import annotations

from starlette.responses import Response

from portal.access import plans
from portal.console import asked
from portal.console.desk import Desk
from portal.console.screens import get, post
from portal.console.stock import store
from portal.console.vouchers.sale import SHOWN_MS, Shown
from portal.console.vouchers.store import BEYOND
from portal.errors import Refused
from portal.money import Money
from portal.vouchers import store as cards

BATCHES = 25


async def stock(desk: Desk) -> Response:
    """The agent's own stock."""
    return await _stock(desk)


async def _stock(desk: Desk, wrong: str = "", status: int = 200) -> Response:
    me, before = desk.staff.id, asked.number_or_none(desk.query.get("before", ""))
    found = await desk.read(store.shelf, me, before or BEYOND, BATCHES + 1)
    shown = found[:BATCHES]
    return desk.page(
        "stock",
        status,
        batches=shown,
        to_sell=await desk.read(store.to_sell, me, desk.now),
        today=await desk.read(store.redeemed_since, me, desk.calendar.begin_of_day()),
        month=await desk.read(store.redeemed_since, me, desk.calendar.begin_of_month()),
        plan_of=lambda row: plans.from_json(row["plan_copy"]),
        cost=lambda minor: Money(int(minor), desk.view.tenant.currency),
        before=before,
        more=shown[-1]["number"] if len(found) > BATCHES else None,
        key=asked.new_key(),
        wrong=wrong,
    )


async def sell(desk: Desk) -> Response:
    """The next card of a plan; a second tap of the same page leads to the same card."""
    plan, price = (asked.number(desk.fields.get(name, "")) for name in ("plan", "price"))
    key = f"{desk.staff.id}:{asked.key(desk.fields.get('key', ''))}:{plan}:{price}"
    try:
        taken = await desk.act(
            "voucher.hand", lambda row: f"voucher:{row['label']}", store.hand,
            *(desk.staff.id, plan, price, key, desk.now), money=True,
        )  # fmt: skip
    except Refused as wrong:
        if wrong.key == "hand-there":
            return desk.go(f"/console/stock/card/{wrong.values['card']}", "hand-there")
        return await _stock(desk, wrong.key, wrong.status)
    return desk.go(f"/console/stock/card/{taken['id']}")


async def card(desk: Desk) -> Response:
    """The card that was just sold; later only its name."""
    row = await desk.read(store.card, desk.staff.id, asked.number(desk.request.path_params["id"]))
    fresh = desk.now - row["handed_at"] < SHOWN_MS and row["state"] == "printed"
    batch = await desk.read(cards.batch, row["batch_id"])
    shown = Shown(desk, batch, row["label"], row["code_sealed"]) if fresh and batch else None
    return desk.page("stock_card", label=row["label"], card=shown)


SCREENS = (
    get("/stock", "stock", stock),
    post("/stock/sell", "stock", sell),
    get("/stock/card/{id}", "stock", card),
)
