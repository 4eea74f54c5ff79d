"""docs/flows.md shows what the code does: its drawings are made from the code."""

from __future__ import annotations

from portal.access.passes import LIVE
from portal.payments import payment
from portal.vouchers.states import STATES
from tests.drawing import DRAWINGS, MARK, PAGE, drawn, transitions
from tests.drawing_vouchers import voucher_steps


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
    assert {state for before, after, _ in voucher_steps() for state in (before, after)} == set(STATES)


def test_an_ended_pass_is_never_left() -> None:
    assert [each for each in transitions() if each[0] == "ended"] == []


def test_a_voucher_that_is_spent_or_void_stays_so() -> None:
    assert [each for each in voucher_steps() if each[0] in ("spent", "void")] == []


def test_a_changed_table_would_be_noticed() -> None:
    page = PAGE.read_text().replace("submitting --> awaiting", "submitting --> paid", 1)

    assert page != drawn(page)
