"""What /metrics says of the voucher door."""

from __future__ import annotations

from pathlib import Path

from starlette.requests import Request

from portal.access.catalog import Catalog
from portal.health import Health
from portal.loops import Supervisor
from portal.mikrotik.keepers import Keepers
from portal.settings import load
from portal.vouchers.counts import Counts
from tests.support import seed


async def test_redemptions_guesses_and_slowed_ones_are_counted_by_router(tmp_path: Path) -> None:
    made, counts = await seed(tmp_path), Counts()
    settings = load({"BANDO_MODE": "sandbox"})
    keepers = Keepers(db=made.db, clock=made.clock, vault=made.vault, settings=settings, catalog=Catalog(made.db))
    health = Health(db=made.db, clock=made.clock, supervisor=Supervisor(made.clock), keepers=keepers, vouchers=counts)

    counts.redeemed("a1")
    counts.redeemed("a1")
    counts.guessed("a1")
    counts.slowed("b2")

    said = bytes((await health.metrics(Request({"type": "http"}))).body).decode().splitlines()
    assert 'bando_voucher_redemptions_total{router="a1"} 2.0' in said
    assert 'bando_voucher_guesses_total{router="a1"} 1.0' in said
    assert 'bando_voucher_slowed_total{router="b2"} 1.0' in said
    await made.db.aclose()
