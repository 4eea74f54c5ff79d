"""Staff are told in time that a paper of their ISP ends."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date, timedelta
from pathlib import Path

import pytest

from portal.clock import DAY, as_datetime
from portal.tenancy import closing
from portal.tenancy import store as tenancy
from portal.tenancy.reminders import Reminders
from portal.tenancy.store import Tenant
from portal.units import rows
from tests.support import Seed, seed


@pytest.fixture
async def home(tmp_path: Path) -> AsyncIterator[Seed]:
    made = await seed(tmp_path)
    yield made
    await made.db.aclose()


async def the_tenant(home: Seed) -> Tenant:
    found: list[Tenant] = await home.db.read(None, tenancy.tenants)
    return found[0]


async def ends_in(home: Seed, days: int) -> Reminders:
    last: date = as_datetime(home.clock.now()).date() + timedelta(days=days)
    await home.db.write(None, tenancy.change_tenant, home.tenant.id, licence_until=str(last), licence_number="CA-1")
    tenant = await the_tenant(home)
    return Reminders(home.db, home.clock, lambda: [tenant])


async def lines(home: Seed) -> list[str]:
    return [each["detail"] for each in await home.read(tenancy.exceptions)]


async def test_nothing_is_said_long_before(home: Seed) -> None:
    reminders = await ends_in(home, 90)
    assert await reminders.run_once() == 0
    assert await lines(home) == []


async def test_each_reminder_is_one_line_in_the_place_of_the_last(home: Seed) -> None:
    reminders = await ends_in(home, 61)
    seen = []
    for _ in range(63):
        home.clock.advance(DAY)
        await reminders.run_once()
        await reminders.run_once()
        seen.append(await lines(home))
        assert len(seen[-1]) == 1
    assert len({each[0] for each in seen}) == 1, "the sentence is true on each of the days"
    assert "its last day is" in seen[0][0]
    subjects = await home.read(rows, "SELECT subject FROM exceptions WHERE tenant_id = :tenant ORDER BY id")
    assert [row["subject"].rpartition(":")[2] for row in subjects] == ["60", "30", "7", "0"]


async def test_a_date_that_is_taken_away_takes_its_line_along(home: Seed) -> None:
    await (await ends_in(home, 5)).run_once()
    await home.db.write(None, tenancy.change_tenant, home.tenant.id, licence_until=None)
    tenant = await the_tenant(home)
    assert await Reminders(home.db, home.clock, lambda: [tenant]).run_once() == 0
    assert await lines(home) == []


async def test_a_date_that_is_put_back_is_reminded_of_anew(home: Seed) -> None:
    for days in (5, 400, 5):
        await (await ends_in(home, days)).run_once()
    assert len(await lines(home)) == 1


async def test_a_later_date_closes_the_line(home: Seed) -> None:
    await (await ends_in(home, 5)).run_once()
    assert len(await lines(home)) == 1
    await (await ends_in(home, 400)).run_once()
    assert await lines(home) == []


async def test_a_line_that_staff_closed_does_not_come_back(home: Seed) -> None:
    reminders = await ends_in(home, 5)
    await reminders.run_once()
    (line,) = await home.read(tenancy.exceptions)
    await home.write(tenancy.close_exception, line["id"], home.clock.now())
    await reminders.run_once()
    assert await lines(home) == []


async def test_of_a_closed_isp_only_the_day_is_told_on_which_its_records_are_erased(home: Seed) -> None:
    await ends_in(home, 5)
    await home.write(closing.close, home.tenant.id, home.clock.now())
    tenant = await the_tenant(home)
    reminders = Reminders(home.db, home.clock, lambda: [tenant])
    assert await reminders.run_once() == 0
    for days, stage in ((31, "60"), (30, "30"), (24, "7")):
        home.clock.advance(days * DAY)
        await reminders.run_once()
        assert len(await lines(home)) == 1
        found = await home.read(
            rows, "SELECT subject FROM exceptions WHERE tenant_id = :tenant ORDER BY id DESC LIMIT 1"
        )
        assert found[0]["subject"].endswith(f":{stage}")
    assert "its records are erased on" in (await lines(home))[0]
    home.clock.advance(DAY)
    await home.write(closing.switch, home.tenant.id, True, home.clock.now())
    opened = await the_tenant(home)
    await Reminders(home.db, home.clock, lambda: [opened]).run_once()
    assert not any("erased" in each for each in await lines(home)), "it was opened again"
