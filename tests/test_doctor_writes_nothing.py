"""`bando doctor` looks, and leaves each row of the database as it was, whatever it finds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.forks import Forks
from tests.raw import changed, opened
from tests.shell import Shell
from tests.support import fresh_file
from tests.test_commands import SECRETS, add_account, outside

ELSEWHERE = "https://127.0.0.1:1"


@pytest.fixture
def shell(tmp_path: Path, forks: Forks) -> Shell:
    fresh_file(tmp_path)
    return Shell(folder=tmp_path, forks=forks, environ={"BANDO_MODE": "sandbox"})


def rows(shell: Shell) -> dict[str, list[str]]:
    """Every row of every table."""
    with opened(shell.place) as made:
        return {name: sorted(repr(tuple(row)) for row in made.execute(f"SELECT * FROM {name}")) for name in made.tables}


def change(shell: Shell, text: str) -> None:
    changed(shell.place, text)


def as_it_is(_: Shell) -> None:
    """Everything is registered."""


def before_the_first_start(shell: Shell) -> None:
    """As after an update from a version that had no register, and no keys of ISPs."""
    change(shell, "DELETE FROM processors")


def out_of_the_register(shell: Shell) -> None:
    change(shell, "UPDATE processors SET removed_at = 1, removed_by = 'staff:x'")


@pytest.mark.parametrize("state", [as_it_is, before_the_first_start, out_of_the_register], ids=lambda f: f.__name__)
async def test_the_doctor_leaves_each_row_as_it_was(shell: Shell, state: Callable[[Shell], None]) -> None:
    async with outside(shell.folder) as world:
        await shell.well("tenant", "add", "Kilimani Wi-Fi")
        assert (await add_account(shell, world.mpesa_url, SECRETS)).code == 0
        state(shell)
        before = rows(shell)
        told = await shell("doctor", PUBLIC_URL=ELSEWHERE)
    assert rows(shell) == before
    assert any("Kilimani Wi-Fi" in each for each in before["tenants"])
    assert ("register of processors" in told.out) == (state is not as_it_is)
    assert "Traceback" not in told.err


async def test_it_does_not_choose_the_key_of_a_database_that_nobody_has_used(shell: Shell) -> None:
    """A key that was mistyped while looking would else be the only one that is taken."""
    before = rows(shell)
    await shell("doctor", PUBLIC_URL=ELSEWHERE, SECRET_KEY="mistyped key of more than 32 characters")
    assert rows(shell) == before
    await shell.well("tenant", "add", "Kilimani Wi-Fi")


async def test_a_command_that_uses_it_does(shell: Shell) -> None:
    """The control: rows are compared in earnest."""
    before = rows(shell)
    await shell.well("tenant", "list")
    assert rows(shell) != before
