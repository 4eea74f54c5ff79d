"""Whether a router itself says that a device is there: a fact, where an address in a URL is a claim (R3).

A keeper knows it. A process without keepers looks at what the keeper's process has written down of its last poll.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from portal.clock import Moment
from portal.seal import Vault
from portal.tenancy.store import Router

Sees = Callable[[Router, str], Awaitable[bool]]  # whether this router itself says that this MAC is there

MARK = 8  # bytes of a hash


@dataclass(frozen=True, kw_only=True)
class Told:
    """What the keeper of a router has told last."""

    read_at: Moment  # when it last read the host table
    marks: bytes  # of the MACs there, `MARK` bytes each
    more: Mapping[str, Any]  # what the console shows of the router

    def has(self, mark: bytes) -> bool:
        """Whether this MAC was in the router's host table."""
        return any(self.marks[at : at + MARK] == mark for at in range(0, len(self.marks), MARK))


def mark_of(vault: Vault, router: Router, mac: str) -> bytes:
    """A MAC as it stands here: a keyed hash, at this router alone."""
    return vault.index(router.tenant_id, "sight", f"{router.id}|{mac}")[:MARK]


def told(vault: Vault, router: Router, macs: Iterable[str], read_at: Moment, more: Mapping[str, Any]) -> dict[str, Any]:
    """The columns of `sights`."""
    marks = b"".join(sorted(mark_of(vault, router, mac) for mac in macs))
    return {"read_at": read_at, "marks": marks, "told": json.dumps(more, separators=(",", ":"))}
