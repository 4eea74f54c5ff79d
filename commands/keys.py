"""bando keys show/rotate/master: the keys with which secrets and numbers are sealed; see docs/operating.md."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import click

from commands.backup import Progress
from commands.ground import Ground, alone, clock_for, many, must_be_usable, run, table, tenant_option, when
from portal.errors import Misconfigured
from portal.keys import store
from portal.keys.examine import under_heads
from portal.keys.master import exchange
from portal.keys.rotation import KEPT_MS, Rotation, Turn
from portal.keys.store import Known
from portal.seal import BY_MASTER, head_of
from portal.settings import SANDBOX_KEY, SHORTEST_KEY, Settings, key_in
from portal.tenancy.store import Tenant

HEAD = ("ISP", "key", "made", "state", "values under it")


@click.group()
def keys() -> None:
    """The keys with which secrets and numbers are sealed."""


def _room(ground: Ground) -> Rotation:
    return Rotation(ground.db, ground.ring, ground.clock)


async def _meant(ground: Ground, name: str) -> list[Tenant]:
    """The ISP with this name; with an empty name everybody, and the platform."""
    everybody = list(await _room(ground).everybody())
    if not name:
        return everybody
    return [each for each in everybody if name in (each.public, each.name)] or [await ground.tenant(name)]


@keys.command()
@tenant_option
@click.pass_obj
def show(settings: Settings, tenant_name: str) -> None:
    """Show the keys of each ISP, and how much is sealed under each; never a key itself."""

    async def work(ground: Ground) -> None:
        body: list[tuple[object, ...]] = []
        for tenant in await _meant(ground, tenant_name):
            known = await ground.db.read(tenant.id, store.known)
            under = await ground.db.read(tenant.id, under_heads)
            body += _lines(tenant, known, under)
        table(HEAD, body, "No ISP yet. Add one with: bando tenant add NAME")

    run(settings, work)


def _lines(tenant: Tenant, known: list[Known], under: Counter[bytes]) -> list[tuple[object, ...]]:
    lines = [_line(tenant, each, _state(each, known, tenant), under[head_of(each.name)]) for each in known]
    if under[BY_MASTER] or not known:
        lines.append((tenant.name, "master key", "-", "opens what is older than the keys of ISPs", under[BY_MASTER]))
    return lines


def _line(tenant: Tenant, key: Known, state: str, count: int) -> tuple[object, ...]:
    return tenant.name, key.name.hex(), when(key.made_at, tenant), state, count


def _state(key: Known, known: list[Known], tenant: Tenant) -> str:
    if key.destroyed_at is not None:
        return f"destroyed {when(key.destroyed_at, tenant)}"
    if key.replaced_at is not None:
        return f"replaced; is destroyed after {when(key.replaced_at + KEPT_MS, tenant)}"
    return "seals" if key == known[-1] else "opens; its rotation broke off: bando keys rotate"


@keys.command()
@tenant_option
@click.pass_obj
def rotate(settings: Settings, tenant_name: str) -> None:
    """Make a new key for each ISP, or for one, and seal everything anew under it; Bando serves meanwhile.

    May be broken off, and then goes on when it is run again.
    """
    progress = Progress()

    def tell(tenant: Tenant, done: int) -> None:
        progress(f"{tenant.name}: {done:,} sealed anew", 0, 0)

    async def work(ground: Ground) -> None:
        try:
            turns = await _room(ground).rotate(await _meant(ground, tenant_name), "command", tell)
        finally:
            progress.end()
        for turn in turns:
            click.echo(_told(turn))
        if any(turn.shut for turn in turns):
            raise SystemExit(1)

    run(settings, work)


def _told(turn: Turn) -> str:
    done = f"{turn.tenant.name}: {many(turn.anew, 'value')} sealed anew under {turn.newest.name.hex()}"
    if turn.shut:
        return f"{done}; {many(turn.shut, 'value')} cannot be opened, so the old key stays. See: bando check"
    return f"{done}. Bando destroys the old key in two days."


@keys.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.pass_obj
def master(settings: Settings, file: Path) -> None:
    """Wrap all keys with another master key, the one in FILE; the present one is that of the settings.

    Bando must not be serving. Old backups go on needing the old master key.
    """
    must_be_usable(settings)
    new = _new_key(settings, file)
    with alone(settings):
        done = exchange(settings.place, settings.secret_key.encode(), new.encode(), clock_for(settings).now())
    click.echo(f"{many(done, 'key')} wrapped with the master key in {file}.")
    click.echo(f"Next: let BANDO_SECRET_KEY_FILE name {file}, take BANDO_SECRET_KEY away, and start bando serve.")
    click.echo("Keep the old master key as long as you keep backups made before; nothing else needs it.")


def _new_key(settings: Settings, file: Path) -> str:
    new = key_in(file, "The new master key")
    if len(new) < SHORTEST_KEY or new == SANDBOX_KEY:
        raise Misconfigured(f"The key in {file} is too short or known to everybody; make one: openssl rand -hex 32")
    if new == settings.secret_key:
        raise Misconfigured(f"The key in {file} is the present master key.")
    return new


COMMANDS = [keys]
