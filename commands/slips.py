"""How slips get to paper from the command line: progress, notes for staff, Ctrl-C between two slips."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from portal.clock import Clock
from portal.errors import Misconfigured
from portal.vouchers.paper import Card, Face
from portal.vouchers.print_run import part
from portal.vouchers.printer_line import PrinterError, host_and_port
from portal.vouchers.slip_printer import Run, Slip, SlipPrinter, write_file
from portal.vouchers.slips import WIDTHS, Press, Qr


@dataclass(frozen=True, kw_only=True)
class Target:
    """Where slips go, and how they are drawn."""

    mm: int
    drawing: Qr
    printer: str = ""  # HOST or HOST:9100
    out: Path | None = None


def target_of(slips: str, drawing: str, printer: str, out: Path | None) -> Target:
    """What the options say; raises `Misconfigured`."""
    if bool(printer) == (out is not None):
        raise Misconfigured("Say where the slips go: --printer HOST, or --out FILE.bin.")
    try:
        if printer:
            host_and_port(printer)
    except PrinterError as error:
        raise Misconfigured(f"{error}.") from error
    return Target(mm=int(slips), drawing="native" if drawing == "native" else "raster", printer=printer, out=out)


def options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of slips."""
    found = (
        click.option("--slips", type=click.Choice([str(mm) for mm in WIDTHS]), help="Thermal slips, mm of paper."),
        click.option("--printer", default="", metavar="HOST[:9100]", help="Slips: the printer on the network."),
        click.option(
            "--qr",
            "drawing",
            type=click.Choice(["raster", "native"]),
            default="raster",
            show_default=True,
            help="Slips: native is quicker, but many 58 mm printers do not know it.",
        ),
    )
    for option in reversed(found):  # so that help lists them in this order
        command = option(command)
    return command


async def print_slips(
    target: Target,
    face: Face,
    cards: Sequence[Card],
    clock: Clock,
    *,
    sent: list[str],
    agree: Callable[[], Awaitable[None]],
) -> Run:
    """Print them. Ctrl-C stops behind a slip.

    `sent` has, at every moment, the labels that the printer surely has; `agree` is awaited before a file gets its name.
    """
    press = Press(face=face, width=WIDTHS[target.mm], drawing=target.drawing)
    slips = (Slip(label=card.label, data=press.slip(card)) for card in cards)
    with _stopping() as stop, _progress(len(cards)) as step:

        def out(label: str) -> None:
            sent.append(label)
            step(1)

        if target.out is None:
            return await SlipPrinter(address=target.printer, clock=clock, tell=_tell, out=out).print(slips, stop)
        return await write_file(target.out, slips, stop=stop, out=lambda label: step(1), agree=agree)


def go_on(run: Run, cards: Sequence[Card]) -> str:
    """The option that prints the rest."""
    if run.next is None:
        return ""
    return f"--serials {part(int(run.next.rpartition('-')[2]), int(cards[-1].label.rpartition('-')[2]))}"


def _tell(note: str) -> None:
    click.echo(f"\n{note}.", err=True)


@contextmanager
def _progress(count: int) -> Iterator[Callable[[int], None]]:
    if count < 2 or not sys.stderr.isatty():
        yield lambda n: None
        return
    with click.progressbar(length=count, label="slips", file=sys.stderr) as bar:
        yield bar.update


@contextmanager
def _stopping() -> Iterator[asyncio.Event]:
    """An event that Ctrl-C (or SIGTERM) sets; a second Ctrl-C breaks off as always."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    before = signal.getsignal(signal.SIGINT)

    def ask() -> None:
        if not stop.is_set():
            _tell("Stopping after this slip; press Ctrl-C again to break off")
            stop.set()
            signal.signal(signal.SIGINT, before)

    for each in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(each, ask)
    try:
        yield stop
    finally:
        for each in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(each)
        signal.signal(signal.SIGINT, before)
