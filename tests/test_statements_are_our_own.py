"""No text from outside can get into a statement: it is put together from our own texts, known columns and marks.

That is why the linter's warning about statements in f-strings is off for stores (pyproject.toml).
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from portal.sql import any_of, changes, listed, marks
from tests.own_texts import Texts

PORTAL = Path(__file__).parent.parent / "portal"
STORES = sorted(
    [*PORTAL.rglob("store.py"), PORTAL / "units.py", PORTAL / "privacy/retention/rules.py", PORTAL / "privacy/whose.py"]
)

# What the analysis cannot follow, and why it is ours all the same.
REASONS = {
    ("backup/store.py", "counts"): "the names of the database's own tables, which its schema gave them",
    ("vouchers/guesses/store.py", "_nths"): "its buckets and numbers are the constants of vouchers/guesses/limits.py",
    ("changeover/store.py", "the file itself"): "the names of columns, as the schema has them",
    (
        "radius/metering/store.py",
        "_looked_up",
    ): "columns that stand in the file itself, those of a pass, and whose names they are",
    ("units.py", "_insert"): "the table's name is looked up in the schema by `listed`, which knows no other",
    ("units.py", "update"): "the same, by `changes`",
}


@pytest.mark.parametrize("path", STORES, ids=lambda path: path.relative_to(PORTAL).as_posix())
def test_a_statement_takes_in_nothing_from_outside(path: Path) -> None:
    name = path.relative_to(PORTAL).as_posix()
    found = list(Texts(ast.parse(path.read_text())).foreign())
    assert [each for each in found if (name, each[0]) not in REASONS] == []


def test_each_reason_is_still_needed() -> None:
    found = {
        (path.relative_to(PORTAL).as_posix(), function)
        for path in STORES
        for function, _ in Texts(ast.parse(path.read_text())).foreign()
    }
    assert set(REASONS) <= found


ROWS = 'return rows(f"SELECT * FROM plans WHERE '
BAD = (
    'def find(word):\n    return rows(f"SELECT * FROM plans WHERE name = {word}")',
    'def find(word):\n    text = "SELECT * FROM plans WHERE name = " + word\n    return rows(text)',
    'def find(want):\n    which = want.text\n    return rows(f"SELECT * FROM plans WHERE {which}")',
    'def find(names):\n    each = ", ".join(f"{name}" for name in names)\n    ' + ROWS + '{each}")',
    'def _find(word):\n    return rows(f"SELECT * FROM plans WHERE {word}")\ndef find(word):\n    return _find(word)',
    "def find(row):\n    return rows(f\"SELECT * FROM plans WHERE id = {row['id']}\")",
    'def find(word):\n    part = "a"\n    part += word\n    return rows(f"SELECT * FROM plans WHERE {part}")',
)


@pytest.mark.parametrize("text", BAD)
def test_what_comes_from_outside_would_be_noticed(text: str) -> None:
    assert list(Texts(ast.parse(text)).foreign())


GOOD = (
    "def find(ids):\n    marks, bound = any_of(ids)\n    " + ROWS + 'id IN ({marks})", **bound)',
    'def _find(word):\n    return rows(f"SELECT * FROM plans WHERE {word}")\ndef find():\n    return _find("id = 1")',
    'BY = {"a": "name"}\ndef find(order):\n    return rows(f"SELECT * FROM plans WHERE 1 ORDER BY {BY[order]}")',
    'def find(own):\n    which = " AND own" if own else ""\n    return rows(f"SELECT * FROM plans WHERE 1{which}")',
)


@pytest.mark.parametrize("text", GOOD)
def test_what_is_ours_is_let_through(text: str) -> None:
    assert list(Texts(ast.parse(text)).foreign()) == []


@pytest.mark.parametrize("name", ["name) VALUES (1); --", "NAME", "nothing", "name, id", ""])
def test_a_name_that_is_no_column_is_refused(name: str) -> None:
    for make in (listed, changes):
        with pytest.raises(KeyError):
            make("plans", [name])


def test_columns_and_marks() -> None:
    assert listed("plans", ["name", "price_minor"]) == "name, price_minor"
    assert changes("plans", ["name"]) == "name = :name"
    assert marks(["name", "price_minor"]) == ":name, :price_minor"
    assert any_of([7, 9]) == (":v0, :v1", {"v0": 7, "v1": 9})
    assert any_of([]) == ("NULL", {})
