"""Which routers an address came from lately: a hint that is bounded, short-lived and not readable."""

from __future__ import annotations

from portal.clock import HOUR, TravelClock
from portal.pages.whereabouts import MAX_KEPT, MAX_ROUTERS, Whereabouts
from portal.seal import Vault
from tests.support import MASTER


def test_a_hint_lasts_for_an_hour() -> None:
    clock = TravelClock()
    hints = Whereabouts(Vault(MASTER), clock)
    hints.note("192.0.2.1", "one")
    clock.advance(HOUR // 2)
    hints.note("192.0.2.1", "two")
    both = hints.routers_at("192.0.2.1")
    clock.advance(HOUR // 2)

    assert both == ["one", "two"]
    assert hints.routers_at("192.0.2.1") == ["two"]
    assert hints.routers_at("192.0.2.2") == []


def test_a_flood_of_addresses_and_routers_is_forgotten() -> None:
    hints = Whereabouts(Vault(MASTER), TravelClock())
    for n in range(MAX_ROUTERS + 5):
        hints.note("192.0.2.1", f"router {n}")
    before = hints.routers_at("192.0.2.1")
    for n in range(MAX_KEPT):
        hints.note(f"2001:db8::{n:x}", "one")

    assert len(before) == MAX_ROUTERS
    assert hints.routers_at("192.0.2.1") == []
    assert hints.routers_at(f"2001:db8::{MAX_KEPT - 1:x}") == ["one"]
