"""Portals as processes, from the side of the test: start, kill, see how they ended."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from portal.settings import Settings

ROOT = Path(__file__).parents[2]
PATIENCE_S = 60.0


def environment(settings: Settings, **more: str) -> dict[str, str]:
    """The settings of a world, as the environment of a portal."""
    return {
        "BANDO_MODE": "sandbox",
        "BANDO_DATABASE": str(settings.database),
        "BANDO_SECRET_KEY": settings.secret_key,
        "BANDO_PUBLIC_URL": settings.public_url,
        "BANDO_LISTEN": f"{settings.listen_host}:{settings.listen_port}",
        "BANDO_TLS_CERT": settings.tls_cert,
        "BANDO_TLS_KEY": settings.tls_key,
        "BANDO_CA_FILE": settings.ca_file,
        "BANDO_CLOCK_FILE": settings.clock_file,
        "BANDO_MPESA_QUERY_EVERY": str(settings.mpesa_query_every_ms // 1000),
        **more,
    }


@dataclass(kw_only=True)
class Portal:
    """One portal process."""

    pid: int
    end: asyncio.Task[int]

    @property
    def dead(self) -> bool:
        return self.end.done()

    async def kill(self) -> None:
        """`kill -9`, and wait until it is gone."""
        if not self.dead:
            os.kill(self.pid, signal.SIGKILL)
        await self.end


class Launcher:
    """Runs one portal at a time."""

    def __init__(self, process: asyncio.subprocess.Process, log: Path) -> None:
        self._process = process
        self.log = log

    async def start(self, settings: Settings, **order: Any) -> Portal:
        """Start a portal and wait until it answers."""
        order = {"settings": environment(settings), "log": str(self.log), **order}
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order).encode() + b"\n")
        said = await self._hear()
        portal = Portal(pid=said["pid"], end=asyncio.create_task(self._ended()))
        async with asyncio.timeout(PATIENCE_S):
            await self._answers(portal, settings.listen_host, settings.listen_port)
        return portal

    async def run(self, duty: str, **order: Any) -> int:
        """Run something else to its end, or to its death: an exit code, or minus a signal."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"duty": duty, "log": str(self.log), **order}).encode() + b"\n")
        await self._hear()
        return await self._ended()

    async def _hear(self) -> dict[str, int]:
        assert self._process.stdout is not None
        line = await self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the launcher ended:\n{self.written()}")
        said: dict[str, int] = json.loads(line)
        return said

    async def _ended(self) -> int:
        return (await self._hear())["ended"]

    async def _answers(self, portal: Portal, host: str, port: int) -> None:
        while True:
            if portal.dead:
                raise RuntimeError(f"the portal ended with {portal.end.result()}:\n{self.written()}")
            try:
                _, writer = await asyncio.open_connection(host, port)
            except OSError:
                await asyncio.sleep(0.01)
            else:
                writer.transport.abort()
                return

    def written(self) -> str:
        """The last of what the portals wrote."""
        return self.log.read_text()[-4000:] if self.log.exists() else ""


@asynccontextmanager
async def launcher(log: Path, **env: str) -> AsyncIterator[Launcher]:
    """A launcher; `env` is added to its environment."""
    kept: Mapping[str, str] = {name: text for name, text in os.environ.items() if not name.startswith("BANDO_")}
    with log.open("ab") as errors:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.crash.launcher",
            cwd=ROOT,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=errors,
            env={**kept, "PYTHONPATH": str(ROOT), **env},
        )
    try:
        yield Launcher(process, log)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        await process.wait()
