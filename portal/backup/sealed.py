"""The sealed file: ``magic | salt (32) | mark of the key (16) | pieces``, each of 1 MiB sealed (see `seal.Pieces`).

What is inside is compressed: one line of JSON, the manifest, and then the bytes of the database. One piece at a time
is in memory, and nothing of a piece is given out before it is proved.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from portal.errors import Misconfigured
from portal.seal import NotOurs, Pieces

MAGIC = b"bando-backup-1\n"
SALT, MARK, TAG = 32, 16, 16
PIECE = 1 << 20
LEVEL = 3  # of zlib: higher ones take twice the time for a twentieth of the size
LONGEST = 1 << 20  # what is taken out of the compressed stream at once
PURPOSE = "backup"


class Unusable(Misconfigured):
    """This file is no backup that can be used."""


def write(file: BinaryIO, master: bytes, parts: Iterable[bytes]) -> None:
    """Write all parts, compressed and sealed."""
    salt = os.urandom(SALT)
    pieces = Pieces(master, PURPOSE, salt)
    file.write(MAGIC + salt + pieces.mark)
    held = bytearray()
    number = 0
    for squeezed in _compressed(parts):
        held += squeezed
        while len(held) > PIECE:  # never the last one: that is sealed as such
            file.write(pieces.seal(number, bytes(held[:PIECE]), last=False))
            del held[:PIECE]
            number += 1
    file.write(pieces.seal(number, bytes(held), last=True))


def _compressed(parts: Iterable[bytes]) -> Iterator[bytes]:
    press = zlib.compressobj(LEVEL)
    for part in parts:
        yield press.compress(part)
    yield press.flush()


def read(file: BinaryIO, master: bytes) -> Iterator[bytes]:
    """What was written, in parts of up to 1 MiB; raises `Unusable` at the first thing that is not as it was sealed."""
    release = zlib.decompressobj()
    try:
        for piece in _opened(file, master):
            yield from _released(release, piece)
    except (NotOurs, zlib.error):
        raise Unusable("The backup was altered or cut off: it does not open. Take another one.") from None
    if not release.eof or release.unused_data:
        raise Unusable("The backup is not whole: it ends too early. Take another one.")


def _released(release: zlib._Decompress, piece: bytes) -> Iterator[bytes]:
    full = True
    while piece or full:  # what was taken in may still have more to give
        part = release.decompress(piece, LONGEST)
        piece, full = release.unconsumed_tail, len(part) == LONGEST
        yield part


def _opened(file: BinaryIO, master: bytes) -> Iterator[bytes]:
    pieces = _begun(file, master)
    number, held = 0, file.read(PIECE + TAG)
    while True:
        following = file.read(PIECE + TAG)
        yield pieces.open(number, held, last=not following)
        if not following:
            return
        number, held = number + 1, following


def _begun(file: BinaryIO, master: bytes) -> Pieces:
    if file.read(len(MAGIC)) != MAGIC:
        raise Unusable("This is no backup of Bando, or one that a newer version made.")
    pieces = Pieces(master, PURPOSE, file.read(SALT))
    if file.read(MARK) != pieces.mark:
        raise Unusable("BANDO_SECRET_KEY is not the key of this backup, or the beginning of the file was altered.")
    return pieces
