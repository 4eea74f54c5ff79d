"""No transaction is open and no connection to the database is held while somebody waits for a router or a provider.

A unit is a generator, so it cannot wait for anything. What is left are transactions of one's own (`at_once`,
`beside`): no text of the portal waits inside of one. Both are looked at while routers and a gateway hang, too.
"""

from __future__ import annotations

import ast
import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from sqlalchemy.util import await_only

from portal.access import store
from portal.db import Database
from portal.db.postgres import READING, WRITING, Postgres
from portal.db.sqlite import Sqlite
from portal.payments.daraja import Daraja
from portal.processors.gate import Gate
from portal.units import Unit, value
from sandbox.net import listen
from tests.flows.site import Site, a_site, mac_of
from tests.payments.road import road
from tests.payments.test_daraja import prompt
from tests.support import on_postgres

PORTAL = Path(__file__).parent.parent / "portal"
OPENING = {"at_once", "beside", "transaction", "one"}  # what opens a transaction, or holds a connection
ENGINES = PORTAL / "db"  # they wait for the database itself


# --- by the text ---


def waits_inside(tree: ast.AST) -> Iterator[int]:
    """The lines at which something is awaited inside of a transaction of one's own."""
    for node in ast.walk(tree):
        if isinstance(node, ast.With | ast.AsyncWith) and any(_opens(each.context_expr) for each in node.items):
            yield from (getattr(each, "lineno", 0) for each in _of_this_function(node.body) if _is_wait(each))


def _opens(expression: ast.expr) -> bool:
    if not isinstance(expression, ast.Call):
        return False
    name = expression.func
    return (name.attr if isinstance(name, ast.Attribute) else getattr(name, "id", "")) in OPENING


def _of_this_function(body: list[ast.stmt]) -> Iterator[ast.AST]:
    for node in body:
        yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield from _of_this_function(list(ast.iter_child_nodes(node)))  # type: ignore[arg-type]


def _is_wait(node: ast.AST) -> bool:
    return isinstance(node, ast.Await | ast.AsyncFor | ast.AsyncWith)


def test_nothing_is_awaited_inside_of_a_transaction() -> None:
    found = [
        f"{path.relative_to(PORTAL)}:{line}"
        for path in PORTAL.rglob("*.py")
        if ENGINES not in path.parents
        for line in waits_inside(ast.parse(path.read_text()))
    ]
    assert found == []


@pytest.mark.parametrize(
    "text",
    [
        "async def f(db, wire):\n    with db.at_once() as run:\n        await wire.talk('/x/print')",
        "async def f(place, wire):\n  with at_once(place) as run:\n    if run:\n      x = [await wire.ask()]",
        "async def f(db, http):\n  with db.beside() as run:\n    async with http.stream('GET', '') as answer: pass",
    ],
)
def test_whoever_does_is_found(text: str) -> None:
    assert list(waits_inside(ast.parse(text)))


# --- by looking while they hang ---


def open_now(db: Database) -> int:
    """Transactions that are open, or connections in use."""
    if isinstance(db, Postgres):
        return READING + WRITING - db._readers._places._value - db._writers._places._value
    assert isinstance(db, Sqlite)
    writing = db._writing
    return sum(each.in_transaction for each in db._kept) + (writing is not None and writing.in_transaction)


async def at_rest(true: Callable[[], bool], seconds: float = 5) -> None:
    async with asyncio.timeout(seconds):
        while not true():
            await asyncio.sleep(0.005)


async def most_open(db: Database, seconds: float = 0.3) -> int:
    """The most that was open in a while in which nothing but waiting should happen."""
    loop, most = asyncio.get_running_loop(), 0
    end = loop.time() + seconds
    while loop.time() < end:
        most = max(most, open_now(db))
        await asyncio.sleep(0.002)
    return most


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with a_site(tmp_path, patience_s=3) as made:
        yield made


async def woken_at_a_router_that_hangs(site: Site) -> None:
    """Thirty guests have paid, and the router has fallen silent."""
    devices = [await site.seed.write(store.touch_device, mac_of(n), site.row.id, 0) for n in range(1, 31)]
    await at_rest(lambda: site.keeper.idle)
    site.router.faults.half_open = True
    for device in devices:
        site.keeper.wake(device.id)
    await asyncio.sleep(0.3)
    assert not site.keeper.idle


async def test_nothing_is_open_while_a_router_does_not_answer(site: Site) -> None:
    await woken_at_a_router_that_hangs(site)

    assert await most_open(site.seed.db) == 0
    site.router.faults.half_open = False


async def test_a_unit_that_waited_would_be_seen(site: Site) -> None:
    """The same look at a unit that waits for something else than the database."""
    let_go = threading.Event()

    def waiting() -> Unit[int]:
        found: int = yield from value("SELECT COUNT(*) FROM devices WHERE tenant_id = :tenant")
        await_outside(let_go)
        return found

    reading = asyncio.create_task(site.seed.read(waiting))
    try:
        assert await most_open(site.seed.db) >= 1
    finally:
        let_go.set()
        await reading


def await_outside(let_go: threading.Event) -> None:
    """As a unit would have to wait: by holding up its thread. On PostgreSQL that is the event loop's own."""
    if on_postgres():
        await_only(asyncio.to_thread(let_go.wait, 5))
    else:
        let_go.wait(5)


@asynccontextmanager
async def silent() -> AsyncIterator[str]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    listener = await listen(serve)
    try:
        yield f"http://127.0.0.1:{listener.port}"
    finally:
        await listener.aclose()


async def test_nothing_is_open_while_a_gateway_does_not_answer(tmp_path: Path) -> None:
    async with road(tmp_path, loops=False) as r, silent() as url, httpx.AsyncClient() as http:
        daraja = Daraja(http, r.home.vault, r.clock, registered=Gate(r.home.db, r.clock))
        account = replace(r.account, base_url=url)
        pushes = [asyncio.create_task(daraja.push(account, prompt(n), r.clock.now())) for n in range(20)]
        await asyncio.sleep(0.3)
        try:
            assert not any(each.done() for each in pushes)
            assert await most_open(r.home.db) == 0
        finally:
            for each in pushes:
                each.cancel()
            await asyncio.gather(*pushes, return_exceptions=True)
