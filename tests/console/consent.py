"""Somebody who paid, and agreed to offers on the page of their receipt."""

from __future__ import annotations

from portal.payments import store as payments
from portal.privacy.consent import service
from portal.privacy.consent.service import Payer
from portal.privacy.notices import store as notices
from portal.settings import SANDBOX_CONTACT
from tests.console import money
from tests.support import Seed


async def payer(home: Seed) -> Payer:
    """Whose payment came."""
    one = await home.read(payments.payment, await money.paid(home, home.clock.now()))
    assert one is not None
    return Payer(person_id=one.person_id, device_id=one.device_id, payment=one.public)


async def asked(home: Seed) -> int:
    """Guests are asked; the text that counts in English."""
    await home.write(service.ask_guests, home.tenant, SANDBOX_CONTACT, True, "staff:x", home.clock.now())
    return int((await home.read(notices.latest, "offers"))["en"].id)


async def agreed(home: Seed) -> tuple[int, int]:
    """The device and the person."""
    who, text = await payer(home), await asked(home)
    await home.write(service.give, who, text, "en", home.clock.now())
    return who.device_id, who.person_id
