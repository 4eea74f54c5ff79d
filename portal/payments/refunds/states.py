"""The life of a refund as a table. Pure; every transition lives here and nowhere else.

    asked ─► approved ─► submitting ─► awaiting ─► done
      │         │            │   └──────► unknown ──┤
      └► declined            └──────────────────────┴─► failed

Money leaves at most once: a request is written down as submitting before it is sent, is never sent again from there,
and what nobody knows stays unknown until the provider or staff have said what became of it. While a refund lives, no
other one may give back the same money (see `store.reserve`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from portal.clock import DAY, HOUR

State = Literal["asked", "approved", "submitting", "awaiting", "unknown", "done", "failed", "declined"]

Evidence = Literal[
    "approved",  # somebody who may has agreed
    "declined",
    "claimed",  # a worker takes it, before it calls the provider
    "handed",  # the cash was handed over
    "accepted",  # the provider took the request
    "refused",  # the provider refused the request: nothing was started
    "lost",  # no usable reply: something may have been started
    "restarted",  # the service found it so when it started
    "success",  # the money has left
    "failure",  # a documented end: it has not
    "silent",  # nothing was heard for too long, or the provider says that it does not know
    "seen-gone",  # staff have found it in the provider's own list
    "seen-kept",  # … and have found that it is not there
]

# What is to be done: end the pass, let it go on, let the money be given back by another refund, write it into the
# books, tell staff.
Effect = Literal["end", "revive", "release", "take", "book", "tell"]


@dataclass(frozen=True)
class Step:
    """Where a refund goes, and what is to be done about it, in this order."""

    state: State
    effects: tuple[Effect, ...] = ()


_DONE = Step("done", ("end", "book"))
_FAILED = Step("failed", ("revive", "release"))
_UNKNOWN = Step("unknown", ("tell",))

TABLE: Mapping[State, Mapping[Evidence, Step]] = MappingProxyType(
    {
        "asked": {"approved": Step("approved"), "declined": Step("declined", ("release",))},
        "approved": {
            "claimed": Step("submitting"),
            "handed": _DONE,
            "declined": Step("declined", ("release",)),
        },
        "submitting": {
            "accepted": Step("awaiting", ("end",)),
            "refused": Step("failed", ("release", "tell")),
            "lost": _UNKNOWN,
            "restarted": _UNKNOWN,
            "success": _DONE,
            "failure": Step("failed", ("release", "tell")),
        },
        "awaiting": {
            "success": Step("done", ("book",)),
            "failure": Step("failed", ("revive", "release", "tell")),
            "silent": _UNKNOWN,
        },
        "unknown": {
            "success": _DONE,
            "failure": Step("failed", ("revive", "release", "tell")),
            "accepted": Step("awaiting", ("end",)),
            "seen-gone": _DONE,
            "seen-kept": _FAILED,
        },
        # Said to have failed, and yet it has left: it is booked, counted as given back, and staff look at it.
        "failed": {"success": Step("done", ("take", "end", "book", "tell"))},
        "done": {"failure": Step("done", ("tell",))},
        "declined": {},
    }
)

STATES: tuple[State, ...] = tuple(TABLE)
OPEN: tuple[State, ...] = ("asked", "approved", "submitting", "awaiting", "unknown")

# --- its times ---

SILENT_MS = 2 * HOUR  # results come within seconds, or after a jam within the hour
STALE_MS = 7 * DAY  # what nobody has approved by then is declined


def step(state: State, evidence: Evidence) -> Step:
    """The next state and effects; evidence that the table does not list leaves the refund as it is."""
    return TABLE[state].get(evidence, Step(state))
