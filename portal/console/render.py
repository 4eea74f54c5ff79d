"""Templates and static files of the console, and how a page becomes bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from portal import words
from portal.web.answers import Body, pack

HERE = Path(__file__).parent
KINDS = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}

# Everything comes from here; the chart library sets styles by script, which is no inline style.
POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self';"
    " frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


@dataclass(frozen=True)
class StaticFile:
    """A file as it is sent."""

    body: Body
    kind: str


@lru_cache(maxsize=1)
def static_files() -> Mapping[str, StaticFile]:
    """Each static file by name, read and compressed once."""
    found = sorted((HERE / "static").iterdir())
    return {
        each.name: StaticFile(pack(each.read_bytes(), 9), KINDS[each.suffix]) for each in found if each.suffix in KINDS
    }


@lru_cache(maxsize=64)
def static(name: str) -> str:
    """The address of a static file, which changes with it, so that browsers may keep it for good."""
    digest = hashlib.sha256(static_files()[name].body.plain).hexdigest()[:12]
    return f"/console/static/{name}?v={digest}"


@lru_cache(maxsize=1)
def environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    said = {each.__name__: partial(each, lang="en") for each in (words.money, words.span, words.data, words.rate)}
    made.globals.update(static=static, title=words.title, **said)
    return made


def page(name: str, **values: Any) -> bytes:
    """The page `name` as bytes."""
    return environment().get_template(f"{name}.html").render(values).encode()
