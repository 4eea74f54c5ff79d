"""What a router's refusals mean: one table from its texts to `Answer` (facts/mikrotik.md 1.7, 4.3).

    RouterError
    ├── RouterRefusedLogin           the API account: name, password, policy or source address
    └── RouterUnreachable
        └── RouterCertificateChanged somebody else answers at that address, or the certificate was renewed

Texts come with suffixes such as ``(4)``, inside ``internal error (…)``, and in other wording from the pages; the
table looks for the part that stays. Untranslated texts only: the pages' are translated, the API's are not.
"""

from __future__ import annotations

import re
from enum import Enum, auto

from portal.errors import RouterError, RouterTrap, RouterUnreachable


class RouterRefusedLogin(RouterError):
    """The router refused the API account."""


class RouterCertificateChanged(RouterUnreachable):
    """The router shows another certificate than the one that was pinned."""


class Answer(Enum):
    """What a refusal asks of us."""

    # answers to a hotspot login
    UNKNOWN_HOST = auto()  # the device is absent: wait
    WRONG_MAC = auto()  # the claim was false
    UPTIME_LIMIT = auto()  # read the user again
    TRAFFIC_LIMIT = auto()
    NO_MORE_SESSIONS = auto()  # a ghost of the device is still there
    FAILED_TO_ADD_QUEUE = auto()  # the plan's rate is wrong
    LICENCE_FULL = auto()
    ALREADY_AUTHORIZING = auto()  # try again
    BAD_CREDENTIALS = auto()  # write the password again
    NO_FREE_ADDRESS = auto()
    RADIUS_SILENT = auto()
    SHUTTING_DOWN = auto()
    # answers to any command
    NO_SUCH_ITEM = auto()  # ids changed: read again
    DUPLICATE = auto()  # it is there already: read again
    NO_SUCH_COMMAND = auto()  # the package is missing
    NOT_PERMITTED = auto()  # the API account's policies
    UNKNOWN_PARAMETER = auto()  # another version
    BAD_VALUE = auto()
    TIMED_OUT = auto()  # the router is busy: try again
    INTERRUPTED = auto()
    LOGIN_REFUSED = auto()  # the API's own login
    OTHER = auto()


# Order matters: "failed to add queue" arrives wrapped in "internal error: login failed".
_TABLE: tuple[tuple[str, Answer], ...] = (
    (r"failed to add queue", Answer.FAILED_TO_ADD_QUEUE),
    (r"unknown host ip", Answer.UNKNOWN_HOST),
    (r"wrong mac provided|invalid-mac|from this mac address|mac address is not yours", Answer.WRONG_MAC),
    (r"uptime limit|uptime-limit", Answer.UPTIME_LIMIT),
    (r"traffic limit|traffic-limit|(transfer|bytes) limit", Answer.TRAFFIC_LIMIT),
    (r"no more sessions|user-session-limit", Answer.NO_MORE_SESSIONS),
    (r"session limit reached|license-session-limit|licen[sc]e.*limit", Answer.LICENCE_FULL),
    (r"already authorizing|auth-in-progress", Answer.ALREADY_AUTHORIZING),
    (r"invalid user name or password|cannot log in", Answer.LOGIN_REFUSED),
    (r"invalid username or password|invalid-username|invalid password", Answer.BAD_CREDENTIALS),
    (r"no more free addresses|ippool-empty", Answer.NO_FREE_ADDRESS),
    (r"radius server is not responding|radius-timeout|radius timeout", Answer.RADIUS_SILENT),
    (r"service is shutting down|shutting-down", Answer.SHUTTING_DOWN),
    (r"no such item|expected item id", Answer.NO_SUCH_ITEM),
    (r"already have|with such name( already)? exists|already exists", Answer.DUPLICATE),
    (r"no such command|bad command name", Answer.NO_SUCH_COMMAND),
    (r"not enough permissions", Answer.NOT_PERMITTED),
    (r"unknown parameter", Answer.UNKNOWN_PARAMETER),
    (r"input does not match|ambiguous value|invalid value|contents too long", Answer.BAD_VALUE),
    (r"action timed out", Answer.TIMED_OUT),
    (r"interrupted", Answer.INTERRUPTED),
)
_PATTERNS = tuple((re.compile(pattern, re.IGNORECASE), answer) for pattern, answer in _TABLE)

# What may go away by itself: the same command may be sent again later.
PASSING = frozenset({Answer.ALREADY_AUTHORIZING, Answer.TIMED_OUT, Answer.INTERRUPTED, Answer.SHUTTING_DOWN})


def answer_to(message: str) -> Answer:
    """What one text of a router means."""
    return next((answer for pattern, answer in _PATTERNS if pattern.search(message)), Answer.OTHER)


def answer_of(trap: RouterTrap) -> Answer:
    """What a refusal means: of several texts the first that the table knows."""
    answers = map(answer_to, (trap.message, *trap.others))
    return next((answer for answer in answers if answer is not Answer.OTHER), Answer.OTHER)
