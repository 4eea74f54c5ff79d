"""Cards of a batch as a file: sheets, a page for the browser's printer, slips for a thermal one, or a table.

They are laid out by a child process, in a folder of its own that is gone before the answer; that they leave is written
down before the file has its name.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from starlette.responses import Response

from portal.console import asked
from portal.console.desk import Desk
from portal.console.vouchers import lists
from portal.console.vouchers.form import one_line
from portal.errors import Misconfigured, Refused
from portal.texts import LANGUAGES
from portal.vouchers import asked as typed
from portal.vouchers import print_run
from portal.vouchers.grids import DEFAULT_GRID, GRIDS
from portal.vouchers.press import Job, press
from portal.vouchers.print_run import PrintRun, PrintRuns, part
from portal.vouchers.store import Batch

FORMS: tuple[str, ...] = ("pdf", "html", "csv", "slips", "escpos")
KINDS: dict[str, str] = {
    "pdf": "application/pdf",
    "html": "text/html; charset=utf-8",
    "csv": "text/csv; charset=utf-8",
    "slips": "text/html; charset=utf-8",
    "escpos": "application/octet-stream",
}
ENDINGS = {"slips": "{mm}mm.html", "escpos": "{mm}mm.bin"}
GRID_NAMES = (DEFAULT_GRID, *GRIDS)
WIDTHS = ("58", "80")  # mm of a roll
SLIPS = ("slips", "escpos")


@dataclass(frozen=True, kw_only=True)
class Paper:
    """What is to come out, and on what."""

    form: str
    grid: str
    mm: str
    lang: str
    reason: str  # why cards that were on paper go there again

    @property
    def options(self) -> dict[str, str]:
        return {"grid": self.grid, "mm": self.mm}

    @property
    def ending(self) -> str:
        return ENDINGS.get(self.form, self.form).format(mm=self.mm)


def _paper(desk: Desk, forms: tuple[str, ...]) -> Paper:
    """What was asked for; raises `Refused`."""
    fields = desk.fields
    lang = asked.one_of(fields.get("lang", ""), ("", *LANGUAGES))
    return Paper(
        form=asked.one_of(fields.get("form", ""), forms),
        grid=asked.one_of(fields.get("grid", ""), GRID_NAMES),
        mm=asked.one_of(fields.get("mm", ""), WIDTHS),
        lang=lang or desk.view.tenant.language,
        reason=one_line(fields.get("reason", "")),
    )


Again = Callable[[str, str, int], Awaitable[Response]]  # the page once more: serials, what is wrong, status


async def file(desk: Desk) -> Response:
    """These cards as a download."""
    batch = await lists.found(desk)
    return await handed_over(desk, batch, FORMS, partial(lists.page, desk, batch))


async def handed_over(
    desk: Desk, batch: Batch, forms: tuple[str, ...], again: Again, *, agent_id: int | None = None
) -> Response:
    """The cards that the form asks for, in one of these forms; or the page `again`, which says what is wrong.

    `agent_id`: whose cards alone they may be.
    """
    paper = _paper(desk, forms)
    serials = desk.fields.get("serials", "").strip()
    span = typed.serials(serials, batch.count)
    if span is None or (wrong := _too_many(paper, span)):
        return await again(serials, "serials" if span is None else wrong, 400)
    try:
        planned = await _runs(desk).plan(batch, *span, lang=paper.lang, agent_id=agent_id)
        if planned.again and paper.form != "csv" and not paper.reason:
            return await again(serials, "print-again", 409)
        return _download(await _pressed(desk, planned, paper), batch, span, paper)
    except print_run.SoldMeanwhile:
        return await again(serials, "print-sold", 409)
    except Misconfigured:
        return await again(serials, "print-nothing", 409)
    except Refused as refused:
        return await again(serials, refused.key, refused.status)


def _too_many(paper: Paper, span: tuple[int, int]) -> str:
    """What is wrong when these are more than are laid out at once."""
    slips = paper.form in SLIPS
    most = lists.SLIPS_AT_ONCE if slips else lists.AT_ONCE
    return ("print-slips" if slips else "print-many") if span[1] - span[0] >= most else ""


def _download(body: bytes, batch: Batch, span: tuple[int, int], paper: Paper) -> Response:
    name = f"B{batch.number}-{part(*span)}{'-' if paper.form in SLIPS else '.'}{paper.ending}"
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return Response(body, media_type=KINDS[paper.form], headers=headers)


def _runs(desk: Desk) -> PrintRuns:
    services = desk.services
    return PrintRuns(
        db=services.db,
        vault=services.vault,
        clock=services.clock,
        tenant=desk.view.tenant,
        public_url=services.settings.public_url,
    )


async def _pressed(desk: Desk, planned: PrintRun, paper: Paper) -> bytes:
    with tempfile.TemporaryDirectory(prefix="bando-press-") as folder:
        target = Path(folder) / "cards"
        job = Job(form=paper.form, target=target, face=planned.face, cards=planned.cards, options=paper.options)
        try:
            async with desk.services.work.press():
                await press(job, agree=partial(_noted, desk, planned, paper))
        except Misconfigured:
            raise Refused("print-logo", status=409) from None
        return await asyncio.to_thread(target.read_bytes)


async def _noted(desk: Desk, planned: PrintRun, paper: Paper) -> None:
    """Written down in the history of the batch and in the audit log, or nothing leaves."""
    act, unit = "voucher.print", partial(print_run.printed, reason=paper.reason if planned.again else "")
    if paper.form == "csv":
        act, unit = "voucher.export", partial(print_run.exported)
    how = print_run.how(paper.form, paper.grid, paper.mm)
    after = {
        "serials": part(planned.first, planned.last),
        "cards": len(planned.cards),
        "copies": planned.again,
        "how": how,
        **({"reason": paper.reason} if paper.reason else {}),
    }
    await desk.act(act, f"batch:{planned.batch.id}", unit, planned, how, desk.staff.name, desk.now, after=after)
