"""What staff ask for in an address or a form, read strictly: everything there is hostile."""

from __future__ import annotations

import re
import secrets

from portal.errors import Refused
from portal.money import Money, from_decimal

_INSIDE = re.compile(r"/console/(?:[a-z0-9_-]+(?:/[a-z0-9_-]+)*)?(?:\?[A-Za-z0-9_.~%+&=:,-]*)?")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
MAX_NOTE = 300
_KEY = re.compile(r"[0-9a-f]{16}")


def number(text: object) -> int:
    """A positive whole number, such as a row's id; raises `Refused("form")`."""
    if not isinstance(text, str) or not re.fullmatch(r"[0-9]{1,18}", text):
        raise Refused("form")
    return int(text)


def number_or_none(text: str) -> int | None:
    """The same, or None when nothing is there."""
    return number(text) if text else None


def one_of(text: str, words: tuple[str, ...]) -> str:
    """One of these words, the first when nothing is there; raises `Refused("form")`."""
    if text and text not in words:
        raise Refused("form")
    return text or words[0]


def day(text: str) -> str:
    """A day as ``2026-11-22``, or nothing; raises `Refused("form")`. Whether the calendar has it is not known yet."""
    if text and not (text.isascii() and _DAY.fullmatch(text)):
        raise Refused("form")
    return text


def new_key() -> str:
    """A form's own key: what is done with it is done once, however often the form is sent."""
    return secrets.token_hex(8)


def key(text: str) -> str:
    """The key of a form; raises `Refused("form")`."""
    if not _KEY.fullmatch(text):
        raise Refused("form")
    return text


def note(text: str, wrong: str = "form") -> str:
    """A few words of staff, on one line; raises `Refused(wrong)`."""
    plain = " ".join(text.split())
    if len(plain) > MAX_NOTE or not plain.isprintable():
        raise Refused(wrong)
    return plain


def reason(text: str) -> str:
    """Why, for the audit log: a note that is not empty; raises `Refused`, which the form can say."""
    plain = note(text, "reason-long")
    if not plain:
        raise Refused("reason")
    return plain


def inside(path: str) -> str:
    """A plain path of the console, with its query, or nothing: nobody is led elsewhere."""
    return path if len(path) <= 500 and _INSIDE.fullmatch(path) else ""


def money(text: str, currency: str) -> Money:
    """An amount such as ``150`` or ``1,200.50``; raises `Refused("amount")`."""
    plain = text.replace(",", "").strip()
    found = from_decimal(plain, currency) if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,2})?", plain, re.ASCII) else None
    if found is None:
        raise Refused("amount")
    return found
