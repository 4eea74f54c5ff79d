"""Two processes and a PostgreSQL server on one machine: redeeming, beside pgbench that does the same, and callbacks.

The server is the one that the tests bring along, with its data on a disk and fsync on; Bando serves as the role that
row-level security binds. pgbench runs the recorded statements of one redemption as that role too, prepared, in a
transaction with the same beginning: no HTTP, no Python, no decisions.
"""

from __future__ import annotations

import asyncio
import json
import re
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from benchmarks.figures import Figure, at_least, at_most, show
from benchmarks.ground import as_owner, portal, server_on_disk
from benchmarks.redeem import CLIENTS, VOUCHERS, _ask, _batch, loaded, opened
from portal.access import store as access
from portal.clock import DAY
from portal.db import Execute, at_once
from portal.payments.accounts import c2b_token
from portal.place import Server
from portal.sql import on_a_server
from portal.units import Unit, drive, value
from portal.vouchers import batches, codes, redeem, store
from sandbox.world import SHORTCODE, Site, outside
from tests import postgres

WORKERS = 2
CALLBACKS, RATE = 6_000, 600  # a second
BEFORE = 4_000  # guests who have been here: a server plans for full tables otherwise than for empty ones
BENCH_S = 10
GIVES = {"devices": "device_id", "passes": "pass_id"}  # what the statements behind them want
INDEX = "decode(lpad(to_hex(:n::bigint), 64, '0'), 'hex')"


async def run(repeats: int) -> None:
    served: list[float] = []
    late: list[float] = []
    alone: list[float] = []
    acknowledged: list[float] = []
    rates: list[float] = []
    for _ in range(repeats):
        async with place() as (site, server):
            drawn = await asyncio.to_thread(_seeded, site, server)
            before = await asyncio.to_thread(_pgbench, site, server)
            async with portal(
                site, ("serve", "--workers", str(WORKERS)), tls=False, DATABASE_URL=server.url, **SOURCES
            ):
                await asyncio.sleep(3)
                found = await loaded(site, await opened(site, drawn), "once", CLIENTS, 0)
                callbacks = await loaded(site, _bodies(site), "posts", RATE, CALLBACKS / RATE)
            served.append(found["rate"])
            late += found["ms"]
            acknowledged += callbacks["ms"]
            rates.append(len(callbacks["ms"]) / (CALLBACKS / RATE))
            alone.append(2 / (1 / before + 1 / await asyncio.to_thread(_pgbench, site, server)))
    show(
        f"PostgreSQL, {WORKERS} processes: {VOUCHERS:,} vouchers with {CLIENTS} clients, {RATE} callbacks a second",
        [
            Figure(name="redeemed", unit="1/s", values=served, goal=at_least(900, "1/s")),
            Figure(name="one redemption", unit="ms", values=late),
            Figure(
                name="share of pgbench, same statements",
                unit="%",
                values=[100 * own / bench for own, bench in zip(served, alone, strict=True)],
            ),
            Figure(name="pgbench, same statements", unit="1/s", values=alone),
            Figure(name="callbacks taken", unit="1/s", values=rates, goal=at_least(0.95 * RATE, "1/s")),
            Figure(
                name="callback -> acknowledged (durable)", unit="ms", values=acknowledged, goal=at_most(100, "ms", 0.99)
            ),
        ],
    )


SOURCES = {"BANDO_TRUSTED_PROXIES": "127.0.0.1"}


@asynccontextmanager
async def place() -> AsyncIterator[tuple[Site, Server]]:
    """A world whose records are in a server of its own, on a disk."""
    server = await asyncio.to_thread(server_on_disk)
    with tempfile.TemporaryDirectory(prefix="bando-bench-") as folder:
        async with outside(Path(folder), DATABASE_URL=server.url) as site:
            await site.api.aclose()  # the router falls silent
            yield site, server


def _seeded(site: Site, server: Server) -> list[str]:
    drawn = [codes.draw(codes.STYLES["letters-10"]) for _ in range(VOUCHERS + BEFORE)]
    with at_once(server, write=True) as run:
        drive(_batch(site, drawn), site.tenant.id, run)
        for number, code in enumerate(drawn[VOUCHERS:], start=2 * VOUCHERS):
            drive(redeem.redeem(_ask(site, number, code), site.clock.now()), site.tenant.id, run)
    as_owner(server, "VACUUM ANALYZE")
    return drawn[:VOUCHERS]


# --- callbacks ---


def _bodies(site: Site) -> Path:
    """Confirmations of payments that nobody has begun here: each is written down and kept for staff."""
    path = f"/c2b/{c2b_token(site.vault, site.tenant.public, _account(site))}/confirm"
    bodies = [(path, json.dumps(_confirmation(SHORTCODE, n))) for n in range(CALLBACKS + 2_000)]
    file = site.folder / "callbacks"
    file.write_text(json.dumps(bodies))
    return file


def _account(site: Site) -> str:
    with at_once(site.settings.place) as run:
        found = drive(_public(), site.tenant.id, run)
    return str(found)


def _public() -> Unit[object]:
    return (yield from value("SELECT public FROM mpesa_accounts WHERE tenant_id = :tenant LIMIT 1"))


