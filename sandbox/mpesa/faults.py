"""What can go wrong, and what nobody knows for sure.

A `Fault` belongs to one payment and is chosen with `Faults.next(...)`, or stands for all of them.
`Switches` hold the facts that no source settles and the measures a test may want smaller; they may be
changed at any time.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from typing import Any, Literal

from portal.clock import DAY, HOUR, MINUTE, SECOND

PushFault = Literal[
    "accepted_500",  # the prompt is on its way, the answer says 500.003.1001
    "accepted_cut",  # the prompt is on its way, the connection dies without an answer
    "failed_500",  # the same 500, but nothing was started
    "waf_503",  # the firewall in front answers in HTML, nothing was started
    "busy",  # 500.003.02 "System is busy"
    "spike",  # 500.003.02 "Spike Arrest Violation": same code, other meaning
    "quota",  # 500.003.03
    "too_many",  # 429 with the gateway's own envelope
]
Step = Literal["callback", "c2b"]


@dataclass(frozen=True, kw_only=True)
class Fault:
    """How one payment is told; the defaults are how a good day looks."""

    push: PushFault | None = None
    slow_ms: int = 0  # the push answer waits; the prompt is there meanwhile

    before_ack: bool = False  # answered and called back before the push is answered
    order: tuple[Step, ...] = ("callback", "c2b")  # () tells nothing, ("callback", "c2b", "callback") twice
    copies: int = 1  # this many callbacks at the same instant
    again_after_ms: int | None = None  # the callback once more, later
    late_ms: int = 0
    c2b_late_ms: int = 0

    code: int | str | None = None  # the payment ends with this code whatever the handset says
    fail_first: int | str | None = None  # a callback with this code comes ahead of the true one
    string_code: bool = False  # ResultCode as "0"
    amount: int | None = None  # the callback names this amount, another one moved
    wrong_ids: Literal["checkout", "merchant", "both"] | None = None
    balance: Literal["no value", "text"] | None = None
    phone: Literal["full", "missing", "masked"] = "full"
    date_text: bool = False  # TransactionDate as text
    no_receipt: bool = False
    source: str | None = None  # local address the callback is sent from, such as 127.0.0.9

    query_code: str | None = None  # the query contradicts the callback with this code


class Faults:
    """The standing fault, and those waiting for the next payments."""

    def __init__(self, standing: Fault | None = None) -> None:
        self.standing = standing or Fault()
        self._waiting: deque[tuple[str | None, Fault]] = deque()

    def next(self, *, payer: str | None = None, **changes: Any) -> None:
        """One of the next payments goes wrong: the next one, or the next of the phone `payer` (2547…)."""
        self._waiting.append((payer, replace(self.standing, **changes)))

    def always(self, **changes: Any) -> None:
        """From now on each payment goes wrong like this."""
        self.standing = replace(self.standing, **changes)

    def peek(self, phone: str) -> Fault:
        return next((fault for payer, fault in self._waiting if payer in (None, phone)), self.standing)

    def take(self, phone: str) -> Fault:
        """The fault for a payment of this phone; one that waited is used up."""
        fault = self.peek(phone)
        for entry in self._waiting:
            if entry[1] is fault and entry[0] in (None, phone):
                self._waiting.remove(entry)
                break
        return fault

    def clear(self) -> None:
        self.standing = Fault()
        self._waiting.clear()


@dataclass(frozen=True, kw_only=True)
class OfficeFault:
    """How one request of the back office goes: a page of the statement, or a status, reversal or balance."""

    answer: PushFault | None = None  # to the request; of a page of the statement nothing comes in any case

    # The result that is posted later
    code: int | str | None = None  # this code, and nothing is done
    string_code: bool = False  # ResultCode and ResultType as text
    bare_parameter: bool = False  # one parameter alone, not in a list
    copies: int = 1  # 0 sends nothing
    late_ms: int = 0
    timed_out: bool = False  # the time-out address hears of it instead, though it was done
    status: str = "Completed"  # what a status says of a payment


class OfficeFaults:
    """The standing fault of the back office, and those waiting for its next requests."""

    def __init__(self) -> None:
        self.standing = OfficeFault()
        self._waiting: deque[OfficeFault] = deque()

    def next(self, **changes: Any) -> None:
        self._waiting.append(replace(self.standing, **changes))

    def always(self, **changes: Any) -> None:
        self.standing = replace(self.standing, **changes)

    def take(self) -> OfficeFault:
        return self._waiting.popleft() if self._waiting else self.standing


@dataclass(kw_only=True)
class Switches:
    """Unsettled facts and sizes; each default is what the better source says."""

    # Tokens (facts/mpesa.md 1)
    expires_in_number: bool = False
    new_token_kills_old: bool = True
    token_life_ms: int = HOUR

    # Push (2)
    https_callbacks: bool = True
    max_amount: int = 250_000
    lock_as_200: bool = False
    lock_lingers_ms: int = 0
    prompt_ms: int = MINUTE
    unanswered_code: int | str = 1037
    decide_ms: int = 2 * SECOND  # until a push that never reaches the handset has its result
    duplicate_ms: int = 2 * MINUTE  # 0 lets duplicates through
    duplicate_of: Literal["pushes", "payments"] = "pushes"  # payments: only one that was paid counts
    refuse_real_numbers: bool = False  # as Safaricom's own sandbox does, with E3008

    # Query (4)
    unknown_for_ms: int = 2 * SECOND
    pending_as_error: bool = False
    query_per_minute: int = 5  # 0 is no limit
    query_burst: int = 1
    query_age_ms: int | None = None
    retry_after: bool = False

    # Callback (3.4)
    retries_ms: tuple[int, ...] = ()
    callback_loss: float = 0.0

    # C2B (5)
    c2b_loss: float = 0.0
    validation_ms: int = 8 * SECOND
    till_confirmed_as: Literal["till", "store"] = "till"
    hash_salt: str = ""

    # Statement (6.7)
    spaced_keys: bool = True  # of the registration's answer
    pull_page: int = 50  # rows
    pull_end: Literal["1001", "empty"] = "1001"  # what stands behind the last page
    pull_keeps_ms: int = 48 * HOUR
    pull_refuses_old: bool = False  # a window that begins before that, instead of leaving out what is gone
    pull_dates: Literal["eat as Z", "utc as Z", "+03:00"] = "eat as Z"
    pull_flat: bool = False  # a list, not a list inside a list
    pull_numbers: bool = False  # amounts as numbers
    pull_payer: Literal["full", "short", "masked"] = "full"
    pull_reversals: bool = False  # they are no C2B
    csv_day_first: bool = True

    # Initiators (6.1 to 6.5)
    password_life_ms: int = 90 * DAY
    wrong_passwords: int = 3  # until the user is locked
    result_ms: int = 2 * SECOND
    no_float: bool = False  # nothing there to reverse with
    double_party: bool = True  # DebitPartyName twice, the second without a value
