"""Many devices read at once stand as each of them does by itself, also those that share a pass."""

from __future__ import annotations

from portal.access import admission, store
from portal.access.many import standings as many
from tests.access.test_passes_machine import PassesMachine


def test_a_device_whose_pass_another_one_uses_is_not_taken_for_alone() -> None:
    machine = PassesMachine()
    try:
        owner = machine.begin()
        guest = machine.a_phone_is_new()
        machine.a_guest_buys(owner, 3)  # a capped pass for two devices
        shared = machine.pass_rows()[0].id
        machine.do(admission.add_device, shared, guest, machine.now)
        machine.a_phone_arrives(guest, 1)
        machine.time_passes(2, 1000)
        both = [machine.do(admission.standing, each, machine.now) for each in (owner, guest)]
        assert machine.do(many.standings, [owner, guest], machine.now) == both
        queue, seen = (machine.do(unit, owner) for unit in (store.queue_of, store.presence_of))
        unguarded = many._alone(both[0].device, queue, seen, machine.now, None)
        assert unguarded is not None
        assert unguarded.allowance != both[0].allowance, "the guard would be needless"
    finally:
        machine.teardown()
