"""bando person: a file of what is known of somebody, and their end; and a backup that is put back afterwards."""

from __future__ import annotations

import json
import stat
from contextlib import closing
from pathlib import Path

import pytest

from portal.people import store as people
from portal.phone import Phone
from portal.seal import Vault
from tests.forks import Forks
from tests.hand import hand_on
from tests.privacy.rows import NOW, Planted
from tests.raw import opened
from tests.shell import KEY, Shell
from tests.support import fresh_file

PHONE, MAC = Phone("254722000333"), "02:00:5E:00:00:21"
BREACHED = "--with-breaches"
OF_SQLITE = pytest.mark.sqlite_only(reason="a server is backed up by its own tools")
TO_ERASE = ("person", "erase", "--reason", "They asked for it")


@pytest.fixture
async def shell(tmp_path: Path, forks: Forks) -> Shell:
    fresh_file(tmp_path)
    made = Shell(folder=tmp_path, forks=forks)
    await made.well("tenant", "add", "Kilimani Wi-Fi")
    with closing(hand_on(made.place)) as hand:
        person = hand.run(people.person_for(Vault(KEY.encode()), 1, PHONE, NOW), 1)
    planted = Planted(made.place)
    with closing(planted.connection):
        device = planted.row("devices", 1, mac=MAC)
        planted.row("payments", 1, device_id=device, person_id=person, state="paid", plan_copy="{}")
    return made


def known(shell: Shell) -> int:
    with opened(shell.place) as connection:
        text = "SELECT COUNT(*) FROM persons p, devices d WHERE p.phone_index IS NOT NULL AND d.mac NOT LIKE 'gone-%'"
        return int(connection.execute(text).fetchone()[0])


@pytest.mark.parametrize("who", ["0722 000 333", "+254722000333", MAC.lower(), "02005e000021"])
async def test_all_that_is_known_lies_in_a_file_for_its_owner_alone(shell: Shell, who: str) -> None:
    place = shell.folder / "data.json"
    said = await shell.well("person", "data", "--to", str(place), stdin=f"{who}\n")
    assert "3 rows in" in said
    assert stat.S_IMODE(place.stat().st_mode) == 0o600
    tables = {each["name"]: each["rows"] for each in json.loads(place.read_text())["tables"]}
    assert tables["persons"][0]["phone_sealed"] == PHONE.digits
    assert tables["devices"][0]["mac"] == MAC


async def test_a_file_that_is_there_is_not_overwritten(shell: Shell) -> None:
    place = shell.folder / "data.json"
    place.write_text("mine")
    assert "Name a new file" in (await shell("person", "data", "--to", str(place), stdin="0722000333\n")).sentence
    assert place.read_text() == "mine"


async def test_without_yes_it_says_what_would_go_and_nothing_goes(shell: Shell) -> None:
    ran = await shell(*TO_ERASE, stdin="0722000333\n")
    assert ran.code != 0
    assert "phone numbers" in ran.out
    assert "--yes" in ran.err
    assert known(shell) == 1


async def test_they_are_erased_and_their_list_lies_beside_the_database(shell: Shell) -> None:
    said = await shell.well(*TO_ERASE, "--yes", stdin="0722000333\n")
    assert "They are erased" in said
    assert known(shell) == 0
    listed = (shell.folder / "bando.db.erased").read_text()
    assert len(listed.splitlines()) == 3
    assert PHONE.digits not in listed
    assert MAC not in listed
    assert "person.erase" in await shell.well("audit", "list")


@pytest.mark.parametrize(
    ("who", "sentence"),
    [("0733 000 000", "Nobody with this number"), ("02:00:5E:00:00:99", "Nobody with this number"), ("x", "neither")],
)
async def test_who_is_not_known_is_one_sentence(shell: Shell, who: str, sentence: str) -> None:
    assert sentence in (await shell(*TO_ERASE, "--yes", stdin=f"{who}\n")).sentence
    assert known(shell) == 1


@OF_SQLITE
async def test_a_backup_that_is_put_back_forgets_them_again(shell: Shell) -> None:
    folder = shell.folder / "backups"
    folder.mkdir()
    await shell("backup", str(folder))  # with breaches: what they paid for is planted by hand
    await shell.well(*TO_ERASE, "--yes", stdin="0722000333\n")
    file = next(folder.glob("*.backup"))

    said = await shell.well("restore", str(file), "--to", str(shell.folder / "bando.db"), "--replace", BREACHED)

    assert "2 people or devices erased again" in said
    assert known(shell) == 0


@OF_SQLITE
async def test_without_any_list_the_operator_is_told_so(shell: Shell, tmp_path: Path) -> None:
    folder, place = shell.folder / "backups", shell.folder / "elsewhere"
    folder.mkdir()
    place.mkdir()
    await shell("backup", str(folder))  # with breaches: what they paid for is planted by hand
    file = next(folder.glob("*.backup"))
    said = await shell.well("restore", str(file), "--to", str(place / "bando.db"), BREACHED)
    assert "There is no list of people who were erased since" in said
