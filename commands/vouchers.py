"""bando voucher make/finish/void, and what every command of vouchers needs."""

from __future__ import annotations

import asyncio
import getpass
import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

import click

from commands.ground import Ground, many, run, tenant_option, when
from commands.plans import plan_named, span
from commands.staff import account_named
from portal.clock import Moment, as_datetime
from portal.errors import Misconfigured
from portal.money import Money
from portal.settings import Settings
from portal.staff.store import Staff
from portal.tenancy.store import Tenant
from portal.vouchers import asked, batches, codes, store
from portal.vouchers.batches import Batches, Order, Progress
from portal.vouchers.guesses import TENANT_AN_HOUR
from portal.vouchers.print_run import part
from portal.vouchers.store import Batch

STYLES = {**{kind: style.name for kind, style in codes.DEFAULT.items()}, **{name: name for name in codes.STYLES}}
NICENESS = 10  # guests who redeem meanwhile come first
MANY = 1_000  # vouchers; what takes longer than a blink shows how far it is


@click.group()
def voucher() -> None:
    """Printed codes, each worth one pass."""


# --- what every command of vouchers needs ---


def by_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """The option by which staff say who they are."""
    return click.option("--by", default=None, help="Who does it; the user of this machine by default.")(command)


def actor(by: str | None) -> str:
    """Who does it; raises `Misconfigured`."""
    if by is None:
        try:
            by = getpass.getuser()
        except (KeyError, OSError):
            by = ""
    if not by.strip():
        raise Misconfigured("Say who does it with --by.")
    return by.strip()


async def batch_named(ground: Ground, tenant: Tenant, name: str) -> Batch:
    """The batch that is called ``B12`` or ``12``; raises `Misconfigured`."""
    match = re.fullmatch(r"[Bb]?([1-9][0-9]{0,8})", name.strip())
    found = None if match is None else await ground.db.read(tenant.id, store.batch_numbered, int(match[1]))
    if found is None:
        raise Misconfigured(f"{tenant.name} has no batch {name}; see: bando voucher list")
    return found


def serials_of(text: str, batch: Batch) -> tuple[int, int]:
    """``10-36``, ``10`` or, when empty, the whole batch; raises `Misconfigured`."""
    found = asked.serials(text, batch.count)
    if found is None:
        raise Misconfigured(f"--serials {text} is no part of B{batch.number}, which has 1-{batch.count}.")
    return found


def use_by_of(text: str, tenant: Tenant, now: Moment) -> Moment:
    """The end of the day that ``2027-03-31`` names, or ``30d`` from now, at the tenant's; raises `Misconfigured`."""
    if re.fullmatch(r"[1-9][0-9]{0,3}[dw]", text):
        day: date | None = as_datetime(now + span(text)).astimezone(ZoneInfo(tenant.timezone)).date()
    elif re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        day = asked.day(text)
    else:
        raise Misconfigured(f"{text!r} is no use-by date; write it like 2027-03-31, 30d or 8w.")
    if day is None:
        raise Misconfigured(f"There is no day {text}; write it like 2027-03-31.")
    end = asked.end_of(day, tenant.timezone)
    if end is None:
        raise Misconfigured(f"{text} is too far ahead.")
    return end


@contextmanager
def progress_of(label: str, count: int) -> Iterator[Progress]:
    """A bar on a terminal, if there is much to do."""
    if count < MANY or not sys.stderr.isatty():
        yield batches.unseen
        return
    with click.progressbar(length=count, label=label, file=sys.stderr) as bar:
        yield bar.update


def room(ground: Ground, tenant: Tenant) -> Batches:
    """The batches of this tenant."""
    return Batches(db=ground.db, vault=ground.vault, clock=ground.clock, tenant=tenant, guesses_an_hour=TENANT_AN_HOUR)


# --- making ---


