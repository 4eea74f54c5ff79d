"""What a backup says of itself: one line of JSON at its beginning, sealed like the rest."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass

from portal.backup.copying import Say
from portal.backup.sealed import Unusable
from portal.clock import Moment

LONGEST = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """The moment of the copy, its schema, its size and digest, the rows of each table, and how many breaches it had."""

    moment: Moment
    revision: str
    size: int
    digest: str
    rows: dict[str, int]
    breaches: int

    def line(self) -> bytes:
        """As it stands in the file."""
        return json.dumps(asdict(self)).encode() + b"\n"

    @property
    def all_rows(self) -> int:
        """Rows of all tables together."""
        return sum(self.rows.values())


def split(parts: Iterator[bytes]) -> tuple[Manifest, Iterator[bytes]]:
    """The manifest at the beginning, and what follows it; raises `Unusable`."""
    head = b""
    for part in parts:
        head += part
        if b"\n" in head or len(head) > LONGEST:
            break
    line, _, rest = head.partition(b"\n")
    return _read(line), _after(rest, parts)


def _after(rest: bytes, parts: Iterator[bytes]) -> Iterator[bytes]:
    yield rest
    yield from parts


def whole(manifest: Manifest, parts: Iterator[bytes], doing: str, say: Say) -> Iterator[bytes]:
    """The parts of the database; raises `Unusable` when they are not the bytes that the manifest speaks of."""
    found, done = hashlib.sha256(), 0
    for part in parts:
        found.update(part)
        done += len(part)
        say(doing, done, manifest.size)
        yield part
    if (done, found.hexdigest()) != (manifest.size, manifest.digest):
        raise Unusable("The backup holds another database than it says. Take another one.")


def _read(line: bytes) -> Manifest:
    try:
        return Manifest(**json.loads(line))
    except (ValueError, TypeError):
        raise Unusable("The backup does not say what is in it; a newer version of Bando may have made it.") from None
