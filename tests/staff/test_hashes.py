"""How passwords of staff lie in the database: as argon2id and nothing weaker, however they got there."""

from __future__ import annotations

import re

import pytest
from argon2 import extract_parameters

from portal.columns import metadata
from portal.place import Place
from portal.staff import store
from tests.raw import asked
from tests.staff.people import OLD, PASSWORD, Office

GOOD = re.compile(r"^\$(argon2id\$v=19\$m=\d+,t=\d+,p=\d+|2b\$1[2-9])\$")
LEAST_KIB = 19 * 1024  # of memory for a hash; with it two rounds are enough
LONG = "nane mbuzi katika shamba la babu, kuku kumi na jogoo mmoja mweusi sana, paka wawili"


def hashes(place: Place) -> list[str]:
    """All that a column for passwords holds."""
    columns = [
        (table.name, column.name)
        for table in metadata.sorted_tables
        for column in table.columns
        if "password_hash" in column.name
    ]
    assert columns == [("staff", "password_hash")]
    rows = asked(place, "SELECT password_hash FROM staff WHERE password_hash IS NOT NULL ORDER BY id")
    return [bytes(row["password_hash"]).decode() for row in rows]


def weak(found: list[str]) -> list[str]:
    """Those that are easier to try than they should be."""
    return [each for each in found if not GOOD.match(each) or not _hard(each)]


def _hard(hashed: str) -> bool:
    if not hashed.startswith("$argon2id$"):
        return True
    how = extract_parameters(hashed)
    return how.memory_cost >= LEAST_KIB and how.time_cost >= 2 and how.hash_len >= 32 and how.salt_len >= 16


async def test_a_password_by_a_link_a_changed_one_and_an_old_one_end_in_a_good_hash(office: Office) -> None:
    _, token = await office.s.write(
        store.invite,
        office.s.vault,
        office.s.clock.now(),
        email="otieno@kilimani.test",
        name="Otieno",
        role="cashier",
    )
    await office.room.use_link(token, LONG)
    await office.room.change_password(await office.inside(), PASSWORD, "kuku watano na jogoo")
    await office.hire("achieng@kilimani.test", "cashier", totp=False, hashed=OLD)
    assert weak(hashes(office.s.db.place)) == [OLD]

    await office.log_in("achieng@kilimani.test", code="")

    found = hashes(office.s.db.place)
    assert len(found) == 3
    assert weak(found) == []
    assert len(set(found)) == 3, "each has a salt of its own"


@pytest.mark.parametrize("length", [72, 73, 83])
async def test_each_letter_of_a_long_password_counts(office: Office, length: int) -> None:
    """Some hashes look at 72 bytes and no further, or fail beyond them."""
    password = LONG[:length]
    await office.room.change_password(await office.inside(), PASSWORD, password)
    office.s.clock.advance(60_000)

    assert (await office.refused(password=password[:-1] + "?")).key == "login-wrong"
    assert await office.log_in(password=password)


@pytest.mark.parametrize(
    "hashed",
    [
        "$argon2i$v=19$m=65536,t=3,p=4$c29tZXNhbHQ$aGFzaA",
        "$2b$10$abcdefghijklmnopqrstuv",
        "$1$salt$hash",
        "5f4dcc3b5aa765d61d8327deb882cf99",
        PASSWORD,
        OLD,
    ],
    ids=["argon2i", "bcrypt 10", "md5crypt", "md5", "plain", "argon2 of old"],
)
def test_a_weak_one_would_be_noticed(hashed: str) -> None:
    assert weak([hashed]) == [hashed]
