"""A phone in someone's hand: one prompt at a time, a PIN, a purse and an inbox."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Literal

from portal.clock import Moment
from sandbox.mpesa.ids import east_africa
from sandbox.mpesa.records import Code, Line, Push, Transaction

if TYPE_CHECKING:
    from sandbox.mpesa.provider import SandboxMpesa

NAMES = ("AISHA", "BRIAN", "CHEBET", "DENNIS", "ESTHER", "FAITH", "HASSAN", "JOYCE", "KAMAU", "WANJIRU")
WEALTH = 500_000  # the largest balance an M-Pesa account may hold (facts/mpesa.md 2.1)
Habit = Literal["approve", "cancel", "wrong_pin", "poor", "ignore"]


def international(phone: str) -> str:
    """`2547…` from any of the usual spellings; ValueError if it is none."""
    digits = re.sub(r"[\s\-+()]", "", phone)
    if not (match := re.fullmatch(r"(?:254|0)?([17]\d{8})", digits)):
        raise ValueError(f"{phone} is no Kenyan mobile number")
    return "254" + match[1]


@dataclass(frozen=True, kw_only=True)
class Sms:
    at: Moment
    text: str

    @property
    def when(self) -> str:
        return f"{east_africa(self.at):%d/%m/%y %H:%M}"


@dataclass(kw_only=True)
class Handset:
    """What its owner can do. Each answer returns when the merchant has been told.

    `habit` answers every prompt by itself, `habit_after_ms` after it appears.
    """

    mpesa: SandboxMpesa = field(repr=False)
    phone: str
    pin: str = "1234"
    first_name: str = ""
    purse: int = WEALTH
    habit: Habit | None = None
    habit_after_ms: int = 0
    inbox: list[Sms] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.first_name = self.first_name or Random(self.phone).choice(NAMES)

    @property
    def pending(self) -> Push | None:
        return self.mpesa.pending(self.phone)

    @property
    def local(self) -> str:
        return "0" + self.phone[3:]

    async def approve(self, pin: str = "1234") -> Push:
        """Type the PIN: pays, or fails with 2001 (another PIN) or 1 (too little money)."""
        push = self._prompt()
        if pin != self.pin:
            return await self._answer(push, 2001)
        return await self._answer(push, 0 if push.amount <= self.purse else 1)

    async def wrong_pin(self) -> Push:
        return await self._answer(self._prompt(), 2001)

    async def cancel(self) -> Push:
        return await self._answer(self._prompt(), 1032)

    async def poor(self) -> Push:
        """The right PIN, too little money."""
        return await self._answer(self._prompt(), 1)

    async def end(self, code: Code) -> Push:
        """Any other end: 1019, "E3008", 1001, 8006 …"""
        return await self._answer(self._prompt(), code)

    async def ignore(self) -> Push:
        """Let it ring: the prompt goes away by itself."""
        push = self._prompt()
        push.ignored = True
        return push

    async def act(self, habit: Habit) -> Push:
        """Answer as a habit would."""
        acts = {
            "approve": lambda: self.approve(self.pin),
            "cancel": self.cancel,
            "wrong_pin": self.wrong_pin,
            "poor": self.poor,
            "ignore": self.ignore,
        }
        return await acts[habit]()

    def _prompt(self) -> Push:
        push = self.pending
        if push is None:
            raise LookupError(f"no prompt on {self.local}")
        return push

    async def _answer(self, push: Push, code: Code) -> Push:
        await self.mpesa.end(push, code)
        return push

    def paid(self, payment: Transaction) -> None:
        """The confirmation by SMS, in the shape people know and paste."""
        self.purse -= payment.amount
        when = east_africa(payment.at)
        clock = f"{when.hour % 12 or 12}:{when:%M %p}"
        account = f" for account {payment.account}" if payment.merchant.kind == "paybill" else ""
        self._receive(
            payment.at,
            f"{payment.receipt} Confirmed. Ksh{payment.amount:,}.00 paid to {payment.merchant.name}{account} "
            f"on {when.day}/{when.month}/{when:%y} at {clock}. New M-PESA balance is Ksh{self.purse:,}.00. "
            "Transaction cost, Ksh0.00.",
        )

    def refunded(self, line: Line) -> None:
        """The money of a payment is back."""
        self.purse += line.amount
        when = east_africa(line.at)
        self._receive(
            line.at,
            f"{line.receipt} Confirmed. Reversal of transaction {line.linked} has been successfully processed "
            f"on {when.day}/{when.month}/{when:%y} and Ksh{line.amount:,}.00 is credited to your M-PESA account. "
            f"New M-PESA balance is Ksh{self.purse:,}.00.",
        )

    def failed(self, push: Push, at: Moment) -> None:
        texts = {
            "1": "Failed. You do not have enough money in your M-PESA account to pay "
            f"Ksh{push.amount:,}.00 to {push.merchant.name}.",
            "2001": "Failed. You have entered the wrong PIN. Please try again.",
        }
        if text := texts.get(str(push.code)):
            self._receive(at, text)

    def _receive(self, at: Moment, text: str) -> None:
        self.inbox.insert(0, Sms(at=at, text=text))
