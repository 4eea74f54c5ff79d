"""Words and sentences of the binary API, as values: bytes in, lists of words out.

A word is a length and so many bytes; a sentence is words closed by an empty word. Text travels as
UTF-8; bytes that are none survive both ways as lone surrogates (old comments hold Windows-125x).
"""

from __future__ import annotations

from collections.abc import Iterable

Sentence = list[str]


class BrokenFraming(Exception):
    """A reserved control byte came where a length should be."""


def encode_length(length: int) -> bytes:
    if length < 0x80:
        return bytes((length,))
    if length < 0x4000:
        return (length | 0x8000).to_bytes(2, "big")
    if length < 0x20_0000:
        return (length | 0xC0_0000).to_bytes(3, "big")
    if length < 0x1000_0000:
        return (length | 0xE000_0000).to_bytes(4, "big")
    return b"\xf0" + length.to_bytes(4, "big")


def to_bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def to_text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def encode_sentence(words: Iterable[str]) -> bytes:
    parts = []
    for word in words:
        data = to_bytes(word)
        parts.append(bytes((len(data),)) if len(data) < 0x80 else encode_length(len(data)))
        parts.append(data)
    parts.append(b"\x00")
    return b"".join(parts)


def _length_at(data: bytearray, at: int) -> tuple[int, int] | None:
    """The length that stands at `at` and the place behind it; None while bytes are missing."""
    first = data[at]
    if first < 0x80:
        return first, at + 1
    if first >= 0xF8:
        raise BrokenFraming(f"control byte {first:#x}")
    extra = 1 if first < 0xC0 else 2 if first < 0xE0 else 3 if first < 0xF0 else 4
    if len(data) <= at + extra:
        return None
    head = first & (0x3F, 0x1F, 0x0F, 0x00)[extra - 1]
    return int.from_bytes(bytes((head,)) + data[at + 1 : at + 1 + extra], "big"), at + 1 + extra


class Decoder:
    """Takes bytes as they come and gives whole sentences; empty sentences are ignored."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._words: Sentence = []

    def feed(self, data: bytes) -> list[Sentence]:
        self._data += data
        found: list[Sentence] = []
        buffer, at = self._data, 0
        while at < len(buffer):
            head = _length_at(buffer, at)
            if head is None or len(buffer) < head[0] + head[1]:
                break
            length, start = head
            at = start + length
            if length:
                self._words.append(to_text(bytes(buffer[start:at])))
            elif self._words:
                found.append(self._words)
                self._words = []
        del buffer[:at]
        return found
