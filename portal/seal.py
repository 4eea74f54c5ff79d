"""Secrets at rest (R7): sealing, keyed look-up and tokens.

A sealed value is ``key id (1) | nonce (12) | AES-256-GCM``, bound by its associated data to table, row and
column, so that a ciphertext copied to another row does not open. The key comes from the settings, never from
the database. Look-up of a sealed value goes by a keyed hash (`index`) that is bound to its tenant and kind.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from portal.errors import BandoError

if TYPE_CHECKING:
    from hashlib import _Hash as Hash

_VERSION = b"\x01"


class NotOurs(BandoError):
    """A sealed value does not open here: another key, row or column, or it was altered."""


def _derive(master: bytes, purpose: str) -> bytes:
    return hmac.new(master, b"bando:" + purpose.encode(), hashlib.sha256).digest()


def _keyed(key: bytes) -> tuple[Hash, Hash]:
    """The inner and the outer hash of HMAC-SHA256 after their padded key (at most 64 bytes)."""
    padded = key.ljust(64, b"\0")
    inner, outer = (hashlib.sha256(bytes(each ^ pad for each in padded)) for pad in (0x36, 0x5C))
    return inner, outer


def _seal(cipher: AESGCM, plain: bytes, place: str) -> bytes:
    nonce = os.urandom(12)
    return _VERSION + nonce + cipher.encrypt(nonce, plain, place.encode())


def _open(cipher: AESGCM, sealed: bytes, place: str) -> bytes:
    if sealed[:1] != _VERSION or len(sealed) < 29:
        raise NotOurs
    try:
        return cipher.decrypt(sealed[1:13], sealed[13:], place.encode())
    except InvalidTag:
        raise NotOurs from None


def seal_with(key: bytes, plain: bytes, place: str) -> bytes:
    """`plain` sealed under `key` (32 bytes) and bound to `place`."""
    return _seal(AESGCM(key), plain, place)


def open_with(key: bytes, sealed: bytes, place: str) -> bytes:
    """The reverse of `seal_with`; raises `NotOurs`."""
    return _open(AESGCM(key), sealed, place)


class Pieces:
    """Seals one long thing in pieces, under a key of its own that comes from the master key and a new `salt`.

    The nonce of a piece is its number and whether it is the last one: none can be left out, moved or cut off.
    """

    def __init__(self, master: bytes, purpose: str, salt: bytes) -> None:
        key = _derive(_derive(master, purpose), salt.hex())
        self._cipher = AESGCM(_derive(key, "pieces"))
        self.mark = _derive(key, "mark")[:16]  # tells a wrong key from an altered piece

    def seal(self, number: int, plain: bytes, *, last: bool) -> bytes:
        """The piece with this number, 16 bytes longer."""
        return self._cipher.encrypt(_nonce(number, last), plain, None)

    def open(self, number: int, sealed: bytes, *, last: bool) -> bytes:
        """The reverse of `seal`; raises `NotOurs`."""
        try:
            return self._cipher.decrypt(_nonce(number, last), sealed, None)
        except (InvalidTag, ValueError):
            raise NotOurs from None


def _nonce(number: int, last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes([last])


class Vault:
    """What one master key (at least 32 random bytes) can do."""

    def __init__(self, master: bytes) -> None:
        self._cipher = AESGCM(_derive(master, "seal"))
        # HMAC-SHA256 as RFC 2104 has it, with its key taken in once: a guest's request asks for several.
        self._inner, self._outer = _keyed(_derive(master, "index"))
        self._router = _derive(master, "router password")

    def seal(self, plain: bytes | str, *, table: str, row: str, column: str) -> bytes:
        """Seal a value for one cell; `row` is the row's public name, known before it is inserted."""
        data = plain.encode() if isinstance(plain, str) else plain
        return _seal(self._cipher, data, f"{table}|{row}|{column}")

    def open(self, sealed: bytes, *, table: str, row: str, column: str) -> bytes:
        """Open a cell; raises `NotOurs`."""
        return _open(self._cipher, sealed, f"{table}|{row}|{column}")

    def index(self, tenant: int, kind: str, value: str) -> bytes:
        """Keyed hash for looking a value up inside one tenant (0: the whole installation)."""
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(f"{tenant}|{kind}|{value}".encode())
        outer.update(inner.digest())
        return outer.digest()

    def path_token(self, tenant_public: str, kind: str, name: str) -> str:
        """The token of an address at which something of the tenant is told; made again whenever it is wanted (R6)."""
        return f"{tenant_public}.{self.index(0, kind, name).hex()[:32]}"

    def router_password(self, router: str, device: int) -> str:
        """The hotspot password of a device at a router; derived, never read back (design 3b)."""
        message = f"{router}|{device}".encode()
        return hmac.new(self._router, message, hashlib.sha256).hexdigest()[:32]


def new_token(owner: str, *, size: int = 16) -> str:
    """A public token ``owner.<hex>``: begins with its tenant's public id (R6), ≥ 128 bits, hex only."""
    return f"{owner}.{secrets.token_hex(size)}"


def token_hash(token: str) -> bytes:
    """What the database keeps of a token (R7)."""
    return hashlib.sha256(token.encode()).digest()


def new_public(size: int = 6) -> str:
    """A short random public name: lower-case hex, so that no forbidden word can occur in a URL."""
    return secrets.token_hex(size)
