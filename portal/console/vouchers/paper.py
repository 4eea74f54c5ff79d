"""Cards of a batch as a file: sheets, a page for the browser's printer, or a table.

They are laid out by a child process, in a folder of its own that is gone before the answer; that they leave is written
down before the file has its name.
"""

from __future__ import annotations

import asyncio
import tempfile
from functools import partial
from pathlib import Path

from starlette.responses import Response

from portal.console import asked
from portal.console.desk import Desk
from portal.console.vouchers import lists
from portal.errors import Misconfigured, Refused
from portal.vouchers import asked as typed
from portal.vouchers import print_run
from portal.vouchers.grids import DEFAULT_GRID, GRIDS
from portal.vouchers.press import Job, press
from portal.vouchers.print_run import PrintRun, PrintRuns, part

FORMS: tuple[str, ...] = ("pdf", "html", "csv")
KINDS: dict[str, str] = {
    "pdf": "application/pdf",
    "html": "text/html; charset=utf-8",
    "csv": "text/csv; charset=utf-8",
}
GRID_NAMES = (DEFAULT_GRID, *GRIDS)


async def file(desk: Desk) -> Response:
    """These cards as a download."""
    batch = await lists.found(desk)
    form = asked.one_of(desk.fields.get("form", ""), FORMS)
    grid = asked.one_of(desk.fields.get("grid", ""), GRID_NAMES)
    serials = desk.fields.get("serials", "").strip()
    span, reason = typed.serials(serials, batch.count), asked.note(desk.fields.get("reason", ""))
    wrong = "serials" if span is None else "print-many" if span[1] - span[0] >= lists.AT_ONCE else ""
    if span is None or wrong:
        return await lists.page(desk, batch, serials, wrong=wrong, status=400)
    try:
        planned = await _runs(desk).plan(batch, *span)
    except Misconfigured:
        return await lists.page(desk, batch, serials, wrong="print-nothing", status=409)
    body = await _pressed(desk, planned, form, grid, reason)
    name = f"B{batch.number}-{part(*span)}.{form}"
    return Response(body, media_type=KINDS[form], headers={"content-disposition": f'attachment; filename="{name}"'})


def _runs(desk: Desk) -> PrintRuns:
    services = desk.services
    return PrintRuns(
        db=services.db,
        vault=services.vault,
        clock=services.clock,
        tenant=desk.view.tenant,
        public_url=services.settings.public_url,
    )


async def _pressed(desk: Desk, planned: PrintRun, form: str, grid: str, reason: str) -> bytes:
    with tempfile.TemporaryDirectory(prefix="bando-press-") as folder:
        target = Path(folder) / "cards"
        job = Job(form=form, target=target, face=planned.face, cards=planned.cards, options={"grid": grid})
        try:
            async with desk.services.work.presses:
                await press(job, agree=partial(_noted, desk, planned, form, print_run.how(form, grid), reason))
        except Misconfigured:
            raise Refused("print-logo", status=409) from None
        return await asyncio.to_thread(target.read_bytes)


async def _noted(desk: Desk, planned: PrintRun, form: str, how: str, reason: str) -> None:
    """Written down in the history of the batch and in the audit log, or nothing leaves."""
    act, unit = ("voucher.export", print_run.exported) if form == "csv" else ("voucher.print", print_run.printed)
    after = {
        "serials": part(planned.first, planned.last),
        "cards": len(planned.cards),
        "copies": planned.again,
        "how": how,
        **({"reason": reason} if reason else {}),
    }
    await desk.act(act, f"batch:{planned.batch.id}", unit, planned, how, desk.staff.name, desk.now, after=after)
