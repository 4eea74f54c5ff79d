"""The installed FreeRADIUS with the configuration of deploy/freeradius, on ports of its own."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

RADDB = Path(__file__).parents[2] / "deploy" / "freeradius"
MODULES = Path("/usr/lib/freeradius")
PATIENCE_S = 20.0
INSTALL = (
    "A router in RADIUS mode needs FreeRADIUS 3.2 on this machine; on Debian and Ubuntu:"
    " apt-get install freeradius freeradius-rest freeradius-utils"
)
_LOCAL = """\
bando {{
	url = "{url}"
	token = "{token}"
	address = {address}
	auth_port = {authentication}
	acct_port = {accounting}
	spool = {folder}/spool
}}
prefix = /usr
logdir = {folder}/log
run_dir = {folder}/run
raddbdir = {folder}
"""
_NETWORKS = """\
client doctor {
	ipaddr = ${bando.address}
	secret = ${bando.token}
	require_message_authenticator = yes
}
client sandbox {
	ipaddr = 127.0.0.0/8
	dynamic_clients = bando_clients
	lifetime = 5
	rate_limit = no
}
"""


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where it listens, and where it asks."""

    authentication: int
    accounting: int
    url: str
    token: str
    address: str = "127.0.0.1"


class NotInstalled(RuntimeError):
    """There is no FreeRADIUS here that can ask Bando."""

    def __str__(self) -> str:
        return INSTALL


def program() -> str | None:
    """The program, if it is here with its module for HTTP."""
    found = shutil.which("freeradius") or shutil.which("freeradius", path="/usr/sbin")
    return found if found and (MODULES / "rlm_rest.so").exists() else None


def configure(folder: Path, place: Place) -> None:
    """deploy/freeradius as it stands, in this folder, with what differs from place to place."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(RADDB, folder)
    for each in ("log", "run", "spool"):
        (folder / each).mkdir()
    (folder / "local.conf").write_text(_LOCAL.format(folder=folder, **place.__dict__))
    (folder / "networks.conf").write_text(_NETWORKS)


@asynccontextmanager
async def freeradius(folder: Path, place: Place) -> AsyncIterator[None]:
    """It answers when this is entered; raises `NotInstalled`."""
    found = program()
    if found is None:
        raise NotInstalled
    configure(folder, place)
    words = (found, "-f", "-d", str(folder), "-n", "radiusd")
    process = await asyncio.create_subprocess_exec(*words, stdout=asyncio.subprocess.DEVNULL)
    try:
        await _ready(process, folder / "log" / "bando.log")
        yield
    finally:
        await _stopped(process)


async def _ready(process: asyncio.subprocess.Process, log: Path) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not (log.exists() and "Ready to process requests" in log.read_text()):
            if process.returncode is not None:
                raise RuntimeError(log.read_text() if log.exists() else "FreeRADIUS did not start")
            await asyncio.sleep(0.02)


async def _stopped(process: asyncio.subprocess.Process) -> None:
    with suppress(ProcessLookupError):
        process.terminate()
    try:
        await asyncio.wait_for(process.wait(), 5)
    except TimeoutError:
        process.kill()
        await process.wait()
