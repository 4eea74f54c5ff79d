"""bando plan add/list/withdraw/offer."""

from __future__ import annotations

import re
from typing import Any

import click

from commands.ground import Ground, run, table, tenant_option
from portal.access import hours, store
from portal.access.hours import Hours
from portal.access.plans import Plan
from portal.access.trials import CAP, USE_BY_MS
from portal.clock import DAY, HOUR, MINUTE
from portal.errors import Misconfigured
from portal.money import Money
from portal.seal import new_public
from portal.settings import Settings
from portal.tenancy.store import Tenant

_SPANS = {"m": MINUTE, "h": HOUR, "d": DAY, "w": 7 * DAY}
_SIZES = {"M": 10**6, "G": 10**9}
_RATES = {"k": 10**3, "M": 10**6}
_DAYS = tuple(each.lower() for each in hours.NAMES)
_DAY, _TIME = f"(?:{'|'.join(_DAYS)})", "(?:[01]?[0-9]|2[0-3]):[0-5][0-9]"
_PART = f"{_DAY}(?:-{_DAY})?"
_HOURS = re.compile(rf"(?P<days>{_PART}(?:\s*,\s*{_PART})*)?\s*(?P<times>{_TIME}-{_TIME})?")


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


def hours_of(text: str) -> Hours | None:
    """``mon-fri 22:00-06:00``, ``sat, sun``, ``08:00-17:00``; None for each whole day."""
    match = _HOURS.fullmatch(text.strip().lower())
    days, times = (match["days"], match["times"]) if match else (None, None)
    found = sorted({day for part in re.split(r"[,\s]+", days or "mon-sun") for day in _days(part)})
    begin, end = (_minute(each) for each in times.split("-")) if times else (0, 0)
    if not (days or times) or (begin == end and times):
        raise Misconfigured(f'{text!r} is not hours like "22:00-06:00", "sat-sun" or "mon-fri 08:00-17:00".')
    sale = Hours(days=tuple(found), begin=begin, end=end)
    return None if sale == hours.ALWAYS else sale


def _days(text: str) -> list[int]:
    """``fri-mon`` as numbers of days; it may run over the end of the week."""
    first, _, last = text.partition("-")
    begin, end = (_DAYS.index(each) for each in (first, last or first))
    return [day % 7 for day in range(begin, end + 1 if end >= begin else end + 8)]


def _minute(text: str) -> int:
    hour, minute = text.split(":")
    return int(hour) * 60 + int(minute)


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
@click.option("--price", type=click.IntRange(1, 250_000), help="Whole shillings; not for a free trial.")
@click.option("--time", "time_text", required=True, help="What is sold: 30m, 1h, 7d.")
@click.option("--used", is_flag=True, help="Count online time only; otherwise the clock runs on.")
@click.option("--window", default="", help="How long a used-time budget is good after its first use.")
@click.option("--data", default="", help="Data cap: 500M, 2G.")
@click.option("--rate", default="", help="Up/down: 512k/2M.")
@click.option("--devices", type=click.IntRange(1, 20), default=1, show_default=True, help="How many at once.")
@click.option("--locked", is_flag=True, help="A voucher of it stays with the device that redeemed it first.")
@click.option(
    "--hours", "sale", default="", help='When guests can buy it: "22:00-06:00", "sat-sun", "mon-fri 8:00-17:00".'
)
@click.option("--hidden", is_flag=True, help="Staff sell it; guests do not see it.")
@click.option("--trial", is_flag=True, help="A free trial: one tap, no price.")
@click.option(
    "--every", type=click.IntRange(1, 366), default=1, show_default=True, help="A trial once in so many days."
)
@click.option(
    "--cap", type=click.IntRange(1, 100_000), default=CAP, show_default=True, help="Trials per router and day."
)
@click.pass_obj
def add(settings: Settings, /, tenant_name: str, name: str, **asked: Any) -> None:
    """Put a plan on sale."""
    made = _made(name, **asked)

    async def work(ground: Ground) -> None:
        tenant = await ground.tenant(tenant_name)
        await ground.db.write(tenant.id, store.add_plan, made, ground.clock.now())
        await ground.changed(tenant)
        click.echo(f"{tenant.name} now {'gives' if made.trial else 'sells'} {made.name} for {_price(made)}.")

    run(settings, work)


def _made(name: str, *, time_text: str, data: str, rate: str, sale: str, trial: bool, **asked: Any) -> Plan:
    """The plan of these options; raises `Misconfigured`."""
    up, down = rates(rate) if rate else (None, None)
    return Plan(
        id=0,
        public=new_public(4),
        name=name,
        span_ms=span(time_text),
        data_bytes=size(data) if data else None,
        rate_up=up,
        rate_down=down,
        hours=hours_of(sale) if sale else None,
        **(_free(**asked) if trial else _sold(**asked)),
    )


def _sold(
    price: int | None, used: bool, window: str, devices: int, locked: bool, hidden: bool, **_: Any
) -> dict[str, Any]:
    if price is None:
        raise Misconfigured("A plan needs a --price, or is a free trial: --trial.")
    return {
        "price": Money(price * 100),
        "kind": "used" if used else "wall",
        "window_ms": span(window) if window else None,
        "max_devices": devices,
        "locked": locked,
        "hidden": hidden,
    }


def _free(
    price: int | None, used: bool, window: str, devices: int, locked: bool, hidden: bool, every: int, cap: int
) -> dict[str, Any]:
    if price is not None or used or window or devices > 1 or locked or hidden:
        raise Misconfigured(
            "A free trial runs by the clock on one device: no --price, --used, --window, --devices, --locked, --hidden."
        )
    return {"price": Money(0), "kind": "wall", "use_by_ms": USE_BY_MS, "trial_days": every, "trial_cap": cap}


@plan.command("list")
@tenant_option
@click.pass_obj
def list_(settings: Settings, tenant_name: str) -> None:
    """List the plans."""

    async def work(ground: Ground) -> None:
        tenant = await ground.tenant(tenant_name)
        found = await ground.db.read(tenant.id, store.plan_list)
        body = [(p.public, p.name, _price(p), p.kind, _devices(p), _on_sale(p), hours.in_words(p.hours)) for p in found]
        head = ("id", "name", "price", "kind", "devices", "on sale", "hours")
        table(head, body, "No plan yet. Add one with: bando plan add")

    run(settings, work)


def _price(one: Plan) -> str:
    if not one.trial:
        return str(one.price)
    return "nothing, once a day" if one.trial_days == 1 else f"nothing, once in {one.trial_days} days"


def _on_sale(one: Plan) -> str:
    return "no" if not one.on_sale else "hidden" if one.hidden else "yes"


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
        click.echo(f"{chosen.name} for {_price(chosen)} {after}")

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
