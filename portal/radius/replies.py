"""What Bando answers: an allowance in the attributes of MikroTik, or a reason in words. Pure.

`rlm_rest` takes ``{"reply:Name": {"do_xlat": false, "value": […]}, …}``, and a bare number. Without `do_xlat`
FreeRADIUS would look for commands of its own in a text.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from json.encoder import encode_basestring

from portal.access.allowance import Allowance
from portal.access.record import IDLE_MS
from portal.clock import SECOND
from portal.mikrotik.values import Rate, rate_limit

Value = str | int

INTERIM_S = 300  # between two accounting packets of a session; below 60 a router would be rude (RFC 2869)
LONGEST = 253  # bytes of a text in an attribute
_GIGAWORD = 2**32


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """An HTTP answer to FreeRADIUS: 200 with attributes, 401 with a reason, 204 without anything to say.

    404: nobody with this name. 5xx: ask again; FreeRADIUS then stays silent towards the router.
    """

    status: int = 204
    attributes: Mapping[str, Value] | None = None

    @property
    def body(self) -> bytes:
        """As `rlm_rest` reads it."""
        if not self.attributes:
            return b""
        return f"{{{','.join(_said(name, each) for name, each in self.attributes.items())}}}".encode()


def _said(name: str, value: Value) -> str:
    """Put together by hand: names are our own, and a general encoder takes longer than all the rest of an answer."""
    if isinstance(value, int):
        return f'"{name}":{value}'
    return f'"{name}":{{"do_xlat":false,"value":[{encode_basestring(value)}]}}'


def accept(allowed: Allowance, *, class_: bytes, ports: int) -> Answer:
    """Yes: until when, how fast, how much. `ports`: how many devices may use the same name at once."""
    found: dict[str, Value] = {
        "control:Auth-Type": "Accept",
        "reply:Session-Timeout": max(1, allowed.seconds),  # 0 would be for ever
        "reply:Acct-Interim-Interval": INTERIM_S,
        "reply:Port-Limit": ports,
        "reply:Class": f"0x{class_.hex()}",
    }
    if rate := rate_limit(Rate(up=allowed.rate_up, down=allowed.rate_down)):
        found["reply:Mikrotik-Rate-Limit"] = rate
    if allowed.bytes is not None:
        found |= _total(allowed.bytes)
    if allowed.kind == "used":
        found["reply:Idle-Timeout"] = IDLE_MS // SECOND
    return Answer(status=200, attributes=found)


def _total(size: int) -> dict[str, Value]:
    """How many bytes in two numbers; the lower one is never 0, which alone would mean no limit."""
    size = max(1, size if size % _GIGAWORD else size - 1)
    high, low = divmod(size, _GIGAWORD)
    found: dict[str, Value] = {"reply:Mikrotik-Total-Limit": low}
    return found | {"reply:Mikrotik-Total-Limit-Gigawords": high} if high else found


def reject(words: str) -> Answer:
    """No, and why: the router shows it on its login page."""
    text = words.encode()[:LONGEST].decode(errors="ignore")
    return Answer(status=401, attributes={"reply:Reply-Message": text})
