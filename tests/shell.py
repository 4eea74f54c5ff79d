"""A shell for tests of the command line: each command is a process of its own."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from subprocess import DEVNULL, PIPE, Popen

from portal.place import Place, Server
from tests import postgres
from tests.forks import Forks
from tests.support import on_postgres

HOME = Path(__file__).parent.parent
KEY = "0123456789abcdef0123456789abcdef"


@dataclass(kw_only=True)
class Ran:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def sentence(self) -> str:
        """The one sentence of a refusal."""
        assert self.code != 0, self.out
        assert "Traceback" not in self.err
        lines = self.err.strip().splitlines()
        assert len(lines) == 1, self.err
        assert lines[0].startswith("bando: ")
        return lines[0]


@dataclass(kw_only=True)
class Shell:
    """A folder with an installation in it, and its settings."""

    folder: Path
    forks: Forks
    environ: dict[str, str] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)

    @cached_property
    def place(self) -> Place:
        """Where the records are; on PostgreSQL a database of the shell's own."""
        url = self.environ.get("DATABASE_URL")
        if url is not None:
            return Server(url) if url else self.folder / "bando.db"
        return postgres.fresh_database() if on_postgres() else self.folder / "bando.db"

    def _server(self) -> dict[str, str]:
        """How the place is named, with its two other roles."""
        if not isinstance(self.place, Server):
            return {}
        owner, platform = (
            postgres.cluster().at(self.place.database, role).url for role in ("bando_owner", "bando_platform")
        )
        others = {"BANDO_DATABASE_OWNER_URL": owner, "BANDO_DATABASE_PLATFORM_URL": platform}
        return {"DATABASE_URL": self.place.url, **others}

    @property
    def env(self) -> dict[str, str]:
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("BANDO_") and name != "DATABASE_URL"
        }
        base = {
            "PYTHONPATH": str(HOME),
            "BANDO_MODE": "production",
            "BANDO_DATABASE": str(self.folder / "bando.db"),
            "BANDO_SECRET_KEY": KEY,
            "BANDO_PUBLIC_URL": "https://wifi.example.co.ke",
            "BANDO_DATA_PROTECTION_CONTACT": "privacy@example.co.ke",
        }
        return {**kept, **base, **self._server(), **self.environ}

    async def __call__(self, *words: str, stdin: str = "", **environ: str) -> Ran:
        """Run `bando` with these words; `environ` names settings without their prefix."""
        env = self.env | {f"BANDO_{name}": value for name, value in environ.items()}
        code, out, err = await self.forks.run(list(words), cwd=self.folder, env=env, stdin=stdin)
        return self._noted(Ran(code=code, out=out, err=err))

    async def anew(self, *words: str, **environ: str) -> Ran:
        """The same in a new interpreter, as from a shell."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bando", *words),
            cwd=self.folder,
            env=self.env | {f"BANDO_{name}": value for name, value in environ.items()},
            stdin=DEVNULL,
            stdout=PIPE,
            stderr=PIPE,
        )
        out, err = await asyncio.wait_for(process.communicate(), 90)
        assert process.returncode is not None
        return self._noted(Ran(code=process.returncode, out=out.decode(), err=err.decode()))

    def _noted(self, ran: Ran) -> Ran:
        self.said += [ran.out, ran.err]
        return ran

    async def well(self, *words: str, stdin: str = "", **environ: str) -> str:
        """The same, for a command that must succeed."""
        ran = await self(*words, stdin=stdin, **environ)
        assert ran.code == 0, ran.err
        return ran.out

    @contextmanager
    def serve(self, **environ: str) -> Iterator[Popen[str]]:
        """A `bando serve` that runs beside the test."""
        extra = {f"BANDO_{name}": value for name, value in environ.items()}
        process = Popen(  # its output is read when it has ended
            [sys.executable, "-m", "bando", "serve"],
            cwd=self.folder,
            env={**self.env, **extra},
            stdout=PIPE,
            stderr=PIPE,
            text=True,
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            self.said += process.communicate(timeout=90)
