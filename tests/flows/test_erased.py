"""Somebody is erased while they are online: the router lets go of them, and nothing of them is written down again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from portal.privacy.erasing import subject
from portal.privacy.erasing.room import Erasing
from portal.privacy.erasing.service import Wish
from portal.privacy.erasing.subject import Subject
from portal.units import value
from tests.flows.site import BINDINGS, MAC, USERS, Site, a_site

WISH = Wish(reason="They asked for it", by="staff:ada")


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with a_site(tmp_path) as made:
        yield made


def on_router(site: Site) -> list[object]:
    """Rows of the router that name the device."""
    return [row for table in (USERS, BINDINGS) for row in site.router.table(table).rows.values() if MAC in str(row)]


async def known(site: Site) -> int:
    """Rows in which the database could have written down anew that they are there."""
    found: int = 0
    for table in ("sessions", "presence", "usage"):
        found += await site.seed.read(value, f"SELECT COUNT(*) FROM {table} WHERE tenant_id = :tenant")
    found += await site.seed.read(
        value, "SELECT COUNT(*) FROM devices WHERE tenant_id = :tenant AND mac NOT LIKE 'gone-%'"
    )
    return int(found)


async def test_the_router_lets_go_and_nothing_is_written_down_again(site: Site) -> None:
    device = await site.guest()
    assert site.router.is_authorized(MAC, site.macs[MAC])
    assert await known(site) >= 3
    who: Subject = await site.seed.read(subject.by_device, site.seed.vault, site.seed.tenant.id, device.id)

    await Erasing(site.seed.db, site.seed.vault, site.clock).erase(who, WISH)

    await site.until(lambda: not site.router.is_authorized(MAC, site.macs[MAC]))
    for _ in range(4):
        site.appear()
        await site.polled()
    assert on_router(site) == []
    assert await known(site) == 0
    assert await site.trouble() is None
