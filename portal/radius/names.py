"""The Class of a session: by whom and by which pass it was let in, as accounting hears it again. Pure.

A router gives back with each accounting packet what it got with the Access-Accept. Bando so finds the device and the
pass without a search. Whoever can send packets could make one up, so it ends with a keyed hash; the hash's key is the
installation's, and the tenant and the router are inside: a Class of another installation or router is none.
"""

from __future__ import annotations

import hmac
from struct import Struct
from typing import NamedTuple

from portal.seal import Vault

_LAYOUT = Struct(">cIQQ")  # version, router, device, pass
_VERSION = b"\x01"
_HASH = 12  # bytes


class Named(NamedTuple):
    """Whom a session belongs to."""

    device_id: int
    pass_id: int


def class_of(vault: Vault, tenant_id: int, router_id: int, named: Named) -> bytes:
    """The Class of a session at this router: 33 bytes."""
    plain = _LAYOUT.pack(_VERSION, router_id, named.device_id, named.pass_id)
    return plain + _hash(vault, tenant_id, plain)


def named_by(vault: Vault, tenant_id: int, router_id: int, given: bytes | None) -> Named | None:
    """Whom a Class names, that this router sent; None when it is not ours, or another router's."""
    if given is None or len(given) != _LAYOUT.size + _HASH:
        return None
    plain = given[: _LAYOUT.size]
    version, router, device_id, pass_id = _LAYOUT.unpack(plain)
    if not hmac.compare_digest(given[_LAYOUT.size :], _hash(vault, tenant_id, plain)):
        return None
    return Named(device_id, pass_id) if version == _VERSION and router == router_id else None


def _hash(vault: Vault, tenant_id: int, plain: bytes) -> bytes:
    return vault.index(tenant_id, "radius class", plain.hex())[:_HASH]
