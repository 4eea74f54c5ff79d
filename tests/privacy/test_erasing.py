"""Who is erased is in nothing that is kept, and the books are to the cent what they were."""

from __future__ import annotations

import io
import sqlite3
import zipfile
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from portal.audit import store as audit
from portal.clock import DAY, HOUR, MINUTE
from portal.columns import metadata
from portal.errors import Refused
from portal.export.files import Source, archive
from portal.people import store as people
from portal.phone import Phone
from portal.privacy.dossier import compose, files, wording
from portal.privacy.erasing import service, store, subject
from portal.privacy.erasing.service import Wish
from portal.privacy.erasing.subject import Subject
from portal.privacy.retention import service as retention
from portal.privacy.retention.rules import ELSEWHERE, RULES
from portal.privacy.whose import BY_DEVICE, BY_PERSON, STAFF, TENANT
from tests.backup.samples import backed_up, put_back
from tests.privacy.erased import WISH, left, marks_of, one, phone
from tests.privacy.marked import TABLES, Marked
from tests.privacy.rows import Planted
from tests.privacy.trade import Trade

# --- the books ---


async def test_the_books_and_the_invariants_are_as_they_were(trade: Trade) -> None:
    for n in (1, 2, 3):
        trade.sell(n)
    before, transfers = trade.balances(), trade.all_of("transfers")
    others = [row for row in trade.all_of("devices") + trade.all_of("persons") if row["id"] != 1]

    taken = await trade.erasing.erase(one(trade, 1), WISH)

    assert {"devices", "persons", "payments", "inbox", "sessions", "usage"} <= set(taken)
    assert (trade.balances(), trade.all_of("transfers")) == (before, transfers)
    assert trade.breaches() == []
    assert trade.ledger.run(audit.verify_all(trade.ledger.vault)) is None
    assert [row for row in trade.all_of("devices") + trade.all_of("persons") if row["id"] != 1] == others
    assert trade.ledger.connection.orphans() == []


async def test_a_thousandth_of_the_guests_is_erased_and_each_sum_stays(trade: Trade) -> None:
    for n in range(1, 9):
        trade.sell(n)
    days = "SELECT paid_at / 86400000, SUM(amount_minor), COUNT(*) FROM receipts GROUP BY 1"
    before = [tuple(row) for row in trade.ledger.connection.execute(days)]

    for n in range(1, 8):
        await trade.erasing.erase(one(trade, n), WISH)

    assert [tuple(row) for row in trade.ledger.connection.execute(days)] == before
    assert trade.breaches() == []
    assert trade.ledger.run(audit.verify_all(trade.ledger.vault)) is None
    assert len([row for row in trade.all_of("persons") if row["phone_index"] is not None]) == 1


@pytest.mark.sqlite_only(reason="about the bytes of the file and its log; a server keeps old rows until its vacuum")
async def test_no_file_holds_their_number_or_mac_any_more(trade: Trade, tmp_path: Path) -> None:
    trade.sell(1)
    trade.sell(2)
    assert left(tmp_path, marks_of(1)[2:]) == set(marks_of(1)[2:])

    await trade.erasing.erase(one(trade, 1), WISH)

    assert left(tmp_path, marks_of(1)) == set()
    assert left(tmp_path, marks_of(2)[2:]) == set(marks_of(2)[2:])


@pytest.mark.sqlite_only(reason="about the bytes of the file and its log; a server keeps old rows until its vacuum")
async def test_without_the_emptying_of_the_log_the_scan_would_find_it(trade: Trade, tmp_path: Path) -> None:
    trade.sell(1)
    who = one(trade, 1)
    await trade.db.write(who.tenant, erase_alone, trade, who)
    assert left(tmp_path, marks_of(1)[2:]) == set(marks_of(1)[2:])


def erase_alone(trade: Trade, who: Subject) -> Any:
    return (yield from service.erase(trade.ledger.vault, who, WISH, trade.clock.now()))


# --- somebody who is in every table ---


