"""What stands in the books now, without adding up years each time somebody looks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from portal.books import store
from portal.clock import DAY, Moment
from portal.units import Row, Unit

EVER = 1 << 62
Sums = Mapping[tuple[str, str], int]  # minor units by kind and currency


class Standing:
    """Sums of everything that was posted.

    Transfers are only added, each at the moment at which it is written down: what was posted before yesterday is added
    up once for each ISP and kept, and only what came since is read again.
    """

    def __init__(self) -> None:
        self._past: dict[int, tuple[Moment, Sums]] = {}

    def sums(self, tenant_id: int, now: Moment) -> Unit[list[dict[str, object]]]:
        """``kind``, ``currency`` and ``minor`` of all that was posted, as `ledger.balances` takes them."""
        since, past = self._past.get(tenant_id, (0, {}))
        until = now - now % DAY - DAY
        if until > since:
            past = _more(past, (yield from store.sums(since, until)))
            self._past[tenant_id] = since, past = until, past
        whole = _more(past, (yield from store.sums(since, EVER)))
        return [{"kind": kind, "currency": currency, "minor": minor} for (kind, currency), minor in whole.items()]


def _more(past: Sums, rows: Iterable[Row]) -> Sums:
    found = Counter(past)
    for row in rows:
        found[row["kind"], row["currency"]] += int(row["minor"])
    return found