@voucher.command()
@tenant_option
@click.argument("plan_name", metavar="PLAN")
@click.option("--count", type=int, required=True, help="How many: 1 to 50 000.")
@click.option("--use-by", "use_by", default="365d", show_default=True, help="Last day: 2027-03-31, or 30d from now.")
@click.option("--price", type=click.IntRange(0, 1_000_000), help="Whole shillings, if not the plan's; 0: free.")
@click.option(
    "--style", type=click.Choice(list(STYLES)), default="letters", show_default=True, help="How the codes look."
)
@click.option("--agent", default="", help="Who gets the cards to sell.")
@click.option("--stock-of", default="", metavar="EMAIL", help="The agent with a login whose stock they become.")
@click.option("--note", default="", help="For yourself; never printed.")
@by_option
@click.pass_obj
def make(
    settings: Settings,
    tenant_name: str,
    plan_name: str,
    count: int,
    use_by: str,
    price: int | None,
    style: str,
    agent: str,
    stock_of: str,
    note: str,
    by: str | None,
) -> None:
    """Draw the codes of a new batch. PLAN is a name or an id."""

    async def work(ground: Ground) -> None:
        tenant = await ground.tenant(tenant_name)
        plan = await plan_named(ground, tenant, plan_name)
        owner = await _agent_named(ground, tenant, stock_of) if stock_of else None
        order = Order(
            plan=plan,
            count=count,
            style=codes.STYLES[STYLES[style]],
            use_by=use_by_of(use_by, tenant, ground.clock.now()),
            price=None if price is None else Money(price * 100, plan.price.currency),
            note=note.strip(),
            agent=agent.strip() or (owner.name if owner else ""),
            agent_id=owner.id if owner else None,
            by=actor(by),
        )
        made = await room(ground, tenant).open(order)
        await _finish(ground, tenant, made, order.by)

    run(settings, work)


async def _agent_named(ground: Ground, tenant: Tenant, email: str) -> Staff:
    """An agent of this ISP who can log in; raises `Misconfigured`."""
    tenant_id, found = await account_named(ground, email)
    if tenant_id != tenant.id or found.role != "agent" or found.state == "off":
        raise Misconfigured(f"That is no agent of {tenant.name}; see: bando staff list")
    return found


@voucher.command()
@tenant_option
@click.argument("batch_name", metavar="BATCH")
@by_option
@click.pass_obj
def finish(settings: Settings, tenant_name: str, batch_name: str, by: str | None) -> None:
    """Draw what is missing of a batch whose making was stopped."""

    async def work(ground: Ground) -> None:
        tenant = await ground.tenant(tenant_name)
        found = await batch_named(ground, tenant, batch_name)
        if found.ready_at is not None:
            click.echo(f"B{found.number} is whole: {many(found.count, 'voucher')}.")
            return
        await _finish(ground, tenant, found, actor(by))

    run(settings, work)


async def _finish(ground: Ground, tenant: Tenant, batch: Batch, by: str) -> None:
    os.nice(NICENESS)
    try:
        with progress_of(f"B{batch.number}", batch.count) as progress:
            await room(ground, tenant).finish(batch, by, progress=progress)
    except asyncio.CancelledError:  # Ctrl-C
        click.echo(
            f"Stopped: B{batch.number} is not whole and cannot be printed."
            f" Go on with: bando voucher finish B{batch.number}",
            err=True,
        )
        raise
    click.echo(
        f"B{batch.number}: {many(batch.count, 'voucher')} {batch.plan.name} at {batch.plan.price},"
        f" use by {when(batch.use_by, tenant)}. Next: bando voucher print B{batch.number}"
    )


# --- voiding ---


@voucher.command()
@tenant_option
@click.argument("batch_name", metavar="BATCH")
@click.option("--serials", default="", help="A part of it, like 10-36; the whole batch by default.")
@click.option("--reason", required=True, help="Kept with each voucher.")
@click.option("--end-passes", is_flag=True, help="Also those in use; their guests go offline.")
@by_option
@click.pass_obj
def void(
    settings: Settings, tenant_name: str, batch_name: str, serials: str, reason: str, end_passes: bool, by: str | None
) -> None:
    """Void a batch or a part of it, for good."""

    async def work(ground: Ground) -> None:
        tenant = await ground.tenant(tenant_name)
        found = await batch_named(ground, tenant, batch_name)
        first, last = serials_of(serials, found)
        try:
            with progress_of("void", last - first + 1) as progress:
                done = await room(ground, tenant).void(
                    found, first, last, reason=reason, by=actor(by), end_passes=end_passes, progress=progress
                )
        except asyncio.CancelledError:  # Ctrl-C
            click.echo(
                f"Stopped: a part of B{found.number} is void now. For the rest give the command again.", err=True
            )
            raise
        stay = many(done.left, "stays as it was", "stay as they were")
        click.echo(f"B{found.number}, {part(first, last)}: {many(done.taken, 'is', 'are')} void now, {stay}.")
        if done.in_use:
            click.echo(f"{many(done.in_use, 'was in use; its pass is', 'were in use; their passes are')} ended.")

    run(settings, work)


COMMANDS = [voucher]
