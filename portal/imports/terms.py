"""From what another system sells to plans of Bando, and what is left of one. Pure."""

from __future__ import annotations

from dataclasses import replace

from portal.access.plans import Plan
from portal.clock import DAY, HOUR, Moment
from portal.imports.found import FoundPlan, FoundRun, Terms
from portal.imports.measures import LONGEST_MS
from portal.imports.work import NewBatch
from portal.money import Money


def made(one: FoundPlan, name: str, currency: str) -> Plan:
    """The plan, not on sale: staff look at it first."""
    terms = one.terms
    return Plan(
        id=0,
        public="",
        name=name,
        price=Money(-(-one.price_minor // 100) * 100, currency),
        kind=terms.kind,
        span_ms=terms.span_ms,
        window_ms=terms.window_ms,
        data_bytes=terms.data_bytes,
        rate_up=terms.rate_up,
        rate_down=terms.rate_down,
        max_devices=terms.devices,
        locked=terms.locked,
        on_sale=False,
    )


def terms_of(plan: Plan) -> Terms:
    return Terms(
        kind=plan.kind,
        span_ms=plan.span_ms,
        window_ms=plan.window_ms,
        data_bytes=plan.data_bytes,
        rate_up=plan.rate_up,
        rate_down=plan.rate_down,
        devices=plan.max_devices,
        locked=plan.locked,
    )


def alike(plan: Plan, one: FoundPlan, currency: str) -> bool:
    """Whether a plan is what was found, price included."""
    other = made(one, plan.name, currency)
    return terms_of(plan) == terms_of(other) and plan.price == other.price and not plan.trial


def what_is_left(run: FoundRun, terms: Terms, now: Moment) -> tuple[int, int | None]:
    """What is left, in whole hours or days and in whole 100 MB, so that a batch holds many: rounded for the guest."""
    online = (run.span_left_ms or terms.span_ms) if terms.kind == "used" else None
    by_clock = run.until - now if run.until is not None else terms.span_ms
    left = min(LONGEST_MS, by_clock, by_clock if online is None else online)
    step = HOUR if left <= 2 * DAY else DAY
    data = None if run.data_left is None else -(-run.data_left // 10**8) * 10**8
    return -(-max(1, left) // step) * step, data


def frozen(plan: Plan, batch: NewBatch) -> Plan:
    """A plan as a batch keeps it: at no price where the money was taken elsewhere, and for what is left."""
    price = Money(0, plan.price.currency) if batch.paid else plan.price
    if batch.rest_ms is None:
        return replace(plan, price=price)
    return replace(plan, price=price, span_ms=batch.rest_ms, data_bytes=batch.rest_bytes)


def rest_of(plan: Plan, run: FoundRun, now: Moment) -> Plan:
    """A plan for somebody who is running: what is left of it, at no price."""
    by_clock = max(1, run.until - now) if run.until is not None else None
    used = plan.kind == "used"
    left = run.span_left_ms if used else by_clock
    return replace(
        plan,
        price=Money(0, plan.price.currency),
        span_ms=max(1, min(left, LONGEST_MS) if left is not None else plan.span_ms),
        window_ms=by_clock if used else None,
        data_bytes=plan.data_bytes if run.data_left is None else max(1, run.data_left),
    )
