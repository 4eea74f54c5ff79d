"""M-Pesa's statement by request (Pull Transactions): what is asked, the rows that come, and what their times mean.

Pure. The gateway keeps 48 hours, pages by row, and says "nothing" and "not registered" in the same words. Its dates
carry a zone that is not to be trusted, so they are kept as written until a reading is proven (facts/mpesa.md 6.7).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from portal.clock import HOUR, MINUTE, Moment
from portal.errors import ProviderRefused, ProviderUnknown
from portal.money import Money
from portal.payments.answers import is_throttled, read_answer, read_fault
from portal.payments.mpesa import EAT, as_text, normal_ref, read_amount, read_object, read_receipt

REGISTER_PULL_PATH = "/pulltransactions/v1/register"
PULL_PATH = "/pulltransactions/v1/query"
MAX_PAGE = 4 * 1024 * 1024  # a page may hold very many rows; more than this is no page
KEPT_MS = 48 * HOUR - MINUTE  # what the gateway keeps, and a minute for the way there

RowKind = Literal["in", "out", "other"]
Zone = Literal["utc", "eat"]
ZONES: tuple[Zone, Zone] = ("eat", "utc")


@dataclass(frozen=True, kw_only=True)
class StatementRow:
    """A line of a statement. `written` is its date as it stands there; `linked` the receipt that it takes back."""

    number: str
    amount: Money
    written: str
    kind: RowKind
    account_ref: str = ""
    payer: str = ""  # a number, a mask with its last digits, or nothing
    organization: str = ""
    linked: str = ""


# --- requests ---


def pull_register_request(shortcode: str, nominated: str, callback_url: str) -> dict[str, str]:
    """Ask once to be let at the statement; for a till its store number is registered."""
    return {"ShortCode": shortcode, "RequestType": "Pull", "NominatedNumber": nominated, "CallBackURL": callback_url}


def pull_request(shortcode: str, start: Moment, end: Moment, offset: int) -> dict[str, str]:
    """The rows between two moments, from the row `offset` on; each till is asked for by its own number."""
    return {
        "ShortCode": shortcode,
        "StartDate": east_africa(start),
        "EndDate": east_africa(end),
        "OffSetValue": str(offset),
    }


def east_africa(moment: Moment) -> str:
    return datetime.fromtimestamp(moment / 1000, EAT).strftime("%Y-%m-%d %H:%M:%S")


# --- answers ---


def read_registration(status: int, body: bytes) -> Literal["new", "already"]:
    """Whether the shortcode was let at its statement now or before; raises `ProviderRefused` or `ProviderUnknown`."""
    found = _plain_keys(read_answer(status, body))
    code = as_text(found.get("responsestatus")) or as_text(found.get("responsecode"))
    if status != 200 or not code:
        raise ProviderUnknown(f"HTTP {status} without a response status")
    if code not in ("1000", "1001"):
        raise ProviderRefused("refused", as_text(found.get("responsedescription")))
    return "new" if code == "1000" else "already"


@dataclass(frozen=True, kw_only=True)
class PullPage:
    """A page. `raw` counts every row that came, readable or not: the next page begins that many rows further.

    "nothing" may also mean that the shortcode is not registered; `registered` says what is certain.
    """

    meaning: Literal["rows", "nothing", "unknown"]
    rows: tuple[StatementRow, ...] = ()
    raw: int = 0
    skipped: int = 0
    registered: bool | None = None
    detail: str = ""


def read_pull(status: int, body: bytes) -> PullPage:
    """A page of the statement, whatever came; "unknown" is worth another try."""
    found = read_object(body, MAX_PAGE)
    fault = read_fault(found)
    if found is None or fault is not None or is_throttled(status, body):
        return PullPage(meaning="unknown", detail=fault.message if fault else f"HTTP {status} without JSON")
    plain = _plain_keys(found)
    code = as_text(plain.get("responsecode")) or as_text(plain.get("responsestatus"))
    if code == "1001":
        said = as_text(plain.get("responsemessage")) or as_text(plain.get("responsedescription"))
        return PullPage(meaning="nothing", detail=said)
    if status != 200 or code not in ("1000", "0"):
        return PullPage(meaning="unknown", detail=f"HTTP {status} {code}".strip())
    return _page(list(_leaves(plain.get("response"))))


def _page(leaves: list[object]) -> PullPage:
    rows = tuple(row for row in map(_row, leaves) if row is not None)
    return PullPage(
        meaning="rows" if leaves else "nothing",
        rows=rows,
        raw=len(leaves),
        skipped=len(leaves) - len(rows),
        registered=True,
    )


def _leaves(found: object) -> Iterator[object]:
    """The rows of a list inside a list, of a flat one, or a row that stands alone."""
    waiting = [found]
    while waiting:
        each = waiting.pop()
        if isinstance(each, list):
            waiting.extend(reversed(each))
        elif each not in (None, ""):
            yield each


def _plain_keys(found: Mapping[str, Any]) -> dict[str, Any]:
    """``Response Status``, ``ResponseStatus`` and ``responsestatus`` are one; the first that says something counts."""
    plain: dict[str, Any] = {}
    for name, value in found.items():
        key = re.sub(r"[^a-z0-9]", "", name.lower())
        if plain.get(key) in (None, ""):
            plain[key] = value
    return plain


def _row(leaf: object) -> StatementRow | None:
    """A row that can be read: it has a receipt number and an amount."""
    if not isinstance(leaf, dict):
        return None
    found = _plain_keys(leaf)
    number, amount = read_receipt(found.get("transactionid")), read_amount(found.get("amount"))
    if number is None or amount is None:
        return None
    return StatementRow(
        number=number,
        amount=amount,
        written=as_text(found.get("trxdate"), 40),
        kind=_kind(as_text(found.get("transactiontype")).lower()),
        account_ref=normal_ref(as_text(found.get("billreference"))),
        payer=read_payer(as_text(found.get("msisdn"))),
        organization=as_text(found.get("organizationname")),
    )


def _kind(transaction_type: str) -> RowKind:
    """Money of a customer, money that went back to one, or the shop's own affair such as a settlement."""
    if "reversal" in transaction_type:
        return "out"
    return "in" if transaction_type.startswith("c2b-") else "other"


