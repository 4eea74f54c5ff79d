"""bando import csv/phpnuxbill/mikhmon: bringing what another system left behind."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import click

from commands.ground import Ground, run, tenant_option
from portal.audit import store as audit
from portal.clock import Moment
from portal.errors import Misconfigured, Refused
from portal.imports import csv_file, mikhmon, phpnuxbill, router, service, wording
from portal.imports.found import Found
from portal.imports.service import Hands
from portal.imports.text import MOST_BYTES
from portal.imports.work import Choice, Work
from portal.settings import Settings
from portal.tenancy.store import Tenant
from portal.units import Unit
from portal.vouchers.imported import MOST_DAYS

T = TypeVar("T")
Read = Callable[[bytes, Any, Moment], Found]

# What a reader refuses, for whoever sits at a terminal.
SAID = {
    "import-empty": "The file is empty.",
    "import-encoding": "The file is not plain text in UTF-8.",
    "import-sql": "The file is no SQL that can be read: a quote never closes, or a row does not fit its table.",
    "import-csv": "The file is no CSV that can be read: a quote in it never closes.",
    "import-columns": "The first line must name the columns, each once, and “plan” among them.",
    "import-many": "There are too many lines in it; import it in parts.",
    "import-nuxbill": "There is neither a plan nor a voucher nor a recharge of PHPNuxBill in this file.",
    "import-nothing": "Nothing that could be imported was found there.",
    "import-router": "The router could not be read; see: bando router check",
    "too-large": f"The file has more than {MOST_BYTES >> 20} MB.",
}


@click.group("import")
def import_() -> None:
    """Bring plans, unused codes and running guests from another system.

    Without --take it only says what would be done.
    """


def choices(command: Callable[..., Any]) -> Callable[..., Any]:
    """What all of them ask."""
    options = (
        tenant_option,
        click.option("--days", type=click.IntRange(1, MOST_DAYS), default=MOST_DAYS, show_default=True,
                     help="How long codes stay good."),
        click.option("--shorten/--no-shorten", default=True, show_default=True,
                     help="Let codes that are too easy to guess for so long end earlier, or leave them."),
        click.option("--unsold", is_flag=True, help="Unused cards are still to be sold: count their price."),
        click.option("--take", is_flag=True, help="Do it."),
        click.option("--by", default="", help="Who answers for it; needed with --take."),
    )  # fmt: skip
    for each in reversed(options):
        command = each(command)
    return command


@import_.command("csv")
@choices
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.pass_obj
def csv(settings: Settings, /, file: Path, **asked: Any) -> None:
    """From a table; its first line names the columns."""
    _from_file(settings, csv_file.read, file, asked)


@import_.command("phpnuxbill")
@choices
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.pass_obj
def phpnuxbill_(settings: Settings, /, file: Path, **asked: Any) -> None:
    """From the SQL dump of a PHPNuxBill."""
    _from_file(settings, phpnuxbill.read, file, asked)


@import_.command("mikhmon")
@choices
@click.option("--router", "router_name", default="", help="Name or public id of the router.")
@click.pass_obj
def mikhmon_(settings: Settings, /, router_name: str, **asked: Any) -> None:
    """From a router that Mikhmon has managed; it is only read."""

    async def found(ground: Ground, tenant: Tenant) -> Found:
        one = await ground.router(tenant, router_name)
        pages = await router.pages(one, settings, ground.vault, networks=tenant.router_networks)
        source, title = f"{mikhmon.SOURCE}:{one.public}", f"{mikhmon.TITLE} on {one.name}"
        return mikhmon.read(pages, source, title, ZoneInfo(tenant.timezone), ground.clock.now())

    _import(settings, found, asked)


def _from_file(settings: Settings, read: Read, file: Path, asked: dict[str, Any]) -> None:
    async def found(ground: Ground, tenant: Tenant) -> Found:
        with file.open("rb") as opened:
            body = opened.read(MOST_BYTES + 1)
        return read(body, ZoneInfo(tenant.timezone), ground.clock.now())

    _import(settings, found, asked)


def _import(settings: Settings, find: Callable[[Ground, Tenant], Any], asked: dict[str, Any]) -> None:
    if asked["take"] and not asked["by"].strip():
        raise Misconfigured("Somebody has to answer for it; say who with --by.")

    async def work(ground: Ground) -> None:
        tenant = await ground.tenant(asked["tenant_name"])
        choice = Choice(days=asked["days"], shorten=asked["shorten"], unsold=asked["unsold"])
        hands = Hands(vault=ground.vault, tenant=tenant, by=asked["by"].strip() or "command")
        try:
            found = await find(ground, tenant)
        except Refused as refused:
            raise Misconfigured(SAID.get(refused.key, f"That is not possible: {refused.key}.")) from None
        dry = await ground.db.read(tenant.id, service.try_out, hands, found, choice, ground.clock.now())
        click.echo(told(found, dry, choice))
        if dry.empty:
            click.echo("There is nothing to take.")
        elif asked["take"]:
            counts = await ground.db.write(tenant.id, _taken, hands, found, choice, ground.clock.now())
            click.echo(f"Imported: {wording.counted(counts) or 'nothing'}.")
        else:
            click.echo("Nothing is changed. To do it, add: --take --by NAME")

    run(settings, work)


def _taken(hands: Hands, found: Found, choice: Choice, now: Moment) -> Unit[dict[str, int]]:
    """The import, and its line in the audit log where it changes something."""
    number = yield from service.keep(hands, found, choice, now)
    counts = dict((yield from service.carry_out(hands, number, now)))
    payload = {"name": hands.by, "after": {"from": found.title, **counts}}
    written = partial(audit.append, hands.vault, actor="command", act="import.take", payload=payload, now=now)
    yield from written(subject=f"import:{number}", money=False)
    return counts


def told(found: Found, work: Work, choice: Choice) -> str:
    """The dry run as text."""
    lines = [f"Import from {found.title}", ""]
    for chance in work.chances:
        lines += [
            f"codes of {wording.shape(chance)}: {wording.arithmetic(chance)}",
            f"  guessed in {choice.days} days: {wording.odds(chance, choice.days)}."
            f" {wording.verdict(chance, shorten=choice.shorten)}",
        ]
    parts = (
        ("Taken as it is", wording.groups(work.taken)),
        ("Taken, but different", wording.changes(work.changed)),
        ("Left", wording.groups(work.left)),
    )
    for title, groups in parts:
        lines += ["", f"{title}:"] + [_line(each) for each in groups] if groups else []
    if work.here:
        lines += ["", f"Here already: {wording.summary(work.here)}"]
    return "\n".join(lines)


def _line(group: wording.Group) -> str:
    names = ", ".join(group.names) + (f" and {group.more:,} more" if group.more else "")
    return f"  {group.what} ({names}){f': {group.why}' if group.why else ''}"


COMMANDS = [import_]
