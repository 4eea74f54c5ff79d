"""The first page of the settings, and all their addresses."""

from __future__ import annotations

from starlette.responses import Response

from portal.console.desk import Desk
from portal.console.screens import get, post
from portal.console.settings import api_user, further, look, mpesa, profile, refunds
from portal.payments import accounts
from portal.payments.accounts import Account
from portal.privacy.notices import service as notices


async def overview(desk: Desk) -> Response:
    """What there is to set, and how it stands."""
    found = await desk.read(accounts.accounts) if desk.may("accounts") else []
    contact = desk.services.settings.data_protection_contact
    move = any(each.number and each.moved for each in await desk.read(notices.reviews, desk.view.tenant, contact))
    return desk.page(
        "settings",
        papers=profile.papers(desk),
        account=_current(found),
        installed=_installed(desk),
        notices_move=move,
    )


def _current(found: list[Account]) -> Account | None:
    """The account that new payments go to: the newest that is on."""
    return next((each for each in reversed(found) if each.active), None)


def _installed(desk: Desk) -> list[tuple[str, str]]:
    """What is set for the whole installation, for staff to know; no secret is among it."""
    settings = desk.services.settings
    return [
        ("Prompts to one phone in 10 minutes", str(settings.prompts_phone)),
        ("Prompts to one phone in a day", str(settings.prompts_phone_day)),
        ("Prompts from one device in 10 minutes", str(settings.prompts_device)),
        ("Prompts from one router in 10 minutes", str(settings.prompts_router)),
        ("Moves of a voucher to another device in a day", str(settings.voucher_moves)),
        ("Seconds between two looks at a router", str(settings.poll_every_ms // 1000)),
        ("Address of the portal", settings.public_url),
    ]


SCREENS = (
    get("/settings", "tenant", overview),
    get("/settings/profile", "tenant", profile.ask),
    post("/settings/profile", "tenant.change", profile.change),
    get("/settings/look", "tenant", look.ask),
    post("/settings/look", "tenant.change", look.change, upload=True),
    post("/settings/look/own", "tenant.change", look.own),
    get("/settings/look/preview", "tenant", look.preview),
    post("/settings/look/preview", "tenant.change", look.try_on, upload=True),
    get("/settings/mpesa", "accounts", mpesa.listed),
    post("/settings/mpesa", "accounts.change", mpesa.add, proof=True),
    get("/settings/provider/{provider}", "accounts.change", further.ask),
    post("/settings/provider/{provider}", "accounts.change", further.add, proof=True),
    get("/settings/mpesa/{id}", "accounts", mpesa.one),
    post("/settings/mpesa/{id}/keys", "accounts.change", mpesa.renew, proof=True),
    get("/settings/mpesa/{id}/off", "accounts.change", mpesa.sure),
    post("/settings/mpesa/{id}/state", "accounts.change", mpesa.switch, proof=True),
    post("/settings/mpesa/{id}/user", "accounts.change", api_user.change, proof=True),
    get("/settings/refunds", "tenant", refunds.ask),
    post("/settings/refunds", "tenant.change", refunds.change, proof=True),
    post("/settings/mpesa/{id}/try", "accounts.change", mpesa.try_out),
)
