"""What happened to a payment, in plain words and in order. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from portal.clock import Moment
from portal.console import reasons
from portal.console.lines.advice import advice
from portal.console.payments.store import Story
from portal.payments.settle import LINES
from portal.units import Row

STATES = {
    "created": ("being sent", "warn"),
    "submitting": ("being sent", "warn"),
    "submit_unknown": ("not known whether it was sent", "warn"),
    "awaiting": ("waiting for the PIN", "warn"),
    "paid": ("paid", "good"),
    "failed": ("not paid", ""),
    "expired_unknown": ("no answer yet", "warn"),
    "review": ("needs a look", "bad"),
}
_SAID = {
    "success": "paid",
    "failure": "not paid",
    "doubtful": "paid, but that alone is no proof",
    "pending": "nothing final yet",
    "unreadable": "something that cannot be read",
    "unlisted-source": "something from an address that is not M-Pesa's; nothing was credited",
    "known": "what was known already",
    "nothing": "nothing new",
}
_WAYS = {
    "webhook": "The provider's webhook said",
    "stk": "M-Pesa's callback said",
    "query": "Bando asked M-Pesa, which said",
}
_BY = {
    "stk": "M-Pesa's callback",
    "query": "M-Pesa's answer to our question",
    "c2b": "M-Pesa's confirmation",
    "staff": "the word of staff",
    "claim": "the guest's receipt, under “Already paid?”",
    "waiting": "a receipt that had come before",
}


@dataclass(frozen=True)
class Event:
    """One thing that happened."""

    at: Moment
    text: str
    kind: str = ""  # good | bad


def state_words(state: str, reason: str | None) -> tuple[str, str]:
    """A state as a word or two, and the colour of its pill."""
    word, kind = STATES.get(state, (state, ""))
    return (f"{word}: {reasons.SHORT.get(reason, reason)}" if reason else word), kind


def timeline(story: Story) -> list[Event]:
    """Everything in order."""
    found = [*_payment(story), *_inbox(story), *_receipt(story), *_pass(story.made), *_lines(story)]
    return sorted(found, key=lambda each: each.at)


def _payment(story: Story) -> Iterator[Event]:
    one = story.payment
    yield Event(one.created_at, f"The guest chose {one.plan.name}.")
    if one.submitted_at:
        yield Event(one.submitted_at, "The prompt was sent to the phone.")
    if one.settled_at:
        by = _BY.get(one.settled_by or "", one.settled_by or "evidence")
        yield Event(one.settled_at, f"Paid, by {by}.", "good")


def _inbox(story: Story) -> Iterator[Event]:
    for row in story.said:
        way = _WAYS.get(row["channel"], f"M-Pesa said ({row['channel']})")
        if row["processed_at"] is None:
            yield Event(row["received_at"], f"{way} something that is not looked at yet.")
            continue
        verdict = row["verdict"] or "nothing"
        text = _SAID.get(verdict) or reasons.SHORT.get(verdict) or LINES.get(verdict, verdict)
        kind = "good" if verdict == "success" else "bad" if verdict in reasons.SHORT or verdict == "failure" else ""
        yield Event(row["received_at"], f"{way}: {text.rstrip('.')}.", kind)


def _receipt(story: Story) -> Iterator[Event]:
    row = story.receipt
    if row is not None:
        yield Event(row["seen_at"], f"Receipt {row['number']} came.", "good")


def _pass(made: Row | None) -> Iterator[Event]:
    if made is None:
        return
    if made["started_at"]:
        yield Event(made["started_at"], "Online: the pass began.", "good")
    if made["ended_at"]:
        yield Event(made["ended_at"], f"The pass ended ({ENDS.get(made['end_reason'], made['end_reason'])}).")


ENDS = {
    "time": "its time was used up",
    "data": "its data were used up",
    "use-by": "it was not used in time",
    "void": "staff ended it",
    "refund": "paid back",
    "erased": "the guest was erased",
}


def _lines(story: Story) -> Iterator[Event]:
    for row in story.lines:
        yield Event(row["opened_at"], f"A line for staff: {advice(row['kind']).title}.", "bad")
        if row["closed_at"]:
            yield Event(row["closed_at"], "That line was closed.")
