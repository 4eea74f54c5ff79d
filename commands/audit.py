"""bando audit verify/heads/list: what staff did, and whether somebody touched the log of it."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import click

from commands.ground import Ground, many, run, table, tenant_option, when
from portal.audit import store
from portal.audit.chain import Broken
from portal.errors import Misconfigured
from portal.settings import Settings
from portal.tenancy import store as tenancy
from portal.tenancy.store import Tenant

Kept = dict[str, dict[int, set[str]]]  # public id of the ISP, number, links
HEADS = click.option(
    "--heads",
    "heads_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="What `bando audit heads` printed earlier, kept on another machine; each line of it must still be so.",
)


@click.group()
def audit() -> None:
    """The log of what staff did: a chain for each ISP, which tells when somebody touched it."""


async def _meant(ground: Ground, name: str) -> list[Tenant]:
    if name:
        return [await ground.tenant(name)]
    platform = await ground.db.read(None, tenancy.platform)
    return [*([platform] if platform else []), *await ground.db.read(None, tenancy.tenants)]


def kept_in(path: Path) -> Kept:
    """The heads of a file, which may hold many of each ISP; raises `Misconfigured`."""
    kept: Kept = defaultdict(lambda: defaultdict(set))
    try:
        lines = path.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise Misconfigured(f"{path} cannot be read as heads: {error}.") from error
    for at, line in enumerate(lines, start=1):
        words = line.split()
        if words and not words[0].startswith("#"):
            if len(words) != 3 or not words[1].isdecimal():
                raise Misconfigured(f"{path}, line {at}, is no head; `bando audit heads` prints them.")
            kept[words[0]][int(words[1])].add(words[2])
    return kept


@audit.command()
@tenant_option
@HEADS
@click.pass_obj
def verify(settings: Settings, tenant_name: str, heads_file: Path | None) -> None:
    """Find what was changed, removed, swapped, forged or cut off. Changes nothing; exits with 1 when there is any."""
    kept = kept_in(heads_file) if heads_file else {}

    async def work(ground: Ground) -> bool:
        meant = await _meant(ground, tenant_name)
        broken = [each for each in meant if await _said_of(ground, each, kept.get(each.public, {}))]
        gone = set() if tenant_name else set(kept) - {each.public for each in meant}
        for public in sorted(gone):
            click.echo(f"{public}: there is a kept head of this ISP, and it is not here.")
        return bool(broken or gone)

    if run(settings, work):
        raise SystemExit(1)


async def _said_of(ground: Ground, tenant: Tenant, kept: dict[int, set[str]]) -> Broken | None:
    """Say how the log of one ISP is."""
    broken = await ground.db.read(tenant.id, store.verify_all, ground.vault, kept)
    if broken:
        click.echo(f"{tenant.name}: {broken}.")
    else:
        head = await ground.db.read(tenant.id, store.head, ground.vault)
        click.echo(f"{tenant.name}: {many(head.number, 'act')}, as they were written.")
    return broken


@audit.command()
@tenant_option
@click.pass_obj
def heads(settings: Settings, tenant_name: str) -> None:
    """Print where each log ends, to be kept on another machine: ISP, number of the last act, its link."""

    async def work(ground: Ground) -> None:
        for tenant in await _meant(ground, tenant_name):
            head = await ground.db.read(tenant.id, store.head, ground.vault)
            if head.number:
                click.echo(f"{tenant.public} {head.number} {head.chain}")

    run(settings, work)


@audit.command("list")
@tenant_option
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help="How many at most.")
@click.pass_obj
def list_(settings: Settings, tenant_name: str, limit: int) -> None:
    """List the latest acts, newest first."""

    async def work(ground: Ground) -> None:
        tenant = await ground.tenant(tenant_name)
        found = await ground.db.read(tenant.id, store.page, None, limit)
        body = [
            (
                *(row["number"], when(row["at"], tenant), row["actor"], row["act"], row["subject"]),
                row["payload"] or "(cleared)",
            )
            for row in found
        ]
        table(("act", "when", "who", "what", "about", "in detail"), body, "Nobody has done anything yet.")

    run(settings, work)


COMMANDS = [audit]
