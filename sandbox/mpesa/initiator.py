"""API users of a merchant and what they ask: status, reversal, balance; the result is posted later.

The credential is opened with the sandbox's own key; wrong, unknown and expired are all 2001, and a user who is wrong
too often is locked (facts/mpesa.md 6.1 to 6.5).
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

from portal.clock import Moment
from sandbox.mpesa.answers import result_text
from sandbox.mpesa.faults import OfficeFault, OfficeFaults
from sandbox.mpesa.ids import stamp
from sandbox.mpesa.records import Code, Line, Merchant
from sandbox.mpesa.statement import REASONS

if TYPE_CHECKING:
    from sandbox.mpesa.provider import SandboxMpesa

ROLES = frozenset({"status", "reversal", "balance"})
Parameters = list[tuple[str, object]]


@cache
def private_key() -> rsa.RSAPrivateKey:
    """One for the process; making it takes a moment."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@cache
def certificate_pem() -> str:
    """The key in its envelope, which ended in 2016, as the one of the real sandbox did."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "apicrypt.sandbox.test")])
    builder = x509.CertificateBuilder(
        issuer_name=name,
        subject_name=name,
        public_key=private_key().public_key(),
        serial_number=1,
        not_valid_before=datetime(2015, 11, 11, tzinfo=UTC),
        not_valid_after=datetime(2016, 11, 11, tzinfo=UTC),
    )
    made = builder.sign(private_key(), hashes.SHA256())
    return made.public_bytes(serialization.Encoding.PEM).decode()


def opened(credential: str) -> str | None:
    try:
        plain = private_key().decrypt(base64.b64decode(credential, validate=True), padding.PKCS1v15())
        return plain.decode()
    except (ValueError, binascii.Error):
        return None


@dataclass(kw_only=True)
class User:
    """An API user; its password was set at `since`."""

    password: str
    roles: frozenset[str]
    since: Moment
    wrong: int = 0


@dataclass(frozen=True, kw_only=True)
class Command:
    """A request that was taken."""

    role: str
    merchant: Merchant
    initiator: str
    credential: str
    receipt: str
    amount: int
    result_url: str
    timeout_url: str
    originator: str
    conversation: str
    fault: OfficeFault


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of it."""

    code: Code = 0
    transaction: str = ""
    parameters: Parameters = field(default_factory=list)


