"""The chain of one tenant's acts: each link is a keyed hash over the act and the link before it.

The key is the vault's, so whoever has the database alone can neither make a link nor try guesses of a payload that
was cleared. What the chain ends with is sealed with the same key: a cut tail is found by what the seal still says.
Pure: rows come in order of their numbers, and the first that is not what it should be is named.
"""

from __future__ import annotations

import json
import sys
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from portal.clock import Moment
from portal.errors import BandoError
from portal.seal import NotOurs, Vault
from portal.units import Row

START = ""  # what the first link hangs on


class ChainBroken(BandoError):
    """The audit log of this ISP is damaged, so that nothing can be added to it; see: bando audit verify"""


@dataclass(frozen=True, kw_only=True)
class Broken:
    """The first number that is not as it was written, and what is wrong there."""

    number: int
    what: str

    def __str__(self) -> str:
        return f"act {self.number} {self.what}"


@dataclass(frozen=True, kw_only=True)
class Head:
    """Where a chain ends; of an empty one ``Head(number=0, chain="")``."""

    number: int
    chain: str  # hex


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One act, as it is hashed."""

    number: int
    at: Moment
    actor: str
    act: str
    subject: str
    payload_digest: bytes
    money: bool


@dataclass(frozen=True, kw_only=True)
class Cleared:
    """Up to which moment a purge has cleared payloads, of acts about money and of the others; exclusive.

    And `spans` of numbers, first and last, in order: those that were cleared when somebody was erased.
    """

    money: Moment = 0
    other: Moment = 0
    spans: Sequence[tuple[int, int]] = ()

    def covers(self, row: Row) -> bool:
        """Whether this act may have lost its payload."""
        if row["at"] < (self.money if row["money"] else self.other):
            return True
        place = bisect_right(self.spans, (row["number"], sys.maxsize))
        return place > 0 and self.spans[place - 1][1] >= row["number"]


def canonical(payload: Mapping[str, object]) -> str:
    """The one text of a payload, which is kept and hashed."""
    return json.dumps(payload, sort_keys=True, separators=(",", ":"), allow_nan=False)


def digest(vault: Vault, tenant: int, number: int, payload: str) -> bytes:
    """Keyed, and apart for each number: neither guesses nor equal payloads show when the payload is gone."""
    return vault.index(tenant, "audit payload", f"{number}|{payload}")


def link(vault: Vault, tenant: int, previous: str, entry: Entry) -> bytes:
    """The link of an act; HMAC-SHA256 over a JSON list, which reads in one way only."""
    parts = [
        *(previous, entry.number, entry.at, entry.actor, entry.act, entry.subject),
        *(_hex(entry.payload_digest), _flag(entry.money)),
    ]
    return vault.index(tenant, "audit chain", json.dumps(parts, default=_odd))


def _hex(value: object) -> object:
    return bytes(value).hex() if isinstance(value, bytes | memoryview) else {"no bytes": repr(value)}


def _flag(value: object) -> object:
    """Engines keep a flag as 1 or as true; anything else is hashed as what it is."""
    return int(value) if isinstance(value, int) and value in (0, 1) else {"no flag": repr(value)}


def _odd(value: object) -> object:
    """Something that Bando never writes, such as bytes in a column of text: is hashed, and so found."""
    return {"odd": repr(value)}


def seal(vault: Vault, tenant: int, head: Head) -> bytes:
    """The head as the database keeps it; opens for this tenant only."""
    return vault.seal(f"{head.number}|{head.chain}", table="audit_heads", row=str(tenant), column="seal")


def unseal(vault: Vault, tenant: int, sealed: bytes) -> Head:
    """The reverse; raises `NotOurs`."""
    number, chain = vault.open(sealed, table="audit_heads", row=str(tenant), column="seal").decode().split("|")
    return Head(number=int(number), chain=chain)


@dataclass(kw_only=True)
class Walk:
    """Goes along a chain, page by page; keeps the last link only."""

    vault: Vault
    tenant: int
    cleared: Cleared = Cleared()
    kept: Mapping[int, set[str]] = field(default_factory=dict)  # links that somebody wrote down elsewhere
    at: Head = Head(number=0, chain=START)
    lost: Broken | None = (
        None  # a payload that no purge of this chain took; said last, for the purge may be what is cut
    )

    def along(self, rows: Iterable[Row]) -> Broken | None:
        """The next rows, in order of their numbers."""
        for row in rows:
            what = self._wrong(row)
            if what:
                return Broken(number=self.at.number + 1, what=what)
            self.at = Head(number=row["number"], chain=bytes(row["chain"]).hex())
            if self.kept.get(self.at.number, {self.at.chain}) != {self.at.chain}:
                return Broken(number=self.at.number, what="is not the act that the kept head knows")
        return None

    def _wrong(self, row: Row) -> str | None:
        number = self.at.number + 1
        if type(row["number"]) is not int or row["number"] < number:
            return f"should come here, and one with the number {row['number']!r} does"
        if row["number"] > number:
            return "is missing"
        if link(self.vault, self.tenant, self.at.chain, _entry(row)) != row["chain"]:
            return "was changed, or is not where it was written"
        return self._wrong_payload(row)

    def _wrong_payload(self, row: Row) -> str | None:
        if row["payload"] is None:
            self._note_lost(row)
            return None
        if not isinstance(row["payload"], str):
            return "has another payload than was written"
        fits = digest(self.vault, self.tenant, row["number"], row["payload"]) == row["payload_digest"]
        return None if fits else "has another payload than was written"

    def _note_lost(self, row: Row) -> None:
        if self.lost is None and not self.cleared.covers(row):
            self.lost = Broken(number=row["number"], what="has lost its payload, and no purge took it")

    def end(self, stored: Row | None) -> Broken | None:
        """After the last row: what the sealed head, and the heads that were kept elsewhere, say of the end."""
        return self._end(stored) or self._beyond(max(self.kept, default=0), "the kept head") or self.lost

    def _end(self, stored: Row | None) -> Broken | None:
        if stored is None:
            return Broken(number=self.at.number, what="has no sealed head after it") if self.at.number else None
        try:
            head = unseal(self.vault, self.tenant, _sealed(stored))
        except NotOurs:
            return Broken(number=self.at.number, what="is followed by a head that Bando did not seal")
        if head.number > self.at.number:
            return self._beyond(head.number, "the sealed head")
        if head.number < self.at.number:
            return Broken(number=head.number + 1, what="comes after the sealed head, which is an old one")
        if head.chain != self.at.chain or stored["number"] != head.number:
            return Broken(number=head.number, what="is not the act that the sealed head knows")
        return None

    def _beyond(self, number: int, who: str) -> Broken | None:
        if number <= self.at.number:
            return None
        return Broken(number=self.at.number + 1, what=f"is missing: {who} knows acts up to number {number}")


def _entry(row: Row) -> Entry:
    values: dict[str, Any] = {name: row[name] for name in Entry.__dataclass_fields__}
    return Entry(**values)


def _sealed(stored: Row) -> bytes:
    sealed = stored["seal"]
    return bytes(sealed) if isinstance(sealed, bytes | memoryview) else b""
