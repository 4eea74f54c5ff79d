"""A router that nobody can reach calls the portal: what is heard of it, and what is wished of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from portal.calls.beat import latest
from portal.clock import MINUTE
from tests.calls.site import VERSIONS, away


@pytest.mark.parametrize("version", VERSIONS)
async def test_the_portal_hears_a_router_each_minute(tmp_path: Path, version: str) -> None:
    async with away(tmp_path, version) as made:
        assert "bando: the portal has heard this router" in made.said, made.warnings
        await made.minute(3)
        row = await made.row()
        told = latest(row.beat)

    assert told is not None
    assert row.beat_at is not None
    assert row.last_contact_at == row.beat_at
    assert made.clock.now() - row.beat_at < MINUTE
    assert (told.identity, told.board, told.source) == ("Kilimani Mall", "hAP ax lite", "127.0.0.1")
    assert told.version.startswith(version)
    assert told.trouble == ""
    assert made.scheduler.failures == []
    assert made.warnings == []
    assert made.applied == row.call_version == 1
