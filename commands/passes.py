"""bando pass give/show/end."""

from __future__ import annotations

import re
import secrets

import click

from commands.ground import Ground, run, table, tenant_option, when
from portal.access import admission, store
from portal.access.store import Cause
from portal.errors import Misconfigured
from portal.settings import Settings


def mac_of(text: str) -> str:
    """A MAC as Bando writes it; raises `Misconfigured`."""
    digits = re.sub(r"[:\-.\s]", "", text).upper()
    if not re.fullmatch(r"[0-9A-F]{12}", digits):
        raise Misconfigured(f"{text!r} is not a MAC address like 02:00:00:AA:BB:CC.")
    return ":".join(digits[n : n + 2] for n in range(0, 12, 2))


@click.group("pass")
def pass_() -> None:
    """The right to be online."""


@pass_.command()
@tenant_option
@click.argument("mac")
@click.argument("plan_name")
@click.option("--router", "router_name", default="", help="Where the device is; the only router by default.")
@click.pass_obj
def give(settings: Settings, tenant_name: str, mac: str, plan_name: str, router_name: str) -> None:
    """Give the device with this MAC a pass of a plan, free of charge."""

    async def work(ground: Ground) -> None:
        tenant = await ground.tenant(tenant_name)
        router = await ground.router(tenant, router_name)
        plans = await ground.db.read(tenant.id, store.plan_list)
        plan = next((each for each in plans if plan_name in (each.name, each.public)), None)
        if plan is None:
            known = ", ".join(each.name for each in plans) or "none yet"
            raise Misconfigured(f"There is no plan {plan_name!r}; {tenant.name} has: {known}")
        now = ground.clock.now()
        device = await ground.db.write(tenant.id, store.touch_device, mac_of(mac), router.id, now)
        cause = Cause(kind="staff", ref=secrets.token_hex(8))
        made = await ground.db.write(tenant.id, admission.grant, plan, device.id, cause, now)
        click.echo(f"Pass {made.id}: {made.plan_name} for {device.mac} at {router.name}, {made.state}.")

    run(settings, work)


@pass_.command()
@tenant_option
@click.argument("mac", required=False)
@click.pass_obj
def show(settings: Settings, tenant_name: str, mac: str | None) -> None:
    """Show the passes of a device, or the latest passes."""

    async def work(ground: Ground) -> None:
        tenant = await ground.tenant(tenant_name)
        found = await ground.db.read(tenant.id, store.pass_list)
        rows = [row for row in found if mac is None or row["mac"] == mac_of(mac)]
        body = [
            (
                row["id"],
                row["mac"],
                row["plan_name"],
                f"{row['state']}({row['end_reason']})" if row["end_reason"] else row["state"],
                when(row["started_at"], tenant),
                when(row["ends_at"], tenant),
                f"{row['cause_kind']} {row['cause_ref']}",
            )
            for row in rows
        ]
        table(("pass", "device", "plan", "state", "started", "ends", "cause"), body, "No pass yet.")

    run(settings, work)


@pass_.command()
@tenant_option
@click.argument("pass_id", type=int)
@click.option("--refund", is_flag=True, help="The guest gets the money back (by hand).")
@click.pass_obj
def end(settings: Settings, tenant_name: str, pass_id: int, refund: bool) -> None:
    """End a pass now."""

    async def work(ground: Ground) -> None:
        tenant = await ground.tenant(tenant_name)
        reason = "refund" if refund else "void"
        ended = await ground.db.write(tenant.id, admission.end_pass, pass_id, reason, ground.clock.now())
        click.echo(f"Pass {ended.id} is ended ({ended.end_reason}).")

    run(settings, work)


COMMANDS = [pass_]
