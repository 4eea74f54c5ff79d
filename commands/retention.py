"""bando retention show/preview/run/keep/clear/hold/lift: how long what is known of people is kept, and its end."""

from __future__ import annotations

from collections.abc import Mapping

import click

from commands.ground import Ground, many, run, table, tenant_option, when
from portal.clock import DAY, Moment
from portal.columns import RETENTION_DAYS
from portal.errors import Misconfigured, Refused
from portal.privacy.retention import service, store
from portal.privacy.retention.periods import PERIODS
from portal.privacy.retention.room import Retention, Tell
from portal.privacy.retention.rules import HOLDABLE, RULES, Rule
from portal.settings import Settings
from portal.tenancy.store import Tenant

COMMAND = "command"
REASON = f"The reason (--reason) is one line of at most {service.LONGEST} characters, and not empty."
CLASS = click.argument("keep", metavar="CLASS", type=click.Choice(sorted(RETENTION_DAYS)))


@click.group()
def retention() -> None:
    """How long what is known of people is kept, and what is removed."""


def _room(ground: Ground) -> Retention:
    return Retention(ground.db, ground.vault, ground.clock)


async def _meant(ground: Ground, name: str) -> list[Tenant]:
    """The ISP with this name; with an empty name everybody."""
    everybody = list(await _room(ground).everybody())
    if not name:
        return everybody
    return [each for each in everybody if name in (each.public, each.name)] or [await ground.tenant(name)]


@retention.command()
@tenant_option
@click.pass_obj
def show(settings: Settings, tenant_name: str) -> None:
    """Show how many days each class is kept, between which bounds, the holds, and the last run."""

    async def work(ground: Ground) -> None:
        for tenant in await _meant(ground, tenant_name):
            await _show(ground, tenant)

    run(settings, work)


async def _show(ground: Ground, tenant: Tenant) -> None:
    terms = await ground.db.read(tenant.id, service.terms, tenant, ground.clock.now())
    click.echo(f"{tenant.name}")
    head = ("class", "days", "Bando's own", "at least", "at most", "what", "counted")
    body = [
        (
            *(each.keep, f"{terms.days(each.keep)}{' (held)' if terms.held(each.keep) else ''}", each.default),
            *(each.lowest, each.highest, each.title, each.counted),
        )
        for each in PERIODS.values()
    ]
    table(head, body, "")
    holds = [
        (each.id, " ".join(each.classes), when(each.since, tenant), _until(each.until, tenant), each.reason)
        for each in terms.holds
    ]
    if holds:
        table(("hold", "classes", "since", "until", "reason"), holds, "")
    click.echo(await _last_run(ground, tenant))


def _until(moment: Moment | None, tenant: Tenant) -> str:
    return "it is lifted" if moment is None else when(moment, tenant)


async def _last_run(ground: Ground, tenant: Tenant) -> str:
    found = await ground.db.read(tenant.id, store.runs, 1)
    if not found:
        return "Nothing was removed so far; `bando serve` does it once a day, after 3 in the morning."
    last = found[0]
    end = "" if last.ended_at else ", and did not come to its end; the next one goes on"
    return f"The last run was at {when(last.began_at, tenant)} and removed {many(last.taken, 'row')}{end}."


@retention.command()
@tenant_option
@click.pass_obj
def preview(settings: Settings, tenant_name: str) -> None:
    """Say what a run would remove now. Changes nothing."""

    async def work(ground: Ground) -> None:
        for tenant in await _meant(ground, tenant_name):
            counts = await ground.db.read(tenant.id, service.preview, tenant, ground.clock.now())
            click.echo(f"{tenant.name}: this will remove {many(sum(counts.values()), 'row')}.")
            _tell(counts)

    run(settings, work)


def _tell(counts: Mapping[str, int]) -> None:
    body = [(f"{counts[each.name]:,}", each.keep, each.title) for each in RULES if counts.get(each.name)]
    if body:
        table(("rows", "class", "what"), body, "")


