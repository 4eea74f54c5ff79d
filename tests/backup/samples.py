"""Backups for tests: made from a database with an ISP in it."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from portal.backup.make import Made, make
from portal.backup.restore import Restored, restore
from portal.clock import Moment
from tests.support import MASTER

NOW: Moment = 1_795_900_000_000


def silent(_: str, done: int, whole: int) -> None:
    """Tells nobody how far it is."""


def backed_up(database: Path, folder: Path, now: Moment = NOW) -> Made:
    folder.mkdir(exist_ok=True)
    return make(database, folder, MASTER, now, silent)


def put_back(
    file: Path,
    place: Path,
    *,
    key: bytes = MASTER,
    replace: bool = False,
    breached: bool = False,
    erased: Sequence[Path] = (),
) -> Restored:
    return restore(file, place, key, NOW, silent, replace=replace, breached=breached, erased=erased)


def count(database: Path, text: str) -> int:
    """The first number of a statement."""
    with closing(sqlite3.connect(database)) as connection:
        return int(connection.execute(text).fetchone()[0])


def change(database: Path, text: str) -> None:
    with closing(sqlite3.connect(database)) as connection:
        connection.execute(text)
        connection.commit()


def names(folder: Path) -> set[str]:
    return {each.name for each in folder.iterdir()}
