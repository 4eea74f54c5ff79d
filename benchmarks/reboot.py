"""A router with 500 devices online loses its power, comes back, and all of them are online again; guests pay meanwhile.

The time begins when the API answers again and the devices stand in the host table, so the pause until the keeper tries
to connect counts. The router remembers no mac-cookie (those bring devices back without us). The second router has a
knee: after 150 requests in a row each takes 20 ms. The third was quick when its devices first came, and has the
knee since its reboot: what a keeper learned is wrong then.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field

import httpx

from benchmarks.bare import put_online
from benchmarks.figures import Figure, at_most, show
from benchmarks.ground import Watch, arrive, mac_of, place, portal, until, watch
from benchmarks.guests import browser, pay, prompt
from portal.access import admission
from portal.access import store as access
from portal.access.plans import Plan
from portal.access.store import Cause
from portal.clock import DAY
from portal.db import open_database
from portal.units import Unit
from sandbox.mpesa.records import Push
from sandbox.world import Site

DEVICES = 500
LATENCY_MS = 100.0
KNEE_AFTER = 150
OFF_S = 4.0
PAYERS, BARE = 10_000, 20_000  # their numbers


@dataclass(frozen=True, kw_only=True)
class Case:
    """One router: its knee, when guests pay after its return, and what is expected."""

    name: str
    pay_after_s: tuple[float, ...]
    limit_s: float
    repeats: int
    knee_before: bool = False
    knee_after: bool = False
    foreseen: bool = True  # whether new payers have a goal


@dataclass(kw_only=True)
class Found:
    """What was measured, in seconds."""

    back: list[float] = field(default_factory=list)
    reached: list[float] = field(default_factory=list)
    payers: list[float] = field(default_factory=list)
    bare: list[float] = field(default_factory=list)


async def run(repeats: int) -> None:
    """The quick router, the one with the knee, and the one that gets it."""
    early, late = (0.1, 0.4, 0.8), (0.5, 2, 4, 6, 9, 12)
    few = max(1, repeats // 2)
    for case in (
        Case(name="", pay_after_s=early, limit_s=2, repeats=repeats),
        Case(name=", 20 ms knee", pay_after_s=late, limit_s=25, repeats=few, knee_before=True, knee_after=True),
        Case(name=", 20 ms knee is new", pay_after_s=late, limit_s=25, repeats=1, knee_after=True, foreseen=False),
    ):
        await _case(case)


async def _case(case: Case) -> None:
    found = Found()
    async with place() as site:
        site.router.faults.latency_ms = LATENCY_MS
        site.router.faults.cookies_survive_reboot = False
        site.mpesa.switches.prompt_ms = DAY
        await _sell(site)
        for number in range(DEVICES):
            arrive(site, number)
        seen = watch(site)
        site.router.faults.knee_after = KNEE_AFTER if case.knee_before else None
        async with portal(site), browser(site) as client:
            await until(lambda: len(seen.at) >= DEVICES)
            await asyncio.sleep(3)  # what is left of that poll, and the end of the burst
            site.router.faults.knee_after = KNEE_AFTER if case.knee_after else None
            for number in range(case.repeats):
                await _reboot(site, client, case, number, seen, found)
        for number in range(case.repeats):
            await asyncio.sleep(2)  # the burst before is over
            first = BARE + number * DEVICES
            found.bare.append(max(await put_online(site, range(first, first + DEVICES), pipelined=True)))
    payers = at_most(1, "s", 1) if case.foreseen else None
    show(
        f"{DEVICES} devices back after a reboot, router round trip {LATENCY_MS:g} ms{case.name}",
        [
            Figure(name="all devices online again", unit="s", values=found.back, goal=at_most(case.limit_s, "s")),
            Figure(name="of it, until the keeper is connected", unit="s", values=found.reached),
            Figure(name="callback of a new payer -> row", unit="s", values=found.payers, goal=payers),
            Figure(name="bare user/add and active/login, pipelined", unit="s", values=found.bare),
        ],
    )


async def _sell(site: Site) -> None:
    """A day's pass for each device, before the portal starts."""
    db = open_database(site.settings.database)
    plan = next(each for each in await db.read(site.tenant.id, access.plan_list) if each.span_ms == DAY)
    await db.write(site.tenant.id, _grants, plan, site.row.id, site.clock.now())
    await db.aclose()


def _grants(plan: Plan, router_id: int, now: int) -> Unit[None]:
    for number in range(DEVICES):
        device = yield from access.touch_device(mac_of(number), router_id, now)
        yield from admission.grant(plan, device.id, Cause(kind="staff", ref=str(number)), now)


async def _reboot(site: Site, client: httpx.AsyncClient, case: Case, number: int, seen: Watch, found: Found) -> None:
    first = PAYERS + number * len(case.pay_after_s)
    payers = range(first, first + len(case.pay_after_s))
    for payer in payers:
        arrive(site, payer)
    pushes = await asyncio.gather(*(prompt(site, client, payer) for payer in payers))
    site.router.powered = False
    await asyncio.sleep(OFF_S + 0.13 * number)  # so that it returns at any moment between two tries
    seen.at.clear()
    site.router.powered = True
    begin = time.perf_counter()
    for each in (*range(DEVICES), *payers):
        arrive(site, each)
    reached = asyncio.create_task(_reached(site, begin))
    paid = [
        asyncio.create_task(_later(site, after, payer, push, seen))
        for after, payer, push in zip(case.pay_after_s, payers, pushes, strict=True)
    ]
    devices = {mac_of(each) for each in range(DEVICES)}
    await until(lambda: devices <= seen.at.keys(), 120)
    found.back.append(max(seen.at[mac] for mac in devices) - begin)
    found.payers += await asyncio.gather(*paid)
    found.reached.append(await reached)
    await asyncio.sleep(3)


async def _reached(site: Site, begin: float) -> float:
    await until(lambda: any(each.account is not None for each in site.api.connections))
    return time.perf_counter() - begin


async def _later(site: Site, after: float, payer: int, push: Push, seen: Watch) -> float:
    """Seconds from the callback to the row, of a guest who pays so long after the router's return."""
    await asyncio.sleep(after)
    return (await pay(site, push, mac_of(payer), seen, site.ca.client_context()))[0] / 1000
