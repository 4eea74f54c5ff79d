"""The Class of a session: by whom and by which pass it was let in, as accounting hears it again. Pure.

A router gives back with each accounting packet what it got with the Access-Accept. Bando so finds the device and the
pass without a search. Whoever can send packets could make one up, so it ends with a keyed hash; the hash's key is the
installation's, and the tenant and the router are inside: a Class of another installation or router is none.

It says as well when that was, which makes a session one and no other whatever its router calls it, and what the router
was told of its end and its speed (`terms`).
"""

from __future__ import annotations

import hmac
from struct import Struct
from typing import NamedTuple

from portal.clock import Moment
from portal.radius.terms import Terms
from portal.seal import Vault

_LAYOUT = Struct(">cIQQQQQQQ")  # version, router, device, pass, let in at, until, bytes, up, down
_VERSION = b"\x02"
_HASH = 12  # bytes


class Named(NamedTuple):
    """Whom a session belongs to."""

    device_id: int
    pass_id: int
    let_in_at: Moment
    terms: Terms


def class_of(vault: Vault, tenant_id: int, router_id: int, named: Named) -> bytes:
    """The Class of a session at this router: 73 bytes."""
    terms = named.terms
    limits = (terms.until, terms.bytes or 0, terms.up or 0, terms.down or 0)
    plain = _LAYOUT.pack(_VERSION, router_id, named.device_id, named.pass_id, named.let_in_at, *limits)
    return plain + _hash(vault, tenant_id, plain)


def named_by(vault: Vault, tenant_id: int, router_id: int, given: bytes | None) -> Named | None:
    """Whom a Class names, that this router sent; None when it is not ours, or another router's."""
    if given is None or len(given) != _LAYOUT.size + _HASH:
        return None
    plain = given[: _LAYOUT.size]
    version, router, device_id, pass_id, let_in_at, until, *limits = _LAYOUT.unpack(plain)
    if not hmac.compare_digest(given[_LAYOUT.size :], _hash(vault, tenant_id, plain)):
        return None
    if version != _VERSION or router != router_id:
        return None
    size, up, down = (each or None for each in limits)
    return Named(device_id, pass_id, let_in_at, Terms(until=until, bytes=size, up=up, down=down))


def _hash(vault: Vault, tenant_id: int, plain: bytes) -> bytes:
    return vault.index(tenant_id, "radius class", plain.hex())[:_HASH]
