"""The page of all batches and the page of one."""

from __future__ import annotations

from starlette.responses import Response

from portal.console import asked
from portal.console.desk import Desk
from portal.console.vouchers import bars, store
from portal.texts import LANGUAGES
from portal.vouchers import asked as typed
from portal.vouchers import states
from portal.vouchers.grids import DEFAULT_GRID, GRIDS
from portal.vouchers.print_run import part
from portal.vouchers.store import Batch

BATCHES = 25  # each may hold 50 000 cards, which are counted
CARDS = 50
SLIPS_AT_ONCE = 500  # each is a picture of some kilobytes
AT_ONCE = 2_000  # cards in one file: laid out in about 2 s of another processor


async def vouchers(desk: Desk) -> Response:
    """Stock, and the batches."""
    only = asked.one_of(desk.query.get("only", ""), store.FILTERS)
    before = asked.number_or_none(desk.query.get("before", ""))
    agent = asked.number_or_none(desk.query.get("agent", ""))
    shelf = await desk.read(store.shelf, only, before, desk.now, BATCHES + 1, agent)
    shown = shelf.batches[:BATCHES]
    more = shown[-1].number if len(shelf.batches) > BATCHES else None
    return desk.page(
        "vouchers",
        only=only,
        shelf=shelf,
        batches=shown,
        before=before,
        more=more,
        agent=agent,
        agents=await desk.read(store.agents, off=True),
        bars=bars,
    )


async def found(desk: Desk) -> Batch:
    """The batch of the address; raises `Refused`."""
    return await desk.read(store.batch, asked.number(desk.request.path_params["id"]))


async def batch(desk: Desk) -> Response:
    """One batch."""
    return await page(desk, await found(desk), serials=desk.query.get("serials", ""))


async def page(desk: Desk, one: Batch, serials: str = "", wrong: str = "", status: int = 200) -> Response:
    """One batch: its numbers, a page of its vouchers, and what was done with it."""
    span = typed.serials(serials, one.count)
    if span is None:
        wrong, status = wrong or "serials", max(status, 400)
    first, last = span or (1, one.count)
    after = max(asked.number_or_none(desk.query.get("after", "")) or 0, first - 1)
    until = min(after + CARDS, last)
    sight = await desk.read(store.sight, one, after + 1, until, desk.now)
    over = [
        (each, states.shown_state(each.state, past=each.use_by <= desk.now, over=each.label in sight.spent))
        for each in sight.vouchers
    ]
    owner = await desk.read(store.stock_of, one)
    return desk.page(
        "batch",
        status,
        batch=one,
        sight=sight,
        owner=owner,
        holders=await desk.read(store.holders, one),
        vouchers=over,
        serials=serials[:20],
        after=until if until < last else None,
        going=desk.services.work.going(desk.view.tenant.id, f"batch:{one.id}"),
        bars=bars,
        part=part,
        paper=printing(desk),
        wrong=wrong,
    )


def printing(desk: Desk) -> dict[str, object]:
    """What the form of printing offers, and what was typed into it."""
    typed_in = {name: desk.fields.get(name, "")[:200] for name in ("grid", "mm", "lang", "reason")}
    return {
        **typed_in,
        "grid": typed_in["grid"] or DEFAULT_GRID,
        "lang": typed_in["lang"] or desk.view.tenant.language,
        "grids": list(GRIDS),
        "languages": LANGUAGES,
        "at_once": AT_ONCE,
        "slips_at_once": SLIPS_AT_ONCE,
    }
