"""Planted secrets and numbers: none lies in plain in the database or a backup, and none opens where it is not."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from portal.people import store as people
from portal.phone import Phone
from portal.place import Place
from portal.seal import NotOurs, open_with
from portal.units import Unit, insert
from tests import raw
from tests.backup.samples import backed_up, put_back
from tests.support import Seed, add_router, seed

EACH = 10
PHONES = [f"2547{number:02}129480" for number in range(EACH)]
PASSWORDS = [f"router-pass-{number:02}-Zq" for number in range(EACH)]
SECRETS = [f"whs_{number:02}{'5eC2' * 8}" for number in range(EACH)]
PLANTED = PHONES + PASSWORDS + SECRETS


def forms(value: str) -> Iterator[bytes]:
    """How a value may be written down: plain, in UTF-16, in hex, and in base64 at each of the three alignments."""
    raw = value.encode()
    yield from (raw, value.encode("utf-16-le"), raw.hex().encode(), raw.hex().upper().encode())
    for before in range(3):
        whole = base64.b64encode(b"\0" * before + raw)
        yield whole[4 if before else 0 : -4]  # without what depends on its neighbours


def found_in(content: bytes, values: Iterable[str] = PLANTED) -> set[str]:
    return {value for value in values if any(form in content for form in forms(value))}


def lying(folder: Path) -> bytes:
    """Whatever the files of a folder hold."""
    return b"\n".join(each.read_bytes() for each in sorted(folder.rglob("*")) if each.is_file())


async def planted(folder: Path) -> Seed:
    home = await seed(folder)
    for number in range(EACH):
        now = home.clock.now()
        await home.write(people.person_for, home.vault, home.tenant.id, Phone(PHONES[number]), now)
        await home.write(add_router, home.vault, now, name=f"Site {number + 2}", password=PASSWORDS[number])
        await home.write(channel, home, number)
    return home


def channel(home: Seed, number: int) -> Unit[None]:
    """A webhook's row; an ISP may have fewer by the console."""
    sealed = home.vault.seal(SECRETS[number], table="alarm_channels", row=f"c{number}", column="secret_sealed")
    address = home.vault.seal("https://x.test", table="alarm_channels", row=f"c{number}", column="address_sealed")
    fields = {"kind": "webhook", "wanted": "[]", "created_at": home.clock.now()}
    yield from insert("alarm_channels", public=f"c{number}", address_sealed=address, secret_sealed=sealed, **fields)


@pytest.mark.sqlite_only(reason="about the bytes of the file and its log")
async def test_no_planted_value_lies_in_the_database_or_its_log(tmp_path: Path) -> None:
    home = await planted(tmp_path)
    while_open = lying(tmp_path)
    await home.db.aclose()

    assert b"Kilimani Wi-Fi" in while_open
    assert found_in(while_open) == set()
    assert found_in(lying(tmp_path)) == set()


@pytest.mark.sqlite_only(reason="a server is backed up by its own tools")
async def test_no_planted_value_lies_in_a_backup_and_all_open_after_it_is_put_back(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    home = await planted(tmp_path / "home")
    await home.db.aclose()
    made = backed_up(home.db.path, tmp_path / "backups")
    assert found_in(lying(tmp_path / "backups")) == set()

    place = tmp_path / "again.db"
    put_back(made.path, place)
    assert opened(home, place) == set(PLANTED)


@pytest.mark.parametrize("value", [PHONES[0], PASSWORDS[0], SECRETS[0]])
def test_the_scan_finds_a_value_in_each_of_its_forms(value: str) -> None:
    plain = value.encode()
    written = (
        plain,
        value.encode("utf-16-le"),
        plain.hex().encode(),
        *(base64.b64encode(b"ab"[:n] + plain) for n in (0, 1, 2)),
    )

    assert [found_in(b"..." + each + b"...") for each in written] == [{value}] * len(written)


@pytest.mark.sqlite_only(reason="about the bytes of the file and its log")
async def test_the_scan_finds_what_is_kept_in_plain(tmp_path: Path) -> None:
    home = await seed(tmp_path)
    await home.write(add_router, home.vault, home.clock.now(), name=PHONES[3])

    assert found_in(lying(tmp_path)) == {PHONES[3]}
    await home.db.aclose()


# --- ciphertexts that were moved ---

CELLS = {  # table: the sealed column, and by which column a row is named in its place
    "persons": ("key_sealed", "ref"),
    "routers": ("password_sealed", "public"),
    "alarm_channels": ("secret_sealed", "public"),
}


def cells(place_of: Place) -> list[tuple[dict[str, str], bytes]]:
    """Each sealed cell: its place, and what lies in it."""
    with raw.opened(place_of) as connection:
        return [
            ({"table": table, "row": row, "column": column}, sealed)
            for table, (column, name) in CELLS.items()
            for row, sealed in connection.execute(f"SELECT {name}, {column} FROM {table}")
        ]


def opened(home: Seed, place_of: Place) -> set[str]:
    """The planted values that open, each by its own cell."""
    own = {place["row"]: home.vault.open(sealed, **place) for place, sealed in cells(place_of)}
    with raw.opened(place_of) as connection:
        numbers = connection.execute("SELECT ref, phone_sealed FROM persons").fetchall()
    phones = {open_with(own[ref], sealed, f"persons|{ref}|phone_sealed").decode() for ref, sealed in numbers}
    return (phones | {each.decode(errors="replace") for each in own.values()}) & set(PLANTED)


async def test_a_ciphertext_opens_in_its_own_cell_and_in_no_other(tmp_path: Path) -> None:
    home = await planted(tmp_path)
    await home.db.aclose()
    found = cells(home.db.place)

    assert len(found) >= len(PLANTED)
    for number, (place, _) in enumerate(found):
        for other, (_, sealed) in enumerate(found):
            if number == other:
                home.vault.open(sealed, **place)
                continue
            with pytest.raises(NotOurs):
                home.vault.open(sealed, **place)
