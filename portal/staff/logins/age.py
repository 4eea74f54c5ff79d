"""How long a login lasts (pure)."""

from __future__ import annotations

from dataclasses import replace

from portal.clock import HOUR, MINUTE, Moment
from portal.staff.logins.store import Login

IDLE_MS, AGE_MS = 30 * MINUTE, 12 * HOUR
SEEN_EVERY_MS = MINUTE  # how exactly it is known when a login was last used


def as_of(login: Login, now: Moment) -> Login:
    """The login as it is now: one that was left alone, or is too old, has ended by itself."""
    if login.ended_at is not None:
        return login
    idle, old = login.seen_at + IDLE_MS, login.begun_at + AGE_MS
    if now < min(idle, old):
        return login
    return replace(login, ended_at=min(idle, old), end_reason="idle" if idle < old else "age")
