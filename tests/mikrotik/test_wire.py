"""The shared connection against a router that misbehaves in every recorded way (facts/mikrotik.md 1 and 2.4)."""

from __future__ import annotations

import asyncio
import time

import pytest

from portal.errors import RouterTrap, RouterUnreachable
from portal.mikrotik import sentences
from portal.mikrotik.pace import Pace
from portal.mikrotik.sentences import BadSentence, Decoder, encode

from .scripted import Visitor, tag_of, wired


def five_bytes(word: bytes) -> bytes:
    return b"\xf0" + len(word).to_bytes(4, "big") + word


async def answer_everything(visitor: Visitor) -> None:
    while (sentence := await visitor.hear()) and sentence != ["/quit"]:
        visitor.say("!re", tag_of(sentence), f"=path={sentence[0]}")
        visitor.say("!done", tag_of(sentence))


@pytest.mark.parametrize("length", [1, 0x7F, 0x80, 0xFF, 0x100, 0x3FFF, 0x4000, 0x1FFFF])
def test_words_of_every_length_come_back(length: int) -> None:
    words = ["!re", "x" * length]

    assert Decoder().feed(encode(words)) == [words]


def test_a_stream_cut_anywhere_gives_the_same_sentences() -> None:
    expected = [["!re", "=a=" + "é" * 200, ".tag=1"], ["!done", ".tag=1"]]
    stream = b"".join(map(encode, expected)) + five_bytes(b"!done") + b"\0"

    for step in (1, 2, 3, 7, 130):
        decoder = Decoder()
        heard = [s for at in range(0, len(stream), step) for s in decoder.feed(stream[at : at + step])]
        assert heard == [*expected, ["!done"]]


def test_the_five_byte_form_is_understood_for_short_words() -> None:
    assert Decoder().feed(five_bytes(b"!done") + five_bytes(b".tag=1") + b"\0") == [["!done", ".tag=1"]]


def test_empty_sentences_are_ignored() -> None:
    assert Decoder().feed(b"\0\0" + encode(["!done"]) + b"\0") == [["!done"]]


@pytest.mark.parametrize("control", [0xF8, 0xFC, 0xFF])
def test_a_reserved_control_byte_is_given_up_on(control: int) -> None:
    with pytest.raises(BadSentence):
        Decoder().feed(bytes([control]))


def test_a_word_that_claims_gigabytes_is_refused_before_it_comes() -> None:
    with pytest.raises(BadSentence):
        Decoder().feed(b"\xf0\xff\xff\xff\xff")


def test_a_sentence_without_end_is_refused() -> None:
    decoder = Decoder()
    decoder.feed(b"\x01x" * sentences.MAX_WORDS)

    with pytest.raises(BadSentence):
        decoder.feed(b"\x01x")


def test_bytes_that_are_not_utf8_survive_the_way_there_and_back() -> None:
    raw = b"\x09=name=h\xe9\xff\0"

    [words] = Decoder().feed(raw)

    assert encode(words) == raw
    assert sentences.printable(words[0]) == "=name=h\\xe9\\xff"


def test_an_empty_word_is_a_mistake_of_ours() -> None:
    with pytest.raises(ValueError, match="empty"):
        encode(["/x", ""])


async def test_rows_come_back_as_text() -> None:
    async def script(visitor: Visitor) -> None:
        tag = tag_of(await visitor.hear())
        visitor.say("!re", "=name=123456", tag, "=comment=a=b", "=empty=")
        visitor.say("!re", tag)
        visitor.say("!done", tag)
        await visitor.end()

    async with wired(script) as (wire, _):
        rows = await wire.talk("/ip/hotspot/user/print", {".proplist": "name"}, ("?name=x",))

    assert rows == [{"name": "123456", "comment": "a=b", "empty": ""}, {}]


async def test_attributes_and_queries_are_sent_in_order_with_a_tag() -> None:
    async with wired(answer_everything) as (wire, router):
        await wire.talk("/ip/hotspot/user/print", {".proplist": "name", "detail": ""}, ("?name=x", "?#!"))

    heard = router.visitors[0].heard[1]
    assert heard[:5] == ["/ip/hotspot/user/print", "=.proplist=name", "=detail=", "?name=x", "?#!"]
    assert heard[5].startswith(".tag=")


async def test_answers_may_interleave() -> None:
    async def script(visitor: Visitor) -> None:
        first, second = tag_of(await visitor.hear()), tag_of(await visitor.hear())
        visitor.say("!re", first, "=n=1")
        visitor.say("!re", "=n=2", second)
        visitor.say("!re", first, "=n=3")
        visitor.say("!done", second)
        visitor.say("!empty", first)
        visitor.say("!done", first)
        await visitor.end()

    async with wired(script) as (wire, _):
        one, two = await asyncio.gather(wire.talk("/a/print"), wire.talk("/b/print"))

    assert (one, two) == ([{"n": "1"}, {"n": "3"}], [{"n": "2"}])


async def test_adding_returns_the_id_or_nothing() -> None:
    async def script(visitor: Visitor) -> None:
        visitor.say("!done", "=ret=*1A", tag_of(await visitor.hear()))
        visitor.say("!done", tag_of(await visitor.hear()))
        await visitor.end()

    async with wired(script) as (wire, _):
        assert await wire.add("/ip/hotspot/user", {"name": "a"}) == "*1A"
        assert await wire.add("/ip/hotspot/user", {"name": "b"}) == ""


