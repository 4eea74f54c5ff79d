"""What stands on a printed voucher, whatever it is printed on. Pure.

A `Face` is what all vouchers of a batch share, in words that are ready to print; a `Card` is what is each one's own.
Sheets, slips, the print page and the CSV are made from these two and know nothing else: no database, no key, no texts
of a theme (`portal.vouchers.faces` has those), so that a child process that lays them out starts at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

from portal.vouchers.codes import shown


@dataclass(frozen=True, kw_only=True)
class Card:
    """One voucher: the label staff speak of and the code that is worth something."""

    label: str
    code: str  # canonical, without groups
    again: bool = False  # printed before; it says so
    agent: str = ""  # who sells it

    @property
    def shown(self) -> str:
        """The code in groups."""
        return shown(self.code)


@dataclass(frozen=True, kw_only=True)
class Face:
    """What every voucher of a batch says."""

    lang: str
    isp: str
    logo: bytes | None  # a PNG
    plan: str
    price: str
    validity: str  # how long: "3 hours"
    line: str  # all of what is bought beside the name: length, data, speed, devices
    ssid: str  # empty when the ISP has not said
    address: str  # what a guest types into a browser
    base_url: str  # what a code is put behind for scanning; upper case, so that the symbol is small
    steps: tuple[str, ...]  # two, without their numbers
    typed: str  # the second step where there is nothing to scan
    use_by: str
    support: str  # empty when there is no number
    copy: str  # the mark of a card that was printed before
    again: bool = False  # all of them were

    def url(self, card: Card) -> str:
        """What a camera reads."""
        return f"{self.base_url}{card.code}"

    def as_dict(self) -> dict[str, Any]:
        """For the pipe to another process; the logo as hexadecimal digits."""
        plain = {each.name: getattr(self, each.name) for each in fields(self)}
        return {**plain, "logo": None if self.logo is None else self.logo.hex()}

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Self:
        """The reverse of `as_dict`."""
        logo = plain["logo"]
        return cls(
            **{**plain, "logo": None if logo is None else bytes.fromhex(logo), "steps": tuple(plain["steps"])},
        )


def base_url(public_url: str) -> str:
    """``HTTPS://HOST/V/``: the case of scheme, host and our path does not matter, and capitals need fewer modules."""
    return f"{public_url.rstrip('/')}/V/".upper()
