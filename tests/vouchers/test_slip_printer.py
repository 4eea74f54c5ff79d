"""Slips on their way to a printer: what it says, what it does to them, and which of them it surely has."""

from __future__ import annotations

import asyncio
import contextlib
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from portal.clock import SystemClock
from portal.vouchers.paper import Card
from portal.vouchers.printer_line import PrinterError, host_and_port, trouble_in
from portal.vouchers.slip_printer import Run, Slip, SlipPrinter, write_file
from sandbox.printer import Mood, SandboxPrinter
from tests.vouchers.slips import a_press, codes_of_slips, some_cards

CLOCK = SystemClock()


def slips_of(cards: list[Card]) -> list[Slip]:
    press = a_press()
    return [Slip(label=card.label, data=press.slip(card)) for card in cards]


class Desk:
    """A sandbox printer, a sender and what it told staff."""

    def __init__(self, printer: SandboxPrinter, paper_s: float = 20.0) -> None:
        self.printer = printer
        self.notes: list[str] = []
        self.out: list[str] = []
        self.sender = SlipPrinter(
            address=printer.address,
            clock=CLOCK,
            tell=self.notes.append,
            out=self.out.append,
            paper_s=paper_s,
            pace_s=0.1,
        )

    async def print(self, cards: list[Card], stop: asyncio.Event | None = None) -> Run:
        run = await self.sender.print(slips_of(cards), stop)
        assert list(run.sent) == self.out
        return run


@contextlib.asynccontextmanager
async def a_desk(*, paper_s: float = 20.0, window: int | None = None, **mood: int | bool | None) -> AsyncIterator[Desk]:
    async with SandboxPrinter(mood=Mood(**mood), window=window) as printer:  # type: ignore[arg-type]
        yield Desk(printer, paper_s)


async def until(condition: object, seconds: float = 20.0) -> None:
    assert callable(condition)
    async with asyncio.timeout(seconds):
        while not condition():
            await CLOCK.sleep(10)


KINDS = {
    "answers all": {},
    "answers at once only": {"no_turn": True},
    "silent": {"silent": True},
    "talks nonsense": {"says_garbage": True},
}


@pytest.mark.parametrize("kind", KINDS)
async def test_slips_come_out_whole_and_all_are_counted(kind: str) -> None:
    cards = some_cards(6)
    async with a_desk(**KINDS[kind]) as desk:
        run = await desk.print(cards)
        await until(lambda: len(desk.printer.pictures) == 6)

        assert run == Run(sent=tuple(card.label for card in cards))
        assert run.said() == "6 slips, B12-0001 to B12-0006, were sent."
        assert codes_of_slips(desk.printer.pictures) == [card.code for card in cards]
        assert desk.notes == []


async def test_a_printer_that_is_not_there_is_said_and_nothing_is_sent() -> None:
    async with SandboxPrinter() as gone:
        address = gone.address
    run = await SlipPrinter(address=address, clock=CLOCK).print(slips_of(some_cards(2)))

    assert (run.sent, run.doubtful, run.next) == ((), (), "B12-0001")
    assert run.said() == f"No printer at {address} (connection refused). No slip was sent. Go on from B12-0001."


@pytest.mark.parametrize(
    ("mood", "said"),
    [
        ({"slips_left": 0}, "The printer is out of paper."),
        ({"cover_open": True}, "The printer's cover is open."),
        ({"cutter_jam": True}, "The printer's cutter is stuck."),
        ({"overheated": True}, "The printer's head is hot and rests."),
    ],
)
async def test_what_is_wrong_before_the_run_is_said_and_nothing_is_sent(mood: dict[str, int], said: str) -> None:
    async with a_desk(**mood) as desk:
        run = await desk.print(some_cards(2))

        assert run.said() == f"{said} No slip was sent. Go on from B12-0001."
        assert desk.printer.pictures == []
        assert run.doubtful == ()


async def test_a_low_roll_is_no_reason_to_stop() -> None:
    async with a_desk(near_end=True) as desk:
        assert (await desk.print(some_cards(2))).why is None


