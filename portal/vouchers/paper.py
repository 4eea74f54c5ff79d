"""What stands on a printed voucher, whatever it is printed on. Pure.

A `Face` is what all vouchers of a batch share, in words that are ready to print; a `Card` is what is each one's own.
Sheets, slips, the print page and the CSV are made from these two and know nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from babel.dates import format_date
from markupsafe import Markup

from portal import words
from portal.access.wording import plan_line, plan_title
from portal.clock import Moment, as_datetime
from portal.tenancy.store import Tenant
from portal.texts import Texts
from portal.vouchers.codes import shown
from portal.vouchers.store import Batch


@dataclass(frozen=True, kw_only=True)
class Card:
    """One voucher: the label staff speak of and the code that is worth something."""

    label: str
    code: str  # canonical, without groups

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
    copy: str  # the mark of a reprint; shown when `again`
    again: bool = False

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


def last_day(use_by: Moment, timezone: str, lang: str) -> str:
    """The last day on which a voucher is good, ``31 Dec 2026``; with the hour when that is not midnight."""
    end = as_datetime(use_by).astimezone(ZoneInfo(timezone))
    last = as_datetime(use_by - 1).astimezone(ZoneInfo(timezone))
    day = format_date(last.date(), "d MMM y", locale=lang)
    return day if (end.hour, end.minute) == (0, 0) else f"{day}, {end:%H:%M}"


def face(
    tenant: Tenant, batch: Batch, said: Texts, public_url: str, *, logo: bytes | None = None, again: bool = False
) -> Face:
    """The face of a batch in the language of these texts."""
    lang, plan = said.lang, batch.plan
    address = urlsplit(public_url).netloc

    def text(key: str, **values: object) -> str:
        return str(said(f"paper.{key}", **values).unescape())

    join = text("join", ssid=tenant.ssid) if tenant.ssid else text("join-any")
    return Face(
        lang=lang,
        isp=tenant.name,
        logo=logo,
        plan=plan_title(plan, lang),
        price=words.money(plan.price, lang),
        validity=words.title(words.span(plan.span_ms, lang)),
        line=str(Markup(plan_line(said, plan)).unescape()),  # noqa: S704 escaped where it was made
        ssid=tenant.ssid,
        address=address,
        base_url=base_url(public_url),
        steps=(join, text("scan", address=address)),
        typed=text("type", address=address),
        use_by=text("use-by", date=last_day(batch.use_by, tenant.timezone, lang)),
        support=text("support", phone=tenant.support_phone) if tenant.support_phone else "",
        copy=text("copy"),
        again=again,
    )
