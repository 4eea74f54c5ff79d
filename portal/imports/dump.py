"""The rows of some tables in the text of an SQL dump, as mysqldump and phpMyAdmin write them. Pure.

Not a parser of SQL: it knows strings, names, numbers, comments and brackets, which is all that INSERT needs, and it
runs nothing. Each byte is looked at once or twice, whatever the text is: what does not close is refused at once, and no
more is kept than the rows that are wanted.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from portal.errors import Refused

MOST_ROWS = 50_000
MOST_TOKENS = 3_000_000  # some seconds
MOST_HEAD = 2_000  # pieces before the rows: the columns of a table
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
_DOING = ("CREATE", "INSERT", "REPLACE")
_BEFORE = ("TABLE", "INTO", "IGNORE", "LOW_PRIORITY", "DELAYED", "HIGH_PRIORITY", "IF", "NOT", "EXISTS", "TEMPORARY")
_NO_COLUMN = ("PRIMARY", "KEY", "UNIQUE", "INDEX", "CONSTRAINT", "FOREIGN", "FULLTEXT", "CHECK", "SPATIAL")
_MARKED = "\0marked"  # a word such as _binary, before the string that it belongs to

Token = tuple[str, str]  # text, name, word or sign; and what it says
Rows = dict[str, list[dict[str, str | None]]]


def tokens(text: str) -> Iterator[Token]:
    """The text in pieces, without blanks and comments; raises `Refused("import-sql")` where a quote never closes."""
    count = 0
    for found in _TOKEN.finditer(text):
        kind = found.lastgroup
        if kind is None:
            continue
        count += 1
        if kind == "open" or count > MOST_TOKENS:
            raise Refused("import-sql" if kind == "open" else "import-many")
        if kind == "text":
            yield kind, _plain(found[0])
        elif kind == "name":
            yield kind, found[0][1:-1].replace("``", "`")
        else:
            yield kind, found[0]


def _plain(quoted: str) -> str:
    inner, quote = quoted[1:-1], quoted[0]
    if "\\" not in inner and quote not in inner:
        return inner

    def unescaped(found: re.Match[str]) -> str:
        if found[1] is not None:
            return _ESCAPED.get(found[1], found[1])
        return quote if found[0][0] == quote else found[0]

    return _ESCAPE.sub(unescaped, inner)


def _says(token: Token) -> str:
    """A bare word in capitals, or nothing."""
    return token[1].upper() if token[0] == "word" else ""


def rows(text: str, wanted: Collection[str]) -> Rows:
    """The rows of the wanted tables, each column by its name in small letters; raises `Refused`."""
    reader = _Reader(wanted)
    for token in tokens(text):
        reader.take(token)
    reader.end()
    return reader.found


class _Reader:
    """A dump, piece by piece: the head of a statement is kept until it says what follows, then its rows."""

    def __init__(self, wanted: Collection[str]) -> None:
        self.found: Rows = {name: [] for name in wanted}
        self._columns: dict[str, list[str]] = {}
        self._count = 0
        self._begin()

    def _begin(self) -> None:
        """A new statement."""
        self._head: list[Token] = []
        self._over = False  # nothing more of this statement matters
        self._table, self._names = "", list[str]()
        self._values: list[str | None] | None = None
        self._depth = 0

    def take(self, token: Token) -> None:
        if token == ("sign", ";"):
            self.end()
        elif self._over:
            return
        elif self._table:
            self._row(token)
        else:
            self._head.append(token)
            self._look(token)

    def _look(self, token: Token) -> None:
        """Whether the head is whole, or the statement is none that matters."""
        head = self._head
        if _says(head[0]) not in _DOING or (len(head) == HEAD and not _table_of(head, self.found)[0]):
            self._over = True
        elif _says(token) in ("VALUES", "VALUE") and _says(head[0]) != "CREATE":
            self._rows_of(head)
        elif len(head) > MOST_HEAD:
            raise Refused("import-sql")

    def end(self) -> None:
        """The statement ends."""
        if self._depth:
            raise Refused("import-sql")
        if not self._over and not self._table and len(self._head) > 2:
            self._close(self._head)
        self._begin()

    def _close(self, head: list[Token]) -> None:
        """A statement that had no rows: the columns of a table, or rows that are not written down in it."""
        table, at = _table_of(head, self.found)
        if table and _says(head[0]) == "CREATE":
            self._columns[table] = _columns(head[at:])
        elif table:
            raise Refused("import-sql")

    def _rows_of(self, head: list[Token]) -> None:
        """What follows are the rows of this table."""
        table, at = _table_of(head, self.found)
        named = [value.lower() for kind, value in head[at:-1] if kind in ("name", "word")]
        self._over = not table
        self._table, self._names = table, named or self._columns.get(table, [])

    def _row(self, token: Token) -> None:
        """A piece of the rows."""
        kind, value = token
        if kind == "sign" and value in "()":
            self._depth += 1 if value == "(" else -1
            if self._depth not in (0, 1):
                raise Refused("import-sql")
            if self._depth:
                self._values = []
            else:
                self._add()
        elif self._depth and kind != "sign" and self._values is not None:
            _put(self._values, token)
        elif not self._depth and _says(token) == "ON":  # DUPLICATE KEY UPDATE
            self._over = True

    def _add(self) -> None:
        """One row; more values than columns, or fewer, is no row of this table."""
        self._count += 1
        if self._values is None or len(self._values) != len(self._names):
            raise Refused("import-sql")
        if self._count > MOST_ROWS:
            raise Refused("import-many")
        self.found[self._table].append(dict(zip(self._names, self._values, strict=True)))


def _table_of(head: list[Token], wanted: Collection[str]) -> tuple[str, int]:
    """The name of a statement's table, without its database, and where it ends; nothing when it is not wanted."""
    at = 1
    while at < len(head) - 1 and _says(head[at]) in _BEFORE:
        at += 1
    if at >= len(head):
        return "", at
    name, at = head[at][1], at + 1
    if at < len(head) and head[at][0] == "word" and head[at][1].startswith("."):
        name, at = head[at][1][1:], at + 1
        if not name and at < len(head):
            name, at = head[at][1], at + 1
    name = name.rpartition(".")[2].lower()
    return (name if name in wanted else ""), at


def _columns(found: list[Token]) -> list[str]:
    """The columns of a table in their order, for rows that do not name them."""
    columns, depth, first = list[str](), 0, False
    for token in found:
        kind, value = token
        if kind == "sign":
            depth += {"(": 1, ")": -1}.get(value, 0)
            first = depth == 1 and value in "(,"
            continue
        if first and _says(token) not in _NO_COLUMN:
            columns.append(value.lower())
        first = False
    return columns


def _put(values: list[str | None], token: Token) -> None:
    """A value; ``_binary'x'`` and the like are the string behind the word."""
    kind, value = token
    if kind == "text":
        if values and values[-1] == _MARKED:
            values[-1] = value
        else:
            values.append(value)
    elif _says(token) == "NULL":
        values.append(None)
    elif value.startswith("_") or value in ("N", "n", "x", "X", "b", "B"):
        values.append(_MARKED)
    else:
        values.append(value if _NUMBER.fullmatch(value) else "")
