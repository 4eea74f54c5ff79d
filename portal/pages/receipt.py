"""The receipt of a purchase: to be printed or kept as a picture, with what tax offices want to see of the ISP."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from starlette.requests import Request
from starlette.responses import Response

from portal.clock import Moment, as_datetime
from portal.errors import Refused
from portal.money import Money
from portal.pages.doors import Services
from portal.pages.offers import stands
from portal.pages.waiting import open_purchase, tail
from portal.payments.refunds import store as refunds

HUNDRED = 10_000  # per cent, in hundredths


async def receipt(services: Services, request: Request) -> Response:
    """Who was paid what, when and for what; raises `Refused` before there is anything to say."""
    visit, found = await open_purchase(services, request)
    paid = found.payment
    if paid.state != "paid":
        raise Refused("old-link", status=404)
    tenant = visit.view.tenant
    given_back = await services.db.read(tenant.id, refunds.given_back, paid.public)
    offers = await services.db.read(tenant.id, stands, request.path_params["token"], visit.lang)
    return visit.page(
        request,
        "receipt",
        offers=offers,
        payment=paid,
        paid_at=_local(paid.settled_at or paid.created_at, tenant.timezone),
        tax=included_tax(paid.amount, tenant.tax_bp),
        percent=f"{tenant.tax_bp / 100:g}",
        given_back=Money(given_back, paid.amount.currency),
        tail=tail(visit),
    )


def _local(at: Moment, timezone: str) -> datetime:
    return as_datetime(at).astimezone(ZoneInfo(timezone))


def included_tax(amount: Money, tax_bp: int) -> Money:
    """The tax that is part of an amount, in whole cents, half a cent up. `tax_bp` is in hundredths of a per cent."""
    whole = HUNDRED + tax_bp
    return Money((2 * amount.minor * tax_bp + whole) // (2 * whole), amount.currency)
