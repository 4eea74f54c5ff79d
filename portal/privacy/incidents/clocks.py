"""Who has to be told of an incident, and how soon. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from portal.clock import HOUR, Moment


@dataclass(frozen=True, kw_only=True)
class Duty:
    """What is owed by an ISP, which is the controller, or by the platform, which works for it."""

    whom: str
    hours: int
    where: str


DUTIES: Mapping[str, Duty] = MappingProxyType(
    {
        "isp": Duty(
            whom="the Data Protection Commissioner",
            hours=72,
            where="https://www.odpc.go.ke",
        ),
        "platform": Duty(whom="the ISPs whose data it is", hours=48, where=""),
    }
)
SPARED: Mapping[str, str] = MappingProxyType(
    {
        "encrypted": "the data was encrypted, and its key is safe",
        "no-risk": "there is no real risk of harm to anybody",
    }
)
ACTS: Mapping[str, str] = MappingProxyType(
    {
        "recorded": "The incident was recorded",
        "told": "Those who have to know were told",
        "spared": "Nobody has to be told",
        "people": "The people concerned were told",
        "note": "Note",
        "closed": "Closed",
    }
)


def due_at(kind: str, known_at: Moment) -> Moment:
    """By when; the hours count from when it was known, day and night."""
    return known_at + DUTIES[kind].hours * HOUR
