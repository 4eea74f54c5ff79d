"""One RADIUS packet: bytes in, attributes out, and the other way; with the hashes that prove who wrote it.

RFC 2865 (requests, replies, hidden passwords), 2866 (accounting), 2869 (Message-Authenticator), 5176 (Disconnect, CoA).
"""

from __future__ import annotations

import hashlib
import hmac
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum

from sandbox.radius.words import FORMS, MIKROTIK, NAMES, Value, from_bytes, place, to_bytes

_HEAD = struct.Struct("!BBH16s")
ZERO = bytes(16)
_MARK, _VENDOR = 80, 26
MOST = 4096  # bytes of a packet


class Code(IntEnum):
    """What a packet is."""

    ACCESS_REQUEST = 1
    ACCESS_ACCEPT = 2
    ACCESS_REJECT = 3
    ACCOUNTING_REQUEST = 4
    ACCOUNTING_RESPONSE = 5
    ACCESS_CHALLENGE = 11
    STATUS_SERVER = 12
    DISCONNECT_REQUEST = 40
    DISCONNECT_ACK = 41
    DISCONNECT_NAK = 42
    COA_REQUEST = 43
    COA_ACK = 44
    COA_NAK = 45


class BadPacket(ValueError):
    """What came is no RADIUS packet, or not from somebody who knows the secret."""


Attributes = list[tuple[str, Value]]


@dataclass(frozen=True, kw_only=True)
class Packet:
    """A packet; attributes in their order. Those that `words` does not know are left out."""

    code: Code
    identifier: int
    authenticator: bytes = ZERO
    attributes: Attributes = field(default_factory=list)
    wire: bytes = field(default=b"", repr=False)  # as it came

    def get(self, name: str, default: Value | None = None) -> Value | None:
        return next((value for each, value in self.attributes if each == name), default)

    def text(self, name: str) -> str:
        return str(self.get(name, ""))

    def number(self, name: str) -> int | None:
        value = self.get(name)
        return value if isinstance(value, int) else None

    @property
    def marked(self) -> bool:
        """Whether it carries a Message-Authenticator."""
        return self.get("Message-Authenticator") is not None


def attributes_of(words: Mapping[str, Value | None] | Iterable[tuple[str, Value | None]]) -> Attributes:
    """Those that have a value."""
    pairs = words.items() if isinstance(words, Mapping) else words
    return [(name, value) for name, value in pairs if value is not None]


def _body(attributes: Attributes) -> bytes:
    return b"".join(_attribute(name, to_bytes(name, value)) for name, value in attributes)


def _attribute(name: str, data: bytes) -> bytes:
    vendor, number = place(name)
    inner = bytes((number, len(data) + 2)) + data
    if len(inner) > 249:
        raise ValueError(f"{name} is too long")
    return inner if not vendor else bytes((_VENDOR, len(inner) + 6)) + vendor.to_bytes(4, "big") + inner


def _framed(packet: Packet, authenticator: bytes, body: bytes) -> bytes:
    return _HEAD.pack(packet.code, packet.identifier, _HEAD.size + len(body), authenticator) + body


def _place_of_mark(data: bytes) -> int | None:
    """Where the 16 bytes of the Message-Authenticator begin."""
    at = _HEAD.size
    while at + 2 <= len(data):
        if data[at] == _MARK:
            return at + 2
        at += max(2, data[at + 1])
    return None


def _filled(data: bytes, secret: bytes) -> bytes:
    """The packet with its Message-Authenticator, which is counted over zeros in its own place."""
    at = _place_of_mark(data)
    return data if at is None else data[:at] + _mark(data, at, secret) + data[at + 16 :]


def _mark(data: bytes, at: int, secret: bytes) -> bytes:
    return hmac.new(secret, data[:at] + ZERO + data[at + 16 :], "md5").digest()


# -- writing -----------------------------------------------------------------------------------


def access_request(packet: Packet, secret: bytes) -> bytes:
    """An Access-Request (or Status-Server); `authenticator` is random, and hides the password."""
    return _filled(_framed(packet, packet.authenticator, _body(packet.attributes)), secret)


