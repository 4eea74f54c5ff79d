"""The command line: `bando serve` and its processes, `bando sandbox`, and the commands of `commands/`."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import ssl
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import click
import uvicorn

import commands
from app import Part, build
from commands.ground import must_be_usable, trust_for
from commands.serving import listen, listen_at, listen_beside, lock, serve_settings
from portal.db.failures import ENGINE_FAILS
from portal.db.serving import must_be_free
from portal.errors import BandoError, Misconfigured
from portal.listening import LeavingServer, allow_many_connections
from portal.logs import configure
from portal.place import Server
from portal.settings import Settings, load, refuse_unsafe
from workers import Workers, end_with

# A statement of the writer thread lets the event loop in; at the usual 5 ms it would wait as long to come back.
SWITCH_S = 0.0005


def ready(settings: Settings) -> None:
    """What must be right before serving; raises `Misconfigured`."""
    refuse_unsafe(settings)
    must_be_usable(settings)
    trust_for(settings)  # which each process reads anew: better to say it here than to start them again and again
    if isinstance(settings.place, Server):
        must_be_free(settings.place)
    if settings.tls_cert:
        try:
            ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(settings.tls_cert, settings.tls_key)
        except OSError as error:
            raise Misconfigured(
                "BANDO_TLS_CERT and BANDO_TLS_KEY do not name a readable certificate chain and its key in PEM."
            ) from error


@click.group(help="Captive-portal hotspot and voucher service for MikroTik routers.")
@click.version_option(package_name="bando")
@click.option(
    "--env-file",
    type=click.Path(path_type=Path, readable=False),
    envvar="BANDO_ENV_FILE",
    help="File of NAME=value lines.",
)
@click.pass_context
def cli(context: click.Context, env_file: Path | None) -> None:
    settings = load(env_file=env_file)
    configure(settings.log_level)
    context.obj = settings


@cli.command()
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1, 64), help="Processes that answer.")
@click.pass_obj
def serve(settings: Settings, workers: int) -> None:
    """Serve the portal and keep the routers.

    On PostgreSQL so many processes answer, and one more keeps the routers; SIGHUP exchanges them without a request
    that fails.
    """
    ready(settings)
    sys.setswitchinterval(SWITCH_S)
    allow_many_connections()
    if isinstance(settings.place, Server):
        with ExitStack() as stack:
            sockets = [stack.enter_context(each) for each in _sockets(settings)]
            _says(settings)
            Workers(["work", *["web"] * workers], sockets).run()
        return
    if workers > 1:
        raise Misconfigured("A database file is served by one process; for more of them see: bando db copy --help")
    with lock(settings.database), listen(settings) as listening:
        bando = build(settings)
        if bando.radius is not None:
            listen_beside(bando.radius)
        _says(settings)
        uvicorn.Server(serve_settings(settings, bando.web)).run([listening])


def _sockets(settings: Settings) -> Iterator[socket.socket]:
    """For guests and staff, and for FreeRADIUS if it asks here; raises `Misconfigured`."""
    yield listen(settings)
    if settings.radius_host:
        yield listen_at(settings.radius_host, settings.radius_port, "BANDO_RADIUS_LISTEN")


def _says(settings: Settings) -> None:
    click.echo(f"Bando serves {settings.public_url} on {settings.listen_host}:{settings.listen_port}")


@cli.command()
@click.pass_obj
def work(settings: Settings) -> None:
    """Keep routers and do what is due, beside `bando serve`, on this machine or another one. PostgreSQL only."""
    ready(settings)
    if not isinstance(settings.place, Server):
        raise Misconfigured("A database file is served by one process, which does all the work: bando serve")
    allow_many_connections()
    asyncio.run(_working(settings, lambda: click.echo("Bando works.")))


@cli.command(hidden=True)
@click.argument("part", type=click.Choice(["web", "work"]))
@click.argument("lives", type=int)
@click.argument("says", type=int)
@click.argument("listening")
@click.pass_obj
def process(settings: Settings, part: Part, lives: int, says: int, listening: str) -> None:
    """One of the processes of `bando serve`."""
    end_with(lives)
    sys.setswitchinterval(SWITCH_S)
    allow_many_connections()

    def started() -> None:
        with suppress(BrokenPipeError):  # nobody waits for that when it is not exchanged
            os.write(says, b"ready")
        os.close(says)

    if part == "work":
        asyncio.run(_working(settings, started))
        return
    bando = build(settings, part=part)
    first, *further = (socket.socket(fileno=int(each)) for each in listening.split(","))
    if bando.radius is not None:
        bando.radius.use(*further)
    LeavingServer(serve_settings(settings, bando.web), started).run([first])


async def _working(settings: Settings, started: Callable[[], object]) -> None:
    """Until SIGTERM or SIGINT."""
    over = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, over.set)
    bando = build(settings, part="work")
    await bando.start()
    started()
    await over.wait()
    await bando.stop()


@cli.command()
@click.option("--folder", type=click.Path(path_type=Path), default=Path("var/sandbox"), show_default=True)
@click.option("--port", default=8443, show_default=True, help="First of the ports that are used.")
@click.option("--paystack", type=click.Choice(["page", "prompt"]), help="Guests pay through Paystack, in this way.")
@click.option("--radius", is_flag=True, help="The router asks the FreeRADIUS of this machine; none calls it.")
@click.pass_obj
def sandbox(settings: Settings, folder: Path, port: int, paystack: str | None, radius: bool) -> None:
    """Start the whole world on this machine: router, phone, internet, payment providers, portal."""
    from sandbox.show import show  # the sandbox is no part of the service

    configure("warning")  # the addresses should stay in sight
    asyncio.run(show(folder, port, build, paystack or "", radius=radius))


commands.attach(cli)


def main() -> None:
    """Whatever an operator can mend is one sentence and exit code 1."""
    try:
        cli()
    except (BandoError, OSError, *ENGINE_FAILS) as failed:
        raise SystemExit(f"bando: {failed}") from None
