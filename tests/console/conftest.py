"""A running console for each test of this room, and its owner."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.console.office import Office, Visitor, office


@pytest.fixture
async def o(tmp_path: Path) -> AsyncIterator[Office]:
    """The audit log is whole at the end of each test, whatever it did."""
    async with office(tmp_path) as made:
        yield made
        assert await made.verified()


@pytest.fixture
async def owner(o: Office) -> Visitor:
    return await o.of("owner")
