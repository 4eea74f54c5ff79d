"""What comes late, or lies elsewhere: a pass on another phone, a reading, money and messages after the erasing."""

from __future__ import annotations

from pathlib import Path

import pytest

from portal.access import admission, record
from portal.access import store as access
from portal.clock import MINUTE
from portal.errors import Refused
from portal.privacy.closed import store as closed
from portal.privacy.erasing import service, subject, tombstones
from portal.privacy.erasing.room import Erasing
from portal.privacy.erasing.subject import Subject
from portal.privacy.retention.periods import PERIODS
from portal.sessions.meter import Reading
from tests.privacy.erased import WISH, left, marks_of, one
from tests.privacy.rows import Planted
from tests.privacy.trade import Trade
from tests.support import on_postgres

# --- passes that lie elsewhere ---


def moved(trade: Trade, n: int, to: str) -> int:
    """The pass of this payer comes to another phone; gives that device."""
    there = trade.ledger.run(access.touch_device(to, trade.router, trade.clock.now()))
    here = trade.ledger.run(access.device_by_mac(f"02:00:00:00:00:{n:02X}"))
    assert here is not None
    trade.ledger.run(admission.move(here.id, there.id, trade.clock.now()))
    return there.id


def ends(trade: Trade) -> list[tuple[object, object]]:
    return [(row["state"], row["end_reason"]) for row in trade.all_of("passes")]


async def test_a_pass_that_was_moved_to_another_phone_ends_and_that_phone_is_theirs(trade: Trade) -> None:
    trade.sell(1, used=False)
    there = moved(trade, 1, "02:00:00:00:00:77")

    assert (one(trade, 1).devices, one(trade, 1).others) == ((1, there), ())
    by_it: Subject = trade.ledger.run(subject.by_device(trade.ledger.vault, trade.ledger.tenant.id, there))
    assert by_it == one(trade, 1)
    await trade.erasing.erase(one(trade, 1), WISH)

    assert ends(trade) == [("ended", "erased")]
    assert [row["mac"] for row in trade.all_of("devices")] == ["gone-1", f"gone-{there}"]


async def test_a_pass_on_a_phone_for_which_others_paid_ends_and_the_phone_stays(trade: Trade) -> None:
    trade.sell(1, used=False)
    trade.sell(2, used=False)
    there = moved(trade, 1, "02:00:00:00:00:02")

    assert (one(trade, 1).devices, one(trade, 1).others) == ((1,), (there,))
    assert (one(trade, 2).devices, one(trade, 2).others) == ((), (there,))
    await trade.erasing.erase(one(trade, 1), WISH)

    assert [state for state, _ in ends(trade)] == ["ended", "waiting"]
    assert [row["mac"] for row in trade.all_of("devices")] == ["gone-1", "02:00:00:00:00:02"]


# --- a keeper's reading ---


def reading(trade: Trade, device: int) -> record.Sighting:
    read = Reading(
        read_at=trade.clock.now(), user_uptime_s=120, user_bytes_in=99, user_bytes_out=99,
        active_uptime_s=120, active_bytes_in=99, active_bytes_out=99,
    )  # fmt: skip
    return record.Sighting(device_id=device, reading=read, address="10.5.50.9")


def written(trade: Trade) -> dict[str, int]:
    return {table: trade.ledger.count(table) for table in ("presence", "sessions", "usage")}


async def test_a_reading_that_comes_after_the_erasing_is_dropped(trade: Trade) -> None:
    trade.sell(1, used=False)
    trade.sell(2, used=False)
    trade.online(1)
    late, other = reading(trade, 1), reading(trade, 2)
    await trade.erasing.erase(one(trade, 1), WISH)
    assert written(trade) == {"presence": 0, "sessions": 0, "usage": 0}

    trade.clock.advance(MINUTE)
    trade.ledger.run(record.polled(trade.router, [1], [late, other], trade.clock.now()))

    # The other one, who was never seen either, is written down: what keeps the first out is that they are gone.
    assert written(trade) == {"presence": 1, "sessions": 1, "usage": 1}
    assert [row["device_id"] for row in trade.all_of("presence")] == [2]


# --- two at once ---


async def test_the_second_of_two_at_once_finds_nobody_and_writes_no_act(trade: Trade) -> None:
    trade.sell(1)
    seen = one(trade, 1)
    alone = Subject(tenant=seen.tenant, devices=seen.devices)
    await trade.erasing.erase(seen, WISH)
    for again in (seen, alone):
        with pytest.raises(Refused, match="not-found") as refused:
            await trade.erasing.erase(again, WISH)
        assert refused.value.status == 404
    assert [row["act"] for row in trade.all_of("audit")].count("person.erase") == 1


