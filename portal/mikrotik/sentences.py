"""Sentences of the router's API as values: words in, bytes out, and back (no sockets here).

The library's `encode_length` makes the prefixes. Reading is our own: in chunks, with the five-byte form, with limits.
Text is UTF-8; a byte that is not (old Winbox comments) becomes a lone surrogate, and goes back as the same byte.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple

from librouteros.protocol import encode_length

from portal.mikrotik.memory import Table

Sentence = list[str]

MAX_WORD = 1 << 20  # the longest real word is a file's content, about 61 KB
MAX_SENTENCE = 4 << 20
MAX_WORDS = 2_000
MAX_SHORT = 1 << 14  # bytes of a sentence that is taken apart at once
MAX_EMPTY = 1_000  # sentences in a row: a router sends some to keep a way open, never a stream of them


class BadSentence(Exception):
    """The router does not speak its protocol."""


def encode(words: Iterable[str]) -> bytes:
    """One sentence. An empty word would end it early, so it is a mistake of ours."""
    parts: list[bytes] = []
    for word in words:
        raw = word.encode("utf-8", "surrogateescape")
        if not raw:
            raise ValueError("a word of a sentence must not be empty")
        parts += (encode_length(len(raw)), raw)
    parts.append(b"\0")
    return b"".join(parts)


def printable(text: str) -> str:
    """The text with undecodable bytes written as ``\\xe9``, fit for logs and the database."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


class Whole(NamedTuple):
    """A sentence, and its bytes."""

    words: Sentence
    raw: bytes


class Decoder:
    """Bytes in, whole sentences out; empty sentences are dropped, as the vendor asks.

    `tables` are those whose answers are awaited: a sentence that one of them knows is not taken apart.
    """

    def __init__(self, tables: Collection[Table] = ()) -> None:
        self._buffer = bytearray()
        self._needed = 1  # do not look again before so many bytes are there
        self._words: Sentence = []
        self._size = 0
        self._empty = 0
        self._tables = tables
        self._begun = b""  # what is gone from the buffer of a sentence that has not ended

    def feed(self, data: bytes) -> list[Sentence]:
        return [each.words for each in self.pieces(data) if isinstance(each, Whole)]

    def pieces(self, data: bytes) -> Iterator[Whole | Table]:
        """Sentence by sentence, or the table that knew it; each is to be dealt with before the next is looked at."""
        buffer = self._buffer
        buffer += data
        if len(buffer) < self._needed:
            return
        position, begin, end = 0, 0, len(buffer)
        while position < end:
            if self._tables and not self._words and (found := self._again(position)):
                position += found[1]
                begin = position
                yield found[0]
                continue
            if not self._words and (short := _short(buffer, position)):
                self._empty, position = 0, position + len(short.raw)
                begin = position
                yield short
                continue
            start, length = _prefix(buffer, position, end)
            if start + length > end:
                break
            position = start + length
            if length:
                self._take(buffer[start:position].decode("utf-8", "surrogateescape"), length)
                continue
            if self._words:
                yield self._whole(buffer[begin:position])
            else:
                self._nothing()
            begin = position
        else:
            start, length = position + 1, 0
        self._begun += buffer[begin:position]
        del buffer[:position]
        self._needed = max(start + length - position, 1)

    def _again(self, position: int) -> tuple[Table, int] | None:
        """The table that has told before what begins here, and how many bytes that is."""
        for table in self._tables:
            if length := table.again(self._buffer, position):
                return table, length
        return None

    def _whole(self, rest: bytearray) -> Whole:
        made = Whole(self._words, bytes(self._begun + rest))
        self._words, self._size, self._empty, self._begun = [], 0, 0, b""
        return made

    def _nothing(self) -> None:
        self._empty += 1
        if self._empty > MAX_EMPTY:
            raise BadSentence("nothing but empty sentences")

    def _take(self, word: str, length: int) -> None:
        self._words.append(word)
        self._size += length
        if self._size > MAX_SENTENCE or len(self._words) > MAX_WORDS:
            raise BadSentence("a sentence is too long")


def _short(buffer: bytearray, begin: int) -> Whole | None:
    """The sentence that begins here, if all of it is here, in ASCII and in words of one-byte prefixes; nearly all are.

    Its end is then the first zero byte, unless a word has one in it; a prefix of more bytes is no ASCII.
    """
    raw = bytes(buffer[begin : buffer.find(0, begin, begin + MAX_SHORT) + 1])
    if len(raw) < 2 or not raw.isascii():
        return None
    text, words, position, end = raw.decode("ascii"), [], 0, len(raw) - 1
    while position < end:
        start = position + 1
        position = start + raw[position]
        words.append(text[start:position])
    return Whole(words, raw) if position == end and len(words) <= MAX_WORDS else None


def _prefix(buffer: bytearray, position: int, end: int) -> tuple[int, int]:
    """Where the word begins and how long it is; a prefix not yet complete asks for one byte beyond the end."""
    first = buffer[position]
    if first < 0x80:
        return position + 1, first
    if first >= 0xF8:
        raise BadSentence("a reserved control byte")
    more = 1 + (first >= 0xC0) + (first >= 0xE0) + (first >= 0xF0)
    start = position + 1 + more
    if start > end:
        return start, 0
    length = int.from_bytes(buffer[position + 1 : start], "big")
    if more < 4:
        length |= (first & (0x7F >> more)) << (8 * more)
    if length > MAX_WORD:
        raise BadSentence("a word is too long")
    return start, length
