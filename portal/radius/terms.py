"""What a router was told of a session: until when, how many bytes, how fast. Pure.

The router got it with the Access-Accept and keeps to it by itself. It stands in the Class of the session and then in
its row, so that Bando knows without asking whether the router has to be told something else (`portal/radius/watching`).
"""

from __future__ import annotations

from dataclasses import dataclass

from portal.access.allowance import Allowance
from portal.clock import SECOND, Moment


@dataclass(frozen=True, kw_only=True, slots=True)
class Terms:
    """Until when, how many bytes in all of the session (None: any number), and how fast in bit/s (None: any rate)."""

    until: Moment
    bytes: int | None
    up: int | None
    down: int | None

    @property
    def text(self) -> str:
        """As it stands in the database."""
        return " ".join(str(each or "-") for each in (self.until, self.bytes, self.up, self.down))


def terms_of(allowed: Allowance, now: Moment, used_bytes: int = 0) -> Terms:
    """What a router is told now; `used_bytes`: what the session has used already."""
    most = None if allowed.bytes is None else used_bytes + allowed.bytes
    until = now + max(1, allowed.seconds) * SECOND
    return Terms(until=until, bytes=most, up=allowed.rate_up, down=allowed.rate_down)


def read_terms(stored: str | None) -> Terms | None:
    """The reverse of `Terms.text`; None when nobody knows what the router was told."""
    if not stored:
        return None
    until, *rest = (None if each == "-" else int(each) for each in stored.split(" "))
    return Terms(until=until or 0, bytes=rest[0], up=rest[1], down=rest[2])