def _confirmation(shortcode: str, n: int) -> dict[str, str]:
    return {
        "TransactionType": "Pay Bill",
        "TransID": f"TB{n:08d}",
        "TransTime": "20261129120000",
        "TransAmount": "20.00",
        "BusinessShortCode": shortcode,
        "BillRefNumber": f"NOBODY{n}",
        "InvoiceNumber": "",
        "OrgAccountBalance": "49197.00",
        "ThirdPartyTransID": "",
        "MSISDN": "2547 ***** 126",
        "FirstName": "JOHN",
    }


# --- pgbench ---


def _pgbench(site: Site, server: Server) -> float:
    """Redemptions a second without Bando: 8 connections, each code and device once."""
    script = site.folder / "redeem.sql"
    script.write_text(_script(site, server))
    cluster = postgres.cluster()
    (site.folder).chmod(0o755)
    script.chmod(0o644)
    _fill(site, server)
    said = cluster.run(
        "pgbench", "-n", "-M", "prepared", "-c", "8", "-j", "1", "-T", str(BENCH_S), "-D", "i=0", "-f", str(script),
        "-h", str(cluster.folder), "-U", "bando_app", server.database,
    )  # fmt: skip
    rate = re.search(r"tps = ([0-9.]+)", said)
    assert rate is not None, said
    return float(rate[1])


def _fill(site: Site, server: Server) -> None:
    """Codes that are numbers, for pgbench alone."""
    text = (
        "INSERT INTO vouchers (tenant_id, batch_id, serial, label, state, use_by, code_index, code_sealed,"
        " commission_minor)"
        f" SELECT {site.tenant.id}, (SELECT MAX(id) FROM batches), 1000000 + g, 'P' || g, 'printed', 9000000000000,"
        " decode(lpad(to_hex(g), 64, '0'), 'hex'), '\\x00', 0 FROM generate_series(0, 799999) g"
        " WHERE g % 100000 < 12000 ON CONFLICT DO NOTHING"
    )
    again = (
        "UPDATE vouchers SET state = 'printed' WHERE serial >= 1000000 AND state <> 'printed'",
        "DELETE FROM pass_devices WHERE pass_id IN (SELECT id FROM passes WHERE cause_ref LIKE 'P%')",
        "DELETE FROM passes WHERE cause_ref LIKE 'P%'",
        "DELETE FROM devices WHERE mac LIKE 'P%'",
        "ANALYZE",
    )
    as_owner(server, text, *again)


def _script(site: Site, server: Server) -> str:
    """What one redemption of a new device runs, for pgbench."""
    seen: list[tuple[str, Mapping[str, Any]]] = []
    statements = _recorded(site, server, seen)
    lines = [
        "\\set i :i + 1",
        "\\set n :client_id * 100000 + :i",
        "BEGIN;",
        f"SELECT set_config('app.tenant_id', '{site.tenant.id}', true),"
        f" pg_advisory_xact_lock_shared(1, {site.tenant.id}), pg_advisory_xact_lock(:n::bigint);",
    ]
    return "\n".join([*lines, *statements, "COMMIT;"]) + "\n"


def _recorded(site: Site, server: Server, seen: list[tuple[str, Mapping[str, Any]]]) -> list[str]:
    """The statements with pgbench's variables where each redemption has values of its own."""
    code = codes.draw(codes.STYLES["letters-10"])
    try:
        with at_once(server, write=True) as run:
            drive(_batch_of_one(site, code), site.tenant.id, run)
            drive(redeem.redeem(_ask(site, VOUCHERS + 9, code), site.clock.now()), site.tenant.id, _into(run, seen))
            raise _Enough
    except _Enough:
        pass
    found = []
    own: dict[str, str] = {"code_index": INDEX, "mac": "'P' || :n::bigint"}
    for number, (text, params) in enumerate(seen):
        line = re.sub(
            r"(?<![\w:]):([a-z_][a-z_0-9]*)", lambda match, p=params: _value(match[1], p, own), on_a_server(text)
        )
        given = GIVES.get(text.split()[2]) if "RETURNING id" in text else None
        if given is not None:
            own[given] = f":r{number}_id::bigint"
            found.append(f"{line} \\gset r{number}_")
        else:
            found.append(f"{line};")
    return found


class _Enough(Exception):
    """Nothing of it is to stay."""


def _batch_of_one(site: Site, code: str) -> Unit[None]:
    now = site.clock.now()
    plan = (yield from access.plan_list())[0]
    batch_id = yield from store.insert_batch(
        plan, number=9, style="letters-10", count=1, use_by=now + DAY, made_by="bench", created_at=now
    )
    label = batches.label_of(9, 1, 1)
    sealed = batches.seal_code(site.vault, site.tenant.id, label, code)
    index = batches.code_index(site.vault, code)
    row = {"serial": 1, "label": label, "code_index": index, "code_sealed": sealed}
    yield from store.add_vouchers(batch_id, now + DAY, [row])


def _into(run: Execute, seen: list[tuple[str, Mapping[str, Any]]]) -> Callable[[str, Mapping[str, Any]], Any]:
    def record(text: str, params: Mapping[str, Any]) -> Any:
        seen.append((text, params))
        return run(text, params)

    return record


def _value(name: str, params: Mapping[str, Any], own: Mapping[str, str]) -> str:
    """A parameter as a literal, or as the variable that stands for it."""
    if name in own:
        return own[name]
    value = params[name]
    if name in ("cause_ref", "cause") and isinstance(value, str):
        return "'P' || :n::bigint"
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return f"{value}::bigint"
    if isinstance(value, bytes):
        return f"'\\x{value.hex()}'::bytea"
    return "'" + str(value).replace("'", "''") + "'"
