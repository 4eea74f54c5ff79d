"""Secrets at rest (R7): sealing, keyed look-up and tokens.

A sealed value is ``2 | key's name (8) | nonce (12) | AES-256-GCM``, bound by its associated data to table, row and
column, so that a ciphertext copied to another row does not open. Its key is one of its ISP's own, so that it does not
open at another ISP either; those keys are in the database, wrapped by the master key (portal/keys). The master key
comes from the settings, never from the database. What was sealed before ISPs had keys is ``1 | nonce | AES-256-GCM``,
under the master key. Look-up of a sealed value goes by a keyed hash (`index`) that is bound to its tenant and kind.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from copy import copy
from typing import TYPE_CHECKING, NamedTuple, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from portal.errors import BandoError

if TYPE_CHECKING:
    from hashlib import _Hash as Hash

BY_MASTER = b"\x01"  # or by a key that whoever opens knows: a person's own
BY_NAME = b"\x02"
NAME = 8  # bytes of a key's name
HEAD = 1 + NAME  # bytes by which whatever is sealed says its key


class NotOurs(BandoError):
    """A sealed value does not open here: another key, row or column, or it was altered."""


def _derive(master: bytes, purpose: str) -> bytes:
    return hmac.new(master, b"bando:" + purpose.encode(), hashlib.sha256).digest()


def _keyed(key: bytes) -> tuple[Hash, Hash]:
    """The inner and the outer hash of HMAC-SHA256 after their padded key (at most 64 bytes)."""
    padded = key.ljust(64, b"\0")
    inner, outer = (hashlib.sha256(bytes(each ^ pad for each in padded)) for pad in (0x36, 0x5C))
    return inner, outer


def _seal(cipher: AESGCM, plain: bytes, place: str, head: bytes = BY_MASTER) -> bytes:
    nonce = os.urandom(12)
    return head + nonce + cipher.encrypt(nonce, plain, place.encode())


def _open(cipher: AESGCM, sealed: bytes, place: str, head: bytes = BY_MASTER) -> bytes:
    start = len(head)
    if not sealed.startswith(head) or len(sealed) < start + 28:
        raise NotOurs
    try:
        return cipher.decrypt(sealed[start : start + 12], sealed[start + 12 :], place.encode())
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


class Key(NamedTuple):
    """A key of sealing of one ISP."""

    name: bytes
    head: bytes  # what everything that it has sealed begins with
    cipher: AESGCM


def head_of(name: bytes) -> bytes:
    """What everything begins with that the key of this name has sealed."""
    return BY_NAME + name


class Keys(Protocol):
    """Where a vault finds the keys of ISPs: portal/keys/ring.py. Without an ISP it is that of the unit that runs."""

    def newest(self, tenant: int | None) -> Key | None:
        """The key that seals; None when it is not known for which ISP."""

    def named(self, name: bytes, tenant: int | None) -> Key | None:
        """The key of this name; None when this ISP has no such key."""


def new_key(name: bytes, key: bytes) -> Key:
    """A key as it is used."""
    return Key(name=name, head=head_of(name), cipher=AESGCM(key))


class Wrapping:
    """Wraps the keys of ISPs, and the root of hashes, with the master key."""

    def __init__(self, master: bytes) -> None:
        self._key = _derive(master, "wrap")

    def wrap(self, key: bytes, place: str) -> bytes:
        """A key as the database keeps it."""
        return seal_with(self._key, key, place)

    def unwrap(self, wrapped: bytes, place: str) -> bytes:
        """The reverse; raises `NotOurs`."""
        return open_with(self._key, wrapped, place)


class Vault:
    """What the root (at least 32 random bytes: the first master key) and the keys of ISPs can do.

    Without `keys` everything is sealed under the root, as before ISPs had keys.
    """

    def __init__(self, root: bytes, keys: Keys | None = None) -> None:
        self._cipher = AESGCM(_derive(root, "seal"))
        # HMAC-SHA256 as RFC 2104 has it, with its key taken in once: a guest's request asks for several.
        self._inner, self._outer = _keyed(_derive(root, "index"))
        self._router = _derive(root, "router password")
        self._keys = keys
        self._tenant: int | None = None
        self._bound: dict[int, Vault] = {}

    def of(self, tenant: int) -> Vault:
        """The same vault for this ISP, outside of its units; in a unit it is that of the unit's ISP by itself."""
        found = self._bound.get(tenant)
        if found is None:
            found = copy(self)
            found._tenant = tenant
            self._bound[tenant] = found
        return found

    def seal(self, plain: bytes | str, *, table: str, row: str, column: str) -> bytes:
        """Seal a value for one cell; `row` is the row's public name, known before it is inserted."""
        data = plain.encode() if isinstance(plain, str) else plain
        place = f"{table}|{row}|{column}"
        key = self._keys.newest(self._tenant) if self._keys else None
        return _seal(self._cipher, data, place) if key is None else _seal(key.cipher, data, place, key.head)

    def open(self, sealed: bytes, *, table: str, row: str, column: str) -> bytes:
        """Open a cell; raises `NotOurs`."""
        place = f"{table}|{row}|{column}"
        if not sealed.startswith(BY_NAME) or len(sealed) < HEAD:
            return _open(self._cipher, sealed, place)
        key = self._keys.named(sealed[1:HEAD], self._tenant) if self._keys else None
        if key is None:
            raise NotOurs
        return _open(key.cipher, sealed, place, key.head)

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