def read_payer(text: str) -> str:
    """A phone number in full however it is written, or its mask; the sender ``MPESA`` is nobody."""
    digits = re.sub(r"[\s+-]", "", text)
    whole = re.fullmatch(r"(?:254|0)?([17][0-9]{8})", digits)
    if whole:
        return f"254{whole[1]}"
    return text if re.fullmatch(r"[0-9+][0-9 ]{0,12}\*[0-9* ]{0,20}", text) else ""


# --- when ---

_WRITTEN = re.compile(
    r"(?:(?P<y>[0-9]{4})-(?P<m>[0-9]{2})-(?P<d>[0-9]{2})|(?P<d2>[0-9]{2})-(?P<m2>[0-9]{2})-(?P<y2>[0-9]{4}))"
    r"[T ]{1,3}(?P<time>[0-9]{1,2}:[0-9]{2}(?::[0-9]{2})?)(?:\.[0-9]{1,9})? ?(?:Z|[+-][0-9]{2}:?[0-9]{2})?",
    re.IGNORECASE,
)
_FOURTEEN = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})([0-9]{2})([0-9]{2})([0-9]{2})")
NEAR_MS = 2 * MINUTE
SLACK_MS = 5 * MINUTE


def moment_of(written: str, zone: Zone) -> Moment | None:
    """The written time read in a zone of ours: what it says itself about its zone does not count."""
    fields = _fields(written.strip())
    if fields is None:
        return None
    try:
        read = datetime(*fields, tzinfo=EAT if zone == "eat" else UTC)
        return int(read.astimezone(UTC).timestamp()) * 1000
    except (ValueError, OverflowError):
        return None


def _fields(written: str) -> tuple[int, int, int, int, int, int] | None:
    fourteen = _FOURTEEN.fullmatch(written)
    if fourteen:
        year, month, day, hour, minute, second = map(int, fourteen.groups())
        return year, month, day, hour, minute, second
    found = _WRITTEN.fullmatch(written)
    if found is None:
        return None
    hour, minute, second = map(int, (*found["time"].split(":"), "0")[:3])
    date = (found["y"] or found["y2"], found["m"] or found["m2"], found["d"] or found["d2"])
    return int(date[0]), int(date[1]), int(date[2]), hour, minute, second


def zone_of(
    rows: Sequence[StatementRow], known: Mapping[str, Moment], asked_from: Moment, asked_until: Moment, now: Moment
) -> Zone | None:
    """How the times of these rows are to be read; None when nothing proves it, and then nobody may.

    A receipt whose moment is known from elsewhere decides. If none does, the reading that remains when those are
    excluded that lie in the future, or wholly outside of what was asked for.
    """
    votes = {zone for row in rows for zone in ZONES if _near(moment_of(row.written, zone), known.get(row.number))}
    if votes:
        return votes.pop() if len(votes) == 1 else None
    left = [zone for zone in ZONES if _possible(_moments(rows, zone), asked_from, asked_until, now)]
    return left[0] if len(left) == 1 else None


def _near(moment: Moment | None, known: Moment | None) -> bool:
    return moment is not None and known is not None and abs(moment - known) <= NEAR_MS


def _moments(rows: Iterable[StatementRow], zone: Zone) -> list[Moment]:
    found = (moment_of(row.written, zone) for row in rows)
    return [moment for moment in found if moment is not None]


def _possible(moments: list[Moment], asked_from: Moment, asked_until: Moment, now: Moment) -> bool:
    """Whether rows of these moments could have been answered."""
    if not moments:
        return False
    latest, earliest = max(moments), min(moments)
    return latest <= now + SLACK_MS and latest >= asked_from - SLACK_MS and earliest <= asked_until + SLACK_MS
