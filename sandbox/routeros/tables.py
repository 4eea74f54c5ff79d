"""Menus as tables: rows of text under ids, with the router's own forms, defaults and refusals.

A row is a dict of text with its ".id". What changes by itself (uptime, counters) is no part of the row:
`live` adds it when the row is looked at. `before` may refuse or amend a change, `after` hears of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Literal

from sandbox.routeros.columns import Column, Tables, Trap, read_columns

Props = dict[str, str]
Change = Literal["add", "set", "remove"]


class Row(dict[str, str]):
    """One row; `state` is what the hotspot remembers about it beyond the text."""

    __slots__ = ("state",)
    state: object


Before = Callable[[Change, Row | None, Props], None]
After = Callable[[Change, Row], None]


class Table:
    """One menu with rows."""

    def __init__(
        self,
        path: str,
        columns: str,
        tables: Tables,
        *,
        unique: tuple[str, ...] = (),
        duplicate: str = "failure: already have such entry",
        indexed: tuple[str, ...] = (),
        fixed: bool = False,
        first_id: int = 1,
    ) -> None:
        self.path = path
        self.columns: dict[str, Column] = read_columns(columns)
        self.tables = tables
        self.rows: dict[str, Row] = {}
        self.fixed = fixed  # rows may be set, not added or removed
        self.before: list[Before] = []
        self.after: list[After] = []
        self.live: Callable[[Row], Mapping[str, str]] | None = None
        self.show_defaults: Callable[[], bool] = lambda: False
        self._unique, self._duplicate = unique, duplicate
        self._next = first_id
        names = indexed or tuple(name for name in ("name",) if name in self.columns)
        self._index: dict[str, dict[str, dict[str, Row]]] = {name: {} for name in names}
        self._settable = {name for name, column in self.columns.items() if not column.read_only}

    # -- the programmatic interface ------------------------------------------------------------

    def add(self, props: Mapping[str, str], *, state: object = None, dynamic: bool = False) -> str:
        """A new row; its id. `dynamic`: made by the router itself, so read-only properties may be given."""
        given = dict(props)
        place = given.pop("place-before", None)
        if not dynamic:
            self._refuse_fixed()
            given = self._clean(given)
            for column in self.columns.values():
                if column.required and column.name not in given:
                    raise Trap(f"missing value(s) of argument(s) {column.name}", 1)
        row = Row({".id": ""})
        row.state = state
        row.update({n: c.default for n, c in self.columns.items() if c.default is not None})
        row.update(given)
        if "name" in self.columns and "name" not in row:
            row["name"] = self._spare_name()
        for check in () if dynamic else self.before:
            check("add", None, row)
        self._refuse_duplicate(row)
        row[".id"] = self._new_id()
        self._insert(row, place)
        self._tell("add", row)
        return row[".id"]

    def set(self, ident: str, props: Mapping[str, str]) -> None:
        """Change properties of one row."""
        row = self.row(ident)
        given = self._clean(dict(props))
        for check in self.before:
            check("set", row, given)
        self._refuse_duplicate({**row, **given}, besides=row)
        self.put(row, given)

    def put(self, row: Row, given: Mapping[str, str]) -> None:
        """Write clean values into a row without asking anyone."""
        self._unlist(row)
        row.update(given)
        self._list(row)
        self._tell("set", row)

    def unset(self, ident: str, name: str) -> None:
        """Back to the default, or to nothing."""
        if name not in self._settable:
            raise Trap("unknown parameter")
        row = self.row(ident)
        self._unlist(row)
        default = self.columns[name].default
        if default is None:
            row.pop(name, None)
        else:
            row[name] = default
        self._list(row)
        self._tell("set", row)

    def remove(self, ident: str, *, dynamic: bool = False) -> None:
        row = self.row(ident)
        if not dynamic:
            self._refuse_fixed()
            for check in self.before:
                check("remove", row, {})
        del self.rows[row[".id"]]
        self._unlist(row)
        self._tell("remove", row)

    def find(self, **props: str) -> list[Row]:
        """Rows with these values; `mac_address=` means `mac-address`."""
        return self.match({name.replace("_", "-"): value for name, value in props.items()})

    def match(self, wanted: Mapping[str, str]) -> list[Row]:
        rows = self.candidates(wanted)
        return [row for row in rows if all(row.get(name) == value for name, value in wanted.items())]

    def candidates(self, wanted: Mapping[str, str]) -> list[Row]:
        """Rows that may have these values: by id or an index if there is one, else all."""
        if ".id" in wanted:
            return [self.rows[wanted[".id"]]] if wanted[".id"] in self.rows else []
        for name, value in wanted.items():
            if name in self._index:
                return list(self._index[name].get(value, {}).values())
        return list(self.rows.values())

    def row(self, ident: str) -> Row:
        """By id or name."""
        if ident in self.rows:
            return self.rows[ident]
        named = self._index.get("name", {}).get(ident)
        if not named:
            raise Trap("no such item", 0)
        return next(iter(named.values()))

    def view(self, row: Row, *, secrets: bool = True) -> Props:
        """The row as print shows it."""
        shown = dict(row)
        if self.live:
            shown.update(self.live(row))
        everything = self.show_defaults()
        for name, column in self.columns.items():
            if column.quiet and not everything and shown.get(name) == column.default:
                del shown[name]
            elif column.hidden or (column.secret and not secrets):
                shown.pop(name, None)
        return shown

    def move(self, idents: Iterable[str], before: str | None) -> None:
        rows = [self.row(ident) for ident in idents]
        for row in rows:
            del self.rows[row[".id"]]
            self._place(row, before)

    def renumber(self, first_id: int) -> None:
        """New ids for all rows, as a reboot may give."""
        rows, self._next = list(self.rows.values()), first_id
        self.rows = {}
        for row in rows:
            self._unlist(row)
            row[".id"] = self._new_id()
            self.rows[row[".id"]] = row
            self._list(row)

    def forget_column(self, name: str) -> None:
        """This version of the router does not know the property."""
        del self.columns[name]
        self._settable.discard(name)

    def clear(self) -> None:
        for ident in list(self.rows):
            self.remove(ident, dynamic=True)

    # -- inside --------------------------------------------------------------------------------

    def _clean(self, given: Props) -> Props:
        for name in given:
            if name not in self._settable:
                raise Trap(f"unknown parameter {name}")
        return {name: self.columns[name].clean(self.tables, name, text) for name, text in given.items()}

    def _refuse_fixed(self) -> None:
        if self.fixed:
            raise Trap("no such command")

    def _refuse_duplicate(self, row: Mapping[str, str], besides: Row | None = None) -> None:
        if not self._unique:
            return
        wanted = {name: row.get(name, "") for name in self._unique}
        if any(found is not besides for found in self.match(wanted)):
            raise Trap(self._duplicate.format(**{name.replace("-", "_"): row.get(name, "") for name in row}))

    def _spare_name(self) -> str:
        stem = self.path.rsplit("/", 1)[1]
        return next(name for n in range(1, 1_000_000) if not self.match({"name": (name := f"{stem}{n}")}))

    def _new_id(self) -> str:
        self._next += 1
        return f"*{self._next - 1:X}"

    def _insert(self, row: Row, place: str | None) -> None:
        self._place(row, place)
        self._list(row)

    def _place(self, row: Row, before: str | None) -> None:
        if before is None:
            self.rows[row[".id"]] = row
            return
        target = self.row(before)[".id"]
        rows = list(self.rows.items())
        at = next(i for i, (ident, _) in enumerate(rows) if ident == target)
        self.rows = dict([*rows[:at], (row[".id"], row), *rows[at:]])

    def _list(self, row: Row) -> None:
        for name, index in self._index.items():
            if name in row:
                index.setdefault(row[name], {})[row[".id"]] = row

    def _unlist(self, row: Row) -> None:
        for name, index in self._index.items():
            if (rows := index.get(row.get(name, ""))) is not None:
                rows.pop(row[".id"], None)
                if not rows:
                    del index[row[name]]

    def _tell(self, change: Change, row: Row) -> None:
        for hear in self.after:
            hear(change, row)


class Settings(Table):
    """A menu that is one set of values: `print` and `set`, no ids."""

    def __init__(self, path: str, columns: str, tables: Tables) -> None:
        super().__init__(path, columns, tables)
        self.only = Row({n: c.default for n, c in self.columns.items() if c.default is not None})
        self.only.state = None
        self.rows = {"": self.only}

    def row(self, ident: str) -> Row:
        return self.only

    def add(self, props: Mapping[str, str], *, state: object = None, dynamic: bool = False) -> str:
        raise Trap("no such command")

    def remove(self, ident: str, *, dynamic: bool = False) -> None:
        raise Trap("no such command")

    def renumber(self, first_id: int) -> None:
        """There are no ids."""

    def forget_column(self, name: str) -> None:
        super().forget_column(name)
        self.only.pop(name, None)

    def clear(self) -> None:
        """There are no rows to remove."""

    def _list(self, row: Row) -> None:
        """One row needs no index."""

    def _unlist(self, row: Row) -> None:
        """One row needs no index."""
