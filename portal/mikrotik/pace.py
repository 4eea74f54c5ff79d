"""How many commands may be on their way to a router (pure: time is an argument).

A router executes about 1 ms per command, but after 120 to 220 commands it may fall to about 20 ms each until
the load stops (facts/mikrotik.md 1.6). Whatever is on its way at that moment is in front of a new payer. Two ideas:

- The window follows the rate at which a busy router answers, as TCP Vegas and BBR do: as many as fill the line, and
  a few that wait at the router. Urgent commands are counted but never held back.
- The fall cannot be foreseen, only where it is seen: while a burst crosses that zone, few commands are
  underway. A router that once crossed it at full speed is trusted from then on, until it falls. So a `Pace`
  should outlive a connection.
"""

from __future__ import annotations

from dataclasses import dataclass

START = 32  # a router slower than 10 ms per command would make an urgent one wait 0.3 s, once
FLOOR = 4
CEILING = 512  # 5 ms round trips or 500 ms ones: nothing real needs more
WAITING = 8  # commands that may wait at the router, so that it is never idle: 160 ms of a fallen one
SLACK = 0.02  # seconds over the best round trip that say nothing: jitter, one slow command
ZONE_BEGINS = 112  # in commands of one burst; the earliest fall seen was after 120
ZONE_ENDS = 225  # the latest was after 220
ZONE_WINDOW = 15  # 15 commands of 20 ms, one's own and a 100 ms line: 0.42 s for an urgent command
QUIET = 1.0  # seconds without a command that end a burst
TRUST_RATE = 100  # commands a second over the whole zone that show there is no fall
FALLEN_RATE = 100  # a second; a healthy router does about 1000
SAMPLE = 5  # answers of a busy router, at least a round trip long, that tell its rate


@dataclass(frozen=True, kw_only=True, slots=True)
class Ticket:
    """One command underway: when it left and how many were underway then, itself included."""

    at: float
    ahead: int
    urgent: bool


class Pace:
    """The window of one router."""

    def __init__(self, *, trusted: bool = False) -> None:
        self.trusted = trusted
        self.window = float(START)
        self.best: float | None = None
        self._bulk = self._urgent = 0
        self._burst_began = self._last = 0.0
        self._sent = self._answered = self._busy_answers = 0
        self._busy_since: float | None = None

    @property
    def underway(self) -> int:
        return self._bulk + self._urgent

    def room(self) -> int:
        """How many commands that are not urgent may leave now; one may always be underway."""
        limit = int(self.window)
        if not self.trusted and self._answered < ZONE_ENDS:
            beyond = max(ZONE_BEGINS, self._answered) + ZONE_WINDOW - self._sent
            limit = min(limit, self.underway + beyond)
        return max(limit - self.underway, 0 if self._bulk else 1)

    def sent(self, now: float, *, urgent: bool = False) -> Ticket:
        if not self.underway and now - self._last >= QUIET:
            self._burst_began, self._sent, self._answered = now, 0, 0
        self._sent += 1
        self._bulk += not urgent
        self._urgent += urgent
        return Ticket(at=now, ahead=self.underway, urgent=urgent)

    def answered(self, ticket: Ticket, now: float) -> None:
        self._answered += 1
        self._bulk -= not ticket.urgent
        self._urgent -= ticket.urgent
        self._last = now
        self._learn(ticket, now)

    def lost(self) -> None:
        """The connection broke: nothing is underway, and the way to the router may be another one."""
        self._bulk = self._urgent = self._sent = self._answered = 0
        self.best = self._busy_since = None

    def _learn(self, ticket: Ticket, now: float) -> None:
        took = now - ticket.at
        best = self._best_of(ticket, took)
        if ticket.ahead == 1 or took <= best + max(SLACK, best / 4):
            self._busy_since = None
            if ticket.ahead * 2 >= self.window:
                self.window = min(self.window + 1, CEILING)
            self._trust()
        elif self._busy_since is None:
            self._busy_since, self._busy_answers = now, 0
            if not self.trusted:  # no more than there are until its rate is known
                self.window = max(min(self.window, self.underway + 1), FLOOR)
        else:
            self._busy_answers += 1
            if self._busy_answers >= SAMPLE and now - self._busy_since >= max(best, SLACK):
                self._adapt(self._busy_answers / (now - self._busy_since), best)
                self._busy_since, self._busy_answers = now, 0

    def _adapt(self, rate: float, best: float) -> None:
        """The router was busy for a whole round trip, so this is what it can do."""
        wanted = max(rate * best + WAITING, FLOOR)
        self.window = min(wanted, self.window + 1, CEILING)
        if rate < FALLEN_RATE:
            self.trusted = False

    def _best_of(self, ticket: Ticket, took: float) -> float:
        if self.best is None or took < self.best:
            self.best = took
        elif ticket.ahead == 1:
            # alone on the line, it measures the line: follow a way that became longer
            self.best += (took - self.best) / 4
        return self.best

    def _trust(self) -> None:
        """A burst that crossed the zone quickly: the line may be filled again."""
        if self.trusted or self._answered < ZONE_ENDS:
            return
        if self._last - self._burst_began < ZONE_ENDS / TRUST_RATE:
            self.trusted = True
            self.window = max(self.window, ZONE_BEGINS)
