"""What tests of RADIUS may ask for."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.radius.freeradius import required
from tests.radius.stage import Stage, stage


@pytest.fixture
async def bando(tmp_path: Path) -> AsyncIterator[Stage]:
    """A Bando whose endpoints are asked without a FreeRADIUS."""
    async with stage(tmp_path, with_radius=False) as made:
        yield made


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[Stage]:
    """The same behind a real FreeRADIUS."""
    required()
    async with stage(tmp_path) as made:
        yield made
