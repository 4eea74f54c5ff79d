"""Much of an ISP moves in flat memory, in both directions."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from portal.clock import TravelClock
from tests.moving.move import as_platform
from tests.privacy.rows import NOW, Planted
from tests.shell import HOME
from tests.support import fresh_place, on_postgres, seed, spelt

ROOM_MIB = 48  # beyond a few rows: the page caches of the engine fill; held whole, 200,000 rows are far more
MOVES = """
import asyncio, sys
from pathlib import Path
from dataclasses import replace
from portal.clock import TravelClock
from portal.db import Database, open_database
from portal.keys.ring import vault_of
from portal.moving import pack, unpack
from portal.tenancy import store
from tests.moving.move import THERE, WORDS, silent
from tests.support import MASTER, place_at
here, file, place, now = place_at(sys.argv[1]), Path(sys.argv[2]), place_at(sys.argv[3]), int(sys.argv[4])
async def packed():
    db = open_database(here)
    (tenant,) = await db.read(None, store.tenants)
    vault = vault_of(MASTER, db, TravelClock(start=now))
    with file.open("wb") as out:
        for each in pack.packed(here, vault, tenant, WORDS, now, silent):
            out.write(each)
    await db.aclose()
asyncio.run(packed())
moved = unpack.moved_in(file, place, THERE, WORDS, now, silent, breached=False)
words = Path("/proc/self/status").read_text().split()
print(moved.rows["sessions"], int(words[words.index("VmHWM:") + 1]) // 1024)
"""


async def much(folder: Path, count: int) -> tuple[int, int]:
    """Rows that came in, and MiB that packing and importing took at most."""
    folder.mkdir()
    home = await seed(folder, clock=TravelClock(start=NOW))
    planted = Planted(home.db.place)
    planted.many_sessions(home.tenant.id, NOW, count)
    planted.connection.close()
    await home.db.aclose()
    here, place = (spelt(each) for each in (home.db.place, as_platform(fresh_place(folder, "there.db"))))
    words = [sys.executable, "-c", MOVES, here, str(folder / "isp.move"), place, str(NOW)]
    done = subprocess.run(words, capture_output=True, text=True, cwd=HOME, check=False)
    assert done.returncode == 0, done.stderr
    rows, most = done.stdout.split()
    return int(rows), int(most)


async def flat(folder: Path, count: int) -> None:
    part = 20 if on_postgres() else 1  # each row that comes in is a way to the server and back
    few, small = await much(folder / "few", 20_000 // part)
    many, large = await much(folder / "many", count // part)
    assert (few, many) == (20_000 // part, count // part)
    assert large - small < (ROOM_MIB // 4 if on_postgres() else ROOM_MIB), (small, large)


async def test_memory_stays_flat_however_many_rows_move(tmp_path: Path) -> None:
    await flat(tmp_path, 200_000)


@pytest.mark.slow
@pytest.mark.skipif(not os.environ.get("BANDO_SWEEP"), reason="a minute and more; `make sweep` does it")
async def test_a_million_rows_move_in_flat_memory(tmp_path: Path) -> None:
    await flat(tmp_path, 1_000_000)
