"""Redeeming vouchers over HTTP, beside a bare sqlite3 loop that runs the same statements and commits one by one.

The portal is a process of its own; 32 clients each redeem fresh codes for fresh devices, one after the other. The
router is out of reach meanwhile, so that the door alone is measured: what stands in the way of 2 500 guests a
second is never one router. The bare loop has no HTTP, no units, no decisions: only the recorded statements.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import sqlite3
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx

from benchmarks.figures import Figure, at_least, at_most, show
from benchmarks.ground import address_of, mac_of, place, portal
from portal.access import store as access
from portal.clock import DAY
from portal.db import executor, open_connection, quiet
from portal.db.groups import positional
from portal.pages.context import Context, seal_context
from portal.units import Unit, drive
from portal.vouchers import batches, codes, guesses, redeem, store
from portal.vouchers.redeem import Ask
from sandbox.world import PORTAL_HOST, Site

CLIENTS = 32
VOUCHERS = 6_000  # in one round
BARE = 2_000

Statement = tuple[str, Sequence[Any]]


async def run(repeats: int) -> None:
    """Served and bare in turn."""
    served: list[dict[str, Any]] = []
    bare: list[float] = []
    for _ in range(repeats):
        async with place() as site:
            await site.api.aclose()  # the router falls silent
            drawn = seed(site, VOUCHERS + BARE)
            recorded = _prepared(site, drawn[VOUCHERS:])
            before = _bare(site, recorded)
            async with portal(site, tls=False):
                served.append(await _served(site, drawn[:VOUCHERS]))
            bare.append(2 / (1 / before + 1 / _bare(site, recorded)))  # before and after: the machine changes its pace
    rates = [each["rate"] for each in served]
    share = [100 * own / alone for own, alone in zip(rates, bare, strict=True)]
    late = [ms for each in served for ms in each["ms"]]
    show(
        f"Redeeming {VOUCHERS:,} vouchers over HTTP with {CLIENTS} clients, synchronous=FULL",
        [
            Figure(name="redeemed", unit="1/s", values=rates, goal=at_least(2_500, "1/s")),
            Figure(name="one redemption", unit="ms", values=late, goal=at_most(50, "ms", 0.99)),
            Figure(name="share of the bare loop", unit="%", values=share, goal=at_least(80, "%")),
            Figure(name="bare sqlite3 loop, same statements", unit="1/s", values=bare),
        ],
    )


def seed(site: Site, count: int) -> list[str]:
    """A batch of codes in the database of this world."""
    drawn = [codes.draw(codes.STYLES["letters-10"]) for _ in range(count)]
    with closing(open_connection(site.settings.database)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        drive(_batch(site, drawn), site.tenant.id, executor(connection, quiet))
        connection.execute("COMMIT")
    return drawn


def _batch(site: Site, drawn: list[str]) -> Unit[None]:
    now = site.clock.now()
    plan = (yield from access.plan_list())[0]
    batch_id = yield from store.insert_batch(
        plan, number=1, style="letters-10", count=len(drawn), use_by=now + DAY, made_by="bench", created_at=now
    )
    rows = []
    for serial, code in enumerate(drawn, start=1):
        label = batches.label_of(1, serial, len(drawn))
        sealed = batches.seal_code(site.vault, site.tenant.id, label, code)
        index = batches.code_index(site.vault, code)
        rows.append({"serial": serial, "label": label, "code_index": index, "code_sealed": sealed})
    for start in range(0, len(rows), 100):
        yield from store.add_vouchers(batch_id, now + DAY, rows[start : start + 100])
    yield from store.set_ready(batch_id, now)


# --- served ---


def form(site: Site, number: int, code: str) -> tuple[str, str]:
    """What a phone posts that has arrived at the router with this code."""
    context = Context(
        router=site.row.public,
        mac=mac_of(number),
        ip=address_of(number % 10_000),
        orig="http://example.test/",
        lang="en",
        issued_at=site.clock.now(),
    )
    token = seal_context(site.vault, site.tenant.public, context)
    return f"/w/{token}/voucher", urlencode({"code": codes.shown(code)})


async def _served(site: Site, drawn: list[str]) -> dict[str, Any]:
    return await loaded(site, await opened(site, drawn), "once", CLIENTS, 0)


async def opened(site: Site, drawn: list[str], first: int = 0) -> Path:
    """Guests with these codes, each with the first page open: a file of what they will post."""
    forms = site.folder / "forms"
    posted = [form(site, n, code) for n, code in enumerate(drawn, first)]
    forms.write_text(json.dumps(posted))
    await _pages(site, [path.removesuffix("voucher") for path, _ in posted])
    return forms


async def loaded(site: Site, forms: Path, how: str, amount: int, seconds: float) -> dict[str, Any]:
    """What the load generator found."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.load", str(site.portal_address[1]), PORTAL_HOST, str(forms),
        how, str(amount), str(seconds), stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, _ = await process.communicate()
    found: dict[str, Any] = json.loads(out)
    assert not found["errors"], found["errors"]
    return found


async def _pages(site: Site, paths: list[str]) -> None:
    """Each phone opens its first page, before anything is measured."""
    own = {"Host": PORTAL_HOST}
    async with httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{site.portal_address[1]}", headers=own, trust_env=False
    ) as client:
        for path in paths:
            (await client.get(path)).raise_for_status()


# --- bare ---


def _prepared(site: Site, drawn: list[str]) -> list[list[Statement]]:
    """What the bare loop is to run, and the database that it begins with."""
    shutil.copyfile(site.settings.database, site.folder / "begin.db")  # checkpointed: the only connection was closed
    return _recorded(site, _fresh(site), drawn)


def _fresh(site: Site) -> Path:
    """A database in which nothing was redeemed yet."""
    copy = site.folder / "bare.db"
    for each in ("-wal", "-shm"):
        Path(f"{copy}{each}").unlink(missing_ok=True)
    shutil.copyfile(site.folder / "begin.db", copy)
    return copy


def _bare(site: Site, recorded: list[list[Statement]]) -> float:
    """Redemptions a second of a loop that only runs the statements."""
    with closing(open_connection(_fresh(site))) as connection:
        begin = time.perf_counter()
        for statements in recorded:
            connection.execute("BEGIN IMMEDIATE")
            for text, params in statements:
                connection.execute(text, params).fetchall()
            connection.execute("COMMIT")
        return len(recorded) / (time.perf_counter() - begin)


def _recorded(site: Site, database: Path, drawn: list[str]) -> list[list[Statement]]:
    """The statements of each redemption, as the service makes them."""
    found: list[list[Statement]] = []
    with closing(open_connection(database)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        for number, code in enumerate(drawn):
            statements: list[Statement] = []
            ask = _ask(site, VOUCHERS + number, code)
            drive(redeem.redeem(ask, site.clock.now()), site.tenant.id, _recording(connection, statements))
            found.append(statements)
        connection.execute("COMMIT")
    return found


def _ask(site: Site, number: int, code: str) -> Ask:
    mac = mac_of(number)
    who = guesses.guesser(site.vault, site.tenant.id, mac, site.row.id, "127.0.0.1", False)
    return Ask(code=batches.code_index(site.vault, code), mac=mac, router_id=site.row.id, who=who, moves_a_day=3)


def _recording(connection: sqlite3.Connection, into: list[Statement]) -> Callable[[str, Mapping[str, Any]], Any]:
    execute = executor(connection, quiet)

    def record(text: str, params: Mapping[str, Any]) -> Any:
        marked, pick = positional(text)
        into.append((marked, pick(params)))
        return execute(text, params)

    return record
