"""Printed vouchers to try in the sandbox: a batch, its sheet as PDF, and a few codes to type."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from portal.access import store as access
from portal.clock import DAY
from portal.db import Database
from portal.vouchers import codes, store
from portal.vouchers.batches import Batches, Order, open_code
from portal.vouchers.guesses import TENANT_AN_HOUR
from portal.vouchers.press import Job, press
from portal.vouchers.print_run import PrintRuns
from portal.vouchers.store import Batch
from sandbox.world import Site

COUNT = 36  # one sheet
SHOWN = 3


@dataclass(frozen=True, kw_only=True)
class Cards:
    """What was printed."""

    sheet: Path
    codes: list[str]  # canonical, and not redeemed yet


async def printed(site: Site, db: Database) -> Cards:
    """The vouchers of this world; a new sheet when the last one is nearly used up."""
    while True:
        for batch in await db.read(site.tenant.id, store.batches):
            left = await _left(site, db, batch)
            if batch.ready_at is not None and len(left) >= SHOWN:
                return Cards(sheet=await _sheet(site, db, batch), codes=left[:SHOWN])
        await _make(site, db)


async def _left(site: Site, db: Database, batch: Batch) -> list[str]:
    found = await db.read(site.tenant.id, store.in_range, batch.id, 1, batch.count)
    usable = [each for each in found if each.state == "printed" and each.use_by > site.clock.now()]
    return [open_code(site.vault, site.tenant.id, each.label, each.code_sealed) for each in usable]


async def _make(site: Site, db: Database) -> None:
    plans = await db.read(site.tenant.id, access.plan_list)
    order = Order(
        plan=next(plan for plan in plans if plan.max_devices == 1),
        count=COUNT,
        style=codes.DEFAULT["letters"],
        use_by=site.clock.now() + 90 * DAY,
        note="to try",
        by="sandbox",
    )
    await _batches(site, db).make(order)


def _batches(site: Site, db: Database) -> Batches:
    return Batches(db=db, vault=site.vault, clock=site.clock, tenant=site.tenant, guesses_an_hour=TENANT_AN_HOUR)


async def _sheet(site: Site, db: Database, batch: Batch) -> Path:
    target = site.folder / "vouchers.pdf"
    runs = PrintRuns(db=db, vault=site.vault, clock=site.clock, tenant=site.tenant, public_url=site.settings.public_url)
    run = await runs.plan(batch, 1, batch.count)
    job = Job(form="pdf", target=target, face=run.face, cards=run.cards, options={"grid": "4x9"})
    await press(job, agree=lambda: runs.note_printed(run, "sheet 4x9", "sandbox"))
    return target
