"""What the platform does to an ISP: the change and its line in the ISP's own log, in one transaction.

The platform's log gets its line in a transaction of its own afterwards: one chain is never touched from within another.
When the process ends in between, the ISP's line is there, which names who it was.
"""

from __future__ import annotations

from collections.abc import Mapping

from portal.audit import store as audit
from portal.clock import Moment
from portal.console.support import store as windows
from portal.seal import Vault
from portal.staff import store as staff
from portal.staff.logins import store as logins
from portal.staff.store import Staff
from portal.tenancy import closing
from portal.tenancy.store import Tenant
from portal.units import Unit

WORDS = {"tenant.off": "switched off", "tenant.on": "switched on", "tenant.close": "closed"}


def switched(
    vault: Vault, tenant_id: int, act: str, actor: str, payload: Mapping[str, object], now: Moment
) -> Unit[Tenant]:
    """Off, on or closed; off and closed end all logins. Raises `Refused`."""
    found = (
        yield from closing.close(tenant_id, now)
        if act == "tenant.close"
        else closing.switch(tenant_id, act == "tenant.on")
    )
    if act != "tenant.on":
        yield from logins.end_all_logins(now)
    yield from audit.append(
        vault, actor=actor, act=act, subject=f"tenant:{found.public}", payload=dict(payload), now=now
    )
    return found


def first_owner(
    vault: Vault, email: str, name: str, language: str, actor: str, payload: Mapping[str, object], now: Moment
) -> Unit[tuple[Staff, str]]:
    """The owner of a new ISP, and the link; raises `Refused`."""
    made, link = yield from staff.invite(vault, now, email=email, name=name, role="owner", language=language)
    yield from audit.append(
        vault, actor=actor, act="staff.invite", subject=f"staff:{made.public}", payload=dict(payload), now=now
    )
    return made, link


def looked_at(now: Moment) -> Unit[tuple[int, windows.Window | None]]:
    """How many work at an ISP, and whether it lets anybody look in."""
    return (yield from staff.how_many()), (yield from windows.current(now))
