"""The first hour of a new ISP, from an empty installation to the first guest who pays: walked in a real browser.

The test of the whole road walks it, and `make manual` keeps a picture of each step for docs/manual/first-hour.md.
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pyotp
from playwright.async_api import Browser, Page, async_playwright

from sandbox.empty_world import EmptyWorld, empty_world
from sandbox.manual import Album, window
from sandbox.phone import CHROMIUM, chromium
from sandbox.world import APP, PASSKEY, SHORTCODE, Build

HOME = Path(__file__).parent.parent
NAME, OWNER, EMAIL, PASSWORD = "Kilimani Wi-Fi", "Wanjiru Kamau", "wanjiru@kilimani.test", "maji safi kila siku"
GUEST = "0712 345 678"
FIRST = "http://example.test/"


@dataclass(kw_only=True)
class Hour:
    """Whoever walks: the world, the owner's window, and the album."""

    world: EmptyWorld
    album: Album
    page: Page
    environment: Path

    async def go(self, path: str) -> None:
        await self.page.goto(f"{self.world.console}{path}")

    async def press(self, word: str) -> None:
        """A button or a link, by its words."""
        named = re.compile(re.escape(word))
        button = self.page.get_by_role("button", name=named).or_(self.page.get_by_role("link", name=named))
        await button.locator("visible=true").first.click()
        await self.page.wait_for_load_state()

    async def fill(self, **fields: str) -> None:
        """Fields of a form, by their names."""
        for name, text in fields.items():
            await self.page.locator(f"main [name={name}]").locator("visible=true").first.fill(text)

    async def choose(self, name: str, value: str) -> None:
        await self.page.locator(f"main select[name={name}]").select_option(value)

    async def keep(self, name: str, *, whole: bool = False) -> None:
        await self.album.keep(self.page, f"hour-{name}", whole=whole)

    async def says(self, text: str, seconds: float = 20) -> None:
        """The page says so, now or soon."""
        await self.page.get_by_text(text).first.wait_for(timeout=seconds * 1000)

    async def command(self, *words: str) -> str:
        """What the operator types on the server; what it answers."""
        told = await asyncio.create_subprocess_exec(
            *(sys.executable, str(HOME / "bando.py"), *words),
            stdout=asyncio.subprocess.PIPE,
            env={**os.environ, "BANDO_ENV_FILE": str(self.environment)},
        )
        out, _ = await told.communicate()
        assert told.returncode == 0, out
        return out.decode()


async def walk(hour: Hour) -> None:
    """All of it; what does not come about raises."""
    link = await invited(hour)
    await takes_the_link(hour, link)
    await two_steps(hour)
    await papers(hour)
    await mpesa(hour)
    await a_plan(hour)
    await the_look(hour)
    await a_router(hour)
    await a_guest(hour)
    await the_first_taking(hour)


async def invited(hour: Hour) -> str:
    """The operator of the installation adds the ISP and its owner; the link for her."""
    await hour.command("tenant", "add", NAME, "--support-phone", "0700 123 456")
    said = await hour.command("staff", "add", EMAIL, OWNER, "--role", "owner")
    found = re.search(r"/console(/link/\S+)", said)
    assert found is not None, said
    return found[1]


async def takes_the_link(hour: Hour, link: str) -> None:
    await hour.go(link)
    await hour.keep("01-link")
    await hour.page.fill("[name=password]", PASSWORD)
    await hour.page.fill("[name=again]", PASSWORD)
    await hour.press("Set the password")
    await hour.says("Your password is set")
    await hour.page.fill("[name=email]", EMAIL)
    await hour.page.fill("[name=password]", PASSWORD)
    await hour.press("Log in")


