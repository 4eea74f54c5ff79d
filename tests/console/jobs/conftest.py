"""One world for all tests of a file."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.console.jobs.shop import Shop, shop


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def s(tmp_path_factory: pytest.TempPathFactory, chromium_path: str) -> AsyncIterator[Shop]:
    async with shop(tmp_path_factory.mktemp("world"), chromium_path) as made:
        yield made
