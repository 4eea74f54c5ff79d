"""What the tests of messages stand on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from portal.clock import TravelClock
from portal.people import store as people
from portal.settings import load
from sandbox.messages import Gateway
from tests.messages.post import PHONE, Post
from tests.support import seed


@pytest.fixture
async def post(tmp_path: Path) -> AsyncIterator[Post]:
    home = await seed(tmp_path, clock=TravelClock())
    home.clock.run_at(0)
    gateway = await Gateway().open()
    settings = load({"BANDO_MODE": "sandbox", "BANDO_MESSAGES_SANDBOX": gateway.url})
    person = await home.write(people.person_for, home.vault, home.tenant.id, PHONE, home.clock.now())
    async with httpx.AsyncClient(trust_env=False) as http:
        yield Post(home=home, gateway=gateway, http=http, settings=settings, person=person)
    await gateway.aclose()
    await home.db.aclose()
