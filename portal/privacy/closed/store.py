"""The statements that erase a closed ISP, made from the table of ends; each text is a constant of ours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from portal.audit import store as audit
from portal.clock import DAY, Moment
from portal.columns import metadata
from portal.privacy.closed.ends import ENDS, GONE, KEPT, OF_THE_ISP
from portal.privacy.erasing.store import to_clean
from portal.privacy.retention import store as retention
from portal.seal import Vault
from portal.sql import any_of
from portal.tenancy import store as tenancy
from portal.units import Sql, Unit, one, rows, value

# Rows that point before those at which they point.
ORDER = [each.name for each in reversed(metadata.sorted_tables) if ENDS.get(each.name, KEPT) != KEPT]
_FIND = {
    name: f"SELECT id FROM {name} WHERE tenant_id = :tenant AND id > :after ORDER BY id LIMIT :many" for name in ORDER
}
_DELETE = {name: f"DELETE FROM {name} WHERE +tenant_id = :tenant" for name, end in ENDS.items() if end == GONE}
_CLEAR = {
    name: f"UPDATE {name} SET {end} WHERE +tenant_id = :tenant"
    for name, end in ENDS.items()
    if end not in (GONE, KEPT, "staff", "audit")
}


def find(table: str, after: int, many: int) -> Unit[list[int]]:
    """Rows of this table after this one."""
    return [row["id"] for row in (yield from rows(_FIND[table], after=after, many=many))]


def end(vault: Vault, table: str, ids: Sequence[int], now: Moment) -> Unit[None]:
    """What the table of ends says, for these rows."""
    if table == "staff":
        yield from retention.forget_staff(vault, ids)
    elif table == "audit":
        for money in (False, True):
            yield from audit.clear_some(vault, ids, before=now + 1, money=money, now=now)
    elif table in _DELETE:
        names, bound = any_of(ids)
        yield Sql(f"{_DELETE[table]} AND id IN ({names})", bound)
    else:
        yield from _clear(table, ids, now)


def _clear(table: str, ids: Sequence[int], now: Moment) -> Unit[None]:
    text = _CLEAR[table]
    more: dict[str, Any] = {"now": now} if ":now" in text else {}
    if table == "vouchers":
        yield from _free(ids)
    if ":gone" not in text:
        names, bound = any_of(ids)
        yield Sql(f"{text} AND id IN ({names})", {**more, **bound})
        return
    for each in ids:  # each has a value of its own, where no two may be alike
        yield Sql(f"{text} AND id = :id", {**more, "gone": f"gone:{table}:{each}".encode(), "id": each})


def _free(ids: Sequence[int]) -> Unit[None]:
    """Another ISP may bring such codes now."""
    names, bound = any_of(ids)
    yield Sql(
        "DELETE FROM code_owners WHERE owner = :tenant AND code_index IN (SELECT v.code_index FROM vouchers v"
        f" WHERE +v.tenant_id = :tenant AND v.id IN ({names}))",
        bound,
    )


def waits_for(now: Moment) -> Unit[str]:
    """Why it cannot be erased yet: ``hold``, ``payment``, or nothing."""
    if (yield from retention.standing(now)):
        return "hold"
    on_its_way = yield from value(
        "SELECT COUNT(*) FROM payments WHERE tenant_id = :tenant AND settled_at IS NULL AND created_at > :since",
        since=now - DAY,
    )
    return "payment" if on_its_way else ""


def finish(vault: Vault, tenant_id: int, now: Moment) -> Unit[bool]:
    """The last of it: the ISP's own row, with a line in the log of acts. False when another process did it."""
    row = yield from one(
        f"UPDATE tenants SET {OF_THE_ISP} WHERE id = :id AND erased_at IS NULL AND erase_from <= :now RETURNING public",
        id=tenant_id,
        now=now,
    )
    if row is None:
        return False
    yield Sql("DELETE FROM code_owners WHERE owner = :tenant", {})
    yield from audit.append(
        vault, actor="clock", act="tenant.erase", subject=f"tenant:{row['public']}", payload={}, now=now
    )
    yield from tenancy.bump(tenant_id)
    yield from to_clean()
    return True
