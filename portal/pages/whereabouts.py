"""Through which routers an address of the internet was last seen: a hint, kept in memory only.

Whoever opens a voucher's address from the same address as guests of a router is probably on its Wi-Fi, and may be
sent to that router's login page, which knows. Nothing else follows from it, and addresses are kept as keyed hashes.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from portal.clock import HOUR, Clock, Moment
from portal.seal import Vault

LATELY_MS = HOUR
MAX_KEPT = 4096
MAX_ROUTERS = 16  # several sites may share one way out


class Whereabouts:
    """The routers of each address that guests came from lately."""

    def __init__(self, vault: Vault, clock: Clock) -> None:
        self._vault = vault
        self._clock = clock
        self._kept: OrderedDict[bytes, OrderedDict[str, Moment]] = OrderedDict()

    def note(self, source: str, router_public: str) -> None:
        """A guest of this router came from this address."""
        key = self._key(source)
        routers = self._kept.setdefault(key, OrderedDict())
        routers[router_public] = self._clock.now()
        _let_go(routers, router_public, MAX_ROUTERS)
        _let_go(self._kept, key, MAX_KEPT)

    def routers_at(self, source: str) -> list[str]:
        """The public ids of the routers whose guests came from there lately."""
        now = self._clock.now()
        return [each for each, at in self._kept.get(self._key(source), {}).items() if 0 <= now - at < LATELY_MS]

    def _key(self, source: str) -> bytes:
        return self._vault.index(0, "whereabouts", source)


def _let_go(kept: OrderedDict[Any, Any], latest: object, most: int) -> None:
    """Forget the oldest, so that at most so many are kept."""
    kept.move_to_end(latest)
    if len(kept) > most:
        kept.popitem(last=False)
