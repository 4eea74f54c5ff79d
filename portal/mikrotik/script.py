"""Writing RouterOS script: quoting, and the steps of which a set-up consists.

A step is recognised by its `key` when the script runs again: named rows are called ``bando…``, rows without a name
carry a comment that begins with ``bando:``. Menus are written with spaces, which versions 6 and 7 both read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

_PLAIN = re.compile(r"[A-Za-z0-9!][\w.:/,!-]*", re.ASCII)
_ESCAPES = {"\\": "\\\\", '"': '\\"', "$": "\\$", "?": "\\?", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


@dataclass(frozen=True)
class Raw:
    """Script that stands as it is, where a value is expected."""

    text: str


Words = Mapping[str, str | Raw]


def quote(text: str) -> str:
    """A text in double quotes; nothing in it is evaluated (facts/mikrotik.md 8.2)."""
    return '"' + "".join(_ESCAPES.get(sign, sign) for sign in text) + '"'


def words(given: Words) -> str:
    """``name=value name="other value"``."""
    return " ".join(f"{name}={_value(value)}" for name, value in given.items())


def _value(value: str | Raw) -> str:
    if isinstance(value, Raw):
        return value.text
    return value if _PLAIN.fullmatch(value) else quote(value)


def found(menu: str, key: Words, **more: str) -> str:
    """The rows with these values."""
    return f"[{menu} find {words({**key, **more})}]"


def missing(menu: str, key: Words) -> str:
    """True when there is no such row."""
    return f"[:len {found(menu, key)}] = 0"


def when(condition: str, *then: str, otherwise: Iterable[str] = ()) -> str:
    """An ``:if``; `else` must stand on the line of the closing brace."""
    text = f":if ({condition}) do={{\n{_indented(then)}\n}}"
    other = _indented(otherwise)
    return f"{text} else={{\n{other}\n}}" if other else text


def block(*lines: str) -> str:
    """A scope of its own."""
    return f"{{\n{_indented(lines)}\n}}"


def _indented(lines: Iterable[str]) -> str:
    return "\n".join(f"  {line}" for text in lines for line in text.split("\n"))


def refuse(condition: str, sentence: str) -> str:
    """Stop the import with a sentence."""
    return when(condition, f":error {quote('bando: ' + sentence)}")


@dataclass(frozen=True, kw_only=True)
class Row:
    """A row that must be there: `key` recognises it, `rest` are its other properties.

    `renew`: a later import writes `rest` again. `before`: the row goes before the first row with these values.
    """

    what: str
    menu: str
    key: Words
    rest: Words = field(default_factory=dict)
    renew: bool = True
    before: Words | None = None

    def text(self) -> str:
        renewed = [f"{self.menu} set {found(self.menu, self.key)} {words(self.rest)}"] if self._renewable else []
        return when(missing(self.menu, self.key), *self._add(), otherwise=renewed)

    @property
    def _renewable(self) -> bool:
        return self.renew and bool(self.rest)

    def _add(self) -> list[str]:
        add = f"{self.menu} add {words({**self.key, **self.rest})}"
        if self.before is None:
            return [add]
        first = f"[:pick {found(self.menu, self.before)} 0]"
        return [when(missing(self.menu, self.before), add, otherwise=[f"{add} place-before={first}"])]

    def gap(self) -> tuple[str, str]:
        """What to say when it is missing at the end, and the condition."""
        return self.what, missing(self.menu, self.key)


@dataclass(frozen=True, kw_only=True)
class Act:
    """Anything else: script, and how to see at the end that it has not worked ("" when that cannot be seen)."""

    what: str
    script: str
    unless: str = ""

    def text(self) -> str:
        return self.script

    def gap(self) -> tuple[str, str]:
        return self.what, self.unless


Step = Row | Act


def verification(steps: Iterable[Step]) -> str:
    """Read everything again, say what is missing, and fail if anything is."""
    gaps = [step.gap() for step in steps]
    looks = [
        when(unless, f":put {quote('bando: MISSING: ' + what)}", ":set gaps ($gaps + 1)")
        for what, unless in gaps
        if unless
    ]
    verdict = when(
        "$gaps = 0",
        f":put {quote('bando: everything is in place')}",
        otherwise=[f":error {quote('bando: not everything is in place; see the lines above')}"],
    )
    return block(":local gaps 0", *looks, verdict)
