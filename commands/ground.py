"""What every command stands on: an open database, the vault, and a tenant found by its name."""

from __future__ import annotations

import asyncio
import ssl
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import click

from commands.serving import lock
from portal.clock import Clock, Moment, SystemClock, TravelClock, as_datetime
from portal.db import Database, Execute, at_once, open_database
from portal.db.roles import sees_everything, sees_too_much
from portal.db.serving import alone as nobody_serves
from portal.errors import Misconfigured
from portal.keys import store as keys
from portal.keys.ring import Ring, WrongKey, ring_of, vault_for_units
from portal.migrate import is_current
from portal.place import Place, Server, server_at
from portal.seal import Vault
from portal.settings import Settings
from portal.tenancy import store as tenancy
from portal.tenancy.store import Router, Tenant
from portal.units import drive

T = TypeVar("T")

PLATFORM = "BANDO_DATABASE_PLATFORM_URL"


@dataclass(frozen=True, kw_only=True)
class Ground:
    """An open installation."""

    settings: Settings
    db: Database
    ring: Ring
    clock: Clock

    @property
    def vault(self) -> Vault:
        return self.ring.vault

    async def tenant(self, name: str) -> Tenant:
        """The ISP with this name or public id; with an empty name the only one there is."""
        found = await self.db.read(None, tenancy.tenants)
        fitting = [each for each in found if not name or name in (each.public, each.name)]
        if len(fitting) == 1:
            return fitting[0]
        if not found:
            raise Misconfigured("There is no ISP yet; add one with: bando tenant add NAME")
        known = ", ".join(each.name for each in found)
        raise Misconfigured(f"Say which ISP with --tenant; there is: {known}")

    async def router(self, tenant: Tenant, name: str) -> Router:
        """The tenant's router with this name or public id; with an empty name the only one there is."""
        found = await self.db.read(tenant.id, tenancy.routers)
        fitting = [each for each in found if not name or name in (each.public, each.name)]
        if len(fitting) == 1:
            return fitting[0]
        known = ", ".join(each.name for each in found) or "none yet: bando router add"
        raise Misconfigured(f"Say which router; {tenant.name} has: {known}")

    async def changed(self, tenant: Tenant) -> None:
        """Tell a serving process that what it keeps in memory has changed."""
        await self.db.write(None, tenancy.bump, tenant.id)


def clock_for(settings: Settings) -> Clock:
    """The machine's clock, or the one that a sandbox shares through a file."""
    if not settings.clock_file:
        return SystemClock()
    try:
        return TravelClock(Path(settings.clock_file))
    except OSError as error:
        raise Misconfigured(f"BANDO_CLOCK_FILE cannot be used: {error.strerror}.") from error


def trust_for(settings: Settings) -> ssl.SSLContext:
    """Whom we believe when we call M-Pesa; raises `Misconfigured`."""
    trust = ssl.create_default_context()
    try:
        if settings.ca_file:
            trust.load_verify_locations(settings.ca_file)
    except OSError as error:
        raise Misconfigured("BANDO_CA_FILE names a file that cannot be read, or holds no PEM certificate.") from error
    return trust


def must_be_usable(settings: Settings) -> None:
    """The database is there, migrated, and sealed with this key; raises `Misconfigured`."""
    if not is_current(settings.place):
        raise Misconfigured(f"{settings.place} is not at the present schema; run: bando migrate")
    if isinstance(settings.place, Server) and (unsafe := sees_too_much(settings.place)):
        raise Misconfigured(f"{unsafe} Serve as the role bando_app of deploy/postgresql/roles.sql.")
    if not sealed_with_this_key(settings):
        raise WrongKey


def sealed_with_this_key(settings: Settings, place: Place | None = None, *, look_only: bool = False) -> bool:
    """Whether what is sealed in the database, or at another place, will open.

    The first key that is used is remembered by its mark, unless somebody only looks.
    """
    with at_once(place or settings.place, write=not look_only) as run:
        try:
            mark = snapshot_vault(settings, run).index(0, "key", "mark").hex()
        except WrongKey:
            return False
        return drive(tenancy.fits(mark) if look_only else tenancy.sealed_with(mark), None, run)


def snapshot_vault(settings: Settings, run: Execute) -> Vault:
    """A vault for what is read through this; raises `WrongKey`."""
    return vault_for_units(settings.secret_key.encode(), drive(keys.root(), None, run))


def platform_server(settings: Settings) -> Server:
    """The database as the role that sees all ISPs, at the present schema; raises `Misconfigured`."""
    if not settings.database_platform_url:
        raise Misconfigured(f"{PLATFORM} is empty; it names the database, as the role that sees all ISPs.")
    server = server_at(settings.database_platform_url, PLATFORM)
    if not is_current(server):
        raise Misconfigured(f"{server} is not at the present schema; run: bando migrate, with DATABASE_URL set")
    if not sees_everything(server):
        raise Misconfigured(
            f"The role {server.user} does not see all ISPs; name bando_platform of deploy/postgresql/roles.sql."
        )
    return server


@contextmanager
def alone(settings: Settings, place: Place | None = None) -> Iterator[None]:
    """Nobody serves from the database meanwhile, or from another one; raises `Misconfigured`."""
    place = place or settings.place
    with nobody_serves(place) if isinstance(place, Server) else lock(place):
        yield


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Ground]:
    """The installation of these settings; raises `Misconfigured` when it is not migrated."""
    must_be_usable(settings)
    clock = clock_for(settings)
    db = open_database(settings.place)
    try:
        yield Ground(settings=settings, db=db, ring=ring_of(settings.secret_key.encode(), db, clock), clock=clock)
    finally:
        await db.aclose()


def run(settings: Settings, work: Callable[[Ground], Awaitable[T]]) -> T:
    """Open, work, close."""

    async def whole() -> T:
        async with opened(settings) as ground:
            return await work(ground)

    return asyncio.run(whole())


def secret_of(name: str) -> str:
    """A secret that is typed without an echo, or the next line of what is piped in; raises `Misconfigured`."""
    if sys.stdin.isatty():
        return str(click.prompt(name, hide_input=True))
    try:
        line = sys.stdin.readline().strip()
    except UnicodeDecodeError:
        raise Misconfigured(f"The {name.lower()} holds characters that are none.") from None
    if not line:
        raise Misconfigured(f"The {name.lower()} is missing; type it when asked, or pipe one secret a line.")
    return line


def tenant_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """The option by which staff say which ISP they mean."""
    return click.option("--tenant", "tenant_name", default="", help="Name or public id of the ISP.")(command)


def many(count: int, one: str, more: str = "") -> str:
    """``1 voucher``, ``1,200 vouchers``."""
    return f"{count:,} {one if count == 1 else more or f'{one}s'}"


def table(head: Sequence[str], body: Sequence[Sequence[object]], empty: str) -> None:
    """Print rows in columns, or a sentence that says the next step."""
    if not body:
        click.echo(empty)
        return
    cells = [list(head), *([str(cell) for cell in row] for row in body)]
    widths = [max(len(row[n]) for row in cells) for n in range(len(head))]
    for row in cells:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def when(moment: Moment | None, tenant: Tenant) -> str:
    """A moment in the tenant's time zone."""
    if moment is None:
        return "-"
    return as_datetime(moment).astimezone(ZoneInfo(tenant.timezone)).strftime("%Y-%m-%d %H:%M:%S")
