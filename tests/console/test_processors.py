"""The register of processors in the console: what is told, what is refused, and what taking one out does."""

from __future__ import annotations

import re
from datetime import date
from html import unescape

import pytest

from portal.errors import Refused
from portal.privacy.notices import service as notices
from portal.processors import registry, service, store
from portal.processors.registry import Told
from portal.texts import LANGUAGES
from portal.watch import channels
from portal.watch.alarm import KINDS
from tests.console import money
from tests.console.office import Office
from tests.console.samples import PROCESSOR
from tests.pages.house import house

PAGE = "/settings/processors"
TODAY = date(2026, 11, 29)


async def mpesa(o: Office) -> int:
    await o.home.write(money._account, o.home)
    found = await o.home.read(store.registered, "mpesa")
    assert found is not None
    return int(found.id)


async def test_an_account_brings_its_provider_in_and_staff_is_asked_to_look(o: Office) -> None:
    await mpesa(o)
    page = await (await o.of("owner")).get(PAGE)
    assert "Safaricom PLC (M-Pesa)" in page
    assert "look at it" in page
    assert "Kenya" in page


async def test_what_is_told_of_one_is_kept_with_its_line(o: Office) -> None:
    who, made = await o.of("manager"), await mpesa(o)
    fields = {**PROCESSOR, "named": "Safaricom <b>PLC</b>", "contract_on": "2024-02-29"}
    await who.post(f"{PAGE}/{made}", 303, **fields)
    found = await o.home.read(store.one_of, made)
    assert (found.named, found.contract_on, found.mark) == ("Safaricom <b>PLC</b>", "2024-02-29", "mpesa")
    assert found.looked_at is not None
    assert "look at it</span>" not in await who.get(PAGE)
    last = (await o.acts())[-1]
    assert (last["act"], last["subject"]) == ("processor.change", f"processor:{made}")
    assert await o.verified()


@pytest.mark.parametrize(
    ("wrong", "key"),
    [
        ({"country": ""}, "processor-country"),
        ({"country": "XX"}, "processor-country"),
        ({"country": "ke"}, "processor-country"),
        ({"country": "EU"}, "processor-country"),
        ({"country": "NG"}, "processor-basis"),
        ({"country": "NG", "basis": "because"}, "processor-basis"),
        ({"named": " "}, "processor-words"),
        ({"named": "x" * 81}, "processor-words"),
        ({"purpose": "a\u202eb"}, "processor-words"),
        ({"gets": ""}, "processor-words"),
        ({"contract_on": "2026-11-30"}, "processor-day"),
        ({"contract_on": "2026-02-30"}, "processor-day"),
        ({"contract_on": "yesterday"}, "processor-day"),
    ],
)
def test_what_cannot_be_is_refused(wrong: dict[str, str], key: str) -> None:
    with pytest.raises(Refused) as refused:
        registry.read({**PROCESSOR, **wrong}, TODAY)
    assert refused.value.key == key


def test_a_basis_is_kept_outside_of_kenya_only() -> None:
    assert registry.read({**PROCESSOR, "country": "NG", "basis": "contract"}, TODAY).basis == "contract"
    assert registry.read({**PROCESSOR, "basis": "contract"}, TODAY).basis == ""


async def test_bad_input_keeps_what_was_typed_and_changes_nothing(o: Office) -> None:
    who, made = await o.of("owner"), await mpesa(o)
    answer = await who.post(f"{PAGE}/{made}", 400, **{**PROCESSOR, "country": "NG"})
    assert "on what it rests" in answer.text
    assert 'value="Books Ltd"' in answer.text
    assert (await o.home.read(store.one_of, made)).named == "Safaricom PLC (M-Pesa)"
    await who.post(f"{PAGE}/new", 400, **{**PROCESSOR, "gets": ""})
    assert len(await o.home.read(store.standing)) == 1


async def test_taking_one_out_says_what_it_does_wants_a_reason_and_can_be_undone(o: Office) -> None:
    who, made = await o.of("owner"), await mpesa(o)
    assert "is told that this is not possible now" in await who.get(f"{PAGE}/{made}/remove")
    await who.post(f"{PAGE}/{made}/remove", 400, reason=" ")
    await who.post(f"{PAGE}/{made}/remove", reason="the contract ended")
    assert await o.home.read(store.registered, "mpesa") is None
    page = await who.get(PAGE)
    assert "nothing is sent" in page
    await who.post(f"{PAGE}/{made}/remove", 404, reason="again")

    await who.post(f"{PAGE}/back", mark="mpesa")
    assert (await o.home.read(store.registered, "mpesa")).named == "Safaricom PLC (M-Pesa)"
    await who.post(f"{PAGE}/back", 409, mark="mpesa")
    await who.post(f"{PAGE}/back", 409, mark="webhook:nobody.test")


async def test_who_may_not_shut_payments_off_may_not_take_one_out(o: Office) -> None:
    made = await mpesa(o)
    manager, auditor = await o.of("manager"), await o.of("auditor")
    assert "Take it out" not in await manager.get(f"{PAGE}/{made}")
    await manager.post(f"{PAGE}/{made}/remove", 403, reason="because")
    await auditor.get(PAGE)
    await auditor.get(f"{PAGE}/{made}", 403)
    await (await o.of("cashier")).get(PAGE, 403)


async def test_the_notice_would_change_with_the_register(o: Office) -> None:
    who, operator = await o.of("owner"), o.services.settings.data_protection_contact
    before = (await o.home.read(notices.review, o.home.tenant, operator, "privacy")).drafts["en"].text
    await who.post(f"{PAGE}/new", 303, **{**PROCESSOR, "country": "NG", "basis": "safeguards"})
    after = (await o.home.read(notices.review, o.home.tenant, operator, "privacy")).drafts
    assert "Books Ltd" not in before
    assert "Books Ltd. Why: Keeps the books. What it gets: Payments. Country: Nigeria (outside of Kenya" in (
        after["en"].text
    )
    assert "Books Ltd" in after["sw"].text


def test_what_bando_fills_in_is_said_in_both_languages() -> None:
    told = [*registry.USUAL.values(), registry.usual("webhook:x.test")]
    for each in told:
        assert registry.said(each.purpose, "sw") != each.purpose
        assert registry.said(each.gets, "sw") != each.gets


async def test_the_page_for_guests_is_the_register(tmp_path_factory: pytest.TempPathFactory) -> None:
    async with house(tmp_path_factory.mktemp("house")) as h:
        home, now = h.home, h.home.clock.now()
        await home.write(service.add, Told(named="Q <i>& Co", purpose="Hosts", gets="All", country="KE"), "x", now)
        hook = (home.vault, "c1", "webhook", "https://hooks.example.test/secret-path", "s", tuple(KINDS), now)
        await home.write(channels.add, *hook)
        for lang in LANGUAGES:
            page = (await h.http.get(f"/n/{home.tenant.public}/processors/?lang={lang}")).text
            shown = [unescape(each) for each in re.findall(r"<h2>(.*?)</h2>", page)]
            known = [registry.said(each.named, lang) for each in await home.read(store.standing)]
            assert shown == known
            assert "secret-path" not in page
        assert (await h.http.get("/n/nobody/processors/")).status_code == 404
