"""What a new ISP has still to do before its first guest can pay; the list goes by itself when all is done."""

from __future__ import annotations

from dataclasses import dataclass

from portal.access.catalog import TenantView
from portal.console.dashboard import store
from portal.payments import accounts
from portal.staff.roles import Permission
from portal.units import Unit


@dataclass(frozen=True, kw_only=True)
class SetupStep:
    """One thing to do: where, and whether it is done."""

    title: str
    why: str
    path: str
    needs: Permission
    done: bool


def steps(view: TenantView) -> Unit[list[SetupStep]]:
    """All of them in their order; nothing once somebody has paid."""
    if (yield from store.has_been_paid()):
        return []
    account = yield from accounts.current_account()
    tenant, routers = view.tenant, view.routers.values()
    return [
        SetupStep(
            title="Say who you are",
            why="Your name and the number to call stand on every page that guests see.",
            path="/console/settings/profile",
            needs="tenant.change",
            done=bool(tenant.support_phone and tenant.legal_name),
        ),
        SetupStep(
            title="Add your paybill or till",
            why="What guests pay is yours at once.",
            path="/console/settings/mpesa",
            needs="accounts.change",
            done=account is not None,
        ),
        SetupStep(
            title="Put a plan on sale",
            why="An hour, a day, a week: what guests buy.",
            path="/console/plans/new",
            needs="plans.change",
            done=any(each.on_sale for each in view.plans),
        ),
        SetupStep(
            title="Set up your first router",
            why="Bando writes the script, you import it.",
            path="/console/routers",
            needs="routers.change",
            done=any(each.last_contact_at for each in routers),
        ),
        SetupStep(
            title="See the first guest pay",
            why="Join the Wi-Fi with a phone and buy the smallest plan.",
            path="/console/payments",
            needs="payments",
            done=False,
        ),
    ]
