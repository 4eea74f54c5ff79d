"""Bringing a database to the present schema, and writing a new migration from a changed `schema.py`."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import alembic.command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine
from sqlalchemy.exc import DBAPIError

from portal.errors import Misconfigured

HOME = Path(__file__).parent / "migrations"


@contextmanager
def _connected(database: Path) -> Iterator[Connection]:
    """A connection to the file; raises `Misconfigured` when it is no database, or cannot be opened."""
    engine = create_engine(f"sqlite:///{database}")
    try:
        with engine.connect() as connection:
            yield connection
    except (DBAPIError, sqlite3.Error) as broken:
        why = getattr(broken, "orig", None) or broken
        raise Misconfigured(f"{database} cannot be used as a database: {why}; check BANDO_DATABASE.") from broken
    finally:
        engine.dispose()


def _with_config(database: Path, act: Callable[[Config], object]) -> None:
    try:
        database.parent.mkdir(parents=True, exist_ok=True)
        _make_private(database)
    except OSError as error:
        raise Misconfigured(f"{database.parent} cannot be made: {error.strerror}; check BANDO_DATABASE.") from error
    config = Config()
    config.set_main_option("script_location", str(HOME))
    with _connected(database) as connection:
        connection.exec_driver_sql("PRAGMA journal_mode=WAL")
        config.attributes["connection"] = connection
        act(config)
        connection.commit()


def _make_private(database: Path) -> None:
    """A new database is its owner's alone; SQLite gives the same mode to the files beside it."""
    if not database.exists():
        os.close(os.open(database, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))


def migrate(database: Path) -> None:
    """Bring the database to the newest schema; makes the file if it is not there."""
    _with_config(database, lambda config: alembic.command.upgrade(config, "head"))


def revise(database: Path, message: str, number: str) -> None:
    """Write the migration `number` for what `schema.py` has and the database has not."""
    _with_config(
        database, lambda config: alembic.command.revision(config, message=message, autogenerate=True, rev_id=number)
    )


def is_current(database: Path) -> bool:
    """Whether the database has the newest schema."""
    return database.exists() and revision_of(database) == _scripts().get_current_head()


def revision_of(database: Path) -> str | None:
    """The number of the last migration that the database has seen."""
    with _connected(database) as connection:
        return MigrationContext.configure(connection).get_current_revision()


def knows(revision: str) -> bool:
    """Whether this version of Bando has the migration; a newer schema it does not know."""
    return any(each.revision == revision for each in _scripts().walk_revisions())


def _scripts() -> ScriptDirectory:
    config = Config()
    config.set_main_option("script_location", str(HOME))
    return ScriptDirectory.from_config(config)
