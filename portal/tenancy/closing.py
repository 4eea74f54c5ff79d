"""Switching an ISP off, on again, and closing it. Units; each counts the ISP's version up, which everything follows.

Off acts at once: guests' pages sell nothing, keepers empty the routers, open logins end. Its records stay, and whoever
may take them away still can. Passes stay in the books: by the clock they run on, and what is left comes back.
"""

from __future__ import annotations

from portal.clock import DAY, Moment
from portal.errors import Refused
from portal.tenancy import store
from portal.tenancy.store import Tenant
from portal.units import Signal, Unit

ERASE_AFTER_DAYS = 90
ERASE_AFTER_MS = ERASE_AFTER_DAYS * DAY  # from the closing; until then it can be opened again
WAKE = "closed"  # told when an ISP is to be erased at once


def must_know(tenant_id: int) -> Unit[Tenant]:
    """This ISP; raises `Refused`."""
    found = yield from store.tenant(tenant_id)
    if found is None or found.kind != "isp":
        raise Refused("not-found", status=404)
    return found


def switch(tenant_id: int, on: bool, now: Moment) -> Unit[Tenant]:
    """Off, or on again; opening again what was closed takes the date of erasing away. Raises `Refused`.

    From that date on records may be gone: then nobody opens it again.
    """
    found = yield from must_know(tenant_id)
    if not on and found.closed_at is not None:
        raise Refused("isp-closed", status=409)
    if found.active == on:
        raise Refused("isp-already", status=409)
    if found.erase_from is not None and found.erase_from <= now:
        raise Refused("isp-erased", status=409)
    yield from store.change_tenant(tenant_id, active=on, closed_at=None, erase_from=None)
    return found


def close(tenant_id: int, now: Moment) -> Unit[Tenant]:
    """Off for good; raises `Refused`."""
    found = yield from must_know(tenant_id)
    if found.closed_at is not None:
        raise Refused("isp-closed", status=409)
    yield from store.change_tenant(tenant_id, active=False, closed_at=now, erase_from=now + ERASE_AFTER_MS)
    return found


def hasten(tenant_id: int, now: Moment) -> Unit[Tenant]:
    """Erase a closed ISP now and not when its time is over: nobody opens it again. Raises `Refused`."""
    found = yield from must_know(tenant_id)
    if found.closed_at is None:
        raise Refused("isp-not-closed", status=409)
    if found.erased_at is not None or (found.erase_from is not None and found.erase_from <= now):
        raise Refused("isp-erased", status=409)
    yield from store.change_tenant(tenant_id, erase_from=now)
    yield Signal(WAKE, tenant_id)
    return found
