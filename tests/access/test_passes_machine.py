"""The life of passes as a machine: whatever guests do, never more than bought, and nothing bought is lost.

A model keeps the clocks by hand: each device that is online delivers time at the rate of real time to whatever
pass the real code says runs, in small steps, as a router would. After every step the invariants are looked at.
"""

from __future__ import annotations

import os
from contextlib import ExitStack
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, precondition, rule

from portal import check
from portal.access import admission, record, store
from portal.access.many import standings as many
from portal.access.passes import Pass, from_row
from portal.access.plans import Plan
from portal.access.record import Sighting
from portal.access.store import Cause
from portal.clock import HOUR, MINUTE, SECOND
from portal.errors import Refused
from portal.seal import Vault
from portal.sessions.meter import Reading
from portal.tenancy import store as tenancy
from portal.units import Unit, rows
from tests.hand import fresh_hand
from tests.support import MASTER, a_plan, examples

POLL = 10 * SECOND
SWEEP = 2000 if os.environ.get("BANDO_SWEEP") else 0
ROUTERS = 2


class PassesMachine(RuleBasedStateMachine):
    """Guests with devices at two routers of one ISP."""

    devices = Bundle("devices")

    def __init__(self) -> None:
        super().__init__()
        self.ends = ExitStack()
        self.connection = self.ends.enter_context(fresh_hand())
        self.now = 1_800_000_000_000
        self.causes = 0
        # What the routers know: device -> (router, session start), and each device's cumulative counters there.
        self.online: dict[int, tuple[int, int]] = {}
        self.user: dict[tuple[int, int], list[int]] = {}  # (router, device) -> uptime s, bytes
        self.session_bytes: dict[int, int] = {}
        self.last: dict[int, Pass] = {}  # the passes as they stood after the last step …
        self.last_at = self.now  # … and when that was
        self.served_ms: dict[int, int] = {}  # used-time pass -> device time that its devices really had
        self.served_bytes: dict[int, int] = {}
        self.steps = 0  # each may round a session's end down by a second
        self.bought_ms: dict[int, int] = {}
        self.macs = 0

    def teardown(self) -> None:
        self.ends.close()

    # --- driving ---

    def do(self, unit: Any, *args: Any, **kwargs: Any) -> Any:
        return self.connection.run(unit(*args, **kwargs), self.tenant)

    @initialize(target=devices)
    def begin(self) -> int:
        """An ISP with two routers and six plans, and a phone that is there with two passes."""
        self.where: dict[int, tuple[int, int]] = {}
        self.tenant = 0
        self.tenant = self.connection.run(tenancy.add_tenant("Test ISP", self.now), None).id
        vault = Vault(MASTER)
        self.routers = [self.do(_router, vault, self.now, n) for n in range(ROUTERS)]
        self.plans = [
            self._plan(span_ms=10 * MINUTE),
            self._plan(span_ms=HOUR, max_devices=2),
            self._plan(span_ms=30 * MINUTE, kind="used", window_ms=6 * HOUR),
            self._plan(span_ms=HOUR, data_bytes=5_000_000, max_devices=2),
            self._plan(span_ms=20 * MINUTE, rate_up=1_000_000, rate_down=2_000_000),
            self._plan(span_ms=15 * MINUTE, sites=(self.routers[0],)),
        ]
        device = self._device()
        self.where[device] = (self.routers[0], self.now)
        return device

    def _plan(self, **fields: Any) -> Plan:
        plan = a_plan(public=f"p{fields}", **fields)
        return Plan(**{**plan.__dict__, "id": self.do(store.add_plan, plan, self.now)})

    def pass_rows(self) -> list[Pass]:
        found: list[Pass] = self.do(_all_passes)
        return found

    # --- what a router would do, in steps of a poll ---

    def report(self) -> None:
        """Every router is read, and does what the portal wants."""
        self._agree()
        self._conserve()

    def _conserve(self) -> None:
        """Time is neither made nor lost: what is left of a pass falls by the time that went by while it ran."""
        gone = self.now - self.last_at
        standing = {one.id: one for one in self.pass_rows()}
        for one in standing.values():
            before = self.last.get(one.id)
            if before is None or before.state == "ended":
                continue
            fell = left(before, self.last_at) - left(one, self.now)
            if one.state == "ended" and one.end_reason == "data":
                continue
            if one.kind == "used":
                devices = max(1, len(self.do(store.devices_of_pass, one.id)))
                assert 0 <= fell <= (gone + SECOND) * devices
            elif before.state == one.state == "running" and before.started_at == one.started_at:
                assert fell == gone
            else:
                assert 0 <= fell <= gone, (before, one)
        self.last, self.last_at = standing, self.now

    def _agree(self) -> None:
        for router in self.routers:
            here = [d for d, (r, _) in self.online.items() if r == router]
            known = {d for (r, d) in self.user if r == router}
            sightings = [Sighting(device_id=d, reading=self._reading(router, d)) for d in sorted(known | set(here))]
            self.do(record.record, router, sightings, self.now)
        self.do(record.let_time_act, self.now)
        for router in self.routers:
            present = [d for d, (r, _) in self.where.items() if r == router]
            for want in self.do(record.wanted, router, present, [], self.now):
                if want.device_id not in present:
                    continue
                if want.allowance is None and want.device_id in self.online:
                    self._off(want.device_id)
                elif want.allowance is not None and want.device_id not in self.online:
                    self.online[want.device_id] = (router, self.now)
                    self.session_bytes[want.device_id] = 0

    def _reading(self, router: int, device: int) -> Reading:
        uptime, size = self.user.setdefault((router, device), [0, 0])
        at = self.online.get(device)
        running = at is not None and at[0] == router
        return Reading(
            read_at=self.now,
            user_uptime_s=uptime,
            user_bytes_in=size,
            active_uptime_s=(self.now - at[1]) // SECOND if running and at else None,
            active_bytes_in=self.session_bytes.get(device, 0) if running else 0,
        )

    def _off(self, device: int) -> None:
        self.steps += 1
        router, since = self.online.pop(device)
        counters = self.user.setdefault((router, device), [0, 0])
        counters[0] += (self.now - since) // SECOND
        counters[1] += self.session_bytes.pop(device, 0)

    # --- what people do ---

    def _device(self) -> int:
        self.macs += 1
        return int(self.do(store.touch_device, f"02:00:00:00:00:{self.macs:02X}", None, self.now).id)

    @precondition(lambda self: self.macs < 4)
    @rule(target=devices)
    def a_phone_is_new(self) -> int:
        return self._device()

    @rule(device=devices, router=st.integers(0, ROUTERS - 1))
    def a_phone_arrives(self, device: int, router: int) -> None:
        self._leave(device)
        self.where[device] = (self.routers[router], self.now)
        self.report()

    @rule(device=devices, seconds=st.integers(0, 9))
    def a_phone_leaves_between_two_polls(self, device: int, seconds: int) -> None:
        for each in self.online:
            self._serve(each, seconds * SECOND, 0)
        self.now += seconds * SECOND
        self._leave(device)
        self.report()

    def _leave(self, device: int) -> None:
        self.where.pop(device, None)
        if device in self.online:
            self._off(device)

    @rule(device=devices, plan=st.integers(0, 5))
    def a_guest_buys(self, device: int, plan: int) -> None:
        self.causes += 1
        cause = Cause(kind="staff", ref=str(self.causes))
        made = self.do(admission.grant, self.plans[plan], device, cause, self.now)
        again = self.do(admission.grant, self.plans[plan], device, cause, self.now)
        assert made.id == again.id
        self.bought_ms[made.id] = made.span_ms
        self.report()

    @rule(polls=st.integers(1, 200), size=st.integers(0, 400_000))
    def time_passes(self, polls: int, size: int) -> None:
        for _ in range(min(polls, 40)):
            step = POLL * max(1, polls // 40)
            for device in self.online:
                self._serve(device, step, size)
            self.now += step
            for device in self.online:
                self.session_bytes[device] += size
            self.report()

    def _serve(self, device: int, step: int, size: int) -> None:
        """What the network really gives, booked by the model itself."""
        allowed = self.do(admission.standing, device, self.now, self.online[device][0]).allowance
        if allowed is None:
            return
        self.served_ms[allowed.pass_id] = self.served_ms.get(allowed.pass_id, 0) + step
        self.served_bytes[allowed.pass_id] = self.served_bytes.get(allowed.pass_id, 0) + size

    @precondition(lambda self: any(one.state == "queued" for one in self.last.values()))
    @rule(data=st.data())
    def a_guest_starts_a_queued_pass_now(self, data: st.DataObject) -> None:
        queued = [p.id for p in self.pass_rows() if p.state == "queued"]
        if queued:
            before = self.left_of_all()
            self.do(admission.start_now, data.draw(st.sampled_from(queued)), self.now)
            assert self.left_of_all() == before
            self.report()

    def left_of_all(self) -> int:
        """What is left of all passes together."""
        return sum(left(one, self.now) for one in self.pass_rows())

    @precondition(lambda self: any(one.max_devices > 1 for one in self.last.values()))
    @rule(data=st.data(), device=devices)
    def a_device_joins_a_pass(self, data: st.DataObject, device: int) -> None:
        live = [p.id for p in self.pass_rows() if p.state != "ended" and p.max_devices > 1]
        if live:
            try:
                self.do(admission.add_device, data.draw(st.sampled_from(live)), device, self.now)
            except Refused as refused:
                if refused.key != "devices-full":
                    raise
            self.report()

    @rule(old=devices, new=devices)
    def a_guest_moves(self, old: int, new: int) -> None:
        before = self.left_of_all()
        self.do(admission.move, old, new, self.now)
        assert self.left_of_all() == before
        self.report()

    @rule(device=devices)
    def a_guest_disconnects(self, device: int) -> None:
        self.do(admission.hold, device, "guest", None, self.now)
        self.report()
        assert device not in self.online

    @rule(device=devices)
    def a_guest_taps(self, device: int) -> None:
        self.do(admission.tap, device, self.now)
        self.report()

    @rule()
    def a_router_reboots(self) -> None:
        router = self.routers[0]
        for device in [d for d, (r, _) in self.online.items() if r == router]:
            del self.online[device]  # its running session is lost, as a power cut loses it
            del self.session_bytes[device]
        self.report()

    # --- what must hold ---

    @invariant()
    def the_books_agree(self) -> None:
        assert self.do(check.breaches, self.now) == []

    @invariant()
    def many_stand_as_each_of_them_does(self) -> None:
        """What a keeper reads for all devices at once is what each one's own pages say."""
        devices = self.do(_all_devices)
        for router in (*self.routers, None):
            one_by_one = [self.do(admission.standing, each, self.now, router) for each in devices]
            assert self.do(many.standings, devices, self.now, router) == one_by_one

    @invariant()
    def never_more_than_bought(self) -> None:
        """I6: what was served is what was bought, and one look at the router at most (here up to five polls)."""
        for one in self.pass_rows():
            overrun = 5 * POLL * one.max_devices
            if one.kind == "used":
                assert self.served_ms.get(one.id, 0) <= one.span_ms + overrun + SECOND * self.steps
            if one.data_bytes is not None:
                assert self.served_bytes.get(one.id, 0) <= one.data_bytes + 400_000 * one.max_devices
            assert len(self.do(store.devices_of_pass, one.id)) <= one.max_devices

    @invariant()
    def nothing_bought_is_lost(self) -> None:
        known = {one.id: one for one in self.pass_rows()}
        for pass_id, span in self.bought_ms.items():
            one = known[pass_id]
            assert one.span_ms == span
            assert one.state != "ended" or one.end_reason != "void"

    @invariant()
    def one_head_for_each_queue(self) -> None:
        heads: dict[int, int] = {}
        for one in self.pass_rows():
            if one.state in ("waiting", "running", "paused"):
                heads[one.device_id] = heads.get(one.device_id, 0) + 1
        assert all(count == 1 for count in heads.values())

    @invariant()
    def nobody_is_online_without_a_pass(self) -> None:
        for device, (router, _) in self.online.items():
            assert self.do(admission.standing, device, self.now, router).allowance is not None


def left(one: Pass, now: int) -> int:
    """What is left of a pass at `now`, in milliseconds of the kind it was sold in."""
    if one.state == "ended":
        return 0
    if one.kind == "wall" and one.state == "running":
        assert one.ends_at is not None
        return one.ends_at - now
    return one.span_left_ms


def _router(vault: Vault, now: int, number: int) -> Unit[int]:
    return (
        yield from tenancy.add_router(
            vault, now, name=f"site {number}", host="127.0.0.1", port=1, username="x", password="x", hotspot_host="x"
        )
    )


def _all_devices() -> Unit[list[int]]:
    return [row["id"] for row in (yield from rows("SELECT id FROM devices WHERE tenant_id = :tenant ORDER BY id"))]


def _all_passes() -> Unit[list[Pass]]:
    found = yield from rows("SELECT * FROM passes WHERE tenant_id = :tenant ORDER BY id")
    return [from_row(row) for row in found]


TestPasses = PassesMachine.TestCase
TestPasses.settings = settings(
    max_examples=SWEEP or examples(60), stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
)
