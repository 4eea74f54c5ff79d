"""Paying on a provider's own page: there by a real navigation, and back to our own page, believing nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.async_api import Browser

from portal.payments import accounts, joining
from portal.payments.accounts import Account
from portal.payments.paystack import Paystack
from portal.units import Unit
from sandbox.paystack import SandboxPaystack, Switches, serve_paystack
from tests.looking import faults, shape
from tests.pages.house import House, house


@dataclass(kw_only=True)
class Shop:
    """A portal whose guests pay through Paystack."""

    house: House
    paystack: SandboxPaystack


@asynccontextmanager
async def shop(folder: Path, kind: str = "page", switches: Switches | None = None) -> AsyncIterator[Shop]:
    async with house(folder, further=(Paystack,)) as h:
        paystack = SandboxPaystack(h.home.clock, switches=switches or Switches())
        server = await serve_paystack(paystack)
        account = await h.home.write(add_account, h, kind, paystack.key, server.url)
        token = accounts.c2b_token(h.home.vault, h.home.tenant.public, account.public)
        paystack.webhook_url = f"{h.url}/webhook/{token}"
        try:
            yield Shop(house=h, paystack=paystack)
        finally:
            await server.aclose()


def add_account(h: House, kind: str, key: str, url: str) -> Unit[Account]:
    return (
        yield from joining.join(
            h.home.vault,
            h.payments.providers["paystack"],
            h.home.clock.now(),
            tenant_public=h.home.tenant.public,
            environment="sandbox",
            kind=kind,
            secrets={"consumer_secret": key},
            base_url=url,
        )
    )


async def test_the_page_is_reached_by_a_redirect_to_the_providers_host_alone(tmp_path: Path) -> None:
    async with shop(tmp_path) as s:
        h = s.house
        first = await h.enter()
        asked = await h.order(first)
        address = await h.pay(first)
        await h.reaches(address, "page")
        page = await h.http.get(address)
        away = await h.http.get(address.partition("?")[0] + "go")
        (one,) = s.paystack.transactions.values()

        assert "payment page that opens next" in asked.text
        assert 'content="1;url=go"' in page.text
        assert s.paystack.url not in page.text  # the address of the payment is in the redirect alone
        assert (away.status_code, away.headers["location"]) == (303, f"{s.paystack.url}/pay/{one.access}")
        assert "form-action 'self'" in away.headers["content-security-policy"]
        assert away.headers["referrer-policy"] == "no-referrer"


async def test_what_the_browser_brings_back_is_not_believed(tmp_path: Path) -> None:
    async with shop(tmp_path) as s:
        h = s.house
        address = await h.pay(await h.enter())
        await h.reaches(address, "page")
        (one,) = s.paystack.transactions.values()
        token = address.split("/")[2]
        lie = f"/p/{token}/?back=1&trxref={one.reference}&reference={one.reference}&status=success"
        page = await h.http.get(lie)

        assert "you can still pay" in page.text
        assert "url=go" not in page.text  # nobody is sent round and round
        assert (await h.counts())["passes"] == 0


async def test_a_payment_that_is_settled_sends_nobody_to_its_page(tmp_path: Path) -> None:
    async with shop(tmp_path) as s:
        h = s.house
        address = await h.pay(await h.enter())
        await h.reaches(address, "page")
        await s.paystack.pay(next(iter(s.paystack.transactions)))
        await h.reaches(address, "connecting", "router-offline", "not-seen", "online")
        away = await h.http.get(address.partition("?")[0] + "go")

        assert (away.status_code, away.headers["location"][:2]) == (303, "./")


async def test_no_second_page_is_offered_while_the_first_can_be_paid(tmp_path: Path) -> None:
    async with shop(tmp_path) as s:
        h = s.house
        address = await h.pay(await h.enter())
        await h.reaches(address, "page")
        h.home.clock.advance(4 * 60_000)
        await h.reaches(address, "page")
        h.home.clock.advance(7 * 60_000)
        await h.reaches(address, "failed", "failed+", "unconfirmed+")

        assert len(s.paystack.transactions) == 1


async def test_a_prompt_through_it_says_what_it_wants_said_and_names_no_paybill(tmp_path: Path) -> None:
    async with shop(tmp_path, "prompt") as s:
        h = s.house
        address = await h.pay(await h.enter())
        await h.reaches(address, "prompt")
        page = await h.http.get(address)
        for _ in range(200):
            if "authorization process" in page.text:
                break
            page = await h.http.get(address)

        assert "Please complete the authorization process" in page.text
        assert "174379" not in page.text


@pytest.mark.browser
@pytest.mark.parametrize("script", [True, False])
@pytest.mark.parametrize("dark", [False, True])
async def test_a_guest_pays_on_a_page_and_is_online_at_360_px(
    tmp_path: Path, browser: Browser, script: bool, dark: bool
) -> None:
    async with shop(tmp_path) as s:
        h = s.house
        context = await browser.new_context(
            java_script_enabled=script,
            viewport={"width": 360, "height": 740},
            color_scheme="dark" if dark else "light",
        )
        page = await context.new_page()
        wrong: list[str] = []
        page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)

        async def look(name: str) -> None:
            wrong.extend([f"{name}: {each}" for each in await shape(page)])
            if script:
                wrong.extend([f"{name}: {each}" for each in await faults(page)])

        await page.goto(f"{h.url}{await h.enter()}")
        await page.locator("label.plan").first.click()
        await page.fill("#phone", "0712345678")
        await page.click("button:has-text('Continue')")
        await look("confirm")
        await page.click("button:has-text('Pay')")
        await page.wait_for_url(f"{s.paystack.url}/pay/*", timeout=60_000)
        await page.click("button:has-text('Cancel')")
        await page.wait_for_selector("text=Checking your payment")
        await look("back")
        await page.click("text=Back to the payment page")
        await page.click("button.no ~ button, button:not(.no)")
        await h.goes_online()
        await page.wait_for_selector("text=You are online", timeout=60_000)
        await look("online")

        assert wrong == []
        assert (await h.counts())["passes"] == 1
        assert await context.cookies() == []
        await context.close()
