"""The statement that M-Pesa's organisation portal gives as a file, or that somebody pasted. Pure.

Its columns are found by their names, in any order and with any separator, below whatever lines stand above them.
Each line is read alone: a stray quotation mark spoils its own line, never the money of the next one.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from portal.money import Money, from_decimal
from portal.payments.mpesa import normal_ref, read_receipt
from portal.payments.statement import RowKind, StatementRow, moment_of, read_payer

MAX_BYTES = 8 * 1024 * 1024
MAX_LINES = 200_000
HEAD_LINES = 30
SEPARATORS = (",", ";", "\t")
NEEDED = frozenset({"receiptno", "completiontime", "transactionstatus", "paidin"})
_ALSO = {
    "receiptnumber": "receiptno",
    "status": "transactionstatus",
    "withdrawal": "withdrawn",
    "accountno": "acno",
    "accountnumber": "acno",
}
# The shop's own affairs, some of which bear the receipt number of the payment beside them.
_OWN = re.compile(r"charge|settlement|funds transfer", re.IGNORECASE)
_AMOUNT = re.compile(
    r"(?:KES|KSH)?\s*([+-]?(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]{1,12})(?:\.[0-9]{1,2}0*)?)", re.IGNORECASE
)
_SHORTCODE = re.compile(r"short\s*code[^0-9A-Za-z]{1,10}([0-9]{5,8})\b", re.IGNORECASE)
_BEGINS = re.compile(r"\W{0,5}(?:[a-z]+\s+)?short\s*code", re.IGNORECASE)

Problem = Literal["", "too-large", "too-many-lines", "no-columns"]
Why = Literal["unreadable", "columns", "receipt", "time", "amount"]


@dataclass(frozen=True, kw_only=True)
class CsvStatement:
    """What was read; `problem` says why nothing was. All times are East African.

    `bad_lines` hold something that cannot be read; `unfinished` counts the lines by which no money moved;
    `shortcodes` are the numbers that the file says it is of, as far as it says so: more than one if files were joined.
    """

    rows: tuple[StatementRow, ...] = ()
    bad_lines: tuple[tuple[int, Why], ...] = ()
    unfinished: int = 0
    shortcodes: tuple[str, ...] = ()
    problem: Problem = ""


class _Bad(Exception):
    """This line cannot be read."""

    def __init__(self, why: Why) -> None:
        super().__init__(why)
        self.why: Why = why


@dataclass(frozen=True, kw_only=True)
class _Head:
    """The line that names the columns: where it stands, what parts its cells, which column is where."""

    line: int
    separator: str
    columns: Mapping[str, int]
    width: int


def read_csv(body: bytes | str) -> CsvStatement:
    """A statement as a file or as pasted text; never raises, whatever it is."""
    if len(body) > MAX_BYTES:
        return CsvStatement(problem="too-large")
    lines = re.split(r"\r\n|\r|\n", body if isinstance(body, str) else _text(body))
    if len(lines) > MAX_LINES:
        return CsvStatement(problem="too-many-lines")
    head = _head(lines)
    if head is None:
        return CsvStatement(problem="no-columns")
    return _read(lines, head)


def _text(body: bytes) -> str:
    """UTF-8, or what spreadsheets call Unicode, or what they call plain."""
    if body.startswith((b"\xff\xfe", b"\xfe\xff")):
        return body.decode("utf-16", "replace")
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError:
        return body.decode("cp1252", "replace")


def _split(line: str, separator: str) -> list[str]:
    """The cells of one line; it never reaches into the next.

    A quotation mark that is not closed would put amounts into other columns.
    """
    try:
        found = next(csv.reader([line], delimiter=separator, strict=True), [])
    except csv.Error:
        raise _Bad("unreadable") from None
    return [each.strip() for each in found]


def _head(lines: Sequence[str]) -> _Head | None:
    for number, line in enumerate(lines[:HEAD_LINES]):
        for separator in SEPARATORS:
            names = _names(line.lstrip("\ufeff"), separator)
            columns = {name: place for place, name in reversed(list(enumerate(names)))}  # of two alike the first
            if columns.keys() >= NEEDED:
                return _Head(line=number, separator=separator, columns=columns, width=len(names))
    return None


def _names(line: str, separator: str) -> list[str]:
    try:
        names = (re.sub(r"[^a-z]", "", each.lower()) for each in _split(line, separator))
        return [_ALSO.get(name, name) for name in names]
    except _Bad:
        return []


def _read(lines: Sequence[str], head: _Head) -> CsvStatement:
    rows: list[StatementRow] = []
    bad: list[tuple[int, Why]] = []
    unfinished = 0
    for number, line in enumerate(lines[head.line + 1 :], head.line + 2):
        try:
            cells = _split(line, head.separator)
            if not any(cells):
                continue
            if number == len(lines) and _cut(cells, head):
                raise _Bad("columns")
            row = _row(_named(cells, head))
        except _Bad as found:
            bad.append((number, found.why))
            continue
        if row is None:
            unfinished += 1
        else:
            rows.append(row)
    between = (lines[number - 1] for number, _ in bad)
    codes = [*_SHORTCODE.findall("\n".join(lines[: head.line])[:10_000]), *_below(between)]
    return CsvStatement(
        rows=tuple(rows), bad_lines=tuple(bad), unfinished=unfinished, shortcodes=tuple(dict.fromkeys(codes))
    )


def _below(unread: Iterable[str]) -> Iterator[str]:
    """The numbers of files that were joined to the first: such a line begins so, no line of a payment does."""
    for line in unread:
        yield from _SHORTCODE.findall(line[:200]) if _BEGINS.match(line) else ()


def _cut(cells: Sequence[str], head: _Head) -> bool:
    """Whether the last line, which has no end, may be half a line: then its last amount may be half an amount."""
    amounts = {head.columns.get(name) for name in ("paidin", "withdrawn")}
    last = len(cells) - 1
    return last + 1 < head.width or (last in amounts and not re.fullmatch(r"|-|.*\.[0-9]{2}", cells[last]))


def _named(cells: Sequence[str], head: _Head) -> dict[str, str]:
    """The cells by the names of their columns.

    Empty ones may be missing at the end; one too many means that a separator stands in a cell, and all are shifted.
    """
    if len(cells) > head.width or any(head.columns[name] >= len(cells) for name in NEEDED):
        raise _Bad("columns")
    return {name: cells[place] for name, place in head.columns.items() if place < len(cells)}


def _row(cells: Mapping[str, str]) -> StatementRow | None:
    """A line by which money moved; None for one that did not complete."""
    number = read_receipt(cells["receiptno"])
    if number is None:
        raise _Bad("receipt")
    if cells["transactionstatus"].lower() != "completed":
        return None
    if moment_of(cells["completiontime"], "eat") is None:
        raise _Bad("time")
    paid_in, withdrawn = _amount(cells["paidin"]), _amount(cells.get("withdrawn", ""))
    if paid_in.minor < 0 or (paid_in.minor > 0) == (withdrawn.minor != 0):
        raise _Bad("amount")
    return StatementRow(
        number=number,
        amount=paid_in if paid_in.minor > 0 else Money(abs(withdrawn.minor)),
        written=cells["completiontime"],
        kind=_kind(cells, came_in=paid_in.minor > 0),
        account_ref=normal_ref(cells.get("acno", "")),
        payer=read_payer(cells.get("otherpartyinfo", "").split(" - ")[0].strip()),
        linked=read_receipt(cells.get("linkedtransactionid")) or "",
    )


def _amount(cell: str) -> Money:
    """``1,000.00``, ``-5.00``, or nothing."""
    if cell in ("", "-"):
        return Money(0)
    found = _AMOUNT.fullmatch(cell)
    amount = from_decimal(found[1].replace(",", "")) if found else None
    if amount is None:
        raise _Bad("amount")
    return amount


def _kind(cells: Mapping[str, str], *, came_in: bool) -> RowKind:
    """What a customer typed stands in the details of a payment, so these do not count for what came in."""
    reason, details = cells.get("reasontype", ""), cells.get("details", "")
    if came_in:
        return "other" if _OWN.search(reason) else "in"
    if "revers" in f"{reason} {details}".lower():
        return "out"
    return "other" if _OWN.search(reason or details) else "out"
