"""What every benchmark stands on: the sandbox world here, the portal as `bando serve` in a process of its own.

Router, M-Pesa and clients share this process, so that a row's arrival and the request that caused it are read
from one clock; with the portal beside it, two cores are in use.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import ssl
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from portal.place import Server
from sandbox.world import Site, outside
from tests import postgres

PATIENCE_S = 60.0


@asynccontextmanager
async def place() -> AsyncIterator[Site]:
    """A world in a temporary folder; the portal is not started yet."""
    with tempfile.TemporaryDirectory(prefix="bando-bench-") as folder:
        async with outside(Path(folder)) as site:
            yield site


def server_on_disk() -> Server:
    """An empty database of a PostgreSQL server that comes with the tests, but durable, and cared for as one is."""
    postgres.MEMORY = Path(tempfile.gettempdir())
    postgres.OPTIONS.update({"fsync": "on", "autovacuum": "on", "shared_buffers": "512MB"})
    return postgres.fresh_database()


def as_owner(server: Server, *statements: str) -> None:
    """Statements of the server's superuser."""
    postgres.in_thread(postgres.execute(postgres.cluster().at(server.database, "postgres"), *statements))


def environment(site: Site, *, tls: bool, **more: str) -> dict[str, str]:
    """The settings of the world, as `bando serve` reads them."""
    settings = site.settings
    own = {
        "BANDO_MODE": "sandbox",
        "BANDO_DATABASE": str(settings.database),
        "BANDO_SECRET_KEY": settings.secret_key,
        "BANDO_PUBLIC_URL": settings.public_url,
        "BANDO_LISTEN": f"{settings.listen_host}:{settings.listen_port}",
        "BANDO_CA_FILE": settings.ca_file,
        "BANDO_PROMPTS_ROUTER": "100000",
        "BANDO_PROMPTS_TENANT": "100000",
    }
    if tls:
        own |= {"BANDO_TLS_CERT": settings.tls_cert, "BANDO_TLS_KEY": settings.tls_key}
    kept = {name: value for name, value in os.environ.items() if not name.startswith("BANDO_")}
    return {**kept, **own, **more}


@asynccontextmanager
async def portal(
    site: Site, words: Sequence[str] = ("serve",), *, tls: bool = True, **more: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    """`bando serve`, ready; its log goes to a file, as a service's does."""
    with (site.folder / "serve.log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", "import bando; bando.main()", *words,
            env=environment(site, tls=tls, **more), stdout=log, stderr=log,
        )  # fmt: skip
    try:
        await answering(*site.portal_address, site.ca.client_context() if tls else None, process)
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def answering(host: str, port: int, tls: ssl.SSLContext | None, process: asyncio.subprocess.Process) -> None:
    """Until a server answers a request; its socket may be open long before."""
    async with asyncio.timeout(PATIENCE_S):
        while process.returncode is None:
            with contextlib.suppress(OSError):
                reader, writer = await asyncio.open_connection(host, port, ssl=tls)
                writer.write(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                status = await reader.readline()
                writer.transport.abort()
                if status:
                    return
            await asyncio.sleep(0.02)
    raise RuntimeError("the server ended before it answered")


async def until(true: Callable[[], bool], seconds: float = PATIENCE_S) -> None:
    """Until something is so."""
    async with asyncio.timeout(seconds):
        while not true():
            await asyncio.sleep(0.005)


def worked_s(pid: int) -> float:
    """Seconds of processor time of a process, and of those that it started and that still run."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    own = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return own + sum(worked_s(int(each)) for each in children)


def mac_of(number: int) -> str:
    return f"02:00:00:{number >> 16 & 255:02X}:{number >> 8 & 255:02X}:{number & 255:02X}"


def address_of(number: int) -> str:
    return f"10.5.{50 + number // 250}.{1 + number % 250}"


def arrive(site: Site, number: int) -> None:
    """A phone joins the Wi-Fi."""
    site.router.host_seen(mac_of(number), address_of(number))


@dataclass(kw_only=True)
class Watch:
    """When each device's row came into the router's active table."""

    at: dict[str, float] = field(default_factory=dict)  # by MAC

    def __call__(self, change: str, row: Any) -> None:
        if change == "add":
            self.at[row["mac-address"]] = time.perf_counter()


def watch(site: Site) -> Watch:
    """Watch the active table from now on."""
    made = Watch()
    site.router.tables["/ip/hotspot/active"].after.append(made)
    return made
