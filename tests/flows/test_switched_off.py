"""An ISP that is switched off: nobody stays online at its routers, and what is left comes back when it is on again."""

from __future__ import annotations

from pathlib import Path

from portal.clock import MINUTE
from portal.tenancy import closing
from portal.tenancy import store as tenancy
from tests.flows.site import Site, a_keeper, a_site, mac_of


async def keeps(s: Site, *, closed: bool) -> None:
    """The keeper of this state of the ISP in the place of the other, as `Keepers.look` does it."""
    import asyncio

    await s.stop_keeper()
    row = await s.seed.read(tenancy.router, s.row.id)
    s.keeper = a_keeper(s.seed, row, s.installation, s.patience_s, s.steps, closed=closed)
    s.running = asyncio.create_task(s.keeper.run())


def ours(s: Site) -> int:
    """Whatever stands on the router under our mark."""
    bindings = [row for row in s.table("/ip/hotspot/ip-binding") if row.get("comment", "").startswith(s.mark)]
    running = [row for row in s.table("/ip/hotspot/active") if row["user"].startswith("bando-")]
    return len(s.users()) + len(running) + len(bindings)


async def switch(s: Site, on: bool) -> None:
    await s.seed.db.write(None, closing.switch, s.seed.tenant.id, on, s.clock.now())


async def test_off_empties_the_router_and_on_brings_the_rest_back(tmp_path: Path) -> None:
    async with a_site(tmp_path) as s:
        devices = await s.guests(25)  # enough for a removal that would be held, were it not on purpose
        await switch(s, False)
        await keeps(s, closed=True)
        await s.until(lambda: ours(s) == 0)
        assert not any(s.online(mac_of(n)) for n in range(1, 26))
        assert s.foreign_rows() == s.foreign
        assert "mass-removal" not in await s.lines()

        s.clock.advance(10 * MINUTE)
        for n in range(1, 26):
            s.appear(mac_of(n))  # the phones are still there
        await switch(s, True)
        await keeps(s, closed=False)
        await s.until(lambda: all(s.online(mac_of(n)) for n in range(1, 26)))
        stands = await s.standing(devices[0])
        assert stands.allowance is not None
        left = s.left_s(mac_of(1))
        assert left is not None
        assert abs(left - stands.allowance.seconds) <= 3, "time by the clock ran on"


async def test_a_router_that_was_away_is_emptied_when_it_is_back(tmp_path: Path) -> None:
    async with a_site(tmp_path) as s:
        await s.guest(1)
        await s.stop_keeper()
        port = s.server.port
        await s.server.aclose()
        await switch(s, False)
        row = await s.seed.read(tenancy.router, s.row.id)
        import asyncio

        from sandbox.routeros.api import serve_api

        s.keeper = a_keeper(s.seed, row, s.installation, s.patience_s, s.steps, closed=True)
        s.running = asyncio.create_task(s.keeper.run())
        assert s.online(mac_of(1)), "the router enforces alone"
        s.server = await serve_api(s.router, port=port)

        async def emptied() -> bool:
            s.clock.advance(500)  # the pause before the next try
            return ours(s) == 0

        await s.until(emptied)
        await s.server.aclose()


async def test_without_that_keeper_a_guest_would_stay_online(tmp_path: Path) -> None:
    """What happened before: no keeper for an ISP that is off."""
    async with a_site(tmp_path) as s:
        await s.guest(1)
        await switch(s, False)
        await s.stop_keeper()
        s.clock.advance(MINUTE)
        assert s.online(mac_of(1))
        await keeps(s, closed=False)


async def test_keepers_go_on_for_an_isp_that_is_off(tmp_path: Path) -> None:
    """Also in a process that was started after it was switched off."""
    from portal.access.catalog import Catalog
    from portal.mikrotik.keepers import Keepers
    from portal.settings import load

    async with a_site(tmp_path) as s:
        await s.guest(1)
        await s.stop_keeper()
        await switch(s, False)
        home = s.seed
        catalog = Catalog(home.db)
        keepers = Keepers(
            db=home.db, clock=home.clock, vault=home.vault, settings=load({"BANDO_MODE": "sandbox"}), catalog=catalog
        )
        await keepers.look()
        await s.until(lambda: ours(s) == 0)
        await switch(s, True)
        await keepers.look()
        await s.until(lambda: s.online(mac_of(1)))
        await keepers.stop()
        await s.start_keeper()
