"""Which devices routers in RADIUS mode have asked about: their own word that a device is there (R3).

Such a router asks about the MAC of each device that it meets, before the guest's browser can say anything. The memory
is that of one process; where several answer, another one may have been asked, and then the claim is believed: what it
could gain, a pass for a MAC, is good for nothing before the router itself lets that very MAC in.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable

from portal.clock import DAY, Clock, Moment
from portal.tenancy.store import Router

Sees = Callable[[Router, str], Awaitable[bool]]

LASTS_MS = DAY  # as long as an arrival's token: a router asks again only when the device has been away
MOST = 200_000  # devices that are remembered


class Hosts:
    """The devices that routers have asked about lately."""

    def __init__(self, clock: Clock, *, alone: bool) -> None:
        self._clock, self._alone = clock, alone
        self._at: OrderedDict[tuple[int, str], Moment] = OrderedDict()

    def note(self, router_id: int, mac: str) -> None:
        """The router asks about this device now."""
        self._at[router_id, mac] = self._clock.now()
        self._at.move_to_end((router_id, mac))
        if len(self._at) > MOST:
            self._at.popitem(last=False)

    def sees(self, router: Router, mac: str) -> bool:
        """Whether this router has said that the device is there, as far as this process can know."""
        at = self._at.get((router.id, mac))
        return not self._alone or (at is not None and self._clock.now() - at < LASTS_MS)


def seeing(called: Sees, hosts: Hosts, online: Sees) -> Sees:
    """Whether a router itself says that a device is there: one that is called (`called`), or one that asks.

    `online`: by what it told of a session that runs; that is known after a restart, too.
    """

    async def sees(router: Router, mac: str) -> bool:
        if router.mode == "radius":
            return hosts.sees(router, mac) or await online(router, mac)
        return await called(router, mac)

    return sees
