"""Somebody without a mouse: Tab, Enter, Space, arrows and typing, and always an eye on where the focus is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from playwright.async_api import Page

MOST = 90  # steps; no page of the console needs more to get anywhere

# Where the focus is: its name, and whether a person sees that it is there. A frame around its form counts, too.
_FOCUS = """() => {
  const at = document.activeElement;
  if (!at || at === document.body || at === document.documentElement) return null;
  const drawn = each => {
    const style = getComputedStyle(each);
    return style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2;
  };
  const box = at.getBoundingClientRect();
  const x = box.left + box.width / 2, y = Math.min(box.top + Math.min(box.height / 2, 12), innerHeight - 1);
  const top = document.elementFromPoint(x, y);
  const label = at.labels && at.labels.length ? at.labels[0].textContent : '';
  const name = at.getAttribute('aria-label') || label || at.textContent || at.placeholder || at.name || at.id;
  return {
    name: name.replace(/\\s+/g, ' ').trim(),
    tag: at.outerHTML.slice(0, 120),
    drawn: drawn(at) || !!at.closest('.find') && drawn(at.closest('.find')),
    onScreen: box.width > 0 && box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth,
    covered: !!top && ![at, ...(at.labels || [])].some(each => each.contains(top) || top.contains(each)),
  };
}"""


@dataclass(frozen=True, kw_only=True)
class Focus:
    """Where somebody is."""

    name: str
    tag: str
    drawn: bool
    onScreen: bool
    covered: bool

    @property
    def fault(self) -> str:
        """What is wrong with it, or nothing."""
        if not self.drawn:
            return f"the focus is not seen at {self.tag}"
        if not self.onScreen:
            return f"the focus is off the screen at {self.tag}"
        return f"the focus is covered at {self.tag}" if self.covered else ""


async def focus(page: Page) -> Focus | None:
    """Where the focus is now."""
    found: dict[str, Any] | None = await page.evaluate(_FOCUS)
    return Focus(**found) if found else None


async def types(page: Page, text: str) -> None:
    """Type into the field that the page gives the focus to: it does so while it draws, which may be after it loaded."""
    await page.wait_for_selector("input:focus, textarea:focus")
    await page.keyboard.type(text)


async def step(page: Page, key: str = "Tab") -> Focus | None:
    """One step; the focus is seen wherever it goes."""
    await page.keyboard.press(key)
    at = await focus(page)
    assert at is None or not at.fault, at.fault if at else ""
    return at


async def tab_to(page: Page, name: str, key: str = "Tab", *, whole: bool = False) -> None:
    """Walk until the focus is at what has this name, or begins with it unless the `whole` name is meant."""
    passed = []
    for _ in range(MOST):
        at = await step(page, key)
        if at and (at.name == name or (not whole and at.name.startswith(f"{name} "))):
            return
        passed.append(at.name if at else "the window")
    raise AssertionError(f"{name} is not reached in {MOST} steps, by way of {passed}")


async def enter(page: Page, name: str, text: str) -> None:
    """Write this into a field in place of what stands there."""
    await tab_to(page, name)
    await page.keyboard.press("Control+a")
    await page.keyboard.type(text)


async def press(page: Page, name: str, key: str = "Enter", *, whole: bool = False) -> None:
    """Go there and press it; a page follows."""
    await tab_to(page, name, whole=whole)
    async with page.expect_navigation():
        await page.keyboard.press(key)


async def walk(page: Page) -> list[str]:
    """Once through the page; Tab comes out at its end, and on the way nothing holds it or hides it."""
    passed: list[str] = []
    for _ in range(4 * MOST):
        at = await step(page)
        if at is None or (passed and at.tag == passed[0]):
            return passed
        passed.append(at.tag)
    raise AssertionError(f"Tab never leaves {page.url}: {passed[-5:]}")
