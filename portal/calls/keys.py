"""The key of a router that calls: from one secret come the token that it sends and the two keys that it never sends.

RouterOS has SHA-512 from 7.12 on and no HMAC. The signature is built as HMAC is, of two hashes one inside the other,
with a key of its own for each, and in hexadecimal digits, since scripts of the router cannot handle bytes:
``SHA512(outer + hex(SHA512(inner + text)))``. Pure but for `new_key`.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass, field

KEY_BYTES = 32


@dataclass(frozen=True, kw_only=True)
class CallKeys:
    """What stands on the router: hexadecimal digits, 64 each."""

    token: str = field(repr=False)
    inner: str = field(repr=False)
    outer: str = field(repr=False)


def new_key() -> bytes:
    """A key for a router."""
    return secrets.token_bytes(KEY_BYTES)


def keys_of(key: bytes) -> CallKeys:
    """The token and the keys of signing; none of them tells another."""
    return CallKeys(token=_derived(key, "token"), inner=_derived(key, "inner"), outer=_derived(key, "outer"))


def _derived(key: bytes, purpose: str) -> str:
    return hmac.new(key, b"bando call:" + purpose.encode(), hashlib.sha256).hexdigest()


def signature(keys: CallKeys, text: str) -> str:
    """128 hexadecimal digits, which only whoever has the keys can make for this text."""
    inside = hashlib.sha512((keys.inner + text).encode()).hexdigest()
    return hashlib.sha512((keys.outer + inside).encode()).hexdigest()


def mark(key: bytes, content: str) -> bytes:
    """What tells one wish from another, and says nothing of it."""
    return hmac.new(key, b"bando wish:" + content.encode(), hashlib.sha256).digest()
