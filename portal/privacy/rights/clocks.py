"""Which rights there are, and by when each has to be answered, by the ISP's calendar. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from types import MappingProxyType
from typing import Literal

from portal import spans
from portal.clock import Moment

REGULATOR = "Office of the Data Protection Commissioner"
REGULATOR_URL = "https://www.odpc.go.ke"

Effect = Literal["", "restrict", "object", "rectify"]


@dataclass(frozen=True, kw_only=True)
class Right:
    """What can be asked for. `proven`: only whoever has proven who they are gets it."""

    kind: str
    title: str
    asks: str  # "They ask …", and of an alarm
    law: str  # of the Data Protection Act
    days: int = 7
    refuse_days: int = 7
    proven: bool = True
    absolute: bool = False  # nothing may be refused of it
    effect: Effect = ""  # what can be carried out here


RIGHTS: Mapping[str, Right] = MappingProxyType(
    {
        each.kind: each
        for each in (
            Right(kind="access", title="See their data", asks="to see their data", law="26"),
            Right(
                kind="rectify",
                title="Correct their data",
                asks="to have something corrected",
                law="40",
                effect="rectify",
            ),
            Right(kind="erase", title="Erase their data", asks="to have their data erased", law="40"),
            Right(
                kind="restrict",
                title="Restrict the use of their data",
                asks="to have their data kept and not used",
                law="34",
                proven=False,
                effect="restrict",
            ),
            Right(
                kind="object",
                title="Object to marketing",
                asks="not to be written to for marketing",
                law="36",
                proven=False,
                absolute=True,
                effect="object",
            ),
            Right(kind="portability", title="Take data along", asks="for a file of their data", law="38", days=30),
            Right(
                kind="withdraw",
                title="Withdraw their consent",
                asks="to take their consent back",
                law="32",
                proven=False,
                absolute=True,
                effect="object",
            ),
        )
    }
)
CHANNELS: Mapping[str, str] = MappingProxyType(
    {
        "counter": "at the counter",
        "phone": "by phone",
        "letter": "by letter",
        "email": "by e-mail",
        "portal": "on the Wi-Fi page",
    }
)
STAFF_CHANNELS = ("counter", "phone", "letter", "email")
# A copy of an identity card is not among them: it would be one more thing to keep safe.
PROOFS: Mapping[str, str] = MappingProxyType(
    {
        "number": "called, or wrote, from the number that is known here",
        "receipt": "named a receipt and the number that paid it",
        "code": "read out a code that was sent to the number",
        "device": "held the device in their hand, online with it",
        "seen": "known to staff in person",
    }
)
STAFF_PROOFS = ("number", "receipt", "device", "seen")
STATES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "open": ("open", "warn"),
        "answered": ("answered", "good"),
        "refused": ("refused", "bad"),
        "withdrawn": ("withdrawn", ""),
    }
)
ACTS: Mapping[str, str] = MappingProxyType(
    {
        "filed": "The request came",
        "identity": "Who they are was proven",
        "note": "Note",
        "restricted": "Their data is restricted from now on",
        "objected": "No marketing goes to them from now on",
        "lifted": "That was lifted",
        "erased": "They were erased",
        "rectified": "The phone number was corrected",
        "answered": "Answered",
        "refused": "Refused",
        "withdrawn": "They withdrew it",
    }
)


@dataclass(frozen=True, kw_only=True)
class Clocks:
    """By when it has to be answered, and by when refused if at all: the first moment that is too late."""

    due_at: Moment
    refuse_by: Moment


def clocks(kind: str, received_at: Moment, timezone: str) -> Clocks:
    """The day on which it came does not count; its last day counts whole."""
    right, came = RIGHTS[kind], spans.today(received_at, timezone)

    def after(days: int) -> Moment:
        return spans.midnight(came + timedelta(days=days + 1), timezone)

    return Clocks(due_at=after(right.days), refuse_by=after(right.refuse_days))


def last_day(due_at: Moment, timezone: str) -> date:
    """The last day on which it is in time."""
    return spans.today(due_at - 1, timezone)