def signed_request(packet: Packet, secret: bytes) -> bytes:
    """An Accounting-, Disconnect- or CoA-Request, whose authenticator is counted from all of it."""
    data = _filled(_framed(packet, ZERO, _body(packet.attributes)), secret)
    return data[:4] + hashlib.md5(data + secret).digest() + data[20:]


def reply(packet: Packet, asked: bytes, secret: bytes) -> bytes:
    """The answer to a request with the authenticator `asked`."""
    data = _filled(_framed(packet, asked, _body(packet.attributes)), secret)
    return data[:4] + hashlib.md5(data + secret).digest() + data[20:]


# -- reading -----------------------------------------------------------------------------------


def read(data: bytes) -> Packet:
    """A packet of which nothing is proved yet; raises BadPacket."""
    if len(data) < _HEAD.size:
        raise BadPacket("too short")
    code, identifier, length, authenticator = _HEAD.unpack_from(data)
    if not _HEAD.size <= length <= min(len(data), MOST):
        raise BadPacket("its length is wrong")
    try:
        attributes = list(_attributes(data[_HEAD.size : length]))
        return Packet(code=Code(code), identifier=identifier, authenticator=authenticator,
                      attributes=attributes, wire=data[:length])  # fmt: skip
    except ValueError as wrong:
        raise BadPacket(str(wrong)) from wrong


def _attributes(body: bytes) -> Iterable[tuple[str, Value]]:
    for number, data in _pairs(body):
        if number == _VENDOR and int.from_bytes(data[:4], "big") == MIKROTIK:
            inside = [(MIKROTIK, inner, value) for inner, value in _pairs(data[4:])]
        else:
            inside = [(0, number, data)]
        for vendor, inner, value in inside:
            name = NAMES.get((vendor, inner))
            if name in FORMS:
                yield name, from_bytes(name, value)


def _pairs(body: bytes) -> Iterable[tuple[int, bytes]]:
    at = 0
    while at < len(body):
        if at + 2 > len(body) or not 2 <= body[at + 1] <= len(body) - at:
            raise ValueError("an attribute is cut off")
        yield body[at], body[at + 2 : at + body[at + 1]]
        at += body[at + 1]


def proves_reply(data: bytes, asked: bytes, secret: bytes) -> bool:
    """Whether the answer to the request with the authenticator `asked` is from who knows the secret."""
    expected = hashlib.md5(data[:4] + asked + data[20:] + secret).digest()
    return hmac.compare_digest(data[4:20], expected) and _mark_holds(data[:4] + asked + data[20:], secret)


def proves_request(data: bytes, secret: bytes) -> bool:
    """The same of an Accounting-, Disconnect- or CoA-Request."""
    bare = data[:4] + ZERO + data[20:]
    return hmac.compare_digest(data[4:20], hashlib.md5(bare + secret).digest()) and _mark_holds(bare, secret)


def _mark_holds(data: bytes, secret: bytes) -> bool:
    at = _place_of_mark(data)
    return at is None or hmac.compare_digest(data[at : at + 16], _mark(data, at, secret))


# -- passwords ---------------------------------------------------------------------------------


def hide(password: str, secret: bytes, authenticator: bytes) -> bytes:
    """User-Password as it travels (RFC 2865, 5.2)."""
    plain = password.encode()[:128]
    plain += bytes(-len(plain) % 16 or (0 if plain else 16))
    hidden, last = b"", authenticator
    for at in range(0, len(plain), 16):
        key = hashlib.md5(secret + last).digest()
        last = bytes(a ^ b for a, b in zip(plain[at : at + 16], key, strict=True))
        hidden += last
    return hidden


def show(hidden: bytes, secret: bytes, authenticator: bytes) -> str:
    """The password that was hidden."""
    plain, last = b"", authenticator
    for at in range(0, len(hidden), 16):
        key = hashlib.md5(secret + last).digest()
        last = hidden[at : at + 16]
        plain += bytes(a ^ b for a, b in zip(last, key, strict=False))
    return plain.rstrip(b"\0").decode("utf-8", "replace")


def chap_answer(ident: int, password: str, challenge: bytes) -> bytes:
    """The 16 bytes that prove a password without telling it."""
    return hashlib.md5(bytes((ident,)) + password.encode() + challenge).digest()
