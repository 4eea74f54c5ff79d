"""The privacy notice: each ISP's own, in the guest's language, and the file is what the page shows."""

from __future__ import annotations

import hashlib
import re
from html import unescape
from pathlib import Path

import pytest

from portal.privacy.notices.notice import notice_of
from portal.privacy.notices.wording import ENGLISH, KEPT, REGULATOR, SWAHILI
from portal.privacy.retention import store as retention
from portal.settings import SANDBOX_CONTACT
from portal.tenancy import store as tenancy
from tests.pages.house import house

FIELD = re.compile(r"\{(\w+)\}")


def test_both_languages_say_the_same_things() -> None:
    assert {key: sorted(FIELD.findall(text)) for key, text in ENGLISH.items()} == {
        key: sorted(FIELD.findall(text)) for key, text in SWAHILI.items()
    }


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
            shown = re.findall(r"<(?:h1|h2|p)>([^<]*)</", page.text.split("<main>")[1].split("</main>")[0])

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
        text = notice_of(h.home.tenant, {}, "en", "privacy@bando.test").text

        assert "{" not in text
        assert text.count(" days") >= len(KEPT)
