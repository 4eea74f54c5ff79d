"""Closing a line for staff, from whichever page shows it."""

from __future__ import annotations

from starlette.responses import Response

from portal.console import asked
from portal.console.desk import Desk
from portal.console.lines import store
from portal.console.lines.advice import advice
from portal.console.screens import post


async def done(desk: Desk) -> Response:
    """Staff have seen to it."""
    line_id, note = asked.number(desk.fields.get("line")), asked.note(desk.fields.get("note", ""))
    line = await desk.read(store.open_line, line_id)
    await desk.act(
        "line.close",
        f"line:{line.id}",
        store.close,
        line.id,
        desk.now,
        before={"kind": line.kind, "about": line.subject, "text": line.detail},
        after={"note": note} if note else None,
        money=advice(line.kind).money,
    )
    return desk.go(asked.inside(desk.fields.get("back", "")) or "/console/payments/queue", "line-closed")


SCREENS = (post("/lines/done", "payments.settle", done),)