@retention.command("run")
@tenant_option
@click.pass_obj
def run_(settings: Settings, tenant_name: str) -> None:
    """Remove what is too old now, and not only at night. May run while Bando serves."""

    async def work(ground: Ground) -> None:
        for tenant in await _meant(ground, tenant_name):
            room = _room(ground)
            if cleared := await room.clear_asked(tenant):
                click.echo(f"{tenant.name}: {many(cleared, 'row')} of the log of sessions cleared.")
            taken = await room.purge(tenant, ground.clock.now(), COMMAND, _progress())
            click.echo(f"{tenant.name}: {many(sum(taken.values()), 'row')} removed.")
            _tell(taken)

    run(settings, work)


def _progress() -> Tell:
    """Tells of each ten thousandth row."""
    told: dict[str, int] = {}

    def tell(rule: Rule, taken: int) -> None:
        if taken // 10_000 > told.get(rule.name, 0):
            told[rule.name] = taken // 10_000
            click.echo(f"… {taken:,} rows: {rule.title}", err=True)

    return tell


@retention.command()
@CLASS
@click.argument("days", type=int)
@tenant_option
@click.pass_obj
def keep(settings: Settings, keep: str, days: int, tenant_name: str) -> None:
    """Keep a class for so many days, inside of its bounds."""

    async def work(ground: Ground) -> None:
        tenant = await ground.tenant(tenant_name)
        now = ground.clock.now()
        was = await ground.db.write(tenant.id, service.choose, ground.vault, keep, days, COMMAND, now)
        click.echo(f"{PERIODS[keep].title}: {many(days, 'day')} from now on; it was {many(was, 'day')}.")

    run(settings, work)


@retention.command()
@tenant_option
@click.option("--reason", required=True, help="Why; it stands in the ISP's audit log.")
@click.option("--yes", is_flag=True, help="You mean it: who was online when cannot be said any more.")
@click.pass_obj
def clear(settings: Settings, tenant_name: str, reason: str, yes: bool) -> None:
    """Clear the whole log of sessions of one ISP, whatever its age; guests with time left keep theirs."""
    if not yes:
        raise Misconfigured("Who was online, when and where cannot be said any more. If you mean it, add --yes.")

    async def work(ground: Ground) -> None:
        tenant, room, now = await ground.tenant(tenant_name), _room(ground), ground.clock.now()
        try:
            taken = await room.clear_sessions(tenant, reason, now, COMMAND, _progress())
        except Refused as refused:
            raise Misconfigured(CANNOT_CLEAR[refused.key]) from refused
        click.echo(f"{tenant.name}: {many(sum(taken.values()), 'row')} removed.")
        _tell(taken)

    run(settings, work)


CANNOT_CLEAR = {
    "needs-reason": REASON,
    "held": "A hold stands on sessions; see: bando retention show",
    "clearing": "It is being cleared already; when that broke off, bando retention run goes on with it.",
}


@retention.command()
@click.argument("classes", metavar="CLASS...", nargs=-1, required=True, type=click.Choice(sorted(HOLDABLE)))
@click.option("--reason", required=True, help="Why: the number of the order or of the case.")
@click.option("--days", type=click.IntRange(1, 36_500), help="For how long; without it until it is lifted.")
@tenant_option
@click.pass_obj
def hold(settings: Settings, classes: tuple[str, ...], reason: str, days: int | None, tenant_name: str) -> None:
    """Remove nothing of these classes, whatever their age."""

    async def work(ground: Ground) -> None:
        tenant, now = await ground.tenant(tenant_name), ground.clock.now()
        until = None if days is None else now + days * DAY
        try:
            made = await ground.db.write(tenant.id, service.hold, ground.vault, classes, reason, until, COMMAND, now)
        except Refused as refused:
            raise Misconfigured(REASON) from refused
        click.echo(f"Hold {made} stands until {_until(until, tenant)}.")

    run(settings, work)


@retention.command()
@click.argument("hold_id", metavar="HOLD", type=click.IntRange(1, 10**12))
@tenant_option
@click.pass_obj
def lift(settings: Settings, hold_id: int, tenant_name: str) -> None:
    """End a hold; what is too old by then goes with the next run."""

    async def work(ground: Ground) -> None:
        tenant = await ground.tenant(tenant_name)
        try:
            await ground.db.write(tenant.id, service.release, ground.vault, hold_id, COMMAND, ground.clock.now())
        except Refused as refused:
            raise Misconfigured(f"No hold {hold_id} of {tenant.name} stands; see: bando retention show") from refused
        click.echo(f"Hold {hold_id} is lifted.")

    run(settings, work)


COMMANDS = [retention]
