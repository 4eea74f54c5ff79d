"""bando migrate, check, doctor."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack
from functools import partial

import click
import httpx

from commands.ground import clock_for, must_be_usable, sealed_with_this_key, snapshot_vault, trust_for
from portal import check as invariants
from portal.clock import Clock
from portal.db import Database, at_once, open_database
from portal.doctor import examine, healthy, report
from portal.doctor_database import check_place
from portal.errors import Misconfigured
from portal.findings import Finding, fault
from portal.keys.examine import lost, shut
from portal.keys.ring import vault_of
from portal.migrate import migrate as bring_up
from portal.payments import accounts
from portal.payments.examination import check_accounts
from portal.payments.room import Make, built
from portal.place import Place, Server, server_at
from portal.privacy.incidents.examination import check_incidents
from portal.processors.gate import Gate
from portal.settings import Settings
from portal.tenancy import store as tenancy


@click.command()
@click.pass_obj
def migrate(settings: Settings) -> None:
    """Make the database, or bring it to the present schema."""
    owner, app, platform = ways_to_migrate(settings)
    bring_up(owner, app=app, platform=platform)
    click.echo(f"{settings.place} is at the present schema.")


def ways_to_migrate(settings: Settings) -> tuple[Place, str, str]:
    """The database as its owner, and the names of the other two roles; raises `Misconfigured`."""
    if not isinstance(settings.place, Server):
        return settings.place, "", ""
    if not settings.database_owner_url:
        raise Misconfigured("BANDO_DATABASE_OWNER_URL is empty; tables are made by the role that owns them.")
    owner = server_at(settings.database_owner_url, "BANDO_DATABASE_OWNER_URL")
    platform = settings.database_platform_url
    return owner, settings.place.user, server_at(platform, "BANDO_DATABASE_PLATFORM_URL").user if platform else ""


@click.command()
@click.pass_obj
def check(settings: Settings) -> None:
    """Check the invariants: money, passes and receipts agree, the audit log is whole, and the keys fit."""

    must_be_usable(settings)
    with at_once(settings.place) as run:  # one snapshot, whatever is written meanwhile
        found = [
            *invariants.whole(run, snapshot_vault(settings, run), clock_for(settings).now()),
            *shut(run, settings.secret_key.encode()),
            *lost(run),
        ]
    for sentence in found:
        click.echo(sentence)
    if found:
        raise SystemExit(1)
    click.echo("All invariants hold.")


@click.command()
@click.pass_obj
def doctor(settings: Settings) -> None:
    """Say what is wrong and how to mend it. Changes nothing; exits with 1 when there is a fault."""
    found = asyncio.run(_examined(settings))
    click.echo(report(found))
    if not healthy(found):
        raise SystemExit(1)


async def _examined(settings: Settings) -> list[Finding]:
    clock = clock_for(settings)
    if not healthy(check_place(settings.place)):
        return await examine(settings, clock)
    if not sealed_with_this_key(settings, look_only=True):
        sentence = "BANDO_SECRET_KEY is not the key that this database was sealed with."
        other_key = fault("secret-other", sentence, "Put the old key back, or correct BANDO_DATABASE.")
        return [*await examine(settings, clock), other_key]
    keys = list(_check_keys(settings))
    if keys:  # so what routers and accounts need cannot be opened
        return [*await examine(settings, clock), *keys]
    return await _with_accounts_and_routers(settings, clock)


def _check_keys(settings: Settings) -> Iterator[Finding]:
    """A database that was put together from two, or a key that was altered there."""
    with at_once(settings.place) as run:
        for sentence in shut(run, settings.secret_key.encode()):
            yield fault("keys-shut", f"{sentence}.", "Put the latest backup back, or the master key that fits.")


async def _with_accounts_and_routers(settings: Settings, clock: Clock) -> list[Finding]:
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(httpx.AsyncClient(verify=trust_for(settings), trust_env=False))
        db = open_database(settings.place)
        stack.push_async_callback(db.aclose)
        gate = Gate(db, clock, tells=False)
        vault = vault_of(settings.secret_key.encode(), db, clock)
        found = await examine(
            settings,
            clock,
            db=db,
            vault=vault,
            http=http,
            time_url=await _provider_url(db),
            check_mpesa=partial(check_accounts, db, built(_further(), http, vault, clock, registered=gate), settings),
        )
        return [*found, *await check_incidents(db, clock)]


def _further() -> Sequence[Make]:
    from app import FURTHER  # which imports commands.ground, and so all commands: not before it is needed

    return FURTHER


async def _provider_url(db: Database) -> str:
    """Where M-Pesa is for the first account; its clock is compared with ours."""
    for tenant in await db.read(None, tenancy.tenants):
        for account in await db.read(tenant.id, accounts.accounts):
            return account.base_url
    return ""


COMMANDS = [migrate, check, doctor]
