"""Who may give back how much, and from which amount on two persons are needed."""

from __future__ import annotations

from starlette.responses import Response

from portal.console import asked
from portal.console.desk import Desk
from portal.errors import Refused
from portal.money import Money
from portal.payments.refunds import rules
from portal.payments.refunds.rules import Rules
from portal.tenancy import store as tenancy

ROLES = ("owner", "manager", "cashier")
ANY = ""  # an empty field: any amount


async def ask(desk: Desk) -> Response:
    """The rules."""
    return _page(desk)


def _page(desk: Desk, wrong: Refused | None = None) -> Response:
    now = rules.read(desk.view.tenant.refund_rules)
    filled = {role: _shown(now.most.get(role)) for role in ROLES} | {"alone": _shown(now.alone)}
    typed = {name: desk.fields[name][:15] for name in filled if name in desk.fields}
    return desk.page(
        "refund_rules",
        wrong.status if wrong else 200,
        roles=ROLES,
        filled={**filled, **typed},
        wrong=wrong.key if wrong else "",
    )


def _shown(minor: int | None) -> str:
    return ANY if minor is None else f"{minor / 100:.2f}".removesuffix(".00")


async def change(desk: Desk) -> Response:
    """Keep other rules."""
    try:
        made = _read(desk)
    except Refused as wrong:
        return _page(desk, wrong)
    tenant = desk.view.tenant
    before = rules.read(tenant.refund_rules)
    await desk.act(
        "refund.rules",
        "refunds",
        tenancy.change_own,
        *(tenant.id, {"refund_rules": made.as_text()}),
        before=_said(before),
        after=_said(made),
        money=True,
    )
    await desk.services.catalog.refresh()
    return desk.go("/console/settings/refunds", "saved")


def _read(desk: Desk) -> Rules:
    currency = desk.view.tenant.currency

    def amount(name: str) -> int | None:
        text = desk.fields.get(name, "").strip()
        return asked.money(text, currency).minor if text else None

    alone = amount("alone")
    if alone is None:
        raise Refused("amount")
    return Rules(most={role: amount(role) for role in ROLES}, alone=alone)


def _said(made: Rules) -> dict[str, str]:
    limits = {role: "any" if most is None else str(Money(most)) for role, most in made.most.items()}
    return {**limits, "two persons above": str(Money(made.alone))}
