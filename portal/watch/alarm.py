"""What an alarm is, and which kinds there are. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal
from zoneinfo import ZoneInfo

from portal.clock import DAY, HOUR, MINUTE, Moment, as_datetime

Severity = Literal["grave", "warn"]
GRAVITY: Mapping[str, int] = MappingProxyType({"warn": 0, "grave": 1})


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of alarm. `ends`: that it is over is told as well; `looks`: whether one look alone is no proof."""

    title: str
    do: str
    ends: bool = True
    looks: bool = True


KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "silence-begun": Kind(
            title="Nobody begins to pay",
            do="Join the Wi-Fi with a phone and buy the smallest plan. If no page comes, look at the routers and at the"
            " portal's address; if the page comes and no prompt, look at the M-Pesa account.",
        ),
        "silence-paid": Kind(
            title="Nobody's payment is finished",
            do="Guests try, and no money arrives. Try the keys of your M-Pesa account under Settings. If they are"
            " taken, M-Pesa has a fault: wait, and sell vouchers at the counter.",
        ),
        "failing": Kind(
            title="Payments fail for a reason that guests cannot mend",
            do="Open the payments that failed and read why. Try the keys of your M-Pesa account under Settings.",
        ),
        "callbacks": Kind(
            title="M-Pesa's reports do not reach the portal",
            do="Payments are found by asking, which takes longer. See whether the portal's address can be reached from"
            " outside, and whether a firewall or a proxy stops M-Pesa.",
        ),
        "odd-reports": Kind(
            title="Payments are reported that M-Pesa does not know",
            do="Somebody may be forging reports of payments. Nobody got online by them. Look at the payments under"
            " review, and do not count one as paid unless it is in your M-Pesa statement.",
            ends=False,
            looks=False,
        ),
        "router-down": Kind(
            title="A router does not answer",
            do="Guests who are online there stay so; nobody new gets in. See whether it has power and its line works,"
            " then open its page.",
        ),
        "routers-down": Kind(
            title="Several routers do not answer",
            do="When they go at once it is mostly power, the line, or the tunnel that they share.",
        ),
        "guesses": Kind(
            title="Many wrong codes",
            do="Somebody may be guessing. The limits hold by themselves, and guests with good codes get in. If it goes"
            " on, find the device that stays at the router where it happens, and block it.",
            ends=False,
            looks=False,
        ),
        "balance": Kind(
            title="The M-Pesa account is nearly full",
            do="Move money from your M-Pesa account to the bank. When it is full, M-Pesa refuses your guests.",
            ends=False,
        ),
        "purge": Kind(
            title="What is too old was not removed",
            do="Guests are promised that it goes. Bando tries again each hour. If it fails again, the log of the"
            " service says why: look for purge failed, and tell whoever runs it.",
            ends=False,
            looks=False,
        ),
        "expiring": Kind(
            title="Something is about to expire",
            do="Renew it in time: what has expired stops without asking.",
            ends=False,
            looks=False,
        ),
        "request-due": Kind(
            title="A request of a person is due",
            do="Open it under Requests, and answer or refuse it with the reason before its last day is over.",
            ends=False,
            looks=False,
        ),
        "request-overdue": Kind(
            title="A request of a person is overdue",
            do="The law's time for it is over. Answer it today, and say why it took so long.",
            ends=False,
            looks=False,
        ),
        "incident-due": Kind(
            title="An incident has to be told",
            do="Open it under Incidents. Tell whom it names before its hour, or write down why nobody has to be told.",
            ends=False,
            looks=False,
        ),
        "incident-overdue": Kind(
            title="An incident should have been told",
            do="The law's hours are over. Tell whom it names now, with the reasons for the delay.",
            ends=False,
            looks=False,
        ),
    }
)

OF_PLATFORM = ("incident-due", "incident-overdue")  # whoever runs the installation has no routers and no guests


@dataclass(frozen=True, kw_only=True)
class Alarm:
    """What a rule has found: `subject` tells two of a kind apart, `since` is when the trouble began."""

    kind: str
    severity: Severity
    text: str
    since: Moment
    subject: str = ""

    @property
    def title(self) -> str:
        return KINDS[self.kind].title

    @property
    def do(self) -> str:
        return KINDS[self.kind].do


def clock_of(at: Moment, now: Moment, zone: str) -> str:
    """``14:02``, with the day where it is not today."""
    local, today = as_datetime(at).astimezone(ZoneInfo(zone)), as_datetime(now).astimezone(ZoneInfo(zone))
    return local.strftime("%H:%M" if local.date() == today.date() else "%-d %b, %H:%M")


def lasted(span_ms: int) -> str:
    """``42 min``, ``3 h 5 min``, ``2 days``."""
    if span_ms < HOUR:
        return f"{max(1, span_ms // MINUTE)} min"
    if span_ms < 2 * DAY:
        minutes = span_ms % HOUR // MINUTE
        return f"{span_ms // HOUR} h" + (f" {minutes} min" if minutes else "")
    return f"{span_ms // DAY} days"
