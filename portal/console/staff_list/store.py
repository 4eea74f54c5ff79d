"""The statements of the staff pages."""

from __future__ import annotations

from dataclasses import dataclass

from portal.clock import Moment
from portal.staff import store as staff
from portal.staff.store import Staff
from portal.units import Unit, rows


@dataclass(frozen=True, kw_only=True)
class Member:
    """Somebody who works here, and when they last logged in."""

    staff: Staff
    last_login: Moment | None


def members() -> Unit[list[Member]]:
    """Everybody, those who can log in first."""
    found = yield from rows(
        "SELECT s.id, (SELECT MAX(l.begun_at) FROM logins l WHERE l.tenant_id = :tenant AND l.staff_id = s.id)"
        " AS last_login FROM staff s WHERE s.tenant_id = :tenant"
    )
    last = {row["id"]: row["last_login"] for row in found}
    known = yield from staff.all_staff()
    order = {"active": 0, "invited": 1, "off": 2}
    known.sort(key=lambda each: (order.get(each.state, 3), each.name.casefold()))
    return [Member(staff=each, last_login=last.get(each.id)) for each in known]


def invite_again(staff_id: int, now: Moment) -> Unit[tuple[Staff, str]]:
    """A fresh invitation, and whose it is."""
    link = yield from staff.invite_again(staff_id, now)
    return (yield from staff.must_know(staff_id)), link


def reset(staff_id: int, now: Moment) -> Unit[tuple[Staff, str]]:
    """A link that sets a new password, and whose it is."""
    link = yield from staff.reset_link(staff_id, now)
    return (yield from staff.must_know(staff_id)), link
