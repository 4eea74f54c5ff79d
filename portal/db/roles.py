"""Whether the role that serves is one that PostgreSQL keeps from other tenants' rows (R6)."""

from __future__ import annotations

from portal.db.opening import at_once
from portal.place import Server
from portal.schema import TENANT_TABLES
from portal.units import Unit, drive, one, rows


def sees_too_much(server: Server) -> str | None:
    """Why this role must not serve; None when it may."""
    with at_once(server) as run:
        return drive(_why(), None, run)


def sees_everything(server: Server) -> bool:
    """Whether this role is one that PostgreSQL keeps from nobody's rows: the platform's."""
    with at_once(server) as run:
        return bool(drive(_all_rows(), None, run))


def _all_rows() -> Unit[bool]:
    role = yield from one("SELECT rolsuper OR rolbypassrls AS everything FROM pg_roles WHERE rolname = current_user")
    return role is not None and bool(role["everything"])


def _why() -> Unit[str | None]:
    role = yield from one("SELECT rolname, rolsuper, rolbypassrls FROM pg_roles WHERE rolname = current_user")
    assert role is not None
    if role["rolsuper"] or role["rolbypassrls"]:
        return f"The role {role['rolname']} sees all tenants' rows, whatever a policy says."
    found = yield from rows(
        "SELECT c.relname AS name, pg_has_role(current_user, c.relowner, 'MEMBER') AS owned,"
        " c.relrowsecurity AND c.relforcerowsecurity AS secured,"
        " EXISTS (SELECT 1 FROM pg_policy p WHERE p.polrelid = c.oid) AS ruled"
        " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE c.relkind = 'r' AND n.nspname = 'public' ORDER BY c.relname"
    )
    for row in found:
        if row["owned"]:
            return f"The role {role['rolname']} owns the table {row['name']}, so it could take its rules away."
        if row["name"] in TENANT_TABLES and not (row["secured"] and row["ruled"]):
            return f"The table {row['name']} does not keep tenants apart; run: bando migrate."
    return None
