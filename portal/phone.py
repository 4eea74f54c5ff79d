"""Phone numbers, in every spelling people use (`phonenumbers` knows the metadata)."""

from __future__ import annotations

import re
from dataclasses import dataclass

import phonenumbers

from portal.errors import Refused

MAX_INPUT = 32


@dataclass(frozen=True)
class Phone:
    """A mobile number as digits with country code, e.g. ``254712345678``."""

    digits: str

    @property
    def tail(self) -> str:
        """The last three digits: all that a masked M-Pesa number shows."""
        return self.digits[-3:]

    @property
    def spoken(self) -> str:
        """As people in the country write it: ``0712 345 678``."""
        number = phonenumbers.parse("+" + self.digits)
        text = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.NATIONAL)
        digits = re.sub(r"\D", "", text)
        return f"{digits[:4]} {digits[4:7]} {digits[7:]}".strip()

    @property
    def masked(self) -> str:
        """For pages that other people may see: ``07xx xxx 678``."""
        spoken = self.spoken
        return f"{spoken[:2]}xx xxx {spoken[-3:]}"

    def __repr__(self) -> str:  # never whole in a log or a traceback (R7)
        return f"Phone(…{self.tail})"


def parse(text: str, region: str = "KE") -> Phone:
    """The number in `text` (07…, 01…, 7…, 2547…, +2547…, spaces and dashes); raises `Refused("phone")`."""
    if len(text) > MAX_INPUT:
        raise Refused("phone")
    cleaned = re.sub(r"[\s\-().\u2010-\u2015\u00a0]", "", text)
    if not re.fullmatch(r"\+?[0-9]{8,15}", cleaned):
        raise Refused("phone")
    code = str(phonenumbers.country_code_for_region(region))
    if cleaned.startswith(code) and len(cleaned) > 9:
        cleaned = "+" + cleaned
    try:
        number = phonenumbers.parse(cleaned, region)
    except phonenumbers.NumberParseException:
        raise Refused("phone") from None
    if str(number.country_code) != code or not phonenumbers.is_valid_number(number):
        raise Refused("phone")
    if phonenumbers.number_type(number) not in _MOBILE:
        raise Refused("phone")
    return Phone(f"{number.country_code}{number.national_number}")


_MOBILE = (
    phonenumbers.PhoneNumberType.MOBILE,
    phonenumbers.PhoneNumberType.FIXED_LINE_OR_MOBILE,
)
