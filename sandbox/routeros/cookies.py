"""mac-cookies: user and password remembered for a MAC, so that a known device comes back by itself."""

from __future__ import annotations

from dataclasses import dataclass

from portal.clock import SECOND, Clock, Moment
from sandbox.routeros.tables import Row, Table
from sandbox.routeros.values import format_span


@dataclass(slots=True, kw_only=True)
class Cookie:
    """What is remembered for one MAC."""

    user: str
    password: str
    lifetime_s: int
    ends: Moment


class Cookies:
    """The mac-cookies of a router, shown in /ip/hotspot/cookie."""

    def __init__(self, clock: Clock, table: Table) -> None:
        self._clock, self._table = clock, table
        table.live = self._words

    def keep(self, mac: str, user: str, password: str, lifetime_s: int) -> None:
        """Remember a successful login; it replaces what was remembered for the MAC."""
        self.forget(mac)
        ends = self._clock.now() + lifetime_s * SECOND
        cookie = Cookie(user=user, password=password, lifetime_s=lifetime_s, ends=ends)
        self._table.add({"user": user, "mac-address": mac}, state=cookie, dynamic=True)

    def of(self, mac: str) -> Cookie | None:
        rows = self._table.find(mac_address=mac)
        cookie = self._cookie(rows[0]) if rows else None
        return cookie if cookie and cookie.ends > self._clock.now() else None

    def refresh(self, mac: str) -> None:
        """The lifetime counts from the last login or logout."""
        if cookie := self.of(mac):
            cookie.ends = self._clock.now() + cookie.lifetime_s * SECOND

    def forget(self, mac: str) -> None:
        for row in self._table.find(mac_address=mac):
            self._table.remove(row[".id"], dynamic=True)

    def drop_expired(self) -> None:
        now = self._clock.now()
        for row in list(self._table.rows.values()):
            if self._cookie(row).ends <= now:
                self._table.remove(row[".id"], dynamic=True)

    def clear(self) -> None:
        self._table.clear()

    def _words(self, row: Row) -> dict[str, str]:
        return {"expires-in": format_span(max(0, self._cookie(row).ends - self._clock.now()) // SECOND)}

    @staticmethod
    def _cookie(row: Row) -> Cookie:
        if not isinstance(row.state, Cookie):
            raise TypeError("a cookie row without a cookie")
        return row.state
