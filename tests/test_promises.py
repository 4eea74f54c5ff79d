"""docs/promises.md: each promise is there once, and each test that shows it exists and runs with all others."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest

HOME = Path(__file__).parent.parent
TABLE = HOME / "docs" / "promises.md"
# How many promises each part has: keeping and deleting, rights of people, who else gets data, cookies, security.
PARTS = {"R": 10, "P": 13, "S": 12, "C": 5, "X": 14}
NUMBERS = [f"{part}{n}" for part, most in PARTS.items() for n in range(1, most + 1)]
ROW = re.compile(r"^\| ([A-Z]\d+) \| (.*) \|$")
NAMED = re.compile(r"`(tests/[^`]+)`")
# Promises that nothing shows yet, and what has to come first.
OPEN: dict[str, str] = {}  # number: why nothing shows it yet


def rows_of(text: str) -> list[tuple[str, list[str]]]:
    """Number, promise, what is done, and by what it is shown; one list of cells for each row of the table."""
    found = (ROW.match(line) for line in text.splitlines())
    return [(row[1], row[2].split(" | ")) for row in found if row]


def shown_by(text: str) -> dict[str, list[str]]:
    """The tests that each promise names."""
    return {number: NAMED.findall(cells[-1]) for number, cells in rows_of(text)}


def miscounted(text: str) -> list[str]:
    """Promises that are not there just once, and rows that promise something else."""
    found = [number for number, _ in rows_of(text)]
    once = [number for number in NUMBERS if found.count(number) != 1]
    return once + [number for number in found if number not in NUMBERS]


def unshown(shown: Mapping[str, list[str]], waiting: Mapping[str, str]) -> list[str]:
    """Promises without a test that nobody owes, and owed ones that have a test by now."""
    return [number for number, tests in shown.items() if bool(tests) == (number in waiting)]


# --- whether a test is there and runs ---


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def _named(path: Path) -> Iterator[tuple[str, list[ast.expr]]]:
    """Each test of a file with its marks; a machine of random histories is a class that is made from it."""
    for node in _tree(path).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, node.decorator_list
        elif isinstance(node, ast.Assign) and ast.unparse(node.value).endswith(".TestCase"):
            yield f"{ast.unparse(node.targets[0])}::runTest", []


def _of_the_file(path: Path) -> str:
    """The marks of all tests of a file."""
    return " ".join(
        ast.unparse(node.value)
        for node in _tree(path).body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "pytestmark"
    )


def _left_out(marks: str) -> bool:
    return bool(re.search(r"mark\.(?:skip|skipif|slow|xfail)\b|\bSWEEP\b", marks))


def _whole(decorator: ast.expr) -> str:
    """A mark as text; of its parameters only when all of them are left out."""
    if isinstance(decorator, ast.Call) and ast.unparse(decorator.func).endswith("parametrize"):
        values = decorator.args[1] if len(decorator.args) > 1 else None
        each = [ast.unparse(one) for one in values.elts] if isinstance(values, ast.List | ast.Tuple) else []
        return "pytest.mark.slow" if each and all(_left_out(one) for one in each) else ""
    return ast.unparse(decorator)


def fault_of(name: str, home: Path = HOME) -> str:
    """Why this is no test that `make test` runs; nothing, if it is one."""
    file, _, test = name.partition("::")
    path = home / file
    if not path.name.startswith("test_") or not path.is_file():
        return f"{name}: no such file"
    marks = [marks for found, marks in _named(path) if found == test]
    if len(marks) != 1 or not test.lower().startswith("test"):
        return f"{name}: no such test"
    if any(_left_out(_whole(each)) for each in marks[0]) or _left_out(_of_the_file(path)):
        return f"{name}: not in every run"
    return ""


def faults(shown: Mapping[str, list[str]]) -> list[str]:
    return [fault for tests in shown.values() for each in tests if (fault := fault_of(each))]


# --- the table as it stands ---


def test_each_promise_is_there_once() -> None:
    assert miscounted(TABLE.read_text()) == []


def test_each_row_has_a_promise_what_is_done_and_by_what_it_is_shown() -> None:
    wrong = [
        number for number, cells in rows_of(TABLE.read_text()) if len(cells) != 3 or not all(map(str.strip, cells))
    ]
    assert wrong == []


def test_each_named_test_exists_and_runs() -> None:
    assert faults(shown_by(TABLE.read_text())) == []


def test_what_is_owed_has_no_test_and_all_else_has_one() -> None:
    shown = shown_by(TABLE.read_text())
    assert unshown(shown, OPEN) == []
    assert set(OPEN) <= set(NUMBERS)
    assert all(OPEN.values())
    owed = {number for number, cells in rows_of(TABLE.read_text()) if cells[-1].strip() == "open"}
    assert owed == set(OPEN)


# --- what would be wrong is found ---


def test_a_promise_that_is_missing_doubled_or_strange_is_found() -> None:
    text = TABLE.read_text()
    lines = text.splitlines()
    first = next(line for line in lines if line.startswith("| R1 |"))
    assert miscounted(text.replace(f"{first}\n", "")) == ["R1"]
    assert miscounted(f"{text}\n{first}\n") == ["R1"]
    assert miscounted(f"{text}\n{first.replace('| R1 |', '| R11 |')}\n") == ["R11"]


def test_a_test_that_is_not_there_is_found() -> None:
    here = "tests/test_promises.py"
    assert fault_of(f"{here}::test_each_promise_is_there_once") == ""
    assert "no such test" in fault_of(f"{here}::test_of_another_name")
    assert "no such test" in fault_of(f"{here}::rows_of"), "a function is no test"
    assert "no such test" in fault_of(here), "a whole file says nothing"
    assert "no such file" in fault_of("tests/test_nowhere.py::test_each_promise_is_there_once")
    assert "no such file" in fault_of("tests/support.py::seed"), "pytest looks into test files alone"


@pytest.mark.parametrize(
    "marks",
    [
        "@pytest.mark.skip",
        "@pytest.mark.slow",
        "@pytest.mark.skipif(os.environ.get('BANDO_SWEEP') != '1', reason='long')",
        "@SWEEP",
        "@pytest.mark.parametrize('n', [pytest.param(1, marks=pytest.mark.slow)])",
    ],
)
def test_a_test_that_is_left_out_is_found(tmp_path: Path, marks: str) -> None:
    (tmp_path / "tests").mkdir()
    path = tmp_path / "tests" / "test_some.py"
    path.write_text(f"{marks}\ndef test_it() -> None: ...\n")
    assert "not in every run" in fault_of("tests/test_some.py::test_it", tmp_path)


def test_a_file_that_is_left_out_is_found_and_one_slow_parameter_is_no_matter(tmp_path: Path) -> None:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_whole.py").write_text("pytestmark = pytest.mark.slow\ndef test_it(): ...\n")
    marks = "@pytest.mark.parametrize('n', [1, pytest.param(2, marks=pytest.mark.slow)])"
    (tmp_path / "tests" / "test_part.py").write_text(f"{marks}\ndef test_it(n): ...\n")
    assert "not in every run" in fault_of("tests/test_whole.py::test_it", tmp_path)
    assert fault_of("tests/test_part.py::test_it", tmp_path) == ""


def test_an_open_promise_with_a_test_and_a_kept_one_without_are_found() -> None:
    assert unshown({"R1": [], "R2": ["tests/a.py::test_b"]}, {"R2": "later"}) == ["R1", "R2"]
    assert unshown({"R1": ["tests/a.py::test_b"], "R2": []}, {"R2": "later"}) == []
