"""The table of a batch, as a spreadsheet opens it."""

from __future__ import annotations

import csv
import io

import pytest

from portal.vouchers.export import HEAD, export, guarded
from tests.vouchers.sheets import FACE, a_face, cards


def opened(table: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(table.decode("utf-8-sig"), newline="")))


def test_each_voucher_is_a_line_under_a_head() -> None:
    drawn = cards(3, "digits-15")
    head, *lines = opened(export(FACE, drawn))

    assert tuple(head) == HEAD
    assert [(line[0], line[1], line[2]) for line in lines] == [(c.label, c.shown, FACE.url(c)) for c in drawn]
    assert {len(line) for line in lines} == {len(HEAD)}


@pytest.mark.parametrize("start", ("=", "+", "-", "@", "\t", "\r", "\n", "＝"))
def test_a_cell_that_could_be_a_formula_is_text(start: str) -> None:
    evil = f"{start}cmd|' /C calc'!A1"
    found = opened(export(a_face(plan=evil, support=evil, ssid=evil), cards(1)))[1]

    assert found[3] == found[6] == found[8] == f"'{evil}"
    assert not any(cell[:1] in tuple("=+-@\t\r\n＝") for cell in found if cell)


def test_other_cells_stay_as_they_are() -> None:
    assert [guarded(each) for each in ("", "B12-0043", "3 hours = 3h", "'x", " =1")] == [
        "", "B12-0043", "3 hours = 3h", "'x", " =1",
    ]  # fmt: skip


def test_quotes_commas_and_lines_stay_in_their_cell() -> None:
    odd = 'Bei "poa", leo\nna kesho'

    assert opened(export(a_face(plan=odd), cards(1)))[1][3] == odd
