"""One-time logins: a name and a password with which a guest's browser finishes the login at the router (R2).

A ticket is good for one minute, for one device at one router, once. Nothing is written down when it is made: the name
says when that was, and the password is a keyed hash of it all. When it is used, the device's row remembers that
moment (`store.use_ticket`): the same ticket, and every one from before it, is then worth nothing, but for the very
session that has used it, since a router that got no answer asks again.
"""

from __future__ import annotations

import hmac
import re
import secrets
from dataclasses import dataclass
from hashlib import md5

from portal.clock import MINUTE, SECOND, Moment
from portal.radius.packet import Chap
from portal.seal import Vault

GOOD_MS = MINUTE
EARLY_MS = 5 * SECOND  # a clock of another machine of ours may be ahead by so much
_NAME = re.compile(r"once-([0-9a-f]{12})-([0-9a-f]{16})")


@dataclass(frozen=True, kw_only=True, slots=True)
class Ticket:
    """What the name of a one-time login says."""

    issued_at: Moment
    nonce: str

    @property
    def name(self) -> str:
        return f"once-{self.issued_at:012x}-{self.nonce}"

    def good_at(self, now: Moment) -> bool:
        return self.issued_at - EARLY_MS <= now < self.issued_at + GOOD_MS

    def use(self, session: str) -> str:
        """By which a use of it is known: it, and the router's name of the session."""
        return f"{self.nonce} {session}"


def issue(vault: Vault, tenant_id: int, router_id: int, mac: str, now: Moment) -> tuple[str, str]:
    """A name and its password for this device at this router."""
    ticket = Ticket(issued_at=now, nonce=secrets.token_hex(8))
    return ticket.name, password_of(vault, tenant_id, router_id, mac, ticket)


def read(name: str) -> Ticket | None:
    """The ticket with this name; None when it is no name of a ticket."""
    found = _NAME.fullmatch(name)
    return None if found is None else Ticket(issued_at=int(found[1], 16), nonce=found[2])


def password_of(vault: Vault, tenant_id: int, router_id: int, mac: str, ticket: Ticket) -> str:
    """The password of a ticket in the hands of this device at this router."""
    return vault.index(tenant_id, "radius ticket", f"{router_id}|{mac}|{ticket.name}").hex()[:32]


def proven(secret: str, password: str, chap: Chap | None) -> bool:
    """Whether a login shows that it knows the secret, in clear or hashed by its router."""
    if chap is None:
        return hmac.compare_digest(secret.encode(), password.encode())
    expected = md5(bytes([chap.id]) + secret.encode() + chap.challenge, usedforsecurity=False)
    return hmac.compare_digest(expected.digest(), chap.digest)