@pytest.fixture
def marked(trade: Trade) -> tuple[Marked, Marked]:
    planted = Planted(trade.db.place)
    made = []
    for base, name in ((11, "alpha"), (12, "beta")):
        number = Phone(f"2547220000{base}")
        tenant = trade.ledger.tenant.id
        each = Marked(name=name, base=base, tenant=tenant, planted=planted, vault=trade.ledger.vault, phone=number)
        each.plant(trade.ledger.run)
        made.append(each)
    planted.connection.close()
    return made[0], made[1]


def whole(trade: Trade, who: Subject) -> str:
    found = trade.ledger.run(compose.dossier(trade.ledger.vault, trade.ledger.tenant, who, trade.clock.now()))
    return files.as_json(found).decode()


def subject_of(trade: Trade, each: Marked) -> Subject:
    found: Subject = trade.ledger.run(subject.by_phone(trade.ledger.vault, each.tenant, each.phone))
    return found


async def test_the_dossier_holds_every_mark_and_nobody_elses(trade: Trade, marked: tuple[Marked, Marked]) -> None:
    alpha, beta = marked
    found = whole(trade, subject_of(trade, alpha))

    assert {mark for mark in alpha.told if mark not in found} == set()
    assert {mark for mark in beta.told if mark in found} == set()
    assert "Zoë of staff" not in found
    assert {table for table, _ in alpha.marks} == set(PERSONAL)


async def test_a_cell_that_does_not_open_is_said_and_keeps_nothing_else_from_them(trade: Trade) -> None:
    trade.sell(1)
    (message, *_) = [row for row in trade.all_of("inbox") if row["body_sealed"] is not None]
    trade.ledger.connection.execute("UPDATE inbox SET body_sealed = ? WHERE id = ?", (b"\0", message["id"]))

    told = trade.ledger.run(compose.dossier(trade.ledger.vault, trade.ledger.tenant, one(trade, 1), trade.clock.now()))

    bodies = {row["body_sealed"] for part in told.parts if part.name == "inbox" for row in part.rows}
    assert wording.SHUT in bodies
    assert phone(1).digits in files.as_json(told).decode()


async def test_after_erasing_no_mark_is_left_and_the_other_persons_are_all_there(
    trade: Trade, marked: tuple[Marked, Marked], tmp_path: Path
) -> None:
    alpha, beta = marked
    await trade.erasing.erase(subject_of(trade, alpha), WISH)

    dump = "\n".join(trade.ledger.connection.iterdump())
    moments = {alpha.marks[table, "last_seen_at"][0] for table in TABLES if (table, "last_seen_at") in alpha.marks}
    assert {mark for mark in alpha.stored - moments if mark in dump} == set()
    assert left(tmp_path, [mark for mark in alpha.stored if not mark.isdigit()]) == set()
    for mark in beta.told:
        assert mark in whole(trade, subject_of(trade, beta))
    with pytest.raises(Refused, match="not-found"):
        subject_of(trade, alpha)


async def test_what_a_preview_says_is_what_is_taken(trade: Trade, marked: tuple[Marked, Marked]) -> None:
    who = subject_of(trade, marked[0])
    foreseen = trade.ledger.run(service.preview(who))
    assert await trade.erasing.erase(who, WISH) == foreseen


def test_each_table_with_personal_data_says_whose_it_is() -> None:
    named = {each.table for each in (*RULES, *ELSEWHERE) if each.columns}
    assert named - set(BY_DEVICE) - set(BY_PERSON) - STAFF == set()
    personal = {t.name for t in metadata.sorted_tables if any(c.info["data"] == "personal" for c in t.columns)}
    assert personal - set(BY_DEVICE) - set(BY_PERSON) - STAFF == set()


@pytest.mark.sqlite_only(reason="the words of SQLite's plans, which ask nothing of how many rows there are")
def test_nobodys_rows_are_looked_for_by_walking_those_of_their_isp(trade: Trade) -> None:
    """While somebody is erased nobody else is written down; so it must take as long in an ISP of any size."""
    bound = dict.fromkeys(("tenant", "person", "phone", "payer", "device"), 1)
    walked: set[str] = set()
    for who, whose in store.BOUND.items():
        for table, condition in whose.items():
            text = f"EXPLAIN QUERY PLAN SELECT id FROM {table} WHERE {TENANT[table]} = :tenant AND {condition}"
            plan = [row["detail"] for row in trade.ledger.connection.execute(text, bound)]
            walked |= {f"{who} {table}: {step}" for step in plan if step.startswith("SCAN") or "(tenant_id=?)" in step}
    few = ("mpesa_accounts", "proof_codes", "SCAN CONSTANT")  # two or three; those of an hour; no table
    assert {each for each in walked if not any(name in each for name in few)} == set()


