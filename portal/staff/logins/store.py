"""The statements of logins, and of tries to log in. Each decides nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from portal.clock import Moment
from portal.sql import any_of, numbered
from portal.units import Row, Sql, Unit, insert, one, rows, update, value


@dataclass(frozen=True, kw_only=True)
class Login:
    """One browser that is, or was, logged in."""

    id: int
    staff_id: int
    begun_at: Moment
    seen_at: Moment
    proven_at: Moment
    ended_at: Moment | None
    end_reason: str | None
    looks_at: int | None  # the ISP that somebody of the platform has been let into …
    looks_window: int | None  # … by this support window, and by no other
    address: str = field(repr=False)
    browser: str = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Failure:
    """A login that failed."""

    why: str  # password | second | state
    failed_at: Moment
    address: str = field(repr=False)
    browser: str = field(repr=False)


def _login(row: Row) -> Login:
    return Login(**{name: row[name] for name in Login.__dataclass_fields__})


# --- logins ---


def insert_login(**columns: Any) -> Unit[int]:
    return (yield from insert("logins", **columns))


def login_by_token(hashed: bytes) -> Unit[Login | None]:
    row = yield from one("SELECT * FROM logins WHERE tenant_id = :tenant AND token_hash = :hash", hash=hashed)
    return None if row is None else _login(row)


def see_login(login_id: int, now: Moment) -> Unit[None]:
    yield Sql(
        "UPDATE logins SET seen_at = :now WHERE tenant_id = :tenant AND id = :id AND ended_at IS NULL",
        {"id": login_id, "now": now},
    )


def prove_login(login_id: int, now: Moment) -> Unit[None]:
    """The password was given again."""
    yield from update("logins", login_id, proven_at=now)


def end_login(staff_id: int, login_id: int, now: Moment, reason: str = "other") -> Unit[bool]:
    """End one login of this person; False when it is no open login of theirs."""
    row = yield from one(
        "UPDATE logins SET ended_at = :now, end_reason = :reason WHERE tenant_id = :tenant AND id = :id"
        " AND staff_id = :staff_id AND ended_at IS NULL RETURNING id",
        id=login_id,
        staff_id=staff_id,
        now=now,
        reason=reason,
    )
    return row is not None


def end_logins(staff_id: int, now: Moment, reason: str = "other", but: int | None = None) -> Unit[int]:
    """End all logins of this person but one; how many were open."""
    found = yield from rows(
        "UPDATE logins SET ended_at = :now, end_reason = :reason WHERE tenant_id = :tenant AND staff_id = :staff_id"
        " AND ended_at IS NULL AND id <> :but RETURNING id",
        staff_id=staff_id,
        now=now,
        reason=reason,
        but=but or 0,
    )
    return len(found)


def look_at(login_id: int, tenant_id: int | None, window_id: int | None = None) -> Unit[None]:
    """Look into this ISP with this login, by this support window; or into none."""
    yield from update("logins", login_id, looks_at=tenant_id, looks_window=window_id)


def end_all_logins(now: Moment) -> Unit[int]:
    """End every login of this ISP; how many were open."""
    found = yield from rows(
        "UPDATE logins SET ended_at = :now, end_reason = 'tenant' WHERE tenant_id = :tenant AND ended_at IS NULL"
        " RETURNING id",
        now=now,
    )
    return len(found)


def open_logins(staff_id: int) -> Unit[list[Login]]:
    """Those that nobody has ended, the one seen last first."""
    found = yield from rows(
        "SELECT * FROM logins WHERE tenant_id = :tenant AND staff_id = :id AND ended_at IS NULL"
        " ORDER BY seen_at DESC, id DESC",
        id=staff_id,
    )
    return [_login(row) for row in found]


def ended_logins(staff_id: int, limit: int) -> Unit[list[Login]]:
    found = yield from rows(
        "SELECT * FROM logins WHERE tenant_id = :tenant AND staff_id = :id AND ended_at IS NOT NULL"
        " ORDER BY ended_at DESC, id DESC LIMIT :limit",
        id=staff_id,
        limit=limit,
    )
    return [_login(row) for row in found]


def add_failure(staff_id: int, why: str, now: Moment, address: str, browser: str) -> Unit[None]:
    """A login that failed; the same statement is run for nobody (0), so that both take as long."""
    yield Sql(
        "INSERT INTO login_failures (tenant_id, staff_id, why, failed_at, address, browser)"
        " SELECT tenant_id, id, :why, :now, :address, :browser FROM staff WHERE tenant_id = :tenant AND id = :id",
        {"id": staff_id, "why": why, "now": now, "address": address, "browser": browser},
    )


def failures(staff_id: int, limit: int) -> Unit[list[Failure]]:
    found = yield from rows(
        "SELECT * FROM login_failures WHERE tenant_id = :tenant AND staff_id = :id ORDER BY failed_at DESC, id DESC"
        " LIMIT :limit",
        id=staff_id,
        limit=limit,
    )
    return [Failure(**{name: row[name] for name in Failure.__dataclass_fields__}) for row in found]


# --- tries ---


def nth_try(bucket: str, subject: bytes, nth: int) -> Unit[Moment | None]:
    """When the nth latest try of this subject was made; None when there were fewer."""
    found: Moment | None = yield from value(
        "SELECT tried_at FROM login_tries WHERE bucket = :bucket AND subject = :subject"
        " ORDER BY tried_at DESC LIMIT 1 OFFSET :skip",
        bucket=bucket,
        subject=subject,
        skip=nth - 1,
    )
    return found


def add_tries(subjects: Mapping[str, bytes], now: Moment) -> Unit[tuple[int, ...]]:
    """A try in each of these buckets; the ids of the rows."""
    each = ", ".join(f"(:in_{n}, :by_{n}, :now)" for n in range(len(subjects)))
    found = yield Sql(
        f"INSERT INTO login_tries (bucket, subject, tried_at) VALUES {each} RETURNING id",
        {**numbered(subjects), "now": now},
    )
    return tuple(row["id"] for row in found)


_NO_TRY = -1  # the same statement runs for whoever has none, and a server takes no empty list


def move_tries(ids: Sequence[int], now: Moment) -> Unit[None]:
    marks, bound = any_of(ids or [_NO_TRY])
    yield Sql(f"UPDATE login_tries SET tried_at = :now WHERE id IN ({marks})", {"now": now, **bound})


def drop_tries(ids: Sequence[int]) -> Unit[None]:
    marks, bound = any_of(ids or [_NO_TRY])
    yield Sql(f"DELETE FROM login_tries WHERE id IN ({marks})", bound)


def drop_tries_of(bucket: str, subject: bytes) -> Unit[None]:
    yield Sql(
        "DELETE FROM login_tries WHERE bucket = :bucket AND subject = :subject", {"bucket": bucket, "subject": subject}
    )


def forget_tries(before: Moment, known_before: Moment) -> Unit[None]:
    """Tries that no limit looks at any more (R8)."""
    yield Sql(
        "DELETE FROM login_tries WHERE tried_at < :known_before OR (bucket <> 'known' AND tried_at < :before)",
        {"before": before, "known_before": known_before},
    )
