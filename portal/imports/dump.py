"""The rows of some tables in the text of an SQL dump, as mysqldump and phpMyAdmin
write them. Pure.

Not a parser of SQL: it knows strings, names, numbers, comments and brackets, which is all that INSERT needs, and it
runs nothing. Each byte is looked at once or twice, whatever the text is: what does not close is refused at once.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from portal.errors import Refused

MOST_ROWS = 200_000
HEAD = 10  # so many pieces name the table of a statement

_TOKEN = re.compile(
    r"\s++"
    r"|--(?=\s|\Z)[^\n]*+|\#[^\n]*+"
    r"|/\*!\d*+|\*/"  # what only MySQL runs is read like the rest
    r"|/\*(?:[^*]|\*(?!/))*+\*/"
    r"|(?P<text>'(?:[^'\\]|\\.|'')*+'|\"(?:[^\"\\]|\\.|\"\")*+\")"
    r"|(?P<name>`(?:[^`]|``)*+`)"
    r"|(?P<word>[\w$.@+-]++)"
    r"|(?P<sign>[(),;=])"
    r"|(?P<open>['\"`]|/\*)"
    r"|.",
    re.DOTALL,
)
_ESCAPE = re.compile(r"\\(.)|''|\"\"", re.DOTALL)
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r", "0": "\0", "b": "\b", "Z": "\x1a"}
_NUMBER = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?", re.ASCII)
_NO_COLUMN = ("PRIMARY", "KEY", "UNIQUE", "INDEX", "CONSTRAINT", "FOREIGN", "FULLTEXT", "CHECK", "SPATIAL")

Rows = dict[str, list[dict[str, str | None]]]


@dataclass(frozen=True)
class Token:
    """A piece of the text: ``text``, ``name``, ``word`` or ``sign``."""

    kind: str
    value: str

    def says(self, word: str) -> bool:
        return self.kind == "word" and self.value.upper() == word

    @property
    def is_name(self) -> bool:
        return self.kind in ("name", "word")


def tokens(text: str) -> Iterator[Token]:
    """The text in pieces, without blanks and comments; raises `Refused("import-sql")` where a quote never closes."""
    for found in _TOKEN.finditer(text):
        kind = found.lastgroup
        if kind == "open":
            raise Refused("import-sql")
        if kind == "text":
            yield Token(kind, _plain(found[0]))
        elif kind == "name":
            yield Token(kind, found[0][1:-1].replace("``", "`"))
        elif kind is not None:
            yield Token(kind, found[0])


def _plain(quoted: str) -> str:
    inner = quoted[1:-1]
    if "\\" not in inner and quoted[0] * 2 not in inner:
        return inner
    quote = quoted[0]

    def unescaped(found: re.Match[str]) -> str:
        if found[1] is not None:
            return _ESCAPED.get(found[1], found[1])
        return quote if found[0][0] == quote else found[0]

    return _ESCAPE.sub(unescaped, inner)


def rows(text: str, wanted: Collection[str]) -> Rows:
    """The rows of the wanted tables, each column by its name in small letters; raises `Refused`."""
    reader = _Reader(wanted)
    statement: list[Token] = []
    kept = True
    for token in tokens(text):
        if token.kind == "sign" and token.value == ";":
            reader.take(statement)
            statement, kept = [], True
        elif kept:
            statement.append(token)
            kept = len(statement) != HEAD or reader.wants(statement)
    reader.take(statement)
    return reader.found


class _Reader:
    """The statements of a dump, one after another."""

    def __init__(self, wanted: Collection[str]) -> None:
        self.found: Rows = {name: [] for name in wanted}
        self._columns: dict[str, list[str]] = {}
        self._count = 0

    def wants(self, statement: list[Token]) -> bool:
        """Whether this goes on to fill a wanted table, or says its columns."""
        return len(statement) > 2 and statement[0].value.upper() in _DOING and bool(self._table(statement)[0])

    def take(self, statement: list[Token]) -> None:
        if not self.wants(statement):
            return
        if statement[0].says("CREATE"):
            self._create(statement)
        else:
            self._insert(statement)

    def _table(self, statement: list[Token]) -> tuple[str, int]:
        """The name of a table, without its database, and where it ends; nothing when it is not wanted."""
        at = 1
        while at < len(statement) - 1 and statement[at].kind == "word" and statement[at].value.upper() in _BEFORE:
            at += 1
        name, at = statement[at].value, at + 1
        if at < len(statement) and statement[at].kind == "word" and statement[at].value.startswith("."):
            name, at = statement[at].value[1:], at + 1
            if not name and at < len(statement):
                name, at = statement[at].value, at + 1
        name = name.rpartition(".")[2].lower()
        return (name if name in self.found else ""), at

    def _create(self, statement: list[Token]) -> None:
        """The columns of a table in their order, for rows that do not name them."""
        table, at = self._table(statement)
        columns, depth, first = [], 0, False
        for token in statement[at:]:
            if token.kind == "sign":
                depth += {"(": 1, ")": -1}.get(token.value, 0)
                first = depth == 1 and token.value in "(,"
                continue
            if first and not (token.kind == "word" and token.value.upper() in _NO_COLUMN):
                columns.append(token.value.lower())
            first = False
        self._columns[table] = columns

    def _insert(self, statement: list[Token]) -> None:
        table, at = self._table(statement)
        columns = self._columns.get(table, [])
        if at < len(statement) and statement[at].value == "(":
            columns, at = self._named(statement, at + 1)
        if at >= len(statement) or statement[at].value.upper() not in ("VALUES", "VALUE"):
            raise Refused("import-sql")
        for values in _groups(statement[at + 1 :]):
            self._add(table, columns, values)

    def _named(self, statement: list[Token], at: int) -> tuple[list[str], int]:
        names = []
        while at < len(statement) and statement[at].value != ")":
            if statement[at].is_name:
                names.append(statement[at].value.lower())
            at += 1
        return names, at + 1

    def _add(self, table: str, columns: list[str], values: list[str | None]) -> None:
        """One row; more values than columns, or fewer, is no row of this table."""
        self._count += 1
        if len(values) != len(columns) or self._count > MOST_ROWS:
            raise Refused("import-sql" if len(values) != len(columns) else "import-many")
        self.found[table].append(dict(zip(columns, values, strict=True)))


_DOING = ("CREATE", "INSERT", "REPLACE")
_BEFORE = ("TABLE", "INTO", "IGNORE", "LOW_PRIORITY", "DELAYED", "HIGH_PRIORITY", "IF", "NOT", "EXISTS", "TEMPORARY")


def _groups(found: list[Token]) -> Iterator[list[str | None]]:
    """What stands in the brackets after VALUES."""
    values: list[str | None] = []
    depth = 0
    for token in found:
        if token.kind == "sign" and token.value == "(":
            depth += 1
            values = []
        elif token.kind == "sign" and token.value == ")":
            depth -= 1
            yield values
        elif depth == 0 and token.says("ON"):  # DUPLICATE KEY UPDATE
            return
        elif depth == 1 and token.kind != "sign":
            _put(values, token)
        if depth not in (0, 1):
            raise Refused("import-sql")


def _put(values: list[str | None], token: Token) -> None:
    """A value; ``_binary'x'`` and the like are the string behind the word."""
    if token.kind == "text":
        if values and values[-1] == _MARKED:
            values[-1] = token.value
        else:
            values.append(token.value)
    elif token.says("NULL"):
        values.append(None)
    elif token.value.startswith("_") or token.value in ("N", "n", "x", "X", "b", "B"):
        values.append(_MARKED)
    else:
        values.append(token.value if _NUMBER.fullmatch(token.value) else "")


_MARKED = "\0marked"
