"""Through which router an address of the internet was last seen: a hint, kept in memory only.

Whoever opens a voucher's address from the same address as guests of a router is probably on its Wi-Fi, and may be
sent to that router's login page, which knows. Nothing else follows from it, and addresses are kept as keyed hashes.
"""

from __future__ import annotations

from collections import OrderedDict

from portal.clock import HOUR, Clock, Moment
from portal.seal import Vault

LATELY_MS = HOUR
MAX_KEPT = 4096


class Whereabouts:
    """The router of each address that guests came from lately."""

    def __init__(self, vault: Vault, clock: Clock) -> None:
        self._vault = vault
        self._clock = clock
        self._kept: OrderedDict[bytes, tuple[str, Moment]] = OrderedDict()

    def note(self, source: str, router_public: str) -> None:
        """A guest of this router came from this address."""
        key = self._key(source)
        self._kept[key] = router_public, self._clock.now()
        self._kept.move_to_end(key)
        if len(self._kept) > MAX_KEPT:
            self._kept.popitem(last=False)

    def router_at(self, source: str) -> str:
        """The router's public id, or "" when nobody came from there lately."""
        public, at = self._kept.get(self._key(source), ("", 0))
        return public if 0 <= self._clock.now() - at < LATELY_MS else ""

    def _key(self, source: str) -> bytes:
        return self._vault.index(0, "whereabouts", source)
