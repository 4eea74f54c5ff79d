"""Off acts at once where it can: what does not answer, or slips in meanwhile, keeps nobody else online."""

from __future__ import annotations

import asyncio
import socket
import time
from pathlib import Path

from portal.access.catalog import Catalog
from portal.mikrotik.keeper import Keeper
from portal.mikrotik.keepers import Keepers
from portal.tenancy import closing
from portal.tenancy import store as tenancy
from tests.flows.site import POLL_MS, SETTINGS, a_site, mac_of

SILENT = 3  # routers that accept a connection and say nothing


async def test_routers_that_do_not_answer_do_not_keep_others_open(tmp_path: Path) -> None:
    """Each of them takes its keeper five seconds to give up; all of them together must not take longer."""
    async with a_site(tmp_path) as s:
        await s.guest(1)
        await s.stop_keeper()
        with socket.create_server(("127.0.0.1", 0)) as silent:
            for n in range(SILENT):
                await s.seed.write(
                    tenancy.add_router, s.seed.vault, s.clock.now(),
                    name=f"Silent {n}", host="127.0.0.1", port=silent.getsockname()[1], username="bando",
                    password="x", hotspot_host=f"silent{n}.test", tunnel=True,
                )  # fmt: skip
            await s.seed.db.write(None, tenancy.bump, s.seed.tenant.id)
            keepers = Keepers(
                db=s.seed.db, clock=s.clock, vault=s.seed.vault,
                settings=SETTINGS, catalog=Catalog(s.seed.db),
            )  # fmt: skip
            assert await keepers.look() == SILENT + 1
            await s.until(lambda: (keeper := keepers.keeper(s.row.id)) is not None and keeper.agreed_at > 0)
            await s.seed.db.write(None, closing.switch, s.seed.tenant.id, False, s.clock.now())
            began = time.monotonic()
            looking = asyncio.create_task(keepers.look())
            await s.until(lambda: not s.online(mac_of(1)), seconds=4)
            await looking
            assert time.monotonic() - began < 2 * 5
            assert len(keepers.all()) == SILENT + 1, "they are tried again until they are empty"
        await keepers.stop()
        await s.start_keeper()


async def test_who_slips_in_while_a_router_is_emptied_is_out_with_the_next_poll(tmp_path: Path) -> None:
    """Not only when an empty router is looked at again, which is seldom."""
    async with a_site(tmp_path) as s:
        device = await s.guest(1)
        await s.stop_keeper()
        await s.seed.db.write(None, closing.switch, s.seed.tenant.id, False, s.clock.now())
        password = s.seed.vault.router_password(s.row.public, device.id)
        running = s.active(mac_of(1))
        assert running is not None

        slipped: list[str] = []

        def slip_in(step: str) -> None:
            """Its row is there until it is removed, and the phone logs in once more."""
            if "remove" in step and step.endswith(":before") and not slipped:
                slipped.append(step)
                s.router.logout(running["address"], "user-request")
                s.router.login(ip=running["address"], user=running["user"], password=password, mac=mac_of(1), by="mac")

        s.keeper = Keeper(
            s.row, db=s.seed.db, clock=s.clock, vault=s.seed.vault, settings=SETTINGS, installation=s.installation,
            observe=slip_in, closed=True,
        )  # fmt: skip
        s.running = asyncio.create_task(s.keeper.run())
        await s.until(lambda: s.keeper.agreed_at > 0)
        assert slipped
        assert s.online(mac_of(1)), "it did slip in"
        await s.later(POLL_MS)
        await s.until(lambda: not s.online(mac_of(1)), seconds=3)
