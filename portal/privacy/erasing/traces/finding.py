"""Where somebody is named in words that are tied to nobody: how that is spelt, where it stands, and that it goes.

It is looked for a page at a time, before the transaction that erases; what is found is read again within it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from itertools import chain

from portal.phone import Phone
from portal.privacy.erasing.subject import Subject
from portal.privacy.erasing.traces import store
from portal.privacy.erasing.traces.store import PLACES, Place
from portal.seal import NotOurs, Vault
from portal.units import Row, Unit

BLOT = "…"  # what stands in the place of a name
Found = Mapping[Place, Sequence[int]]
_BETWEEN = r"[\s.:()\-]*"  # what people put between digits


# --- pure ---


def spelt(phones: Sequence[Phone], macs: Sequence[str], receipts: Sequence[str]) -> re.Pattern[str]:
    """Each way in which these are written: numbers in any spelling or hashed, addresses, receipts."""
    ways = chain(map(_phone, phones), map(_hashed, phones), map(_mac, macs), map(_receipt, receipts))
    return re.compile("|".join(ways) or "(?!)", re.IGNORECASE)


def _phone(phone: Phone) -> str:
    own = re.sub(r"\D", "", phone.spoken).lstrip("0")
    code = phone.digits.removesuffix(own)
    return rf"(?:\+?{code}{_BETWEEN}|0)?{_BETWEEN.join(own)}"


def _hashed(phone: Phone) -> str:
    return hashlib.sha256(phone.digits.encode()).hexdigest()


def _mac(mac: str) -> str:
    return r"(?<![0-9A-F])" + r"[\s.:\-]?".join(re.findall("..", mac.replace(":", ""))) + r"(?![0-9A-F])"


def _receipt(number: str) -> str:
    return rf"(?<![0-9A-Z]){re.escape(number)}(?![0-9A-Z])"


# --- units ---


def names(subject: Subject) -> Unit[re.Pattern[str]]:
    """How this person, or this device, is named."""
    receipts = (yield from store.receipt_numbers(subject.person)) if subject.person is not None else []
    macs = (yield from store.macs(subject.devices)) if subject.devices else []
    return spelt(subject.phones, macs, receipts)


def page(vault: Vault, said: re.Pattern[str], place: Place, after: int) -> Unit[tuple[list[int], int | None]]:
    """Those of the next page there that say it, and where the page ended; None when it was the last."""
    some = yield from store.page(place, after)
    found = [row["id"] for row in some if said.search(_read(vault, place, row))]
    return found, some[-1]["id"] if len(some) == store.MANY else None


def _read(vault: Vault, place: Place, row: Row) -> str:
    """What stands there; a damaged cell says nothing any more."""
    if not place.sealed:
        return str(row["said"])
    try:
        return vault.open(row["said"], table=place.table, row=row["named"], column=place.column).decode(
            errors="replace"
        )
    except NotOurs:
        return ""


def everywhere(vault: Vault, said: re.Pattern[str]) -> Unit[Found]:
    """All of them at once, where nobody waits."""
    found: dict[Place, list[int]] = {}
    for place in PLACES:
        last: int | None = 0
        while last is not None:
            some, last = yield from page(vault, said, place, last)
            found.setdefault(place, []).extend(some)
    return found


def blot_out(vault: Vault, said: re.Pattern[str], found: Found) -> Unit[int]:
    """They are named there no more; gives how many messages of providers were emptied."""
    emptied = 0
    for place, ids in found.items():
        for row in (yield from store.these(place, ids)):
            yield from store.say_instead(place, row["id"], None if place.emptied else _without(vault, said, place, row))
            emptied += place.emptied
    return emptied


def _without(vault: Vault, said: re.Pattern[str], place: Place, row: Row) -> str | bytes:
    text = said.sub(BLOT, _read(vault, place, row))
    if not place.sealed:
        return text
    return vault.seal(text, table=place.table, row=row["named"], column=place.column)
