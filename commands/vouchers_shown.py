"""bando voucher list/show/find: what became of the vouchers; codes are never shown whole here."""

from __future__ import annotations

import re

import click

from commands.ground import Ground, run, table, tenant_option, when
from commands.vouchers import batch_named, serials_of, voucher
from portal.access import store as access
from portal.access.passes import Pass
from portal.access.store import Cause
from portal.errors import Misconfigured, Refused
from portal.settings import Settings
from portal.tenancy import store as tenancy
from portal.tenancy.store import Tenant
from portal.vouchers import batches, codes, imported, states, store
from portal.vouchers.print_run import part
from portal.vouchers.states import STATES, Tally
from portal.vouchers.store import CAUSE, Batch, Voucher

SHOWN_AT_ONCE = 50


@voucher.command("list")
@tenant_option
@click.pass_obj
def list_(settings: Settings, tenant_name: str) -> None:
    """List the batches, and what became of their vouchers."""

    async def work(ground: Ground) -> None:
        tenant = await ground.tenant(tenant_name)
        found = await ground.db.read(tenant.id, store.batches)
        groups = await ground.db.read(tenant.id, store.groups, ground.clock.now())
        body = [_line(each, states.tally(groups.get(each.id, ())), tenant) for each in found]
        head = ("batch", "made", "plan", "price", "count", *STATES, "sold for", "use by", "agent")
        table(head, body, "No voucher yet. Make some with: bando voucher make PLAN --count 100")

    run(settings, work)


def _line(batch: Batch, tally: Tally, tenant: Tenant) -> tuple[object, ...]:
    return (
        f"B{batch.number}",
        when(batch.created_at, tenant)[:10],
        batch.plan.name,
        batch.plan.price,
        batch.count if batch.ready_at is not None else f"{tally.total} of {batch.count}",
        *(tally.counts[each] for each in STATES),
        tally.value(batch.plan.price),
        when(batch.use_by, tenant)[:10],
        batch.agent or "-",
    )


@voucher.command()
@tenant_option
@click.argument("batch_name", metavar="BATCH")
@click.option("--serials", default="", help="A part of it, like 10-36.")
@click.pass_obj
def show(settings: Settings, tenant_name: str, batch_name: str, serials: str) -> None:
    """Show a batch, its history and its vouchers."""

    async def work(ground: Ground) -> None:
        tenant = await ground.tenant(tenant_name)
        found = await batch_named(ground, tenant, batch_name)
        groups = await ground.db.read(tenant.id, store.groups, ground.clock.now(), found.id)
        _show_batch(found, states.tally(groups.get(found.id, ())), tenant)
        click.echo()
        await _show_acts(ground, tenant, found)
        click.echo()
        await _show_vouchers(ground, tenant, found, serials)

    run(settings, work)


def _show_batch(batch: Batch, tally: Tally, tenant: Tenant) -> None:
    unready = f"no: {tally.total:,} of {batch.count:,} are drawn; go on with: bando voucher finish B{batch.number}"
    lines = {
        "batch": f"B{batch.number}, made by {batch.made_by} at {when(batch.created_at, tenant)}",
        "plan": f"{batch.plan.name} at {batch.plan.price}",
        "vouchers": f"{batch.count:,} of the style {batch.style}",
        "whole": f"since {when(batch.ready_at, tenant)}" if batch.ready_at is not None else unready,
        "use by": when(batch.use_by, tenant),
        "agent": batch.agent or "-",
        "note": batch.note or "-",
        "states": ", ".join(f"{tally.counts[each]:,} {each}" for each in STATES),
        "sold": f"{tally.sold:,} for {tally.value(batch.plan.price)}",
    }
    for name, text in lines.items():
        click.echo(f"{name:10} {text}")


async def _show_acts(ground: Ground, tenant: Tenant, batch: Batch) -> None:
    found = await ground.db.read(tenant.id, store.acts, batch.id)
    body = [
        (
            when(each["done_at"], tenant),
            each["act"],
            part(each["first_serial"], each["last_serial"]),
            each["how"] or "-",
            each["actor"],
            each["reason"] or "-",
        )
        for each in found
    ]
    table(("when", "act", "serials", "how", "by", "reason"), body, "Nothing was done with it yet.")


