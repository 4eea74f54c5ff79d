"""The texts of every theme: complete in each language, and for every word that the rooms below may say."""

from __future__ import annotations

import re
import string

import pytest

from portal.pages.render import themes
from portal.payments.payment import FAILURES
from portal.texts import LANGUAGES, THEMES

PORTAL = THEMES.parent / "portal"


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize("theme", themes())
def test_every_language_has_the_same_keys_and_placeholders(theme: str) -> None:
    texts = themes()[theme].texts
    first = texts[LANGUAGES[0]].by_key
    for lang in LANGUAGES[1:]:
        other = texts[lang].by_key
        assert set(first) == set(other)
        assert {key: placeholders(first[key]) for key in first} == {key: placeholders(other[key]) for key in other}
        assert not [key for key, text in other.items() if not text.strip()]


@pytest.mark.parametrize("theme", themes())
def test_every_failure_of_a_payment_has_its_words(theme: str) -> None:
    keys = set(themes()[theme].texts["en"].by_key)

    assert {f"failed.{reason}.title" for reason in FAILURES} <= keys


@pytest.mark.parametrize("theme", themes())
def test_every_refusal_that_guests_may_meet_has_its_words(theme: str) -> None:
    keys = set(themes()[theme].texts["en"].by_key)
    said: set[str] = set()
    for room in ("pages", "payments", "vouchers", "access"):
        for path in (PORTAL / room).glob("*.py"):
            if path.stem == "by_hand":  # what staff decide: guests meet none of it
                continue
            said.update(re.findall(r'\bRefused\("([a-z-]+)"', re.sub(r"`.*?`", "", path.read_text())))
    said.update(("request-words", "data-ask", "data-open", "data-stands"))  # of portal/privacy/rights
    said.update(("phone", "prompt-limit-phone", "prompt-limit-device", "shop-busy"))

    assert {f"refused.{key}.title" for key in said} <= keys


@pytest.mark.parametrize("theme", themes())
def test_every_text_is_used(theme: str) -> None:
    """A text that nothing names is a text that nobody sees."""
    places = [(THEMES / theme / "templates", "*.html"), (PORTAL, "*.html"), (PORTAL, "*.py")]
    source = "".join(path.read_text() for folder, named in places for path in folder.rglob(named))
    families: tuple[str, ...] = ("failed.", "refused.", "place.", "pay.", "paper.", "note.", "hand.", "status.")
    families += ("data.right-", "data.stands-", "data.is-")
    unused = [
        key
        for key in themes()[theme].texts["en"].by_key
        if not key.startswith(families) and f"'{key}'" not in source and f'"{key}"' not in source
    ]

    assert unused == []
