"""Alarms and who is told of them, for the tests of the console, written as rows."""

from __future__ import annotations

from typing import Any

from portal.seal import new_public
from portal.units import insert
from portal.watch import channels
from portal.watch.alarm import KINDS
from tests.support import Seed

WEBHOOK = "https://hooks.example.test/services/secret-part"


async def opened(home: Seed, **changes: Any) -> int:
    """An alarm that is open."""
    now = home.clock.now()
    columns: dict[str, Any] = {
        "kind": "router-down",
        "subject": f"router:{home.router_id}",
        "severity": "grave",
        "sentence": "Site 1 does not answer since 14:02.",
        "since": now,
        "suspected_at": now,
        "opened_at": now,
        **changes,
    }
    return int(await home.write(insert, "alarms", **columns))


async def channel(home: Seed, address: str = WEBHOOK, kind: str = "webhook") -> int:
    """Somebody who is told of everything."""
    args = (home.vault, new_public(8), kind, address, channels.new_secret(), tuple(KINDS), home.clock.now())
    return int(await home.write(channels.add, *args))
