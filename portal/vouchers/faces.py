"""The face of a batch: what its vouchers say, in the words of a theme and a language. Pure."""

from __future__ import annotations

from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from babel.dates import format_date
from markupsafe import Markup

from portal import words
from portal.access.wording import plan_line, plan_title
from portal.clock import MINUTE, Moment, as_datetime
from portal.tenancy.store import Tenant
from portal.texts import Texts
from portal.vouchers.paper import Face, base_url
from portal.vouchers.store import Batch


def last_day(use_by: Moment, timezone: str, lang: str) -> str:
    """The last day on which a voucher is good, ``31 Dec 2026``; with the hour when that is not midnight."""
    end = -(-use_by // MINUTE) * MINUTE
    zone = ZoneInfo(timezone)
    day = format_date(as_datetime(end - 1).astimezone(zone).date(), "d MMM y", locale=lang)
    hour = as_datetime(end).astimezone(zone).strftime("%H:%M")
    return day if hour == "00:00" else f"{day}, {hour}"


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
        line=str(Markup(plan_line(said, plan)).unescape()),  # noqa: S704 for paper, not for a page: marks are taken out
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
