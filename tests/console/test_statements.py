"""Every statement of every page of the console, as SQLite would carry it out with a lot of rows: none of them reads a
whole large table, nor all that an ISP has in one. A page that is added is looked at by itself."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from benchmarks.console import named
from benchmarks.year import Size, Year, fill
from portal.console.desk import COOKIE
from portal.console.site import SCREENS, site
from portal.db import Sqlite, executor, open_connection, quiet
from portal.db.groups import positional
from portal.staff.roles import may
from portal.units import Row, bind, drive
from portal.units import Sql as Statement
from tests.console.office import Office, office
from tests.support import fresh_file

# What grows with every guest; the others hold what an ISP has of itself.
LARGE = {
    "payments", "receipts", "inbox", "prompts", "passes", "pass_devices", "usage", "presence", "devices", "persons",
    "vouchers", "voucher_acts", "voucher_moves", "audit", "online_counts",
    "alarms", "deliveries",
}  # fmt: skip
# What staff ask for once in a while, and what cannot be told without a look at each row.
WHOLE = (
    "SELECT COUNT(*) FROM usage",  # before clearing: an index on what each poll changes would cost more than this
    "SELECT COUNT(*) FROM presence",
    "SELECT id FROM audit WHERE tenant_id = :tenant AND payload LIKE",  # before erasing: which acts name somebody
)
QUEUES = "INDEX ix_passes_tenant_id_device_id (tenant_id=?)"  # of passes that have not ended alone
_NAMED = re.compile(r"(?:FROM|JOIN)\s+([a-z_]+)(?:\s+(?:AS\s+)?(?!WHERE|JOIN|LEFT|ON|ORDER|GROUP|LIMIT)([a-z_]+))?")
_STEP = re.compile(r"(SCAN|SEARCH) (\w+)(.*)")


class Overheard(Sqlite):
    """A database that remembers what was read."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.told: dict[str, tuple[int | None, Mapping[str, Any]]] = {}

    def _read(self, tenant: int | None, unit: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        execute = executor(self._reading_connection(), quiet)

        def heard(text: str, params: Mapping[str, Any]) -> Sequence[Row]:
            self.told.setdefault(text, (tenant, params))
            return execute(text, params)

        return drive(unit(*args, **kwargs), tenant, heard)


def steps(connection: sqlite3.Connection, text: str, params: Mapping[str, Any]) -> list[str]:
    """What is wrong with how a statement would be carried out."""
    names = {alias or table: table for table, alias in _NAMED.findall(text)} | dict.fromkeys(LARGE, "")
    names |= {table: table for table in LARGE}
    marked, pick = positional(text)
    wrong = []
    for row in connection.execute(f"EXPLAIN QUERY PLAN {marked}", pick(params)):
        found = _STEP.match(row["detail"])
        if found is None or names.get(found[2]) not in LARGE:
            continue
        whole = found[1] == "SCAN" or (found[3].endswith("(tenant_id=?)") and not found[3].endswith(QUEUES))
        if whole and " LIMIT " not in text and not text.startswith(WHOLE):
            wrong.append(f"{row['detail']}: {text[:120]}")
    return wrong


def year_of(o: Office) -> Year:
    """A small year, of which SQLite is told that it is a large one."""
    year = Year(tenant=o.home.tenant, size=Size().part(500), now=o.home.clock.now())
    with closing(open_connection(o.home.db.path)) as connection:
        connection.execute("PRAGMA foreign_keys=OFF")
        fill(connection, o.home.vault, year)
        connection.execute("ANALYZE")
        rows = connection.execute("SELECT tbl, idx, stat FROM sqlite_stat1").fetchall()
        for table, index, stat in rows:
            counts = [
                str(int(each) * (500 if int(each) > 50 else 1)) if each.isdigit() else each for each in stat.split()
            ]
            connection.execute(
                "UPDATE sqlite_stat1 SET stat = ? WHERE tbl = ? AND idx IS ?", (" ".join(counts), table, index)
            )
    return year


@pytest.fixture
async def o(tmp_path: Path) -> AsyncIterator[Office]:
    """Without a look at its log at the end: here it is written past its keeper."""
    async with office(tmp_path) as made:
        yield made


@pytest.mark.sqlite_only(reason="asks SQLite for its plans, after telling it of many rows where it keeps such counts")
async def test_no_page_reads_a_whole_large_table(o: Office) -> None:
    year, db = year_of(o), Overheard(o.home.db.path)
    app = site(replace(o.services, db=db))
    headers = {"Cookie": f"{COOKIE}={year.token}"}
    agents = {"Cookie": f"{COOKIE}={year.agents_token}"}
    try:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=o.url, headers=headers) as http:
            for screen in SCREENS:
                for role, own in (("owner", headers), ("agent", agents)):
                    if screen.method == "GET" and may(role, screen.permission):
                        answer = await http.get(named(screen.path, year), headers=own)
                        assert answer.status_code < 500, screen.path
            csrf = re.search(r'name="csrf" value="([0-9a-f]+)"', (await http.get("/console/account")).text)
            assert csrf is not None
            for text in year.sought.values():
                await http.post("/console/guests", data={"csrf": csrf[1], "q": text})
    finally:
        await db.aclose()
    with closing(open_connection(o.home.db.path, read_only=True)) as connection:
        wrong = [
            each
            for text, (tenant, params) in db.told.items()
            for each in steps(connection, text, bind(Statement(text, params), tenant))
        ]
    assert len(db.told) > 40
    assert wrong == []


def test_a_statement_that_would_read_a_whole_table_is_noticed(tmp_path: Path) -> None:
    with closing(open_connection(fresh_file(tmp_path))) as connection:
        for text in (
            "SELECT COUNT(*) AS n FROM payments p WHERE p.tenant_id = :tenant AND p.amount_minor > 5",
            "SELECT * FROM usage WHERE bytes_up > 5",
        ):
            assert steps(connection, text, {"tenant": 1})
        fine = "SELECT * FROM devices d WHERE d.tenant_id = :tenant AND d.mac = :mac"
        assert steps(connection, fine, {"tenant": 1, "mac": "x"}) == []
