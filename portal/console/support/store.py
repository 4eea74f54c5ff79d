"""The statements of support windows."""

from __future__ import annotations

from dataclasses import dataclass

from portal.audit import store as audit
from portal.clock import Moment
from portal.errors import Refused
from portal.units import Row, Unit, insert, one, rows, update

LOOKED = "support.look"
SHOWN = 50


@dataclass(frozen=True, kw_only=True)
class Window:
    """For how long, by whom and why the platform's staff may look in."""

    id: int
    reason: str
    opened_at: Moment
    until: Moment
    closed_at: Moment | None
    opened_by: str

    def ended_at(self, now: Moment) -> Moment | None:
        """When it ended; None while it is open."""
        if self.closed_at is not None:
            return self.closed_at
        return self.until if self.until <= now else None


_WINDOW = (
    "SELECT w.*, s.name FROM support_windows w JOIN staff s ON s.id = w.opened_by AND s.tenant_id = :tenant"
    " WHERE w.tenant_id = :tenant"
)


def _window(row: Row) -> Window:
    fields = {name: row[name] for name in ("id", "reason", "opened_at", "until", "closed_at")}
    return Window(**fields, opened_by=row["name"])


def current(now: Moment) -> Unit[Window | None]:
    """The window that is open now."""
    row = yield from one(f"{_WINDOW} AND w.until > :now AND w.closed_at IS NULL ORDER BY w.until DESC LIMIT 1", now=now)
    return None if row is None else _window(row)


def recent() -> Unit[list[Window]]:
    """The last ones, newest first."""
    found = yield from rows(f"{_WINDOW} ORDER BY w.id DESC LIMIT 20")
    return [_window(row) for row in found]


def looks() -> Unit[list[Row]]:
    """What they looked at, newest first."""
    return list((yield from audit.page(None, SHOWN, LOOKED, "")))


def open_window(staff_id: int, reason: str, now: Moment, until: Moment) -> Unit[int]:
    """Let them in; raises `Refused` when they are in already."""
    if (yield from current(now)) is not None:
        raise Refused("support-open", status=409)
    return (yield from insert("support_windows", opened_by=staff_id, reason=reason, opened_at=now, until=until))


def close_window(now: Moment) -> Unit[None]:
    """Out again, at once; raises `Refused` when nobody is in."""
    found = yield from current(now)
    if found is None:
        raise Refused("support-shut", status=409)
    yield from update("support_windows", found.id, closed_at=now)
