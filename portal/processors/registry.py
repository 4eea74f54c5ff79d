"""What the register says of a processor, read strictly, and what Bando knows of the usual ones. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from urllib.parse import urlsplit

from babel import Locale

from portal.clock import Moment
from portal.errors import Refused

HOME = "KE"
LENGTHS = {"named": 80, "purpose": 200, "gets": 200}
NO_COUNTRIES = {"EU", "EZ", "QO", "UN", "XA", "XB", "ZZ"}  # what the list of names has beside countries
# On what a transfer out of Kenya rests: sections 48 and 49 of the Data Protection Act.
BASES = {
    "contract": "It is needed for what the guest bought",
    "safeguards": "Its contract holds safeguards as Kenya's law asks",
    "adequate": "Its country protects data as Kenya does",
    "consent": "The people concerned agreed to it",
}
MAIL = "mail"
OWN = "own:"  # what staff wrote in themselves; Bando sends nothing there
_TRICKS = re.compile(r"[\u200e\u200f\u202a-\u202e\u2066-\u2069]")


@dataclass(frozen=True, kw_only=True)
class Told:
    """What the register says of a processor."""

    named: str
    purpose: str
    gets: str
    country: str = ""  # two letters; nothing: nobody has said it yet
    contract_on: str | None = None  # 2026-11-29
    basis: str = ""  # a word of BASES, outside of Kenya


@dataclass(frozen=True, kw_only=True)
class Processor(Told):
    """An entry; whoever holds one may send to it."""

    id: int
    mark: str  # what an adapter calls it: mpesa, mail, webhook:<host>
    added_by: str
    added_at: Moment
    looked_at: Moment | None = None  # NULL: Bando filled it in, and nobody of the ISP has looked at it
    removed_by: str | None = None
    removed_at: Moment | None = None

    @property
    def ours(self) -> bool:
        """Whether Bando itself sends there."""
        return not self.mark.startswith(OWN)


def webhook(url: str) -> str:
    """The mark of whoever is behind this address."""
    return f"webhook:{(urlsplit(url).hostname or '').lower()}"


def usual(mark: str) -> Told:
    """What is filled in when something is set up that sends there."""
    if mark.startswith("webhook:"):
        return Told(named=mark.partition(":")[2], purpose="Is told of alarms about the network", gets=NO_GUESTS)
    return USUAL.get(mark) or Told(named=mark.capitalize(), purpose=MOVES_MONEY, gets=OF_PAYMENTS)


MOVES_MONEY = "Asks for payments, and says when they came"
OF_PAYMENTS = "Phone number, amount and reference of a payment"
CARRIES_MESSAGES = "Carries messages to guests, such as codes"
OF_MESSAGES = "Phone number and words of a message"
NO_GUESTS = "Names of sites and what happened there; nothing about guests"
USUAL: Mapping[str, Told] = {  # beside what each further payment provider says of itself
    "mpesa": Told(named="Safaricom PLC (M-Pesa)", purpose=MOVES_MONEY, gets=OF_PAYMENTS, country=HOME),
    MAIL: Told(
        named="Mail server of this portal's operator",
        purpose="Sends alarms about the network to staff",
        gets="E-mail addresses of staff; nothing about guests",
    ),
}
# The sentences above, for guests who read Swahili; what an ISP wrote itself stays as it is.
SWAHILI = {
    MOVES_MONEY: "Huomba malipo, na husema yanapofika",
    OF_PAYMENTS: "Nambari ya simu, kiasi na kumbukumbu ya malipo",
    CARRIES_MESSAGES: "Hupeleka ujumbe kwa wageni, kama vile misimbo",
    OF_MESSAGES: "Nambari ya simu na maneno ya ujumbe",
    NO_GUESTS: "Majina ya maeneo na kilichotokea; hakuna chochote kuhusu wageni",
    "Is told of alarms about the network": "Huambiwa kuhusu hitilafu za mtandao",
    "Sends alarms about the network to staff": "Hutuma taarifa za hitilafu za mtandao kwa wafanyakazi",
    "E-mail addresses of staff; nothing about guests": "Barua pepe za wafanyakazi; hakuna chochote kuhusu wageni",
    "Mail server of this portal's operator": "Seva ya barua pepe ya mwendeshaji wa tovuti hii",
}


def said(text: str, lang: str) -> str:
    """A sentence of ours in this language."""
    return SWAHILI.get(text, text) if lang == "sw" else text


@lru_cache(maxsize=4)
def countries(lang: str = "en") -> Mapping[str, str]:
    """Names of countries by their two letters, in the order of their names."""
    known = Locale(lang).territories
    two = {code: name for code, name in known.items() if re.fullmatch("[A-Z]{2}", code) and code not in NO_COUNTRIES}
    return dict(sorted(two.items(), key=lambda each: each[1]))


def read(fields: Mapping[str, str], today: date) -> Told:
    """What was typed, checked; raises `Refused`, which the form can say."""
    texts = {name: _line(fields.get(name, ""), most) for name, most in LENGTHS.items()}
    country, basis = fields.get("country", ""), fields.get("basis", "")
    if country not in countries():
        raise Refused("processor-country")
    if country != HOME and basis not in BASES:
        raise Refused("processor-basis")
    contract_on = _day(fields.get("contract_on", "").strip(), today)
    return Told(**texts, country=country, contract_on=contract_on, basis="" if country == HOME else basis)


def _line(text: str, most: int) -> str:
    plain = " ".join(text.split())
    if not plain or len(plain) > most or not plain.isprintable() or _TRICKS.search(plain):
        raise Refused("processor-words")
    return plain


def _day(text: str, today: date) -> str | None:
    if not text:
        return None
    try:
        day = date.fromisoformat(text) if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text, re.ASCII) else None
    except ValueError:
        day = None
    if day is None or day > today or day.year < 1990:
        raise Refused("processor-day")
    return text
