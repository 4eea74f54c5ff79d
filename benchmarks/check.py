"""The three-way check of a day of 100,000 payments with 50 errors of each kind, beside one look at each of its rows."""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
import time
from pathlib import Path

from benchmarks.figures import Figure, at_least, at_most, show
from portal.access import store as access
from portal.access.plans import Plan
from portal.clock import DAY, HOUR
from portal.db import executor, open_connection, quiet
from portal.migrate import migrate
from portal.money import Money
from portal.payments import accounts
from portal.payments.statements import checking
from portal.payments.statements.checking import Day
from portal.payments.statements.kinds import KINDS
from portal.seal import Vault
from portal.tenancy import store as tenancy
from portal.units import Unit, drive, insert
from sandbox.day import DayOfPayments

PAYMENTS, EACH = 100_000, 50
SINCE = 1_795_000_000_000
PLAN = Plan(id=0, public="hour", name="1 hour", price=Money(2000), kind="wall", span_ms=HOUR, use_by_ms=30 * DAY)


async def run(repeats: int) -> None:
    """Each on a fresh file."""
    found = [await asyncio.to_thread(_once, seed) for seed in range(1, repeats + 1)]
    show(
        f"Checking a day of {PAYMENTS:,} payments against statement and passes, {EACH} errors of each kind",
        [
            Figure(name="the check", unit="s", values=[each[0] for each in found], goal=at_most(60, "s", 1.0)),
            Figure(name="errors found", unit="%", values=[each[1] for each in found], goal=at_least(100, "%")),
            Figure(name="reading each row once", unit="s", values=[each[2] for each in found]),
        ],
    )


def _once(seed: int) -> tuple[float, float, float]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "check.db"
        migrate(path)
        connection = open_connection(path)
        day = _day(connection, seed)
        execute = executor(connection, quiet)
        begun = time.perf_counter()
        connection.execute("BEGIN IMMEDIATE")
        named = Day(name="2026-11-28", since=day.since, until=day.until)
        count = drive(checking.check(named, "KES", day.until + DAY), day.tenant_id, execute)
        connection.execute("COMMIT")
        took = time.perf_counter() - begun
        begun = time.perf_counter()
        for table in ("payments", "receipts", "passes", "statement_rows"):
            connection.execute(f"SELECT * FROM {table}").fetchall()
        plain = time.perf_counter() - begun
        connection.close()
    return took, 100 * count / (EACH * len(KINDS)), plain


def _ground() -> Unit[None]:
    yield from access.add_plan(PLAN, SINCE)
    yield from insert(
        "staff", public="s", email_index=b"s", email_sealed=b"", name="S", role="owner", state="active", created_at=0,
        changed_at=0,
    )  # fmt: skip


def _day(connection: sqlite3.Connection, seed: int) -> DayOfPayments:
    execute = executor(connection, quiet)
    vault = Vault(b"b" * 32)
    tenant = drive(tenancy.add_tenant("Bench", SINCE), None, execute)
    drive(_ground(), tenant.id, execute)
    drive(
        tenancy.add_router(vault, SINCE, name="R", host="h", port=1, username="u", password="p", hotspot_host="w.test"),
        tenant.id,
        execute,
    )
    account = drive(
        accounts.add_account(
            vault,
            SINCE,
            tenant_public=tenant.public,
            environment="sandbox",
            kind="till",
            shortcode="5004321",
            till="9001234",
            consumer_key="k",
            consumer_secret="s",
            passkey="p",
        ),
        tenant.id,
        execute,
    )
    (plan,) = drive(access.plan_list(), tenant.id, execute)
    (router,) = drive(tenancy.routers(), tenant.id, execute)
    made = DayOfPayments(
        connection=connection,
        tenant_id=tenant.id,
        account_id=account.id,
        router_id=router.id,
        plan=plan,
        since=SINCE,
        count=PAYMENTS,
        each=EACH,
        seed=seed,
    )
    made.write()
    return made
