"""The statements of the audit page: a page of the log, and the names of who and what it speaks of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from portal.audit import store as audit
from portal.staff import store as staff
from portal.staff.store import Staff
from portal.units import Row, Unit

PAGE = 50


@dataclass(frozen=True, kw_only=True)
class Page:
    """Acts, newest first, one more than are shown if there are more; and everybody who works or worked here."""

    acts: Sequence[Row]
    staff: Mapping[str, Staff]  # by public name


def page(before: int | None, act: str, actor: str) -> Unit[Page]:
    acts = yield from audit.page(before, PAGE + 1, act, actor)
    return Page(acts=acts, staff={each.public: each for each in (yield from staff.all_staff())})
