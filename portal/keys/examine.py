"""Whether the keys fit: what the master key does not open, and what is sealed under a key that is not there."""

from __future__ import annotations

from collections import Counter

from portal.db import Execute
from portal.keys import store
from portal.keys.cells import CELLS
from portal.keys.ring import place_of
from portal.keys.store import Known
from portal.seal import BY_NAME, NotOurs, Wrapping, head_of
from portal.units import Unit, drive


def shut(run: Execute, master: bytes) -> list[str]:
    """ISPs whose keys do not all open with this master key, each as a sentence."""
    wrapping, owners = Wrapping(master), drive(store.owners(), None, run)
    return [each for owner in owners for each in drive(_shut(*owner, wrapping), owner[0], run)]


def _shut(tenant: int, name: str, wrapping: Wrapping) -> Unit[list[str]]:
    known = [each for each in (yield from store.known()) if each.wrapped is not None]
    count = sum(not _opens(tenant, each, wrapping) for each in known)
    return [f"{name}: {count} of {len(known)} keys do not open with this master key"] if count else []


def _opens(tenant: int, key: Known, wrapping: Wrapping) -> bool:
    try:
        return bool(wrapping.unwrap(key.wrapped or b"", place_of(tenant, key.name)))
    except NotOurs:
        return False


def lost(run: Execute) -> list[str]:
    """ISPs of which something is sealed under a key that is not there, each as a sentence."""
    return [each for owner in drive(store.owners(), None, run) for each in drive(_lost(owner[1]), owner[0], run)]


def _lost(name: str) -> Unit[list[str]]:
    there = {head_of(each.name) for each in (yield from store.known()) if each.wrapped is not None}
    under = yield from under_heads()
    count = sum(many for head, many in under.items() if head.startswith(BY_NAME) and head not in there)
    return [f"{name}: {count:,} sealed values are under a key that is not there"] if count else []


def under_heads() -> Unit[Counter[bytes]]:
    """How many cells of the ISP begin with which head."""
    found: Counter[bytes] = Counter()
    for cells in CELLS:
        found.update((yield from store.heads(cells)))
    return found
