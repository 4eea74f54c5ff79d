"""The sealed file: ``magic | salt (32) | mark of the key (16) | pieces``, each of 1 MiB sealed (see `seal.Pieces`).

What is inside is compressed: in a backup one line of JSON, the manifest, and then the bytes of the database. One piece
at a time is in memory, and nothing of a piece is given out before it is proved. A file that moves an ISP has the same
form with a key of its own (portal/moving).
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from portal.errors import Misconfigured
from portal.seal import NotOurs, Pieces

SALT, MARK, TAG = 32, 16, 16
PIECE = 1 << 20
LEVEL = 3  # of zlib: higher ones take twice the time for a twentieth of the size
LONGEST = 1 << 20  # what is taken out of the compressed stream at once


def _as_it_is(secret: bytes, _: bytes) -> bytes:
    return secret


@dataclass(frozen=True, kw_only=True)
class Form:
    """A kind of sealed file: how it begins, what it is called, and how its key comes from a secret and the salt."""

    magic: bytes
    purpose: str
    what: str
    wrong_key: str
    key: Callable[[bytes, bytes], bytes] = _as_it_is


BACKUP = Form(
    magic=b"bando-backup-1\n",
    purpose="backup",
    what="backup",
    wrong_key="BANDO_SECRET_KEY is not the key of this backup, or the beginning of the file was altered.",
)
MAGIC = BACKUP.magic


class Unusable(Misconfigured):
    """This file is no backup that can be used."""


def write(file: BinaryIO, master: bytes, parts: Iterable[bytes]) -> None:
    """Write all parts as a backup, compressed and sealed."""
    for each in sealed(BACKUP, master, parts):
        file.write(each)


def sealed(form: Form, secret: bytes, parts: Iterable[bytes]) -> Iterator[bytes]:
    """The bytes of a file that holds these parts, compressed and sealed."""
    salt = os.urandom(SALT)
    pieces = Pieces(form.key(secret, salt), form.purpose, salt)
    yield form.magic + salt + pieces.mark
    held = bytearray()
    number = 0
    for squeezed in _compressed(parts):
        held += squeezed
        while len(held) > PIECE:  # never the last one: that is sealed as such
            yield pieces.seal(number, bytes(held[:PIECE]), last=False)
            del held[:PIECE]
            number += 1
    yield pieces.seal(number, bytes(held), last=True)


def _compressed(parts: Iterable[bytes]) -> Iterator[bytes]:
    press = zlib.compressobj(LEVEL)
    for part in parts:
        yield press.compress(part)
    yield press.flush()


def read(file: BinaryIO, secret: bytes, form: Form = BACKUP) -> Iterator[bytes]:
    """What was written, in parts of up to 1 MiB; raises `Unusable` at the first thing that is not as it was sealed."""
    release = zlib.decompressobj()
    try:
        for piece in _opened(file, secret, form):
            yield from _released(release, piece)
    except (NotOurs, zlib.error):
        raise Unusable(f"The {form.what} was altered or cut off: it does not open. Take another one.") from None
    if not release.eof or release.unused_data:
        raise Unusable(f"The {form.what} is not whole: it ends too early. Take another one.")


def _released(release: zlib._Decompress, piece: bytes) -> Iterator[bytes]:
    full = True
    while piece or full:  # what was taken in may still have more to give
        part = release.decompress(piece, LONGEST)
        piece, full = release.unconsumed_tail, len(part) == LONGEST
        yield part


def _opened(file: BinaryIO, secret: bytes, form: Form) -> Iterator[bytes]:
    pieces = _begun(file, secret, form)
    number, held = 0, file.read(PIECE + TAG)
    while True:
        following = file.read(PIECE + TAG)
        yield pieces.open(number, held, last=not following)
        if not following:
            return
        number, held = number + 1, following


def _begun(file: BinaryIO, secret: bytes, form: Form) -> Pieces:
    if file.read(len(form.magic)) != form.magic:
        raise Unusable(f"This is no {form.what} of Bando, or one that a newer version made.")
    salt = file.read(SALT)
    pieces = Pieces(form.key(secret, salt), form.purpose, salt)
    if file.read(MARK) != pieces.mark:
        raise Unusable(form.wrong_key)
    return pieces
