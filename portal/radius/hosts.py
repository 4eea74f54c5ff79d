"""Which devices routers in RADIUS mode have asked about: their own word that a device is there (R3).

Such a router asks about the MAC of each device that it meets, before the guest's browser can say anything. The process
that it asks tells the others (a wake-up, some milliseconds), since the browser may come to any of them. What is
remembered and told is a keyed hash: MACs have no business on the way or in a server's log.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable

from portal.clock import DAY, HOUR, Clock, Moment
from portal.tenancy.store import Router

Sees = Callable[[Router, str], Awaitable[bool]]

ASKED = "radius-asked"  # the topic by which processes tell each other; its key is the hash
LASTS_MS = DAY  # as long as an arrival's token: a router asks again only when the device has been away
TELL_MS = HOUR  # a device that is asked about again and again is told of so often
MOST = 200_000  # devices that are remembered


class Hosts:
    """The devices that routers have asked about lately, whichever process they asked.

    `tell` is called with what the other processes should `hear`.
    """

    def __init__(self, clock: Clock, secret: bytes, tell: Callable[[int], None]) -> None:
        self._clock, self._tell = clock, tell
        self._key = hashlib.blake2b(secret, person=b"radius hosts").digest()
        self._at: OrderedDict[int, tuple[Moment, Moment]] = OrderedDict()  # when it was asked about, and told of

    def note(self, router_id: int, mac: str) -> None:
        """The router asks about this device now."""
        one, now = self._one(router_id, mac), self._clock.now()
        _, told_at = self._at.get(one, (0, 0))
        due = not 0 <= now - told_at < TELL_MS
        self._remember(one, now, now if due else told_at)
        if due:
            self._tell(one)

    def hear(self, one: int) -> None:
        """Another process was asked about this device just now; of that it has told everybody."""
        now = self._clock.now()
        self._remember(one, now, now)

    def sees(self, router: Router, mac: str) -> bool:
        """Whether this router has said that the device is there."""
        found = self._at.get(self._one(router.id, mac))
        return found is not None and self._clock.now() - found[0] < LASTS_MS

    def _one(self, router_id: int, mac: str) -> int:
        mark = hashlib.blake2b(f"{router_id} {mac}".encode(), digest_size=7, key=self._key)
        return int.from_bytes(mark.digest(), "big")

    def _remember(self, one: int, now: Moment, told_at: Moment) -> None:
        self._at[one] = now, told_at
        self._at.move_to_end(one)
        if len(self._at) > MOST:
            self._at.popitem(last=False)


def seeing(called: Sees, hosts: Hosts, online: Sees) -> Sees:
    """Whether a router itself says that a device is there: one that is called (`called`), or one that asks.

    `online`: by what it told of a session that runs; that is known after a restart, too.
    """

    async def sees(router: Router, mac: str) -> bool:
        if router.mode == "radius":
            return hosts.sees(router, mac) or await online(router, mac)
        return await called(router, mac)

    return sees
