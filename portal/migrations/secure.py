"""What a PostgreSQL database has beside its tables: row-level security, roles, and acts that stay as they were written.

Run after each migration; each statement may be run again.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection, text

from portal.errors import Misconfigured
from portal.schema import TENANT_TABLES, metadata

OWN = "tenant_id = nullif(current_setting('app.tenant_id', true), '')::bigint"

# See migration 0003, which says the same to SQLite.
_STAY = """
CREATE OR REPLACE FUNCTION bando_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'what was done stays as it was written' USING ERRCODE = 'integrity_constraint_violation';
END $$
"""
_TRIGGERS = {
    "audit_stays": (
        "BEFORE UPDATE OF id, tenant_id, number, at, actor, act, subject, payload_digest, chain, money ON audit"
        " FOR EACH ROW"
    ),
    "audit_payload_stays": "BEFORE UPDATE OF payload ON audit FOR EACH ROW WHEN (NEW.payload IS NOT NULL)",
    "audit_is_kept": "BEFORE DELETE ON audit FOR EACH ROW",
    "audit_heads_go_on": (
        "BEFORE UPDATE ON audit_heads FOR EACH ROW"
        " WHEN (NEW.number <= OLD.number OR NEW.tenant_id <> OLD.tenant_id OR NEW.id <> OLD.id)"
    ),
    "audit_heads_are_kept": "BEFORE DELETE ON audit_heads FOR EACH ROW",
    "audit_is_not_emptied": "BEFORE TRUNCATE ON audit FOR EACH STATEMENT",
    "audit_heads_are_not_emptied": "BEFORE TRUNCATE ON audit_heads FOR EACH STATEMENT",
}


def secure(connection: Connection, app: str, platform: str) -> None:
    """Put all this into the database; `app` and `platform` are names of roles. Raises `Misconfigured`."""
    for role in {app, platform} - {""}:
        if connection.execute(text("SELECT 1 FROM pg_roles WHERE rolname = :role"), {"role": role}).first() is None:
            raise Misconfigured(f"The server has no role {role}; make it first: deploy/postgresql/roles.sql.")
    for statement in (_STAY, *_triggers(), *_row_level_security(), *_grants(connection, app, platform)):
        connection.exec_driver_sql(statement)


def _triggers() -> Iterator[str]:
    for name, when in _TRIGGERS.items():
        yield f"CREATE OR REPLACE TRIGGER {name} {when} EXECUTE FUNCTION bando_stays()"


def _row_level_security() -> Iterator[str]:
    for table in sorted(TENANT_TABLES):
        yield f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY"
        yield f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY"
        yield f"DROP POLICY IF EXISTS own_rows ON {table}"
        yield f"CREATE POLICY own_rows ON {table} USING ({OWN}) WITH CHECK ({OWN})"


def _grants(connection: Connection, app: str, platform: str) -> Iterator[str]:
    quoted = connection.dialect.identifier_preparer.quote
    for role in sorted({app, platform} - {""}):
        name = quoted(role)
        yield f"GRANT USAGE ON SCHEMA public TO {name}"
        yield f"GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {name}"
        yield f"GRANT SELECT ON alembic_version TO {name}"
        for table in sorted(metadata.tables):
            yield f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO {name}"
    if platform:
        yield f"GRANT UPDATE ON ALL SEQUENCES IN SCHEMA public TO {quoted(platform)}"
