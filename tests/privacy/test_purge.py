"""A run as a whole: whose terms count, what a hold and a crash do to it, and what it leaves behind."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from portal.audit import store as audit
from portal.audit.chain import ChainBroken
from portal.clock import DAY, HOUR
from portal.errors import Refused
from portal.payments import limits
from portal.payments.counts import store as counts
from portal.privacy.retention import service, store
from portal.privacy.retention.periods import PERIODS, OutOfBounds
from portal.privacy.retention.room import BATCH
from portal.privacy.retention.rules import BY_NAME, ELSEWHERE, RULES, Rule
from portal.tenancy import closing
from portal.tenancy import store as tenancy
from portal.units import Row, drive
from portal.vouchers import guesses
from tests.privacy.house import House

NOTES, PASSES, LOGINS, STAFF = (BY_NAME[name] for name in ("notes", "passes", "logins", "staff"))


async def choose(house: House, keep: str, days: int, tenant_id: int | None = None) -> int:
    given = (house.seed.vault, keep, days, "command", house.now)
    was: int = await house.seed.db.write(tenant_id or house.tenant.id, service.choose, *given)
    return was


async def many_notes(house: House, how_many: int) -> None:
    """Old notes about one device by one person."""
    first = house.planted.one("notes", await house.old(NOTES))
    assert first is not None
    for _ in range(how_many - 1):
        await house.old(NOTES, device_id=first["device_id"], staff_id=first["staff_id"])


def notes_left(house: House) -> int:
    return len(house.planted.rows("SELECT id FROM notes"))


# --- the terms of an ISP ---


async def test_one_year_for_payments_is_refused_with_the_reason(house: House) -> None:
    with pytest.raises(OutOfBounds, match=r"Payments and receipts: not less than 2557 days, since .* seven years"):
        await choose(house, "payment", 365)
    assert house.planted.rows("SELECT * FROM retention") == []
    assert await house.seed.read(audit.page, None, 9) == []


@pytest.mark.parametrize("keep", PERIODS)
async def test_days_are_taken_inside_of_the_bounds_and_refused_beyond_them(house: House, keep: str) -> None:
    period = PERIODS[keep]
    for days in (period.lowest, period.highest):
        await choose(house, keep, days)
    assert (await house.seed.read(store.own_days)) == {keep: period.highest}
    for days in (period.lowest - 1, period.highest + 1, 0, -1, 10**15):
        with pytest.raises(OutOfBounds):
            await choose(house, keep, days)
    assert (await house.seed.read(store.own_days)) == {keep: period.highest}


async def test_payments_may_be_kept_for_longer(house: House) -> None:
    rule = BY_NAME["payments"]
    await choose(house, "payment", 10 * 366)
    planted = await house.at(rule, house.limit(rule) - DAY)
    assert await house.purge() == {}
    assert house.there(rule, planted)


async def test_days_that_were_chosen_under_other_bounds_are_those_nearest_to_them(house: House) -> None:
    rule = BY_NAME["payments"]
    house.planted.row("retention", house.tenant.id, keep="payment", days=365)
    planted = await house.at(rule, house.limit(rule))
    assert await house.purge() == {}
    assert house.there(rule, planted)


async def test_two_isps_have_their_own_days(house: House) -> None:
    other = await house.another()
    assert await choose(house, "session", 180, other.id) == 365
    ours = await house.at(PASSES, house.now - 200 * DAY)
    theirs = await house.at(PASSES, house.now - 200 * DAY, other)

    assert (await house.purge(), await house.purge(other)) == ({}, {"passes": 1})

    assert (house.there(PASSES, ours), house.there(PASSES, theirs)) == (True, False)


async def test_a_purge_of_one_isp_takes_nothing_of_another(house: House) -> None:
    other = await house.another()
    planted = {rule: await house.old(rule, other) for rule in RULES}
    assert await house.purge() == {}
    assert [rule.name for rule, row_id in planted.items() if not house.there(rule, row_id)] == []


async def test_other_days_count_from_the_next_run_on(house: House) -> None:
    planted = await house.at(PASSES, house.now - 200 * DAY)
    await choose(house, "session", 90)
    await house.purge()
    assert not house.there(PASSES, planted)


# --- holds ---


async def test_a_hold_is_for_its_classes_alone(house: House) -> None:
    note, used = await house.old(NOTES), await house.old(PASSES)
    await house.hold("support")
    assert await house.purge() == {"passes": 1}
    assert (house.there(NOTES, note), house.there(PASSES, used)) == (True, False)


async def test_a_hold_is_of_its_isp_alone(house: House) -> None:
    other = await house.another()
    theirs = await house.old(NOTES, other)
    hold = await house.hold("support")
    with pytest.raises(Refused):
        await house.seed.db.write(other.id, service.release, house.seed.vault, hold, "command", house.now)
    await house.purge(other)
    assert not house.there(NOTES, theirs)


async def test_a_hold_ends_by_itself_when_its_time_has_come(house: House) -> None:
    await house.old(NOTES)
    await house.hold("support", until=house.now + DAY)
    assert await house.purge() == {}
    house.seed.clock.advance(DAY)
    assert await house.purge() == {"notes": 1}


async def test_two_holds_stand_until_both_are_lifted(house: House) -> None:
    await house.old(NOTES)
    first, second = await house.hold("support"), await house.hold("support", "payment")
    await house.lift(first)
    assert await house.purge() == {}
    await house.lift(second)
    assert await house.purge() == {"notes": 1}
    with pytest.raises(Refused):
        await house.lift(second)


async def test_a_hold_stops_a_run_that_is_under_way(house: House) -> None:
    await many_notes(house, 3 * BATCH)
    placed: list[asyncio.Task[int]] = []

    def tell(_: Rule, __: int) -> None:
        if not placed:
            placed.append(asyncio.ensure_future(house.hold("support")))

    taken = await house.room.purge(house.tenant, house.now, "clock", tell)
    assert BATCH <= taken["notes"] <= 2 * BATCH
    assert notes_left(house) == 3 * BATCH - taken["notes"]


@pytest.mark.parametrize("what", [((), "why"), (("support",), " "), (("everything",), "why"), (("guess",), "why")])
async def test_a_hold_names_classes_and_a_reason(house: House, what: tuple[Sequence[str], str]) -> None:
    classes, reason = what
    with pytest.raises(Refused):
        await house.seed.write(service.hold, house.seed.vault, classes, reason, None, "command", house.now)
    assert await house.seed.read(store.holds) == []


async def test_a_hold_until_the_past_is_none(house: House) -> None:
    with pytest.raises(Refused):
        await house.hold("support", until=house.now)


# --- what it leaves behind ---


async def test_a_run_leaves_a_journal_and_one_line_in_the_log(house: House) -> None:
    await many_notes(house, 3)
    await house.old(LOGINS)
    await house.purge()

    (run,) = await house.seed.read(store.runs, 9)
    assert (run.began_by, run.began_at, run.taken) == ("clock", house.now, 4)
    assert run.ended_at is not None
    journal = house.planted.rows("SELECT rule, keep, before, taken FROM purges ORDER BY id")
    assert journal == [
        {"rule": "notes", "keep": "support", "before": house.limit(NOTES), "taken": 3},
        {"rule": "logins", "keep": "act", "before": house.limit(LOGINS), "taken": 1},
    ]
    (act,) = await house.seed.read(audit.page, None, 9)
    assert (act["actor"], act["act"], act["subject"]) == ("clock", "retention.run", f"purge:{run.id}")
    assert json.loads(act["payload"]) == {"after": {"logins": 1, "notes": 3}}


async def test_a_run_that_found_nothing_leaves_its_run_and_no_line(house: House) -> None:
    await house.purge()
    assert [run.taken for run in await house.seed.read(store.runs, 9)] == [0]
    assert await house.seed.read(audit.page, None, 9) == []


async def test_a_preview_changes_nothing(house: House) -> None:
    for rule in RULES:
        await house.old(rule)
    before = house.planted.everything()
    assert await house.preview() == {rule.name: 1 for rule in RULES}
    assert house.planted.everything() == before


async def test_all_rules_together_take_just_what_was_foreseen_and_no_key_breaks(house: House) -> None:
    planted = {rule: [await house.old(rule), await house.at(rule, house.limit(rule))] for rule in RULES}
    assert await house.purge() == {rule.name: 1 for rule in RULES}
    assert [house.there(rule, each) for rule, ids in planted.items() for each in ids] == [False, True] * len(RULES)
    assert house.planted.connection.orphans() == []


async def test_the_log_of_acts_is_whole_after_its_payloads_are_gone(house: House) -> None:
    for rule in (BY_NAME["acts"], BY_NAME["acts about money"]):
        for days in (40, 30, 20):
            await house.at(rule, house.limit(rule) - days * DAY)
    assert await house.purge() == {"acts": 3, "acts about money": 3}

    assert await house.seed.read(audit.verify_all, house.seed.vault) is None
    left = house.planted.rows("SELECT act FROM audit WHERE payload IS NOT NULL ORDER BY number")
    assert [each["act"] for each in left] == ["audit.clear", "audit.clear", "retention.run"]


async def test_a_payload_that_no_purge_took_is_still_noticed(house: House) -> None:
    await house.old(BY_NAME["acts"])
    await house.purge()
    await house.at(BY_NAME["acts"], house.now)
    house.planted.connection.execute("UPDATE audit SET payload = NULL WHERE act = 'note'")
    assert await house.seed.read(audit.verify_all, house.seed.vault) is not None


async def test_somebody_who_left_is_a_name_no_more_and_may_be_invited_again(house: House) -> None:
    left, active = await house.old(STAFF), await house.old(STAFF, state="active")
    kept = house.planted.one("staff", active)
    await house.purge()

    row = house.planted.one("staff", left)
    assert row is not None
    vault = house.seed.vault
    assert vault.open(row["email_sealed"], table="staff", row=row["public"], column="email") == b""
    assert (row["name"], row["state"], row["password_hash"], row["totp_sealed"]) == ("Former staff", "off", None, None)
    assert house.planted.one("staff", active) == kept
    assert len(house.planted.rows("SELECT * FROM staff_owners")) == 1


async def test_a_thread_of_notes_is_kept_from_its_last_word_on(house: House) -> None:
    first = await house.old(NOTES)
    row = house.planted.one("notes", first)
    assert row is not None
    last = await house.at(NOTES, house.limit(NOTES), device_id=row["device_id"], staff_id=row["staff_id"])
    assert await house.purge() == {}
    house.seed.clock.advance(DAY)
    assert await house.purge() == {"notes": 2}
    assert not house.there(NOTES, first)
    assert not house.there(NOTES, last)


# --- it is in nobody's way, and may break off anywhere ---


async def test_a_transaction_takes_few_rows_and_others_get_in_between(house: House) -> None:
    await many_notes(house, 8 * BATCH)
    steps: list[int] = []
    others = 0
    purging = asyncio.ensure_future(house.room.purge(house.tenant, house.now, "clock", lambda _, n: steps.append(n)))
    while not purging.done():
        await house.seed.write(tenancy.is_on)
        others += 1
    await purging

    assert [after - before for before, after in zip([0, *steps], steps, strict=False)] == [BATCH] * 8
    assert others >= 8


async def test_a_run_that_breaks_off_is_gone_on_with(house: House) -> None:
    await many_notes(house, 3 * BATCH)

    def dies(_: Rule, __: int) -> None:
        raise RuntimeError("the power went")

    with pytest.raises(RuntimeError):
        await house.room.purge(house.tenant, house.now, "clock", dies)
    assert notes_left(house) == 2 * BATCH
    assert [(run.taken, run.ended_at) for run in await house.seed.read(store.runs, 9)] == [(BATCH, None)]
    assert await house.room.due(house.tenant, house.now)

    assert await house.room.run_once() == 2 * BATCH
    assert notes_left(house) == 0
    assert sorted(each["taken"] for each in house.planted.rows("SELECT taken FROM purges")) == [BATCH, 2 * BATCH]


class Stopped(Exception):
    """The process ended here."""


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
async def test_a_batch_is_taken_whole_with_its_journal_or_not_at_all(house: House, rule: Rule) -> None:
    """Stopped before each of its statements in turn, until it comes to its end."""
    planted = await house.old(rule)
    purge = await house.seed.write(service.begin, house.tenant, "clock", house.now)
    connection = house.planted.connection
    run = connection.run
    for last in range(30):
        left = last

        def step(text: str, params: Mapping[str, Any]) -> Sequence[Row]:
            nonlocal left
            left -= 1
            if left < 0:
                raise Stopped
            return run(text, params)

        unit = service.batch(house.seed.vault, purge, rule, [planted], house.now)
        connection.execute("BEGIN IMMEDIATE")
        try:
            drive(unit, house.tenant.id, step)
        except Stopped:
            connection.execute("ROLLBACK")
            assert house.there(rule, planted)
            assert house.planted.rows("SELECT * FROM purges") == []
            continue
        connection.execute("COMMIT")
        break
    assert last >= 4
    assert not house.there(rule, planted)
    assert [each["taken"] for each in house.planted.rows("SELECT taken FROM purges")] == [1]


async def test_who_comes_back_between_looking_and_taking_is_kept(house: House) -> None:
    rule = BY_NAME["devices"]
    planted = await house.old(rule)
    purge = await house.seed.write(service.begin, house.tenant, "clock", house.now)
    found = await house.seed.read(service.search, purge, rule, house.now, 9)
    assert found == [planted]
    house.planted.connection.execute("UPDATE devices SET last_seen_at = ?", (house.now,))

    given = (house.seed.vault, purge, rule, found, house.now)
    assert await house.seed.write(service.batch, *given) == 0
    assert house.there(rule, planted)


async def test_a_row_of_another_isp_is_not_taken_by_its_number(house: House) -> None:
    other = await house.another()
    theirs = await house.old(NOTES, other)
    purge = await house.seed.write(service.begin, house.tenant, "clock", house.now)
    given = (house.seed.vault, purge, NOTES, [theirs], house.now)
    assert await house.seed.write(service.batch, *given) == 0
    assert house.there(NOTES, theirs)


# --- clearing the log of sessions ---


async def test_the_log_of_sessions_is_cleared_whatever_its_age_with_its_reason(house: House) -> None:
    sessions = [rule for rule in RULES if rule.keep == "session"]
    young = {rule: await house.at(rule, house.now - HOUR) for rule in sessions}
    others = {rule: await house.at(rule, house.limit(rule)) for rule in RULES if rule.keep != "session"}

    taken = await house.room.clear_sessions(house.tenant, "we were asked to", house.now, "command")

    assert taken == {rule.name: 1 for rule in sessions}
    assert [rule.name for rule, row_id in young.items() if house.there(rule, row_id)] == []
    assert [rule.name for rule, row_id in others.items() if not house.there(rule, row_id)] == []
    said = [(each["act"], json.loads(each["payload"])["after"]) for each in await house.seed.read(audit.page, None, 2)]
    assert said == [("retention.run", taken), ("retention.clear", {"reason": "we were asked to"})]
    assert await house.room.due(house.tenant, house.now), "the purge of today is another one"


async def test_whose_pass_goes_on_is_left_in_the_log_of_sessions(house: House) -> None:
    live = house.planted.row("passes", house.tenant.id, state="running", started_at=house.now - HOUR)
    device = house.planted.one("passes", live)
    assert device is not None
    seen = await house.at(BY_NAME["presence"], house.now - HOUR, device_id=device["device_id"])
    used = await house.at(BY_NAME["usage"], house.now - HOUR, pass_id=live)
    assert await house.room.clear_sessions(house.tenant, "why", house.now, "command") == {}
    assert house.there(BY_NAME["presence"], seen)
    assert house.there(BY_NAME["usage"], used)
    assert house.there(PASSES, live)


async def test_what_is_held_is_not_cleared_and_neither_is_anything_without_a_reason(house: House) -> None:
    planted = await house.at(PASSES, house.now - HOUR)
    with pytest.raises(Refused):
        await house.room.clear_sessions(house.tenant, "  ", house.now, "command")
    await house.hold("session")
    with pytest.raises(Refused):
        await house.room.clear_sessions(house.tenant, "why", house.now, "command")
    assert house.there(PASSES, planted)
    assert await house.seed.read(store.runs, 9) == []


# --- once a day ---


async def test_each_isp_is_purged_once_a_day_and_not_before_three_in_the_morning(house: House) -> None:
    other = await house.another()
    await house.old(NOTES)
    await house.old(NOTES, other)
    assert await house.room.run_once() == 2
    await house.old(NOTES)
    assert await house.room.run_once() == 0

    house.seed.clock.advance(11 * HOUR)  # 02:00 of the next day in Nairobi
    assert await house.room.run_once() == 0
    house.seed.clock.advance(HOUR)
    assert await house.room.run_once() == 1
    assert len(await house.seed.read(store.runs, 9)) == 2


async def test_an_isp_that_is_switched_off_or_closed_is_purged_all_the_same(house: House) -> None:
    await house.seed.db.write(None, closing.close, house.tenant.id, house.now)
    await house.old(NOTES)
    assert await house.room.run_once() == 1


async def test_the_platform_and_its_staff_are_purged_too(house: House) -> None:
    platform = house.planted.connection.execute(
        "INSERT INTO tenants (public, name, kind, created_at) VALUES ('p', 'Platform', 'platform', 1) RETURNING id"
    ).fetchone()[0]
    found = await house.seed.db.read(None, tenancy.platform)
    assert found is not None
    assert found.id == platform
    planted = await house.old(LOGINS, found)
    assert await house.room.run_once() == 1
    assert not house.there(LOGINS, planted)


async def test_an_isp_at_which_it_fails_does_not_keep_the_data_of_others(house: House) -> None:
    other = await house.another()
    await house.old(BY_NAME["acts"])
    house.planted.connection.drop_triggers("audit_heads_go_on")
    house.planted.connection.execute("UPDATE audit_heads SET seal = ?", (b"not ours",))
    planted = await house.old(NOTES, other)
    with pytest.raises(ChainBroken):
        await house.room.run_once()
    assert not house.there(NOTES, planted)
    assert house.planted.rows("SELECT payload FROM audit WHERE payload IS NULL") == []


# --- what has a clock of its own ---


async def test_guesses_end_after_a_day_by_the_clock_of_their_room(house: House) -> None:
    """They are counted by the hour, so the night would be too late: the class says one day, and so do they."""
    assert PERIODS["guess"].default * DAY == limits.GUESS_KEPT_MS
    for at in (house.now - DAY - 1, house.now - DAY, house.now):
        house.planted.row("guesses", house.tenant.id, guessed_at=at)
        house.planted.connection.execute(
            "INSERT INTO open_guesses (bucket, subject, guessed_at) VALUES ('source', ?, ?)", (b"s", at)
        )
    await house.seed.write(counts.forget_counts, house.now - limits.GUESS_KEPT_MS, house.now)
    await house.seed.db.write(None, guesses.forget_open, house.now - DAY)

    for table in ("guesses", "open_guesses"):
        left = house.planted.rows(f"SELECT guessed_at FROM {table} ORDER BY guessed_at")
        assert [each["guessed_at"] for each in left] == [house.now - DAY, house.now]


def test_no_row_has_two_clocks() -> None:
    ruled = {(rule.table, name) for rule in RULES for name in rule.columns}
    assert [each for each in ELSEWHERE if {(each.table, name) for name in each.columns} & ruled] == []
