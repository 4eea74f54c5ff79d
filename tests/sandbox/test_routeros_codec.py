from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.routeros.codec import BrokenFraming, Decoder, encode_length, encode_sentence
from sandbox.routeros.query import any_of, matches


@pytest.mark.parametrize(
    "length, encoded",
    [  # facts/mikrotik.md 1.1
        (0, "00"),
        (0x7F, "7f"),
        (0x80, "8080"),
        (256, "8100"),
        (0x3FFF, "bfff"),
        (0x4000, "c04000"),
        (0x1FFFFF, "dfffff"),
        (0x200000, "e0200000"),
        (0x10000000, "f010000000"),
    ],
)
def test_a_length_takes_one_to_five_bytes(length: int, encoded: str) -> None:
    assert encode_length(length).hex() == encoded


def test_a_small_word_in_five_byte_form_is_accepted() -> None:
    """facts/mikrotik.md 1.1."""
    assert Decoder().feed(b"\xf0\x00\x00\x00\x05/quit\x00") == [["/quit"]]


def test_a_control_byte_is_given_up_on() -> None:
    """facts/mikrotik.md 1.1."""
    with pytest.raises(BrokenFraming):
        Decoder().feed(b"\xf8\x01")


def test_empty_sentences_are_ignored() -> None:
    """facts/mikrotik.md 1.1."""
    assert Decoder().feed(b"\x00\x00" + encode_sentence(["/quit"]) + b"\x00") == [["/quit"]]


_WORDS = st.lists(st.binary(min_size=1, max_size=300).map(lambda b: b.decode("utf-8", "surrogateescape")), min_size=1)


@given(sentences=st.lists(_WORDS, max_size=4), step=st.integers(1, 50))
def test_any_bytes_survive_in_any_pieces(sentences: list[list[str]], step: int) -> None:
    """facts/mikrotik.md 1.1: text is bytes, also such as are no UTF-8."""
    data = b"".join(map(encode_sentence, sentences))
    decoder, found = Decoder(), []
    for at in range(0, len(data), step):
        found += decoder.feed(data[at : at + step])
    assert found == sentences


ROW = {"name": "a", "profile": "gold", "bytes": "900", "disabled": "false", "comment": ""}


@pytest.mark.parametrize(
    "words, kept",
    [  # facts/mikrotik.md 1.5
        ([], True),
        (["?name"], True),
        (["?email"], False),
        (["?-email"], True),
        (["?-name"], False),
        (["?name=a"], True),
        (["?=name=a"], True),
        (["?name=a", "?profile=silver"], False),
        (["?name=b", "?profile=gold", "?#|"], True),
        (["?name=b", "?#!"], True),
        (["?name=a", "?profile=gold", "?#&!"], False),
        (["?<bytes=1000"], True),
        (["?>bytes=900"], False),
        (["?>comment="], False),
        (["?=disabled=no"], True),
        (["?disabled=false"], True),
        (["?name=b", "?name=a", "?#1"], False),
        (["?name=b", "?name=a", "?#0"], True),
        (["?name=a", "?name=b", "?#1.|&"], True),
    ],
)
def test_a_query_is_a_stack_of_truths(words: list[str], kept: bool) -> None:
    assert matches(words, ROW) is kept


@pytest.mark.parametrize(
    "words, hint",
    [
        (["?=name=a", "?=name=b", "?#|"], ("name", {"a", "b"})),
        (["?=name=a", "?=name=b", "?#|", "?=name=c", "?#|"], ("name", {"a", "b", "c"})),
        (["?=name=a", "?=name=b"], None),  # and
        (["?=name=a", "?=name=b", "?#&"], None),
        (["?=name=a", "?=profile=b", "?#|"], None),
        (["?=name=a", "?<name=b", "?#|"], None),
        (["?=disabled=yes", "?=disabled=true", "?#|"], None),  # two spellings of one value
        ([], None),
    ],
)
def test_one_of_several_values_can_be_looked_up(words: list[str], hint: tuple[str, set[str]] | None) -> None:
    assert any_of(words) == (hint and (hint[0], frozenset(hint[1])))
