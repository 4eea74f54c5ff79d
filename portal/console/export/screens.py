"""What can be taken away, and taking it: written down before the first byte leaves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import BinaryIO

from starlette.responses import Response

from portal.console import tables
from portal.console.desk import Desk
from portal.console.screens import get, post
from portal.errors import Misconfigured, Refused
from portal.export import files, store
from portal.export.files import Source
from portal.export.records import KINDS
from portal.moving import pack, sealing

WHOLE = "whole"
PART = 1 << 18  # bytes of a file that are sent at once


async def classes(desk: Desk) -> Response:
    """Each class of records, and how much there is of it."""
    return await _classes(desk)


async def _classes(desk: Desk, wrong: Refused | None = None) -> Response:
    counts = await desk.read(store.counts)
    return desk.page(
        "export",
        wrong.status if wrong else 200,
        kinds=[(each, counts[each.name]) for each in KINDS.values()],
        many=store.MANY,
        least=sealing.LEAST,
        wrong=wrong.key if wrong else "",
    )


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


async def move(desk: Desk) -> Response:
    """Everything, sealed with the passphrase of whoever takes it: what an installation of their own imports."""
    try:
        passphrase = _passphrase(desk)
    except Refused as wrong:
        return await _classes(desk, wrong)
    try:
        with desk.services.packing.turn():
            held = await _packed(desk, passphrase)
    except Refused as wrong:
        return await _classes(desk, wrong)
    return tables.sent(f"isp-{desk.view.tenant.public}.move", _sent(held), "application/octet-stream")


async def _packed(desk: Desk, passphrase: bytes) -> BinaryIO:
    await desk.act("export.move", "records", tables.leaves, money=True)
    place, vault, tenant = desk.services.db.place, desk.services.vault, desk.view.tenant
    parts = pack.packed(place, vault, tenant, passphrase, desk.now, pack.in_silence)
    return await desk.services.packing.spooled(parts, place.parent if isinstance(place, Path) else None)


def _passphrase(desk: Desk) -> bytes:
    """Raises `Refused`."""
    chosen = desk.fields.get("passphrase", "")
    if sealing.is_short(chosen):
        raise Refused("passphrase-short")
    if desk.fields.get("again", "") != chosen:
        raise Refused("passphrase-other")
    try:
        return sealing.secret(chosen)
    except Misconfigured:
        raise Refused("passphrase-characters") from None


async def _sent(held: BinaryIO) -> AsyncIterator[bytes]:
    with held:
        while part := await asyncio.to_thread(held.read, PART):
            yield part


SCREENS = (
    get("/export", "export", classes),
    post("/export/move", "leave", move, proof=True),  # with all keys and passwords: an owner's alone
    post("/export/{kind}", "export", file, proof=True),
)
