"""Guest pages in an ISP's own colour, with its logo and its welcome."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from PIL import Image

from portal.tenancy import marks
from portal.tenancy import store as tenancy
from tests.pages.house import House, house
from tests.pages.test_pages import BUDGET, every_page

STYLE = re.compile(r"<style>(.*?)</style>", re.DOTALL)


@pytest.fixture
async def h(tmp_path: Path) -> AsyncIterator[House]:
    async with house(tmp_path, plans=True) as made:
        yield made


async def dressed(h: House, accent: str = "#8a1c5c") -> None:
    """The ISP has a colour, a logo of some detail, and a welcome."""
    tenant_id = h.home.tenant.id
    changes = {"accent": accent, "welcome": "Welcome to the market", "welcome_sw": "Karibu sokoni"}
    await h.home.db.write(None, tenancy.change_tenant, tenant_id, **changes)
    out = io.BytesIO()
    Image.effect_noise((400, 160), 30).convert("RGB").save(out, "PNG")
    await h.home.write(tenancy.set_logo, out.getvalue(), marks.small(out.getvalue()))
    await h.catalog_again()


def allows_its_style(page: httpx.Response) -> bool:
    """Whether the policy of the answer names the hash of its own style."""
    found = STYLE.search(page.text)
    assert found is not None
    digest = base64.b64encode(hashlib.sha256(found[1].encode()).digest()).decode()
    return f"'sha256-{digest}'" in page.headers["content-security-policy"]


async def test_every_page_has_the_colour_and_its_policy_allows_it(h: House) -> None:
    await dressed(h)
    pages = await every_page(h)
    own = 0
    for name, page in pages.items():
        assert allows_its_style(page), name
        assert "unsafe" not in page.headers["content-security-policy"]
        own += "--accent:#8a1c5c" in page.text
        assert len(gzip.compress(page.content)) <= BUDGET, name
    assert own >= len(pages) - 4, "all but those that know no ISP"


async def test_the_first_page_says_its_welcome_in_the_guests_language(h: House) -> None:
    await dressed(h)
    first = await h.enter()
    page = (await h.http.get(first)).text
    assert "Welcome to the market" in page
    assert "data:image/png;base64," in page
    swahili = (await h.http.get(first + "?lang=sw")).headers["location"]
    assert "Karibu sokoni" in (await h.http.get(swahili)).text


async def test_another_colour_is_seen_at_once_and_bandos_own_comes_back(h: House) -> None:
    await dressed(h)
    first = await h.enter()
    await dressed(h, "#1d4ed8")
    assert "--accent:#1d4ed8" in (await h.http.get(first)).text
    await dressed(h, "")
    page = await h.http.get(first)
    assert "--accent:#1d4ed8" not in page.text
    assert allows_its_style(page)
