"""What every page owes to everybody, looked at in a real browser: no barrier, one heading, a title, no surprise."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import axe_core_python
from playwright.async_api import Page

AXE = Path(axe_core_python.__file__).parent / "axe.min.js"
LEAST_TEXT, LEAST_TARGET = 12, 24  # CSS px
MOST_BYTES = 100_000

_ALL = "axe.run({resultTypes: ['violations']})"
_COLOURS = "axe.run({runOnly: {type: 'rule', values: ['color-contrast', 'link-in-text-block']}})"
_FRAME = """() => {
  const shown = each => !each.closest('.hidden, .skip') &&
    each.checkVisibility({visibilityProperty: true, opacityProperty: true});
  const small = new Set(), targets = new Set();
  for (const each of document.body.querySelectorAll('*')) {
    const says = [...each.childNodes].some(n => n.nodeType === 3 && n.textContent.trim());
    if (says && shown(each) && parseFloat(getComputedStyle(each).fontSize) < LEAST_TEXT)
      small.add(each.textContent.trim().slice(0, 40));
  }
  // WCAG 2.2, 2.5.8: large enough, or far enough from all others, or a link within a sentence.
  const named = [...document.querySelectorAll('a[href], button, summary, select, input:not([type=hidden]), textarea')];
  const boxes = named.filter(shown).map(each => {
    const whole = each.matches('[type=checkbox], [type=radio]') && each.closest('label') || each;
    const box = whole.getBoundingClientRect();
    return {each, box, x: box.x + box.width / 2, y: box.y + box.height / 2};
  }).filter(one => one.box.width);
  const near = (one, other) => Math.hypot(
    Math.max(other.box.left - one.x, 0, one.x - other.box.right),
    Math.max(other.box.top - one.y, 0, one.y - other.box.bottom)) < LEAST_TARGET / 2;
  const within = each => each.tagName === 'A' && getComputedStyle(each).display === 'inline' &&
    [...each.parentNode.childNodes].some(n => n.nodeType === 3 && n.textContent.trim());
  for (const one of boxes) {
    if (Math.min(one.box.width, one.box.height) >= LEAST_TARGET - .01 || within(one.each)) continue;
    const crowded = boxes.some(other => other !== one && !one.each.contains(other.each) && near(one, other));
    if (!one.each.matches('a') || crowded)
      targets.add(one.each.outerHTML.slice(0, 120));
  }
  return {
    lang: document.documentElement.lang,
    title: document.title,
    headings: document.querySelectorAll('h1').length,
    over: document.documentElement.scrollWidth - innerWidth,
    small: [...small],
    targets: [...targets],
  };
}""".replace("LEAST_TEXT", str(LEAST_TEXT)).replace("LEAST_TARGET", str(LEAST_TARGET))


# Lines of a list are alike: a few of them say what all of them are.
FEWER = "document.querySelectorAll('tbody tr:nth-child(n+7)').forEach(each => each.remove())"


@cache
def _axe() -> str:
    return AXE.read_text()


async def faults(page: Page) -> list[str]:
    """What is wrong with the page as it stands, in the light and in the dark; nothing, if all is well."""
    found = await shape(page)
    await page.evaluate(FEWER)
    await page.evaluate(_axe())
    return [*_barriers(await page.evaluate(_ALL), "light"), *(await _in_the_dark(page)), *found]


async def shape(page: Page) -> list[str]:
    """What is wrong with its size, its heading, its title and its targets; quick, for further widths."""
    found = await page.evaluate(_FRAME)
    return [
        *([] if found["lang"] else ["no language"]),
        *([] if found["title"].strip() else ["no title"]),
        *([] if found["headings"] == 1 else [f"{found['headings']} headings of the first level"]),
        *([] if found["over"] <= 0 else [f"scrolls sideways by {found['over']} px"]),
        *(f"text smaller than {LEAST_TEXT} px: {each}" for each in found["small"]),
        *(f"target smaller than {LEAST_TARGET} px: {each}" for each in found["targets"]),
    ]


async def _in_the_dark(page: Page) -> list[str]:
    await page.emulate_media(color_scheme="dark")
    found = await page.evaluate(_COLOURS)
    await page.emulate_media(color_scheme="light")
    return _barriers(found, "dark")


def _barriers(found: dict[str, Any], scheme: str) -> list[str]:
    return [
        f"{scheme}: {each['id']}: {each['nodes'][0]['html'][:160]} (and {len(each['nodes']) - 1} more)"
        for each in found["violations"]
        if each["impact"] in ("serious", "critical")
    ]


class Traffic:
    """What a page fetches, as if nothing had been kept; and what its browser complains about."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self.bytes = 0
        self.hosts: set[str] = set()
        self.said: list[str] = []

    async def watch(self) -> None:
        session = await self._page.context.new_cdp_session(self._page)
        await session.send("Network.enable")
        await session.send("Network.setCacheDisabled", {"cacheDisabled": True})
        session.on("Network.loadingFinished", self._loaded)
        self._page.on("request", lambda request: self.hosts.add(request.url.split("/")[2]))
        self._page.on("console", lambda message: self.said.append(message.text))
        self._page.on("pageerror", lambda error: self.said.append(str(error)))

    def _loaded(self, event: dict[str, Any]) -> None:
        self.bytes += int(event["encodedDataLength"])

    def taken(self) -> tuple[int, list[str]]:
        """How much since the last time, and what was said."""
        size, said = self.bytes, self.said
        self.bytes, self.said = 0, []
        return size, said
