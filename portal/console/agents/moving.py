"""Handing out a range of cards, taking it back, writing it off: first what it will do, then doing it once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from starlette.responses import Response

from portal.console import asked
from portal.console.agents import form, store
from portal.console.desk import Desk
from portal.console.stock import store as shelf
from portal.console.vouchers import store as vouchers
from portal.errors import Refused
from portal.staff.store import Staff
from portal.units import Unit
from portal.vouchers.batches import PAUSE_MS
from portal.vouchers.print_run import part
from portal.vouchers.stock import moves
from portal.vouchers.stock import store as stock
from portal.vouchers.stock.moves import Foreseen, Kind, Move
from portal.vouchers.store import Batch

CHOICES = 100  # batches to choose from
RUNS = 12  # ranges that are named
ACTS: dict[Kind, str] = {
    "handed": "stock.hand-out",
    "returned": "stock.take-back",
    "lost": "stock.lost",
    "let-off": "stock.let-off",
}
SAID: dict[Kind, str] = {
    "handed": "stock-handed",
    "returned": "stock-returned",
    "lost": "stock-lost",
    "let-off": "stock-lost",
}


@dataclass(frozen=True, kw_only=True)
class Choice:
    """As far as it was chosen what to move: a kind, a batch, a range of it."""

    agent: Staff
    kind: Kind
    batches: list[tuple[Batch, int]]
    batch: Batch | None = None
    runs: list[tuple[int, int]] | None = None
    serials: str = ""
    span: tuple[int, int] | None = None
    foreseen: Foreseen | None = None


async def found(desk: Desk) -> Staff:
    """The agent of the address."""
    return await desk.read(store.agent, asked.number(desk.request.path_params["id"]))


async def ask(desk: Desk) -> Response:
    """The form, filled as far as its address says."""
    return await page(desk, await found(desk), desk.query)


async def page(desk: Desk, agent: Staff, fields: Mapping[str, str], wrong: str = "", status: int = 200) -> Response:
    kind = form.kind_of(fields.get("kind", ""))
    choice, mistake = await desk.read(chosen, agent, kind, fields, desk.now)
    return desk.page(
        "agent_move",
        status if not mistake else max(status, 400),
        choice=choice,
        agent=agent,
        kind=kind,
        part=part,
        key=asked.new_key(),
        wrong=wrong or mistake,
        reason=fields.get("reason", "")[: asked.MAX_NOTE],
        grave=kind in form.GRAVE,
    )


def chosen(agent: Staff, kind: Kind, fields: Mapping[str, str], now: int) -> Unit[tuple[Choice, str]]:
    """What was chosen so far, and what is wrong with it."""
    batches = yield from _batches(agent, kind, now)
    start = Choice(agent=agent, kind=kind, batches=batches)
    named = fields.get("batch", "")
    if not named:
        return start, ""
    batch = next((each for each, _ in batches if str(each.id) == named), None)
    if batch is None:
        return start, "move-batch"
    runs = yield from stock.runs(kind, agent.id, batch.id, now, RUNS + 1)
    serials = fields.get("serials", "").strip()
    known = Choice(agent=agent, kind=kind, batches=batches, batch=batch, runs=runs, serials=serials[:20])
    if not serials:
        return known, ""
    try:
        span = form.span_of(serials, batch.count)
    except Refused as refused:
        return known, refused.key
    foreseen = yield from moves.foresee(kind, agent.id, batch, *span, now)
    whole = Choice(
        agent=agent, kind=kind, batches=batches, batch=batch, runs=runs, serials=part(*span), span=span,
        foreseen=foreseen,
    )  # fmt: skip
    return whole, "" if foreseen.count else "stock-nothing"


def _batches(agent: Staff, kind: Kind, now: int) -> Unit[list[tuple[Batch, int]]]:
    """Batches of which there is something to move."""
    if kind == "handed":
        return (yield from store.with_own(now, CHOICES))
    found = yield from shelf.shelf(agent.id, vouchers.BEYOND, CHOICES, now)
    good = (each for each in found.batches if each.batch.ready_at is not None and each.batch.use_by > now)
    return [(each.batch, each.unused) for each in good if each.unused > 0]


async def move(desk: Desk) -> Response:
    """Do it, a part at a time; a form that is sent twice moves nothing twice."""
    agent = await found(desk)
    kind = form.kind_of(desk.fields.get("kind") or "-")
    try:
        batch = await desk.read(vouchers.batch, asked.number(desk.fields.get("batch", "")))
        with desk.services.work.held(desk.view.tenant.id, f"batch:{batch.id}"):
            await _carry_out(desk, await _asked(desk, agent, kind, batch))
    except Refused as wrong:
        if wrong.status == 404:
            raise
        return await page(desk, agent, desk.fields, wrong.key, wrong.status)
    return desk.go(f"/console/agents/{agent.id}", SAID[kind])


async def _asked(desk: Desk, agent: Staff, kind: Kind, batch: Batch) -> Move:
    """The move that was asked for, when it may be begun; raises `Refused`."""
    fields = desk.fields
    if batch.ready_at is None:
        raise Refused("batch-unready", status=409)
    first, last = form.span_of(fields.get("serials", ""), batch.count)
    return Move(
        kind=kind,
        agent_id=agent.id,
        batch=batch,
        first=first,
        last=last,
        staff_id=desk.staff.id,
        by=desk.staff.name,
        key=f"{desk.staff.id}:{asked.key(fields.get('key', ''))}:{kind}:{agent.id}:{batch.id}:{last}",
        reason=form.Why(kind=kind).read(fields.get("reason", "")),
        beyond_limit=fields.get("beyond") == "1" and desk.staff.role == "owner",
    )


async def _carry_out(desk: Desk, wanted: Move) -> None:
    """All parts of it, each with its line in the audit log; raises `Refused` when there is nothing to move."""
    if await desk.read(_was_sent, wanted):
        first = wanted  # only what is missing is done
    else:
        first = await _as_foreseen(desk, wanted)
    parts = list(first.parts)
    for n, each in enumerate(parts):
        if await desk.read(stock.with_key, each.key) is None:
            await _one(desk, each, must=len(parts) == 1)
        if n + 1 < len(parts):
            await desk.services.clock.sleep(PAUSE_MS)


def _was_sent(wanted: Move) -> Unit[bool]:
    for each in wanted.parts:
        if (yield from stock.with_key(each.key)) is not None:
            return True
    return False


async def _as_foreseen(desk: Desk, wanted: Move) -> Move:
    """The same, if it does what its page had said; raises `Refused`."""
    told = await desk.read(
        moves.foresee, wanted.kind, wanted.agent_id, wanted.batch, wanted.first, wanted.last, desk.now
    )
    if not told.count:
        raise Refused("stock-nothing", status=409)
    if str(told.count) != desk.fields.get("count", ""):
        raise Refused("move-changed", status=409)
    if wanted.kind == "handed" and told.too_much and not wanted.beyond_limit:
        raise Refused("stock-limit", status=409)
    return wanted


async def _one(desk: Desk, each: Move, *, must: bool) -> None:
    unit = moves.first_part if must else moves.carry_out
    said = {"batch": f"B{each.batch.number}", "serials": part(each.first, each.last)}
    after = {**said, **({"reason": each.reason} if each.reason else {})}
    if each.kind == "handed" and each.beyond_limit:
        after["limit"] = "beyond it"
    subject = f"staff:{(await found(desk)).public}"
    await desk.act(ACTS[each.kind], subject, partial(unit, each), desk.now, after=after, money=True)
