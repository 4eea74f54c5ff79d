"""A router with its guests, and with a user of somebody else's that nobody may touch."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.flows.site import USERS, Site, a_site


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with a_site(tmp_path) as made:
        made.router.tables[USERS].add({"name": "staff", "password": "x"})
        made.guard_foreign()
        yield made
