"""A real FreeRADIUS with the configuration of deploy/freeradius, and radclient: started, asked, read, stopped."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from sandbox.radius.site import free_udp_ports

ROOT = Path(__file__).parents[2]
RADDB = ROOT / "deploy" / "freeradius"
MODULE = Path("/usr/lib/freeradius/rlm_rest.so")
PATIENCE_S = 60.0  # a machine with much else to do takes its time

LOCAL = """
bando {{
	url = "{url}"
	token = "{token}"
	address = 127.0.0.1
	auth_port = {auth}
	acct_port = {acct}
	spool = {folder}/spool
}}
prefix = /usr
logdir = {folder}/log
run_dir = {folder}/run
raddbdir = {folder}
"""
NETWORKS = """
client here {{
	ipaddr = 127.0.0.0/8
	dynamic_clients = bando_clients
	lifetime = {lifetime}
	rate_limit = no
}}
"""


def required() -> str:
    """The program; whoever has none can run the other tests, but continuous integration must have it."""
    found = shutil.which("freeradius") or shutil.which("freeradius", path="/usr/sbin")
    if found and MODULE.exists() and shutil.which("radclient"):
        return found
    missing = "no FreeRADIUS (install the packages freeradius, freeradius-rest and freeradius-utils)"
    if os.environ.get("BANDO_REQUIRE_BROWSER") == "1":
        pytest.fail(missing)
    pytest.skip(missing)


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What radclient says it got: the kind of answer ("" is none) and its attributes."""

    kind: str
    attributes: Mapping[str, str]
    said: str


@dataclass(kw_only=True)
class FreeRadius:
    """One running FreeRADIUS."""

    folder: Path
    auth_port: int
    acct_port: int
    process: asyncio.subprocess.Process

    @property
    def spooled(self) -> int:
        """Bytes that wait in the spool."""
        return sum(each.stat().st_size for each in (self.folder / "spool").iterdir())

    @property
    def log(self) -> str:
        path = self.folder / "log" / "bando.log"
        return path.read_text() if path.exists() else ""

    async def ask(
        self,
        attributes: Mapping[str, str | int],
        *,
        secret: str,
        source: str = "127.0.0.1",
        kind: str = "auth",
        retries: int = 1,
        timeout_s: float = 3.0,
    ) -> Reply:
        """One packet by radclient, from this address. It adds a Message-Authenticator by itself when it is asked to."""
        lines = "\n".join(f"{name} = {_written(value)}" for name, value in attributes.items())
        port = self.acct_port if kind == "acct" else self.auth_port
        words = ["radclient", "-x", "-r", str(retries), "-t", str(timeout_s), f"127.0.0.1:{port}", kind, secret]
        asked = await asyncio.create_subprocess_exec(
            *words, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        said, _ = await asked.communicate(f"{lines}\nPacket-Src-IP-Address = {source}\n".encode())
        return reply_in(said.decode())

    async def stop(self) -> None:
        if self.process.returncode is None:
            self.process.terminate()
        try:
            await asyncio.wait_for(self.process.wait(), 5)
        except TimeoutError:
            self.process.kill()
            await self.process.wait()


def _written(value: str | int) -> str:
    if isinstance(value, int) or value.startswith("0x"):
        return str(value)
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def reply_in(said: str) -> Reply:
    """What radclient got, in what it prints with -x."""
    found = re.search(r"^Received (\S+) Id .*?\n((?:\t.*\n)*)", said, re.MULTILINE)
    if found is None:
        return Reply(kind="", attributes={}, said=said)
    pairs = (line.strip().partition(" = ") for line in found[2].splitlines())
    return Reply(kind=found[1], attributes={name: value.strip('"') for name, _, value in pairs}, said=said)


def configure(folder: Path, url: str, token: str, lifetime: int = 120) -> tuple[int, int]:
    """deploy/freeradius as it stands, in a folder of its own, with what differs from place to place; its two ports."""
    shutil.copytree(RADDB, folder)
    for each in ("log", "run", "spool"):
        (folder / each).mkdir()
    auth, acct = free_udp_ports(2)
    (folder / "local.conf").write_text(LOCAL.format(url=url, token=token, auth=auth, acct=acct, folder=folder))
    (folder / "networks.conf").write_text(NETWORKS.format(lifetime=lifetime))
    return auth, acct


async def start(folder: Path, ports: tuple[int, int]) -> FreeRadius:
    """Start it on a configured folder; it is there when this returns."""
    process = await asyncio.create_subprocess_exec(
        required(), "-f", "-d", str(folder), "-n", "radiusd", stdout=asyncio.subprocess.DEVNULL
    )
    made = FreeRadius(folder=folder, auth_port=ports[0], acct_port=ports[1], process=process)
    try:
        async with asyncio.timeout(PATIENCE_S):
            while "Ready to process requests" not in made.log:
                assert process.returncode is None, f"FreeRADIUS did not start: {made.log}"
                await asyncio.sleep(0.02)
    except BaseException as broken:
        broken.add_note(made.log)
        await made.stop()
        raise
    return made


@asynccontextmanager
async def running(folder: Path, url: str, token: str, lifetime: int = 120) -> AsyncIterator[FreeRadius]:
    """A FreeRADIUS in front of the Bando at this address."""
    made = await start(folder, configure(folder, url, token, lifetime))
    try:
        yield made
    finally:
        await made.stop()
