"""What the platform owes others by the hour, for the doctor: changes nothing."""

from __future__ import annotations

from portal.clock import HOUR, Clock, Moment
from portal.db import Database
from portal.findings import Finding, fault, warning
from portal.privacy.incidents import store
from portal.privacy.incidents.clocks import DUTIES
from portal.privacy.incidents.store import Incident
from portal.tenancy import store as tenancy

MOST = 100


async def check_incidents(db: Database, clock: Clock) -> list[Finding]:
    """Incidents of the platform of which somebody still has to be told; those of ISPs are alarms of their own."""
    platform = await db.read(None, tenancy.platform)
    if platform is None:
        return []
    return [_owed(each, clock.now()) for each in await db.read(platform.id, store.owed, MOST)]


def _owed(found: Incident, now: Moment) -> Finding:
    whom = DUTIES["platform"].whom
    remedy = "Open it in the console, under Incidents, and tell them, or write down why nobody has to be told."
    if now >= found.due_at:
        hours = (now - found.due_at) // HOUR
        return fault("incident-overdue", f"Incident {found.id} should have been told to {whom} {hours} h ago.", remedy)
    hours = (found.due_at - now) // HOUR
    return warning("incident-due", f"Incident {found.id} has to be told to {whom} within {hours} h.", remedy)
