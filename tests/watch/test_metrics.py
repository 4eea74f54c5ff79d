"""The watch of a serving process: its metrics, and that alarm and message go their whole way by its loops."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from portal.access.catalog import Catalog
from portal.clock import DAY, HOUR, MINUTE, TravelClock
from portal.health import _alarms
from portal.settings import load
from portal.tenancy import store as tenancy
from portal.units import value
from portal.watch import channels
from portal.watch.alarm import KINDS
from portal.watch.room import Watch
from sandbox.ca import Authority
from sandbox.hooks import Receiver
from tests.support import Seed, seed


@pytest.fixture
async def home(tmp_path: Path) -> AsyncIterator[Seed]:
    clock = TravelClock()
    clock.run_at(0)
    made = await seed(tmp_path, clock=clock)
    yield made
    await made.db.aclose()


async def started(home: Seed, folder: Path) -> Watch:
    catalog = Catalog(home.db)
    await catalog.refresh()
    trust = Authority(folder).client_context()
    return Watch(home.db, home.vault, home.clock, catalog, load({"BANDO_MODE": "sandbox"}), trust)


def shown(watch: Watch) -> str:
    registry = CollectorRegistry()
    _alarms(registry, watch)
    return generate_latest(registry).decode()


async def test_an_outage_goes_from_the_look_to_the_receiver_and_into_the_metrics(home: Seed, tmp_path: Path) -> None:
    receiver = await Receiver().open()
    args = (home.vault, "aa", "webhook", receiver.url, "whs_x", tuple(KINDS), home.clock.now())
    await home.write(channels.add, *args)
    await home.write(tenancy.note_contact, home.router_id, home.clock.now())
    watch = await started(home, tmp_path)
    assert 'bando_alarms_open{kind="router-down"} 0.0' in shown(watch)
    for _ in range(8):
        home.clock.advance(MINUTE)
        for loop in watch.loops:
            await loop.run_once()
    await receiver.aclose()

    assert [each.header("bando-delivery") != "" for each in receiver.got] == [True]
    assert 'bando_alarms_open{kind="router-down"} 1.0' in shown(watch)
    assert "bando_deliveries_failed_total 0.0" in shown(watch)


async def test_a_message_that_is_given_up_is_counted(home: Seed, tmp_path: Path) -> None:
    args = (home.vault, "aa", "webhook", "http://127.0.0.1:9/x", "whs_x", tuple(KINDS), home.clock.now())
    await home.write(channels.add, *args)
    await home.write(tenancy.note_contact, home.router_id, home.clock.now())
    watch = await started(home, tmp_path)
    for _ in range(8):
        home.clock.advance(MINUTE)
        await watch.watching.run_once()
    for _ in range(DAY // HOUR):
        await watch.outbox.run_once()
        home.clock.advance(HOUR)

    assert "bando_deliveries_failed_total 1.0" in shown(watch)
    assert await home.read(value, "SELECT last_failed_at FROM alarm_channels WHERE tenant_id = :tenant") is not None


async def test_what_the_law_wanted_done_by_now_is_a_metric_of_its_own(home: Seed, tmp_path: Path) -> None:
    watch = await started(home, tmp_path)
    assert 'bando_overdue{what="request"} 0.0' in shown(watch)
    watch.watching.open.overdue = {1: Counter(request=2, incident=0), 2: Counter(request=1, incident=1)}
    assert 'bando_overdue{what="request"} 3.0' in shown(watch)
    assert 'bando_overdue{what="incident"} 1.0' in shown(watch)
