"""An ISP, and somebody who is told of its alarms."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sandbox.hooks import Receiver
from tests.support import Seed, seed


@pytest.fixture
async def home(tmp_path: Path) -> AsyncIterator[Seed]:
    made = await seed(tmp_path)
    yield made
    await made.db.aclose()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    made = await Receiver().open()
    yield made
    await made.aclose()
