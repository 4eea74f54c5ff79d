"""A service that runs writes its database and nothing beside it: log lines go to standard error alone."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path

import pytest

from portal.logs import GATHER_S
from tests.attacks.guest import VICTIM_PHONE, a_world

# SQLite's own files, and the sandbox's certificates.
OWN = re.compile(r"bando\.db(?:-wal|-shm|\.serve\.lock)?|ca/.*")


def strange(folder: Path) -> list[str]:
    """Files that are neither the database nor the sandbox's."""
    files = (each.relative_to(folder).as_posix() for each in folder.rglob("*") if each.is_file())
    return [each for each in files if not OWN.fullmatch(each)]


async def test_a_service_writes_no_file_beside_its_database(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    async with a_world(tmp_path) as w:
        mac = (await w.site.phone(1)).mac
        await w.buy(mac, "1 hour", VICTIM_PHONE)
        await w.http.get("/nowhere")
        await w.http.get("/console/login")
        w.site.api.drop_all()
        await asyncio.sleep(2 * GATHER_S)
        found = strange(tmp_path)
    lines = [json.loads(line) for line in capfd.readouterr().err.splitlines() if line.startswith("{")]

    assert found == []
    assert strange(tmp_path) == []
    assert "/nowhere" not in str(lines)
    assert "/hook/{token}" in {each.get("route") for each in lines}, "they are on standard error"


@pytest.mark.parametrize("name", ["access.log", "access.log.1.gz", "log/today", "bando.db.log"])
def test_a_file_of_lines_would_be_noticed(tmp_path: Path, name: str) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("")
    assert strange(tmp_path) == [name]
