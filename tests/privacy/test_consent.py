"""Consent: what may be sent to whom, and what proves it; withdrawn counts at once, and the old row still proves."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from portal.clock import DAY
from portal.errors import Refused
from portal.people import store as people
from portal.privacy.consent import service, store
from portal.privacy.notices import store as notices
from portal.privacy.retention.room import Retention
from portal.schema import metadata
from portal.settings import SANDBOX_CONTACT
from portal.tenancy import store as tenancy
from tests.console import consent, money
from tests.support import Seed, seed

HERE = Path(__file__).parents[2] / "portal"


@pytest.fixture
async def home(tmp_path: Path) -> AsyncIterator[Seed]:
    made = await seed(tmp_path)
    yield made
    await made.db.aclose()


async def may(home: Seed, person: int, purpose: str = "offers") -> bool:
    return await home.read(service.may_send, person, purpose) is not None


async def take_back(home: Seed, person: int) -> int | None:
    args = (person, "console", "said so", "staff:x", home.clock.now())
    found: int | None = await home.write(service.take_back, *args)
    return found


async def test_paying_is_no_consent(home: Seed) -> None:
    await consent.asked(home)
    who = await consent.payer(home)
    assert not await may(home, who.person_id)


async def test_a_row_names_the_text_its_hash_the_language_and_the_proof(home: Seed) -> None:
    device, person = await consent.agreed(home)
    row = await home.read(service.may_send, person, "offers")
    text = (await home.read(notices.latest, "offers"))["en"]
    assert row is not None
    assert (row.version_id, row.digest, row.language) == (text.id, text.notice.digest, "en")
    assert (row.device_id, row.channel, row.actor) == (device, "purchase", "guest")
    assert row.proof.startswith("payment:")
    assert 0 <= home.clock.now() - row.decided_at < DAY


async def test_withdrawn_is_excluded_at_once_and_the_old_row_still_proves(home: Seed) -> None:
    _, person = await consent.agreed(home)
    given = await home.read(service.may_send, person, "offers")
    home.clock.advance(DAY)
    assert await take_back(home, person) is not None
    assert not await may(home, person)
    assert await home.read(store.how_many, "offers") == 0

    newest, oldest = await home.read(store.all_of, person)
    assert oldest == given
    assert (newest.given, newest.digest, newest.proof) == (False, oldest.digest, "said so")
    assert await take_back(home, person) is None


async def test_one_purpose_opens_no_other(home: Seed) -> None:
    _, person = await consent.agreed(home)
    assert await may(home, person)
    assert not await may(home, person, "news")


async def test_somebody_may_agree_again(home: Seed) -> None:
    who, text = await consent.payer(home), await consent.asked(home)
    now = home.clock.now()
    assert await home.write(service.give, who, text, "en", now) is not None
    assert await home.write(service.give, who, text, "en", now) is None
    await take_back(home, who.person_id)
    assert await home.write(service.give, who, text, "en", now) is not None
    assert await may(home, who.person_id)
    assert await home.read(store.how_many, "offers") == 1


async def test_an_erased_guest_gets_nothing(home: Seed) -> None:
    _, person = await consent.agreed(home)
    await home.write(people.forget, person, home.clock.now())
    assert not await may(home, person)
    assert await home.read(store.how_many, "offers") == 0


async def test_nobody_agrees_where_nobody_is_asked_or_to_another_text(home: Seed) -> None:
    who, text = await consent.payer(home), await consent.asked(home)
    for wrong in (text + 1, 0):
        with pytest.raises(Refused, match="consent-text"):
            await home.write(service.give, who, wrong, "en", home.clock.now())
    with pytest.raises(Refused, match="consent-text"):
        await home.write(service.give, who, text, "sw", home.clock.now())
    await home.write(service.ask_guests, home.tenant, SANDBOX_CONTACT, False, "staff:x", home.clock.now())
    with pytest.raises(Refused, match="consent-text"):
        await home.write(service.give, who, text, "en", home.clock.now())
    assert not await may(home, who.person_id)


async def test_what_was_agreed_to_stands_when_others_are_asked_no_longer_and_can_be_taken_back(home: Seed) -> None:
    _, person = await consent.agreed(home)
    await home.write(service.ask_guests, home.tenant, SANDBOX_CONTACT, False, "staff:x", home.clock.now())
    found = await home.read(service.standing, person, "en")
    assert (found.text, found.given, found.shows) == (None, True, True)
    assert await take_back(home, person) is not None


async def test_what_one_isp_may_send_no_other_may(home: Seed) -> None:
    _, person = await consent.agreed(home)
    other = await home.db.write(None, tenancy.add_tenant, "Next Door", home.clock.now())
    assert await home.db.read(other.id, service.may_send, person, "offers") is None


async def test_it_is_kept_while_it_is_relied_on_and_three_years_after(home: Seed) -> None:
    purge = Retention(home.db, home.vault, home.clock).purge
    _, person = await consent.agreed(home)
    home.clock.advance(5 * 365 * DAY)
    # somebody who comes back is not forgotten, so what they agreed to is relied on
    await home.write(people.person_for, home.vault, home.tenant.id, money.PHONE, home.clock.now())
    await purge(home.tenant, home.clock.now(), "clock")
    assert await may(home, person)

    await take_back(home, person)
    home.clock.advance((3 * 365 - 1) * DAY)
    await purge(home.tenant, home.clock.now(), "clock")
    assert len(await home.read(store.all_of, person)) == 2
    home.clock.advance(3 * DAY)
    await purge(home.tenant, home.clock.now(), "clock")
    assert await home.read(store.all_of, person) == []


async def test_of_an_erased_guest_it_goes_three_years_after_that(home: Seed) -> None:
    purge = Retention(home.db, home.vault, home.clock).purge
    _, person = await consent.agreed(home)
    home.clock.advance(2 * 365 * DAY)
    await home.write(people.forget, person, home.clock.now())
    for days, left in ((3 * 365 - 1, 1), (3, 0)):
        home.clock.advance(days * DAY)
        await purge(home.tenant, home.clock.now(), "clock")
        assert len(await home.read(store.all_of, person)) == left


CHANGES = re.compile(r"(UPDATE|DELETE FROM) (consents|notice_versions)\b|update\(\s*\"(consents|notice_versions)\"")


def changing(text: str) -> bool:
    return CHANGES.search(text) is not None


def test_no_statement_of_ours_changes_a_decision_or_a_version() -> None:
    """The purge alone takes them, by its table of rules."""
    assert [path.name for path in HERE.rglob("*.py") if changing(path.read_text())] == []
    assert {"consents", "notice_versions"} <= set(metadata.tables)


@pytest.mark.parametrize("text", ["UPDATE consents SET given", "DELETE FROM notice_versions", 'update("consents", 1)'])
def test_one_that_did_would_be_noticed(text: str) -> None:
    assert changing(text)
