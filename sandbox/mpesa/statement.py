"""A merchant's statement: everything that moved, told by request and as the organisation portal's file.

It holds every payment, whatever became of callback and confirmation (facts/mpesa.md 5.4 and 6.7).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from portal.clock import Moment, as_datetime
from sandbox.mpesa.answers import invalid
from sandbox.mpesa.delivery import masked
from sandbox.mpesa.faults import Switches
from sandbox.mpesa.ids import EAT, east_africa
from sandbox.mpesa.records import Line, Merchant, Transaction

if TYPE_CHECKING:
    from sandbox.mpesa.provider import SandboxMpesa

COLUMNS = (
    *("Receipt No.", "Completion Time", "Details", "Transaction Status", "Paid In", "Withdrawn", "Balance"),
    *("Reason Type", "Other Party Info", "Linked Transaction ID", "A/C No."),
)
SETTLEMENT = "Merchant to Organization Settlement"
REASONS = {"paybill": "Pay Bill Online", "till": "Buy Goods Online"}
NOTHING = "No records found or Organization Name not available"


class Statement:
    """The lines of all merchants, and who is let at theirs by request."""

    def __init__(self, mpesa: SandboxMpesa) -> None:
        self._mpesa = mpesa
        self._others: list[Line] = []
        self.registered: set[str] = set()  # paybills and store numbers

    # What happens

    def settle(self, shortcode: str) -> Line | None:
        """Everything taken goes to the bank."""
        merchant = next(each for each in self._mpesa.merchants if each.shortcode == shortcode)
        taken = self._mpesa.notices.takings.get(shortcode, 0)
        if not taken:
            return None
        return self._move_out(merchant, taken, kind="settlement")

    def reverse(self, line: Line, amount: int) -> Line:
        """The money of a payment goes back to its customer."""
        back = self._move_out(line.merchant, amount, kind="out", phone=line.phone, linked=line.receipt)
        self._mpesa.handset(line.phone).refunded(back)
        return back

    def _move_out(self, merchant: Merchant, amount: int, **more: Any) -> Line:
        now = self._mpesa.clock.now()
        line = Line(receipt=self._mpesa.ids.receipt(now), at=now, amount=amount, merchant=merchant, **more)
        self._mpesa.notices.takings[merchant.shortcode] -= amount
        self._others.append(line)
        return line

    # What is there

    def lines(self, shortcode: str) -> list[Line]:
        """Oldest first."""
        paid = (_paid(each) for each in self._mpesa.transactions if each.shortcode == shortcode)
        others = (each for each in self._others if each.merchant.shortcode == shortcode)
        return sorted((*paid, *others), key=lambda line: line.at)

    def find(self, receipt: str, merchant: Merchant) -> Line | None:
        """A line of this merchant, or of another till of its store."""
        shops = {each.shortcode for each in self._mpesa.merchants if each.business == merchant.business}
        lines = (line for shop in shops for line in self.lines(shop))
        return next((line for line in lines if line.receipt == receipt), None)

    def reversal_of(self, receipt: str) -> Line | None:
        return next((each for each in self._others if each.linked == receipt), None)

    # By request

    def pull(self, body: Mapping[str, Any], consumer_key: str) -> dict[str, Any]:
        """A page; nothing and not registered are said in the same words."""
        start, end = _read_time(body, "StartDate"), _read_time(body, "EndDate")
        offset = str(body.get("OffSetValue", ""))
        if not (offset.isascii() and offset.isdigit() and len(offset) < 10):
            raise invalid("OffSetValue")
        found = self._window(str(body.get("ShortCode", "")), consumer_key, start, end)
        page = found[int(offset) :][: self._mpesa.switches.pull_page]
        if not page and (not found or self._mpesa.switches.pull_end == "1001"):
            return self._answer("1001", NOTHING, [])
        return self._answer("1000", "Success", [row(each, self._mpesa.switches) for each in page])

    def _window(self, shortcode: str, consumer_key: str, start: Moment, end: Moment) -> list[Line]:
        own = [each for each in self._mpesa.merchants if each.consumer_key == consumer_key]
        if not any(each.shortcode == shortcode and each.business in self.registered for each in own):
            return []
        oldest = self._mpesa.clock.now() - self._mpesa.switches.pull_keeps_ms
        if start < oldest and self._mpesa.switches.pull_refuses_old:
            raise invalid("StartDate")
        start = max(start, oldest)
        kinds = ("in", "settlement", "out") if self._mpesa.switches.pull_reversals else ("in", "settlement")
        return [line for line in self.lines(shortcode) if line.kind in kinds and start <= line.at < end + 1000]

    def _answer(self, code: str, message: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
        whole: dict[str, Any] = {
            "ResponseRefID": self._mpesa.ids.merchant_request(),
            "ResponseCode": code,
            "ResponseMessage": message,
        }
        if code == "1000":
            whole["Response"] = rows if self._mpesa.switches.pull_flat else [rows]
        return whole

    # As a file

    def as_csv(self, shortcode: str) -> str:
        """Newest first, as the organisation portal gives it."""
        merchant = next(each for each in self._mpesa.merchants if each.shortcode == shortcode)
        text = io.StringIO(newline="")
        out = csv.writer(text)
        out.writerows([["Organization Name:", merchant.name], ["Short Code:", shortcode], [], COLUMNS])
        balance, written = 0, []
        for line in self.lines(shortcode):
            balance += line.amount if line.kind == "in" else -line.amount
            written.append(self._cells(line, balance))
        out.writerows(reversed(written))
        return text.getvalue()

    def _cells(self, line: Line, balance: int) -> list[str]:
        form = "%d-%m-%Y %H:%M:%S" if self._mpesa.switches.csv_day_first else "%Y-%m-%d %H:%M:%S"
        reason = {"in": REASONS[line.merchant.kind], "out": "Transaction Reversal", "settlement": SETTLEMENT}[line.kind]
        party = f"{line.phone} - {self._mpesa.handset(line.phone).first_name}" if line.phone else line.merchant.name
        amount = f"{line.amount:,.2f}"
        moved = [amount, ""] if line.kind == "in" else ["", f"-{amount}"]
        details = f"{reason} {'from' if line.kind == 'in' else 'to'} {party}"
        when = east_africa(line.at).strftime(form)
        return [
            *(line.receipt, when, details, "Completed", *moved, f"{balance:,.2f}"),
            *(reason, party, line.linked, line.account),
        ]


def _paid(payment: Transaction) -> Line:
    return Line(
        receipt=payment.receipt,
        at=payment.at,
        kind="in",
        amount=payment.amount,
        merchant=payment.merchant,
        phone=payment.phone,
        account=payment.account,
    )


def _read_time(body: Mapping[str, Any], name: str) -> Moment:
    """``YYYY-MM-DD HH:MM:SS`` in East Africa."""
    try:
        read = datetime.strptime(str(body.get(name)), "%Y-%m-%d %H:%M:%S").replace(tzinfo=EAT)
    except ValueError:
        raise invalid(name) from None
    return int(read.astimezone(UTC).timestamp() * 1000)


def row(line: Line, switches: Switches) -> dict[str, Any]:
    """A row as the gateway gives it: lower case, and a date whose zone is anybody's guess."""
    kinds = {
        "in": "c2b-pay-bill-debit" if line.merchant.kind == "paybill" else "c2b-buy-goods-debit",
        "out": "c2b-reversal",
        "settlement": "merchant-to-organization-settlement",
    }
    shown = {"full": line.phone, "short": line.phone[3:], "masked": masked(line.phone) if line.phone else ""}
    return {
        "transactionId": line.receipt,
        "trxDate": _date(line.at, switches),
        "msisdn": shown[switches.pull_payer],
        "sender": "MPESA",
        "transactiontype": kinds[line.kind],
        "billreference": line.account,
        "amount": line.amount if switches.pull_numbers else f"{line.amount:.2f}",
        "organizationname": line.merchant.name,
    }


def _date(moment: Moment, switches: Switches) -> str:
    if switches.pull_dates == "utc as Z":
        return f"{as_datetime(moment):%Y-%m-%dT%H:%M:%S}Z"
    zone = "Z" if switches.pull_dates == "eat as Z" else "+03:00"
    return f"{east_africa(moment):%Y-%m-%dT%H:%M:%S}{zone}"
