"""Where to import from, what would be done, and doing it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.responses import Response

from portal.console import asked
from portal.console.desk import Desk
from portal.console.imports import reading
from portal.console.screens import get, post
from portal.errors import Refused
from portal.imports import service, store, wording
from portal.imports.csv_file import COLUMNS
from portal.imports.found import Found
from portal.imports.text import MOST_BYTES
from portal.imports.work import Choice
from portal.tenancy import store as tenancy
from portal.vouchers.imported import MOST_DAYS

PASTED = 200_000  # characters of a pasted table that come back with what is wrong about it
FORM_ROOM = 16 * 1024  # beside the file: its fields and their marks


async def ways(desk: Desk) -> Response:
    """The ways in, and what was imported before."""
    return await _ways(desk)


async def _ways(desk: Desk, wrong: Refused | None = None) -> Response:
    fields = desk.fields if wrong else {}
    return desk.page(
        "imports",
        wrong.status if wrong else 200,
        routers=[each for each in await desk.read(tenancy.routers) if each.active],
        before=await desk.read(store.latest),
        router=fields.get("router", ""),
        columns=COLUMNS,
        pasted=fields.get("text", "")[:PASTED],
        most=MOST_BYTES >> 20,
        wrong=wrong.key if wrong else "",
    )


async def from_file(desk: Desk) -> Response:
    """Read a file, and go to what would be done with it."""
    return await _kept(desk, reading.from_file)


async def from_router(desk: Desk) -> Response:
    """Read a router, and go to what would be done with it."""
    return await _kept(desk, reading.from_router)


async def _kept(desk: Desk, read: Callable[[Desk], Awaitable[Found]]) -> Response:
    try:
        found = await read(desk)
        number = await desk.act(
            "import.read", _subject, service.keep, reading.hands(desk), found, Choice(), desk.now, after=found.title
        )
    except Refused as wrong:
        if wrong.status == 404:
            raise
        return await _ways(desk, wrong)
    return desk.go(f"/console/imports/{number}")


def _subject(number: int) -> str:
    return f"import:{number}"


async def dry_run(desk: Desk) -> Response:
    """What would be taken, what would be different about it, and what would be left; or what was done."""
    return await _dry_run(desk)


async def _dry_run(desk: Desk, wrong: Refused | None = None) -> Response:
    shown = await desk.read(service.look, reading.hands(desk), _number(desk), desk.now)
    if shown.work is None:
        return desk.page("import_done", row=shown.row, wording=wording)
    return desk.page(
        "import",
        wrong.status if wrong else 200,
        row=shown.row,
        work=shown.work,
        told=shown.told,
        days=desk.fields.get("days", str(shown.row.days))[:9] if wrong else str(shown.row.days),
        wording=wording,
        most_days=MOST_DAYS,
        wrong=wrong.key if wrong else "",
    )


def _number(desk: Desk) -> int:
    return asked.number(desk.request.path_params["id"])


async def choose(desk: Desk) -> Response:
    """Look again, with other choices."""
    number = _number(desk)
    try:
        choice = reading.choice_of(desk.fields)
    except Refused as wrong:
        return await _dry_run(desk, wrong)
    after = {"days": choice.days, "shorten": choice.shorten, "unsold": choice.unsold}
    await desk.act(
        "import.choose", _subject(number), service.choose, reading.hands(desk), number, choice, desk.now, after=after
    )
    return desk.go(f"/console/imports/{number}")


async def take(desk: Desk) -> Response:
    """Take what the dry run said; when it would be something else by now, it is shown again."""
    number, who = _number(desk), reading.hands(desk)
    shown = await desk.read(service.look, who, number, desk.now)
    if shown.work is None:
        return desk.go(f"/console/imports/{number}", "import-there")
    after = {"from": shown.row.title, **shown.work.counts()}
    told = desk.fields.get("told", "")
    try:
        await desk.act("import.take", _subject(number), service.carry_out, who, number, desk.now, told, after=after)
    except Refused as wrong:
        if wrong.key != "import-changed":
            raise
        return await _dry_run(desk, wrong)
    await desk.services.catalog.refresh()
    return desk.go(f"/console/imports/{number}", "imported")


SCREENS = (
    get("/imports", "tenant.change", ways),
    post("/imports/file", "tenant.change", from_file, upload=True, most=MOST_BYTES + FORM_ROOM),
    post("/imports/router", "tenant.change", from_router),
    get("/imports/{id}", "tenant.change", dry_run),
    post("/imports/{id}/choose", "tenant.change", choose),
    post("/imports/{id}", "tenant.change", take),
)
