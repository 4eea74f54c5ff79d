"""Importing an .rsc file: the part of the RouterOS script language that set-up scripts use.

A file is read one top-level statement at a time, as `/import` does: what stands before a mistake has been done.
Reading a statement already refuses menus and properties that this router does not have, in branches that are never
taken too, and `on-error` does not catch that; text given to `:parse` is read only when it is run.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from sandbox.routeros import system
from sandbox.routeros.columns import Trap
from sandbox.routeros.commands import Account, Request, run
from sandbox.routeros.device import SandboxRouter
from sandbox.routeros.fetch import FetchFailed, Wanted
from sandbox.routeros.menus import POLICIES
from sandbox.routeros.rsc_text import (
    Code,
    Literal,
    Node,
    Operation,
    Reader,
    RscError,
    RscSyntaxError,
    Statement,
    Substitution,
    Text,
    Value,
    Variable,
    read_all,
)
from sandbox.routeros.values import parse_span

__all__ = ["RscError", "RscSyntaxError", "import_rsc"]

Fetch = Callable[[str], bytes]  # of a file by its address
Ask = Callable[[Wanted], bytes]  # any request
Pause = Callable[[float], None]

_CONSOLE = Account(name="admin", policies=frozenset(POLICIES.split("|")))


class _Return(Exception):
    def __init__(self, value: Value) -> None:
        self.value = value


def text_of(value: Value) -> str:
    """A value as the console prints it."""
    if value is None or isinstance(value, (Code, dict)):
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return ";".join(value) if isinstance(value, list) else str(value)


def same(left: Value, right: Value) -> bool:
    """Equality of the console, to which yes and true are one."""
    first, second = (_YES.get(text, text) for text in (text_of(left), text_of(right)))
    return first == second


_YES = {"yes": "true", "no": "false"}


@dataclass
class Scope:
    """Variables; those of the outer scopes are seen too."""

    outer: Scope | None = None
    names: dict[str, Value] = field(default_factory=dict)
    shared: dict[str, Value] = field(default_factory=dict)  # the router's globals ...
    declared: set[str] = field(default_factory=set)  # ... of which these were declared here

    def holder(self, name: str) -> Scope:
        scope: Scope | None = self
        while scope is not None:
            if name in scope.declared:
                return Scope(names=scope.shared)
            if name in scope.names:
                return scope
            scope = scope.outer
        raise RscError(f"no such variable {name}")


class Console:
    """Runs statements on a router, with all rights unless `account` says otherwise."""

    def __init__(
        self,
        router: SandboxRouter,
        fetch: Fetch | None,
        pause: Pause | None = None,
        *,
        ask: Ask | None = None,
        account: Account = _CONSOLE,
    ) -> None:
        self.router, self.fetch, self.pause, self.ask, self.account = router, fetch, pause, ask, account
        self.output: list[str] = []

    def run(self, code: Statement | Code, scope: Scope) -> Value:
        if isinstance(code, Statement):
            return self.language(code, scope) if code.verb.startswith(":") else self.act(code, scope)
        inner = Scope(scope)
        for statement in code.statements:
            self.run(statement, inner)
        return None

    def value(self, node: Node, scope: Scope) -> Value:
        match node:
            case Literal(value):
                return value
            case Variable(name):
                return scope.holder(name).names[name]
            case Text(parts):
                return "".join(text_of(self.value(part, scope)) for part in parts)
            case Operation(sign, left, right):
                return self.operation(sign, left, right, scope)
            case Substitution(inside):
                if isinstance(inside, Statement):
                    return self.run(inside, scope)
                return self.call(self.value(inside, scope))
            case _:
                return node

    def call(self, code: Value, given: dict[str, Value] | None = None) -> Value:
        """A function sees what it was given, and no variable of its caller."""
        if not isinstance(code, Code):
            raise RscError("this is no function")
        try:
            self.run(code, Scope(names=given or {}))
        except _Return as returned:
            return returned.value
        return None

    def operation(self, sign: str, left: Node, right: Node, scope: Scope) -> Value:
        first = self.value(left, scope)
        match sign:
            case "!":
                return not true(first)
            case "&&":
                return true(first) and true(self.value(right, scope))
            case "||":
                return true(first) or true(self.value(right, scope))
        second = self.value(right, scope)
        match sign:
            case "=":
                return same(first, second)
            case "!=":
                return not same(first, second)
            case ".":
                return text_of(first) + text_of(second)
            case ",":
                return [*_items(first), *_items(second)]
            case "->" if isinstance(first, dict):
                return first.get(text_of(second))
            case "->":
                return next(iter(_items(first)[number(second) :]), None)
            case "~":
                return re.search(text_of(second), text_of(first)) is not None
        return _ARITHMETIC[sign](number(first), number(second))

    # -- the language --------------------------------------------------------------------------

    def language(self, statement: Statement, scope: Scope) -> Value:
        plain = [argument.value for argument in statement.arguments if not argument.name]
        named = {argument.name: argument.value for argument in statement.arguments if argument.name}
        match statement.verb, plain:
            case ":global", [Literal(str(name)), *rest]:
                scope.shared = self.router.globals
                scope.declared.add(name)
                self.router.globals.setdefault(name, None)
                if rest:
                    self.router.globals[name] = self.value(rest[0], scope)
            case ":local" | ":set", [Literal(str(name)), *rest]:
                holder = scope.holder(name) if statement.verb == ":set" else scope
                holder.names[name] = self.value(rest[0], scope) if rest else None
            case ":if", [condition]:
                if true(self.value(condition, scope)):
                    self.branch(named.get("do"), scope)
                else:
                    self.branch(named.get("else"), scope)
            case ":call", [function]:
                given = {name: self.value(node, scope) for name, node in named.items()}
                return self.call(self.value(function, scope), given)
            case ":do", [Code() as body]:
                self.attempt(body, named.get("on-error"), scope)
            case ":while", [condition]:
                while true(self.value(condition, scope)):
                    self.branch(named.get("do"), scope)
            case ":convert", [given_value]:
                how = {name: text_of(self.value(node, scope)) for name, node in named.items()}
                return self.convert(text_of(self.value(given_value, scope)), how)
            case ":for", [Literal(str(name))]:
                first, last = (number(self.value(named[end], scope)) for end in ("from", "to"))
                for index in range(first, last + 1):
                    self.branch(named["do"], Scope(scope, {name: index}))
            case ":foreach", [Literal(str(name))]:
                for item in _items(self.value(named["in"], scope)):
                    self.branch(named["do"], Scope(scope, {name: item}))
            case _:
                return self.function(statement.verb, [self.value(node, scope) for node in plain])
        return None

    def branch(self, body: Node | None, scope: Scope) -> None:
        if isinstance(body, Code):
            self.run(body, scope)

    def attempt(self, body: Code, on_error: Node | None, scope: Scope) -> None:
        try:
            self.run(body, scope)
        except RscSyntaxError:
            raise
        except RscError:
            if on_error is None:
                raise
            self.branch(on_error, scope)

    def function(self, verb: str, given: list[Value]) -> Value:
        match verb, given:
            case ":put", [value]:
                self.output.append(text_of(value))
            case ":error", [value]:
                raise RscError(text_of(value))
            case ":return", [value]:
                raise _Return(value)
            case ":delay", [value]:
                self.wait(parse_span(text_of(value)))
            case ":len", [value]:
                return len(value) if isinstance(value, list) else len(text_of(value))
            case ":pick", [value, first, *end]:
                return _pick(value, number(first), number(end[0]) if end else None)
            case ":typeof", [value]:
                return _type(value)
            case ":tonum", [value]:
                return int(text_of(value)) if re.fullmatch(r"-?[0-9]+", text_of(value)) else None
            case ":find", [value, wanted, *after]:
                return _find(value, text_of(wanted), number(after[0]) if after else -1)
            case ":tostr", [value]:
                return text_of(value)
            case ":parse", [value]:
                return self.parse(text_of(value))
            case ":log", [level, value]:
                self.router.log(f"script,{text_of(level)}", text_of(value))
            case ":nothing", []:
                pass
            case _:
                raise RscSyntaxError(f"bad command name {verb[1:]}")
        return None

    def parse(self, text: str) -> Code:
        try:
            return Code(tuple(read_all(text, self.router)))
        except RscSyntaxError as error:
            raise RscError(str(error)) from error

    def convert(self, text: str, how: Mapping[str, str]) -> str:
        """Digests, from 7.12 on; before, not even the word can be read."""
        if self.router.version < (7, 12):
            raise RscSyntaxError("bad command name convert")
        if how != {"from": "raw", "to": "hex", "transform": "sha512"}:
            raise RscError("the sandbox converts nothing else")
        return hashlib.sha512(text.encode()).hexdigest()

    def wait(self, seconds: int) -> None:
        """A clock that can be moved is moved; a real one is waited for where `pause` knows how."""
        if advance := getattr(self.router.clock, "advance", None):
            advance(seconds * 1000)
        elif self.pause is not None:
            self.pause(seconds)

    # -- menus ---------------------------------------------------------------------------------

    def act(self, statement: Statement, scope: Scope) -> Value:
        if statement.menu == "/tool":
            return self.tool({a.name or text_of(self.value(a.value, scope)): text_of(self.value(a.value, scope))
                              for a in statement.arguments})  # fmt: skip
        if statement.verb == "find":
            return self.find(statement, scope)
        given = {a.name: self.value(a.value, scope) for a in statement.arguments if a.name}
        plain = [self.value(a.value, scope) for a in statement.arguments if not a.name]
        if statement.verb == "get":
            return self.get(statement.menu, [*plain, *given.values()])
        words = {name: text_of(value).replace(";", ",") if isinstance(value, list) else text_of(value)
                 for name, value in given.items()}  # fmt: skip
        if statement.verb == "run":
            self.run_script(text_of(plain[0]))
            return None
        if statement.verb == "import":
            system.import_certificates(self.router, words["file-name"])
            return None
        if plain:
            words["numbers"] = ",".join(_items(plain[0]))
        return self.send(f"{statement.menu}/{statement.verb}", words)

    def send(self, command: str, words: Mapping[str, str]) -> Value:
        reply = run(self.router, self.account, Request(command, dict(words)))
        for sentence in reply:
            if sentence[0] == "!trap":
                raise RscError(sentence[-1].removeprefix("=message="))
        return next((word[5:] for word in reply[-1] if word.startswith("=ret=")), None)

    def find(self, statement: Statement, scope: Scope) -> list[str]:
        table = self.router.table(statement.menu)
        wanted = [(a.name, a.sign, self.value(a.value, scope)) for a in statement.arguments]
        found = []
        for row in list(table.rows.values()):
            view = table.view(row)
            if all(same(view.get(name), value) is (sign == "=") for name, sign, value in wanted):
                found.append(row[".id"])
        return found

    def get(self, menu: str, plain: list[Value]) -> Value:
        table = self.router.table(menu)
        *which, name = plain
        ids = [""] if not which else _items(which[0])
        if len(ids) != 1:
            raise RscError("no such item" if not ids else "more than one item matches")
        try:
            return table.view(table.row(ids[0])).get(text_of(name))
        except Trap as trap:
            raise RscError(trap.message) from trap

    def run_script(self, name: str) -> None:
        """A script of its own with the rights of whoever runs it, if these are as many as it wants (facts 8.2)."""
        found = self.router.table("/system/script").find(name=name)
        if not found:
            raise RscError("no such item")
        wanted = frozenset(filter(None, found[0].get("policy", "").split(",")))
        if not wanted <= self.account.policies:
            raise RscError("not enough permissions (9)")
        try:
            self.run(Code(tuple(read_all(found[0]["source"], self.router))), Scope())
        except RscSyntaxError as error:
            raise RscError(str(error)) from error

    def tool(self, given: Mapping[str, str]) -> Value:
        """`/tool fetch`: into a file, or into a variable of the script."""
        for policy in ("test", "ftp") if self.router.version >= (7, 13) else ("test",):
            if policy not in self.account.policies:
                raise RscError("not enough permissions (9)")
        if self.ask is None:
            self.download(given)
            return None
        if not self.router.faults.device_mode_hotspot:
            raise RscError("failure: not allowed by device-mode")
        try:
            data = self.ask(Wanted.of(given))
        except FetchFailed as failed:
            raise RscError(str(failed)) from failed
        if given.get("output", "file") == "file":
            self.router.files[given["dst-path"]] = data
        if "as-value" not in given:
            return None
        shown = {"data": held(data, self.router.version)} if given.get("output") == "user" else {}
        return {"status": "finished", **shown}

    def download(self, given: Mapping[str, str]) -> None:
        if not self.router.faults.device_mode_hotspot:
            raise RscError("failure: not allowed by device-mode")
        if self.fetch is None:
            raise RscError("failure: connection timeout")
        try:
            self.router.files[given["dst-path"]] = self.fetch(given["url"])
        except LookupError as missing:
            raise RscError("failure: Fetch failed with status 404") from missing


_ARITHMETIC: dict[str, Callable[[int, int], Value]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a // b,
    "<": lambda a, b: a < b,
    ">": lambda a, b: a > b,
    "<=": lambda a, b: a <= b,
    ">=": lambda a, b: a >= b,
}


_VARIABLE_OF_6, _VARIABLE_OF_7 = 4_096, 65_536  # bytes that a variable can hold


def held(data: bytes, version: tuple[int, ...]) -> str:
    """What was fetched, as a variable holds it. What comes of more is not written down: here the rest is lost."""
    most = _VARIABLE_OF_6 if version < (7,) else _VARIABLE_OF_7
    return data[:most].decode("utf-8", "replace")


def _type(value: Value) -> str:
    kinds = ((bool, "bool"), (int, "num"), (list, "array"), (dict, "array"), (str, "str"))
    return next((name for kind, name in kinds if isinstance(value, kind)), "nil")


def true(value: Value) -> bool:
    return same(value, True)


def number(value: Value) -> int:
    text = text_of(value)
    if not text.lstrip("-").isdecimal():
        raise RscError(f"cannot compute with {text!r}")
    return int(text)


def _items(value: Value) -> list[str]:
    if isinstance(value, list):
        return value
    return [] if value is None or value == "" else [text_of(value)]


def _pick(value: Value, first: int, end: int | None) -> Value:
    if isinstance(value, list):
        return value[first] if end is None and first < len(value) else value[first:end] if end else None
    return text_of(value)[first : first + 1 if end is None else end]


def _find(value: Value, wanted: str, after: int) -> Value:
    """The first place behind `after`, which is -1 for the whole."""
    if isinstance(value, list):
        return value.index(wanted) if wanted in value else None
    place = text_of(value).find(wanted, after + 1)
    return None if place < 0 else place


def import_rsc(
    router: SandboxRouter,
    text: str,
    *,
    fetch: Fetch | None = None,
    pause: Pause | None = None,
    ask: Ask | None = None,
) -> list[str]:
    """Run the file; what it put out. Raises `RscError` where it stopped.

    `fetch` answers `/tool fetch` of files, `ask` any request; `pause` waits seconds where the router's clock is a real
    one.
    """
    console, reader, scope = Console(router, fetch, pause, ask=ask), Reader(text, router), Scope()
    try:
        while (statement := reader.statement()) is not None:
            console.run(statement, scope)
    except RscError as error:
        error.output = console.output
        raise
    return console.output
