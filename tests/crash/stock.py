"""A command that makes or voids vouchers, as a process that dies on the way; run by the launcher's fork.

What it tells whoever waits (`progress`) it writes down first: that is acknowledged, and must hold.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from portal.access import store as access
from portal.clock import DAY, SystemClock
from portal.db import Database, open_database
from portal.keys.ring import vault_of
from portal.tenancy import store as tenancy
from portal.vouchers import codes, store
from portal.vouchers.batches import Batches, Order
from tests.crash.points import Points
from tests.support import place_at


def run(order: dict[str, Any]) -> None:
    """Do what the order says, and die where its points say."""
    asyncio.run(_run(order))


async def _run(order: dict[str, Any]) -> None:
    db = open_database(place_at(order["place"]), observe=Points(Path(order["points"])))
    stock = await batches_of(db, order["key"])
    told = os.open(order["told"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def progress(count: int) -> None:
        os.write(told, f"{count}\n".encode())

    await ACTS[order["act"]](stock, order, progress)
    await db.aclose()


async def batches_of(db: Database, key: str) -> Batches:
    [tenant] = await db.read(None, tenancy.tenants)
    vault, clock = vault_of(key.encode(), db, SystemClock()), SystemClock()
    return Batches(db=db, vault=vault, clock=clock, tenant=tenant, guesses_an_hour=5_000)


async def _make(stock: Batches, order: dict[str, Any], progress: Callable[[int], None]) -> None:
    plan = (await stock.db.read(stock.tenant.id, access.plan_list))[0]
    use_by = stock.clock.now() + 30 * DAY
    style = codes.STYLES["letters-10"]
    await stock.make(Order(plan=plan, count=order["count"], style=style, use_by=use_by, by="W."), progress=progress)


async def _void(stock: Batches, order: dict[str, Any], progress: Callable[[int], None]) -> None:
    batch = await stock.db.read(stock.tenant.id, store.batch_numbered, order["batch"])
    assert batch is not None
    await stock.void(batch, 1, batch.count, reason="lost", by="W.", end_passes=True, progress=progress)


ACTS = {"make": _make, "void": _void}
