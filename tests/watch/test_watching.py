"""The whole watch on a real database with months of payments in it: what is told, when, and how often."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest

from portal.access.catalog import Catalog
from portal.clock import DAY, HOUR, MINUTE, SECOND, Moment, TravelClock
from portal.money import Money
from portal.people import store as people
from portal.phone import Phone
from portal.tenancy import store as tenancy
from portal.units import Sql, Unit, insert, rows, update
from portal.watch import channels, store
from portal.watch.alarm import KINDS
from portal.watch.ledger import PATIENCE, Patience
from portal.watch.looking import Sources, look
from portal.watch.rules import Balance, Expiring
from portal.watch.watching import Watching
from tests.console import money
from tests.console.plans_of_queries import plans, scans
from tests.support import Seed, add_router, seed
from tests.watch.test_silence import traffic

MONDAY: Moment = 1_795_392_000_000 - 3 * HOUR  # midnight in Nairobi
GUESTS = 60


@pytest.fixture
async def home(tmp_path: Path) -> AsyncIterator[Seed]:
    made = await seed(tmp_path, clock=TravelClock(start=MONDAY))
    made.clock.run_at(0)
    await made.write(money._account, made)
    args = (made.vault, "aa", "webhook", "https://hooks.example.test/x", "whs_secret", tuple(KINDS), MONDAY)
    await made.write(channels.add, *args)
    yield made
    await made.db.aclose()


async def watching(home: Seed, *, sources: Sources | None = None, patience: Patience = PATIENCE) -> Watching:
    """A watch as a process that has just started has it."""
    catalog = Catalog(home.db)
    await catalog.refresh()
    return Watching(home.db, home.clock, catalog, "https://wifi.test", sources=sources, patience=patience)


def at(home: Seed, moment: Moment) -> None:
    home.clock.advance(moment - home.clock.now())


async def looks(home: Seed, watch: Watching, until: Moment, each: Callable[[Moment], Any] | None = None) -> None:
    """A look each minute until then."""
    while home.clock.now() < until:
        home.clock.advance(MINUTE)
        if each is not None:
            await each(home.clock.now())
        await watch.run_once()


async def told(home: Seed) -> list[tuple[Moment, str, str, str]]:
    """When, what, of which kind, in which words."""
    found = await home.read(rows, "SELECT made_at, event, body FROM deliveries WHERE tenant_id = :tenant ORDER BY id")
    bodies = [(row["made_at"], row["event"], json.loads(row["body"])) for row in found]
    return [(made, event, body["kind"], body["text"]) for made, event, body in bodies]


def written(home: Seed, moments: list[Moment], seed: int, broken: tuple[Moment, Moment] = (0, 0)) -> Unit[None]:
    """Payments that began at these moments, by some dozens of guests; while M-Pesa is broken, none is finished."""
    chance = Random(seed)
    persons = []
    for n in range(GUESTS):
        phone = Phone(f"2547{n:08d}")
        persons.append((yield from people.person_for(home.vault, home.tenant.id, phone, MONDAY)))
    template = yield from money._payment(home, MONDAY - 400 * DAY, 2000, {})
    columns = (yield Sql("SELECT * FROM payments WHERE tenant_id = :tenant AND id = :id", {"id": template}))[0]
    for n, moment in enumerate(moments):
        paid = chance.random() < 0.75 and not broken[0] <= moment < broken[1]
        fields = {name: columns[name] for name in dict(columns) if name not in ("id", "tenant_id")} | {
            "public": f"p{n}",
            "token_hash": b"t%d" % n,
            "callback_hash": b"c%d" % n,
            "click_key": f"k{n}",
            "account_ref": f"r{n}",
            "person_id": chance.choice(persons),
            "created_at": moment,
            "state": "paid" if paid else "failed",
            "settled_at": moment + 20 * SECOND,
            "settled_by": "stk",
            "receipt_state": "here" if paid else None,
            "reason": None if paid else "cancelled",
        }
        yield from insert("payments", **fields)


async def lived(home: Seed, days: int, scale: float, seed: int = 1, **changes: Any) -> Moment:
    """So many days of payments; where they end. What lies after a look is not seen by it: it is in the future."""
    broken, silent = changes.get("broken", (0, 0)), changes.get("silent", (0, 0))
    moments = [MONDAY + each for each in traffic(seed, days, scale)]
    kept = [each for each in moments if not silent[0] <= each < silent[1]]
    await home.write(written, home, kept, seed, broken)
    return MONDAY + days * DAY


# --- silence ---


async def test_an_outage_of_m_pesa_at_a_busy_hour_is_told_within_half_an_hour_and_once(home: Seed) -> None:
    begin = MONDAY + 35 * DAY + 19 * HOUR
    await lived(home, 37, 1, broken=(begin, begin + 3 * HOUR))
    watch = await watching(home)
    at(home, begin - 2 * HOUR)
    await looks(home, watch, begin + 5 * HOUR)
    said = await told(home)

    assert [(event, kind) for _, event, kind, _ in said] == [("opened", "silence-paid"), ("closed", "silence-paid")]
    assert said[0][0] - begin <= 30 * MINUTE
    assert said[1][0] >= begin + 3 * HOUR


async def test_nobody_begins_for_two_busy_hours_and_it_is_told(home: Seed) -> None:
    begin = MONDAY + 35 * DAY + 18 * HOUR
    await lived(home, 36, 2, silent=(begin, begin + 2 * HOUR))
    watch = await watching(home)
    at(home, begin - HOUR)
    await looks(home, watch, begin + 3 * HOUR)
    said = await told(home)

    assert [(event, kind) for _, event, kind, _ in said] == [("opened", "silence-begun"), ("closed", "silence-begun")]
    assert said[0][0] - begin <= 30 * MINUTE


async def test_a_week_of_ordinary_days_and_quiet_nights_is_told_nothing(home: Seed) -> None:
    """Looked at each ten minutes, on the database; the month of it, each minute, is in test_silence."""
    end = await lived(home, 37, 0.5, seed=3)
    watch = await watching(home)
    at(home, end - 7 * DAY)
    for _ in range(7 * DAY // (10 * MINUTE)):
        home.clock.advance(10 * MINUTE)
        await watch.run_once()
    assert await told(home) == []


async def test_a_shop_that_is_closed_is_not_silent(home: Seed) -> None:
    begin = MONDAY + 35 * DAY + 18 * HOUR
    await lived(home, 36, 2, silent=(begin, begin + 6 * HOUR))
    closed = '{"days": [0, 1, 2, 3, 4, 5, 6], "begin": 360, "end": 1080}'  # from 18:00 on
    await home.write(update, "plans", home.plan.id, hours=closed)
    watch = await watching(home)
    at(home, begin)
    await looks(home, watch, begin + 2 * HOUR)
    assert await told(home) == []


async def test_a_silence_that_goes_on_after_a_closed_night_is_one_story(home: Seed) -> None:
    begin = MONDAY + 35 * DAY + 16 * HOUR
    await lived(home, 37, 2, silent=(begin, begin + 18 * HOUR))
    closed = '{"days": [0, 1, 2, 3, 4, 5, 6], "begin": 360, "end": 1080}'  # from 18:00 to 06:00
    await home.write(update, "plans", home.plan.id, hours=closed)
    watch = await watching(home)
    at(home, begin)
    await looks(home, watch, begin + 19 * HOUR)
    said = await told(home)

    assert [(event, kind) for _, event, kind, _ in said] == [("opened", "silence-begun"), ("closed", "silence-begun")]
    assert said[0][0] < begin + HOUR
    assert said[1][0] > begin + 18 * HOUR


async def test_a_young_isp_hears_nothing_of_silence(home: Seed) -> None:
    await lived(home, 5, 2)
    watch = await watching(home)
    at(home, MONDAY + 8 * DAY)
    await looks(home, watch, home.clock.now() + 10 * MINUTE)
    assert await told(home) == []


# --- routers ---


async def contact(home: Seed, router_id: int, moment: Moment) -> None:
    await home.write(tenancy.note_contact, router_id, moment)


async def test_a_router_that_goes_is_told_once_through_a_restart_and_its_return_with_how_long_it_was_away(
    home: Seed,
) -> None:
    await contact(home, home.router_id, MONDAY)
    watch = await watching(home)
    await looks(home, watch, MONDAY + 30 * MINUTE)
    again = await watching(home)
    await looks(home, again, MONDAY + HOUR)
    assert [event for _, event, _, _ in await told(home)] == ["opened"]

    async def back(now: Moment) -> None:
        await contact(home, home.router_id, now)

    await looks(home, again, MONDAY + 2 * HOUR, back)
    said = await told(home)
    assert [event for _, event, _, _ in said] == ["opened", "closed"]
    assert "after 1 h 1 min" in said[1][3]


async def test_routers_that_were_dead_for_weeks_or_never_reached_are_told_of_never(home: Seed) -> None:
    dead: int = await home.write(add_router, home.vault, MONDAY, name="Dead")
    await contact(home, dead, MONDAY - 20 * DAY)
    watch = await watching(home)
    await looks(home, watch, MONDAY + HOUR)
    assert await told(home) == []
    assert await home.read(store.unclosed) == []


async def test_a_power_cut_at_five_sites_is_one_message(home: Seed) -> None:
    ids = [home.router_id]
    for n in range(4):
        ids.append(await home.write(add_router, home.vault, MONDAY, name=f"Site {n + 2}"))  # noqa: PERF401
    watch = await watching(home)
    for n, id in enumerate(ids):
        await contact(home, id, MONDAY + n * 6 * SECOND)
    await looks(home, watch, MONDAY + HOUR)

    async def first_four(now: Moment) -> None:
        for id in ids[:4]:
            await contact(home, id, now)

    await looks(home, watch, MONDAY + 2 * HOUR, first_four)
    ((_, event, kind, text),) = await told(home)
    assert (event, kind) == ("opened", "routers-down")
    assert "5 of 5 routers" in text
    (kept,) = await home.read(store.unclosed)
    assert "1 router does not answer" in kept.sentence


async def test_without_the_second_look_a_blink_is_two_messages(home: Seed) -> None:
    """The control: with it there is none."""
    for patience, wanted in ((PATIENCE, 0), (Patience(debounce_ms=0, calm_ms=0), 2)):
        begin = home.clock.now()
        await contact(home, home.router_id, begin)
        watch = await watching(home, patience=patience)
        before = len(await told(home))
        await looks(home, watch, begin + 5 * MINUTE)  # five minutes old: down at this look
        await contact(home, home.router_id, home.clock.now() + 30 * SECOND)
        await looks(home, watch, begin + 8 * MINUTE)
        assert len(await told(home)) - before == wanted


async def test_a_switched_off_router_is_not_missed(home: Seed) -> None:
    await contact(home, home.router_id, MONDAY)
    await home.write(update, "routers", home.router_id, active=False)
    watch = await watching(home)
    await looks(home, watch, MONDAY + HOUR)
    assert await told(home) == []


# --- the other rules, on the database ---


async def test_reports_that_stop_coming_are_told(home: Seed) -> None:
    for n in range(40):
        await money.paid(home, MONDAY + n * HOUR, settled_by="stk")
    now = MONDAY + 50 * HOUR
    for n in range(8):
        await money.paid(home, now - n * MINUTE, settled_by="query")
    at(home, now)
    watch = await watching(home)
    await looks(home, watch, now + 3 * MINUTE)
    assert [kind for _, _, kind, _ in await told(home)] == ["callbacks"]


async def test_where_few_pay_a_day_of_missing_reports_is_told(home: Seed) -> None:
    for n in range(40):
        await money.paid(home, MONDAY + n * 3 * HOUR, settled_by="stk")
    now = MONDAY + 7 * DAY
    for n in range(7):
        await money.paid(home, now - n * 3 * HOUR, settled_by="query")
    at(home, now)
    watch = await watching(home)
    await looks(home, watch, now + 3 * MINUTE)
    ((_, _, kind, text),) = await told(home)
    assert kind == "callbacks"
    assert "Within a day M-Pesa has reported 0 of 7" in text


async def test_an_account_that_m_pesa_refuses_is_told_and_one_guest_who_tries_again_and_again_is_not(
    home: Seed,
) -> None:
    watch = await watching(home)
    for n in range(9):
        await money.payment(home, MONDAY + n, state="failed", reason="config", settled_at=MONDAY + n)
    await looks(home, watch, MONDAY + 5 * MINUTE)
    assert await told(home) == []
    other: int = await home.write(people.person_for, home.vault, home.tenant.id, Phone("254722000001"), MONDAY)
    await money.payment(home, MONDAY, state="failed", reason="config", settled_at=MONDAY, person_id=other)
    await looks(home, watch, MONDAY + 8 * MINUTE)
    assert [kind for _, _, kind, _ in await told(home)] == ["failing"]


async def test_a_burst_of_guesses_and_reports_that_m_pesa_does_not_know_are_told_within_a_minute(home: Seed) -> None:
    """facts/trust.md X8: each of them within 60 s."""

    def tried() -> Unit[None]:
        for n in range(60):
            for bucket in ("device", "router", "tenant"):
                fields = {"door": "voucher", "bucket": bucket, "subject": b"x%d" % n, "guessed_at": MONDAY + n}
                yield from insert("guesses", **fields)
        for n in range(2):
            yield from tenancy.open_exception("unknown-id", f"payment:{n}", "A success was reported.", MONDAY)

    await home.write(tried)
    watch = await watching(home)
    await looks(home, watch, MONDAY + MINUTE)
    assert sorted(kind for _, _, kind, _ in await told(home)) == ["guesses", "odd-reports"]


async def test_what_other_rooms_know_is_told_as_well(home: Seed) -> None:
    def balances() -> Unit[list[Balance]]:
        yield from ()
        full = Balance(name="Paybill 600100", available=Money(95), limit=Money(100), read_at=MONDAY)
        return [full]

    def expiring() -> Unit[list[Expiring]]:
        yield from ()
        return [Expiring.password("The password of the API user", "api:1", MONDAY - 80 * DAY)]

    last = "2026-12-05"
    await home.db.write(None, tenancy.change_tenant, home.tenant.id, licence_until=last, licence_number="CA-1")
    watch = await watching(home, sources=Sources(balances=balances, expiring=expiring))
    await looks(home, watch, MONDAY + 4 * MINUTE)
    assert sorted(kind for _, _, kind, _ in await told(home)) == ["balance", "expiring", "expiring"]
    assert watch.open.by_kind() == {"balance": 1, "expiring": 2}


async def test_nothing_of_a_guest_is_in_any_message(home: Seed) -> None:
    begin = MONDAY + 35 * DAY + 19 * HOUR
    await lived(home, 36, 1, broken=(begin, begin + 3 * HOUR))
    watch = await watching(home)
    at(home, begin + HOUR)
    await looks(home, watch, begin + HOUR + 5 * MINUTE)
    said = json.dumps(await told(home))
    assert "2547" not in said
    assert "02:AB" not in said
    assert await told(home) != []


async def test_an_isp_that_is_switched_off_is_left_alone(home: Seed) -> None:
    await contact(home, home.router_id, MONDAY)
    await home.db.write(None, tenancy.change_tenant, home.tenant.id, active=False)
    watch = await watching(home)
    await looks(home, watch, MONDAY + HOUR)
    assert await told(home) == []


async def test_a_look_goes_through_no_table_as_a_whole(home: Seed) -> None:
    begin = MONDAY + 35 * DAY + 19 * HOUR
    await lived(home, 36, 1, broken=(begin, begin + 3 * HOUR))
    catalog = Catalog(home.db)
    await catalog.refresh()
    (view,) = catalog.all()
    for now in (begin + HOUR, begin + 12 * HOUR):
        found = plans(home, look(view, now, 0, Sources()))
        assert [each for each in scans(found) if "COVERING" not in each and "routers" not in each] == []
    assert scans(plans(home, store.past_page((MONDAY, 9), 25)), ("alarms",)) == []
    assert scans(plans(home, store.due(MONDAY, 3)), ("deliveries",)) == []


async def test_old_messages_and_alarms_are_forgotten_and_open_ones_are_not(home: Seed) -> None:
    await contact(home, home.router_id, MONDAY)
    watch = await watching(home)
    await looks(home, watch, MONDAY + 30 * MINUTE)
    at(home, MONDAY + 800 * DAY)
    await watch.tidy()
    assert len(await told(home)) == 1, "it still waits"
    await home.write(update, "deliveries", 1, state="sent", done_at=MONDAY)
    await watch.tidy()
    assert await told(home) == []
    (kept,) = await home.read(store.unclosed)
    await home.write(store.change, kept.id, closed_at=MONDAY + HOUR)
    await watch.tidy()
    assert await home.read(store.past_page, None, 9) == []
