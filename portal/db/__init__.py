"""The engines: SQLite for one machine, PostgreSQL for more than one. Both run the same units (design 5).

`open_database(place)` gives the one that fits; nothing else opens a transaction.
"""

from portal.db.base import Database, DatabaseClosed, Execute, Listener, Observe, quiet
from portal.db.connections import DatabaseAway
from portal.db.groups import executor
from portal.db.opening import at_once, open_database
from portal.db.sqlite import GROUP, Sqlite, open_connection
from portal.place import Place, Server

__all__ = [
    "GROUP",
    "Database",
    "DatabaseAway",
    "DatabaseClosed",
    "Execute",
    "Listener",
    "Observe",
    "Place",
    "Server",
    "Sqlite",
    "at_once",
    "executor",
    "open_connection",
    "open_database",
    "quiet",
]
