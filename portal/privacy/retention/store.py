"""The statements of retention, made from the table of rules; each rule's texts are constants of ours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from portal.audit import store as audit
from portal.clock import Moment
from portal.privacy.retention.rules import RULES, Rule
from portal.seal import Vault
from portal.sql import any_of
from portal.units import Row, Sql, Unit, insert, one, rows, value

_FIND = {
    rule.name: f"SELECT id FROM {rule.table} WHERE tenant_id = :tenant AND {rule.old} AND {rule.due}"
    f" AND id > :after ORDER BY {rule.by} LIMIT :many"
    for rule in RULES
}
_COUNT = {
    rule.name: f"SELECT COUNT(*) FROM {rule.table} WHERE tenant_id = :tenant AND {rule.old} AND {rule.due}"
    for rule in RULES
}
# Looked at again in the transaction that takes: a guest may have come back in between. The plus keeps the engine from
# walking through all old rows by an index of theirs, when it is told which few are meant: 860 rows/s instead of 30,000.
_TAKE = {
    rule.name: (f"UPDATE {rule.table} SET {rule.clears}" if rule.clears else f"DELETE FROM {rule.table}")
    + f" WHERE +tenant_id = :tenant AND {rule.old} AND {rule.due}"
    for rule in RULES
    if not rule.special
}
_STILL = {
    rule.name: f"SELECT id FROM {rule.table} WHERE +tenant_id = :tenant AND {rule.old} AND {rule.due}"
    for rule in RULES
    if rule.special
}
_MANY = 100_000  # days and holds of one ISP are few


def find(rule: Rule, before: Moment, many: int, after: int = 0) -> Unit[list[int]]:
    """Rows that a rule would take now, the oldest first, or those after this one; in the order in which they lie."""
    found = yield from rows(_FIND[rule.name], before=before, many=many, after=after if rule.by == "id" else 0)
    return sorted(row["id"] for row in found)


def count(rule: Rule, before: Moment) -> Unit[int]:
    """How many rows a rule would take now."""
    return int((yield from value(_COUNT[rule.name], before=before)))


def take(vault: Vault, rule: Rule, ids: Sequence[int], before: Moment, now: Moment) -> Unit[int]:
    """Delete or clear those of these rows to which the rule still applies; gives how many."""
    if not rule.special:
        names, bound = any_of(ids)
        moments = {"before": before, **({"now": now} if ":now" in rule.clears else {})}
        return len((yield from rows(f"{_TAKE[rule.name]} AND id IN ({names}) RETURNING id", **moments, **bound)))
    names, bound = any_of(ids)
    found = yield from rows(f"{_STILL[rule.name]} AND id IN ({names})", before=before, **bound)
    still = [row["id"] for row in found]
    if rule.special == "staff":
        return (yield from forget_staff(vault, still))
    money = rule.special == "acts about money"
    return (yield from audit.clear_some(vault, still, before=before, money=money, now=now))


LEFT = "Former staff"


def forget_staff(vault: Vault, ids: Sequence[int]) -> Unit[int]:
    """Former staff lose name, address and all with which they could log in; what they did stays somebody's.

    Their address may be invited again, as somebody new.
    """
    for staff_id in ids:
        row = yield from one(
            "SELECT public, email_index FROM staff WHERE tenant_id = :tenant AND id = :id", id=staff_id
        )
        assert row is not None
        yield Sql("DELETE FROM staff_owners WHERE email_index = :index", {"index": row["email_index"]})
        yield Sql("DELETE FROM recovery_codes WHERE tenant_id = :tenant AND staff_id = :id", {"id": staff_id})
        yield Sql("DELETE FROM staff_links WHERE tenant_id = :tenant AND staff_id = :id", {"id": staff_id})
        yield Sql(
            "UPDATE staff SET name = :name, email_sealed = :sealed, email_index = :index, password_hash = NULL,"
            " totp_sealed = NULL, state = 'off' WHERE tenant_id = :tenant AND id = :id",
            {
                "id": staff_id,
                "name": LEFT,
                "sealed": vault.seal(b"", table="staff", row=row["public"], column="email"),
                "index": f"left:{staff_id}".encode(),  # no hash is like it
            },
        )
    return len(ids)


# --- an ISP's own days, and holds ---


@dataclass(frozen=True, kw_only=True)
class Hold:
    """While it stands nothing of its classes is purged."""

    id: int
    classes: tuple[str, ...]
    reason: str
    placed_by: str
    since: Moment
    until: Moment | None
    lifted_by: str | None
    lifted_at: Moment | None

    def stands(self, now: Moment) -> bool:
        return self.lifted_at is None and (self.until is None or now < self.until)


def own_days() -> Unit[dict[str, int]]:
    """The days that the ISP chose, by class."""
    found = yield from rows("SELECT keep, days FROM retention WHERE tenant_id = :tenant")
    return {row["keep"]: row["days"] for row in found}


def set_days(keep: str, days: int, by: str, now: Moment) -> Unit[None]:
    yield Sql(
        "INSERT INTO retention (tenant_id, keep, days, set_by, set_at) VALUES (:tenant, :keep, :days, :by, :now)"
        " ON CONFLICT (tenant_id, keep) DO UPDATE SET days = excluded.days, set_by = excluded.set_by,"
        " set_at = excluded.set_at",
        {"keep": keep, "days": days, "by": by, "now": now},
    )


def holds() -> Unit[list[Hold]]:
    """All that were ever placed, the latest first."""
    found = yield from rows("SELECT * FROM holds WHERE tenant_id = :tenant ORDER BY id DESC LIMIT :many", many=_MANY)
    return [_hold(row) for row in found]


def standing(now: Moment) -> Unit[list[Hold]]:
    """Those that stand."""
    found = yield from rows("SELECT * FROM holds WHERE tenant_id = :tenant AND lifted_at IS NULL ORDER BY id")
    return [each for each in map(_hold, found) if each.stands(now)]


def _hold(row: Row) -> Hold:
    fields = {name: row[name] for name in Hold.__dataclass_fields__ if name != "classes"}
    return Hold(classes=tuple(row["classes"].split()), **fields)


def place(classes: Sequence[str], reason: str, by: str, until: Moment | None, now: Moment) -> Unit[int]:
    return (yield from insert("holds", classes=" ".join(classes), reason=reason, placed_by=by, since=now, until=until))


def lift(hold_id: int, by: str, now: Moment) -> Unit[bool]:
    """End a hold; False when it ended before, or is another's."""
    row = yield from one(
        "UPDATE holds SET lifted_by = :by, lifted_at = :now WHERE tenant_id = :tenant AND id = :id"
        " AND lifted_at IS NULL AND (until IS NULL OR until > :now) RETURNING id",
        id=hold_id,
        by=by,
        now=now,
    )
    return row is not None


