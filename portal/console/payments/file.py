"""The list of payments as a table for a spreadsheet, read a page at a time while it is sent."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from starlette.responses import Response

from portal.console import tables
from portal.console.desk import Desk
from portal.console.payments import store
from portal.console.payments.timeline import state_words
from portal.console.payments.wanted import wanted

AT_ONCE = 500
HEAD = (
    "time",
    "state",
    "amount",
    "currency",
    "plan",
    "site",
    "phone",
    "receipt",
    "reference",
    "asked at",
    "settled by",
    "payment",
)


async def file(desk: Desk) -> Response:
    """What the list shows now; that it leaves is written down before it does."""
    narrow = wanted(desk.fields, desk.view.tenant.timezone)
    ids: Sequence[int] = await desk.read(store.all_ids, narrow)
    await desk.act(
        "payments.export", "payments", tables.leaves, after={**narrow.fields, "payments": len(ids)}, money=True
    )
    day = desk.calendar.local(desk.now).date().isoformat()
    return tables.streamed(f"payments-{day}.csv", HEAD, _parts(desk, ids))


async def _parts(desk: Desk, ids: Sequence[int]) -> AsyncIterator[str]:
    for start in range(0, len(ids), AT_ONCE):
        found = await desk.read(store.plain_rows, ids[start : start + AT_ONCE])
        yield tables.lines([_line(desk, each) for each in found])


def _line(desk: Desk, row: store.Plain) -> list[object]:
    one, router = row.payment, desk.view.routers.get(row.payment.router_id or 0)
    return [
        desk.calendar.iso(one.settled_at or one.created_at),
        state_words(one.state, one.reason)[0],
        f"{one.amount.minor / 100:.2f}",
        one.amount.currency,
        one.plan.name,
        router.name if router else "",
        f"xxxx xxx {one.phone_tail}" if one.phone_tail else "",
        row.receipt,
        one.account_ref,
        desk.calendar.iso(one.submitted_at or one.created_at),
        one.settled_by,
        one.public,
    ]
