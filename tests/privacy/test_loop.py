"""The purge runs with the service, and whoever watches the loops sees it."""

from __future__ import annotations

from pathlib import Path

import app
from portal.clock import DAY, TravelClock
from portal.place import Server
from portal.privacy.retention.room import Retention
from portal.settings import load
from tests.privacy.rows import NOW, Planted
from tests.support import MASTER, seed


async def test_the_service_purges_and_says_when_it_last_did(tmp_path: Path) -> None:
    s = await seed(tmp_path)
    tenant = s.tenant.id
    await s.db.aclose()
    planted = Planted(s.db.place)
    old = planted.row("notes", tenant, written_at=NOW - 2000 * DAY)
    young = planted.row("notes", tenant, written_at=NOW)
    where = {"DATABASE_URL": s.db.place.url} if isinstance(s.db.place, Server) else {"BANDO_DATABASE": str(s.db.place)}
    settings = load({"BANDO_MODE": "sandbox", "BANDO_SECRET_KEY": MASTER.decode(), **where})
    clock = TravelClock(start=NOW)
    bando = app.build(settings, clock=clock)
    await bando.start()
    try:
        while "retention" not in bando.supervisor.last_success:
            await clock.sleep(5)
        assert isinstance(bando.retention, Retention)
        assert (planted.one("notes", old), planted.one("notes", young) is not None) == (None, True)
        assert "retention" in bando.supervisor.stale(-7200 * 1000), "it would be missed"
    finally:
        await bando.stop()
        planted.connection.close()