async def two_steps(hour: Hour) -> None:
    await hour.says("Two-step login")
    await hour.keep("02-two-steps")
    secret = (await hour.page.locator("main code").first.inner_text()).replace(" ", "")
    await hour.fill(code=pyotp.TOTP(secret).generate_otp(hour.world.clock.now() // 30_000))
    await hour.press("Turn it on")
    await hour.says("Keep these ten codes")
    await hour.keep("03-codes")
    await hour.press("I have written them down")
    await hour.keep("04-empty")


async def papers(hour: Hour) -> None:
    """Who the ISP is."""
    await hour.press("Say who you are")
    await hour.fill(legal_name="Kilimani Networks Ltd", ssid="Kilimani Free", email="office@kilimani.test")
    await hour.fill(protection_number="ODPC-4711", protection_until="2028-06-30")
    await hour.keep("05-profile", whole=True)
    await hour.press("Save")
    await hour.says("Saved. Guests see it now.")


async def mpesa(hour: Hour) -> None:
    """Its own paybill, so that the money is its own at once."""
    await hour.go("/")
    await hour.press("Add your paybill or till")
    await hour.fill(shortcode=SHORTCODE, consumer_key=APP[0], consumer_secret=APP[1], passkey=PASSKEY)
    await hour.choose("environment", "sandbox")
    await hour.fill(base_url=hour.world.mpesa_server.url)
    await hour.keep("06-mpesa", whole=True)
    await hour.press("Add it")
    await hour.press("Try the keys")
    await hour.says("M-Pesa takes these keys")
    await hour.keep("07-mpesa-tried")


async def a_plan(hour: Hour) -> None:
    await hour.go("/")
    await hour.press("Put a plan on sale")
    await hour.fill(name="1 hour", price="10", time="1")
    await hour.choose("time_unit", "hours")
    await hour.keep("08-plan", whole=True)
    await hour.press("Put it on sale")
    await hour.says("The plan is on sale")


async def the_look(hour: Hour) -> None:
    """Its own colour, with the real page beside the form."""
    await hour.go("/settings/look")
    await hour.fill(accent="#1d4ed8", welcome="Welcome to Kilimani Mall")
    await hour.page.frame_locator("iframe[name=preview]").get_by_text("Welcome to Kilimani Mall").wait_for()
    await hour.keep("09-look")
    await hour.press("Save")


async def a_router(hour: Hour) -> None:
    """The form, the script, the import on the router, the first contact."""
    await hour.go("/")
    await hour.press("Set up your first router")
    await hour.press("Add")
    await hour.fill(name="Kilimani Mall", host="127.0.0.1", management="127.0.0.1", interface="ether2")
    await hour.page.get_by_text("More, where the usual is not right").click()
    await hour.fill(port=str(hour.world.api_port), hotspot_host="login.wifi.test")
    await hour.keep("10-router", whole=True)
    await hour.press("Make its script")
    await hour.says("What to do")
    await hour.keep("11-script")
    text = await hour.page.locator("pre.script").inner_text()
    await hour.press("I have imported it")
    await hour.says("Waiting for the router")
    await hour.keep("12-waiting")
    said = await hour.world.set_up_router(text)
    printed = next(line.rsplit(" ", 1)[1] for line in said if "certificate fingerprint" in line)
    await hour.says("Is it your router?")
    shown = await hour.page.locator(".fingerprint").first.inner_text()
    assert re.sub(r"[^0-9a-f]", "", shown.lower()) == printed, "the same on both"
    await hour.keep("13-compare")
    await hour.press("They are the same")
    await hour.says("The router is there", 30)
    await hour.press("See how it is")
    await hour.keep("14-router")


async def a_guest(hour: Hour) -> None:
    """Joins the Wi-Fi, pays, is online; nothing is shortened."""
    world, phone = hour.world, await hour.world.phone()
    async with chromium(phone.port, world.ca, java_script=False, viewport=(360, 740)) as context:
        page = context.pages[0]
        await page.goto(FIRST)
        await page.wait_for_url(f"{world.settings.public_url}/w/**")
        await hour.album.keep(page, "hour-15-guest")
        await page.locator("input[name=phone]").fill(GUEST)
        await page.locator("form[action=pay] button").first.click()
        await page.locator("button[name=confirm]").click()
        await page.wait_for_url(f"{world.settings.public_url}/p/**")
        waiting = page.url
        async with asyncio.timeout(20):
            while world.mpesa.pending(GUEST) is None:
                await world.clock.sleep(50)
        await world.mpesa.handset(GUEST).approve()
        async with asyncio.timeout(30):
            while not world.router.is_authorized(phone.mac, phone.address):
                await world.clock.sleep(100)
        await page.goto(waiting)
        await hour.album.keep(page, "hour-16-online")


async def the_first_taking(hour: Hour) -> None:
    await hour.go("/")
    await hour.says("KSh 10")
    await hour.keep("17-first-taking")


async def walked(browser: Browser, folder: Path, build: Build, album: Album, size: str = "desk") -> None:
    """The walk in a world of its own."""
    async with empty_world(folder, build, BANDO_POLL_EVERY="1") as world, window(browser, size) as page:
        environment = folder / "bando.env"
        settings = world.settings
        environment.write_text(
            f"BANDO_MODE=sandbox\nBANDO_DATABASE={settings.database}\nBANDO_PUBLIC_URL={settings.public_url}\n"
            f"BANDO_SECRET_KEY={settings.secret_key}\n"
        )
        await walk(Hour(world=world, album=album, page=page, environment=environment))


async def draw(folder: Path, build: Build) -> None:
    """The pictures of the chapter."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as home:
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
            await walked(browser, Path(home), build, Album(folder=folder))
            await browser.close()
