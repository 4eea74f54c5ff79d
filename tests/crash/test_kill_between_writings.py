"""`kill -9` while readings wait to be written down: the router still counts, so no use is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from portal.access import admission, store
from portal.access.store import Cause, Presence
from portal.clock import DAY, SECOND, Moment
from portal.units import Unit, value
from tests.crash.stage import Stage, stage

MAC, ADDRESS, MB = "02:00:00:00:00:77", "10.5.50.77", 1_000_000


def sold(router_id: int, now: Moment) -> Unit[int]:
    """Its device, with a pass of a day."""
    device = yield from store.touch_device(MAC, router_id, now)
    plan = next(each for each in (yield from store.plan_list()) if each.span_ms == DAY)
    yield from admission.grant(plan, device.id, Cause(kind="staff", ref="1"), now)
    return device.id


def charged(device_id: int) -> Unit[int]:
    text = (
        "SELECT COALESCE(SUM(bytes_up + bytes_down), 0) FROM usage WHERE tenant_id = :tenant AND device_id = :device_id"
    )
    return int((yield from value(text, device_id=device_id)))


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not true():
            await asyncio.sleep(0.02)


class Watched:
    """A device that uses something, as the router and as the books have it."""

    def __init__(self, made: Stage) -> None:
        self.made, self.used = made, 0
        self.router_id = made.site.row.id
        made.site.router.host_seen(MAC, ADDRESS)
        self.device_id = made.write(sold, self.router_id, made.clock.now())

    def use(self) -> None:
        if self.made.site.router.is_authorized(MAC, ADDRESS):  # not while the portal logs it in anew
            self.made.site.router.count(MAC, ADDRESS, up=0, down=5 * MB)
            self.used += 5 * MB

    @property
    def seen(self) -> Presence | None:
        return self.made.look(store.presence_at, self.router_id, self.device_id)

    async def polled(self) -> None:
        self.made.clock.advance(10 * SECOND)
        now = self.made.clock.now()
        await until(lambda: self.seen is not None and self.seen.seen_at >= now)

    def told(self) -> bool:
        """Whether the books have all that went through."""
        return self.made.look(charged, self.device_id) == self.used


async def test_a_portal_that_is_killed_between_two_writings_loses_no_use(tmp_path: Path) -> None:
    async with stage(tmp_path, patient=True) as made:
        device = Watched(made)
        await until(lambda: bool(made.site.router.is_authorized(MAC, ADDRESS)))
        for _ in range(20):
            device.use()
            await device.polled()
            if not device.told():
                break
        assert not device.told(), "nothing waits to be written down: the test shows nothing"
        await made.portal.kill()
        assert not device.told()
        device.use()
        await made.start()
        made.clock.advance(10 * SECOND)
        await until(device.told)
