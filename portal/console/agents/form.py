"""What staff type about agents, read strictly. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from portal.console import asked
from portal.errors import Refused
from portal.money import Money, from_decimal
from portal.vouchers import asked as typed
from portal.vouchers.stock.moves import KINDS, Kind
from portal.vouchers.stock.store import Terms

_PERCENT = re.compile(r"([0-9]{1,3})(?:[.,]([0-9]{1,2}))?")
MOST_MINOR = 10**12
GRAVE: tuple[Kind, ...] = ("lost", "let-off")  # cards become void: there has to be a reason


def percent(text: str) -> int:
    """``7.5`` as basis points; raises `Refused("agent-percent")`."""
    match = _PERCENT.fullmatch(text.strip().removesuffix("%").strip() or "0")
    found = int(match[1]) * 100 + int((match[2] or "").ljust(2, "0")) if match else -1
    if not 0 <= found <= 10_000:
        raise Refused("agent-percent")
    return found


def percent_text(basis_points: int) -> str:
    """The reverse of `percent`."""
    return f"{basis_points / 100:.2f}".rstrip("0").rstrip(".")


def amount(text: str, currency: str, wrong: str) -> Money:
    """``1,250`` or ``1250.50``, 0 or more; raises `Refused(wrong)`."""
    plain = text.strip().replace(",", "").replace(" ", "")
    found = from_decimal(plain, currency) if re.fullmatch(r"[0-9]{1,10}(\.[0-9]{1,2})?", plain) else None
    if found is None or found.minor > MOST_MINOR:
        raise Refused(wrong)
    return found


def terms(fields: Mapping[str, str], currency: str) -> Terms:
    """What was agreed with an agent; raises `Refused`."""
    limit = fields.get("limit", "").strip()
    return Terms(
        commission_bp=percent(fields.get("percent", "")),
        limit_minor=amount(limit, currency, "agent-limit").minor if limit else None,
    )


def kind_of(text: str) -> Kind:
    """What is to be done with cards; raises `Refused("form")`."""
    return next(each for each in KINDS if each == asked.one_of(text, KINDS))


def span_of(text: str, count: int) -> tuple[int, int]:
    """``10-36`` or ``10``, which has to be said; raises `Refused("serials")`."""
    found = typed.serials(text.strip(), count) if text.strip() else None
    if found is None:
        raise Refused("serials")
    return found


@dataclass(frozen=True, kw_only=True)
class Why:
    """Why something is moved, as far as it has to be said."""

    kind: Kind

    def read(self, text: str) -> str:
        return asked.reason(text) if self.kind in GRAVE else asked.note(text, "reason-long")
