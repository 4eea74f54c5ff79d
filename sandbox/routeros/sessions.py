"""What the hotspot remembers about hosts, sessions and users, and when a session ends by itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from portal.clock import SECOND, Moment
from sandbox.routeros.tables import Row
from sandbox.routeros.values import parse_span

if TYPE_CHECKING:
    from sandbox.routeros.radius import Grant
    from sandbox.routeros.refusals import LoginRefused

T = TypeVar("T")
NEVER: Moment = 1 << 62


@dataclass(slots=True)
class Counters:
    """Bytes as the router names them: in is from the client, out is to the client."""

    up: int = 0
    down: int = 0

    def add(self, up: int, down: int) -> None:
        self.up += up
        self.down += down

    def words(self) -> dict[str, str]:
        return {
            "bytes-in": str(self.up),
            "bytes-out": str(self.down),
            "packets-in": str(-(-self.up // 1400)),
            "packets-out": str(-(-self.down // 1400)),
        }


@dataclass(slots=True)
class Usage:
    """What a user has used in sessions that are over."""

    uptime_ms: int = 0
    counters: Counters = field(default_factory=Counters)


@dataclass(slots=True, kw_only=True)
class Host:
    """A device on the hotspot's side, authorised or not."""

    mac: str
    address: str
    to_address: str
    server: str
    seen_at: Moment
    traffic_at: Moment
    row: str = ""  # id in /ip/hotspot/host
    gone_at: Moment | None = None
    counters: Counters = field(default_factory=Counters)
    session: Session | None = None
    asking: bool = False  # RADIUS is being asked about it
    verdict: tuple[str, Grant | LoginRefused] | None = None  # what RADIUS said of a user at this host
    chap: tuple[int, bytes] | None = None  # identifier and challenge that its login page showed


@dataclass(slots=True, kw_only=True)
class Session:
    """One stretch online. The profile is the one of the login: a later change needs a new login."""

    host: Host
    user: str
    user_row: Row | None
    profile: dict[str, str]
    by: str
    started: Moment
    base: Usage  # what the user had used when this session began
    limits: dict[str, str]
    row: str = ""  # id in /ip/hotspot/active
    counters: Counters = field(default_factory=Counters)
    grant: Grant | None = None  # by whose word it runs, if RADIUS let it in
    next_interim: Moment = NEVER

    def left_ms(self, now: Moment) -> int | None:
        """Time left for the limit and the session timeout; None is without end."""
        end = min(self._limit_end(), self._timeout_end())
        return None if end == NEVER else max(0, end - now)

    def end(self, keepalive: str) -> tuple[Moment, str]:
        """When it ends if nothing happens any more, and the cause the log will give."""
        return min(
            (self._limit_end(), "uptime limit"),
            (self._timeout_end(), "session timeout"),
            (self._after(self.profile.get("idle-timeout", "none"), self.host.traffic_at), "idle timeout"),
            (self._after(keepalive, self.host.gone_at), "keepalive timeout"),
        )

    def bytes_are_used_up(self) -> bool:
        return bytes_over(self.limits, self.base.counters, self.counters)

    def _limit_end(self) -> Moment:
        limit = parse_span(self.limits.get("limit-uptime", "0s"))
        return self.started + limit * SECOND - self.base.uptime_ms if limit else NEVER

    def _timeout_end(self) -> Moment:
        span = parse_span(self.profile.get("session-timeout", "0s"))
        return self.started + span * SECOND if span else NEVER

    @staticmethod
    def _after(span: str, since: Moment | None) -> Moment:
        if since is None or span in ("none", "0s"):
            return NEVER
        return since + parse_span(span) * SECOND


def bytes_over(limits: dict[str, str], *used: Counters) -> bool:
    """Is one of the byte limits reached? 0 is no limit."""
    up, down = sum(part.up for part in used), sum(part.down for part in used)
    spent = {"limit-bytes-in": up, "limit-bytes-out": down, "limit-bytes-total": up + down}
    return any(0 < int(limits.get(name, "0")) <= value for name, value in spent.items())


def limits_of(user: Row) -> dict[str, str]:
    return {name: user[name] for name in LIMITS}


LIMITS = ("limit-uptime", "limit-bytes-in", "limit-bytes-out", "limit-bytes-total")


def state_of(row: Row, kind: type[T]) -> T:
    if not isinstance(row.state, kind):
        raise TypeError(f"row {row['.id']} carries no {kind.__name__}")
    return row.state


def usage_of(row: Row) -> Usage:
    return state_of(row, Usage)
