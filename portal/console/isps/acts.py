"""What the platform does to an ISP: the change and its line in the ISP's own log, in one transaction.

The platform's log gets its line in a transaction of its own afterwards: one chain is never touched from within another.
When the process ends in between, the ISP's line is there, which names who it was.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from portal.audit import store as audit
from portal.clock import Moment
from portal.console.support import store as windows
from portal.errors import Refused
from portal.seal import Vault
from portal.staff import store as staff
from portal.staff.logins import store as logins
from portal.staff.store import Staff
from portal.tenancy import closing
from portal.tenancy.store import Tenant
from portal.units import Unit

WORDS = {
    "tenant.off": "switched off",
    "tenant.on": "switched on",
    "tenant.close": "closed",
    "tenant.hasten": "being erased",
}
HOW = {"tenant.close": closing.close, "tenant.hasten": closing.hasten}


def switched(
    vault: Vault, tenant_id: int, act: str, actor: str, payload: Mapping[str, object], now: Moment
) -> Unit[Tenant]:
    """Off, on, closed, or erased at once; all but on end its logins. Raises `Refused`."""
    found = yield from (HOW[act](tenant_id, now) if act in HOW else closing.switch(tenant_id, act == "tenant.on", now))
    if act != "tenant.on":
        yield from logins.end_all_logins(now)
    yield from audit.append(
        vault, actor=actor, act=act, subject=f"tenant:{found.public}", payload=dict(payload), now=now
    )
    return found


def first_owner(
    vault: Vault, email: str, name: str, language: str, actor: str, payload: Mapping[str, object], now: Moment
) -> Unit[tuple[Staff, str]]:
    """The owner of an ISP that nobody can log in to yet, and the link; raises `Refused`.

    Once an owner is in, only owners make owners: the platform does not let itself in.
    """
    if (yield from staff.owners_in()):
        raise Refused("isp-has-owner", status=409)
    known = yield from staff.account_by_email(staff.email_index(vault, email))
    if known is not None and (known.staff.role, known.staff.state) == ("owner", "invited"):
        made, link = known.staff, (yield from staff.invite_again(known.staff.id, now))
    else:
        made, link = yield from staff.invite(vault, now, email=email, name=name, role="owner", language=language)
    yield from audit.append(
        vault, actor=actor, act="staff.invite", subject=f"staff:{made.public}", payload=dict(payload), now=now
    )
    return made, link


@dataclass(frozen=True, kw_only=True)
class Outside:
    """What the platform knows of an ISP: how many work there, owners who are in, and its support window."""

    people: int
    owners: int
    window: windows.Window | None


def looked_at(now: Moment) -> Unit[Outside]:
    """An ISP from outside."""
    return Outside(
        people=(yield from staff.how_many()),
        owners=(yield from staff.owners_in()),
        window=(yield from windows.current(now)),
    )


def nothing() -> Unit[None]:
    """The change is made elsewhere; only the platform's line is to be written."""
    return
    yield
