"""Drawers: what should be in them, counting them, and the report of a count (Z)."""

from __future__ import annotations

from starlette.responses import Response

from portal.books import drawer, ledger
from portal.books import store as books
from portal.books.drawer import Count
from portal.books.ledger import About
from portal.clock import Moment
from portal.console import asked
from portal.console.books import wording
from portal.console.desk import Desk
from portal.console.screens import get, post
from portal.errors import Refused
from portal.money import Money
from portal.staff import store as staff
from portal.units import Row, Unit

LISTED = 20
TYPED = ("counted", "left", "note", "amount", "reason", "what")
EVER = 1 << 62
# What moves cash in or out of a drawer beside sales.
MOVES = {"float": "Put in from the safe", "handed-over": "Handed over", "counted": "Cash for cards of our own stock"}


async def own(desk: Desk) -> Response:
    """One's own drawer."""
    return await _drawer(desk, desk.staff.id)


async def theirs(desk: Desk) -> Response:
    """Somebody's drawer."""
    return await _drawer(desk, await _whose(desk))


async def _whose(desk: Desk) -> int:
    found = await desk.read(staff.one_staff, asked.number(desk.request.path_params["id"]))
    if found is None:
        raise Refused("not-found", status=404)
    return found.id


async def _drawer(desk: Desk, staff_id: int, wrong: Refused | None = None) -> Response:
    currency = desk.view.tenant.currency
    before = asked.number_or_none(desk.query.get("before", ""))
    past = await desk.read(books.closings, before or EVER, LISTED + 1, staff_id)
    names = await desk.read(staff.names)
    return desk.page(
        "drawer",
        wrong.status if wrong else 200,
        drawer=await desk.read(drawer.drawer, staff_id, currency),
        mine=staff_id == desk.staff.id,
        whose=names.get(staff_id, ""),
        path="/console/drawer" if staff_id == desk.staff.id else f"/console/drawers/{staff_id}",
        past=past[:LISTED],
        older=past[LISTED - 1]["id"] if len(past) > LISTED else None,
        others=await _others(desk, names) if desk.may("books") else [],
        moves=MOVES,
        words=wording,
        filled={name: desk.fields.get(name, "")[:300] for name in TYPED},
        key=asked.new_key(),
        cost=lambda minor: Money(int(minor), currency),
        wrong=wrong.key if wrong else "",
    )


async def _others(desk: Desk, names: dict[int, str]) -> list[tuple[int, str, int]]:
    """The drawers of others in which something happened since they were counted, and what that came to."""
    found = await desk.read(books.open_drawers, desk.view.tenant.currency)
    return [
        (row["staff_id"], names.get(row["staff_id"], "–"), int(row["came"]) - int(row["went"]))
        for row in found
        if row["staff_id"] != desk.staff.id
    ]


async def close(desk: Desk) -> Response:
    """Count one's own drawer."""
    return await _close(desk, desk.staff.id)


async def close_theirs(desk: Desk) -> Response:
    """Count somebody's drawer for them."""
    return await _close(desk, await _whose(desk))


async def _close(desk: Desk, staff_id: int) -> Response:
    try:
        count = Count(
            staff_id=staff_id,
            number=asked.number(desk.fields.get("number", "")),
            counted=_money(desk, "counted"),
            left=_money(desk, "left", "0"),
            by=desk.staff.id,
            note=asked.note(desk.fields.get("note", ""), "reason-long"),
        )
        after = {"counted": str(count.counted), "left": str(count.left)}
        closing = await desk.act(
            "drawer.close", lambda made: f"closing:{made}", drawer.close, count, desk.now, after=after, money=True
        )
    except Refused as wrong:
        if wrong.key == "form":
            raise
        return await _drawer(desk, staff_id, wrong)
    return desk.go(f"/console/drawer/closing/{closing}", "drawer-closed")


def _money(desk: Desk, name: str, without: str = "") -> Money:
    return asked.money(desk.fields.get(name, "").strip() or without, desk.view.tenant.currency)


async def move(desk: Desk) -> Response:
    """Cash comes into one's drawer or leaves it, for no sale."""
    try:
        what = asked.one_of(desk.fields.get("what", "") or "-", tuple(MOVES))
        amount, reason = _money(desk, "amount"), asked.note(desk.fields.get("reason", ""), "reason-long")
        key = f"{desk.staff.id}:{asked.key(desk.fields.get('key', ''))}"
        await desk.act(
            f"drawer.{what}",
            f"drawer:{desk.staff.public}",
            _moved,
            *(what, key, amount, desk.staff.id, desk.now),
            after={"amount": str(amount), "reason": reason},
            money=True,
        )
    except Refused as wrong:
        if wrong.key == "form":
            raise
        return await _drawer(desk, desk.staff.id, wrong)
    return desk.go("/console/drawer", "drawer-moved")


def _moved(what: str, key: str, amount: Money, staff_id: int, now: Moment) -> Unit[None]:
    if amount.minor <= 0:
        raise Refused("amount")
    if what == "handed-over" and amount > (yield from drawer.drawer(staff_id, amount.currency)).expected:
        raise Refused("drawer-less", status=409)
    if not (yield from ledger.post(what, key, amount, now, About(staff_id=staff_id))):
        raise Refused("done-before", status=409)


async def closing(desk: Desk) -> Response:
    """The report of a count: it can be printed, and never changes."""
    row = await desk.read(books.closing, asked.number(desk.request.path_params["id"]))
    if row is None or not (row["staff_id"] == desk.staff.id or desk.may("books")):
        raise Refused("not-found", status=404)
    lines = drawer.lines_of(await desk.read(books.of_closing, row["id"]))
    names = await desk.read(staff.names)
    return desk.page(
        "closing",
        closing=row,
        lines=lines,
        whose=names.get(row["staff_id"], "–"),
        by=names.get(row["closed_by"], "–"),
        apart=_apart(row, lines),
        words=wording,
        cost=lambda minor: Money(int(minor), row["currency"]),
    )


def _apart(row: Row, lines: list[drawer.Line]) -> int:
    """How much more was counted than expected; less than nothing when it was short."""
    return sum(each.came - each.went for each in lines if each.kind in ("over", "short"))


SCREENS = (
    get("/drawer", "drawer", own),
    post("/drawer/close", "drawer", close),
    post("/drawer/move", "drawer", move),
    get("/drawer/closing/{id}", "drawer", closing),
    get("/books/closing/{id}", "books", closing),
    get("/drawers/{id}", "books", theirs),
    post("/drawers/{id}/close", "books.change", close_theirs),
)