async def _show_vouchers(ground: Ground, tenant: Tenant, batch: Batch, serials: str) -> None:
    first, last = serials_of(serials, batch)
    shown = last if serials else min(last, first + SHOWN_AT_ONCE - 1)
    found = await ground.db.read(tenant.id, store.in_range, batch.id, first, shown)
    over = await ground.db.read(tenant.id, store.spent_of, batch.id, first, shown)
    now = ground.clock.now()
    body = [
        (
            each.label,
            codes.masked(batches.open_code(ground.vault, tenant.id, each.label, each.code_sealed)),
            states.shown_state(each.state, past=each.use_by <= now, over=each.label in over),
            when(each.redeemed_at, tenant),
            each.void_reason or "-",
        )
        for each in found
    ]
    table(("voucher", "code", "state", "redeemed", "voided for"), body, "None of these is drawn yet.")
    if shown < last:
        click.echo(f"… and up to {last}. More with: bando voucher show B{batch.number} --serials {shown + 1}-{last}")


# --- support ---


@voucher.command()
@tenant_option
@click.argument("what", metavar="CODE|LABEL")
@click.pass_obj
def find(settings: Settings, tenant_name: str, what: str) -> None:
    """Find a voucher by its code or its label (B12-0043)."""

    async def work(ground: Ground) -> None:
        tenant = await ground.tenant(tenant_name)
        found = await _found(ground, tenant, what)
        batch = await ground.db.read(tenant.id, store.batch, found.batch_id)
        assert batch is not None
        await _show_voucher(ground, tenant, batch, found)

    run(settings, work)


async def _found(ground: Ground, tenant: Tenant, what: str) -> Voucher:
    label = re.fullmatch(r"[Bb]([1-9][0-9]{0,8})-([0-9]{1,6})", what.strip())
    if label is not None:
        batch = await batch_named(ground, tenant, label[1])
        serial = int(label[2])
        among = await ground.db.read(tenant.id, store.in_range, batch.id, serial, serial)
        if not among:
            raise Misconfigured(f"B{batch.number} has no voucher {serial}; it has 1-{batch.count}.")
        return among[0]
    try:
        code = batches.code_index(ground.vault, codes.read(what))
    except Refused:
        folded = imported.fold(what)
        if len(folded) not in imported.lengths(tenant):
            raise Misconfigured(
                "This is no code, or a character of it is wrong; compare it with the card, or give the label"
                " (B12-0043)."
            ) from None
        code = imported.index_of(ground.vault, tenant.id, folded)
    found = await ground.db.read(tenant.id, store.by_code, code)
    if found is None:
        raise Misconfigured(f"{tenant.name} has no voucher with this code.")
    return found


async def _show_voucher(ground: Ground, tenant: Tenant, batch: Batch, found: Voucher) -> None:
    made = await ground.db.read(tenant.id, access.pass_by_cause, Cause(kind=CAUSE, ref=found.label))
    over = made is not None and made.state == "ended"
    state = states.shown_state(found.state, past=found.use_by <= ground.clock.now(), over=over)
    lines = {
        "voucher": found.label,
        "state": state,
        "plan": f"{batch.plan.name} at {batch.plan.price}",
        "use by": when(found.use_by, tenant),
        "agent": batch.agent or "-",
        "redeemed": await _redeemed(ground, tenant, found, made),
        "pass": "-" if made is None else f"{made.id}: {made.state}, began {when(made.started_at, tenant)}",
        "ends": "-" if made is None else when(made.ended_at or made.ends_at, tenant),
    }
    if found.voided_at is not None:
        lines["voided"] = f"{when(found.voided_at, tenant)} by {found.voided_by}: {found.void_reason}"
    for name, text in lines.items():
        click.echo(f"{name:10} {text}")


async def _redeemed(ground: Ground, tenant: Tenant, found: Voucher, made: Pass | None) -> str:
    if found.redeemed_at is None:
        return "-"
    router = await ground.db.read(tenant.id, tenancy.router, found.redeemed_router_id or 0)
    device = await ground.db.read(tenant.id, access.device, made.device_id) if made else None
    where = f" at {router.name}" if router else ""
    return f"{when(found.redeemed_at, tenant)}{where}{f', now used by {device.mac}' if device else ''}"


COMMANDS = [voucher]  # with what this file added to it
