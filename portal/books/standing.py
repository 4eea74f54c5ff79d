"""What stands in the books now, without adding up years each time somebody looks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial

from portal.books import store
from portal.clock import DAY, Moment
from portal.units import Row, Unit

Sums = Mapping[tuple[str, str], Row]  # by kind and currency; see `store.sums`
Read = Callable[[Moment, Moment], Unit[Sequence[Row]]]


class Standing:
    """Sums of everything that was posted, of an ISP or about one agent.

    Transfers are only added, each at the moment at which it is written down: what was posted before yesterday is added
    up once and kept, and only what came since is read again.
    """

    def __init__(self) -> None:
        self._past: dict[tuple[int, int | None], tuple[Moment, Sums]] = {}

    def sums(self, tenant_id: int, now: Moment) -> Unit[Sequence[Row]]:
        """``kind``, ``currency``, ``n``, ``minor`` and ``last`` of all that was posted."""
        return (yield from self._whole((tenant_id, None), store.sums, now))

    def of_agent(self, tenant_id: int, agent_id: int, now: Moment) -> Unit[Sequence[Row]]:
        """The same of what was posted about an agent."""
        return (yield from self._whole((tenant_id, agent_id), partial(store.agent_sums, agent_id), now))

    def _whole(self, whose: tuple[int, int | None], read: Read, now: Moment) -> Unit[Sequence[Row]]:
        since, past = self._past.get(whose, (0, {}))
        until = now - now % DAY - DAY
        if until > since:
            past = _more(past, (yield from read(since, until)))
            self._past[whose] = since, past = until, past
        return list(_more(past, (yield from read(since, store.EVER))).values())


def _more(past: Sums, rows: Iterable[Row]) -> Sums:
    found = dict(past)
    for row in rows:
        key = row["kind"], row["currency"]
        found[key] = _both(found[key], row) if key in found else row
    return found


def _both(one: Row, later: Row) -> Row:
    sums = {name: int(one[name]) + int(later[name]) for name in ("n", "minor")}
    return {"kind": one["kind"], "currency": one["currency"], "last": later["last"], **sums}
