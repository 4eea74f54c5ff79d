"""Statements about routers that call."""

from __future__ import annotations

from portal.clock import Moment
from portal.units import Unit, update


def heard(router_id: int, beat: str, now: Moment, *, met: bool) -> Unit[None]:
    """It called. `met`: nothing else tells that it is there, so this is its last contact as well."""
    contact = {"last_contact_at": now, "trouble": None} if met else {}
    yield from update("routers", router_id, beat=beat, beat_at=now, **contact)


def wish(router_id: int, version: int, mark: bytes) -> Unit[None]:
    """From now on this is wished of it."""
    yield from update("routers", router_id, call_version=version, call_mark=mark)


def switch(router_id: int, sealed: bytes | None, hashed: bytes | None) -> Unit[None]:
    """It may call with this key, or not at all."""
    yield from update("routers", router_id, call_key_sealed=sealed, call_hash=hashed)
