"""Pictures of every guest page at the usual widths, light and dark: ``python -m tests.pages.shots FOLDER``.

For looking at, not for comparing: run it after each change of a theme.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

from playwright.async_api import Browser, async_playwright

from portal.vouchers.codes import STYLES, draw
from sandbox.phone import CHROMIUM
from tests.console.guests import device, paid
from tests.pages.house import House, house
from tests.vouchers.cards import print_cards

SIZES = ((320, 640), (360, 740), (768, 1024), (1440, 900))


async def pages(h: House) -> dict[str, str]:
    """Each page by name, as an address that a GET opens, or as its text."""
    first = await h.enter()
    found = {name: (await h.http.get(first + path)).text for name, path in (("home", ""), ("claim", "claim"))}
    found["confirm"] = (await h.order(first)).text
    found["mend"] = (await h.order(first, "0712")).text
    found["sorry"] = (await h.http.get("/w/old.link/")).text
    waiting = await h.pay(first)
    found["prompt"] = (await h.http.get(waiting)).text
    await (await h.prompt()).cancel()
    await h.reaches(waiting, "failed", "failed+")
    found["failed"] = (await h.http.get(waiting)).text
    waiting = await h.pay(first, "0722 000 001")
    await (await h.prompt("254722000001")).approve()
    await h.reaches(waiting, "router-offline")
    found["offline"] = (await h.http.get(waiting)).text
    await h.goes_online()
    await h.reaches(waiting, "online")
    found["online"] = (await h.http.get(waiting)).text
    path, _, query = waiting.partition("?")
    own = (await h.http.get(f"{path}status?{query}")).headers["location"]
    found["status"] = (await h.http.get(own)).text
    found |= await data_pages(h)
    found["here"] = (await h.http.get(first + "?lang=sw", follow_redirects=True)).text
    return found | await voucher_pages(h)


NOTICES = {"notice": "", "notice-sw": "?lang=sw", "terms": "terms/", "processors": "processors/"}


async def data_pages(h: House) -> dict[str, str]:
    """How a guest shows that a number is theirs, and what they see then."""
    start = f"/data/{h.home.tenant.public}/"
    await paid(h.home, await device(h.home, 77), receipt="TKM4X7Y2ZQ")
    shown = {"text": "TKM4X7Y2ZQ", "phone": "0712 345 678"}
    mine = (await h.http.post(f"{start}receipt", data=shown)).headers["location"]
    for kind in ("access", "object", "erase"):
        await h.http.post(f"{mine}ask", data={"click": kind.ljust(32, "0"), "kind": kind})
    wrong = (await h.http.post(f"{start}receipt?lang=sw", data={**shown, "phone": "0722 000 111"})).text
    notice = f"/n/{h.home.tenant.public}/"
    texts = {name: (await h.http.get(notice + path)).text for name, path in NOTICES.items()}
    return texts | {"data": (await h.http.get(start)).text, "data-wrong": wrong, "mine": (await h.http.get(mine)).text}


async def voucher_pages(h: House) -> dict[str, str]:
    """What a guest with a card sees."""
    code, shared = await print_cards(h.home, 2)
    first = await h.enter(mac="02:AB:CD:00:00:51")
    found = {"voucher": (await h.http.get(first + "voucher")).text}
    found["typo"] = (await h.http.post(first + "voucher", data={"code": "7KQ9-M2XD-AB5"})).text
    unknown = draw(STYLES["letters-10"])
    found["unknown"] = (await h.http.post(first + "voucher", data={"code": unknown})).text
    found["ask"] = (await h.http.get("/")).text
    found["scanned"] = (await h.http.get(f"/V/{code}?once=1")).text
    found["going"] = (await h.http.get(f"/V/{code}")).text
    found["offer"] = (await h.http.get(await h.enter(mac="02:AB:CD:00:00:51", link_orig=f"{h.url}/V/{code}"))).text
    done = await h.http.post(first + "voucher", data={"code": shared})
    found["redeemed"] = (await h.http.get(done.headers["location"])).text
    found["more"] = (await h.http.get(await h.enter(mac="02:AB:CD:00:00:51", link_orig=f"{h.url}/V/{code}"))).text
    other = await h.enter(mac="02:AB:CD:00:00:52")
    found["move"] = (await h.http.post(other + "voucher", data={"code": shared})).text
    swahili = (await h.http.get(other + "?lang=sw")).headers["location"]
    found["move-sw"] = (await h.http.post(swahili + "voucher", data={"code": shared})).text
    found["wait"] = found["unknown"]
    for _ in range(40):
        answer = await h.http.post(other + "voucher", data={"code": draw(STYLES["letters-10"])})
        found["wait"] = answer.text
        if answer.status_code == 429:
            break
    return found


async def shoot(browser: Browser, h: House, folder: Path, only: set[str]) -> None:
    for name, page_text in (await pages(h)).items():
        if only and name not in only:
            continue
        for width, height in SIZES:
            for scheme in ("light", "dark"):
                context = await browser.new_context(
                    viewport={"width": width, "height": height},
                    color_scheme=scheme,
                    java_script_enabled=False,
                )
                page = await context.new_page()
                if page_text.startswith("/"):
                    await page.goto(h.url + page_text)
                else:
                    await page.set_content(page_text.replace("http-equiv", "data-off"))
                await page.screenshot(path=folder / f"{name}-{width}-{scheme}.png", full_page=True)
                await context.close()


async def main(folder: Path, only: set[str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as place:
        async with house(Path(place), plans=True) as h, async_playwright() as p:
            browser = await p.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
            await shoot(browser, h, folder, only)
            await browser.close()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), set(sys.argv[2:])))