@pytest.mark.parametrize("no_turn", [False, True])
async def test_paper_that_ends_is_said_and_the_run_goes_on_with_a_new_roll(no_turn: bool) -> None:
    cards = some_cards(5)
    async with a_desk(slips_left=3, no_turn=no_turn) as desk:
        printing = asyncio.create_task(desk.print(cards))
        await until(lambda: desk.notes)
        before = list(desk.out)
        await desk.printer.new_paper()
        run = await printing
        await until(lambda: len(desk.printer.pictures) == 5)

        assert desk.notes == ["The printer is out of paper; the run waits"]
        assert len(before) in (2, 3)
        assert run.why is None
        assert codes_of_slips(desk.printer.pictures) == [card.code for card in cards]


async def test_when_nobody_puts_in_paper_the_run_ends_and_only_what_is_on_paper_counts() -> None:
    cards = some_cards(5)
    async with a_desk(slips_left=3, paper_s=1.0) as desk:
        run = await desk.print(cards)

        assert run.sent == ("B12-0001", "B12-0002")  # the third came out as the paper ended: nobody knows how much
        assert run.said() == (
            "The printer is out of paper. 2 slips, B12-0001 to B12-0002, were sent. "
            "If B12-0003 came out, whole or in part, tear it up. Go on from B12-0003."
        )
        assert len(desk.printer.pictures) == 3


async def test_a_cover_that_is_opened_and_closed_costs_no_slip() -> None:
    cards = some_cards(4)
    async with a_desk() as desk:
        desk.sender.out = lambda label: setattr(desk.printer.mood, "cover_open", label == "B12-0002")
        printing = asyncio.create_task(desk.sender.print(slips_of(cards)))
        await until(lambda: desk.notes)
        await desk.printer.close_cover()
        run = await printing

        assert desk.notes == ["The printer's cover is open; the run waits"]
        assert len(run.sent) == 4
        assert codes_of_slips(desk.printer.pictures) == [card.code for card in cards]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("share", [0.02, 0.5, 0.98])
async def test_a_connection_that_breaks_in_a_slip_leaves_no_doubt_about_the_others(kind: str, share: float) -> None:
    """Whatever is counted as sent is on paper, whole; going on from there prints the rest once."""
    cards = some_cards(6)
    length = len(slips_of(cards)[0].data)
    async with a_desk(hang_up_after=int(length * (3 + share)), **KINDS[kind]) as desk:
        run = await desk.print(cards)
        printed = codes_of_slips(desk.printer.pictures)

    labels = [card.label for card in cards]
    assert run.why in ("The printer closed the connection", "The connection to the printer broke")
    assert printed == [card.code for card in cards[:3]]
    assert list(run.sent) == labels[: len(run.sent)]
    assert len(run.sent) in ((3,) if kind.startswith("answers") else (2, 3))
    assert run.next == labels[len(run.sent)]
    assert "B12-0004" in (*run.doubtful, run.next)


async def test_a_run_goes_on_where_it_ended() -> None:
    cards = some_cards(6)
    async with a_desk(hang_up_after=16_000) as desk:
        first = await desk.print(cards)
        desk.printer.mood.hang_up_after = None
        desk.printer.switch_off_and_on()
        rest = [card for card in cards if card.label >= (first.next or "")]
        second = await SlipPrinter(address=desk.printer.address, clock=CLOCK).print(slips_of(rest))

        assert (*first.sent, *second.sent) == tuple(card.label for card in cards)
        assert codes_of_slips(desk.printer.pictures)[-len(rest) :] == [card.code for card in rest]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_stop_ends_behind_a_slip_never_in_one(kind: str) -> None:
    cards, stop = some_cards(20), asyncio.Event()
    async with a_desk(**KINDS[kind]) as desk:
        desk.sender.out = lambda label: stop.set() if label == "B12-0007" else None
        run = await desk.sender.print(slips_of(cards), stop)
        await until(lambda: len(desk.printer.pictures) >= len(run.sent))
        printed = codes_of_slips(desk.printer.pictures)

        assert run.why == "Stopped"
        assert run.doubtful == ()
        assert printed == [card.code for card in cards[: len(run.sent)]]
        assert not desk.printer.roll.on_it()
        assert desk.printer.head.waiting == 0
        assert run.next == f"B12-{len(run.sent) + 1:04d}"
        assert len(run.sent) in (7, 8)


