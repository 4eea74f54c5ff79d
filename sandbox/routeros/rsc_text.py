"""The text of a RouterOS script as statements (see `rsc`, which runs them)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NoReturn, Union

from sandbox.routeros.columns import Trap
from sandbox.routeros.device import SandboxRouter
from sandbox.routeros.tables import Table

Value = Union[str, int, bool, None, list[str], dict[str, str], "Code"]

_BARE = re.compile(r"[^\s\[\](){};\"$=]+")
_WORD = re.compile(r"[\w.-]+")
_NAME = re.compile(r"\$(\w+|\"[^\"]*\")")
_OPERATOR = re.compile(r"->|&&|\|\||!=|<=|>=|[=<>.+\-*/,~!]")
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "_": " "}
_VERBS = frozenset(
    [
        *("add", "set", "remove", "find", "get", "print", "enable", "disable", "move", "sign", "fetch", "unset"),
        *("run", "import"),
    ]
)
_LEVELS = (("||",), ("&&",), ("=", "!=", "<", ">", "<=", ">=", "~"), (",",), (".",), ("+", "-"), ("*", "/"))
_ENDS = ("", "\n", "\r", ";", "]", "}")


class RscError(Exception):
    """The script stopped: by its own `:error`, or because the router refused a command."""

    def __init__(self, message: str, output: list[str] | None = None) -> None:
        super().__init__(message)
        self.output = output or []


class RscSyntaxError(RscError):
    """The text cannot be read on this router; no `on-error` catches it."""


# -- what a script consists of -----------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Argument:
    """``name=value``, ``name!=value`` or a value alone."""

    name: str = ""
    sign: str = "="
    value: Node


@dataclass(frozen=True, kw_only=True)
class Statement:
    """A command of a menu (`menu` begins with "/") or of the language (`verb` begins with ":")."""

    menu: str
    verb: str
    arguments: tuple[Argument, ...]


@dataclass(frozen=True)
class Code:
    """Statements in braces."""

    statements: tuple[Statement | Code, ...]


@dataclass(frozen=True)
class Text:
    """A quoted text, in which variables may stand, or a bare word."""

    parts: tuple[Node, ...]


@dataclass(frozen=True)
class Literal:
    value: Value


@dataclass(frozen=True)
class Variable:
    name: str


@dataclass(frozen=True)
class Substitution:
    """A command in brackets, or a piece of code to be run."""

    inside: Statement | Node


@dataclass(frozen=True)
class Operation:
    sign: str
    left: Node
    right: Node


Node = Text | Literal | Variable | Substitution | Operation | Code


# -- reading -----------------------------------------------------------------------------------


class Reader:
    """Reads statements for one router, which knows what menus and properties there are."""

    def __init__(self, text: str, router: SandboxRouter) -> None:
        self.text = re.sub(r"\\\r?\n[ \t]*", "", text)
        self.router = router
        self.at = 0
        self.menu = ""

    def fail(self, message: str) -> NoReturn:
        line = self.text.count("\n", 0, self.at) + 1
        raise RscSyntaxError(f"{message} (line {line})")

    def peek(self) -> str:
        return self.text[self.at : self.at + 1]

    def take(self, sign: str) -> bool:
        if not self.text.startswith(sign, self.at):
            return False
        self.at += len(sign)
        return True

    def need(self, sign: str) -> None:
        if not self.take(sign):
            self.fail(f"syntax error: expected {sign}")

    def match(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self.text, self.at)
        if found is None:
            self.fail("syntax error")
        self.at = found.end()
        return found[0]

    def blanks(self, *, lines: bool = False) -> None:
        while self.peek() and self.peek() in (" \t\r\n" if lines else " \t"):
            self.at += 1

    def between(self) -> None:
        """Line ends, semicolons and comments."""
        while True:
            self.blanks(lines=True)
            if self.take(";"):
                continue
            if self.peek() != "#":
                return
            end = self.text.find("\n", self.at)
            self.at = len(self.text) if end < 0 else end

    def statement(self) -> Statement | Code | None:
        """The next statement; None at the end of the text."""
        self.between()
        if not self.peek():
            return None
        if self.peek() == "{":
            return self.block()
        if self.peek() == "$":  # a function is called by its name
            return self.arguments("", ":call")
        return self.command("")

    def block(self) -> Code:
        self.need("{")
        found: list[Statement | Code] = []
        menu, self.menu = self.menu, ""
        while True:
            self.between()
            if self.take("}"):
                self.menu = menu
                return Code(tuple(found))
            one = self.statement()
            if one is None:
                self.fail("syntax error: expected }")
            found.append(one)

    def command(self, context: str) -> Statement:
        """One command up to its end; `context` is the menu of the command around it."""
        if self.take(":"):
            return self.arguments("", ":" + self.match(_WORD))
        menu, verb = self.path(context)
        if verb not in _VERBS:
            self.fail(f"bad command name {verb}")
        if menu != "/tool":
            self.table(menu)
        if menu == "/file" and verb == "add" and self.router.version < (7, 15):
            self.fail("bad command name add")
        return self.checked(self.arguments(menu, verb))

    def path(self, context: str) -> tuple[str, str]:
        parts: list[str] = []
        if not self.take("/"):
            return context or self.menu, self.match(_WORD)
        while True:
            parts.append(self.match(_WORD))
            if parts[-1] in _VERBS:
                return "/" + "/".join(parts[:-1]), parts[-1]
            if self.take("/"):
                if self.router.version < (7,):
                    self.fail("expected command name: this version writes menus with spaces")
                continue
            self.blanks()
            if self.peek() in _ENDS:
                self.fail(f"bad command name {parts[-1]}")

    def table(self, menu: str) -> Table:
        try:
            return self.router.table(menu)
        except Trap:
            self.fail(f"bad command name {menu.rsplit('/', 1)[-1]}")

    def checked(self, statement: Statement) -> Statement:
        if statement.verb not in ("add", "set") or statement.menu == "/tool":
            return statement
        columns = self.table(statement.menu).columns
        for argument in statement.arguments:
            name = argument.name
            if name and name not in ("place-before", "numbers") and (name not in columns or columns[name].read_only):
                self.fail(f"expected end of command: {statement.menu} has no {name}")
        return statement

    def arguments(self, menu: str, verb: str) -> Statement:
        found: list[Argument] = []
        while True:
            self.blanks()
            if self.peek() in _ENDS:
                return Statement(menu=menu, verb=verb, arguments=tuple(found))
            if verb == "find" and re.compile(r"(where|and)\b").match(self.text, self.at):
                self.match(_WORD)
                continue
            found.append(self.argument(menu))

    def argument(self, menu: str) -> Argument:
        named = re.compile(r"([\w.-]+)(!?=)").match(self.text, self.at)
        if not named:
            return Argument(value=self.value(menu))
        self.at = named.end()
        if self.peek() in ("", " ", "\n", "]", ";", "}"):
            return Argument(name=named[1], sign=named[2], value=Literal(""))
        return Argument(name=named[1], sign=named[2], value=self.value(menu))

    def value(self, menu: str) -> Node:
        match self.peek():
            case '"':
                return self.quoted()
            case "[":
                return self.substitution(menu)
            case "(":
                self.need("(")
                inside = self.expression(menu)
                self.blanks(lines=True)
                self.need(")")
                return inside
            case "{":
                return self.block()
            case "$":
                return Variable(self.match(_NAME)[1:].strip('"'))
            case _:
                return Literal(self.match(_BARE))

    def quoted(self) -> Text:
        self.need('"')
        parts: list[Node] = []
        plain = ""
        while not self.take('"'):
            sign = self.peek()
            if not sign:
                self.fail('syntax error: expected "')
            if sign == "$":
                parts.append(Literal(plain))
                plain = ""
                parts.append(self.interpolated())
                continue
            self.at += 1
            plain += self.escape() if sign == "\\" else sign
        return Text((*parts, Literal(plain)))

    def interpolated(self) -> Node:
        if self.text.startswith("$(", self.at) or self.text.startswith("$[", self.at):
            self.at += 1
            return self.value("")
        return Variable(self.match(_NAME)[1:].strip('"'))

    def escape(self) -> str:
        sign = self.peek()
        if re.match(r"[0-9A-F]{2}", self.text[self.at : self.at + 2]):
            self.at += 2
            return chr(int(self.text[self.at - 2 : self.at], 16))
        if sign not in _ESCAPES and sign not in '"\\$?':
            self.fail(f"syntax error: unknown escape \\{sign}")
        self.at += 1
        return _ESCAPES.get(sign, sign)

    def substitution(self, menu: str) -> Substitution:
        self.need("[")
        self.blanks(lines=True)
        inside = self.value(menu) if self.peek() in ("[", "$") else self.command(menu)
        self.blanks(lines=True)
        self.need("]")
        return Substitution(inside)

    def expression(self, menu: str, level: int = 0) -> Node:
        if level == len(_LEVELS):
            return self.operand(menu)
        left = self.expression(menu, level + 1)
        while True:
            self.blanks(lines=True)
            found = _OPERATOR.match(self.text, self.at)
            if found is None or found[0] not in _LEVELS[level]:
                return left
            self.at = found.end()
            left = Operation(found[0], left, self.expression(menu, level + 1))

    def operand(self, menu: str) -> Node:
        self.blanks(lines=True)
        if self.take("!"):
            return Operation("!", self.operand(menu), Literal(None))
        found: Node
        if re.match(r"[\w:]", self.peek()):
            word = self.match(re.compile(r"[\w:-]+"))
            found = Literal(int(word) if word.isdecimal() else word)
        else:
            found = self.value(menu)
        self.blanks(lines=True)
        while self.take("->"):
            self.blanks()
            found = Operation("->", found, self.operand(menu))
        return found


def read_all(text: str, router: SandboxRouter) -> list[Statement | Code]:
    """All statements at once, as `:parse` reads them."""
    reader = Reader(text, router)
    return list(iter(reader.statement, None))
