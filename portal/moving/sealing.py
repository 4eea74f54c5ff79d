"""The sealed file of a move: the form of backups, under a key that comes from a passphrase."""

from __future__ import annotations

import hashlib

from portal.backup.sealed import Form
from portal.errors import Misconfigured

LEAST = 16  # characters: whoever has the file may guess as long as they want
_MEMORY = 1 << 27  # bytes that scrypt may take; it needs 64 MiB


def _key(passphrase: bytes, salt: bytes) -> bytes:
    """scrypt: some tenths of a second and 64 MiB for each guess."""
    return hashlib.scrypt(passphrase, salt=salt, n=1 << 16, r=8, p=1, maxmem=_MEMORY, dklen=32)


MOVE = Form(
    magic=b"bando-move-1\n",
    purpose="move",
    what="file",
    wrong_key="This is not the passphrase of the file, or the beginning of the file was altered.",
    key=_key,
)


def is_short(passphrase: str) -> bool:
    """Whether it is easy to guess."""
    return len(passphrase.strip()) < LEAST


def secret(passphrase: str) -> bytes:
    """A passphrase as it is used; raises `Misconfigured` when it cannot be."""
    try:
        return passphrase.strip().encode()
    except UnicodeEncodeError:  # what is piped in may be no UTF-8
        raise Misconfigured("The passphrase holds characters that are none.") from None
