"""Whether a router itself says that a phone is there: a fact, where a MAC in an address is a claim."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from portal.access.catalog import Catalog
from portal.clock import MINUTE, SECOND
from portal.mikrotik.keepers import Keepers
from tests.flows.site import MAC, SETTINGS, Site, a_site, mac_of


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with a_site(tmp_path) as made:
        yield made


async def test_a_phone_in_the_host_table_is_seen_and_an_invented_one_is_not(site: Site) -> None:
    await site.arrive()
    assert not site.keeper.sees(MAC)

    await site.polled()

    assert site.keeper.sees(MAC)
    assert not site.keeper.sees(mac_of(99))


async def test_a_phone_that_is_looked_at_alone_is_seen_before_the_next_poll(site: Site) -> None:
    device = await site.arrive()

    site.keeper.wake(device.id)

    await site.until(lambda: site.keeper.sees(MAC), seconds=2)


async def test_a_phone_that_went_is_seen_no_more_after_a_poll(site: Site) -> None:
    await site.arrive()
    await site.polled()
    site.router.host_gone(MAC)
    await site.later(10 * MINUTE)  # then the router itself has forgotten it

    await site.polled()

    assert not site.keeper.sees(MAC)


async def test_an_old_reading_says_nothing(site: Site) -> None:
    await site.arrive()
    await site.polled()
    await site.stop_keeper()

    site.clock.advance(70 * SECOND)
    assert site.keeper.sees(MAC)

    site.clock.advance(10 * SECOND)
    assert not site.keeper.sees(MAC)


async def test_a_router_without_a_keeper_sees_nobody(site: Site) -> None:
    db, vault = site.seed.db, site.seed.vault
    keepers = Keepers(db=db, clock=site.clock, vault=vault, settings=SETTINGS, catalog=Catalog(db))

    assert not await keepers.sees(site.row, MAC)
