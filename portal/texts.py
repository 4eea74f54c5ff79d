"""The texts of a theme, one TOML file per language, every key in each.

A text is plain words with ``{placeholders}``. What fills them is escaped; `strong` makes a value stand out.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from markupsafe import Markup, escape

LANGUAGES = ("en", "sw")
THEMES = Path(__file__).parents[1] / "themes"


def flatten(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """``{"home": {"title": "…"}}`` as ``home.title``."""
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", str(value)


@dataclass(frozen=True)
class Texts:
    """All texts in one language."""

    lang: str
    by_key: Mapping[str, str]

    def __call__(self, key: str, **values: object) -> Markup:
        """The text with its placeholders filled, safe for a page."""
        return Markup(escape(self.by_key[key])).format(**values)  # noqa: S704 the text was escaped just now

    def first(self, *keys: str, **values: object) -> Markup:
        """The first of these texts that exists."""
        return self(next(key for key in keys if key in self.by_key), **values)


def strong(value: object) -> Markup:
    """A value that stands out in its sentence."""
    return Markup("<b>{}</b>").format(value)


def load(folder: Path) -> dict[str, Texts]:
    """The texts of a theme by language."""
    found = {}
    for lang in LANGUAGES:
        table = tomllib.loads((folder / f"{lang}.toml").read_text("utf-8"))
        found[lang] = Texts(lang, dict(flatten(table)))
    return found


@lru_cache(maxsize=64)
def said_in(theme: str, lang: str) -> Texts:
    """The texts of an installed theme in one language, read once; what is not installed is the default."""
    folder = THEMES / theme if (THEMES / theme / "theme.toml").exists() else THEMES / "default"
    return load(folder / "texts")[lang if lang in LANGUAGES else LANGUAGES[0]]
