"""The look of guest pages: the form, the real page beside it, and what may be uploaded."""

from __future__ import annotations

import io

import httpx
import pytest
from PIL import Image
from playwright.async_api import async_playwright

from portal.tenancy import store as tenancy
from portal.tenancy.store import Tenant
from tests.console.office import Office, Visitor
from tests.console.test_browser import sitting_down


async def the_tenant(o: Office) -> Tenant:
    found: list[Tenant] = await o.home.db.read(None, tenancy.tenants)
    return next(each for each in found if each.id == o.home.tenant.id)


def png(width: int = 200, height: int = 80, **save: object) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (width, height), "#8a1c5c").save(out, "PNG", **save)
    return out.getvalue()


async def send(who: Visitor, path: str, logo: bytes | None = None, **fields: str) -> httpx.Response:
    files = {"logo": ("logo.png", logo, "image/png")} if logo is not None else {"logo": ("", b"", "")}
    return await who.http.post(f"/console{path}", data={"csrf": await who.token(), **fields}, files=files)


async def test_a_look_is_kept_with_its_logo_and_taken_back(o: Office) -> None:
    who = await o.of("owner")
    answer = await send(who, "/settings/look", png(), accent="#8A1C5C", welcome="Karibu", welcome_sw="")
    assert answer.headers["location"] == "/console/settings/look?said=look-saved"
    tenant = await the_tenant(o)
    assert (tenant.accent, tenant.welcome) == ("#8a1c5c", "Karibu")
    view = o.services.catalog.tenant(tenant.id)
    assert view is not None
    assert view.mark.startswith("data:image/png;base64,")
    assert await o.home.read(tenancy.logo) == png(), "what is printed stays whole"
    await who.post("/settings/look/own")
    assert (await the_tenant(o)).accent == ""
    assert await o.home.read(tenancy.logo) == png()
    assert await o.home.read(tenancy.small_logo) is None
    assert [each["act"] for each in await o.acts()] == ["look.change", "look.own"]


async def test_the_logo_stays_when_none_is_sent_and_goes_when_asked(o: Office) -> None:
    who = await o.of("owner")
    await send(who, "/settings/look", png(), accent="", welcome="", welcome_sw="")
    await send(who, "/settings/look", accent="#1d4ed8", welcome="", welcome_sw="")
    assert await o.home.read(tenancy.logo) is not None
    await send(who, "/settings/look", accent="", welcome="", welcome_sw="", drop="1")
    assert await o.home.read(tenancy.logo) is None


async def test_a_look_that_is_saved_as_it_was_leaves_no_line(o: Office) -> None:
    who = await o.of("owner")
    for _ in range(2):
        await send(who, "/settings/look", accent="#1d4ed8", welcome="Karibu", welcome_sw="", drop="1")
    assert [each["act"] for each in await o.acts()] == ["look.change"]


BAD: tuple[tuple[str, bytes], ...] = (
    ("text", b"hello"),
    ("svg", b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>'),
    ("cut", png()[:60]),
    ("jpeg with another name", b"\xff\xd8\xff\xe0" + b"0" * 400),
    ("page behind a signature", b"\x89PNG\r\n\x1a\n<script>alert(1)</script>"),
    ("too many points", png(4001, 1)),
)


@pytest.mark.parametrize("logo", [each for _, each in BAD], ids=[name for name, _ in BAD])
async def test_what_is_no_logo_is_refused(o: Office, logo: bytes) -> None:
    who = await o.of("owner")
    answer = await send(who, "/settings/look", logo, accent="#123456", welcome="Kept on the page", welcome_sw="")
    assert answer.status_code == 400
    assert "whole PNG" in answer.text
    assert "Kept on the page" in answer.text
    assert (await the_tenant(o)).accent == ""
    assert await o.acts() == []


async def test_a_form_that_is_too_large_is_refused_and_others_keep_their_small_limit(o: Office) -> None:
    who = await o.of("owner")
    huge = await send(who, "/settings/look", b"\x89PNG" + b"0" * 300_000, accent="", welcome="", welcome_sw="")
    assert huge.status_code == 413
    other = await who.http.post("/console/settings/profile", data={"csrf": await who.token(), "name": "x" * 20_000})
    assert other.status_code == 413


@pytest.mark.parametrize(
    "fields",
    [
        {"accent": "red;}body{display:none"},
        {"accent": "#12345"},
        {"welcome": "a\u202eb"},
        {"welcome": "x" * 121},
        {"welcome": "two\nlines\x00"},
    ],
)
async def test_a_bad_field_is_refused(o: Office, fields: dict[str, str]) -> None:
    who = await o.of("owner")
    answer = await send(who, "/settings/look", None, **{"accent": "", "welcome": "", "welcome_sw": "", **fields})
    assert answer.status_code == 400
    assert await o.acts() == []


async def test_a_file_twice_or_a_broken_form_is_refused(o: Office) -> None:
    who = await o.of("owner")
    twice = [("logo", ("a.png", png(), "image/png")), ("logo", ("b.png", png(), "image/png"))]
    data = {"csrf": await who.token(), "accent": ""}
    answer = await who.http.post("/console/settings/look", data=data, files=twice)
    assert answer.status_code == 400
    kind = {"content-type": "multipart/form-data; boundary=x"}
    for body in (b"", b"--x\r\n", b"--y--", b"--x\r\nContent-Disposition: form-data; name=\xff\r\n\r\n\r\n--x--"):
        broken = await who.http.post("/console/settings/look", content=body, headers=kind)
        assert 400 <= broken.status_code < 404


async def test_a_preview_keeps_nothing_and_only_it_may_stand_in_a_frame(o: Office) -> None:
    who = await o.of("owner")
    shown = await send(who, "/settings/look/preview", png(), accent="#1d4ed8", welcome="<b>Hello</b>", welcome_sw="")
    assert "--accent:#1d4ed8" in shown.text
    assert "&lt;b&gt;Hello" in shown.text
    assert "frame-ancestors 'self'" in shown.headers["content-security-policy"]
    assert shown.headers["x-frame-options"] == "SAMEORIGIN"
    assert (await the_tenant(o)).accent == ""
    assert await o.acts() == []
    page = await who.http.get("/console/settings/look")
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
    assert page.headers["x-frame-options"] == "DENY"


@pytest.mark.browser
@pytest.mark.parametrize(("size", "script"), [("phone", True), ("desk", True), ("desk", False)])
async def test_the_page_beside_the_form_follows_what_is_typed(
    o: Office, chromium_path: str, size: str, script: bool
) -> None:
    async with async_playwright() as p:
        browser = await p.chromium.launch(executable_path=chromium_path, args=["--no-sandbox"])
        context = await sitting_down(browser, await o.of("owner"), size, "light", script)
        page = await context.new_page()
        wrong: list[str] = []
        page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
        await page.goto(f"{o.url}/console/settings/look")
        frame = page.frame_locator("iframe[name=preview]")
        await frame.locator("h1").wait_for()
        await page.fill("#welcome", "Karibu sokoni")
        if not script:
            await page.get_by_role("button", name="Preview").click()
        await frame.get_by_text("Karibu sokoni").wait_for()
        assert (await the_tenant(o)).welcome == ""
        await page.get_by_role("button", name="Save").click()
        await page.get_by_text("Guests see it now").wait_for()
        assert (await the_tenant(o)).welcome == "Karibu sokoni"
        assert await page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
        assert wrong == []
        await browser.close()
