"""Where somebody is named in the words of others: it is blotted out, also in a backup that is put back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Text

from portal.columns import metadata
from portal.keys import store as keys
from portal.keys.ring import vault_for_units
from portal.people import store as people
from portal.phone import Phone
from portal.privacy.erasing import subject
from portal.privacy.erasing.service import Wish
from portal.privacy.erasing.traces.finding import spelt
from portal.privacy.erasing.traces.store import PLACES
from portal.privacy.rights import service as rights
from portal.privacy.rights.service import Ask, By
from portal.seal import Vault
from portal.units import Unit, drive, value
from tests.backup.samples import backed_up, put_back
from tests.privacy.erased import WISH, left, marks_of, one, phone
from tests.privacy.rows import Planted
from tests.privacy.trade import Trade
from tests.support import MASTER

WRITTEN = (
    *("0712 345 671", "+254 712 345 671", "254712345671", "0712-345-671", "712345671"),
    *("02:00:00:00:00:01", "02-00-00-00-00-01", "020000000001", "0200.0000.0001", "ukm0000001"),
)
OTHERS = (
    *("0712 345 672", "02:00:00:00:00:11", "UKM00000011", "1712 345 67", "a02:00:00:00:00:01"),
    *("10712345671", "07123456710", "5371 2345 6710", "20260712345671", "2026-07-12 34.56.71", "1/0712-345-671"),
)


@pytest.mark.parametrize("written", WRITTEN)
def test_each_spelling_is_found_and_no_more_than_it(written: str) -> None:
    said = spelt([phone(1)], ["02:00:00:00:00:01"], ["UKM0000001"])
    assert said.sub("…", f"see {written}, please") == "see …, please"


def test_a_number_is_found_beside_another_one_and_in_what_a_provider_says() -> None:
    said = spelt([phone(1)], [], [])
    assert said.sub("…", "0722 000 111 0712 345 671 800 KSh") == "0722 000 111 … 800 KSh"
    assert said.sub("…", '{"MSISDN":254712345671}') == '{"MSISDN":…}'
    assert said.sub("…", "1.0712345671; 2) (0712) 345-671") == "1.…; 2) …"


@pytest.mark.parametrize("written", OTHERS)
def test_what_is_somebody_elses_stays(written: str) -> None:
    said = spelt([phone(1)], ["02:00:00:00:00:01"], ["UKM0000001"])
    assert said.sub("…", written) == written
    assert spelt([], [], []).sub("…", written) == written


def test_each_column_in_which_staff_write_is_looked_through() -> None:
    machine = {("payments", "reason")}  # a word of a list
    written = {
        (table.name, column.name)
        for table in metadata.sorted_tables
        for column in table.columns
        if column.name in ("reason", "note", "text") and isinstance(column.type, Text) and "tenant_id" in table.c
    }
    assert written - machine <= {(each.table, each.column) for each in PLACES}
    kept = ("disclosures", "messages", "staff", "alarm_channels")  # kept for the law (0036), or of somebody
    sealed = {
        (table.name, column.name)
        for table in metadata.sorted_tables
        for column in table.columns
        if column.name.endswith("_sealed") and column.info["data"] == "personal" and table.name not in kept
    }
    assert sealed - {("persons", "phone_sealed")} <= {(each.table, each.column) for each in PLACES}


# --- words of staff ---

SAID = "paid by 0712 345 671 for 02:00:00:00:00:01, UKM0000001 and 0712 345 672"
BLOTTED = "paid by … for …, … and 0712 345 672"


def planted_words(trade: Trade) -> dict[tuple[str, str], int]:
    """The same words in each place, of a payment and a device of somebody else."""
    tenant, vault, ids = trade.ledger.tenant.id, trade.ledger.vault, {}
    planted = Planted(trade.db.place)
    others: dict[str, dict[str, Any]] = {
        "notes": {"device_id": 2},
        "refunds": {"payment_id": 2, "state": "done", "amount_minor": 1},
        "rights_requests": {"person_id": None, "device_id": 2},
        "restrictions": {"person_id": None, "device_id": 2},
        "closings": {"currency": "KES"},
        "holds": {"lifted_at": 1},
    }
    for n, place in enumerate(PLACES[1:]):
        name = {"public": f"said{n}"} if place.sealed else {}
        said: Any = SAID
        if place.sealed:
            said = vault.seal(SAID, table=place.table, row=f"said{n}", column=place.column)
        given = {**others.get(place.table, {}), **name, place.column: said}
        ids[place.table, place.column] = planted.row(place.table, tenant, **given)
    planted.connection.close()
    return ids


def words(vault: Vault, ids: dict[tuple[str, str], int]) -> Unit[dict[tuple[str, str], str]]:
    found = {}
    for n, place in enumerate(PLACES[1:]):
        at = (place.table, place.column)
        text = f"SELECT {place.column} FROM {place.table} WHERE tenant_id = :tenant AND id = :id"
        said = yield from value(text, id=ids[at])
        if place.sealed:
            said = vault.open(said, table=place.table, row=f"said{n}", column=place.column).decode()
        found[at] = said
    return found


def unlike(found: dict[tuple[str, str], str], wanted: str) -> dict[tuple[str, str], str]:
    return {at: said for at, said in found.items() if said != wanted}


async def test_what_staff_wrote_about_others_names_them_no_more(trade: Trade, tmp_path: Path) -> None:
    trade.sell(1)
    trade.sell(2)
    ids = planted_words(trade)
    assert unlike(trade.ledger.run(words(trade.ledger.vault, ids)), SAID) == {}

    await trade.erasing.erase(one(trade, 1), WISH)

    assert unlike(trade.ledger.run(words(trade.ledger.vault, ids)), BLOTTED) == {}
    assert left(tmp_path, marks_of(1)) == set()


async def test_the_reason_of_an_erasing_does_not_name_them(trade: Trade) -> None:
    trade.sell(1)
    await trade.erasing.erase(one(trade, 1), Wish(reason="0712345671 asked, of UKM0000001", by="staff:ada"))
    told: Any = trade.all_of("audit")[-1]["payload"]
    assert json.loads(told)["after"]["reason"] == "… asked, of …"


async def test_a_damaged_cell_keeps_nobody_from_being_erased(trade: Trade) -> None:
    trade.sell(1)
    planted = Planted(trade.db.place)
    planted.row("inbox", trade.ledger.tenant.id, payment_id=None, body_sealed=b"\x00", ref="broken")
    planted.connection.close()
    assert await trade.erasing.erase(one(trade, 1), WISH)


# --- a backup that is older ---


@pytest.mark.sqlite_only(reason="a server is backed up by its own tools")
async def test_a_restored_backup_loses_messages_and_words_that_name_them(trade: Trade, tmp_path: Path) -> None:
    home, story = trade.db.path, trade.sell(1)
    trade.sell(2)
    ids = planted_words(trade)
    said = {"TransID": "UKM0000009", "MSISDN": phone(1).digits, "BusinessShortCode": "1"}
    for n in (1, 2):
        story.say("c2b-validate", {**said, "MSISDN": phone(n).digits}, account_id=story.account.id)
    made = backed_up(home, tmp_path / "backups", trade.clock.now())
    await trade.erasing.erase(one(trade, 1), WISH)

    # The refund and the cash-up that were planted agree with no books.
    restored = put_back(made.path, home.with_name("else.db"), breached=True, erased=[Path(f"{home}.erased")])

    assert restored.forgotten == 2
    there = Planted(home.with_name("else.db"))
    loose = there.rows("SELECT body_sealed FROM inbox WHERE channel = 'c2b-validate' ORDER BY id")
    assert [row["body_sealed"] is None for row in loose] == [True, False]
    run = there.connection.run
    vault = vault_for_units(MASTER, drive(keys.root(), None, run))
    assert unlike(drive(words(vault, ids), trade.ledger.tenant.id, run), BLOTTED) == {}
    there.connection.close()


# --- a number that was corrected ---

RIGHT = Phone("254722000999")


def corrected(trade: Trade) -> None:
    """Staff correct the number of the first one; that it was so stands in the evidence."""
    vault, tenant, now = trade.ledger.vault, trade.ledger.tenant, trade.clock.now()
    ask = Ask(kind="rectify", channel="counter", received_at=now, key="k", person_id=one(trade, 1).person)
    asked = trade.ledger.run(rights.file(vault, tenant, ask, By(), now))
    trade.ledger.run(rights.prove(vault, asked, "counter", "", By(), now))
    trade.ledger.run(rights.rectify(vault, tenant.id, asked, RIGHT, By(), now))


@pytest.mark.sqlite_only(reason="a server is backed up by its own tools")
async def test_a_backup_from_before_the_correction_forgets_them_by_the_old_number(trade: Trade, tmp_path: Path) -> None:
    home = trade.db.path
    trade.sell(1)
    made = backed_up(home, tmp_path / "backups", trade.clock.now())
    trade.clock.advance(1000)
    corrected(trade)
    who = trade.ledger.run(of_number(trade, RIGHT))
    await trade.erasing.erase(who, WISH)

    restored = put_back(made.path, home.with_name("else.db"), erased=[Path(f"{home}.erased")])

    assert restored.forgotten == 2
    there = Planted(home.with_name("else.db"))
    assert there.rows("SELECT id FROM persons WHERE phone_index IS NOT NULL") == []
    there.connection.close()


@pytest.mark.sqlite_only(reason="a server is backed up by its own tools")
async def test_whoever_came_with_that_number_after_the_correction_stays(trade: Trade, tmp_path: Path) -> None:
    home = trade.db.path
    trade.sell(1)
    trade.clock.advance(1000)
    corrected(trade)
    trade.clock.advance(1000)
    trade.ledger.run(people.person_for(trade.ledger.vault, trade.ledger.tenant.id, phone(1), trade.clock.now()))
    made = backed_up(home, tmp_path / "backups", trade.clock.now())
    trade.clock.advance(1000)
    await trade.erasing.erase(trade.ledger.run(of_number(trade, RIGHT)), WISH)

    put_back(made.path, home.with_name("else.db"), erased=[Path(f"{home}.erased")])

    there = Planted(home.with_name("else.db"))
    assert len(there.rows("SELECT id FROM persons WHERE phone_index IS NOT NULL")) == 1
    there.connection.close()


def of_number(trade: Trade, number: Phone) -> Any:
    return subject.by_phone(trade.ledger.vault, trade.ledger.tenant.id, number)


async def test_what_names_whoever_has_a_corrected_number_now_stays(trade: Trade) -> None:
    trade.sell(1)
    trade.sell(2)
    trade.clock.advance(1000)
    corrected(trade)
    trade.ledger.run(people.person_for(trade.ledger.vault, trade.ledger.tenant.id, phone(1), trade.clock.now()))
    planted = Planted(trade.db.place)
    planted.row("notes", trade.ledger.tenant.id, device_id=2, text="0712 345 671 lost a phone; 0722 000 999 found it")
    planted.connection.close()

    await trade.erasing.erase(trade.ledger.run(of_number(trade, RIGHT)), WISH)

    assert [row["text"] for row in trade.all_of("notes")] == ["0712 345 671 lost a phone; … found it"]


# --- while it is looked for ---


async def test_what_was_written_while_it_was_looked_for_is_found_as_well(
    trade: Trade, monkeypatch: pytest.MonkeyPatch
) -> None:
    trade.sell(1)
    trade.sell(2)
    looked = trade.erasing._named

    async def slowly(who: Any) -> Any:
        found = await looked(who)
        planted = Planted(trade.db.place)
        planted.row("notes", trade.ledger.tenant.id, device_id=2, text="0712 345 671 called")
        planted.connection.close()
        return found

    monkeypatch.setattr(trade.erasing, "_named", slowly)
    await trade.erasing.erase(one(trade, 1), WISH)

    assert [row["text"] for row in trade.all_of("notes")] == ["… called"]
