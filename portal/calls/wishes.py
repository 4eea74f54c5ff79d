"""What is wished of a router, as the small text that it pulls. Pure.

The first line says whose the text is, its version and the nonce of the question; each further line is one wish,
``kind value``, of a closed list of kinds; the last line is the signature of all lines before it. No line is ever run
by the router: its script knows the kinds, and uses the values as values. It is all that is wished and not what has
changed, so that one pull makes good whatever was missed.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from portal.calls.beat import EDITION
from portal.calls.keys import CallKeys, signature

KINDS = ("pay", "page", "radius")
MOST_BYTES = 3_500  # with its signature; a variable of version 6 holds no more than 4,096
MOST_HOSTS = 24
DIGEST = 32  # hexadecimal digits by which a page is known

_HOST = re.compile(r"(?=.{1,64}\Z)[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)+", re.ASCII)
_SECRET = re.compile(r"[!-~]{1,64}", re.ASCII)
_PAGE = re.compile(r"[a-z]{1,12}\.(?:html|txt|json)", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class Wished:
    """What a router should have: payment pages open to guests, login pages by name and digest, and what it shares
    with FreeRADIUS ("": nothing)."""

    pay: tuple[str, ...] = ()
    pages: Mapping[str, str] = field(default_factory=dict)
    radius: str = field(default="", repr=False)


def content(wished: Wished, *, pages: bool) -> str:
    """The wishes alone, a line for each; whatever cannot stand in a line is left out. `pages`: also the login pages,
    for a router that can compare digests."""
    lines = [f"pay {host}" for host in sorted(filter(_HOST.fullmatch, wished.pay))[:MOST_HOSTS]]
    if pages:
        lines += [f"page {name} {known}" for name, known in wished.pages.items() if _PAGE.fullmatch(name)]
    if _SECRET.fullmatch(wished.radius):
        lines.append(f"radius {wished.radius}")
    return "".join(f"{line}\n" for line in lines)


def digest(body: bytes) -> str:
    """By which a router knows a page."""
    return hashlib.sha512(body).hexdigest()[:DIGEST]


def document(public: str, version: int, nonce: str, wishes: str, keys: CallKeys) -> str:
    """The text that is pulled, in answer to this nonce."""
    signed = f"{EDITION} {public} {version} {nonce}\n{wishes}"
    return f"{signed}end {signature(keys, signed)}"
