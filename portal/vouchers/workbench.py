"""The child of the press: ``python -m portal.vouchers.workbench``.

Reads a line of JSON and a line for each card, writes the file, says ``ready``, and waits to be ended. Lines with a
number say how many vouchers are done; ``refused`` and a sentence end it. When its input ends the parent is gone: the
unfinished file goes as well.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote

from portal.errors import Misconfigured
from portal.vouchers.grids import grid_named
from portal.vouchers.paper import Card, Face

Progress = Callable[[int], None]
Maker = Callable[[Face, Sequence[Card], Mapping[str, str], Progress], bytes | bytearray]


def _pdf(face: Face, cards: Sequence[Card], options: Mapping[str, str], progress: Progress) -> bytearray:
    from portal.vouchers import sheets

    return sheets.sheets(face, cards, grid_named(options["grid"]), progress)


def _html(face: Face, cards: Sequence[Card], options: Mapping[str, str], progress: Progress) -> bytes:
    from portal.vouchers import print_page

    return print_page.print_page(face, cards, grid_named(options["grid"]), progress)


def _csv(face: Face, cards: Sequence[Card], options: Mapping[str, str], progress: Progress) -> bytes:
    from portal.vouchers import export

    return export.export(face, cards)


def _slips(face: Face, cards: Sequence[Card], options: Mapping[str, str], progress: Progress) -> bytes:
    from portal.vouchers import slip_page

    return slip_page.slip_page(face, cards, int(options["mm"]), progress)


def _escpos(face: Face, cards: Sequence[Card], options: Mapping[str, str], progress: Progress) -> bytes:
    from portal.vouchers.slips import WIDTHS, Press

    press, made = Press(face=face, width=WIDTHS[int(options["mm"])]), []
    for n, card in enumerate(cards, start=1):
        made.append(press.slip(card))
        progress(n)
    return b"".join(made)


MAKERS: Mapping[str, Maker] = {"pdf": _pdf, "html": _html, "csv": _csv, "slips": _slips, "escpos": _escpos}


def work(source: BinaryIO, out: BinaryIO, orphaned: Callable[[Path], None]) -> None:
    """Do one job; `orphaned` is called with the unfinished file when the parent is gone."""
    head = json.loads(source.readline())
    cards = [_card(source.readline()) for _ in range(head["count"])]
    part = Path(head["part"])
    threading.Thread(target=_watch, args=(source, part, orphaned), daemon=True).start()

    def say(word: bytes) -> None:
        try:
            out.write(word + b"\n")
            out.flush()
        except BrokenPipeError:  # sooner than the watch saw it
            orphaned(part)

    def progress(done: int) -> None:
        say(b"%d" % done)

    try:
        made = MAKERS[head["form"]](Face.from_dict(head["face"]), cards, head["options"], progress)
    except Misconfigured as error:
        say(f"refused {error}".encode())
        return
    with part.open("r+b") as file:  # it is there; if it is not, somebody wanted it gone
        file.write(made)
        file.flush()
        os.fsync(file.fileno())
    say(b"ready")
    threading.Event().wait()  # for the parent, which gives the file its name and ends us


def _card(line: bytes) -> Card:
    label, code, again, *agent = line.decode().split()
    return Card(label=label, code=code, again=again == "1", agent=unquote("".join(agent)))


def _watch(source: BinaryIO, part: Path, orphaned: Callable[[Path], None]) -> None:
    source.read(1)
    orphaned(part)


def _orphaned(part: Path) -> None:
    part.unlink(missing_ok=True)
    os._exit(1)


if __name__ == "__main__":
    os.nice(10)  # guests who redeem meanwhile come first
    work(sys.stdin.buffer, sys.stdout.buffer, _orphaned)
