"""The printer of the sandbox does with bytes what printers do, the unpleasant ones included."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
import zxingcpp
from PIL import Image

from portal.clock import SystemClock
from sandbox.escpos import Firmware, Interpreter
from sandbox.printer import Mood, SandboxPrinter
from sandbox.thermal import CUTTER_GAP, PAPER, Roll, Wear, grown

CUT = b"\x1bd\x05\x1dV\x01"
QR = b"HTTPS://WIFI.EXAMPLE.CO.KE/V/7KQ9M2XDAB4"


def printed(data: bytes, firmware: Firmware | None = None, wear: Wear | None = None, dots: int = 384) -> Roll:
    roll = Roll(dots, wear or Wear())
    Interpreter(roll, firmware or Firmware()).feed(data + CUT)
    return roll


def native(data: bytes = QR, size: int = 6, level: int = 50) -> bytes:
    def function(number: int, rest: bytes) -> bytes:
        return b"\x1d(k" + (len(rest) + 2).to_bytes(2, "little") + b"1" + bytes([number]) + rest

    return (
        function(65, b"2\x00")
        + function(67, bytes([size]))
        + function(69, bytes([level]))
        + function(80, b"0" + data)
        + function(81, b"0")
    )


def black(picture: Image.Image) -> int:
    return picture.convert("L").histogram()[0]


def box(picture: Image.Image) -> tuple[int, int, int, int]:
    found = picture.convert("L").point(lambda value: 255 - value).getbbox()
    assert found is not None
    return found


# --- what it prints ---


def test_text_is_printed_line_by_line_in_its_code_page() -> None:
    roll = printed(b"Caf\x82\n\x1bt\x13\xd5uro\n\x1bt\x10\xe9t\xe9\n")

    assert roll.texts == ["Café\n€uro\nété"]


def test_a_page_it_does_not_know_leaves_the_one_before() -> None:
    assert printed(b"\x1bt\x13\xd5\n", Firmware(pages=(0,))).texts == ["╒"]


def test_in_chinese_mode_accents_are_eaten_in_pairs_until_it_is_left() -> None:
    firmware = Firmware(chinese=True)

    assert printed(b"Caf\x82 au\n", firmware).texts != ["Café au"]
    assert printed(b"\x1c.Caf\x82 au\n", firmware).texts == ["Café au"]


@pytest.mark.parametrize(
    ("select", "columns", "height"), [(0, 32, 24), (0x10, 32, 48), (0x20, 16, 24), (0x30, 16, 48), (1, 42, 17)]
)
def test_large_and_small_letters_take_their_room(select: int, columns: int, height: int) -> None:
    fits, too_long = (printed(bytes((0x1B, 0x21, select)) + b"#" * n + b"\n") for n in (columns, columns + 1))

    left, top, right, bottom = box(fits.pictures[0])
    assert (fits.spilt, too_long.spilt) == (0, 1)
    assert right - left > 384 * 0.85
    assert height * 0.4 < bottom - top < height
    assert too_long.texts[0].count("\n") == 1, "the printer wraps by itself"


@pytest.mark.parametrize(("align", "left"), [(0, 40), (1, 40 + 152), (2, 40 + 304)])
def test_text_and_pictures_are_aligned(align: int, left: int) -> None:
    raster = b"\x1dv0\x00\x0a\x00\x04\x00" + b"\xff" * 40  # 80 dots wide

    assert box(printed(bytes((0x1B, 0x61, align)) + raster).pictures[0])[0] == left


def test_raster_column_and_graphics_commands_print_the_same_picture() -> None:
    raster = b"\x1dv0\x00\x02\x00\x18\x00" + b"\xaa\x55" * 24
    columns = b"\x1b*\x21\x10\x00" + b"".join((b"\xff" * 3 if "10101010" "01010101"[x] == "1" else bytes(3)) for x in range(16)) + b"\n"  # fmt: skip  # noqa: E501
    data = b"0p0\x01\x011\x10\x00\x18\x00" + b"\xaa\x55" * 24
    graphics = b"\x1d(L" + (len(data)).to_bytes(2, "little") + data + b"\x1d(L\x02\x0002"

    pictures = [printed(each).pictures[0] for each in (raster, columns, graphics)]

    assert {black(each) for each in pictures} == {16 // 2 * 24}
    assert {box(each) for each in pictures} == {box(pictures[0])}


def test_a_picture_wider_than_the_paper_is_clipped_and_noticed() -> None:
    assert printed(b"\x1dv0\x00\x31\x00\x01\x00" + b"\xff" * 49).spilt == 8


@pytest.mark.parametrize("level", [48, 49, 50, 51])
def test_it_draws_a_symbol_itself(level: int) -> None:
    picture = printed(native(level=level)).pictures[0]

    found = zxingcpp.read_barcodes(picture.convert("L"))
    assert [(each.text, each.ec_level) for each in found] == [(QR.decode(), "LMQH"[level - 48])]


def test_without_that_skill_the_data_comes_out_as_text() -> None:
    roll = printed(native(), Firmware(native_qr=False))

    assert QR.decode() in roll.texts[0].replace("\n", "")
    assert not zxingcpp.read_barcodes(roll.pictures[0].convert("L"))


def test_unknown_commands_are_swallowed_or_printed_as_garbage() -> None:
    assert printed(b"\x1bzHello\n").texts == ["Hello"]
    assert printed(b"\x1bzHello\n", Firmware(garbage=True)).texts == ["zHello"]


def test_what_was_not_fed_past_the_blade_is_cut_off_the_slip() -> None:
    roll = Roll(384)
    head = Interpreter(roll)
    head.feed(b"one\ntwo\n\x1dV\x01")

    assert roll.pictures == [] or black(roll.pictures[0]) == 0, "the text is still under the hood"
    head.feed(b"\x1dVB\x00")
    assert black(roll.pictures[-1]) > 0


def test_bytes_may_come_one_by_one() -> None:
    data = b"\x1b@\x1ba\x01Hello\n" + native() + CUT
    at_once, in_bits = Roll(384), Roll(384)
    Interpreter(at_once).feed(data)
    slowly = Interpreter(in_bits)
    for byte in data:
        slowly.feed(bytes([byte]))

    assert in_bits.pictures[0].tobytes() == at_once.pictures[0].tobytes()


@pytest.mark.parametrize("dots", PAPER)
def test_the_paper_is_wider_than_the_head(dots: int) -> None:
    picture = printed(b"x\n", dots=dots).pictures[0]

    assert picture.mode == "1"
    assert (picture.width, picture.height) == (PAPER[dots], CUTTER_GAP + 30 + 150 - CUTTER_GAP)


# --- wear ---


def test_a_dead_dot_leaves_a_white_column() -> None:
    bar = b"\x1dv0\x00\x30\x00\x08\x00" + b"\xff" * 48 * 8

    whole, worn = (printed(bar, wear=wear).pictures[0] for wear in (Wear(), Wear(dead=(7, 8, 200))))

    assert black(whole) - black(worn) == 3 * 8


def test_a_skipped_band_is_white() -> None:
    bar = b"\x1dv0\x00\x30\x00\xff\x00" + b"\xff" * 48 * 255

    whole, worn = (printed(bar, wear=wear).pictures[0] for wear in (Wear(), Wear(blank_band=(200, 3))))

    assert black(whole) - black(worn) == 3 * 384


@pytest.mark.parametrize("dots", [0, 1, 3, 6])
def test_heat_makes_a_black_square_so_many_dots_larger(dots: int) -> None:
    square = Image.new("L", (40, 40), 255)
    square.paste(0, (15, 15, 25, 25))

    left, top, right, bottom = box(grown(square, dots))

    assert (right - left, bottom - top) == (10 + dots, 10 + dots)
    assert black(grown(square, dots)) == (10 + dots) ** 2


# --- the wire ---


@contextlib.asynccontextmanager
async def a_printer(**mood: int | bool) -> AsyncIterator[tuple[SandboxPrinter, Wire]]:
    async with SandboxPrinter(mood=Mood(**mood)) as printer:  # type: ignore[arg-type]
        host, port = printer.address.rsplit(":", 1)
        wire = Wire(*(await asyncio.open_connection(host, int(port))))
        yield printer, wire
        wire.writer.close()


class Wire:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def ask(self, data: bytes, seconds: float = 2.0) -> bytes:
        self.writer.write(data)
        try:
            async with asyncio.timeout(seconds):
                return await self.reader.read(8)
        except TimeoutError:
            return b"nothing"


@pytest.mark.parametrize(
    ("mood", "answers"),
    [
        ({}, (0x12, 0x12, 0x12, 0x12)),
        ({"slips_left": 0}, (0x1A, 0x32, 0x12, 0x7E)),
        ({"cover_open": True}, (0x1A, 0x16, 0x12, 0x12)),
        ({"near_end": True}, (0x12, 0x12, 0x12, 0x1E)),
        ({"overheated": True}, (0x1A, 0x52, 0x52, 0x12)),
    ],
)
async def test_it_answers_how_it_is(mood: dict[str, int], answers: tuple[int, ...]) -> None:
    async with a_printer(**mood) as (_, wire):
        for kind, answer in enumerate(answers, start=1):
            assert await wire.ask(bytes((0x10, 0x04, kind))) == bytes([answer])


async def test_a_question_is_answered_although_the_work_waits_and_the_turn_comes_with_new_paper() -> None:
    async with a_printer(slips_left=1) as (printer, wire):
        wire.writer.write(b"one\n" + CUT + b"two\n" + CUT)
        while not printer.texts:
            await printer.clock.sleep(5)
        assert await wire.ask(b"\x1dr\x01\x10\x04\x04") == b"\x7e"
        assert printer.texts == ["one"]

        await printer.new_paper()
        assert await wire.ask(b"") == b"\x00"
        assert printer.texts == ["one", "two"]


async def test_a_silent_one_answers_nothing() -> None:
    async with a_printer(silent=True) as (_, wire):
        assert await wire.ask(b"\x10\x04\x01\x1dr\x01", seconds=0.3) == b"nothing"


async def test_it_hangs_up_in_the_middle_and_keeps_what_it_had() -> None:
    async with a_printer(hang_up_after=6) as (printer, wire):
        assert await wire.ask(b"Hello\nWorld\n" + CUT) == b""
        assert printer.pictures == []
        assert printer.received == 6


async def test_at_9600_baud_two_hundred_bytes_take_a_fifth_of_a_second() -> None:
    clock = SystemClock()
    async with a_printer(baud=9600) as (printer, wire):
        start = clock.now()
        wire.writer.write(b"x" * 189 + b"\n" + CUT)
        assert await wire.ask(b"\x1dr\x01") == b"\x00"
        assert clock.now() - start > 190
        assert len(printer.pictures) == 1
