"""The hotspot servlet's page language: ``$(variable)`` and ``$(if …)`` (facts/mikrotik.md 4.2). Pure.

There is no HTML escaping, as on the real router: ``$(username)`` in markup is whatever the guest typed.
``$(if http-status == 302)text$(endif)`` compares nothing: it sets the status line and prints nothing;
``$(if http-header == Location)url$(endif)`` sets a header.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

_TAG = re.compile(r"\$\(([^()]*)\)")
_CONDITION = re.compile(r"^(?P<name>[\w.:-]+)(?:\s*(?P<operator>==|!=)\s*(?P<value>.*))?$", re.DOTALL)


@dataclass(kw_only=True)
class Rendered:
    """What a page came to."""

    text: str = ""
    status: tuple[int, str] | None = None
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(kw_only=True)
class _Block:
    """One ``$(if)`` being read: `open` prints now, `done` one of its branches has been taken."""

    outer: bool
    open: bool
    done: bool
    sets: tuple[str, str] | None = None  # ("http-status", "302") while the text belongs to the reply's head
    captured: list[str] = field(default_factory=list)


def lookup(name: str, variables: Mapping[str, str]) -> str:
    """The value of a variable; unknown ones are empty, ``-esc`` escapes for a URL."""
    if name in variables:
        return variables[name]
    if name.endswith("-esc"):
        return quote(variables.get(name.removesuffix("-esc"), ""), safe="")
    return ""


def holds(condition: str, variables: Mapping[str, str]) -> bool:
    """Whether ``v``, ``v == x`` or ``v != x`` is true; quotes are optional."""
    found = _CONDITION.match(condition.strip())
    if found is None:
        return False
    value = lookup(found["name"], variables)
    if found["operator"] is None:
        return value != ""
    return (value == _unquoted(found["value"])) is (found["operator"] == "==")


def _unquoted(text: str) -> str:
    text = text.strip()
    if len(text) >= 2 and text[0] == text[-1] and text[0] in "'\"":
        return text[1:-1]
    return text


def _setting(condition: str) -> tuple[str, str] | None:
    found = _CONDITION.match(condition.strip())
    if found and found["name"] in {"http-status", "http-header"} and found["operator"] == "==":
        return found["name"], _unquoted(found["value"])
    return None


class _Page:
    """The reader's place in a page."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self.variables = variables
        self.blocks: list[_Block] = []
        self.printed: list[str] = []
        self.result = Rendered()

    @property
    def printing(self) -> bool:
        return not self.blocks or self.blocks[-1].open

    def write(self, text: str) -> None:
        if self.printing:
            target = next((block.captured for block in reversed(self.blocks) if block.sets), self.printed)
            target.append(text)

    def tag(self, inside: str) -> None:
        word, _, rest = inside.strip().partition(" ")
        match word:
            case "if":
                self._if(rest)
            case "elif" if self.blocks:
                self._branch(holds(rest, self.variables))
            case "else" if self.blocks:
                self._branch(True)
            case "endif" if self.blocks:
                self._end(self.blocks.pop())
            case _:
                self.write(lookup(inside.strip(), self.variables))

    def _if(self, condition: str) -> None:
        sets = _setting(condition)
        true = sets is not None or holds(condition, self.variables)
        self.blocks.append(
            _Block(outer=self.printing, open=self.printing and true, done=true, sets=sets),
        )

    def _branch(self, true: bool) -> None:
        block = self.blocks[-1]
        block.open = block.outer and true and not block.done
        block.done = block.done or true

    def _end(self, block: _Block) -> None:
        if block.sets is None or not block.outer:
            return
        kind, name = block.sets
        text = "".join(block.captured).strip()
        if kind == "http-header":
            self.result.headers[name] = text
        elif name.isdigit():
            self.result.status = (int(name), text)


def render(source: str, variables: Mapping[str, str]) -> Rendered:
    """Fill a page in; a status or header set twice: the last wins."""
    page = _Page(variables)
    position = 0
    for tag in _TAG.finditer(source):
        page.write(source[position : tag.start()])
        page.tag(tag[1])
        position = tag.end()
    page.write(source[position:])
    page.result.text = "".join(page.printed)
    return page.result
