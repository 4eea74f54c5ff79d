"""bando payments list/show."""

from __future__ import annotations

import click

from commands.ground import Ground, run, table, tenant_option, when
from portal.access import store as access
from portal.access.store import Cause
from portal.errors import Misconfigured
from portal.payments import store
from portal.settings import Settings


@click.group()
def payments() -> None:
    """What guests paid, and what became of it."""


@payments.command("list")
@tenant_option
@click.option("--limit", default=50, show_default=True)
@click.pass_obj
def list_(settings: Settings, tenant_name: str, limit: int) -> None:
    """List the latest payments; phone numbers show their last three digits only."""

    async def work(ground: Ground) -> None:
        tenant = await ground.tenant(tenant_name)
        found = await ground.db.read(tenant.id, store.payment_list, limit)
        body = [
            (
                each.public,
                when(each.created_at, tenant),
                str(each.amount),
                each.plan.name,
                f"…{each.phone_tail or '???'}",
                f"{each.state} ({each.reason})" if each.reason else each.state,
            )
            for each in found
        ]
        table(("payment", "begun", "amount", "plan", "phone", "state"), body, "No payment yet.")

    run(settings, work)


@payments.command()
@tenant_option
@click.argument("public")
@click.pass_obj
def show(settings: Settings, tenant_name: str, public: str) -> None:
    """Show one payment, its receipt and its pass."""

    async def work(ground: Ground) -> None:
        tenant = await ground.tenant(tenant_name)
        found = await ground.db.read(tenant.id, store.payment_by_public, public)
        if found is None:
            raise Misconfigured(f"{tenant.name} has no payment {public}; see: bando payments list")
        receipt = await ground.db.read(tenant.id, store.receipt_of, found.id)
        made = await ground.db.read(tenant.id, access.pass_by_cause, Cause(kind="payment", ref=public))
        lines = {
            "payment": found.public,
            "state": f"{found.state} ({found.reason})" if found.reason else found.state,
            "amount": str(found.amount),
            "plan": found.plan.name,
            "account reference": found.account_ref,
            "begun": when(found.created_at, tenant),
            "sent to the phone": when(found.submitted_at, tenant),
            "settled": f"{when(found.settled_at, tenant)} by {found.settled_by or '-'}",
            "receipt": receipt.number if receipt else (found.receipt_state or "-"),
            "pass": f"{made.id}: {made.state}" if made else "-",
        }
        for name, text in lines.items():
            click.echo(f"{name:18} {text}")

    run(settings, work)


COMMANDS = [payments]
