"""The form of a batch, read strictly. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from portal.access.plans import Plan
from portal.clock import Moment
from portal.console import asked as console_asked
from portal.errors import Misconfigured, Refused
from portal.money import Money
from portal.staff.store import Staff
from portal.tenancy.store import Tenant
from portal.vouchers import asked, batches, codes
from portal.vouchers.batches import Order
from portal.vouchers.codes import Style

HIGHEST_PRICE = 1_000_000  # whole units


@dataclass(frozen=True, kw_only=True)
class StyleChoice:
    """A style as staff choose it."""

    name: str
    words: str


def style_choices() -> list[StyleChoice]:
    """``Letters and digits: XXXX-XXXX-XXX``, the usual ones first."""
    usual = list(codes.DEFAULT.values())
    ordered = [*usual, *(each for each in codes.STYLES.values() if each not in usual)]
    return [StyleChoice(name=each.name, words=_shape(each)) for each in ordered]


def _shape(style: Style) -> str:
    letter, kind = ("X", "Letters and digits") if style.kind == "letters" else ("0", "Digits only")
    return f"{kind}: {'-'.join(letter * size for size in style.groups)}"


def whole(text: str, low: int, high: int, key: str) -> int:
    """A whole number of these bounds, ``1,000`` too; raises `Refused(key)`."""
    plain = text.strip().replace(",", "").replace(" ", "")
    if not (plain.isascii() and plain.isdecimal() and len(plain) <= 9 and low <= int(plain) <= high):
        raise Refused(key)
    return int(plain)


def order_of(
    fields: Mapping[str, str],
    plans: Sequence[Plan],
    tenant: Tenant,
    now: Moment,
    staff: Staff,
    agents: Sequence[Staff] = (),
) -> Order:
    """The batch that was asked for; raises `Refused`."""
    plan = next((each for each in plans if str(each.id) == fields.get("plan", "")), None)
    if plan is None or not plan.on_sale:
        raise Refused("plan-off")
    if plan.trial:
        raise Refused("plan-trial")
    style = codes.STYLES.get(fields.get("style", ""))
    if style is None:
        raise Refused("form")
    price = fields.get("price", "").strip()
    note, agent = one_line(fields.get("note", "")), one_line(fields.get("agent", ""))
    owner = _stock_of(fields.get("stock_of", ""), agents)
    return Order(
        plan=plan,
        count=whole(fields.get("count", ""), 1, batches.MOST, "batch-count"),
        style=style,
        use_by=_use_by(fields.get("use_by", ""), tenant, now),
        price=Money(whole(price, 0, HIGHEST_PRICE, "batch-price") * 100, plan.price.currency) if price else None,
        note=note,
        agent=agent or (owner.name if owner else ""),
        agent_id=owner.id if owner else None,
        by=staff.name,
        staff_id=staff.id,
        form_key=f"{staff.id}:{console_asked.key(fields.get('key', ''))}",
    )


def _stock_of(text: str, agents: Sequence[Staff]) -> Staff | None:
    """The agent whose stock the batch becomes, or nobody; raises `Refused`."""
    if not text:
        return None
    found = next((each for each in agents if str(each.id) == text), None)
    if found is None:
        raise Refused("batch-agent")
    return found


def one_line(text: str) -> str:
    """A few words on one line; raises `Refused`."""
    plain = text.strip()
    try:
        batches.must_be_short(plain)
    except Misconfigured:
        raise Refused("batch-text") from None
    return plain


def _use_by(text: str, tenant: Tenant, now: Moment) -> Moment:
    day = asked.day(text)
    end = None if day is None else asked.end_of(day, tenant.timezone)
    if end is None or not now < end <= now + batches.LONGEST_MS:
        raise Refused("batch-day")
    return end
