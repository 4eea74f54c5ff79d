"""The privacy notice: each ISP's own, in the guest's language, and the file is what the page shows."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from html import unescape
from pathlib import Path

import pytest

from portal.privacy.notices import service, terms_wording
from portal.privacy.notices.notice import Facts, Notice, kept, notice_of
from portal.privacy.notices.wording import KEPT, REGULATOR, WORDS
from portal.privacy.retention import store as retention
from portal.settings import SANDBOX_CONTACT
from portal.tenancy import store as tenancy
from tests.pages.house import House, house

LINK = re.compile(r"<a [^>]*>([^<]*)</a>")
FIELD = re.compile(r"\{(\w+)\}")


@pytest.mark.parametrize("words", [WORDS, terms_wording.WORDS], ids=["privacy", "terms"])
def test_both_languages_say_the_same_things(words: Mapping[str, Mapping[str, str]]) -> None:
    said = [{key: sorted(FIELD.findall(text)) for key, text in words[lang].items()} for lang in ("en", "sw")]
    assert said[0] == said[1]


async def test_the_page_names_the_isp_its_days_and_the_regulator_and_the_file_has_its_hash(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        tenant = h.home.tenant
        own = {
            "legal_name": "Kilimani <b>Networks</b> Ltd",
            "privacy_contact": "data@kilimani.test",
            "protection_number": "ODPC-77",
            "licence_number": "CA-99",
        }
        await h.home.db.write(None, tenancy.change_own, tenant.id, own)
        await h.home.db.write(tenant.id, retention.set_days, "session", 123, "command", h.home.clock.now())
        await h.catalog_again()
        for lang in ("en", "sw"):
            page = await h.http.get(f"/n/{tenant.public}/?lang={lang}")
            file = await h.http.get(f"/n/{tenant.public}/text?lang={lang}")
            shown = re.findall(
                r"<(?:h1|h2|p)>(.*?)</(?:h1|h2|p)>", LINK.sub(r"\1", page.text.split("<main>")[1].split("</main>")[0])
            )

            assert f'<html lang="{lang}">' in page.text
            assert "<script" not in page.text
            assert "\n\n".join(unescape(each) for each in shown) + "\n" == file.text
            assert hashlib.sha256(file.content).hexdigest() in page.text
            assert file.headers["content-disposition"].startswith("attachment")
            for part in (
                "Kilimani <b>Networks</b> Ltd",
                "data@kilimani.test",
                "ODPC-77",
                "CA-99",
                "123",
                REGULATOR,
                SANDBOX_CONTACT,
            ):
                assert part in file.text


async def test_two_isps_each_show_their_own_name(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        mine = h.home.tenant
        made = await h.home.db.write(None, tenancy.add_tenant, "Baharini Wi-Fi", h.home.clock.now())
        await h.catalog_again()
        other = next(each for each in (await h.home.db.read(None, tenancy.tenants)) if each.id != mine.id)
        ours = (await h.http.get(f"/n/{mine.public}/")).text
        theirs = (await h.http.get(f"/n/{other.public}/")).text

        assert made
        assert mine.name in ours
        assert "Baharini" not in ours
        assert "Baharini Wi-Fi" in theirs
        assert mine.name not in theirs


async def test_every_guests_page_leads_to_it(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        page = (await h.http.get(await h.enter())).text
        link = re.search(r'href="(/n/[^"]+)"', page)
        assert link is not None

        assert (await h.http.get(unescape(link[1]))).status_code == 200


@pytest.mark.parametrize("public", ["nobody", "a" * 5000, "%00", "..%2f"])
async def test_an_unknown_isp_has_no_notice(tmp_path: Path, public: str) -> None:
    async with house(tmp_path) as h:
        assert (await h.http.get(f"/n/{public}/")).status_code == 404
        assert (await h.http.get(f"/n/{public}/text")).status_code == 404


async def test_what_an_isp_has_not_told_is_left_out(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        text = notice_of(Facts(tenant=h.home.tenant, operator="privacy@bando.test"), "en").text

        assert "{" not in text
        assert text.count(" days") >= len(KEPT)


async def _publish(h: House, summary: str = "") -> int:
    tenant, operator = h.home.tenant, SANDBOX_CONTACT
    found = await h.home.read(service.review, tenant, operator, "privacy")
    args = (tenant, operator, "privacy", found.mark, summary, "staff:x", h.home.clock.now())
    return int(await h.home.write(service.publish, *args))


async def test_guests_read_what_was_published_and_an_earlier_version_by_its_number(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        tenant = h.home.tenant
        await _publish(h)
        first = (await h.http.get(f"/n/{tenant.public}/text?lang=en")).content
        await h.home.db.write(tenant.id, retention.set_days, "session", 123, "command", h.home.clock.now())
        unchanged = (await h.http.get(f"/n/{tenant.public}/text?lang=en")).content
        await _publish(h, "Sessions are kept for 123 days.")
        second = await h.http.get(f"/n/{tenant.public}/text?lang=en")
        page = (await h.http.get(f"/n/{tenant.public}/?lang=en")).text
        earlier = (await h.http.get(f"/n/{tenant.public}/?lang=en&version=1")).text
        file = (await h.http.get(f"/n/{tenant.public}/text?lang=en&version=1")).content

        assert first == unchanged == file
        assert b"123 days" in second.content
        assert "privacy-2-en.txt" in second.headers["content-disposition"]
        assert "What changed: Sessions are kept for 123 days." in page
        assert hashlib.sha256(second.content).hexdigest() in page
        assert hashlib.sha256(first).hexdigest() in earlier
        assert "This is an earlier version" in earlier
        assert "This is an earlier version" not in page


@pytest.mark.parametrize("number", ["0", "3", "99999999999", "-1", "1;2", "%C2%B2"])
async def test_a_version_that_there_is_not_is_not_found(tmp_path: Path, number: str) -> None:
    async with house(tmp_path) as h:
        await _publish(h)
        for name in ("", "text"):
            assert (await h.http.get(f"/n/{h.home.tenant.public}/{name}?version={number}")).status_code == 404


async def test_the_regulator_is_a_link_that_tells_nobody_where_one_comes_from(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        page = (await h.http.get(f"/n/{h.home.tenant.public}/")).text
        assert re.search(r'<a [^>]*href="https://www\.odpc\.go\.ke/" rel="noopener noreferrer"', page)


async def test_the_terms_stand_beside_it_in_both_languages(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        for lang in ("en", "sw"):
            page = (await h.http.get(f"/n/{h.home.tenant.public}/terms/?lang={lang}")).text
            file = await h.http.get(f"/n/{h.home.tenant.public}/terms/text?lang={lang}")
            assert h.home.tenant.name in page
            assert hashlib.sha256(file.content).hexdigest() in page
        assert (await h.http.get(f"/n/{h.home.tenant.public}/nothing/")).status_code == 404


def test_a_kept_text_is_read_back_as_it_was_made() -> None:
    made = Notice(title="A", sections=(("B", ("C", "D")), ("E", ()), ("F", ("G",))))
    assert kept(made.text, made.shape) == made
