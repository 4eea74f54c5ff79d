"""The month behind the sandbox's ISP: what its pages show is right by the house's own check."""

from __future__ import annotations

from pathlib import Path

from portal import check
from portal.books import ledger
from portal.books import store as books
from portal.units import update, value
from sandbox.history import lived
from sandbox.stock import stocked
from tests.console import samples_money
from tests.support import seed


async def test_the_month_behind_the_sandbox_keeps_every_promise(tmp_path: Path) -> None:
    home = await seed(tmp_path)
    try:
        await samples_money.account(home)
        await home.plan_of(name="1 hour")
        await lived(home.db, home.vault, home.tenant, home.router_id, home.clock.now())
        await stocked(home.db, home.vault, home.tenant, home.router_id, home.clock.now())

        assert await home.read(check.breaches, home.clock.now()) == []
        stands = ledger.balances(await home.read(books.sums, 0, 1 << 62), "KES")
        assert stands["revenue"] > 100_000
        assert stands["uncounted"] > 0, "cards of the ISP's own stock were redeemed"

        used = "SELECT SUM(bytes_up + bytes_down) FROM {} WHERE tenant_id = :tenant"
        told = await home.read(value, used.format("sessions"))
        assert told > 10**10
        hours = await home.read(value, used.format("usage_hours"))
        assert abs(told - hours) < 10**6, "hours and sessions tell the same, but for bytes that do not divide"

        first = await home.read(value, "SELECT MIN(id) FROM receipts WHERE tenant_id = :tenant")
        await home.write(update, "receipts", first, amount_minor=1)
        assert await home.read(check.breaches, home.clock.now()) != [], "it would be noticed"
    finally:
        await home.db.aclose()
