"""A router that asks is there: written down twice a minute, as the keepers do."""

from __future__ import annotations

from portal.clock import SECOND
from portal.radius.doors import Doors
from portal.tenancy import store as tenancy
from portal.tenancy.store import Router

EVERY_MS = 30 * SECOND


async def heard(doors: Doors, router: Router) -> None:
    """Something came from this router just now."""
    now = doors.clock.now()
    if now - doors.contacts.get(router.id, 0) >= EVERY_MS:
        doors.contacts[router.id] = now
        await doors.db.write_here(router.tenant_id, tenancy.note_contact, router.id, now)
