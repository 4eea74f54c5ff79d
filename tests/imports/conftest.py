"""An ISP whose books must be in order at the end of each test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from portal import check
from tests.support import Seed, seed


@pytest.fixture
async def s(tmp_path: Path) -> AsyncIterator[Seed]:
    made = await seed(tmp_path)
    yield made
    assert await made.read(check.breaches, made.clock.now()) == []
    await made.db.aclose()
