"""bando plan add/list/withdraw/offer."""

from __future__ import annotations

import re

import click

from commands.ground import Ground, run, table, tenant_option
from portal.access import store
from portal.access.plans import Plan
from portal.clock import DAY, HOUR, MINUTE
from portal.errors import Misconfigured
from portal.money import Money
from portal.seal import new_public
from portal.settings import Settings
from portal.tenancy.store import Tenant

_SPANS = {"m": MINUTE, "h": HOUR, "d": DAY, "w": 7 * DAY}
_SIZES = {"M": 10**6, "G": 10**9}
_RATES = {"k": 10**3, "M": 10**6}


def span(text: str) -> int:
    """``30m``, ``1h``, ``7d``, ``4w`` in milliseconds."""
    return _measure(text, _SPANS, "a time like 30m, 1h, 7d or 4w")


def size(text: str) -> int:
    """``500M``, ``2G`` in bytes."""
    return _measure(text, _SIZES, "an amount like 500M or 2G")


def rates(text: str) -> tuple[int, int]:
    """``2M/5M`` (up/down) in bit/s."""
    up, slash, down = text.partition("/")
    wording = "rates up/down like 512k/2M"
    if not slash:
        raise Misconfigured(f"{text!r} is not {wording}.")
    return _measure(up, _RATES, wording), _measure(down, _RATES, wording)


def _measure(text: str, units: dict[str, int], wording: str) -> int:
    match = re.fullmatch(rf"([1-9][0-9]{{0,6}})([{''.join(units)}])", text)
    if match is None:
        raise Misconfigured(f"{text!r} is not {wording}.")
    return int(match[1]) * units[match[2]]


@click.group()
def plan() -> None:
    """What an ISP sells."""


@plan.command()
@tenant_option
@click.argument("name")
@click.option("--price", type=click.IntRange(1, 250_000), required=True, help="Whole shillings.")
@click.option("--time", "time_text", required=True, help="What is sold: 30m, 1h, 7d.")
@click.option("--used", is_flag=True, help="Count online time only; otherwise the clock runs on.")
@click.option("--window", default="", help="How long a used-time budget is good after its first use.")
@click.option("--data", default="", help="Data cap: 500M, 2G.")
@click.option("--rate", default="", help="Up/down: 512k/2M.")
@click.option("--devices", type=click.IntRange(1, 20), default=1, show_default=True, help="How many at once.")
@click.option("--locked", is_flag=True, help="A voucher of it stays with the device that redeemed it first.")
@click.pass_obj
def add(
    settings: Settings,
    tenant_name: str,
    name: str,
    price: int,
    time_text: str,
    used: bool,
    window: str,
    data: str,
    rate: str,
    devices: int,
    locked: bool,
) -> None:
    """Put a plan on sale."""
    up, down = rates(rate) if rate else (None, None)
    made = Plan(
        id=0,
        public=new_public(4),
        name=name,
        price=Money(price * 100),
        kind="used" if used else "wall",
        span_ms=span(time_text),
        window_ms=span(window) if window else None,
        data_bytes=size(data) if data else None,
        rate_up=up,
        rate_down=down,
        max_devices=devices,
        locked=locked,
    )

    async def work(ground: Ground) -> None:
        tenant = await ground.tenant(tenant_name)
        await ground.db.write(tenant.id, store.add_plan, made, ground.clock.now())
        await ground.changed(tenant)
        click.echo(f"{tenant.name} now sells {made.name} for {made.price}.")

    run(settings, work)


@plan.command("list")
@tenant_option
@click.pass_obj
def list_(settings: Settings, tenant_name: str) -> None:
    """List the plans."""

    async def work(ground: Ground) -> None:
        tenant = await ground.tenant(tenant_name)
        found = await ground.db.read(tenant.id, store.plan_list)
        body = [(p.public, p.name, str(p.price), p.kind, _devices(p), "yes" if p.on_sale else "no") for p in found]
        table(("id", "name", "price", "kind", "devices", "on sale"), body, "No plan yet. Add one with: bando plan add")

    run(settings, work)


def _devices(one: Plan) -> str:
    return f"{one.max_devices}, locked" if one.locked else str(one.max_devices)


async def plan_named(ground: Ground, tenant: Tenant, name: str, *, on_sale: bool = True) -> Plan:
    """The tenant's plan with this name or public id, of several the one on sale; raises `Misconfigured`."""
    found = await ground.db.read(tenant.id, store.plan_list)
    fitting = [each for each in found if name in (each.name, each.public)]
    fitting = [each for each in fitting if each.on_sale == on_sale] or fitting
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        ids = ", ".join(f"{each.public} for {each.price}" for each in fitting)
        raise Misconfigured(f"{tenant.name} has several plans called {name!r}; say which one by its id: {ids}")
    known = ", ".join(each.name for each in found) or "none yet: bando plan add"
    raise Misconfigured(f"There is no plan {name!r}; {tenant.name} has: {known}")


def _put_on_sale(settings: Settings, tenant_name: str, name: str, on_sale: bool, after: str) -> None:
    async def work(ground: Ground) -> None:
        tenant = await ground.tenant(tenant_name)
        chosen = await plan_named(ground, tenant, name, on_sale=not on_sale)
        await ground.db.write(tenant.id, store.set_on_sale, chosen.id, on_sale)
        await ground.changed(tenant)
        click.echo(f"{chosen.name} for {chosen.price} {after}")

    run(settings, work)


@plan.command()
@tenant_option
@click.argument("name", metavar="PLAN")
@click.pass_obj
def withdraw(settings: Settings, tenant_name: str, name: str) -> None:
    """Take a plan off sale; passes and printed vouchers of it stay good."""
    _put_on_sale(settings, tenant_name, name, False, "is withdrawn. What was sold or printed of it stays good.")


@plan.command()
@tenant_option
@click.argument("name", metavar="PLAN")
@click.pass_obj
def offer(settings: Settings, tenant_name: str, name: str) -> None:
    """Put a withdrawn plan on sale again."""
    _put_on_sale(settings, tenant_name, name, True, "is on sale.")


COMMANDS = [plan]
