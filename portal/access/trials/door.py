"""Free trials: once per device in so many days of the ISP's calendar, for a device that the router itself sees.

A phone may change its address and try again; so many a day at one router are enough for honest guests, and bound the
others.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from portal.access import admission
from portal.access import store as access
from portal.access.catalog import TenantView
from portal.access.hours import GRACE_MS, local_day
from portal.access.passes import Pass
from portal.access.places.sights import Sees
from portal.access.plans import Plan
from portal.access.store import Cause, Device
from portal.access.trials import store
from portal.clock import DAY, Clock, Moment
from portal.db import Database
from portal.errors import Refused
from portal.tenancy.store import Router
from portal.units import Unit

CAUSE = "trial"
CAP = 200  # per router and day, where a plan says nothing else
USE_BY_MS = DAY  # a trial that nobody uses makes way for the next one


def again_on(plan: Plan, last: str, today: date) -> date | None:
    """The day from which a device may try again that had its `last` trial on this day; None when that is now."""
    if not last:
        return None
    day = date.fromisoformat(last) + timedelta(days=plan.trial_days or 1)
    return day if today < day else None


@dataclass(frozen=True, kw_only=True)
class Tap:
    """A device at a router asks for the free trial."""

    plan: Plan
    mac: str
    router_id: int
    today: date


def take(tap: Tap, now: Moment) -> Unit[Pass]:
    """The pass of this device for today; raises `Refused` with a ``trial-…`` key and changes nothing then."""
    device = yield from access.touch_device(tap.mac, tap.router_id, now)
    yield from _must_be_free(device, now)
    again = again_on(tap.plan, (yield from store.last_trial(device.id)), tap.today)
    if again is not None:
        raise used(again)
    today = tap.today.isoformat()
    if (yield from store.trials_at(tap.router_id, today)) >= (tap.plan.trial_cap or CAP):
        raise Refused("trial-full", status=409)
    return (yield from give(tap, device.id, now))


def give(tap: Tap, device_id: int, now: Moment) -> Unit[Pass]:
    """Write the trial down and make its pass; each of the two has room for one per device and day."""
    today = tap.today.isoformat()
    if not (yield from store.add_trial(device_id, tap.router_id, tap.plan.id, today, now)):
        raise used(tap.today + timedelta(days=tap.plan.trial_days or 1))
    made = yield from admission.grant(tap.plan, device_id, Cause(kind=CAUSE, ref=f"{device_id}:{today}"), now)
    yield from admission.tap(device_id, now)
    return made


def used(again: date) -> Refused:
    """This device has had its trial; the next one is possible on that day."""
    return Refused("trial-used", status=409, again=again.isoformat())


def _must_be_free(device: Device, now: Moment) -> Unit[None]:
    """Whether staff let this device in at all, and it has nothing to be online with."""
    if device.hold.blocked or (device.hold.by == "staff" and device.hold.holds(now)):
        raise Refused("trial-stopped", status=403)
    standing = yield from admission.standing(device.id, now)
    assert standing is not None
    if standing.head is not None:
        raise Refused("trial-have", status=409)
    if standing.online is not None and standing.online.fresh(now):
        raise Refused("trial-online", status=409)


class Trials:
    """Gives free trials.

    `take` raises `Refused`: trial-off, trial-unseen, trial-stopped, trial-have, trial-online, trial-full, trial-used
    (with `again`, a day).
    """

    def __init__(self, db: Database, clock: Clock, sees: Sees) -> None:
        self._db = db
        self._clock = clock
        self._sees = sees

    async def take(self, view: TenantView, router: Router, mac: str) -> Pass:
        """Put this device online for nothing; its claim is believed only when the router says so, too (R3)."""
        now, timezone = self._clock.now(), view.tenant.timezone
        plan = view.trial_at(router.id, now) or view.trial_at(router.id, now - GRACE_MS)
        if plan is None or not view.tenant.active or router.tenant_id != view.tenant.id:
            raise Refused("trial-off", status=409)
        if not await self._sees(router, mac):
            raise Refused("trial-unseen", status=409)
        tap = Tap(plan=plan, mac=mac, router_id=router.id, today=local_day(now, timezone))
        return await self._db.write(view.tenant.id, take, tap, now)
