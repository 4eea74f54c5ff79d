"""The router's scheduler: what is due runs with the policies of its row, and a failure is told to nobody.

`startup` counts from the start of the router. A time of the day is one of the router's clock: without `start-time`
it is the moment at which the row was added, and where the clock is behind that, it never comes (facts/mikrotik.md 8.2).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from portal.clock import SECOND, Moment
from sandbox.routeros.commands import Account
from sandbox.routeros.device import SandboxRouter
from sandbox.routeros.rsc import Ask, Console, RscError, Scope
from sandbox.routeros.rsc_text import Code, read_all
from sandbox.routeros.tables import Row
from sandbox.routeros.values import parse_span

STARTUP_MS = 3 * SECOND


@dataclass(kw_only=True)
class Scheduler:
    """Of one router; `ask` is its way to the internet."""

    router: SandboxRouter
    ask: Ask
    ran: dict[str, Moment] = field(default_factory=dict)  # by uptime, when each row ran last
    failures: list[str] = field(default_factory=list)  # what nobody is told on a real one

    def run_due(self) -> int:
        """Run what is due, once each; how many ran."""
        due = [row for row in self.router.table("/system/scheduler").rows.values() if self._due(row)]
        for row in due:
            self.ran[row[".id"]] = self.router.uptime_ms
            self._run(row)
        return len(due)

    def _due(self, row: Row) -> bool:
        interval = parse_span(row["interval"]) * SECOND
        if row.get("disabled") == "true" or not self.router.powered or not self.router.faults.device_mode_hotspot:
            return False
        up = self.router.uptime_ms
        last = self.ran.get(row[".id"])
        if last is not None and last > up:  # it was started again since
            last = None
        begin = self._begin(row)
        if begin is None:
            return False
        # With an interval the first run comes one interval after the start.
        return up >= (last if last is not None else begin) + interval

    def _begin(self, row: Row) -> Moment | None:
        """From which moment of the uptime the row counts; None while the clock has not come to it."""
        if row.get("start-time", "startup") == "startup":
            return STARTUP_MS
        start = row.state if isinstance(row.state, int) else None
        if start is None:
            return STARTUP_MS
        now = self.router.own_time()
        return None if now < start else self.router.uptime_ms - (now - start)

    def _run(self, row: Row) -> None:
        policies = frozenset(filter(None, row.get("policy", "").split(",")))
        console = Console(self.router, None, ask=self.ask, account=Account(name="scheduler", policies=policies))
        try:
            console.run(Code(tuple(read_all(row["on-event"], self.router))), Scope())
        except RscError as error:
            self.failures.append(str(error))
