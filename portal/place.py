"""Where the records are: a file of SQLite, or a database of a PostgreSQL server."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeAlias
from urllib.parse import unquote, urlsplit, urlunsplit

from portal.errors import Misconfigured

SCHEMES = ("postgresql", "postgres")


@dataclass(frozen=True)
class Server:
    """``postgresql://bando_app:…@host:5432/bando``; `libpq` reads the same."""

    url: str = field(repr=False)  # it may hold a password (R7)

    def __str__(self) -> str:
        """The address without its password."""
        parts = urlsplit(self.url)
        user, at, host = parts.netloc.rpartition("@")
        return urlunsplit((parts.scheme, f"{user.partition(':')[0]}{at}{host}", parts.path, parts.query, ""))

    @property
    def user(self) -> str:
        """The role that it is used as."""
        return unquote(urlsplit(self.url).username or "")

    @property
    def database(self) -> str:
        """The name of the database on its server."""
        return urlsplit(self.url).path.lstrip("/")

    def named(self, database: str) -> Server:
        """Another database of this server."""
        return replace(self, url=urlunsplit(urlsplit(self.url)._replace(path=f"/{database}")))


Place: TypeAlias = Path | Server


def server_at(url: str, said_by: str) -> Server:
    """The server at this address; raises `Misconfigured`."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in SCHEMES and len(parts.path) > 1 and (parts.port or 1) > 0
    except ValueError:
        usable = False
    if not usable:
        raise Misconfigured(f"{said_by} must look like postgresql://bando_app:password@127.0.0.1:5432/bando.")
    return Server(url)
