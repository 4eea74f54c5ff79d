"""Looking at a router for staff: bounded, one look at a time for each router, and no database meanwhile."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Literal

from portal.clock import MINUTE, SECOND
from portal.console.desk import Desk
from portal.console.looks import Key, Knock, knock
from portal.console.routers.state import grouped, is_met
from portal.mikrotik.addresses import policy_for
from portal.mikrotik.visit import Look, look_at
from portal.mikrotik.wire import fingerprint_of
from portal.tenancy.store import Router

LOOK_FRESH_MS, AGAIN_MS = MINUTE, 5 * SECOND
KNOCK_FRESH_MS = 2 * SECOND
LOOK_WAIT_S = 10.0  # the page is there after that, whatever the router does
KNOCK_WAIT_S, KNOCK_PATIENCE_S = 3.0, 6.0


@dataclass(frozen=True, kw_only=True)
class Meeting:
    """How far a router is on its way to being kept."""

    stage: Literal["off", "met", "compare", "silent", "refused", "connecting"]
    fingerprint: str = ""
    shown: str = ""  # the same in groups, for the eye
    pinned: str = ""  # the one before, where there was one
    refused: str = ""

    @property
    def waits(self) -> bool:
        """Whether the page should look again by itself."""
        return self.stage in ("silent", "connecting")


def _key(sort: str, router: Router) -> Key:
    where = (router.host, router.port, router.tunnel, router.fingerprint, router.hotspot_host, router.password_sealed)
    return (router.id, sort, *where)


async def look(desk: Desk, router: Router) -> Look | None:
    """What the router says, seen lately or now; None while it takes its time."""
    services, networks = desk.services, desk.view.tenant.router_networks
    job = partial(
        look_at, router, services.settings, services.vault, desk.now, networks=networks, resolve=services.resolve
    )
    fresh = AGAIN_MS if desk.query.get("again") else LOOK_FRESH_MS
    seen: Look | None = await services.looks.look(
        _key("look", router), job, now=desk.now, fresh_ms=fresh, wait_s=LOOK_WAIT_S
    )
    return seen


def last_look(desk: Desk, router: Router) -> Look | None:
    """What was seen last."""
    seen: Look | None = desk.services.looks.latest(_key("look", router))
    return seen


def looking(desk: Desk, router: Router) -> bool:
    """Whether a look is underway."""
    return desk.services.looks.going(_key("look", router))


async def meeting(desk: Desk, router: Router) -> Meeting:
    """How far it is; asks for the certificate that answers where one is to be compared."""
    if not router.active:
        return Meeting(stage="off")
    if router.trusted and router.trouble != "certificate":
        return Meeting(stage="met" if is_met(router, desk.now) else "connecting")
    seen = await _knock(desk, router)
    if seen is None or not (seen.fingerprint or seen.refused):
        return Meeting(stage="silent")
    if seen.refused:
        return Meeting(stage="refused", refused=seen.refused)
    pinned = grouped(router.fingerprint or "")
    return Meeting(stage="compare", fingerprint=seen.fingerprint, shown=grouped(seen.fingerprint), pinned=pinned)


async def _knock(desk: Desk, router: Router) -> Knock | None:
    policy = policy_for(desk.services.settings, desk.view.tenant.router_networks)
    ask = partial(
        fingerprint_of,
        router.host,
        router.port,
        policy=policy,
        timeout_s=KNOCK_PATIENCE_S,
        resolve=desk.services.resolve,
    )
    seen: Knock | None = await desk.services.looks.look(
        _key("knock", router), partial(knock, ask), now=desk.now, fresh_ms=KNOCK_FRESH_MS, wait_s=KNOCK_WAIT_S
    )
    return seen
