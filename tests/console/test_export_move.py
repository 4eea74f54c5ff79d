"""An owner takes everything away as one sealed file, which an empty installation takes in."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from portal.clock import MINUTE
from portal.moving import pack
from tests.console.office import Office
from tests.moving.move import moved_in, rows
from tests.support import on_postgres

PATH = "/export/move"
WORDS = "four words and a river"


async def test_an_owner_takes_a_file_that_an_empty_installation_takes_in(o: Office, tmp_path: Path) -> None:
    owner = await o.of("owner")
    assert "Everything, to move" in await owner.get("/export")
    answer = await owner.post(PATH, 200, passphrase=WORDS, again=WORDS)
    assert answer.headers["content-disposition"] == f'attachment; filename="isp-{o.home.tenant.public}.move"'
    assert answer.headers["cache-control"] == "no-store"
    file = tmp_path / "isp.move"
    file.write_bytes(answer.content)
    moved = moved_in(file, tmp_path / "there", o.home.clock.now())
    assert moved.tenant.public == o.home.tenant.public
    assert [each["name"] for each in rows(file)["staff"]] != []
    assert [each["act"] for each in await o.acts()] == ["export.move"]
    assert "sealed file, to move" in await owner.get("/audit")
    assert await o.verified()
    if not on_postgres():  # there it is held where the machine keeps what is not to stay
        assert sorted(each.name for each in o.home.db.path.parent.iterdir() if each.name.startswith("tmp")) == []


async def test_nobody_else_and_not_without_a_good_passphrase_and_the_password(o: Office) -> None:
    owner = await o.of("owner")
    for role in ("manager", "auditor"):
        other = await o.of(role)
        assert "Everything, to move" not in await other.get("/export")
        await other.post(PATH, 403, passphrase=WORDS, again=WORDS)
    short = await owner.post(PATH, 400, passphrase="too short", again="too short")
    assert "The passphrase is too short" in short.text
    assert "not the same" in (await owner.post(PATH, 400, passphrase=WORDS, again=WORDS + "s")).text
    o.home.clock.advance(11 * MINUTE)
    assert "password once more" in (await owner.post(PATH, 403, passphrase=WORDS, again=WORDS)).text
    assert await o.acts() == []


class Gate:
    """Packing that waits until it is let go on."""

    def __init__(self, real: Callable[..., Any]) -> None:
        self.real, self.begun, self.go = real, threading.Event(), threading.Event()
        self.threads: set[str] = set()

    def __call__(self, *args: Any) -> Any:
        self.threads.add(threading.current_thread().name)
        self.begun.set()
        assert self.go.wait(20)
        return self.real(*args)

    async def has_begun(self) -> None:
        while not self.begun.is_set():
            await asyncio.sleep(0.01)


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Gate:
    made = Gate(pack.spooled)
    monkeypatch.setattr(pack, "spooled", made)
    return made


async def test_one_file_is_made_at_a_time_in_a_thread_of_its_own(o: Office, gate: Gate) -> None:
    owner = await o.of("owner")
    first = asyncio.create_task(owner.post(PATH, 200, passphrase=WORDS, again=WORDS))
    await gate.has_begun()
    second = await owner.post(PATH, 429, passphrase=WORDS, again=WORDS)
    assert "one at a time" in second.text
    assert len(await o.acts()) == 1, "what is refused is no act"
    gate.go.set()
    await first
    await owner.post(PATH, 200, passphrase=WORDS, again=WORDS)
    assert all(each.startswith("bando-move") for each in gate.threads)


async def test_whoever_goes_away_keeps_their_turn_until_the_thread_is_free(
    o: Office, gate: Gate, tmp_path: Path
) -> None:
    packing = o.services.packing

    async def asks() -> None:
        with packing.turn():
            await packing.spooled(iter([b"x"]), tmp_path)

    first = asyncio.create_task(asks())
    await gate.has_begun()
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    owner = await o.of("owner")
    await owner.post(PATH, 429, passphrase=WORDS, again=WORDS)
    gate.go.set()
    while packing._taken:
        await asyncio.sleep(0.01)
    await owner.post(PATH, 200, passphrase=WORDS, again=WORDS)


async def test_a_turn_in_which_nothing_was_made_is_over(o: Office) -> None:
    with pytest.raises(ValueError, match="before"), o.services.packing.turn():
        raise ValueError("before")
    owner = await o.of("owner")
    await owner.post(PATH, 200, passphrase=WORDS, again=WORDS)