async def test_a_refusal_collects_every_trap_and_leaves_the_connection_usable() -> None:
    async def script(visitor: Visitor) -> None:
        tag = tag_of(await visitor.hear())
        visitor.say("!trap", "=category=0", tag, "=message=no such command or directory (caps-man)")
        visitor.say("!trap", tag, "=message=no such command prefix", "=extra=1")
        visitor.say("!done", tag)
        await answer_everything(visitor)

    async with wired(script) as (wire, _):
        with pytest.raises(RouterTrap) as caught:
            await wire.talk("/caps-man/print")
        assert caught.value.message == "no such command or directory (caps-man)"
        assert caught.value.category == 0
        assert caught.value.others == ("no such command prefix",)
        assert await wire.talk("/x/print") == [{"path": "/x/print"}]


async def test_a_trap_without_message_or_with_an_odd_category_is_still_a_refusal() -> None:
    async def script(visitor: Visitor) -> None:
        tag = tag_of(await visitor.hear())
        visitor.say("!trap", tag, "=category=many")
        visitor.say("!done", tag)
        await visitor.end()

    async with wired(script) as (wire, _):
        with pytest.raises(RouterTrap, match="no reason") as caught:
            await wire.talk("/x/print")
        assert caught.value.category is None


async def lost(script: object, *, timeout_s: float = 5) -> str:
    """What a caller hears, and that everyone else on the connection hears it too."""
    heard: list[str] = []
    async with wired(script) as (wire, _):  # type: ignore[arg-type]
        wire.on_lost = heard.append
        results = await asyncio.gather(
            wire.talk("/one/print", timeout_s=timeout_s), wire.talk("/two/print"), return_exceptions=True
        )
        async with asyncio.timeout(60):
            await wire.closed.wait()
        assert all(isinstance(result, RouterUnreachable) for result in results)
        with pytest.raises(RouterUnreachable):
            await wire.talk("/three/print")
    assert heard == [wire.why_closed]
    return wire.why_closed


async def test_silence_drops_the_whole_connection() -> None:
    async def script(visitor: Visitor) -> None:
        await visitor.end()

    assert "/one/print within 0.05 s" in await lost(script, timeout_s=0.05)


async def test_a_fatal_drops_the_connection_with_its_bare_word() -> None:
    async def script(visitor: Visitor) -> None:
        await visitor.hear()
        visitor.say("!fatal", "session terminated on request")
        await visitor.end()

    assert "session terminated on request" in await lost(script)


@pytest.mark.parametrize("junk", [b"\x06!fatal\0", b"\xff", b"\x05!done\0", b"\x05!done\x06.tag=9\0"])
async def test_nonsense_drops_the_connection(junk: bytes) -> None:
    async def script(visitor: Visitor) -> None:
        await visitor.hear()
        visitor.raw(junk)
        await visitor.end()

    assert await lost(script)


async def test_dying_in_the_middle_of_a_sentence_drops_the_connection() -> None:
    async def script(visitor: Visitor) -> None:
        tag = tag_of(await visitor.hear())
        visitor.raw(encode(["!re", tag, "=name=whole"]) + encode(["!re", tag, "=name=half"])[:-6])
        await visitor.writer.drain()
        visitor.writer.close()
        await asyncio.sleep(0.05)

    assert await lost(script)


async def test_a_stall_after_the_first_rows_is_a_timeout_too() -> None:
    async def script(visitor: Visitor) -> None:
        visitor.say("!re", tag_of(await visitor.hear()))
        await visitor.end()

    assert "did not answer" in await lost(script, timeout_s=0.05)


async def test_the_answer_to_a_cancelled_command_is_passed_over() -> None:
    may_answer = asyncio.Event()

    async def script(visitor: Visitor) -> None:
        first = tag_of(await visitor.hear())
        await may_answer.wait()
        visitor.say("!re", first, "=late=yes")
        visitor.say("!done", first)
        await answer_everything(visitor)

    async with wired(script) as (wire, _):
        task = asyncio.create_task(wire.talk("/slow/print"))
        await asyncio.sleep(0.02)
        task.cancel()
        may_answer.set()
        assert await wire.talk("/fast/print") == [{"path": "/fast/print"}]
        assert wire.pace.underway == 0


async def test_commands_of_one_turn_leave_in_one_write() -> None:
    async with wired(answer_everything) as (wire, router):
        before = router.visitors[0].reads
        await asyncio.gather(*(wire.talk(f"/{n}/print", urgent=True) for n in range(20)))
        assert router.visitors[0].reads == before + 1


async def test_an_urgent_command_passes_those_that_wait() -> None:
    async with wired(answer_everything) as (wire, router):
        bulk = [asyncio.create_task(wire.talk(f"/bulk-{n}/print")) for n in range(200)]
        await asyncio.sleep(0)
        await wire.talk("/urgent/print", urgent=True)
        await asyncio.gather(*bulk)

    place = [sentence[0] for sentence in router.visitors[0].heard].index("/urgent/print")
    assert place < 40


async def test_a_crash_test_sees_every_command_before_and_after() -> None:
    async with wired(answer_everything) as (wire, _):
        seen: list[str] = []
        wire.observe = seen.append
        await wire.talk("/ip/hotspot/active/login")

    assert seen == ["router:login:before", "router:login:after"]


async def test_goodbye_is_said_without_waiting_for_an_answer() -> None:
    async with wired(answer_everything) as (wire, router):
        await wire.aclose()
        await wire.aclose()
        await asyncio.sleep(0.02)
        assert router.visitors[0].heard[-1] == ["/quit"]
        assert wire.closed.is_set()


async def test_a_thousand_commands_cost_little() -> None:
    async with wired(answer_everything, pace=Pace(trusted=True)) as (wire, _):
        began = time.process_time()
        rows = await asyncio.gather(*(wire.talk("/ip/hotspot/user/print", {"a": "b"}) for _ in range(1000)))
        assert len(rows) == 1000
        # both ends run in this process; alone it is about 50 ms
        assert time.process_time() - began < 1.0
