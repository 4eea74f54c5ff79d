"""Plans: what is for sale. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from portal.access import hours as hours_of_sale
from portal.access.hours import Hours
from portal.clock import DAY
from portal.money import Money

Kind = Literal["wall", "used"]

USE_BY_MS = 30 * DAY  # every waiting pass has an end (design 3a)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is for sale, and, copied into a pass, what was bought.

    `span_ms` is time by the clock (kind wall) or online time (kind used); a used-time plan may have a window
    that opens with its first use. Rates are bit/s seen from the client; None is unlimited.
    """

    id: int
    public: str
    name: str
    price: Money
    kind: Kind
    span_ms: int
    window_ms: int | None = None
    data_bytes: int | None = None
    rate_up: int | None = None
    rate_down: int | None = None
    max_devices: int = 1
    use_by_ms: int = USE_BY_MS
    sites: tuple[int, ...] | None = None
    position: int = 0
    on_sale: bool = True
    locked: bool = False  # a voucher of it stays with the device that redeemed it first
    hours: Hours | None = None  # when guests may buy it; None is always
    hidden: bool = False  # staff sell it, guests do not see it
    trial_days: int | None = None  # a free trial: once per device in so many days of the calendar
    trial_cap: int | None = None  # and at most so many per router and day

    @property
    def trial(self) -> bool:
        """Whether it is given away, and never sold."""
        return self.trial_days is not None

    @property
    def by_staff(self) -> bool:
        """Whether staff sell it and print it: at any hour, and though guests do not see it."""
        return self.on_sale and not self.trial

    def at(self, router_id: int) -> bool:
        """Whether it is offered at this router at all."""
        return self.on_sale and (self.sites is None or router_id in self.sites)

    def sold_at(self, router_id: int) -> bool:
        """Whether guests of this router may buy it, at least at some hours."""
        return self.at(router_id) and not self.hidden and not self.trial

    def tried_at(self, router_id: int) -> bool:
        """Whether guests of this router may try it for nothing, at least at some hours."""
        return self.at(router_id) and not self.hidden and self.trial


def sites_text(sites: tuple[int, ...] | None) -> str | None:
    """How sites stand in the database."""
    return None if sites is None else json.dumps(sites)


def read_sites(text: str | None) -> tuple[int, ...] | None:
    """The reverse of `sites_text`."""
    return None if text is None else tuple(json.loads(text))


def from_row(row: Mapping[str, Any]) -> Plan:
    """A plan from a row of `plans`."""
    return Plan(
        id=row["id"],
        public=row["public"],
        name=row["name"],
        price=Money(row["price_minor"], row["currency"]),
        kind=row["kind"],
        span_ms=row["span_ms"],
        window_ms=row["window_ms"],
        data_bytes=row["data_bytes"],
        rate_up=row["rate_up"],
        rate_down=row["rate_down"],
        max_devices=row["max_devices"],
        use_by_ms=row["use_by_ms"],
        sites=read_sites(row["sites"]),
        position=row["position"],
        on_sale=bool(row["on_sale"]),
        locked=bool(row["locked"]),
        hours=hours_of_sale.read(row["hours"]),
        hidden=bool(row["hidden"]),
        trial_days=row["trial_days"],
        trial_cap=row["trial_cap"],
    )


def to_columns(plan: Plan) -> dict[str, Any]:
    """The columns of a plan, all but its id."""
    fields = {name: value for name, value in plan.__dict__.items() if name not in ("id", "price")}
    stored = {"sites": sites_text(plan.sites), "hours": hours_of_sale.text(plan.hours)}
    return {**fields, **stored, "price_minor": plan.price.minor, "currency": plan.price.currency}


OF_SALE = ("hours", "hidden", "trial_days", "trial_cap")  # how it is offered, which is no part of what was bought


def to_json(plan: Plan) -> str:
    """The copy that a payment keeps: later changes of the plan do not touch what was bought."""
    bought = {name: value for name, value in plan.__dict__.items() if name not in ("price", *OF_SALE)}
    return json.dumps({**bought, "price_minor": plan.price.minor, "currency": plan.price.currency})


def from_json(text: str) -> Plan:
    """The reverse of `to_json`."""
    fields = json.loads(text)
    price = Money(fields.pop("price_minor"), fields.pop("currency"))
    sites = fields.pop("sites")
    return Plan(price=price, sites=None if sites is None else tuple(sites), **fields)
