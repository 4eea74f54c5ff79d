"""A login is one look-up, and comes out as the pages and the keepers say it, whatever time has done meanwhile."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, rule

from portal.access import admission, passes, store
from portal.access.store import Cause
from portal.clock import HOUR, MINUTE, SECOND
from portal.radius import standing
from portal.radius import store as radius
from portal.radius.standing import Stands, stands
from portal.sessions.meter import Reading
from portal.units import Row, Sql, Unit, drive, rows
from tests.access.test_passes_machine import SWEEP, PassesMachine
from tests.console.plans_of_queries import plans
from tests.support import Seed, seed

LATER = (0, 20 * SECOND, 11 * MINUTE, HOUR + SECOND, 7 * HOUR, 40 * 24 * HOUR)
MANY = 300


def _macs() -> Unit[dict[int, str]]:
    found = yield from rows("SELECT id, mac FROM devices WHERE tenant_id = :tenant ORDER BY id")
    return {row["id"]: row["mac"] for row in found}


def _patient(patience_ms: int) -> Unit[None]:
    yield Sql("UPDATE presence SET patience_ms = :patience_ms WHERE tenant_id = :tenant", {"patience_ms": patience_ms})


class _Undone(Exception):
    """Nothing of it is to stay."""


class LoginsMachine(PassesMachine):
    """The machine of passes, where after each step every device could log in by RADIUS."""

    @rule(patience=st.sampled_from([0, 10 * MINUTE]))
    def the_routers_ask_by_radius(self, patience: int) -> None:
        """Whose silence means nothing for a while."""
        self.do(_patient, patience)

    @invariant()
    def a_login_is_what_the_pages_say(self) -> None:
        for device_id, mac in self.do(_macs).items():
            for later in LATER:
                for router in self.routers:
                    now = self.now + later
                    assert self._login(mac, router, now) == self._standing(device_id, router, now)

    def _login(self, mac: str, router: int, now: int) -> Any:
        return self.do(stands, mac, router, now).allowance

    def _standing(self, device_id: int, router: int, now: int) -> Any:
        """As it stands after time has acted, which is then undone."""
        with suppress(_Undone), self.connection.alone(self.tenant):
            self._drive(admission.refresh(device_id, now))
            found = self._drive(admission.standing(device_id, now, router))
            raise _Undone
        return found.allowance

    def _drive(self, unit: Any) -> Any:
        return drive(unit, self.tenant, self.connection.ask)


TestLogins = LoginsMachine.TestCase
# Without shrinking: each step asks for every device, and the first history that fails says enough.
TestLogins.settings = settings(
    max_examples=SWEEP or 15,
    stateful_step_count=25,
    phases=[Phase.reuse, Phase.generate],
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


def test_without_its_guard_a_shared_pass_would_come_out_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = LoginsMachine()
    try:
        owner = machine.begin()
        guest = machine.a_phone_is_new()
        machine.a_guest_buys(owner, 3)  # a capped pass for two devices
        shared = machine.pass_rows()[0].id
        machine.do(admission.add_device, shared, guest, machine.now)
        machine.a_phone_arrives(owner, 0)
        machine.a_phone_arrives(guest, 1)
        machine.time_passes(2, 1000)
        machine.a_login_is_what_the_pages_say()
        monkeypatch.setattr(standing, "_queue", _unguarded)
        with pytest.raises(AssertionError):
            machine.a_login_is_what_the_pages_say()
    finally:
        machine.teardown()


def _unguarded(found: radius.Found, now: int) -> list[passes.Pass]:
    return [each for each in found.queue if each.state != "ended"]


# --- the statement ---


@pytest.fixture
async def home(tmp_path: Path) -> AsyncIterator[Seed]:
    made = await seed(tmp_path)
    await made.write(_devices, made)
    yield made
    await made.db.aclose()


def _devices(home: Seed) -> Unit[None]:
    for n in range(MANY):
        device = yield from store.touch_device(mac(n), home.router_id, 1)
        if n % 3:
            yield from admission.grant(home.plan, device.id, Cause(kind="staff", ref=str(n)), 1)
        if n % 3 == 1:
            yield from admission.grant(home.plan, device.id, Cause(kind="staff", ref=f"{n} again"), 1)


def mac(n: int) -> str:
    return f"02:00:00:00:{n // 256:02X}:{n % 256:02X}"


SQLITE = "SQLite has one plan for a statement; a server chooses by what is in its tables"


@pytest.mark.sqlite_only(reason=SQLITE)
@pytest.mark.parametrize("n", [0, 1, 2, 9999])
async def test_a_login_is_one_statement_and_looks_everything_up(home: Seed, n: int) -> None:
    """Without a pass, with two, with one, and by a device that nobody knows."""
    said: list[str] = []
    made = plans(home, _told(stands(mac(n), home.router_id, HOUR), said))
    assert len(said) == 1
    assert any("devices" in each or " d " in each for each in made)
    looked = [each for each in made if each.startswith("SEARCH")]
    assert len(looked) >= 5, "devices, passes, who else uses them, presence, and what was before"
    assert [each for each in made if each.startswith("SCAN ") and "CONSTANT" not in each] == []
    assert [each for each in looked if each.endswith("(tenant_id=?)")] == []


async def test_the_same_by_a_one_time_login_is_one_more_to_use_it_up(home: Seed) -> None:
    said: list[str] = []
    made = plans(home, _told(radius.use_ticket(mac(1), 1_000, "x 81"), said))
    assert len(said) == 1
    assert [each for each in made if each.startswith("SCAN ") or each.endswith("(tenant_id=?)")] == []


def _told(unit: Unit[Any], said: list[str]) -> Unit[Any]:
    """The unit, with its statements written down."""
    step = next(unit)
    while True:
        said.append(step.text)  # type: ignore[union-attr]
        got: Sequence[Row] = yield step
        try:
            step = unit.send(got)
        except StopIteration as done:
            return done.value


async def test_nothing_is_written_by_looking(home: Seed) -> None:
    found: Stands = await home.db.read(home.tenant.id, stands, mac(1), home.router_id, HOUR)
    assert found.allowance is not None
    assert found.allowance.seconds == 2 * HOUR // SECOND, "both passes, as the router is told them in one login"


async def test_a_used_one_time_login_is_used_once(home: Seed) -> None:
    async def use(issued: int, session: str) -> bool:
        done: bool = await home.write(radius.use_ticket, mac(1), issued, session)
        return done

    assert await use(1_000, "a 1")
    assert await use(1_000, "a 1"), "asked again by the same session"
    assert not await use(1_000, "a 2")
    assert not await use(1_000, "b 1"), "another one of the same moment"
    assert not await use(999, "c 1")
    assert await use(1_001, "d 1")


async def test_a_router_that_tells_seldom_is_believed_for_longer(home: Seed) -> None:
    """A pass starts by what a RADIUS router said five minutes ago; of a polled one that would be too old."""
    told = Reading(read_at=HOUR, active_uptime_s=60)
    for patience, begun in ((0, False), (10 * MINUTE, True)):
        await home.write(store.save_presence, home.router_id, 2, told, HOUR, HOUR, None, patience)
        found: Stands = await home.db.read(home.tenant.id, stands, mac(1), home.router_id, HOUR + 5 * MINUTE)
        assert found.allowance is not None
        assert (found.allowance.until is not None) is begun
