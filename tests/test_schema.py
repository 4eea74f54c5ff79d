"""Every table: what each column is, whose it is, and that the migrations build just this."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Boolean, Column, LargeBinary, MetaData, Table, Text, UniqueConstraint, create_engine

from portal.columns import RETENTION_DAYS, Whole, metadata, personal, plain, secret
from portal.migrate import is_current, migrate
from portal.schema import TENANT_TABLES
from tests.support import fresh_file

COLUMNS = [column for table in metadata.sorted_tables for column in table.columns]
# Tables of the installation itself; every other row belongs to a tenant (R6).
SHARED = {
    *(
        "installation",
        "tenants",
        "code_owners",
        "open_guesses",
        "staff_owners",
        "login_tries",
        "root_keys",
        "leases",
        "provider_apps",
    ),
    "bulletins",
}
# Names that would be personal data in any system; a new one must say so.
PERSONAL_WORDS = ("mac", "phone", "msisdn", "email", "payer", "address", "birth", "first_name", "last_name")
# the ISP's own, a business that every guest may reach
NOT_PERSONAL = {"tenants.support_phone", "tenants.email", "tenants.address"}


def name_of(column: Column[Any]) -> str:
    return f"{column.table.name}.{column.name}"


def untagged(column: Column[Any]) -> str | None:
    """What is missing about a column, or None."""
    info = column.info
    if info.get("data") not in ("plain", "secret", "personal"):
        return "says nothing about its data"
    if info["data"] == "personal" and not info.get("purpose"):
        return "is personal and has no purpose"
    if info["data"] == "personal" and info.get("keep") not in RETENTION_DAYS:
        return "is personal and has no retention class"
    if info["data"] == "plain" and any(word in column.name for word in PERSONAL_WORDS):
        return None if name_of(column) in NOT_PERSONAL else "has the name of a personal datum and is tagged plain"
    return None


@pytest.mark.parametrize("column", COLUMNS, ids=name_of)
def test_each_column_says_what_it_is(column: Column[Any]) -> None:
    assert untagged(column) is None


@pytest.mark.parametrize(
    "column",
    [
        Column("note", Text),
        plain("phone", Text),
        plain("guest_mac", Text),
        personal("born_at", Whole, purpose="", keep="person"),
        personal("born_at", Whole, purpose="curiosity", keep="for ever"),
    ],
    ids=["no tag", "phone as plain", "mac as plain", "no purpose", "no end"],
)
def test_a_column_that_says_nothing_would_be_noticed(column: Column[Any]) -> None:
    Table("planted", MetaData(), column)

    assert untagged(column)


@pytest.mark.parametrize("table", metadata.sorted_tables, ids=lambda table: table.name)
def test_each_row_of_a_tenant_names_its_tenant(table: Table) -> None:
    if table.name in SHARED:
        assert table.name not in TENANT_TABLES
        return

    column = table.c["tenant_id"]
    assert not column.nullable
    assert [key.target_fullname for key in column.foreign_keys] == ["tenants.id"]


@pytest.mark.parametrize("column", [c for c in COLUMNS if c.name.endswith("_sealed")], ids=name_of)
def test_what_is_sealed_is_bytes_and_no_plain_column(column: Column[Any]) -> None:
    assert isinstance(column.type, LargeBinary)
    assert column.info["data"] in ("secret", "personal")


@pytest.mark.parametrize("column", [c for c in COLUMNS if c.name.endswith(("_at", "_ms", "_minor"))], ids=name_of)
def test_moments_spans_and_money_are_64_bit_integers(column: Column[Any]) -> None:
    assert column.type is Whole


def test_no_column_is_a_float_or_a_date() -> None:
    assert {type(column.type).__name__ for column in COLUMNS} <= {
        "BigInteger",
        "Integer",
        "Text",
        "LargeBinary",
        Boolean.__name__,
    }


def test_a_secret_column_holds_bytes() -> None:
    wrong = [name_of(c) for c in COLUMNS if c.info.get("data") == "secret" and not isinstance(c.type, LargeBinary)]

    assert wrong == []
    assert secret("x").info == {"data": "secret"}


def test_no_column_keeps_a_credit_or_a_balance() -> None:
    """What somebody has left is a sum of what was booked; a number beside it could differ."""
    names = [f"{table.name}.{column.name}" for table in metadata.sorted_tables for column in table.columns]
    kept = {each for each in names if any(word in each for word in ("credit", "balance", "wallet"))}
    # M-Pesa's own limit of an account, and the account of the books to which a transfer goes.
    assert kept == {"mpesa_accounts.balance_limit_minor", "transfers.credit"}


def test_payments_are_kept_for_seven_years_at_least() -> None:
    assert RETENTION_DAYS["payment"] >= 7 * 365


@pytest.mark.parametrize(
    ("table", "columns"),
    [
        ("passes", ("tenant_id", "cause_kind", "cause_ref")),  # I2
        ("receipts", ("provider", "environment", "number")),  # I3, over all tenants
        ("receipts", ("payment_id",)),  # I3
        ("payments", ("tenant_id", "click_key")),
        ("devices", ("tenant_id", "mac")),
    ],
)
def test_what_may_be_there_once_is_held_by_a_constraint(table: str, columns: tuple[str, ...]) -> None:
    assert columns in unique(metadata.tables[table])


# --- migrations ---


def unique(table: Table) -> set[tuple[str, ...]]:
    """The columns of each unique constraint."""
    found = (each for each in table.constraints if isinstance(each, UniqueConstraint))
    return {tuple(column.name for column in each.columns) for each in found}


def differs(_: Any, __: Any, ___: Any, built: str | None, ____: Any, wanted: str | None) -> bool:
    """Defaults, compared as text; alembic alone takes '' for a change."""
    return (built or "").strip("()'") != (wanted or "").strip("'")


def difference(path: Path) -> list[Any]:
    engine = create_engine(f"sqlite:///{path}")
    try:
        with engine.connect() as connection:
            context = MigrationContext.configure(connection, opts={"compare_server_default": differs})
            return list(compare_metadata(context, metadata))
    finally:
        engine.dispose()


def test_the_migrations_build_just_this_schema(tmp_path: Path) -> None:
    path = tmp_path / "new" / "bando.db"
    migrate(path)

    assert difference(path) == []


def test_a_schema_that_differs_would_be_noticed(tmp_path: Path) -> None:
    path = fresh_file(tmp_path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("ALTER TABLE devices ADD COLUMN planted TEXT")

    assert difference(path)


def test_every_unique_constraint_is_in_the_database(tmp_path: Path) -> None:
    with closing(sqlite3.connect(fresh_file(tmp_path))) as connection:
        for table in metadata.sorted_tables:
            indexes = [row for row in connection.execute(f"PRAGMA index_list({table.name})") if row[2]]
            built = {tuple(c[2] for c in connection.execute(f"PRAGMA index_info('{row[1]}')")) for row in indexes}
            assert unique(table) <= built, table.name


def test_a_database_is_made_from_nothing_and_migrating_twice_is_harmless(tmp_path: Path) -> None:
    path = tmp_path / "var" / "bando.db"
    before = is_current(path)
    migrate(path)
    migrate(path)
    with closing(sqlite3.connect(path)) as connection:
        journal = connection.execute("PRAGMA journal_mode").fetchone()[0]

    assert (before, is_current(path), journal) == (False, True, "wal")


def test_an_empty_file_is_not_current(tmp_path: Path) -> None:
    path = tmp_path / "empty.db"
    path.touch()

    assert not is_current(path)


def test_a_new_database_is_its_owners_alone(tmp_path: Path) -> None:
    migrate(tmp_path / "new" / "bando.db")

    with closing(sqlite3.connect(tmp_path / "new" / "bando.db")) as connection:
        connection.execute("CREATE TABLE written (n)")
        modes = {path.name: oct(path.stat().st_mode & 0o777) for path in (tmp_path / "new").iterdir()}
    assert set(modes.values()) == {"0o600"}, modes
