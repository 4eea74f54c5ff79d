"""Links that lead elsewhere say nothing of where somebody comes from and keep no hold on the page; nothing is embedded.

Pages of the console are looked at in a browser, in console/jobs/test_third_parties.py.
"""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.pages.house import ORIG, house
from tests.pages.test_pages import every_page

SEVERED = {"noopener", "noreferrer"}
EMBEDS = {"object", "embed", "frame", "video", "audio", "base", "portal"}
FETCHES = {"src", "srcset", "poster", "background", "data", "formaction", "action", "ping", "manifest", "href"}


class Looks(HTMLParser):
    """What leads elsewhere without being severed, what is embedded, and what is fetched from elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.wrong: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in attrs}
        if tag in EMBEDS:
            self.wrong.append(f"<{tag}>")
        elif tag in ("a", "area"):
            if elsewhere(said.get("href", "")) and not set(said.get("rel", "").split()) >= SEVERED:
                self.wrong.append(f"{tag} {said['href']}")
        elif any(elsewhere(said.get(name, "")) for name in FETCHES):
            self.wrong.append(f"<{tag}> of another host")
        if said.get("target", "_self") != "_self":
            self.wrong.append(f"{tag} target={said['target']}")


def elsewhere(address: str) -> bool:
    """Whether an address has a host of its own."""
    return bool(re.match(r"\s*(?:[a-z]+:)?//|\s*https?:", address, re.IGNORECASE))


def faults(html: str) -> list[str]:
    looks = Looks()
    looks.feed(html)
    return looks.wrong


async def test_no_link_of_a_guests_page_keeps_a_hold_and_nothing_is_embedded(tmp_path: Path) -> None:
    async with house(tmp_path, plans=True) as h:
        pages = await every_page(h)
    assert {name: found for name, page in pages.items() if (found := faults(page.text))} == {}
    wanted = f'href="{ORIG.partition("?")[0]}'
    assert any(wanted in page.text for page in pages.values()), "some lead to where the guest wanted to go"


@pytest.mark.parametrize(
    "html",
    [
        '<a href="https://evil.test/">x</a>',
        '<a href="//evil.test/" rel="noopener">x</a>',
        '<a href=" HTTP://evil.test/" rel="noreferrer">x</a>',
        '<a href="/console/" target="_blank">x</a>',
        '<iframe src="https://evil.test/"></iframe>',
        "<object></object>",
        '<img src="https://evil.test/pixel.gif">',
        '<link rel="preconnect" href="https://evil.test">',
        '<script src="//evil.test/x.js"></script>',
        '<base href="/">',
        '<form action="https://evil.test/"></form>',
    ],
)
def test_each_of_these_would_be_noticed(html: str) -> None:
    assert len(faults(html)) == 1


@pytest.mark.parametrize(
    "html",
    [
        '<a href="https://example.test/" rel="noopener noreferrer">x</a>',
        '<a href="/console/payments">x</a>',
        '<form method="post" action="pay"></form>',
        '<img src="data:image/png;base64,AAAA"><link rel="icon" href="data:,">',
    ],
)
def test_what_is_fine_is_let_be(html: str) -> None:
    assert faults(html) == []