# --- the journal ---


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run of the purge; without an end it broke off, or still goes on."""

    id: int
    kind: str
    began_by: str
    began_at: Moment
    ended_at: Moment | None
    taken: int


def begin(kind: str, by: str, now: Moment) -> Unit[int]:
    return (yield from insert("purge_runs", kind=kind, began_by=by, began_at=now))


def took(run_id: int, rule: Rule, before: Moment, taken: int, began: Moment, now: Moment) -> Unit[None]:
    """Count up what a run took by a rule."""
    yield Sql(
        "INSERT INTO purges (tenant_id, run_id, rule, keep, before, taken, began_at, ended_at)"
        " VALUES (:tenant, :run_id, :rule, :keep, :before, :taken, :began, :now)"
        " ON CONFLICT (tenant_id, run_id, rule) DO UPDATE SET taken = purges.taken + excluded.taken,"
        " ended_at = excluded.ended_at",
        {
            "run_id": run_id,
            "rule": rule.name,
            "keep": rule.keep,
            "before": before,
            "taken": taken,
            "began": began,
            "now": now,
        },
    )


def end(run_id: int, now: Moment) -> Unit[bool]:
    """End a run; False when another process has ended it."""
    row = yield from one(
        "UPDATE purge_runs SET ended_at = :now WHERE tenant_id = :tenant AND id = :id AND ended_at IS NULL"
        " RETURNING id",
        id=run_id,
        now=now,
    )
    return row is not None


def clearings() -> Unit[list[Row]]:
    """Runs that clear the log of sessions and have not ended, the oldest first."""
    found = yield from rows(
        "SELECT id, began_by, began_at FROM purge_runs WHERE tenant_id = :tenant AND kind = 'clear'"
        " AND ended_at IS NULL ORDER BY id"
    )
    return list(found)


def broke_off(before: Moment) -> Unit[Moment | None]:
    """When the first run began that has no end, of those before this moment that no later one made up for."""
    found = yield from value(
        "SELECT MIN(r.began_at) FROM purge_runs r WHERE r.tenant_id = :tenant AND r.ended_at IS NULL"
        " AND r.began_at < :before AND NOT EXISTS (SELECT 1 FROM purge_runs l WHERE l.tenant_id = :tenant"
        " AND l.kind = r.kind AND l.began_at >= r.began_at AND l.ended_at IS NOT NULL)",
        before=before,
    )
    return None if found is None else int(found)


def taken_by(run_id: int) -> Unit[dict[str, int]]:
    """What a run took, by rule."""
    found = yield from rows(
        "SELECT rule, taken FROM purges WHERE tenant_id = :tenant AND run_id = :run_id ORDER BY id", run_id=run_id
    )
    return {row["rule"]: row["taken"] for row in found}


def ended_since(moment: Moment) -> Unit[bool]:
    """Whether a run began since then, of what was too old, and came to its end."""
    found = yield from value(
        "SELECT COUNT(*) FROM purge_runs WHERE tenant_id = :tenant AND began_at >= :moment AND kind = 'daily'"
        " AND ended_at IS NOT NULL",
        moment=moment,
    )
    return bool(found)


def runs(many: int) -> Unit[list[Run]]:
    """The latest runs first."""
    found = yield from rows(
        "SELECT r.id, r.kind, r.began_by, r.began_at, r.ended_at, (SELECT COALESCE(SUM(p.taken), 0) FROM purges p"
        " WHERE p.tenant_id = :tenant AND p.run_id = r.id) AS taken FROM purge_runs r WHERE r.tenant_id = :tenant"
        " ORDER BY r.began_at DESC, r.id DESC LIMIT :many",
        many=many,
    )
    return [Run(**row) for row in found]


def steps(run_ids: Sequence[int]) -> Unit[dict[int, list[Row]]]:
    """What each of these runs took by which rule, and how long that lasted."""
    names, bound = any_of(run_ids or [0])
    found = yield from rows(
        "SELECT run_id, rule, taken, began_at, ended_at FROM purges WHERE tenant_id = :tenant"
        f" AND run_id IN ({names}) ORDER BY id",
        **bound,
    )
    by_run: dict[int, list[Row]] = {each: [] for each in run_ids}
    for row in found:
        by_run[row["run_id"]].append(row)
    return by_run
