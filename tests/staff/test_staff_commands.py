"""`bando staff`: the first owner, lost passwords and lost phones, from the machine itself."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from portal.audit import store as audit
from portal.clock import SystemClock
from portal.db import open_database
from portal.keys.ring import vault_for_units, vault_of
from portal.staff import store
from portal.staff.room import StaffRoom
from tests.forks import Forks
from tests.shell import KEY, Shell
from tests.staff.people import EMAIL, OFFICE, PASSWORD
from tests.support import fresh_file

LINK = re.compile(r"https://wifi\.example\.co\.ke/console/link/(\S+)")


@pytest.fixture
async def shell(tmp_path: Path, forks: Forks) -> Shell:
    """An installation with an ISP."""
    made = Shell(folder=tmp_path, forks=forks)
    fresh_file(tmp_path)
    await made.well("tenant", "add", "Kilimani Wi-Fi")
    return made


@asynccontextmanager
async def room_of(shell: Shell) -> AsyncIterator[StaffRoom]:
    """What the service would have."""
    db = open_database(shell.place)
    room = StaffRoom(db, vault_of(KEY.encode(), db, SystemClock()), SystemClock())
    try:
        yield room
    finally:
        room.close()
        await db.aclose()


def token_in(text: str) -> str:
    found = LINK.search(text)
    assert found is not None, text
    return found[1]


async def test_the_first_owner_is_invited_reset_and_switched(shell: Shell) -> None:
    said = await shell.well("staff", "add", EMAIL, "Wanjiku Kamau", "--role", "owner")
    assert "72 hours" in said
    async with room_of(shell) as room:
        await room.use_link(token_in(said), PASSWORD)
        entered = await room.log_in(EMAIL, PASSWORD, "", address=OFFICE, browser="")
        listed = await shell.well("staff", "list")
        assert re.search(rf"{EMAIL} +Wanjiku Kamau +owner +active +no", listed)
        assert "last owner" in (await shell("staff", "off", EMAIL)).sentence

        said = await shell.well("staff", "reset", EMAIL.lower())
        assert "24 hours" in said
        assert await room.enter(entered.token) is None
        await room.use_link(token_in(said), PASSWORD)


async def test_an_account_with_a_password_is_usable_at_once(shell: Shell) -> None:
    said = await shell.well("staff", "add", EMAIL, "Wanjiku", "--role", "owner", "--password", stdin=f"{PASSWORD}\n")
    assert not LINK.search(said)
    await shell.well("staff", "add", "b@kilimani.test", "Otieno", "--role", "cashier", "--password", stdin=PASSWORD)
    await shell.well("staff", "second-off", EMAIL)
    assert "off" in await shell.well("staff", "off", "b@kilimani.test")
    assert "active" in await shell.well("staff", "on", "b@kilimani.test")

    async with room_of(shell) as room:
        assert (await room.log_in(EMAIL, PASSWORD, "", address=OFFICE, browser="")).staff.role == "owner"
        db, tenant = open_database(shell.place), 1
        acts = await db.read(tenant, audit.page, None, 10)
        found = await db.read(tenant, store.all_staff)
        assert await db.read(tenant, audit.verify_all, vault_for_units(KEY.encode(), None)) is None
        await db.aclose()
    assert [(each["actor"], each["act"], each["subject"]) for each in reversed(acts)] == [
        ("command", "staff.invite", f"staff:{found[0].public}"),
        ("command", "staff.invite", f"staff:{found[1].public}"),
        ("command", "staff.second-off", f"staff:{found[0].public}"),
        ("command", "staff.off", f"staff:{found[1].public}"),
        ("command", "staff.on", f"staff:{found[1].public}"),
    ]
    assert PASSWORD not in "".join(shell.said)


async def test_what_cannot_be_done_is_a_sentence_and_leaves_nothing(shell: Shell) -> None:
    assert "e-mail address" in (await shell("staff", "add", "wanjiku", "W", "--role", "owner")).sentence
    weak = await shell("staff", "add", EMAIL, "W", "--role", "owner", "--password", stdin="password1\n")
    assert "commonest" in weak.sentence
    assert "Nobody has" in (await shell("staff", "reset", EMAIL)).sentence
    assert "Nobody yet" in await shell.well("staff", "list")
    await shell.well("staff", "add", EMAIL, "W", "--role", "owner")
    assert "already" in (await shell("staff", "add", EMAIL.upper(), "W", "--role", "auditor")).sentence
    again = await shell.well("staff", "reset", EMAIL)  # a lost invitation: another one
    assert "72 hours" in again
