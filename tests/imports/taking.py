"""Importing in a test: what is found, taken, and what the database holds after it."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

from portal.access.catalog import Catalog
from portal.imports import csv_file, phpnuxbill, service
from portal.imports.found import Found
from portal.imports.service import Hands
from portal.imports.work import Choice, Work
from portal.mikrotik.addresses import Policy
from portal.schema import metadata
from portal.settings import load
from portal.tenancy import store as tenancy
from portal.tenancy.store import Router
from portal.units import Row, Unit, rows
from portal.vouchers.room import Vouchers
from tests.support import Seed

ZONE = ZoneInfo("Africa/Nairobi")
TABLES = sorted(name for name, table in metadata.tables.items() if "tenant_id" in table.c)
LENIENT = Choice()


def hands(s: Seed) -> Hands:
    return Hands(vault=s.vault, tenant=s.tenant, by="Amina")


async def work(s: Seed, found: Found, choice: Choice = LENIENT) -> Work:
    """The dry run."""
    made: Work = await s.read(service.try_out, hands(s), found, choice, s.clock.now())
    return made


async def take(s: Seed, found: Found, choice: Choice = LENIENT) -> dict[str, int]:
    """Read, look, take; as the console does."""
    number = await s.write(service.keep, hands(s), found, choice, s.clock.now())
    await s.read(service.look, hands(s), number, s.clock.now())
    counts: dict[str, int] = dict(await s.write(service.carry_out, hands(s), number, s.clock.now()))
    return counts


def table(s: Seed, text: str) -> Found:
    return csv_file.read(text.encode(), ZONE, s.clock.now())


def nuxbill(s: Seed, body: bytes) -> Found:
    return phpnuxbill.read(body, ZONE, s.clock.now())


def _everything() -> Unit[dict[str, list[Row]]]:
    found: dict[str, list[Row]] = {}
    for name in TABLES:
        if name not in ("imports", "audit", "audit_heads"):
            found[name] = [dict(each) for each in (yield from rows(f"SELECT * FROM {name} WHERE tenant_id = :tenant"))]
    return found


async def everything(s: Seed) -> dict[str, list[Row]]:
    """Every row of the ISP, but for the imports themselves."""
    made: dict[str, list[Row]] = await s.read(_everything)
    return made


async def everybody(_router: Router, _mac: str) -> bool:
    """The router says that it is there."""
    return True


async def door(s: Seed, **settings: Any) -> Vouchers:
    """The voucher door of a serving process that has just started."""
    catalog = Catalog(s.db)
    await catalog.refresh()
    made = load({"BANDO_MODE": "sandbox", "BANDO_PUBLIC_URL": "http://127.0.0.1:1", **settings})
    return Vouchers(s.db, s.vault, s.clock, catalog, made, everybody)


async def enter(s: Seed, vouchers: Vouchers, code: str, n: int, **more: Any) -> Any:
    """A guest with device number `n` shows a code at this ISP's first router."""
    view = await _view(s, vouchers)
    router = view.routers[s.router_id]
    return await vouchers.redeem(view, router, mac=f"02:BB:00:00:00:{n:02X}", text=code, source="192.0.2.1", **more)


async def _view(s: Seed, vouchers: Vouchers) -> Any:
    await vouchers._catalog.refresh()
    view = vouchers._catalog.tenant(s.tenant.id)
    assert view is not None
    return view


async def again(s: Seed) -> None:
    """The ISP as it is now."""
    found = await s.db.read(None, tenancy.tenant, s.tenant.id)
    assert found is not None
    s.tenant = found


__all__ = ["Policy"]
