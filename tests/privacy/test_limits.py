"""Each rule takes a row when its day has come, and not a moment earlier; made from the table of rules itself."""

from __future__ import annotations

import pytest
from sqlalchemy import Table

from portal.clock import DAY, HOUR
from portal.columns import RETENTION_DAYS, metadata
from portal.privacy.retention.periods import PERIODS, limit
from portal.privacy.retention.rules import ELSEWHERE, RULES, Elsewhere, Rule
from tests.privacy.house import House

every_rule = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)


@every_rule
async def test_a_row_stays_until_its_day_and_goes_after_it(house: House, rule: Rule) -> None:
    edge = house.limit(rule)
    older, just_older = await house.at(rule, edge - DAY), await house.at(rule, edge - 1)
    edge_itself, younger = await house.at(rule, edge), await house.at(rule, edge + DAY)
    assert all(house.there(rule, each) for each in (older, just_older, edge_itself, younger))

    assert await house.purge() == {rule.name: 2}

    left = [house.there(rule, each) for each in (older, just_older, edge_itself, younger)]
    assert left == [False, False, True, True]
    assert await house.purge() == {}


@every_rule
async def test_a_row_that_stayed_goes_with_its_own_day(house: House, rule: Rule) -> None:
    planted = await house.at(rule, house.limit(rule))
    assert await house.purge() == {}

    house.seed.clock.advance(DAY)
    taken = await house.purge()

    assert taken[rule.name] == 1
    assert not house.there(rule, planted)


@every_rule
async def test_all_day_long_the_same_rows_are_too_old(house: House, rule: Rule) -> None:
    edge = house.limit(rule)
    house.seed.clock.advance(8 * HOUR)  # 23:00 in Nairobi
    assert house.limit(rule) == edge
    house.seed.clock.advance(2 * HOUR)
    assert house.limit(rule) == edge + DAY


@every_rule
async def test_a_hold_keeps_it_whatever_its_age(house: House, rule: Rule) -> None:
    planted = await house.old(rule)
    hold = await house.hold(rule.keep)
    assert await house.purge() == {}
    assert house.there(rule, planted)

    await house.lift(hold)
    assert await house.purge() == {rule.name: 1}


def test_seven_years_are_seven_years_whichever_leap_days_are_in_them() -> None:
    """A payment of any day of four years is there on the day before its seventh birthday, and all of that day."""
    days = PERIODS["payment"].default
    for day in range(4 * 366):
        paid = 1_700_000_000_000 + day * DAY
        birthday = paid + (7 * 365 + 1) * DAY  # seven years have one leap day at least
        assert limit(days, birthday, "Africa/Nairobi") <= paid


def test_a_day_with_a_change_of_clocks_begins_at_its_own_midnight() -> None:
    noon = 1_774_778_400_000  # 2026-03-29 12:00 in Berlin, where this day has 23 hours
    assert limit(-1, noon, "Europe/Berlin") - limit(0, noon, "Europe/Berlin") == 23 * HOUR


# --- the table is complete ---


def unruled(tables: list[Table], rules: tuple[Rule, ...], elsewhere: tuple[Elsewhere, ...]) -> list[str]:
    """Personal columns for which nothing answers, or something of another class."""
    # What moved money is kept as long as payments: the same column, in two classes.
    everything: list[Rule | Elsewhere] = [*rules, *elsewhere]
    answered = {(each.table, name, each.keep) for each in everything for name in each.columns}
    return [
        f"{table.name}.{column.name}"
        for table in tables
        for column in table.columns
        if column.info["data"] == "personal" and (table.name, column.name, column.info["keep"]) not in answered
    ]


def test_each_personal_column_belongs_to_a_rule() -> None:
    assert unruled(metadata.sorted_tables, RULES, ELSEWHERE) == []


@pytest.mark.parametrize(
    "rule", [rule for rule in RULES if rule.name != "acts about money"], ids=lambda rule: rule.name
)
def test_a_column_without_its_rule_would_be_noticed(rule: Rule) -> None:
    rest = tuple(each for each in RULES if each is not rule)
    assert unruled(metadata.sorted_tables, rest, ELSEWHERE) == [f"{rule.table}.{name}" for name in rule.columns]


@every_rule
def test_a_rule_names_columns_of_its_table_and_takes_them(rule: Rule) -> None:
    table = metadata.tables[rule.table]
    assert all(table.columns[name].info["data"] == "personal" for name in rule.columns)
    assert rule.keep in RETENTION_DAYS
    deletes = not rule.clears and not rule.special
    named = {each.name for each in table.columns if each.info["data"] == "personal"}
    assert not deletes or named == set(rule.columns), "a row is deleted with all that is in it"


def test_a_deleted_row_is_one_to_which_no_other_table_points() -> None:
    pointed_at = {key.column.table.name for table in metadata.sorted_tables for key in table.foreign_keys}
    assert [rule.name for rule in RULES if not rule.clears and not rule.special and rule.table in pointed_at] == []


def test_the_classes_of_the_schema_are_those_with_bounds() -> None:
    assert set(PERIODS) == set(RETENTION_DAYS)
    assert all(each.lowest <= each.default <= each.highest for each in PERIODS.values())
