"""What the tests of staff may ask for."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.staff.people import Office, a_room, hire
from tests.support import seed


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    """An ISP with an owner whose account is in use."""
    s = await seed(tmp_path)
    with a_room(s) as room:
        yield Office(s=s, room=room, owner=await s.write(hire, s.vault, s.clock.now()))
    await s.db.aclose()
