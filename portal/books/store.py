"""The statements of the books. Each decides nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Literal

from portal.books.chart import KINDS
from portal.clock import Moment
from portal.spans import Span
from portal.sql import any_of
from portal.units import Row, Sql, Unit, insert, insert_new, one, rows

EVER = 1 << 62

# --- transfers ---


def add_transfer(**columns: Any) -> Unit[int | None]:
    """A new transfer; None when this fact is posted already."""
    return (yield from insert_new("transfers", **columns))


def transfer(kind: str, cause: str) -> Unit[Row | None]:
    """How this fact was posted, if it was."""
    return (
        yield from one(
            "SELECT * FROM transfers WHERE tenant_id = :tenant AND kind = :kind AND cause = :cause",
            kind=kind,
            cause=cause,
        )
    )


def sums(since: Moment, until: Moment) -> Unit[Sequence[Row]]:
    """``kind``, ``currency``, ``n``, ``minor`` and ``last`` (its moment) of what was posted from `since` to `until`."""
    marks, bound = any_of(KINDS)  # all of them: so each is one stretch of the index
    return (
        yield from rows(
            "SELECT kind, currency, COUNT(*) AS n, SUM(amount_minor) AS minor, MAX(posted_at) AS last FROM transfers"
            f" WHERE tenant_id = :tenant AND kind IN ({marks}) AND posted_at >= :since AND posted_at < :until"
            " GROUP BY kind, currency",
            since=since,
            until=until,
            **bound,
        )
    )


def sums_of(kinds: Sequence[str], since: Moment, until: Moment, currency: str) -> Unit[Sequence[Row]]:
    """``kind``, ``plan_id``, ``router_id``, ``account_id``, ``n`` and ``minor`` of these kinds."""
    marks, bound = any_of(kinds)
    return (
        yield from rows(
            "SELECT kind, plan_id, router_id, account_id, COUNT(*) AS n, SUM(amount_minor) AS minor FROM transfers"
            f" WHERE tenant_id = :tenant AND kind IN ({marks}) AND posted_at >= :since AND posted_at < :until"
            " AND currency = :currency GROUP BY kind, plan_id, router_id, account_id",
            since=since,
            until=until,
            currency=currency,
            **bound,
        )
    )


Field = Literal["plan_id", "router_id", "staff_id", "agent_id"]
_ABOUT: Mapping[Field, str] = MappingProxyType(
    {"plan_id": "plan_id", "router_id": "router_id", "staff_id": "staff_id", "agent_id": "agent_id"}
)


def sums_by(field: Field, kinds: Sequence[str], days: Span, currency: str) -> Unit[Sequence[Row]]:
    """``about`` (the plan, router, staff or agent, or None), ``kind``, ``n`` and ``minor`` of these kinds."""
    marks, bound = any_of(kinds)
    return (
        yield from rows(
            f"SELECT {_ABOUT[field]} AS about, kind, COUNT(*) AS n, SUM(amount_minor) AS minor FROM transfers"
            f" WHERE tenant_id = :tenant AND kind IN ({marks}) AND posted_at >= :since AND posted_at < :until"
            f" AND currency = :currency GROUP BY {_ABOUT[field]}, kind",
            since=days[0],
            until=days[1],
            currency=currency,
            **bound,
        )
    )


def newest(before: int, limit: int) -> Unit[Sequence[Row]]:
    """Transfers below an id, the newest first."""
    return (
        yield from rows(
            "SELECT * FROM transfers WHERE tenant_id = :tenant AND id < :before ORDER BY id DESC LIMIT :limit",
            before=before,
            limit=limit,
        )
    )


# --- drawers ---

_OPEN = "tenant_id = :tenant AND staff_id = :staff AND closing_id IS NULL AND (debit = 'cash' OR credit = 'cash')"


def drawer(staff_id: int, currency: str) -> Unit[Sequence[Row]]:
    """``kind``, ``n``, ``came`` and ``went`` of a drawer since it was last counted, and ``first_at``."""
    return (
        yield from rows(
            "SELECT kind, COUNT(*) AS n, SUM(CASE WHEN debit = 'cash' THEN amount_minor ELSE 0 END) AS came,"
            " SUM(CASE WHEN credit = 'cash' THEN amount_minor ELSE 0 END) AS went, MIN(posted_at) AS first_at"
            f" FROM transfers WHERE {_OPEN} AND currency = :currency GROUP BY kind ORDER BY kind",
            staff=staff_id,
            currency=currency,
        )
    )


def count_in(staff_id: int, closing_id: int, currency: str) -> Unit[None]:
    """All of a drawer that no cash-up has counted is counted by this one."""
    yield Sql(
        f"UPDATE transfers SET closing_id = :closing WHERE {_OPEN} AND currency = :currency",
        {"staff": staff_id, "closing": closing_id, "currency": currency},
    )


def of_closing(closing_id: int) -> Unit[Sequence[Row]]:
    """What a cash-up counted, by kind, like `drawer`."""
    return (
        yield from rows(
            "SELECT t.kind AS kind, COUNT(*) AS n, SUM(CASE WHEN t.debit = 'cash' THEN t.amount_minor ELSE 0 END)"
            " AS came, SUM(CASE WHEN t.credit = 'cash' THEN t.amount_minor ELSE 0 END) AS went FROM transfers t"
            " JOIN closings c ON c.tenant_id = t.tenant_id AND c.staff_id = t.staff_id AND c.id = t.closing_id"
            " WHERE c.tenant_id = :tenant AND c.id = :closing GROUP BY t.kind ORDER BY t.kind",
            closing=closing_id,
        )
    )


def open_drawers(currency: str) -> Unit[Sequence[Row]]:
    """``staff_id``, ``came`` and ``went`` of every drawer since it was last counted."""
    return (
        yield from rows(
            "SELECT staff_id, SUM(CASE WHEN debit = 'cash' THEN amount_minor ELSE 0 END) AS came,"
            " SUM(CASE WHEN credit = 'cash' THEN amount_minor ELSE 0 END) AS went, MIN(posted_at) AS first_at"
            " FROM transfers WHERE tenant_id = :tenant AND staff_id IS NOT NULL AND closing_id IS NULL"
            " AND (debit = 'cash' OR credit = 'cash') AND currency = :currency GROUP BY staff_id",
            currency=currency,
        )
    )


# --- cash-ups ---


def add_closing(**columns: Any) -> Unit[int]:
    return (yield from insert("closings", **columns))


def closing(closing_id: int) -> Unit[Row | None]:
    return (yield from one("SELECT * FROM closings WHERE tenant_id = :tenant AND id = :id", id=closing_id))


def last_closing(staff_id: int, currency: str) -> Unit[Row | None]:
    """The latest cash-up of a drawer."""
    return (
        yield from one(
            "SELECT * FROM closings WHERE tenant_id = :tenant AND staff_id = :staff AND currency = :currency"
            " ORDER BY number DESC LIMIT 1",
            staff=staff_id,
            currency=currency,
        )
    )


def last_number(staff_id: int) -> Unit[int]:
    found = yield from one(
        "SELECT MAX(number) AS n FROM closings WHERE tenant_id = :tenant AND staff_id = :staff", staff=staff_id
    )
    return int(found["n"] or 0) if found else 0


def closings(before: int, limit: int, staff_id: int | None = None) -> Unit[Sequence[Row]]:
    """Cash-ups below an id, the newest first; of one drawer, or of all."""
    return (
        yield from rows(
            "SELECT * FROM closings WHERE tenant_id = :tenant AND id < :before AND (:every = 1 OR staff_id = :staff)"
            " ORDER BY id DESC LIMIT :limit",
            before=before,
            limit=limit,
            every=int(staff_id is None),
            staff=staff_id or 0,
        )
    )


# --- agents ---


def agent_sums(agent_id: int, since: Moment = 0, until: Moment = EVER) -> Unit[Sequence[Row]]:
    """What `sums` gives, of what was posted about an agent."""
    return (
        yield from rows(
            "SELECT kind, currency, COUNT(*) AS n, SUM(amount_minor) AS minor, MAX(posted_at) AS last FROM transfers"
            " WHERE tenant_id = :tenant AND agent_id = :agent AND posted_at >= :since AND posted_at < :until"
            " GROUP BY kind, currency ORDER BY kind",
            agent=agent_id,
            since=since,
            until=until,
        )
    )
