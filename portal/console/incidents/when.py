"""A moment as staff type it. Pure."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from portal.clock import Moment
from portal.errors import Refused


def moment(text: str, zone: str) -> Moment | None:
    """``2026-11-28T14:05`` by the clock of this place, or nothing; raises `Refused("incident-when")`."""
    if not text:
        return None
    try:
        if len(text) not in (16, 19) or not text.isascii():
            raise ValueError(text)
        local = datetime.fromisoformat(text)
        if local.tzinfo is not None:
            raise ValueError(text)
        return int(local.replace(tzinfo=ZoneInfo(zone)).timestamp() * 1000)
    except (ValueError, OverflowError):
        raise Refused("incident-when") from None
