"""What can be taken away, and taking it: written down before the first byte leaves."""

from __future__ import annotations

from starlette.responses import Response

from portal.console import tables
from portal.console.desk import Desk
from portal.console.screens import get, post
from portal.errors import Refused
from portal.export import files, store
from portal.export.files import Source
from portal.export.records import KINDS

WHOLE = "whole"


async def classes(desk: Desk) -> Response:
    """Each class of records, and how much there is of it."""
    counts = await desk.read(store.counts)
    return desk.page("export", kinds=[(each, counts[each.name]) for each in KINDS.values()], many=store.MANY)


async def file(desk: Desk) -> Response:
    """One class as a table, or all of them as one archive."""
    name = desk.request.path_params["kind"]
    if name != WHOLE and name not in KINDS:
        raise Refused("not-found", status=404)
    money = name == WHOLE or KINDS[name].money
    await desk.act(f"export.{name}", "records", tables.leaves, money=money)
    source = Source(db=desk.services.db, vault=desk.services.vault, tenant=desk.view.tenant, now=desk.now)
    if name == WHOLE:
        return tables.sent(f"records-{source.day}.zip", files.archive(source), "application/zip")
    return tables.sent(f"{name}-{source.day}.csv", files.table(source, KINDS[name]), "text/csv; charset=utf-8")


SCREENS = (
    get("/export", "export", classes),
    post("/export/{kind}", "export", file, proof=True),
)
