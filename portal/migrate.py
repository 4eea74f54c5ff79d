"""Bringing a database to the present schema, and writing a new migration from a changed `schema.py`."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

import alembic.command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from portal.errors import Misconfigured
from portal.migrations.secure import secure
from portal.place import Place, Server
from portal.schema import metadata

T = TypeVar("T")

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
    with _connected(database) as connection:
        connection.exec_driver_sql("PRAGMA journal_mode=WAL")
        act(_config(connection))
        connection.commit()


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(HOME))
    config.attributes["connection"] = connection
    return config


def _make_private(database: Path) -> None:
    """A new database is its owner's alone; SQLite gives the same mode to the files beside it."""
    if not database.exists():
        os.close(os.open(database, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))


def migrate(place: Place, *, app: str = "", platform: str = "") -> None:
    """Bring the database to the newest schema; makes the file if it is not there.

    A server's is brought there by the role that owns its tables; `app` and `platform` are the others.
    """
    if isinstance(place, Server):
        _on_server(place, lambda connection: _migrate_server(connection, app, platform), write=True)
    else:
        _with_config(place, lambda config: alembic.command.upgrade(config, "head"))


def _migrate_server(connection: Connection, app: str, platform: str) -> None:
    """A database without tables gets those of today at once; the first migrations were SQLite's alone."""
    connection.exec_driver_sql("SELECT pg_advisory_xact_lock(0)")  # two that migrate at once do so one after another
    if MigrationContext.configure(connection).get_current_revision() is None:
        with _links_deferred():
            metadata.create_all(connection)
        alembic.command.stamp(_config(connection), "head")
    else:
        alembic.command.upgrade(_config(connection), "head")
    secure(connection, app, platform)


@contextmanager
def _links_deferred() -> Iterator[None]:
    """Rows that refer to each other come in in any order when an ISP moves in; a file's schema stays as it is."""
    links = [link for table in metadata.tables.values() for link in table.foreign_key_constraints]
    for link in links:
        link.deferrable, link.initially = True, "IMMEDIATE"
    try:
        yield
    finally:
        for link in links:
            link.deferrable, link.initially = None, None


def revise(database: Path, message: str, number: str) -> None:
    """Write the migration `number` for what `schema.py` has and the database has not."""
    _with_config(
        database, lambda config: alembic.command.revision(config, message=message, autogenerate=True, rev_id=number)
    )


def is_current(place: Place) -> bool:
    """Whether the database has the newest schema."""
    if isinstance(place, Path) and not place.exists():
        return False
    return revision_of(place) == _scripts().get_current_head()


def revision_of(place: Place) -> str | None:
    """The number of the last migration that the database has seen."""
    if isinstance(place, Server):
        return _on_server(place, lambda connection: MigrationContext.configure(connection).get_current_revision())
    with _connected(place) as connection:
        return MigrationContext.configure(connection).get_current_revision()


def knows(revision: str) -> bool:
    """Whether this version of Bando has the migration; a newer schema it does not know."""
    return any(each.revision == revision for each in _scripts().walk_revisions())


def _scripts() -> ScriptDirectory:
    config = Config()
    config.set_main_option("script_location", str(HOME))
    return ScriptDirectory.from_config(config)


def _on_server(server: Server, act: Callable[[Connection], T], *, write: bool = False) -> T:
    """What comes of this on a connection to the server; raises `Misconfigured` when it cannot be had."""

    async def whole() -> T:
        engine = create_async_engine(
            f"postgresql+asyncpg{server.url[len(urlsplit(server.url).scheme) :]}", poolclass=NullPool
        )
        try:
            async with engine.begin() if write else engine.connect() as connection:
                return await connection.run_sync(act)
        except (SQLAlchemyError, OSError) as broken:
            why = getattr(broken, "orig", None) or broken
            raise Misconfigured(f"{server} cannot be used as a database: {why}; check DATABASE_URL.") from broken
        finally:
            await engine.dispose()

    with ThreadPoolExecutor(1) as thread:  # whoever asks may be on an event loop
        return thread.submit(asyncio.run, whole()).result()