SEALED = ("persons", "inbox", "messages", "rights_requests", "rights_steps", "restrictions")
PERSONAL = [each for each in TABLES if any(c.info["data"] == "personal" for c in metadata.tables[each].columns)]


@pytest.mark.parametrize("table", [each for each in PERSONAL if each not in SEALED])
async def test_beforehand_the_scan_finds_each_mark_in_plain(
    trade: Trade, marked: tuple[Marked, Marked], table: str
) -> None:
    """The control: what is not sealed lies there, and nobody is told of it who is somebody else."""
    alpha, _ = marked
    mine = [mark for (name, _), mark in alpha.marks.items() if name == table]
    dump, nobodys = "\n".join(trade.ledger.connection.iterdump()), whole(trade, Subject(tenant=alpha.tenant))
    assert mine
    assert {stored for stored, _ in mine if stored not in dump} == set()
    assert {told for _, told in mine if told in nobodys} == set()


async def test_an_export_holds_nothing_of_them(trade: Trade, marked: tuple[Marked, Marked]) -> None:
    alpha, beta = marked
    source = Source(db=trade.db, vault=trade.ledger.vault, tenant=trade.ledger.tenant, now=trade.clock.now())

    async def exported() -> str:
        packed = b"".join([part async for part in archive(source)])
        with zipfile.ZipFile(io.BytesIO(packed)) as opened:
            return "\n".join(opened.read(name).decode() for name in opened.namelist())

    before = await exported()
    assert alpha.phone.spoken in before
    await trade.erasing.erase(subject_of(trade, alpha), WISH)

    after = await exported()
    assert {mark for mark in (*alpha.told, alpha.phone.spoken) if mark in after} == set()
    assert beta.phone.spoken in after


# --- who is meant ---


async def test_a_device_for_which_two_people_paid_is_not_one_persons_alone(trade: Trade) -> None:
    trade.sell(1)
    device, person = 1, 1
    assert (one(trade, 1).devices, one(trade, 1).others) == ((device,), ())
    planted = Planted(trade.db.place)
    other = trade.ledger.run(people.person_for(trade.ledger.vault, trade.ledger.tenant.id, phone(2), 1))
    planted.row("payments", trade.ledger.tenant.id, device_id=device, person_id=other, state="paid")

    assert (one(trade, 1).devices, one(trade, 1).others) == ((), (device,))
    alone: Subject = trade.ledger.run(subject.by_device(trade.ledger.vault, trade.ledger.tenant.id, device))
    assert (alone.person, alone.devices) == (None, (device,))
    planted.connection.close()
    await trade.erasing.erase(one(trade, 1), WISH)
    assert trade.all_of("devices")[0]["mac"] == "02:00:00:00:00:01"
    assert [row["phone_index"] is None for row in trade.all_of("persons") if row["id"] == person] == [True]


async def test_a_device_of_nobody_is_erased_by_itself(trade: Trade) -> None:
    planted = Planted(trade.db.place)
    device = planted.row("devices", trade.ledger.tenant.id, mac="02:00:5E:00:00:99")
    planted.connection.close()
    alone: Subject = trade.ledger.run(subject.by_device(trade.ledger.vault, trade.ledger.tenant.id, device))

    assert (await trade.erasing.erase(alone, WISH))["devices"] == 1
    assert trade.all_of("devices")[0]["mac"] == f"gone-{device}"
    with pytest.raises(Refused, match="not-found"):
        trade.ledger.run(subject.by_device(trade.ledger.vault, trade.ledger.tenant.id, device))


async def test_who_comes_back_is_somebody_new(trade: Trade) -> None:
    trade.sell(1)
    first = one(trade, 1)
    await trade.erasing.erase(first, WISH)
    trade.clock.advance(10 * MINUTE)
    again = trade.ledger.run(people.person_for(trade.ledger.vault, first.tenant, phone(1), trade.clock.now()))
    assert again != first.person


