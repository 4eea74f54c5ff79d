"""How a router is, in words. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from portal import words
from portal.access.admission import FRESH_MS
from portal.clock import MINUTE, SECOND, Moment
from portal.tenancy.store import Router


@dataclass(frozen=True, kw_only=True)
class State:
    """`word` stands in a pill of the colour `kind`; `since` completes it; `advice` says the next step."""

    word: str
    kind: str
    advice: str = ""
    since: Moment | None = None


WELL = State(word="well", kind="good")
OFF = State(
    word="switched off",
    kind="",
    advice="Nobody new gets in. Guests who are online stay so until their time ends.",
)
UNPINNED = State(
    word="certificate not pinned",
    kind="warn",
    advice="Import the set-up script on the router, then accept its certificate here.",
)
HELD = State(
    word="removal held",
    kind="bad",
    advice="Most of its guests would be removed, so somebody has to look first.",
)
NOT_MET = State(word="not met yet", kind="warn", advice="Import the set-up script on the router.")
TROUBLES = {
    "certificate": State(
        word="another certificate answers",
        kind="bad",
        advice="Nothing is sent to it. If you renewed it, compare and accept it; if not, somebody is between.",
    ),
    "password": State(
        word="refuses our password",
        kind="bad",
        advice="Import the set-up script again: it sets the password of the API user.",
    ),
    "address": State(
        word="address not allowed",
        kind="bad",
        advice="Bando does not connect to this address. Change it, or ask whoever runs this installation.",
    ),
}
ASKS = State(word="asks RADIUS", kind="good")
NOT_ASKED = State(
    word="has not asked yet",
    kind="warn",
    advice="Import its script on the router. It asks as soon as a phone joins its Wi-Fi.",
)
QUIET_MS = 15 * MINUTE  # a router with guests speaks each five minutes
QUIET_ADVICE = "Right if no guest is there. Else look at its power and its tunnel, and on it at /radius monitor."
SILENT_ADVICE = "Check its power and the way to it. Guests who are online stay so; those who pay wait until it answers."


def is_met(router: Router, now: Moment) -> bool:
    """Whether it was heard of lately, and nothing was wrong then."""
    fresh = QUIET_MS if router.mode == "radius" else FRESH_MS
    return router.trouble is None and router.last_contact_at is not None and now - router.last_contact_at <= fresh


def state_of(router: Router, now: Moment) -> State:
    """The worst of what is known."""
    if not router.active:
        return OFF
    if router.mode == "radius":
        return _of_asking(router, now)
    if not router.trusted:
        return UNPINNED
    if router.trouble in TROUBLES:
        return TROUBLES[router.trouble]
    if router.mass_removal == "held":
        return HELD
    if is_met(router, now):
        return WELL
    if router.last_contact_at is None:
        return NOT_MET
    return State(word="no answer since", kind="bad", advice=SILENT_ADVICE, since=router.last_contact_at)


def _of_asking(router: Router, now: Moment) -> State:
    if router.last_contact_at is None:
        return NOT_ASKED
    if is_met(router, now):
        return ASKS
    return State(word="nothing heard since", kind="warn", advice=QUIET_ADVICE, since=router.last_contact_at)


TROUBLE_WORDS = {
    "certificate": "another certificate answered",
    "password": "it refused our password",
    "address": "its address was not allowed",
    "unreachable": "it did not answer",
}


def trouble_in_words(word: str) -> str:
    """What was wrong once."""
    return TROUBLE_WORDS.get(word, word)


def grouped(fingerprint: str) -> str:
    """A fingerprint in groups of four, to be compared by eye."""
    return " ".join(fingerprint[at : at + 4] for at in range(0, len(fingerprint), 4))


def uptime_words(span_s: int) -> str:
    """Since when it is up: ``3 days 4 hours``."""
    return words.span(span_s * SECOND, "en")


def clock_words(off_ms: int) -> str:
    """How far a clock is from ours; whole seconds, because it tells no more than these."""
    seconds = abs(off_ms) // SECOND
    if seconds < 3:
        return "right"
    much = f"{seconds} s" if seconds < 120 else f"{abs(off_ms) // MINUTE:,} min"
    return f"{much} {'ahead' if off_ms > 0 else 'behind'}"
