"""Agreeing, taking it back, and the one question that whoever sends has to ask. Units.

Paying is no consent: a row comes only from a tick that was empty before, under the text that it names.
"""

from __future__ import annotations

from dataclasses import dataclass

from portal.clock import Moment
from portal.errors import Refused
from portal.privacy.consent import store
from portal.privacy.consent.store import Decided
from portal.privacy.consent.wording import PURPOSE
from portal.privacy.notices import service as notices
from portal.privacy.notices import store as versions
from portal.privacy.notices.store import Version
from portal.tenancy.store import Tenant
from portal.units import Unit


@dataclass(frozen=True, kw_only=True)
class Payer:
    """Whose page it is: a paid payment proves it."""

    person_id: int
    device_id: int
    payment: str


@dataclass(frozen=True, kw_only=True)
class Standing:
    """What a guest is shown: the text, unless the ISP asks for nothing, and what they decided last."""

    text: Version | None
    decided: Decided | None

    @property
    def given(self) -> bool:
        return self.decided is not None and self.decided.given

    @property
    def shows(self) -> bool:
        """Whether there is anything to decide: whoever agreed can always take it back."""
        return self.text is not None or self.given


def standing(person_id: int, lang: str) -> Unit[Standing]:
    """What is to be decided by this guest, and what was."""
    asked = yield from store.is_asked(PURPOSE)
    text = (yield from versions.latest(PURPOSE)).get(lang) if asked else None
    return Standing(text=text, decided=(yield from store.latest(person_id, PURPOSE)))


def give(payer: Payer, version_id: int, lang: str, now: Moment) -> Unit[int | None]:
    """A guest agrees to this very text; None when they had. Raises `Refused`: consent-text when it is another now."""
    found = yield from standing(payer.person_id, lang)
    if found.text is None or found.text.id != version_id:
        raise Refused("consent-text", status=409)
    if not (yield from store.is_somebody(payer.person_id)):
        raise Refused("old-link", status=404)
    if found.given:
        return None
    return (
        yield from store.add(
            person_id=payer.person_id,
            device_id=payer.device_id,
            purpose=PURPOSE,
            given=True,
            version_id=found.text.id,
            digest=found.text.digest,
            language=lang,
            channel="purchase",
            proof=f"payment:{payer.payment}",
            actor="guest",
            decided_at=now,
        )
    )


def take_back(person_id: int, channel: str, proof: str, actor: str, now: Moment) -> Unit[int | None]:
    """What was agreed to ends now; the row that proves it stays. None when nothing stood."""
    last = yield from store.latest(person_id, PURPOSE)
    if last is None or not last.given:
        return None
    return (
        yield from store.add(
            person_id=person_id,
            device_id=last.device_id,
            purpose=PURPOSE,
            given=False,
            version_id=last.version_id,
            digest=last.digest,
            language=last.language,
            channel=channel,
            proof=proof,
            actor=actor,
            decided_at=now,
        )
    )


def may_send(person_id: int, purpose: str) -> Unit[Decided | None]:
    """The row by which something may be sent to somebody for this purpose; None: nothing may be sent.

    To be asked just before each sending: what is taken back counts at once.
    """
    last = yield from store.latest(person_id, purpose)
    if last is None or not last.given or not (yield from store.is_somebody(person_id)):
        return None
    return last


def ask_guests(tenant: Tenant, operator: str, on: bool, by: str, now: Moment) -> Unit[None]:
    """Guests are asked from now on, by the published text; or no longer. What they agreed to stays theirs."""
    found = yield from notices.review(tenant, operator, PURPOSE)
    if on and not found.number:
        yield from notices.publish(tenant, operator, PURPOSE, found.mark, "", by, now)
    yield from store.ask(PURPOSE, on, by, now)