class Initiators:
    """The API users of all merchants, and the carrying out of what they ask."""

    def __init__(self, mpesa: SandboxMpesa) -> None:
        self._mpesa = mpesa
        self._users: dict[tuple[str, str], User] = {}
        self.faults = OfficeFaults()

    def add(self, business: str, name: str, password: str, roles: Iterable[str] = ROLES) -> None:
        """A user of a paybill or store; added again, its password is new."""
        user = User(password=password, roles=frozenset(roles), since=self._mpesa.clock.now())
        self._users[business, name] = user

    def take(self, command: Command) -> None:
        """It is done, and told, in a while."""
        due = self._mpesa.clock.now() + self._mpesa.switches.result_ms
        self._mpesa.agenda.at(due, lambda: self._carry_out(command))

    async def _carry_out(self, command: Command) -> None:
        fault = command.fault
        outcome = Outcome(code=fault.code) if fault.code is not None else self._outcome(command)
        if fault.late_ms:
            due = self._mpesa.clock.now() + fault.late_ms
            self._mpesa.agenda.at(due, lambda: self._tell(command, outcome))
        else:
            await self._tell(command, outcome)

    async def _tell(self, command: Command, outcome: Outcome) -> None:
        late = command.fault.timed_out
        url = command.timeout_url if late else command.result_url
        body = result_body(command, Outcome(code=26) if late else outcome)
        for _ in range(command.fault.copies):
            await self._mpesa.courier.result(command.merchant, url, body, timed_out=late)

    def _outcome(self, command: Command) -> Outcome:
        code = self._refusal(command)
        if code:
            return Outcome(code=code)
        acts = {"status": self._status, "reversal": self._reversal, "balance": self._balance}
        return acts[command.role](command)

    def _refusal(self, command: Command) -> int:
        user = self._users.get((command.merchant.business, command.initiator))
        if user is None:
            return 2001
        if user.wrong >= self._mpesa.switches.wrong_passwords:
            return 8006
        expired = self._mpesa.clock.now() > user.since + self._mpesa.switches.password_life_ms
        if expired or opened(command.credential) != user.password:
            user.wrong += 1
            return 2001
        user.wrong = 0
        return 0 if command.role in user.roles else 21

    # The three requests

    def _status(self, command: Command) -> Outcome:
        line = self._mpesa.statement.find(command.receipt, command.merchant)
        if line is None:
            return Outcome(code=25)
        customer, shop = self._party(line), f"{line.merchant.shortcode} - {line.merchant.name}"
        debit, credit = (customer, shop) if line.kind == "in" else (shop, customer)
        parameters: Parameters = [
            ("DebitPartyName", debit),
            ("CreditPartyName", credit),
            ("InitiatedTime", int(stamp(line.at))),
            ("FinalisedTime", int(stamp(line.at))),
            ("DebitAccountType", "MMF Account For Customer"),
            ("TransactionStatus", command.fault.status),
            ("ReasonType", REASONS[line.merchant.kind]),
            ("TransactionReason", None),
            ("ReceiptNo", line.receipt),
            ("Amount", f"{line.amount:.2f}"),
        ]
        again: Parameters = [("DebitPartyName", None)] if self._mpesa.switches.double_party else []
        return Outcome(transaction=self._receipt(), parameters=[*parameters, *again])

    def _reversal(self, command: Command) -> Outcome:
        line = self._mpesa.statement.find(command.receipt, command.merchant)
        if line is None or line.kind != "in":
            return Outcome(code="R000002")
        if self._mpesa.statement.reversal_of(line.receipt):
            return Outcome(code="R000001")
        there = 0 if self._mpesa.switches.no_float else self._mpesa.notices.takings[line.merchant.shortcode]
        if command.amount > min(there, line.amount):  # what more than was paid becomes of, no source says
            return Outcome(code=1)
        back = self._mpesa.statement.reverse(line, command.amount)
        parameters: Parameters = [
            ("OriginalTransactionID", line.receipt),
            ("Amount", float(command.amount)),
            ("Charge", 0.0),
            ("TransCompletedTime", int(stamp(back.at))),
            ("CreditPartyPublicName", self._party(line)),
        ]
        return Outcome(transaction=back.receipt, parameters=parameters)

    def _balance(self, command: Command) -> Outcome:
        taken = f"{self._mpesa.notices.takings.get(command.merchant.shortcode, 0):.2f}"
        accounts = (("Working Account", "0.00"), ("Utility Account", taken), ("Charges Paid Account", "0.00"))
        told = "&".join(f"{name}|KES|{amount}|{amount}|0.00|0.00" for name, amount in accounts)
        parameters: Parameters = [
            ("AccountBalance", told),
            ("BOCompletedTime", int(stamp(self._mpesa.clock.now()))),
        ]
        return Outcome(transaction=self._receipt(), parameters=parameters)

    def _party(self, line: Line) -> str:
        return f"{line.phone} - {self._mpesa.handset(line.phone).first_name}" if line.phone else "BANK"

    def _receipt(self) -> str:
        return self._mpesa.ids.receipt(self._mpesa.clock.now())


def result_body(command: Command, outcome: Outcome) -> dict[str, Any]:
    """facts/mpesa.md 6.2: a failure has no parameters, a parameter may have no value, one may stand alone."""
    fault = command.fault
    number = isinstance(outcome.code, int) and not fault.string_code
    result: dict[str, Any] = {
        "ResultType": 0 if number else "0",
        "ResultCode": outcome.code if number else str(outcome.code),
        "ResultDesc": result_text(outcome.code),
        "OriginatorConversationID": command.originator,
        "ConversationID": command.conversation,
        "TransactionID": outcome.transaction or "0000000000",
    }
    told = [{"Key": key} if value is None else {"Key": key, "Value": value} for key, value in outcome.parameters]
    if told:
        result["ResultParameters"] = {"ResultParameter": told[0] if fault.bare_parameter else told}
    result["ReferenceData"] = {"ReferenceItem": {"Key": "QueueTimeoutURL", "Value": command.timeout_url}}
    return {"Result": result}
