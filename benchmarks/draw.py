"""A batch of 50 000 codes drawn, sealed and stored, as `bando voucher make` does it, in a process of its own.

The batch is stored in small parts with pauses, so that guests can redeem meanwhile; how long they wait then is in the
benchmark of redeeming. Beside it the same rows, drawn beforehand, in one transaction of a bare `sqlite3.executemany`:
what the disk and the indexes cost alone.
"""

from __future__ import annotations

import asyncio
import re
import shutil
import sqlite3
import sys
import time
from contextlib import closing
from pathlib import Path

from benchmarks.figures import Figure, at_most, show
from benchmarks.ground import environment, place
from sandbox.world import Site

COUNT = 50_000
COLUMNS = "tenant_id, batch_id, serial, label, code_index, code_sealed, state, use_by"


async def run(repeats: int) -> None:
    """As the command, then bare, each time on a copy of the same fresh database."""
    made: list[float] = []
    more: list[float] = []
    whole: list[float] = []
    bare: list[float] = []
    async with place() as site:
        await command(site, site.settings.database, "plan", "add", "Bench", "--price", "20", "--time", "1h")
        fresh = site.folder / "fresh.db"
        shutil.copyfile(site.settings.database, fresh)
        for _ in range(repeats):
            database = site.folder / "draw.db"
            shutil.copyfile(fresh, database)
            begun = time.perf_counter()
            made.append(await _make(site, database))
            whole.append(time.perf_counter() - begun)
            more.append(await _make(site, database))
            bare.append(_bare(database, fresh, site.folder / "bare.db"))
            for path in site.folder.glob("draw.db*"):
                path.unlink()
    show(
        f"{COUNT:,} codes drawn and stored by the command line",
        [
            Figure(name="drawn and stored", unit="s", values=made, goal=at_most(8, "s")),
            Figure(name="the next 50 000", unit="s", values=more, goal=at_most(8, "s")),
            Figure(name="the whole command, with its start", unit="s", values=whole),
            Figure(name="bare executemany of the same rows", unit="s", values=bare),
        ],
    )


async def _make(site: Site, database: Path) -> float:
    """Seconds from the first row to the whole batch, by the moments that the command wrote down."""
    out = await command(site, database, "voucher", "make", "Bench", "--count", str(COUNT))
    match = re.match(r"B(\d+): 50,000 vouchers", out)
    assert match is not None, out
    with closing(sqlite3.connect(database)) as connection:
        (took,) = connection.execute(
            "SELECT ready_at - created_at FROM batches WHERE number = ?", (int(match[1]),)
        ).fetchone()
    return float(took) / 1000


async def command(site: Site, database: Path, *words: str) -> str:
    """Run `bando` with these words on this database; what it said."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bando", *words),
        env=environment(site, tls=False, BANDO_DATABASE=str(database)),
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await process.communicate()
    assert process.returncode == 0, out
    return out.decode()


def _bare(full: Path, fresh: Path, target: Path) -> float:
    """The rows of the first batch again, into a copy of the database as it was before."""
    shutil.copyfile(fresh, target)
    with closing(sqlite3.connect(full)) as connection:
        batch = connection.execute("SELECT * FROM batches WHERE number = 1").fetchone()
        rows = connection.execute(f"SELECT {COLUMNS} FROM vouchers WHERE batch_id = ?", (batch[0],)).fetchall()
    owners = [(row[4], row[0]) for row in rows]
    with closing(sqlite3.connect(target, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute(f"INSERT INTO batches VALUES ({', '.join('?' * len(batch))})", batch)
        begun = time.perf_counter()
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(f"INSERT INTO vouchers ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
        connection.executemany("INSERT INTO code_owners (code_index, owner) VALUES (?, ?)", owners)
        connection.execute("COMMIT")
        took = time.perf_counter() - begun
    for path in target.parent.glob(f"{target.name}*"):
        path.unlink()
    return took
