"""bando voucher print/poster: codes and directions on paper."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import click

from commands import slips as thermal
from commands.ground import Ground, many, run, tenant_option
from commands.vouchers import actor, batch_named, by_option, serials_of, voucher
from portal.errors import BandoError, Misconfigured
from portal.settings import Settings
from portal.tenancy import store as tenancy
from portal.tenancy.store import Tenant
from portal.texts import LANGUAGES, said_in
from portal.vouchers.grids import DEFAULT_GRID, GRIDS
from portal.vouchers.press import Job, named_whole, press
from portal.vouchers.print_run import PrintRun, PrintRuns, counted, how

MANY = 500  # vouchers; what takes longer than a blink shows how far it is
FILE = click.Path(path_type=Path)
KEEP_SAFE = "Whoever has this file can use the vouchers: keep it safe, delete it when it is printed."
lang_option = click.option("--lang", type=click.Choice(LANGUAGES), help="Language; the ISP's own by default.")


@dataclass(frozen=True, kw_only=True)
class Output:
    """What staff asked for, and where."""

    form: str  # pdf | html | csv | slips
    target: Path | None = None
    grid: str = DEFAULT_GRID
    slips: thermal.Target | None = None

    @property
    def how(self) -> str:
        """As it is written down."""
        if self.slips is not None:
            return f"slip {self.slips.mm}"
        return how(self.form, self.grid)


def output_of(pdf: Path | None, html: Path | None, csv: Path | None, grid: str, slips: thermal.Target | None) -> Output:
    """The one output that was asked for; raises `Misconfigured`."""
    files = {form: path for form, path in (("pdf", pdf), ("html", html), ("csv", csv)) if path is not None}
    if len(files) + (slips is not None) != 1:
        raise Misconfigured("Say what to print, one of: --pdf FILE, --html FILE, --csv FILE, --slips 58 or 80.")
    if slips is not None:
        return Output(form="slips", slips=slips)
    form, path = next(iter(files.items()))
    return Output(form=form, target=path, grid=grid)


@voucher.command("print")
@tenant_option
@click.argument("batch_name", metavar="BATCH")
@click.option("--serials", default="", help="A part of it, like 1-36; the whole batch by default.")
@click.option("--pdf", type=FILE, help="Sheets A4, to be cut.")
@click.option(
    "--grid", type=click.Choice(list(GRIDS)), default=DEFAULT_GRID, show_default=True, help="Cards across x down."
)
@click.option("--html", type=FILE, help="A page that a browser prints.")
@click.option("--csv", type=FILE, help="A table, for other programs.")
@thermal.options
@click.option("--out", type=FILE, metavar="FILE", help="Slips: a file instead of a printer.")
@lang_option
@by_option
@click.pass_obj
def print_(
    settings: Settings,
    tenant_name: str,
    batch_name: str,
    serials: str,
    pdf: Path | None,
    grid: str,
    html: Path | None,
    csv: Path | None,
    slips: str | None,
    printer: str,
    drawing: str,
    out: Path | None,
    lang: str | None,
    by: str | None,
) -> None:
    """Print what can still be redeemed of a batch. The files hold codes: keep them like money."""
    if slips is None and (printer or out):
        raise Misconfigured("--printer and --out are for slips; add --slips 58 or --slips 80.")
    output = output_of(pdf, html, csv, grid, thermal.target_of(slips, drawing, printer, out) if slips else None)

    async def work(ground: Ground) -> None:
        tenant = await ground.tenant(tenant_name)
        batch = await batch_named(ground, tenant, batch_name)
        runs = _runs(ground, tenant)
        planned = await runs.plan(batch, *serials_of(serials, batch), lang=lang or "")
        if planned.left_out:
            click.echo(f"Left out: {counted(planned.left_out)}.")
        if output.slips is not None:
            await _slips(ground, runs, planned, output, actor(by))
        else:
            await _file(runs, planned, output, actor(by))

    run(settings, work)


def _runs(ground: Ground, tenant: Tenant) -> PrintRuns:
    return PrintRuns(
        db=ground.db,
        vault=ground.vault,
        clock=ground.clock,
        tenant=tenant,
        public_url=ground.settings.public_url,
    )


async def _file(runs: PrintRuns, planned: PrintRun, output: Output, by: str) -> None:
    assert output.target is not None
    job = Job(
        form=output.form,
        target=output.target,
        face=planned.face,
        cards=planned.cards,
        options={"grid": output.grid},
    )
    note = runs.note_exported if output.form == "csv" else runs.note_printed
    try:
        with _progress(len(planned.cards)) as progress:
            await press(job, progress, agree=lambda: note(planned, output.how, by))
    except asyncio.CancelledError:  # Ctrl-C
        click.echo(f"Stopped: nothing was printed, {output.target} is as it was.", err=True)
        raise
    again = _copies(planned) if output.form != "csv" else ""
    click.echo(f"{many(len(planned.cards), 'voucher')} of B{planned.batch.number}{again}: {output.target}")
    click.echo(KEEP_SAFE)


def _copies(planned: PrintRun) -> str:
    if not planned.again:
        return ""
    return ", a copy" if len(planned.cards) == 1 else f", {many(planned.again, 'of them a copy', 'of them copies')}"


@contextmanager
def _progress(count: int) -> Iterator[Callable[[int], None]]:
    """A bar on a terminal, if there is much to do."""
    if count < MANY or not sys.stderr.isatty():
        yield lambda done: None
        return
    with click.progressbar(length=count, label="vouchers", file=sys.stderr) as bar:
        yield lambda done: bar.update(done - bar.pos)


async def _slips(ground: Ground, runs: PrintRuns, planned: PrintRun, output: Output, by: str) -> None:
    """Slips leave one by one; what is out is written down even when the rest is stopped."""
    assert output.slips is not None
    sent: list[str] = []
    try:
        done = await thermal.print_slips(
            output.slips,
            planned.face,
            planned.cards,
            ground.clock,
            sent=sent,
            agree=lambda: runs.note_printed(planned, output.how, by),
        )
    finally:
        if sent:
            await runs.note_printed(planned, output.how, by, labels=sent)
    if done.doubtful:  # somebody may hold one of these, so that the next one is a copy
        await runs.note_printed(planned, f"{output.how}, unsure", by, labels=done.doubtful)
    if rest := thermal.go_on(done, planned.cards):
        raise BandoError(f"{done.said()} The rest is printed with {rest}.")
    click.echo(done.said())
    if output.slips.out is not None:
        click.echo(KEEP_SAFE)


@voucher.command()
@tenant_option
@click.argument("file", type=FILE)
@lang_option
@click.pass_obj
def poster(settings: Settings, tenant_name: str, file: Path, lang: str | None) -> None:
    """Make a poster (PDF, A4) that shows how to join. Its QR joins the Wi-Fi."""
    from portal.vouchers.poster import poster as poster_of  # what draws is slow to load; no other command needs it

    async def work(ground: Ground) -> None:
        tenant = await ground.tenant(tenant_name)
        logo = await ground.db.read(tenant.id, tenancy.logo)
        said = said_in(tenant.theme, lang or tenant.language)
        with named_whole(file) as part:
            part.write_bytes(poster_of(tenant, said, ground.settings.public_url, logo=logo))
            os.chmod(part, 0o644)  # no code is on it
        click.echo(f"A poster for the Wi-Fi {tenant.ssid}: {file}")

    run(settings, work)


COMMANDS: list[click.Command] = []  # these join the group of vouchers
