"""Whose rows somebody could read between two moments, as far as the log of acts can tell.

It knows every file that was taken away, every guest, payment and request that something was done to, and each page
that the platform's staff saw. A page that staff of the ISP only looked at leaves no line: what is found is the least.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from portal.clock import Moment
from portal.privacy.incidents import store
from portal.units import Row, Unit

MOST = 5_000  # acts of one person that are looked through
SHOWN = 200  # devices that are named
# Files in which there are people; plans, routers and cards name nobody.
FILES = frozenset(
    {
        *("export.whole", "export.payments", "export.receipts", "export.passes", "export.devices", "export.sessions"),
        *("export.usage", "export.acts", "payments.export"),
    }
)
LOOKED = "support.look"


@dataclass(frozen=True, kw_only=True)
class Reach:
    """What was found. `everybody`: how many people were in the files that were taken, where any were."""

    acts: int
    cut: bool  # there were more than were looked through
    files: Sequence[tuple[Moment, str]] = ()
    everybody: int | None = None
    persons: frozenset[int] = frozenset()
    devices: Mapping[int, str] = field(default_factory=dict)
    more_devices: int = 0
    pages: Sequence[tuple[str, int]] = ()


def reach(actor: str, since: Moment, until: Moment) -> Unit[Reach]:
    """Of somebody (``staff:ab12``, ``platform:cd34``, ``command``), from then and before then."""
    found = yield from store.acts_of(actor, since, until, MOST + 1)
    acts, cut = found[:MOST], len(found) > MOST
    files = [(row["at"], str(row["act"])) for row in acts if row["act"] in FILES]
    devices = _ids(acts, "device")
    persons = yield from _persons(acts, devices)
    everybody = (yield from store.persons_before(max(at for at, _ in files))) if files else None
    return Reach(
        acts=len(acts),
        cut=cut,
        files=files,
        everybody=everybody,
        persons=frozenset(persons),
        devices=(yield from store.macs(devices[:SHOWN])),
        more_devices=max(len(devices) - SHOWN, 0),
        pages=sorted(Counter(_page(row) for row in acts if row["act"] == LOOKED).items()),
    )


def _persons(acts: Sequence[Row], devices: Sequence[int]) -> Unit[set[int]]:
    persons = yield from store.persons_of_devices(devices)
    persons |= yield from store.persons_of_payments(_ids(acts, "payment"))
    persons |= yield from store.persons_of_requests(_ids(acts, "request"))
    return persons


def _ids(acts: Sequence[Row], sort: str) -> list[int]:
    """The rows of one sort that something was done to."""
    named = (re.fullmatch(rf"{sort}:([0-9]{{1,18}})", str(row["subject"])) for row in acts)
    return sorted({int(each[1]) for each in named if each})


def _page(row: Row) -> str:
    return str(row["subject"]).removeprefix("page:")