async def test_another_isps_records_of_the_same_number_stay(trade: Trade) -> None:
    trade.sell(1)
    other = trade.ledger.other
    kept = trade.ledger.run(people.person_for(trade.ledger.vault, other.id, phone(1), 5), other)
    await trade.erasing.erase(one(trade, 1), WISH)
    there = trade.ledger.run(people.person(trade.ledger.vault, kept), other)
    assert there is not None
    assert there.phone == phone(1)


# --- what stands in the way ---


async def test_a_hold_refuses_it_and_changes_nothing(trade: Trade) -> None:
    trade.sell(1)
    given = (["session"], "Order 12 of 2026", None, "command", trade.clock.now())
    hold = trade.ledger.run(retention.hold(trade.ledger.vault, *given))
    before = "\n".join(trade.ledger.connection.iterdump())
    with pytest.raises(Refused, match="erase-held"):
        await trade.erasing.erase(one(trade, 1), WISH)
    assert "\n".join(trade.ledger.connection.iterdump()) == before

    trade.ledger.run(retention.release(trade.ledger.vault, hold, "command", trade.clock.now()))
    assert await trade.erasing.erase(one(trade, 1), WISH)


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        ("UPDATE payments SET state = 'awaiting'", "erase-paying"),
        ("UPDATE receipts SET state = 'unmatched', payment_id = NULL, payer_index = :payer", "erase-money"),
    ],
)
async def test_money_on_its_way_refuses_it(trade: Trade, change: str, refusal: str) -> None:
    trade.sell(1)
    who = one(trade, 1)
    trade.ledger.connection.execute(change, {"payer": who.payer} if ":payer" in change else {})
    with pytest.raises(Refused, match=refusal):
        await trade.erasing.erase(who, WISH)
    assert trade.all_of("persons")[0]["phone_index"] is not None


async def test_a_refund_on_its_way_refuses_it(trade: Trade) -> None:
    trade.sell(1)
    planted = Planted(trade.db.place)
    planted.row("refunds", trade.ledger.tenant.id, payment_id=1, state="awaiting", amount_minor=1)
    planted.connection.close()
    with pytest.raises(Refused, match="erase-refund"):
        await trade.erasing.erase(one(trade, 1), WISH)


@pytest.mark.parametrize("reason", ["", "   ", "x" * 301, "two\nlines"])
async def test_without_a_reason_nothing_happens(trade: Trade, reason: str) -> None:
    trade.sell(1)
    with pytest.raises(Refused, match="needs-reason"):
        await trade.erasing.erase(one(trade, 1), Wish(reason=reason, by="staff:ada"))
    assert trade.all_of("persons")[0]["phone_index"] is not None


# --- access, acts and what comes later ---


async def test_a_pass_that_runs_ends(trade: Trade) -> None:
    trade.sell(1, used=False)
    await trade.erasing.erase(one(trade, 1), WISH)
    assert [(row["state"], row["end_reason"]) for row in trade.all_of("passes")] == [("ended", "erased")]


@pytest.mark.parametrize(("minor", "act"), [(False, "person.erase"), (True, "person.erase-minor")])
async def test_the_act_stands_in_the_log_and_names_nobody(trade: Trade, minor: bool, act: str) -> None:
    trade.sell(1)
    person = one(trade, 1).person
    await trade.erasing.erase(one(trade, 1), Wish(reason="A guardian asked", by="staff:ada", minor=minor))
    last = trade.all_of("audit")[-1]
    assert (last["act"], last["subject"], last["actor"]) == (act, f"person:{person}", "staff:ada")
    assert "A guardian asked" in str(last["payload"])


