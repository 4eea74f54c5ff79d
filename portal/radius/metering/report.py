"""What one accounting packet says. Pure.

Its counters count from the beginning of the session. No moment in it is ever believed: a router's clock may be of
1970. What it knows is how long a session has lasted, and how long the packet was on its way (Acct-Delay-Time, to which
FreeRADIUS adds the time that a packet lay in its spool).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from portal.clock import SECOND, Moment
from portal.sessions.meter import Use

Kind = Literal["start", "interim", "stop", "on", "off"]

# As FreeRADIUS writes them, in words or in numbers.
KINDS: dict[str, Kind] = {
    **{"Start": "start", "Stop": "stop", "Interim-Update": "interim", "Alive": "interim"},
    **{"Accounting-On": "on", "Accounting-Off": "off"},
    **{"1": "start", "2": "stop", "3": "interim", "7": "on", "8": "off"},
}
GIGAWORD = 1 << 32
LONGEST_DELAY_S = 40 * 24 * 3600  # what is older was kept by nobody: such a number is wrong
LONGEST_SESSION_S = 400 * 24 * 3600
MOST_BYTES = 1 << 50  # a petabyte in one session is a broken counter


class Given(Protocol):
    """The attributes of a packet: `portal/radius/packet.py`."""

    def text(self, name: str) -> str: ...

    def word(self, name: str) -> str: ...

    def whole(self, name: str) -> int: ...

    def mac(self, name: str) -> str: ...

    def address(self, name: str) -> str: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """One accounting packet."""

    kind: Kind
    acct_id: str  # what the router calls the session; it may call a later one so again
    mac: str
    name: str  # by which the device logged in
    address: str
    total: Use  # from the beginning of the session on
    delay_s: int
    cause: str  # Acct-Terminate-Cause

    def at(self, now: Moment) -> Moment:
        """When this was so."""
        return now - self.delay_s * SECOND

    def began(self, now: Moment) -> Moment:
        """When the session began: never too early, too late by what the packet does not know of its way."""
        return self.at(now) - self.total.ms


def report_of(given: Given, *, input_from_client: bool) -> Report | None:
    """The report in an Accounting-Request; None when it speaks of no session and of no router (a tunnel, say)."""
    kind = KINDS.get(given.word("Acct-Status-Type"))
    acct_id = given.text("Acct-Session-Id")
    if kind is None or (not acct_id and kind not in ("on", "off")):
        return None
    one, other = _octets(given, "Input"), _octets(given, "Output")
    up, down = (one, other) if input_from_client else (other, one)
    seconds = min(given.whole("Acct-Session-Time"), LONGEST_SESSION_S)
    return Report(
        kind=kind,
        acct_id=acct_id,
        mac=given.mac("Calling-Station-Id"),
        name=given.text("User-Name"),
        address=given.address("Framed-IP-Address"),
        total=Use(ms=seconds * SECOND, bytes_up=up, bytes_down=down),
        delay_s=min(given.whole("Acct-Delay-Time"), LONGEST_DELAY_S),
        cause=given.word("Acct-Terminate-Cause"),
    )


def _octets(given: Given, way: str) -> int:
    """All bytes one way: the counter of 32 bits, and how often it was full."""
    size = given.whole(f"Acct-{way}-Octets") % GIGAWORD + given.whole(f"Acct-{way}-Gigawords") * GIGAWORD
    return min(size, MOST_BYTES)
