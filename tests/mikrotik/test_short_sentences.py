"""A sentence that is taken apart at once is the same as one that is taken apart word by word."""

from __future__ import annotations

from collections.abc import Callable
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.mikrotik import sentences
from portal.mikrotik.sentences import BadSentence, Decoder, Whole, encode

WORDS = st.sampled_from(["!re", "!done", "=a=", "=a=b", "=é=1", "\0", "\x03!re\0", "x" * 127, "x" * 128, "x" * 20_000])
SPOKEN = st.lists(st.lists(WORDS, max_size=4).map(encode), max_size=6).map(b"".join)
HOSTILE = st.lists(st.sampled_from([b"\0", b"\x01", b"\x02", b"\x03!re", b"\x80\x01", b"\xf0", b"\xff"])).map(b"".join)
CUTS = st.integers(1, 30_000)

Short = Callable[[bytearray, int], Whole | None]


def never(_buffer: bytearray, _begin: int) -> None:
    return None


def careless(buffer: bytearray, begin: int) -> Whole | None:
    """`_short` that takes the first zero byte for the end, without asking the words."""
    raw = bytes(buffer[begin : buffer.find(0, begin) + 1])
    return Whole([raw[1:-1].decode("utf-8", "replace")], raw) if len(raw) > 1 else None


def heard(stream: bytes, cut: int, short: Short) -> tuple[list[Whole], bool]:
    """All sentences with their bytes, and whether the decoder gave up on the stream."""
    decoder, found = Decoder(), list[Whole]()
    with patch.object(sentences, "_short", short):
        try:
            for at in range(0, len(stream), cut):
                found += [each for each in decoder.pieces(stream[at : at + cut]) if isinstance(each, Whole)]
        except BadSentence:
            return found, True
    return found, False


@given(stream=st.one_of(SPOKEN, HOSTILE, st.binary(max_size=200)), cut=CUTS)
def test_it_is_the_same_as_word_by_word(stream: bytes, cut: int) -> None:
    assert heard(stream, cut, sentences._short) == heard(stream, cut, never)


@pytest.mark.parametrize("words", [["!re", "=a=b"], ["!re", "\0"], ["\x03!re\0", "x"]])
def test_a_careless_one_would_be_another(words: list[str]) -> None:
    stream = encode(words)

    assert heard(stream, len(stream), careless) != heard(stream, len(stream), never)


def test_nearly_all_sentences_are_short() -> None:
    row = encode(["!re", ".tag=t0", "=.id=*1", "=name=d1", "=bytes-in=20000"])

    assert sentences._short(bytearray(row), 0) is not None
    assert sentences._short(bytearray(row[:-1]), 0) is None, "its end is not here yet"
    assert sentences._short(bytearray(encode(["!re", "=comment=é"])), 0) is None
