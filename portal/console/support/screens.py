"""The page on which an owner lets the platform's staff look in, and out again."""

from __future__ import annotations

from starlette.responses import Response

from portal.clock import HOUR, Moment
from portal.console import asked
from portal.console.audit_log.wording import payload_of
from portal.console.desk import Desk
from portal.console.screens import get, post
from portal.console.support import store
from portal.errors import Refused
from portal.units import Row

SPANS = {"1": 1 * HOUR, "4": 4 * HOUR, "24": 24 * HOUR}


async def support(desk: Desk) -> Response:
    """Whether anybody may look in, and who did."""
    return await _support(desk)


async def _support(desk: Desk, wrong: Refused | None = None) -> Response:
    return desk.page(
        "support",
        wrong.status if wrong else 200,
        window=await desk.read(store.current, desk.now),
        windows=await desk.read(store.recent),
        looks=[_look(row) for row in await desk.read(store.looks)],
        spans=tuple(SPANS),
        filled={name: desk.fields.get(name, "")[:300] for name in ("reason", "hours")},
        wrong=wrong.key if wrong else "",
    )


def _look(row: Row) -> tuple[Moment, str, str]:
    return row["at"], str(payload_of(row["payload"]).get("name", "")), row["subject"].removeprefix("page:")


async def let_in(desk: Desk) -> Response:
    """Open the window."""
    hours = asked.one_of(desk.fields.get("hours", ""), tuple(SPANS))
    try:
        reason = asked.reason(desk.fields.get("reason", ""))
        await desk.act(
            "support.open",
            "support",
            store.open_window,
            desk.staff.id,
            reason,
            desk.now,
            desk.now + SPANS[hours],
            after={"hours": hours, "reason": reason},
        )
    except Refused as wrong:
        return await _support(desk, wrong)
    return desk.go("/console/support", "support-open")


async def shut(desk: Desk) -> Response:
    """Close it: their very next request is refused."""
    try:
        await desk.act("support.close", "support", store.close_window, desk.now)
    except Refused as wrong:
        return await _support(desk, wrong)
    return desk.go("/console/support", "support-shut")


SCREENS = (
    get("/support", "support", support),
    post("/support/open", "support.change", let_in),
    post("/support/close", "support.change", shut),
)
