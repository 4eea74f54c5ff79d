"""The life of a payment as a table (R1). Pure; every transition lives here and nowhere else.

    created ─► submitting ─► awaiting ─► paid
                  │             ├──────► failed(reason) ─────┐
                  └► submit_unknown ───► expired_unknown ────┴─► paid   (a late success wins)

Two rules: `paid` is never left, and what the table does not list changes nothing. An answer that nobody has
documented is no evidence at all, so the payment stays where it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from portal.clock import DAY, HOUR, MINUTE, SECOND, Moment

State = Literal["created", "submitting", "submit_unknown", "awaiting", "paid", "failed", "expired_unknown", "review"]

Evidence = Literal[
    "claimed",  # a worker takes it, before it calls the provider
    "accepted",  # the provider took the request
    "refused",  # the provider refused the request: nothing was started
    "lost",  # no usable reply: something may have been started
    "restarted",  # the service found it so when it started
    "unsent",  # it was never given to the provider, and now it is too late for a prompt
    "success",  # proof that the money moved
    "doubtful",  # says success, but alone it is no proof: ask the provider
    "decided",  # staff have looked, and say that the money is there and meant this payment
    "mismatch",  # says success of something that is not this payment
    "failure",  # a documented end without money
    "overdue",  # nothing was heard for too long
]

Effect = Literal["nothing", "grant", "ask", "tell"]


@dataclass(frozen=True)
class Step:
    """Where a payment goes, and what is to be done about it: grant a pass, ask the provider, tell staff."""

    state: State
    effect: Effect = "nothing"


_PAID = Step("paid", "grant")
_REVIEW = Step("review", "tell")


def _open(state: State, **further: Step) -> Mapping[str, Step]:
    """What holds for each state in which a prompt may still be answered."""
    return MappingProxyType(
        {
            "success": _PAID,
            "decided": _PAID,
            "doubtful": Step(state, "ask"),
            "mismatch": _REVIEW,
            "failure": Step("failed"),
            "overdue": Step("expired_unknown"),
            **further,
        }
    )


TABLE: Mapping[State, Mapping[str, Step]] = MappingProxyType(
    {
        "created": _open("created", claimed=Step("submitting"), unsent=Step("failed"), overdue=Step("failed")),
        "submitting": _open(
            "submitting",
            accepted=Step("awaiting"),
            refused=Step("failed"),
            lost=Step("submit_unknown"),
            restarted=Step("submit_unknown"),
        ),
        "submit_unknown": _open("submit_unknown"),
        "awaiting": _open("awaiting"),
        "expired_unknown": _open("expired_unknown", overdue=Step("expired_unknown")),
        "failed": {"success": _PAID, "decided": _PAID, "doubtful": Step("failed", "ask"), "mismatch": _REVIEW},
        "review": {"decided": _PAID, "success": _REVIEW, "mismatch": _REVIEW},
        "paid": {"failure": Step("paid", "tell"), "mismatch": Step("paid", "tell")},
    }
)

STATES: tuple[State, ...] = tuple(TABLE)
WAITING: tuple[State, ...] = ("created", "submitting", "submit_unknown", "awaiting")  # a prompt may be open
UNSETTLED: tuple[State, ...] = (*WAITING, "expired_unknown")


def step(state: State, evidence: Evidence) -> Step:
    """The next state and effect; evidence that the table does not list leaves the payment as it is."""
    return TABLE[state].get(evidence, Step(state))


# --- what the provider's result codes mean (facts/mpesa.md 3.3) ---

Meaning = Literal["success", "failure", "pending"]


@dataclass(frozen=True, kw_only=True)
class Result:
    """What a result code says; `alert` is for staff: guests cannot mend it."""

    meaning: Meaning
    reason: str | None = None
    alert: bool = False


def _failed(reason: str, *, alert: bool = False) -> Result:
    return Result(meaning="failure", reason=reason, alert=alert)


PENDING = Result(meaning="pending")
RESULTS: Mapping[str, Result] = MappingProxyType(
    {
        "0": Result(meaning="success"),
        "1": _failed("no-money"),
        "2": _failed("config", alert=True),
        "3": _failed("limit"),
        "4": _failed("daily-limit"),
        "8": _failed("shop-limit", alert=True),
        "11": _failed("config", alert=True),
        "17": _failed("duplicate"),
        "26": _failed("provider-busy"),
        "1001": _failed("busy"),
        "1019": _failed("expired"),
        "1025": _failed("not-sent"),
        "1032": _failed("cancelled"),
        "1036": _failed("no-answer"),
        "1037": _failed("no-answer"),
        "2001": _failed("wrong-pin"),
        "2006": _failed("config", alert=True),
        "2028": _failed("config", alert=True),
        "2040": _failed("refused"),
        "4999": PENDING,
        "8006": _failed("locked-account"),
        "9999": _failed("not-sent"),
        "E3008": _failed("bad-debt"),
        "SFC_IC0003": _failed("config", alert=True),
    }
)

# Every reason that a failed payment may carry; each needs a text in the themes.
FAILURES = frozenset(
    {each.reason for each in RESULTS.values() if each.reason} | {"phone", "provider-down", "unanswered", "unregistered"}
)
# Why a payment is looked at by staff.
REVIEWS = frozenset(
    {
        *("wrong-amount", "wrong-ids", "receipt-used", "receipt-elsewhere", "tenant-closed", "unknown-id"),
        "payer-erased",
    }
)


def result(code: str) -> Result:
    """The meaning of a code; an unlisted one stays pending for ever."""
    return RESULTS.get(code, PENDING)


# --- its times ---

# Not before the prompt is gone from the phone: until then "failed" may be the answer to another question.
QUERY_IS_FINAL_MS = 90 * SECOND
EXPIRES_MS = 10 * MINUTE
RECEIPT_DUE_MS = 48 * HOUR
PROMPT_LIVES_MS = 120 * SECOND  # a prompt lives about 60 s; after twice that nobody can answer it
SAME_AMOUNT_MS = 120 * SECOND  # the provider's own rule: result 17
LOCK_MS = 60 * SECOND  # "Unable to lock subscriber": wait at least a minute
UNSENT_MS = 60 * SECOND  # a prompt that comes later than this surprises the guest
BELONGS_MS = 10 * MINUTE  # how far a receipt may be from the payment that it belongs to
CLOSE_MS = 10 * MINUTE  # two payments of one device nearer than this are shown to staff

ASK_AT_MS = (
    25 * SECOND,
    45 * SECOND,
    75 * SECOND,
    120 * SECOND,
    240 * SECOND,
    10 * MINUTE,
    30 * MINUTE,
    2 * HOUR,
    1 * DAY,
)


def next_ask(submitted_at: Moment, now: Moment) -> Moment | None:
    """When to ask the provider next; what was missed during an outage is asked once, not in a burst."""
    return next((submitted_at + each for each in ASK_AT_MS if submitted_at + each > now), None)


_RETRY_AFTER_MS = MappingProxyType({"busy": LOCK_MS, "duplicate": SAME_AMOUNT_MS})


def may_retry_at(state: State, reason: str | None, created_at: Moment, submitted_at: Moment | None) -> Moment | None:
    """From when on a new prompt may be offered instead of this one; None when never.

    At once after a terminal answer: whether the provider counts an attempt that failed for its rule on the same
    amount is not settled, so it is asked, and only its own "duplicate" answer makes the guest wait.
    """
    since = created_at if submitted_at is None else submitted_at
    if state == "failed":
        return since + _RETRY_AFTER_MS.get(reason or "", 0)
    if state in UNSETTLED:
        return since + PROMPT_LIVES_MS
    return None
