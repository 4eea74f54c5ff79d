"""The state table of a payment, and the arithmetic of its times."""

from __future__ import annotations

import itertools
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.clock import DAY, HOUR, MINUTE, SECOND
from portal.payments import payment
from portal.payments.payment import RESULTS, STATES, TABLE, Evidence, State, result, step

EVIDENCE: tuple[Evidence, ...] = get_args(Evidence)

# Written out by hand from R1 and facts/mpesa.md 8.2, so that the table cannot agree with itself.
LEGAL = {
    ("created", "claimed"): ("submitting", "nothing"),
    ("created", "unsent"): ("failed", "nothing"),
    ("created", "overdue"): ("failed", "nothing"),
    ("submitting", "accepted"): ("awaiting", "nothing"),
    ("submitting", "refused"): ("failed", "nothing"),
    ("submitting", "lost"): ("submit_unknown", "nothing"),
    ("submitting", "restarted"): ("submit_unknown", "nothing"),
    ("submitting", "overdue"): ("expired_unknown", "nothing"),
    ("submit_unknown", "overdue"): ("expired_unknown", "nothing"),
    ("awaiting", "overdue"): ("expired_unknown", "nothing"),
    ("failed", "success"): ("paid", "grant"),
    ("failed", "decided"): ("paid", "grant"),
    ("review", "decided"): ("paid", "grant"),
    ("failed", "doubtful"): ("failed", "ask"),
    ("failed", "mismatch"): ("review", "tell"),
    ("review", "success"): ("review", "tell"),
    ("review", "mismatch"): ("review", "tell"),
    ("paid", "failure"): ("paid", "tell"),
    ("paid", "mismatch"): ("paid", "tell"),
    **{
        (state, evidence): after
        for state in ("created", "submitting", "submit_unknown", "awaiting", "expired_unknown")
        for evidence, after in {
            "success": ("paid", "grant"),
            "decided": ("paid", "grant"),
            "doubtful": (state, "ask"),
            "mismatch": ("review", "tell"),
            "failure": ("failed", "nothing"),
        }.items()
    },
}


@pytest.mark.parametrize("state, evidence", list(itertools.product(STATES, EVIDENCE)))
def test_every_state_and_evidence_goes_where_the_rules_say_and_the_rest_changes_nothing(
    state: State, evidence: Evidence
) -> None:
    after = step(state, evidence)

    assert (after.state, after.effect) == LEGAL.get((state, evidence), (state, "nothing"))


def test_only_the_way_to_paid_grants() -> None:
    granting = {(state, kind) for state, row in TABLE.items() for kind, each in row.items() if each.effect == "grant"}

    assert {kind for _, kind in granting} == {"success", "decided"}
    assert all(TABLE[state][kind].state == "paid" for state, kind in granting)


@given(st.lists(st.sampled_from(EVIDENCE), max_size=12), st.lists(st.sampled_from(EVIDENCE), max_size=12))
def test_paid_is_never_left_and_grants_once(before: list[Evidence], after: list[Evidence]) -> None:
    state: State = "created"
    grants = 0
    for each in [*before, *after]:
        was = state
        taken = step(state, each)
        state, grants = taken.state, grants + (taken.effect == "grant")
        assert was != "paid" or state == "paid"

    assert grants == (state == "paid")


def test_zero_alone_is_a_success() -> None:
    assert [code for code, each in RESULTS.items() if each.meaning == "success"] == ["0"]


@pytest.mark.parametrize("code", ["4999", "2029", "", "00", "0.0", "O", "500.001.1001", "E0", "None", "-0"])
def test_a_code_that_nobody_documents_is_pending(code: str) -> None:
    assert result(code).meaning == "pending"


DOCUMENTED = "1 2 3 4 8 11 17 26 1001 1019 1025 9999 1032 1036 1037 2001 2006 2028 2040 8006 SFC_IC0003 E3008"


@pytest.mark.parametrize("code", DOCUMENTED.split(), ids=str)
def test_the_documented_ends_are_failures_with_a_reason(code: str) -> None:  # facts/mpesa.md 3.3
    assert result(code).meaning == "failure"
    assert result(code).reason in payment.FAILURES


@pytest.mark.parametrize("code", ["8", "11", "2", "2006", "2028", "SFC_IC0003"])
def test_what_only_staff_can_mend_alerts_them(code: str) -> None:
    assert result(code).alert


def test_questions_follow_the_schedule() -> None:
    asked, now = [], 0
    while (at := payment.next_ask(0, now)) is not None:
        asked.append(at)
        now = at

    assert asked == [
        *(each * SECOND for each in (25, 45, 75, 120, 240)),
        10 * MINUTE,
        30 * MINUTE,
        2 * HOUR,
        DAY,
    ]


def test_what_was_missed_is_not_asked_in_a_burst() -> None:
    assert payment.next_ask(0, 3 * HOUR) == DAY


@pytest.mark.parametrize(
    "state, reason, wait_s",
    [
        ("awaiting", None, 120),
        ("submit_unknown", None, 120),
        ("failed", "provider-down", 0),
        ("failed", "busy", 60),
        ("failed", "wrong-pin", 0),
        ("failed", "duplicate", 120),
    ],
)
def test_when_a_new_prompt_may_be_offered(state: State, reason: str | None, wait_s: int) -> None:
    assert payment.may_retry_at(state, reason, 0, 1_000) == 1_000 + wait_s * SECOND


@pytest.mark.parametrize("state", ["paid", "review"])
def test_no_new_prompt_for_what_is_paid_or_with_staff(state: State) -> None:
    assert payment.may_retry_at(state, None, 0, 0) is None
