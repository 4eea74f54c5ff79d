"""Publishing the privacy notice and the terms: a preview, a version, and what becomes of it when facts change."""

from __future__ import annotations

import re
from typing import Any

import pytest

from portal.privacy.notices import service, store
from portal.privacy.retention import store as retention
from portal.tenancy import store as tenancy
from portal.units import value
from tests.console.office import Office, Visitor

PAGE = "/settings/notices"


async def mark(who: Visitor, kind: str = "privacy") -> str:
    found = re.search(r'name="mark" value="([0-9a-f]+)"', await who.get(f"{PAGE}/review", kind=kind))
    assert found is not None
    return found[1]


async def publish(who: Visitor, kind: str = "privacy", status: int = 303, **fields: str) -> Any:
    return await who.post(f"{PAGE}/review", status, **{"kind": kind, "mark": await mark(who, kind), **fields})


async def many(o: Office) -> int:
    return int(await o.home.read(value, "SELECT COUNT(*) FROM notice_versions WHERE tenant_id = :tenant"))


async def test_the_first_version_is_published_in_both_languages_with_its_line(o: Office) -> None:
    who = await o.of("owner")
    assert "not published" in await who.get(PAGE)
    await publish(who)
    page = await who.get(PAGE)
    kept = await o.home.read(store.latest, "privacy")

    assert "Guests read <a" in page
    assert "as it should be" in page
    assert sorted(kept) == ["en", "sw"]
    assert {each.number for each in kept.values()} == {1}
    assert all(each.notice.digest == each.digest for each in kept.values())
    last = (await o.acts())[-1]
    assert (last["act"], last["subject"]) == ("notice.publish", "privacy:1")


async def test_when_days_change_staff_sees_that_the_notice_would_and_publishes_it(o: Office) -> None:
    who = await o.of("owner")
    await publish(who)
    assert "would change" not in await who.get("/settings")
    await o.home.write(retention.set_days, "session", 123, "command", o.home.clock.now())

    assert "would change" in await who.get("/settings")
    assert "Your notice would change" in await who.get(PAGE)
    review = await who.get(f"{PAGE}/review")
    assert "<del>Sessions and usage: 365 days" in review
    assert "<ins>Sessions and usage: 123 days" in review

    await publish(who, summary="Sessions are kept for a shorter time.")
    assert "would change" not in await who.get(PAGE)
    versions = await who.get(f"{PAGE}/versions")
    assert "Sessions are kept for a shorter time." in versions
    assert versions.index("Version 2") < versions.index("Version 1")


async def test_a_second_version_says_what_changed_or_is_refused(o: Office) -> None:
    who = await o.of("owner")
    await publish(who)
    await o.home.write(retention.set_days, "session", 123, "command", o.home.clock.now())
    for summary in ("", " ", "x" * 301, "a\u202eb"):
        answer = await publish(who, status=400, summary=summary)
        assert "Say in one sentence" in answer.text
    assert await many(o) == 2


async def test_what_was_not_looked_at_is_not_published(o: Office) -> None:
    who = await o.of("owner")
    seen = await mark(who)
    await o.home.write(retention.set_days, "session", 123, "command", o.home.clock.now())
    answer = await who.post(f"{PAGE}/review", 409, kind="privacy", mark=seen)
    assert "Something has changed since you looked" in answer.text
    assert await many(o) == 0


async def test_a_form_that_is_sent_twice_publishes_once(o: Office) -> None:
    who = await o.of("owner")
    seen = await mark(who)
    await who.post(f"{PAGE}/review", kind="privacy", mark=seen)
    await who.post(f"{PAGE}/review", 409, kind="privacy", mark=seen)
    assert await many(o) == 2


async def test_own_words_come_with_the_next_version_and_in_the_other_language_too(o: Office) -> None:
    who = await o.of("manager")
    await publish(who, "terms")
    await who.post(
        f"{PAGE}/words", 303, kind="terms", **{"words-en": "We close\nat ten.\r\n\r\n\r\n<b>No</b> parties."}
    )
    terms = (await o.home.read(store.latest, "terms"))["en"]
    assert "parties" not in terms.body
    await publish(who, "terms", summary="Our own rules are in it.")
    kept = await o.home.read(store.latest, "terms")

    for lang in ("en", "sw"):
        assert kept[lang].body.endswith("\n\nWe close at ten.\n\n<b>No</b> parties.\n")
    assert "&lt;b&gt;No&lt;/b&gt; parties." in await who.get(f"{PAGE}/review", kind="terms")


@pytest.mark.parametrize("text", ["x" * 6001, "a\u202eb"])
async def test_words_that_are_too_long_or_hidden_are_refused_and_stay_typed(o: Office, text: str) -> None:
    who = await o.of("owner")
    answer = await who.post(f"{PAGE}/words", 400, kind="privacy", **{"words-en": text, "words-sw": "Karibu"})
    assert "Karibu" in answer.text
    assert await o.home.read(store.own_words) == {}


async def test_others_read_and_publish_nothing(o: Office) -> None:
    who = await o.of("auditor")
    page = await who.get(f"{PAGE}/review")
    assert "<button" not in page.split("<main")[1]
    await who.post(f"{PAGE}/review", 403, kind="privacy", mark="x")
    await who.get(f"{PAGE}/words", 403)
    await (await o.of("cashier")).get(PAGE, 403)


@pytest.mark.parametrize("kind", ["nothing", "privacy ", "%00"])
async def test_a_kind_that_there_is_not_is_refused(o: Office, kind: str) -> None:
    who = await o.of("owner")
    await who.get(f"{PAGE}/review", 400, kind=kind)
    await who.post(f"{PAGE}/words", 400, kind=kind)


async def test_a_new_name_or_contact_would_change_it(o: Office) -> None:
    who, operator = await o.of("owner"), o.services.settings.data_protection_contact
    await publish(who)
    for column in ("name", "legal_name", "privacy_contact", "support_phone", "protection_number"):
        assert not (await o.home.read(service.review, o.home.tenant, operator, "privacy")).moved
        await o.home.db.write(None, tenancy.change_own, o.home.tenant.id, {column: f"New {column}"})
        tenant = await o.home.db.read(None, tenancy.tenant, o.home.tenant.id)
        assert (await o.home.read(service.review, tenant, operator, "privacy")).moved
        await o.home.db.write(None, tenancy.change_own, o.home.tenant.id, {column: getattr(o.home.tenant, column)})


async def test_long_words_in_both_languages_go_through_the_form(o: Office) -> None:
    who, long = await o.of("owner"), "é" * 5_990
    data = {"csrf": await who.token(), "kind": "privacy", "words-en": long, "words-sw": long}
    answer = await who.http.post(f"/console{PAGE}/words", data=data, files={"none": b""})
    assert answer.status_code == 303
    assert (await o.home.read(store.own_words))["privacy", "sw"] == long
