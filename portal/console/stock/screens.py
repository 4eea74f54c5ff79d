"""What an agent sees: what is left, what was redeemed, and one tap that sells the next card of their stock.

A card is handed out once. It is shown to whoever sold it for as long as a card of the counter, so that a reload loses
none that was paid for.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

from starlette.responses import Response

from portal.books import agents
from portal.clock import Moment
from portal.console import asked
from portal.console.agents.account import MOVED
from portal.console.agents.form import percent_text
from portal.console.agents.screens import account_file, account_page
from portal.console.desk import Desk
from portal.console.screens import get, post
from portal.console.stock import store
from portal.console.vouchers import lists, paper
from portal.console.vouchers.sale import SHOWN_MS, Shown
from portal.console.vouchers.store import BEYOND
from portal.errors import Refused
from portal.money import Money
from portal.units import Row, Unit
from portal.vouchers import asked as typed
from portal.vouchers import store as cards
from portal.vouchers.print_run import part
from portal.vouchers.stock import store as terms_of
from portal.vouchers.store import Batch

BATCHES = 25
MOVES = 50
ON_PAPER = tuple(form for form in paper.FORMS if form != "csv")  # a list of codes is for the ISP alone


async def stock(desk: Desk) -> Response:
    """The agent's own stock."""
    return await _stock(desk)


@dataclass(frozen=True, kw_only=True)
class _Sight:
    shelf: store.Shelf
    today: store.Redeemed
    month: store.Redeemed


def _sight(me: int, before: int, day: Moment, month: Moment, now: Moment) -> Unit[_Sight]:
    """What an agent has and sold; the cards are counted once for all of it."""
    counts = yield from store.held(me)
    return _Sight(
        shelf=(yield from store.shelf_of(me, counts, before, BATCHES + 1, now)),
        today=(yield from store.redeemed_since(me, counts, day)),
        month=(yield from store.redeemed_since(me, counts, month)),
    )


async def _stock(desk: Desk, wrong: str = "", status: int = 200) -> Response:
    me, before = desk.staff.id, asked.number_or_none(desk.query.get("before", ""))
    begun = (desk.calendar.begin_of_day(), desk.calendar.begin_of_month())
    seen = await desk.read(_sight, me, before or BEYOND, *begun, desk.now)
    shown = seen.shelf.batches[:BATCHES]
    sums = await desk.read(desk.services.standing.of_agent, desk.view.tenant.id, me, desk.now)
    return desk.page(
        "stock",
        status,
        batches=shown,
        to_sell=seen.shelf.for_sale,
        standing=agents.of_sums(sums, desk.view.tenant.currency),
        terms=await desk.read(terms_of.terms, me),
        percent=percent_text,
        today=seen.today,
        month=seen.month,
        cost=lambda minor: Money(int(minor), desk.view.tenant.currency),
        before=before,
        more=shown[-1].batch.number if len(seen.shelf.batches) > BATCHES else None,
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
    whole = await desk.read(cards.batch, row["batch_id"])
    shown = Shown(desk, whole, row["label"], row["code_sealed"]) if fresh and whole else None
    return desk.page("stock_card", label=row["label"], card=shown)


async def batch(desk: Desk) -> Response:
    """One of their own batches: its cards by serial, without their codes, and printing them."""
    return await _batch(desk, await _own(desk), desk.query.get("serials", ""))


async def _own(desk: Desk) -> Batch:
    return await desk.read(store.batch, desk.staff.id, asked.number(desk.request.path_params["id"]))


async def _batch(desk: Desk, one: Batch, serials: str = "", wrong: str = "", status: int = 200) -> Response:
    span = typed.serials(serials, one.count)
    first, last = span or (1, one.count)
    after = max(asked.number_or_none(desk.query.get("after", "")) or 0, first - 1)
    found = await desk.read(store.cards_of, desk.staff.id, one.id, after, last, lists.CARDS + 1)
    shown = found[: lists.CARDS]
    return desk.page(
        "stock_batch",
        status if span else max(status, 400),
        batch=one,
        cards=shown,
        count=(await desk.read(store.held, desk.staff.id))[one.id],
        standing=partial(standing, now=desk.now),
        serials=serials[:20],
        after=shown[-1]["serial"] if len(found) > lists.CARDS else None,
        paper=lists.printing(desk),
        wrong=wrong or ("" if span else "serials"),
    )


def standing(row: Row, now: Moment) -> tuple[str, str]:
    """What became of a card as its agent sees it, and the colour of that."""
    if row["state"] == "printed" and row["use_by"] <= now:
        return "expired", ""
    if row["state"] == "void" and row["lost_at"] is not None:
        return "lost", "bad"
    if row["state"] == "printed" and row["handed_at"] is not None:
        return "sold on a screen", "warn"
    return {"printed": ("unused", "good"), "redeemed": ("redeemed", ""), "void": ("void", "bad")}[row["state"]]


async def file(desk: Desk) -> Response:
    """Own cards on paper; those that a tap has sold are left out."""
    one, me = await _own(desk), desk.staff.id
    serials = desk.fields.get("serials", "").strip()
    span = typed.serials(serials, one.count) if serials else await desk.read(store.first_range, me, one.id)
    if span is not None and await desk.read(store.others_among, me, one.id, *span):
        return await _batch(desk, one, serials, "print-not-yours", 409)
    own = desk if span is None else replace(desk, fields={**desk.fields, "serials": part(*span)})
    return await paper.handed_over(own, one, ON_PAPER, partial(_batch, desk, one), agent_id=me)


# --- what they owe ---


async def account(desk: Desk) -> Response:
    """Their own account, and the moves of their stock."""
    return await account_page(desk, desk.staff, "/console/stock/account", "/console/stock")


async def account_csv(desk: Desk) -> Response:
    """The same as a table."""
    return await account_file(desk, desk.staff)


async def moves(desk: Desk) -> Response:
    """What was handed out to them, came back and was lost."""
    before = asked.number_or_none(desk.query.get("before", "")) or terms_of.BEYOND
    found = await desk.read(terms_of.moves_of, desk.staff.id, before, MOVES + 1)
    return desk.page(
        "stock_moves",
        moves=[dict(row) for row in found[:MOVES]],
        more=found[MOVES - 1]["id"] if len(found) > MOVES else None,
        moved=MOVED,
        part=part,
        cost=lambda minor: Money(int(minor), desk.view.tenant.currency),
    )


SCREENS = (
    get("/stock", "stock", stock),
    get("/stock/batch/{id}", "stock", batch),
    post("/stock/batch/{id}/file", "stock", file),
    get("/stock/account", "stock", account),
    post("/stock/account/file", "stock", account_csv),
    get("/stock/moves", "stock", moves),
    post("/stock/sell", "stock", sell),
    get("/stock/card/{id}", "stock", card),
)
