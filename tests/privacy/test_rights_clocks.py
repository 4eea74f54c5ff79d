"""By when a request has to be answered, and that staff are told in time; a clock is moved, nothing waits."""

from __future__ import annotations

from datetime import date

import pytest

from app import _deadlines
from portal import spans
from portal.access.catalog import Catalog
from portal.clock import DAY, HOUR, MINUTE
from portal.privacy.rights import service
from portal.privacy.rights.clocks import RIGHTS, clocks, last_day
from portal.privacy.rights.service import Ask, By
from portal.settings import load
from portal.units import rows
from portal.watch import rules
from portal.watch.looking import Sources
from portal.watch.rules import Deadline
from portal.watch.watching import Watching
from tests.privacy.house import House

ZONE = "Africa/Nairobi"


@pytest.mark.parametrize(("kind", "days"), [(each, 30 if each == "portability" else 7) for each in RIGHTS])
def test_the_day_on_which_it_came_does_not_count_and_its_last_day_counts_whole(kind: str, days: int) -> None:
    for hour in (0, 12, 23):
        came = spans.midnight(date(2026, 11, 28), ZONE) + hour * HOUR
        found = clocks(kind, came, ZONE)
        assert (last_day(found.due_at, ZONE) - date(2026, 11, 28)).days == days
        assert (last_day(found.refuse_by, ZONE) - date(2026, 11, 28)).days == 7
        assert spans.midnight(last_day(found.due_at, ZONE), ZONE) + DAY == found.due_at


def test_each_isp_counts_its_own_days() -> None:
    late = spans.midnight(date(2026, 11, 28), ZONE) + 23 * HOUR  # still the 28th in Nairobi, the 29th in Kiritimati
    assert last_day(clocks("access", late, ZONE).due_at, ZONE) == date(2026, 12, 5)
    assert last_day(clocks("access", late, "Pacific/Kiritimati").due_at, "Pacific/Kiritimati") == date(2026, 12, 6)


def test_half_of_the_time_most_of_it_and_all_of_it_are_told_apart() -> None:
    assert [spans.stage(0, 1000, now) for now in (0, 499, 500, 799, 800, 999, 1000, 5000)] == [
        *("", "", "half", "half", "most", "most", "over", "over")
    ]
    assert spans.stage(10, 10, 10) == "over"


def test_an_alarm_names_its_last_day_or_its_hour_and_nobody() -> None:
    noon = spans.midnight(date(2026, 11, 28), ZONE)
    look = Deadline(kind="request", subject="request:7", title="Request 7", since=noon, due_at=noon + 8 * DAY)
    found = rules.deadline(look, noon + 4 * DAY, ZONE)
    assert found is not None
    assert (found.kind, found.subject, found.severity) == ("request-due", "request:7:half", "warn")
    assert found.text == "Request 7: its last day is 5 Dec 2026. Half of its time is over."
    late = rules.deadline(look, noon + 8 * DAY, ZONE)
    assert late is not None
    assert (late.kind, late.severity) == ("request-overdue", "grave")
    hour = Deadline(kind="incident", subject="i", title="Incident 1", since=noon, due_at=noon + 72 * HOUR + MINUTE)
    told = rules.deadline(hour, noon + 60 * HOUR, ZONE)
    assert told is not None
    assert "due by 1 Dec, 00:01" in told.text


async def test_staff_are_told_at_half_at_four_fifths_and_when_it_is_over_once_each(house: House) -> None:
    catalog = Catalog(house.seed.db)
    await catalog.refresh()
    sources = Sources(deadlines=_deadlines)
    watching = Watching(house.seed.db, house.seed.clock, catalog, load({}).public_url, sources=sources)
    asked = Ask(kind="access", channel="letter", received_at=house.now, key="a", contact="P.O. Box 7")
    made = await house.seed.write(service.file, house.seed.vault, house.tenant, asked, By(), house.now)

    async def opened() -> list[tuple[str, str]]:
        await watching.run_once()
        found = await house.seed.read(
            rows, "SELECT kind, subject FROM alarms WHERE tenant_id = :tenant AND kind LIKE 'request%' ORDER BY id"
        )
        return [(row["kind"], row["subject"]) for row in found]

    assert await opened() == []
    house.seed.clock.advance(4 * DAY)
    for _ in range(3):
        assert await opened() == [("request-due", f"request:{made}:half")]
    house.seed.clock.advance(2 * DAY + 12 * HOUR)
    assert (await opened())[1:] == [("request-due", f"request:{made}:most")]
    assert watching.open.late() == {}
    house.seed.clock.advance(2 * DAY)
    assert (await opened())[2:] == [("request-overdue", f"request:{made}:over")]
    assert watching.open.late() == {"request": 1}

    await house.seed.write(service.refuse, house.seed.vault, made, "not known here", By(), house.now)
    for _ in range(3):
        house.seed.clock.advance(11 * MINUTE)
        assert len(await opened()) == 3
    assert watching.open.late() == {}
    left = await house.seed.read(
        rows, "SELECT id FROM alarms WHERE tenant_id = :tenant AND kind LIKE 'request%' AND closed_at IS NULL"
    )
    assert left == []