async def test_acts_about_them_lose_what_they_say_and_the_chain_says_so_itself(trade: Trade) -> None:
    trade.sell(1)
    trade.sell(2)
    vault, now = trade.ledger.vault, trade.clock.now()
    told: dict[str, Any] = {"actor": "staff:ada", "act": "note", "payload": {"after": {"to": "02:00:00:00:00:01"}}}
    for about in ("device:1", "device:2", "nothing:9"):
        trade.ledger.run(audit.append(vault, **told, subject=about, now=now))
    trade.ledger.run(audit.append(vault, actor="staff:ada", act="note", subject="device:2", payload={}, now=now))

    await trade.erasing.erase(one(trade, 1), WISH)

    cleared = [row["subject"] for row in trade.all_of("audit") if row["payload"] is None]
    assert cleared == ["device:1", "device:2", "nothing:9"]
    assert trade.ledger.run(audit.verify_all(vault)) is None
    # The control: one more that nobody said anything of.
    trade.ledger.connection.execute("UPDATE audit SET payload = NULL WHERE subject = 'device:2' AND payload = '{}'")
    assert "has lost its payload" in str(trade.ledger.run(audit.verify_all(vault)))


async def test_a_message_that_comes_later_is_emptied(trade: Trade) -> None:
    story = trade.sell(1)
    await trade.erasing.erase(one(trade, 1), WISH)
    story.callback()
    assert [row["body_sealed"] is None for row in trade.all_of("inbox")][-1] is False

    trade.clock.advance(HOUR)
    assert await trade.erasing.run_once() == 1
    assert [row["body_sealed"] for row in trade.all_of("inbox") if row["body_sealed"] is not None] == []
    assert await trade.erasing.run_once() == 0


async def test_a_message_about_no_payment_is_found_by_what_it_says(trade: Trade) -> None:
    story = trade.sell(1)
    other = trade.sell(2)
    said = {"TransID": "UKM0000009", "MSISDN": phone(1).digits, "BusinessShortCode": "1"}
    story.say("c2b-validate", said, account_id=story.account.id)
    other.say("c2b-validate", {**said, "MSISDN": phone(2).digits}, account_id=story.account.id)

    await trade.erasing.erase(one(trade, 1), WISH)

    loose = [row for row in trade.all_of("inbox") if row["channel"] == "c2b-validate"]
    assert [row["body_sealed"] is None for row in loose] == [True, False]


# --- a backup that is older ---


@pytest.mark.sqlite_only(reason="a server is backed up by its own tools")
async def test_a_backup_that_is_put_back_forgets_them_again(trade: Trade, tmp_path: Path) -> None:
    home = trade.db.path
    trade.sell(1)
    trade.sell(2)
    made = backed_up(home, tmp_path / "backups", trade.clock.now())
    await trade.erasing.erase(one(trade, 1), WISH)
    transfers = [tuple(row.values()) for row in trade.all_of("transfers")]

    restored = put_back(made.path, home.with_name("else.db"), erased=[Path(f"{home}.erased")])

    assert (restored.forgotten, restored.breaches) == (2, [])
    again = tmp_path / "again"
    again.mkdir()
    home.with_name("else.db").rename(again / "bando.db")
    assert left(again, marks_of(1)) == set()
    assert left(again, marks_of(2)[2:]) == set(marks_of(2)[2:])
    with closing(sqlite3.connect(again / "bando.db")) as there:
        assert there.execute("SELECT * FROM transfers ORDER BY id").fetchall() == transfers


@pytest.mark.sqlite_only(reason="a server is backed up by its own tools")
async def test_without_a_list_they_would_be_back(trade: Trade, tmp_path: Path) -> None:
    trade.sell(1)
    made = backed_up(trade.db.path, tmp_path / "backups", trade.clock.now())
    await trade.erasing.erase(one(trade, 1), WISH)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()

    restored = put_back(made.path, elsewhere / "bando.db")

    assert (restored.forgotten, restored.lists) == (0, [])
    assert left(elsewhere, marks_of(1)[2:]) == set(marks_of(1)[2:])


@pytest.mark.sqlite_only(reason="a server is backed up by its own tools")
async def test_the_list_is_beside_the_next_backup_and_found_there(trade: Trade, tmp_path: Path) -> None:
    trade.sell(1)
    old = backed_up(trade.db.path, tmp_path / "backups", trade.clock.now())
    await trade.erasing.erase(one(trade, 1), WISH)
    backed_up(trade.db.path, tmp_path / "backups", trade.clock.now() + DAY)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()

    restored = put_back(old.path, elsewhere / "bando.db")

    assert restored.forgotten == 2
    assert left(elsewhere, marks_of(1)) == set()
