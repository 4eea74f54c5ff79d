"""An ISP that is to move, at a moment that stands still."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from portal.clock import TravelClock
from tests.privacy.rows import NOW
from tests.support import Seed, seed


@pytest.fixture
async def home(tmp_path: Path) -> AsyncIterator[Seed]:
    made = await seed(tmp_path, clock=TravelClock(start=NOW))
    made.clock.run_at(0)
    yield made
    await made.db.aclose()