async def test_a_device_that_somebody_paid_for_meanwhile_is_not_taken_without_them(trade: Trade) -> None:
    planted = Planted(trade.db.place)
    device = planted.row("devices", trade.ledger.tenant.id, mac="02:00:00:00:00:01")
    planted.connection.close()
    seen: Subject = trade.ledger.run(subject.by_device(trade.ledger.vault, trade.ledger.tenant.id, device))
    trade.sell(1, used=False)

    with pytest.raises(Refused, match="erase-changed") as refused:
        await trade.erasing.erase(seen, WISH)

    assert refused.value.status == 409
    assert ends(trade) == [("waiting", None)]
    assert trade.all_of("devices")[0]["mac"] == "02:00:00:00:00:01"


async def test_a_device_that_they_paid_for_meanwhile_goes_along(trade: Trade) -> None:
    trade.sell(1)
    seen = one(trade, 1)
    planted = Planted(trade.db.place)
    device = planted.row("devices", seen.tenant, mac="02:00:00:00:00:77")
    planted.row("payments", seen.tenant, device_id=device, person_id=seen.person, state="paid")
    planted.connection.close()
    await trade.erasing.erase(seen, WISH)
    assert [row["mac"] for row in trade.all_of("devices")] == ["gone-1", f"gone-{device}"]


# --- the files beside the database ---


def listing(folder: Path) -> Path:
    """The list; with a server it lies where the file would be."""
    return tombstones.beside(folder / "bando.db")


def damage(place: Path, how: str) -> None:
    if how == "a folder":
        place.mkdir()
    else:
        place.write_bytes({"cut": b"bando erased 1\n{", "no text": b"\xff\xfe\x00", "empty": b""}[how])


@pytest.mark.parametrize("how", ["cut", "no text", "empty", "a folder"])
async def test_a_damaged_list_is_put_aside_and_keeps_nothing_from_being_emptied(
    trade: Trade, tmp_path: Path, how: str
) -> None:
    trade.sell(1)
    damage(listing(tmp_path), how)

    await trade.erasing.erase(one(trade, 1), WISH)

    assert left(tmp_path, marks_of(1)) == set()
    assert len(tombstones.read(listing(tmp_path))) == 2
    assert [each.name for each in tmp_path.iterdir() if ".damaged-" in each.name] != []
    assert not await trade.erasing.cleaning.due()


@pytest.mark.sqlite_only(reason="a reader keeps the -wal file from being emptied")
async def test_what_a_reader_kept_from_being_emptied_is_tried_again_each_round(trade: Trade, tmp_path: Path) -> None:
    trade.sell(1)
    beside = Planted(trade.db.place)
    beside.connection.execute("BEGIN")
    assert beside.rows("SELECT COUNT(*) FROM devices") != []
    await trade.erasing.erase(one(trade, 1), WISH)
    assert left(tmp_path, marks_of(1)[2:]) == set(marks_of(1)[2:])

    await trade.erasing.run_once()
    assert await trade.erasing.cleaning.due()
    beside.connection.execute("ROLLBACK")
    beside.connection.close()
    await trade.erasing.run_once()

    assert left(tmp_path, marks_of(1)) == set()
    assert not await trade.erasing.cleaning.due()


async def test_after_a_crash_behind_the_transaction_the_next_start_cleans(trade: Trade, tmp_path: Path) -> None:
    trade.sell(1)
    who = one(trade, 1)
    await trade.db.write(who.tenant, service.erase, trade.ledger.vault, who, WISH, trade.clock.now())
    assert not listing(tmp_path).exists()
    if not on_postgres():
        assert left(tmp_path, marks_of(1)[2:]) == set(marks_of(1)[2:])

    await Erasing(trade.db, trade.ledger.vault, trade.clock, tmp_path / "bando.db").loop.run_once()

    assert left(tmp_path, marks_of(1)) == set()
    assert len(tombstones.read(listing(tmp_path))) == 2


# --- what somebody agreed to ---


async def test_what_they_agreed_to_goes_with_them_at_once_as_the_period_says(trade: Trade) -> None:
    trade.sell(1)
    planted = Planted(trade.db.place)
    planted.row("consents", trade.ledger.tenant.id, person_id=1, given=1, decided_at=trade.clock.now())
    planted.connection.close()
    assert PERIODS["consent"].counted.endswith("if whoever agreed is erased, at once")

    await trade.erasing.erase(one(trade, 1), WISH)

    assert trade.ledger.count("consents") == 0


async def test_what_is_left_of_an_erased_isp_is_cleaned_by_the_same_loop(trade: Trade) -> None:
    tenant, now = trade.ledger.other, trade.clock.now()
    trade.ledger.connection.execute("UPDATE tenants SET erase_from = ? WHERE id = ?", (now, tenant.id))
    assert trade.ledger.run(closed.finish(trade.ledger.vault, tenant.id, now), tenant)
    assert await trade.erasing.cleaning.due()
    await trade.erasing.run_once()
    assert not await trade.erasing.cleaning.due()