async def test_a_stop_while_the_printer_is_out_of_paper_does_not_wait_for_it() -> None:
    stop = asyncio.Event()
    async with a_desk(slips_left=1, paper_s=600) as desk:
        desk.sender.tell = lambda note: stop.set()
        async with asyncio.timeout(60):
            run = await desk.sender.print(slips_of(some_cards(3)), stop)

        assert (run.sent, run.doubtful) == ((), ("B12-0001",))


async def test_a_slow_printer_is_waited_for() -> None:
    """9600 baud: a slip takes seconds."""
    cards = some_cards(1)
    async with a_desk(baud=9600, window=2048) as desk:
        run = await desk.print(cards)

        assert run.sent == ("B12-0001",)
        assert codes_of_slips(desk.printer.pictures) == [cards[0].code]


async def test_a_printer_that_takes_nothing_is_given_up() -> None:
    cards = some_cards(40)
    async with a_desk(deaf=True, window=2048) as desk:
        desk.sender.stall_s, desk.sender.pace_s = 0.5, 0
        run = await desk.print(cards)

    assert run.why == "The printer takes no more"
    assert run.next == (*run.sent, *run.doubtful, run.next)[len(run.sent)]
    assert len(run.sent) < 10


# --- addresses, words, files ---


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("192.168.88.9", ("192.168.88.9", 9100)),
        ("printer.lan:9101", ("printer.lan", 9101)),
        ("[fe80::1]:9100", ("fe80::1", 9100)),
        ("fe80::1", ("fe80::1", 9100)),
    ],
)
def test_an_address_is_a_host_and_perhaps_a_port(text: str, expected: tuple[str, int]) -> None:
    assert host_and_port(text) == expected


@pytest.mark.parametrize("text", ["", ":9100", "printer:", "printer:http", "printer:0", "printer:70000"])
def test_what_is_no_address_is_said(text: str) -> None:
    with pytest.raises(PrinterError, match="no address of a printer"):
        host_and_port(text)


def test_the_worst_trouble_is_named_first() -> None:
    assert trouble_in({1: 0x12, 2: 0x12, 3: 0x12, 4: 0x1E}) is None  # near its end only
    assert trouble_in({1: 0x1A, 2: 0x36, 3: 0x12, 4: 0x7E}) == "The printer is out of paper"
    assert trouble_in({1: 0x1A, 2: 0x12, 3: 0x12, 4: 0x12}) == "The printer is not ready"


def test_a_run_of_one_slip_is_said_as_one() -> None:
    assert Run(sent=("B1-0001",)).said() == "B1-0001 was sent."


async def test_a_file_holds_all_slips_and_is_for_its_owner_only(tmp_path: Path) -> None:
    slips = slips_of(some_cards(3))

    run = await write_file(tmp_path / "b12.bin", slips)

    assert run.said() == "3 slips, B12-0001 to B12-0003, were written."
    assert (tmp_path / "b12.bin").read_bytes() == b"".join(slip.data for slip in slips)
    assert stat.S_IMODE((tmp_path / "b12.bin").stat().st_mode) == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["b12.bin"]


async def test_a_stopped_file_is_not_there_and_an_earlier_one_is_untouched(tmp_path: Path) -> None:
    target, stop = tmp_path / "b12.bin", asyncio.Event()
    target.write_bytes(b"before")

    def out(label: str) -> None:
        if label == "B12-0003":
            stop.set()

    run = await write_file(target, slips_of(some_cards(5)), stop=stop, out=out)

    assert run.said() == "Stopped. No slip was written. Go on from B12-0001."
    assert [(each.name, each.read_bytes()) for each in tmp_path.iterdir()] == [("b12.bin", b"before")]


async def test_a_file_that_cannot_be_written_down_is_not_there(tmp_path: Path) -> None:
    async def agree() -> None:
        raise RuntimeError("the disk of the database is full")

    with pytest.raises(RuntimeError):
        await write_file(tmp_path / "b12.bin", slips_of(some_cards(2)), agree=agree)

    assert list(tmp_path.iterdir()) == []
