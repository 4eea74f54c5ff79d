"""docs/flows.md shows what the code does: its drawings are made from the code."""

from __future__ import annotations

from portal.access.passes import LIVE
from portal.payments import payment
from tests.drawing import DRAWINGS, MARK, PAGE, drawn, transitions


def test_the_page_shows_what_the_code_does() -> None:
    page = PAGE.read_text()

    assert page == drawn(page), "run: .venv/bin/python -m tests.drawing"


def test_the_page_has_every_drawing_once() -> None:
    assert sorted(match["name"] for match in MARK.finditer(PAGE.read_text())) == sorted(DRAWINGS)


def test_every_state_is_drawn() -> None:
    for state in payment.STATES:
        assert f" {state}" in DRAWINGS["payments-diagram"]()
    states = {before for before, _, _ in transitions()} | {after for _, after, _ in transitions()}
    assert states == {"queued", "ended", *LIVE}


def test_an_ended_pass_is_never_left() -> None:
    assert [each for each in transitions() if each[0] == "ended"] == []


def test_a_changed_table_would_be_noticed() -> None:
    page = PAGE.read_text().replace("submitting --> awaiting", "submitting --> paid", 1)

    assert page != drawn(page)
