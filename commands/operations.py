"""bando migrate, check, doctor."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, closing
from functools import partial

import click
import httpx

from commands.ground import clock_for, must_be_usable, sealed_with_this_key, snapshot_vault, trust_for
from portal import check as invariants
from portal.clock import Clock
from portal.db import Database, executor, open_connection, quiet
from portal.doctor import examine, healthy, report
from portal.doctor_database import check_database
from portal.findings import Finding, fault
from portal.keys.examine import lost, shut
from portal.keys.ring import vault_of
from portal.migrate import migrate as bring_up
from portal.payments import accounts
from portal.payments.examination import check_accounts
from portal.payments.room import Make, built
from portal.privacy.incidents.examination import check_incidents
from portal.processors.gate import Gate
from portal.settings import Settings
from portal.tenancy import store as tenancy


@click.command()
@click.pass_obj
def migrate(settings: Settings) -> None:
    """Make the database, or bring it to the present schema."""
    bring_up(settings.database)
    click.echo(f"{settings.database} is at the present schema.")


@click.command()
@click.pass_obj
def check(settings: Settings) -> None:
    """Check the invariants: money, passes and receipts agree, the audit log is whole, and the keys fit."""

    must_be_usable(settings)
    with closing(open_connection(settings.database, read_only=True)) as connection:
        connection.execute("BEGIN")  # one snapshot, whatever is written meanwhile
        run = executor(connection, quiet)
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
    if not healthy(check_database(settings.database)):
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
    with closing(open_connection(settings.database, read_only=True)) as connection:
        for sentence in shut(executor(connection, quiet), settings.secret_key.encode()):
            yield fault("keys-shut", f"{sentence}.", "Put the latest backup back, or the master key that fits.")


async def _with_accounts_and_routers(settings: Settings, clock: Clock) -> list[Finding]:
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(httpx.AsyncClient(verify=trust_for(settings), trust_env=False))
        db = Database(settings.database)
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
    from app import FURTHER  # the composition root imports the commands, so not before it is needed

    return FURTHER


async def _provider_url(db: Database) -> str:
    """Where M-Pesa is for the first account; its clock is compared with ours."""
    for tenant in await db.read(None, tenancy.tenants):
        for account in await db.read(tenant.id, accounts.accounts):
            return account.base_url
    return ""


COMMANDS = [migrate, check, doctor]
