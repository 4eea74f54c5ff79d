"""The statements of lines for staff, with what each is about as people know it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from portal import words
from portal.access import store as access
from portal.clock import Moment
from portal.errors import Refused
from portal.payments import store as payments
from portal.payments.store import Receipt
from portal.tenancy import store as tenancy
from portal.units import Row, Unit, one, rows

PAGE = 50


@dataclass(frozen=True, kw_only=True)
class Line:
    """Something that a person has to look at."""

    id: int
    kind: str
    subject: str
    detail: str
    opened_at: Moment
    about: str  # what it is about, in words
    payment_id: int | None = None
    router_id: int | None = None
    device_id: int | None = None
    receipt: Receipt | None = None


def open_page(limit: int, before: tuple[Moment, int] | None = None) -> Unit[list[Line]]:
    """Open lines, the newest first; `before` is where the page above ended."""
    at, line_id = before or (2**62, 2**62)
    found = yield from rows(
        "SELECT * FROM exceptions WHERE tenant_id = :tenant AND closed_at IS NULL"
        " AND (opened_at < :at OR (opened_at = :at AND id < :line_id)) ORDER BY opened_at DESC, id DESC LIMIT :limit",
        at=at,
        line_id=line_id,
        limit=limit,
    )
    return (yield from _lines(found))


def open_line(line_id: int) -> Unit[Line]:
    """An open line; raises `Refused`."""
    row = yield from one(
        "SELECT * FROM exceptions WHERE tenant_id = :tenant AND id = :id AND closed_at IS NULL", id=line_id
    )
    if row is None:
        raise Refused("line-closed", status=404)
    return (yield from _lines([row]))[0]


def close(line_id: int, now: Moment) -> Unit[None]:
    """Staff have seen to it; raises `Refused` when somebody else has before."""
    if not (yield from tenancy.close_exception(line_id, now)):
        raise Refused("line-closed", status=404)


def _lines(found: Sequence[Row]) -> Unit[list[Line]]:
    routers = {each.id: each.name for each in (yield from tenancy.routers())}
    lines: list[Line] = []
    for row in found:
        lines += [(yield from _line(row, routers))]
    return lines


def _line(row: Row, routers: dict[int, str]) -> Unit[Line]:
    sort, _, name = row["subject"].partition(":")
    fields = {key: row[key] for key in ("id", "kind", "subject", "detail", "opened_at")}
    if sort == "payment":
        found = yield from payments.payment_by_public(name)
        if found:
            return Line(**fields, about=f"{words.money(found.amount, 'en')} for {found.plan.name}", payment_id=found.id)
    if sort == "receipt":
        receipts = yield from payments.receipts_numbered(name)
        receipt = receipts[0] if receipts else None
        return Line(
            **fields, about=f"receipt {name}", receipt=receipt, payment_id=receipt.payment_id if receipt else None
        )
    named = re.fullmatch(r"router:([0-9]{1,18})(?::device:([0-9]{1,18}))?", row["subject"])
    if named and int(named[1]) in routers:
        return (yield from _at_router(fields, int(named[1]), routers, named[2]))
    return Line(**fields, about="the M-Pesa account" if sort == "account" else row["subject"])


def _at_router(fields: dict[str, Any], router_id: int, routers: dict[int, str], device: str | None) -> Unit[Line]:
    known = (yield from access.device(int(device))) if device else None
    about = f"{routers[router_id]}, {known.mac}" if known else routers[router_id]
    return Line(**fields, about=about, router_id=router_id, device_id=known.id if known else None)
