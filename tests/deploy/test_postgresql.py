"""PostgreSQL as it is deployed: a server with these settings and roles, its stream, its archive, and a restore."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from portal.db import open_database
from portal.db.roles import sees_everything, sees_too_much
from portal.migrate import migrate
from portal.place import Server
from portal.tenancy import store as tenancy
from tests.postgres import ACCOUNT, MEMORY, _runnable

FILES = Path(__file__).parents[2] / "deploy" / "postgresql"
CONF = (FILES / "bando.conf").read_text()
LOCAL = {  # what only fits a machine of its own
    "shared_buffers": "'64MB'",
    "effective_cache_size": "'256MB'",
    "maintenance_work_mem": "'32MB'",
    "max_wal_size": "'256MB'",
    "ssl": "off",
    "listen_addresses": "''",
    "archive_timeout": "'3s'",
}


@dataclass
class Installed:
    """A server in a folder of its own, with the files of `deploy/` in it."""

    folder: Path
    programs: Path

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def run(self, *words: str | Path, **more: str) -> str:
        done = subprocess.run(
            [str(each) for each in words],
            user=ACCOUNT if os.geteuid() == 0 else None,
            cwd=self.folder,
            env=self.environment(**more),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL if words[0] == "pg_ctl" else subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, f"{words}: {done.stdout}"
        return done.stdout or ""

    def environment(self, **more: str) -> dict[str, str]:
        own = {
            "PATH": f"{self.programs}:{os.environ['PATH']}",
            "LC_ALL": "C",
            "TMPDIR": str(self.folder),
            "PGHOST": str(self.folder),
            "PGUSER": "postgres",
            "BANDO_WAL_ARCHIVE": str(self.folder / "archive"),
        }
        return {**own, **more}

    def start(self, data: Path | None = None, socket: Path | None = None) -> None:
        where = data or self.data
        self.run("pg_ctl", "-D", where, "-w", "-l", f"{where}.log", "-o", f"-k {socket or self.folder}", "start")

    def stop(self, data: Path | None = None, mode: str = "fast") -> None:
        self.run("pg_ctl", "-D", data or self.data, "-m", mode, "-w", "stop")

    def server(self, role: str, socket: Path | None = None) -> Server:
        return Server(f"postgresql://{role}@/bando?host={socket or self.folder}")

    def psql(self, text: str, database: str = "bando", socket: Path | None = None) -> str:
        return self.run("psql", "-Atc", text, database, PGHOST=str(socket or self.folder)).strip()

    def write(self, path: Path, text: str) -> None:
        path.write_text(text)
        if os.geteuid() == 0:
            shutil.chown(path, ACCOUNT)


def set_up() -> Installed:
    folder = Path(tempfile.mkdtemp(prefix="bando-deploy-", dir=MEMORY if MEMORY.is_dir() else None))
    made = Installed(folder, _runnable(folder))
    for name in ("archive", "bases", "tools"):
        (folder / name).mkdir()
    for name in ("archive-wal", "base-backup", "restore-drill", "roles.sql"):
        shutil.copy2(FILES / name, folder / "tools" / name)
    if os.geteuid() == 0:
        for path in (folder, *folder.rglob("*")):
            if "programs" not in path.parts:
                shutil.chown(path, ACCOUNT)
    made.run("initdb", "-D", made.data, "-A", "trust", "-U", "postgres", "-E", "UTF8", "--no-sync", "--locale=C.UTF-8")
    conf = CONF.replace("/usr/local/lib/bando/archive-wal", str(folder / "tools" / "archive-wal"))
    own = "".join(f"{name} = {value}\n" for name, value in LOCAL.items())
    made.write(made.data / "bando.conf", conf + own)
    with (made.data / "postgresql.conf").open("a") as settings:
        settings.write("include 'bando.conf'\n")
    made.start()
    made.run("psql", "-q", "-v", "ON_ERROR_STOP=1", "-f", folder / "tools" / "roles.sql", "postgres")
    return made


@pytest.fixture(scope="module")
def installed() -> Iterator[Installed]:
    made = set_up()
    try:
        migrate(made.server("bando_owner"), app="bando_app", platform="bando_platform")
        yield made
    finally:
        made.stop(mode="immediate")
        shutil.rmtree(made.folder, ignore_errors=True)


def add_an_isp(at: Server, name: str) -> None:
    async def write() -> None:
        db = open_database(at)
        await db.write(None, tenancy.add_tenant, name, 1_790_000_000_000)
        await db.aclose()

    asyncio.run(write())


# --- settings and roles ---


def test_the_server_takes_every_setting(installed: Installed) -> None:
    names = re.findall(r"(?m)^(\w+) = ", CONF)
    listed = "', '".join(names)
    wrong = installed.psql("SELECT name || ': ' || error FROM pg_file_settings WHERE error IS NOT NULL")
    applied = installed.psql(f"SELECT COUNT(*) FROM pg_settings WHERE LOWER(name) IN ('{listed}')")

    assert wrong == ""
    assert int(applied) == len(set(names))
    assert installed.psql("SHOW synchronous_commit") == "on"


def test_the_lines_of_who_may_come_in_can_be_read(installed: Installed) -> None:
    path = installed.data / "pg_hba.conf"
    before = path.read_text()
    try:
        installed.write(path, (FILES / "pg_hba.conf").read_text())
        without_tls = "%SSL is not supported by this build"  # the server of the tests has none
        wrong = f"SELECT error FROM pg_hba_file_rules WHERE error NOT LIKE '{without_tls}'"
        assert installed.psql(wrong) == ""
        methods = installed.psql("SELECT DISTINCT auth_method FROM pg_hba_file_rules ORDER BY 1").split()
        assert methods == ["peer", "reject", "scram-sha-256"]
        last = installed.psql("SELECT auth_method FROM pg_hba_file_rules ORDER BY line_number DESC LIMIT 1")
        assert last == "reject"
    finally:
        installed.write(path, before)


def test_the_roles_see_what_they_should(installed: Installed) -> None:
    assert sees_too_much(installed.server("bando_app")) is None
    assert sees_too_much(installed.server("bando_owner")) is not None
    assert sees_everything(installed.server("bando_platform"))
    assert not sees_everything(installed.server("bando_app"))


def test_nobody_else_may_connect(installed: Installed) -> None:
    installed.psql("CREATE ROLE stranger LOGIN")

    async def connect() -> Any:
        return await asyncpg.connect(installed.server("stranger").url)

    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        asyncio.run(connect())


# --- archive, base backup, drill ---


def test_an_archived_file_is_never_replaced_by_another_one(installed: Installed) -> None:
    tool, place = installed.folder / "tools" / "archive-wal", installed.folder / "archive"
    for name, text in (("one", "first"), ("two", "second")):
        installed.write(installed.folder / name, text)
    installed.run(tool, installed.folder / "one", "F")
    installed.run(tool, installed.folder / "one", "F")  # asked again after a crash

    with pytest.raises(AssertionError):
        installed.run(tool, installed.folder / "two", "F")
    assert (place / "F").read_text() == "first"
    (place / "F").unlink()


def archived(installed: Installed) -> None:
    """Until all that was written so far lies in the archive."""
    name = installed.psql("SELECT pg_walfile_name(pg_switch_wal())")
    end = time.monotonic() + 30
    while not (installed.folder / "archive" / name).exists():
        assert time.monotonic() < end, "the archive does not grow"
        time.sleep(0.1)


def drill(installed: Installed, check: str, *moment: str) -> str:
    tool = installed.folder / "tools" / "restore-drill"
    return installed.run(tool, installed.folder / "bases", *moment, BANDO_CHECK=check, PGHOST="")


def test_a_drill_restores_what_came_after_the_base_and_a_moment_before_a_mistake(installed: Installed) -> None:
    add_an_isp(installed.server("bando_app"), "Before the base")
    installed.run(installed.folder / "tools" / "base-backup", installed.folder / "bases")
    add_an_isp(installed.server("bando_app"), "After the base")
    moment = installed.psql("SELECT clock_timestamp()")
    time.sleep(0.2)
    add_an_isp(installed.server("bando_app"), "The mistake")
    archived(installed)
    counting = installed.folder / "counting"
    installed.write(counting, '#!/bin/sh\nexec psql "$DATABASE_URL" -Atc "SELECT name FROM tenants ORDER BY id"\n')
    counting.chmod(0o755)

    whole, earlier = drill(installed, str(counting)), drill(installed, str(counting), moment)

    assert "Before the base\nAfter the base\nThe mistake\n" in whole
    assert "Before the base\nAfter the base\n" in earlier
    assert "The mistake" not in earlier
    assert "restored from base-" in whole
    assert list(installed.folder.glob("bando-drill.*")) == [], "nothing is left of it"


def test_a_drill_that_finds_a_breach_fails(installed: Installed) -> None:
    if not list((installed.folder / "bases").glob("base-*")):
        installed.run(installed.folder / "tools" / "base-backup", installed.folder / "bases")
    with pytest.raises(AssertionError):
        drill(installed, "false")


def test_old_bases_go_with_what_they_alone_needed_and_the_newest_stays(installed: Installed) -> None:
    bases, tool = installed.folder / "bases", installed.folder / "tools" / "base-backup"
    first = Path(installed.run(tool, bases).splitlines()[-1])
    needed = re.search(r"\(file ([0-9A-F]+)\)", (first / "backup_label").read_text())
    assert needed is not None
    archived(installed)
    for each in bases.glob("base-*"):
        os.utime(each, (0, 0))
    time.sleep(1.1)  # names hold seconds

    second = Path(installed.run(tool, bases).splitlines()[-1])

    assert list(bases.glob("base-*")) == [second]
    assert list(bases.glob(".part-*")) == []
    assert not (installed.folder / "archive" / needed[1]).exists()


# --- the replica ---


def test_a_replica_follows_and_takes_over(installed: Installed) -> None:
    data, socket = installed.folder / "replica", installed.folder / "replica-socket"
    socket.mkdir()
    if os.geteuid() == 0:
        shutil.chown(socket, ACCOUNT)
    words = ["-R", "-C", "-S", "replica1", "-X", "stream", "-c", "fast"]  # as README.md says it
    installed.run("pg_basebackup", "-h", installed.folder, "-U", "bando_replica", "-D", data, *words)
    installed.start(data, socket)
    try:
        add_an_isp(installed.server("bando_app"), "Streamed")
        end = time.monotonic() + 20
        count = "SELECT COUNT(*) FROM tenants WHERE name = 'Streamed'"
        while installed.psql(count, socket=socket) != "1":
            assert time.monotonic() < end, "the replica does not follow"
            time.sleep(0.05)
        assert installed.psql("SELECT state FROM pg_stat_replication") == "streaming"

        installed.run("pg_ctl", "-D", data, "-w", "promote")

        add_an_isp(installed.server("bando_app", socket), "After the primary")
        assert installed.psql("SELECT COUNT(*) FROM tenants WHERE name = 'After the primary'", socket=socket) == "1"
        assert sees_too_much(installed.server("bando_app", socket)) is None
    finally:
        installed.stop(data, mode="immediate")
        installed.psql("SELECT pg_drop_replication_slot('replica1') FROM pg_replication_slots WHERE NOT active")
