"""What the tests of retention stand on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from portal.clock import TravelClock
from portal.privacy.retention.room import Retention
from tests.privacy.house import House
from tests.privacy.rows import NOW, Planted
from tests.privacy.trade import Trade
from tests.support import fresh_place, seed


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    s = await seed(tmp_path, clock=TravelClock(start=NOW))
    s.clock.run_at(0)
    planted = Planted(s.db.place)
    yield House(seed=s, planted=planted, room=Retention(s.db, s.vault, s.clock))
    planted.connection.close()
    await s.db.aclose()


@pytest.fixture
async def trade(tmp_path: Path) -> AsyncIterator[Trade]:
    made = Trade(fresh_place(tmp_path), tmp_path / "bando.db")
    yield made
    await made.db.aclose()
    made.ledger.connection.close()
