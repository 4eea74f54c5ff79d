"""Reading another system for the console: a file that was sent, or a router; one at a time for each ISP."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from datetime import tzinfo
from zoneinfo import ZoneInfo

from portal.clock import Moment
from portal.console import asked
from portal.console.desk import Desk
from portal.console.vouchers.form import whole
from portal.errors import Refused
from portal.imports import csv_file, mikhmon, phpnuxbill, router
from portal.imports.found import Found
from portal.imports.service import Hands
from portal.imports.work import Choice
from portal.tenancy import store as tenancy
from portal.vouchers.imported import MOST_DAYS

READERS: Mapping[str, Callable[[bytes, tzinfo, Moment], Found]] = {
    phpnuxbill.SOURCE: phpnuxbill.read,
    csv_file.SOURCE: csv_file.read,
}


def hands(desk: Desk) -> Hands:
    """Who imports."""
    return Hands(vault=desk.services.vault, tenant=desk.view.tenant, by=desk.staff.name, staff_id=desk.staff.id)


def choice_of(fields: Mapping[str, str]) -> Choice:
    """What was chosen; raises `Refused`."""
    return Choice(
        days=whole(fields.get("days", ""), 1, MOST_DAYS, "import-days"),
        shorten=fields.get("shorten") == "1",
        unsold=fields.get("unsold") == "1",
    )


async def from_file(desk: Desk) -> Found:
    """What the file, or the text that was pasted instead, holds; raises `Refused`."""
    read = READERS.get(desk.fields.get("source", ""))
    if read is None:
        raise Refused("form")
    body = desk.files.get("file") or desk.fields.get("text", "").encode()
    if not body:
        raise Refused("import-file")
    with _alone(desk):
        return await asyncio.to_thread(read, body, _zone(desk), desk.now)


async def from_router(desk: Desk) -> Found:
    """What Mikhmon keeps on a router; raises `Refused`."""
    found = await desk.read(tenancy.router, asked.number(desk.fields.get("router")))
    if found is None:
        raise Refused("not-found", status=404)
    if not (found.active and found.trusted and found.mode == "api"):
        raise Refused("import-router", status=409)
    services = desk.services
    with _alone(desk):
        pages = await router.pages(
            found,
            services.settings,
            services.vault,
            networks=desk.view.tenant.router_networks,
            resolve=services.resolve,
        )
        source, title = f"{mikhmon.SOURCE}:{found.public}", f"{mikhmon.TITLE} on {found.name}"
        return await asyncio.to_thread(mikhmon.read, pages, source, title, _zone(desk), desk.now)


def _zone(desk: Desk) -> tzinfo:
    return ZoneInfo(desk.view.tenant.timezone)


def _alone(desk: Desk) -> AbstractContextManager[None]:
    """Raise `Refused("import-busy")` while another one is read for this ISP."""
    if desk.services.work.going(desk.view.tenant.id, "import"):
        raise Refused("import-busy", status=409)
    return desk.services.work.held(desk.view.tenant.id, "import")
