"""Whether processes serve from a server: some commands must be alone with the records, and no process may then begin.

Each process that serves holds a lock of the server's for as long as its connection for wake-ups lives; whoever must be
alone takes the same lock for itself. A lock ends with its connection, so a process that was killed holds none.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager

from portal.db.aside import Aside
from portal.db.connections import LOCKS
from portal.errors import Misconfigured
from portal.place import Server

SERVES = -1  # no tenant has this number
SHARE = f"SELECT pg_try_advisory_lock_shared({LOCKS}, {SERVES}) AS got"
_ALONE = f"SELECT pg_try_advisory_lock({LOCKS}, {SERVES}) AS got"


@contextmanager
def alone(server: Server) -> Iterator[None]:
    """Nobody serves from this server, nor begins to; raises `Misconfigured`."""
    with closing(Aside(server)) as aside:
        if not aside.execute(_ALONE, {})[0]["got"]:
            raise Misconfigured(f"Bando serves from {server}; stop it on every machine first.")
        yield


def must_be_free(server: Server) -> None:
    """Nobody must be alone with it now; raises `Misconfigured`."""
    with closing(Aside(server)) as aside:
        if not aside.execute(SHARE, {})[0]["got"]:
            raise Misconfigured(f"A command of Bando must be alone with {server}; let it end first.")
