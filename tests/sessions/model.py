"""A router in a few lines: one device, its counters as RouterOS keeps them, and what really went through."""

from __future__ import annotations

from dataclasses import dataclass

from portal.clock import SECOND, Moment
from portal.sessions.meter import Reading


@dataclass
class Router:
    """The user's counters exclude the running session and grow when it ends; a reboot loses what ran."""

    now: Moment
    begun: Moment | None = None  # when the running session began
    user: tuple[int, int, int] = (0, 0, 0)  # seconds, bytes up, bytes down
    active: tuple[int, int] = (0, 0)
    passed: tuple[int, int] = (0, 0)  # all bytes that went through
    online_ms: int = 0

    def login(self) -> None:
        if self.begun is None:
            self.begun, self.active = self.now, (0, 0)

    def use(self, up: int, down: int) -> None:
        if self.begun is not None:
            self.active = self.active[0] + up, self.active[1] + down
            self.passed = self.passed[0] + up, self.passed[1] + down

    def wait(self, seconds: int) -> None:
        self.now += seconds * SECOND
        self.online_ms += seconds * SECOND if self.begun is not None else 0

    def logout(self) -> None:
        if self.begun is not None:
            seconds = (self.now - self.begun) // SECOND
            self.user = self.user[0] + seconds, self.user[1] + self.active[0], self.user[2] + self.active[1]
            self.begun, self.active = None, (0, 0)
            self.now += 1  # nobody is in again at that very moment

    def reboot(self, *, rows_lost: bool) -> None:
        self.begun, self.active = None, (0, 0)
        self.user = (0, 0, 0) if rows_lost else self.user
        self.wait(30)  # no router is back earlier

    def reading(self) -> Reading:
        return Reading(
            read_at=self.now,
            user_uptime_s=self.user[0],
            user_bytes_in=self.user[1],
            user_bytes_out=self.user[2],
            active_uptime_s=None if self.begun is None else (self.now - self.begun) // SECOND,
            active_bytes_in=self.active[0],
            active_bytes_out=self.active[1],
        )
