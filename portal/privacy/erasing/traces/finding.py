"""Where somebody is named in words that are tied to nobody: how that is spelt, where it stands, and that it goes.

It is looked for a page at a time, before the transaction that erases; what is found is read again within it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain

from portal.clock import Moment
from portal.phone import Phone
from portal.privacy.erasing.subject import Subject
from portal.privacy.erasing.traces import store
from portal.privacy.erasing.traces.store import PLACES, Place
from portal.seal import NotOurs, Vault
from portal.units import Row, Unit

BLOT = "…"  # what stands in the place of a name
_SEPARATORS = re.compile(r"[\s.:()\-]")


@dataclass(frozen=True, kw_only=True)
class Found:
    """Where they are named, by rows; what came after these rows, or was settled since, was not looked at."""

    ids: Mapping[Place, Sequence[int]] = field(default_factory=dict)
    after: Mapping[Place, int] = field(default_factory=dict)
    began: Moment = 0


# --- pure ---


@dataclass(frozen=True)
class Names:
    """How people are named: each way by what is left of it without separators, which is quickly looked for."""

    ways: Mapping[str, re.Pattern[str]]

    def _in(self, text: str) -> Iterator[re.Pattern[str]]:
        bare = _SEPARATORS.sub("", text).upper()
        return (way for core, way in self.ways.items() if core in bare)

    def search(self, text: str) -> bool:
        return any(way.search(text) for way in self._in(text))

    def sub(self, instead: str, text: str) -> str:
        for way in self._in(text):
            text = way.sub(instead, text)
        return text


def spelt(phones: Sequence[Phone], macs: Sequence[str], receipts: Sequence[str]) -> Names:
    """Each way in which these are written: numbers in any spelling or hashed, addresses, receipts."""
    ways = chain(map(_phone, phones), map(_hashed, phones), map(_mac, macs), map(_receipt, receipts))
    return Names({core.upper(): re.compile(way, re.IGNORECASE) for core, way in ways})


def _phone(phone: Phone) -> tuple[str, str]:
    """In one piece, or in pieces that do not go on beyond it as a date or a longer number would."""
    own = re.sub(r"\D", "", phone.spoken).lstrip("0")
    code = phone.digits.removesuffix(own)
    between = r"[\s.()\-]{0,3}"
    solid = rf"(?<!\d)(?:\+?{code}|0)?{own}(?!\d)"
    pieces = rf"(?<![\d])(?<!\d[.:/\-])(?:\+?{code}{between}|\(?0)?{between.join(own)}(?!\d)(?![.:/\-]\d)"
    return own, f"{solid}|{pieces}"


def _hashed(phone: Phone) -> tuple[str, str]:
    found = hashlib.sha256(phone.digits.encode()).hexdigest()
    return found, found


def _mac(mac: str) -> tuple[str, str]:
    bare = mac.replace(":", "")
    return bare, r"(?<![0-9A-F])" + r"[\s.:\-]?".join(re.findall("..", bare)) + r"(?![0-9A-F])"


def _receipt(number: str) -> tuple[str, str]:
    return number, rf"(?<![0-9A-Z]){re.escape(number)}(?![0-9A-Z])"


# --- units ---


def names(subject: Subject) -> Unit[Names]:
    """How this person, or this device, is named."""
    receipts = (yield from store.receipt_numbers(subject.person)) if subject.person is not None else []
    macs = (yield from store.macs(subject.devices)) if subject.devices else []
    return spelt(subject.phones, macs, receipts)


def page(vault: Vault, said: Names, place: Place, after: int) -> Unit[tuple[list[int], int, bool]]:
    """Those of the next page there that say it, where the page ended, and whether more follows."""
    some = yield from store.page(place, after)
    return _that_say(vault, said, place, some), some[-1]["id"] if some else after, len(some) == store.MANY


def _that_say(vault: Vault, said: Names, place: Place, some: Sequence[Row]) -> list[int]:
    return [row["id"] for row in some if said.search(_read(vault, place, row))]


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


def everywhere(vault: Vault, said: Names) -> Unit[Found]:
    """All of them at once, where nobody waits."""
    ids: dict[Place, list[int]] = {}
    for place in PLACES:
        after, more = 0, True
        while more:
            some, after, more = yield from page(vault, said, place, after)
            ids.setdefault(place, []).extend(some)
    return Found(ids=ids)


def with_newer(vault: Vault, said: Names, found: Found) -> Unit[Found]:
    """The same with what came since it was looked for."""
    ids = {place: list(some) for place, some in found.ids.items()}
    for place, after in found.after.items():
        some = yield from store.newer(place, after, found.began)
        ids[place] += [each for each in _that_say(vault, said, place, some) if each not in ids[place]]
    return Found(ids=ids)


def blot_out(vault: Vault, said: Names, found: Found) -> Unit[int]:
    """They are named there no more; gives how many messages of providers were emptied."""
    emptied = 0
    for place, ids in found.ids.items():
        for row in (yield from store.these(place, ids)):
            yield from store.say_instead(place, row["id"], None if place.emptied else _without(vault, said, place, row))
            emptied += place.emptied
    return emptied


def _without(vault: Vault, said: Names, place: Place, row: Row) -> str | bytes:
    text = said.sub(BLOT, _read(vault, place, row))
    if not place.sealed:
        return text
    return vault.seal(text, table=place.table, row=row["named"], column=place.column)
