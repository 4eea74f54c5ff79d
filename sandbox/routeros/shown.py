"""What print shows of hosts, sessions and users beyond their rows: everything that changes by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from portal.clock import SECOND, Moment
from sandbox.routeros.sessions import LIMITS, Host, Session, state_of, usage_of
from sandbox.routeros.tables import Row
from sandbox.routeros.values import format_bool, format_span


def user_words(row: Row) -> dict[str, str]:
    """The finished sessions only: the running one is added at logout (facts/mikrotik.md 3.4)."""
    used = usage_of(row)
    return {"uptime": format_span(used.uptime_ms // SECOND), **used.counters.words()}


def active_words(row: Row, now: Moment) -> dict[str, str]:
    """session-time-left is absent without a limit."""
    session = state_of(row, Session)
    words = {
        "uptime": format_span((now - session.started) // SECOND),
        "idle-time": format_span((now - session.host.traffic_at) // SECOND),
        **session.counters.words(),
    }
    left = session.left_ms(now)
    if left is not None:
        words["session-time-left"] = format_span(-(-left // SECOND))
    return words | dict(_bytes_left(session))


def _bytes_left(session: Session) -> Iterator[tuple[str, str]]:
    """What is left for this session: 100 MB allowed, 30 used before: 70."""
    used = session.base.counters
    for name, spent in zip(LIMITS[1:], (used.up, used.down, used.up + used.down), strict=True):
        if (limit := int(session.limits[name])) > 0:
            yield name, str(max(0, limit - spent))


def host_words(row: Row, now: Moment, binding: Callable[[str, str], str]) -> dict[str, str]:
    host = state_of(row, Host)
    words = {
        "uptime": format_span((now - host.seen_at) // SECOND),
        "idle-time": format_span((now - host.traffic_at) // SECOND),
        "host-dead-time": format_span((now - host.gone_at) // SECOND if host.gone_at else 0),
        **host.counters.words(),
    }
    if binding(host.mac, host.address) == "bypassed":
        return words | {"bypassed": "true"}  # seen without the key `authorized`, facts 3.2
    return words | {"authorized": format_bool(host.session is not None), "bypassed": "false"}
