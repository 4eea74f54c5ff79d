"""A second process that redeems the same codes on the same database: `python -m tests.vouchers.rivals`.

It reads its order (JSON, one line), looks which of the codes are printed, says that it has looked, waits for the
word, and shows all those, from the first to the last or the other way round. So two of them have both seen every
code as printed when they begin to write, and meet in the middle.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from portal.db import Database, open_database
from portal.errors import Refused
from portal.seal import Vault
from portal.vouchers import batches, guesses, redeem, store
from portal.vouchers.redeem import Ask
from tests.support import MASTER, Seed, place_at, spelt
from tests.vouchers import unguarded
from tests.vouchers.cards import mac

ROOT = Path(__file__).parents[2]


async def compete(s: Seed, codes: Sequence[str], *, without: Collection[str] = ()) -> list[tuple[str, ...]]:
    """Two processes show the same codes at the same moment; for each code what it came to in both of them."""
    rivals = [await _rival(s, codes, 1000 * (2 + step), step, without) for step in (1, -1)]
    for each in rivals:
        assert await _line(each) == "ready"
    for each in rivals:
        assert each.stdin is not None
        each.stdin.write(b"go\n")
    told = [json.loads(await _line(each)) for each in rivals]
    assert [await each.wait() for each in rivals] == [0, 0]
    return list(zip(*told, strict=True))


async def _rival(s: Seed, codes: Sequence[str], first: int, step: int, without: Collection[str]) -> Process:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.vouchers.rivals", cwd=ROOT, stdin=PIPE, stdout=PIPE
    )
    order = {
        "place": spelt(s.db.place),
        "tenant": s.tenant.id,
        "router": s.router_id,
        "codes": list(codes),
        "first": first,
        "now": s.clock.now(),
        "without": sorted(without),
        "step": step,
    }
    assert process.stdin is not None
    process.stdin.write(json.dumps(order).encode() + b"\n")
    return process


async def _line(process: Process) -> str:
    assert process.stdout is not None
    return (await process.stdout.readline()).decode().strip()


# --- the rival itself ---


async def main() -> None:
    order = json.loads(sys.stdin.readline())
    unguarded.remove(order["without"])
    db, vault = open_database(place_at(order["place"])), Vault(MASTER)
    asks = [_ask(vault, order, n, code) for n, code in enumerate(order["codes"])]
    seen = [await db.read(order["tenant"], store.by_code, ask.code) for ask in asks]
    print("ready", flush=True)
    sys.stdin.readline()
    printed = [ask for ask, found in zip(asks, seen, strict=True) if found is not None and found.state == "printed"]
    told = [await _show(db, order, ask) for ask in printed[:: order["step"]]]
    print(json.dumps(told[:: order["step"]]), flush=True)
    await db.aclose()


def _ask(vault: Vault, order: dict[str, Any], n: int, code: str) -> Ask:
    device = mac(order["first"] + n)
    who = guesses.guesser(vault, order["tenant"], device, order["router"], "192.0.2.1", True)
    return Ask(code=batches.code_index(vault, code), mac=device, router_id=order["router"], who=who, moves_a_day=3)


async def _show(db: Database, order: dict[str, Any], ask: Ask) -> str:
    """As a guest does: once more, when it could not be done because the other one kept a slow disk for too long."""
    while True:
        try:
            done = await db.write_beside(order["tenant"], (ask.mac,), redeem.redeem, ask, order["now"])
        except Refused as refused:
            return refused.key
        except sqlite3.OperationalError as locked:
            if "locked" not in str(locked):
                raise
        else:
            return done.key if isinstance(done, Refused) else done.how


if __name__ == "__main__":
    asyncio.run(main())
