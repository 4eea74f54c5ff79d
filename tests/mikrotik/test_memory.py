"""A row in the same bytes as last time is not taken apart again, and whatever comes, it is read as without a memory."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from portal.mikrotik.hotspot import Hotspot
from portal.mikrotik.memory import Table, Told
from portal.mikrotik.sentences import Decoder, Whole, encode
from tests.mikrotik.scripted import Visitor, tag_of, wired

NAMES = st.sampled_from(["a", "b", "c", "d", "e", "", "é", "!re", "x" * 200, "\0", "\x03!re\x00"])
ROWS = st.lists(st.tuples(NAMES, NAMES), max_size=8)
CUTS = st.integers(1, 400)


def answer(rows: Sequence[tuple[str, str]]) -> bytes:
    return b"".join(encode(["!re", ".tag=t0", f"=name={name}", f"=more={more}"]) for name, more in rows)


def hear(decoder: Decoder, table: Table, rows: Sequence[tuple[str, str]], cut: int) -> tuple[list[Told], int]:
    """What comes of an answer that arrives in pieces, and how many of its rows were taken apart."""
    stream, taken = answer(rows), 0
    table.begin()
    for at in range(0, len(stream), cut):
        for piece in decoder.pieces(stream[at : at + cut]):
            if isinstance(piece, Whole):
                row = dict(word[1:].split("=", 1) for word in piece.words if word.startswith("="))
                table.take(piece.raw, row)
                taken += 1
    return table.end(), taken


@given(answers=st.lists(st.tuples(ROWS, CUTS), min_size=1, max_size=4))
def test_every_answer_is_read_as_without_a_memory(answers: list[tuple[list[tuple[str, str]], int]]) -> None:
    table = Table("t0")
    decoder = Decoder([table])
    for rows, cut in answers:
        told, _ = hear(decoder, table, rows, cut)
        assert [(each.row["name"], each.row["more"]) for each in told] == rows


def test_what_did_not_change_is_the_very_same_and_only_the_rest_is_taken_apart() -> None:
    table = Table("t0")
    decoder, before = Decoder([table]), [(f"n{n}", "x") for n in range(100)]
    first, taken = hear(decoder, table, before, 1 << 20)
    assert taken == 100
    after = [*before[:10], ("n10", "y"), *before[11:50], ("new", "x"), *before[52:]]  # changed, new, gone
    second, taken = hear(decoder, table, after, 1 << 20)
    assert taken <= 4
    assert [each for each in second if each in first] == [*first[:10], *first[11:50], *first[52:]]


async def test_a_table_is_the_same_with_each_reading_and_changes_with_the_router() -> None:
    spoken = [["=.id=*1", "=mac-address=02:00:00:00:00:01", "=address=10.5.50.2"]]

    async def script(visitor: Visitor) -> None:
        while (sentence := await visitor.hear()) and sentence[0] != "/quit":
            for words in spoken:
                visitor.say("!re", tag_of(sentence), *words)
            visitor.say("!done", tag_of(sentence))

    async with wired(script) as (wire, _):
        hotspot = Hotspot(wire)
        [first] = await hotspot.hosts()
        [second] = await hotspot.hosts()
        assert second is first
        spoken[0][2] = "=address=10.5.50.3"
        spoken.append(["=.id=*2", "=mac-address=02:00:00:00:00:02", "=address=10.5.50.4"])
        changed, new = await hotspot.hosts()
        assert (changed.address, new.address) == ("10.5.50.3", "10.5.50.4")
        [one] = (await hotspot.hosts())[:1]
        assert one is changed


async def test_two_readings_of_a_table_at_once_do_not_mix() -> None:
    """Their answers come row by row in turn; the second one is read without a memory."""

    async def script(visitor: Visitor) -> None:
        for _ in range(2):
            both = [tag_of(await visitor.hear()) for _ in range(2)]
            assert both[0] != both[1]
            for number in range(3):
                for tag in both:
                    visitor.say("!re", tag, f"=.id=*{number}", f"=address=10.5.50.{number}")
            for tag in both:
                visitor.say("!done", tag)
        await visitor.end()

    async with wired(script) as (wire, _):
        hotspot = Hotspot(wire)
        for _ in range(2):
            one, two = await asyncio.gather(hotspot.hosts(), hotspot.hosts())
            assert [row.address for row in one] == [row.address for row in two] == [f"10.5.50.{n}" for n in range(3)]
