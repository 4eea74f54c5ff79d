"""Bringing a database to the present schema, and writing a new migration from a changed `schema.py`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import alembic.command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine

HOME = Path(__file__).parent / "migrations"


def _with_config(database: Path, act: Callable[[Config], object]) -> None:
    database.parent.mkdir(parents=True, exist_ok=True)
    config = Config()
    config.set_main_option("script_location", str(HOME))
    engine = create_engine(f"sqlite:///{database}")
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA journal_mode=WAL")
            config.attributes["connection"] = connection
            act(config)
            connection.commit()
    finally:
        engine.dispose()


def migrate(database: Path) -> None:
    """Bring the database to the newest schema; makes the file if it is not there."""
    _with_config(database, lambda config: alembic.command.upgrade(config, "head"))


def revise(database: Path, message: str) -> None:
    """Write a migration for what `schema.py` has and the database has not."""
    _with_config(database, lambda config: alembic.command.revision(config, message=message, autogenerate=True))


def is_current(database: Path) -> bool:
    """Whether the database has the newest schema."""
    if not database.exists():
        return False
    config = Config()
    config.set_main_option("script_location", str(HOME))
    newest = ScriptDirectory.from_config(config).get_current_head()
    engine = create_engine(f"sqlite:///{database}")
    try:
        with engine.connect() as connection:
            return MigrationContext.configure(connection).get_current_revision() == newest
    finally:
        engine.dispose()
