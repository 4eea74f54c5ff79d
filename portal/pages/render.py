"""Themes: templates, style, scripts and texts of the guest pages, and how a page becomes bytes.

One answer holds everything: style, scripts and mark are inline, nothing comes from elsewhere (R11). Since style
and scripts are the same in every page, their hashes make one Content-Security-Policy without `unsafe-inline`.
"""

from __future__ import annotations

import base64
import hashlib
import re
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from portal import texts, words
from portal.access.wording import plan_line, plan_title
from portal.tenancy import look
from portal.texts import Texts
from portal.web.security import headers_for


def _squeeze_style(text: str) -> str:
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
    return re.sub(r"\s*([{};,>])\s*", r"\1", re.sub(r"\s+", " ", text)).strip()


def _squeeze(text: str) -> str:
    """Without indentation and empty lines; scripts use no line comments and no text over several lines."""
    return re.sub(r"\s*\n\s*", "\n", text).strip()


def _colours(table: Mapping[str, Mapping[str, str]]) -> str:
    def block(name: str) -> str:
        return ":root{" + ";".join(f"--{key}:{value}" for key, value in table[name].items()) + "}"

    return block("light") + "@media(prefers-color-scheme:dark){" + block("dark") + "}"


def _source(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


@dataclass(frozen=True)
class Theme:
    """A theme as loaded from its folder."""

    name: str
    texts: Mapping[str, Texts]
    style: str
    scripts: Mapping[str, str]
    env: Environment = field(repr=False)

    def style_of(self, accent: str) -> str:
        """The style with the ISP's own colour, which comes last and so counts."""
        return self.style + look.style(accent)

    def page(self, name: str, lang: str, accent: str = "", **values: Any) -> bytes:
        """The page `name` in this language and in the ISP's colour."""
        said = self.texts[lang]
        shared: dict[str, Any] = {
            "t": said,
            "lang": lang,
            "logo": "",
            "strong": texts.strong,
            "spoken": lambda phone: phone.spoken.replace(" ", "\u00a0"),
            "title": words.title,
            "style": Markup(self.style_of(accent)),  # noqa: S704 our own file; an ISP chooses a checked colour
            "scripts": {key: Markup(text) for key, text in self.scripts.items()},  # noqa: S704 our own files
            "known": lambda key: f"{key}.title" in said.by_key,
            "plan_title": partial(plan_title, lang=lang),
            "plan_line": partial(plan_line, said),
            **{each.__name__: partial(each, lang=lang) for each in (words.money, words.span, words.data, words.rate)},
        }
        html = self.env.get_template(f"{name}.html").render({**shared, **values})
        return _squeeze(html).encode()


def policy(themes: Collection[Theme], accent: str = "", frame: str = "'none'") -> str:
    """The Content-Security-Policy of every page; `accent` as in `Theme.page`, `frame` who may show it in a frame."""
    styles = " ".join(_source(each.style_of(accent)) for each in themes)
    scripts = " ".join(sorted({_source(text) for each in themes for text in each.scripts.values()}))
    return (
        f"default-src 'none'; style-src {styles}; script-src {scripts}; connect-src 'self';"
        f" img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors {frame}"
    )


@lru_cache(maxsize=1024)
def headers_of(theme: str, accent: str) -> list[tuple[bytes, bytes]]:
    """The headers of pages in an ISP's own colour: their style has another hash."""
    return headers_for(policy([themes()[theme]], accent))


@lru_cache(maxsize=1)
def themes() -> Mapping[str, Theme]:
    """All installed themes by name, read once."""
    return {path.parent.name: load_theme(path.parent.name) for path in sorted(texts.THEMES.glob("*/theme.toml"))}


def load_theme(name: str) -> Theme:
    """Read a theme's folder."""
    folder = texts.THEMES / name
    templates = folder / "templates"
    table = tomllib.loads((folder / "theme.toml").read_text("utf-8"))
    env = Environment(
        loader=FileSystemLoader(templates),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return Theme(
        name=name,
        texts=texts.load(folder / "texts"),
        style=_squeeze_style(_colours(table) + (templates / "style.css").read_text("utf-8")),
        scripts={path.stem: _squeeze(path.read_text("utf-8")) for path in sorted(templates.glob("*.js"))},
        env=env,
    )
