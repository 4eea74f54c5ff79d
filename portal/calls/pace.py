"""How often a router may call: a script gone wild, or somebody with its token, costs no more than this."""

from __future__ import annotations

from portal.clock import MINUTE, Moment

MOST = 12  # in a minute; a router that is well needs two


class Pace:
    """Counts the calls of each router in the minute that runs; it grows no larger than there are routers."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._minutes: dict[int, tuple[int, int]] = {}

    def take(self, router_id: int, now: Moment) -> bool:
        """Whether this call is still one of those that may be."""
        minute = now // MINUTE
        before, count = self._minutes.get(router_id, (minute, 0))
        count = count + 1 if before == minute else 1
        self._minutes[router_id] = minute, count
        return count <= self._most
