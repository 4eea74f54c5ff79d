"""What somebody typed into the search box may be: several things at once, since only the database knows. Pure.

Nothing is searched in part: whoever has the whole number or code is holding what the guest gave them.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection
from dataclasses import dataclass

from portal import phone
from portal.errors import Refused
from portal.payments.claims import find_receipt
from portal.phone import Phone
from portal.vouchers import codes, imported

LONGEST = 500  # a pasted M-Pesa message is shorter
_LABEL = re.compile(r"B\s*([0-9]{1,9})\s*[-–/]\s*([0-9]{1,9})", re.IGNORECASE)
_MAC = re.compile(r"[0-9A-F]{12}")
_DOTTED = re.compile(r"[0-9]{1,4}(?:\.[0-9]{1,4}){3}", re.ASCII)
_BETWEEN = re.compile(r"[:.\-\s\u2010-\u2015]")


@dataclass(frozen=True, kw_only=True)
class Clues:
    """What a text may name; None where it cannot be that."""

    receipt: str | None = None
    phone: Phone | None = None
    code: str | None = None
    imported: str | None = None  # a code of another system, where the ISP has such ones of this length
    label: tuple[int, int] | None = None  # batch and serial
    mac: str | None = None
    ip: str | None = None  # IPv4, as a hotspot gives them
    ip_wrong: str = ""  # an address that no guest of a hotspot has: v6, or no address at all

    @property
    def any(self) -> bool:
        return any((self.receipt, self.phone, self.code, self.imported, self.label, self.mac, self.ip))


def clues(text: str, lengths: Collection[int] = ()) -> Clues:
    """Everything that this text may be; `lengths` are those of the ISP's imported codes."""
    plain = text.strip()
    if not plain or len(plain) > LONGEST:
        return Clues()
    return Clues(
        receipt=find_receipt(plain),
        phone=_phone(plain),
        code=_code(plain),
        imported=_imported(plain, lengths),
        label=_label(plain),
        mac=mac_of(plain),
        ip=_ip(plain),
        ip_wrong=_ip_wrong(plain),
    )


def mac_of(text: str) -> str | None:
    """A device's MAC as Bando writes it, from any spelling; None when it is none.

    All zeros, and addresses of groups such as broadcast, are no device's.
    """
    digits = _BETWEEN.sub("", text[:LONGEST]).upper()
    if not _MAC.fullmatch(digits) or not int(digits, 16) or int(digits[:2], 16) & 1:
        return None
    return ":".join(digits[n : n + 2] for n in range(0, 12, 2))


def _phone(text: str) -> Phone | None:
    try:
        return phone.parse(text)
    except Refused:
        return None


def _code(text: str) -> str | None:
    try:
        return codes.read(text)
    except Refused:
        return None


def _imported(text: str, lengths: Collection[int]) -> str | None:
    folded = imported.fold(text)
    return folded if len(folded) in lengths and _code(text) is None else None


def _label(text: str) -> tuple[int, int] | None:
    found = _LABEL.fullmatch(text)
    return (int(found[1]), int(found[2])) if found else None


def _ip(text: str) -> str | None:
    """An IPv4 address, also where it is written as a part of an IPv6 one."""
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(found, ipaddress.IPv6Address):
        return str(found.ipv4_mapped) if found.ipv4_mapped else None
    return str(found)


def _ip_wrong(text: str) -> str:
    if _ip(text) is not None:
        return ""
    if _DOTTED.fullmatch(text):
        return "none"
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return ""
    return "v6"


def is_public(address: str) -> bool:
    """Whether this is an address of the internet at large: no hotspot gives such a one to a guest."""
    return ipaddress.ip_address(address).is_global
