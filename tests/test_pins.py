"""What Bando is made of is pinned: every part with its version and its hash, and nothing else is installed."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
import zipfile
from importlib import metadata
from pathlib import Path

import pytest

HOME = Path(__file__).parent.parent
LOCK = (HOME / "requirements.lock").read_text()
PART = re.compile(r"^([A-Za-z0-9._-]+)==(\S+) \\\n((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)", re.MULTILINE)
# What makes the environment, Bando itself, and what `make lock` brings.
BESIDE = {"pip", "bando", "pip-tools", "build", "pyproject-hooks", "wheel"}


def plain(name: str) -> str:
    """A name in one spelling."""
    return re.sub(r"[-_.]+", "-", name).lower()


def pinned(lock: str) -> dict[str, str]:
    """Each part with its version, if it has a hash."""
    return {plain(name): version for name, version, _ in PART.findall(lock)}


def loose(lock: str) -> list[str]:
    """Lines that name a part without saying which, or without its hash."""
    named = [line for line in lock.splitlines() if line and not line.startswith((" ", "#"))]
    return [line for line in named if plain(re.split(r"[=<>~! \[@]", line)[0]) not in pinned(lock)]


def test_each_part_has_its_version_and_its_hashes() -> None:
    assert loose(LOCK) == []
    assert len(pinned(LOCK)) > 40


def test_what_is_installed_is_what_is_pinned() -> None:
    found = {plain(each.metadata["Name"]): each.version for each in metadata.distributions()}
    wanted = pinned(LOCK)
    assert {name: version for name, version in found.items() if name in wanted or name not in BESIDE} == wanted


def test_every_way_to_install_asks_for_the_hashes() -> None:
    for name in ("Makefile", "docs/operating.md"):
        installs = [line for line in (HOME / name).read_text().splitlines() if "requirements.lock" in line]
        wanted = [line for line in installs if "pip install" in line]
        assert wanted, name
        assert all("--require-hashes" in line for line in wanted), name
    assert "make test" in (HOME / ".ci" / "run").read_text()
    assert "requirements.lock" in (HOME / "Makefile").read_text().partition("$(VENV)/ready:")[2].splitlines()[0]


@pytest.mark.parametrize(
    "line", ["evil==1.0", "evil>=1.0 \\\n    --hash=sha256:" + "0" * 64, "evil @ https://evil.test/evil.whl", "evil"]
)
def test_a_part_that_is_not_pinned_would_be_noticed(line: str) -> None:
    assert loose(f"{LOCK}{line}\n") == [line.splitlines()[0]]


def a_wheel(folder: Path) -> Path:
    """The smallest that can be installed."""
    path = folder / "sample-1.0-py3-none-any.whl"
    info = "sample-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: sample\nVersion: 1.0\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
    return path


@pytest.mark.parametrize("changed", [False, True])
def test_a_part_that_was_changed_on_the_way_is_not_installed(tmp_path: Path, changed: bool) -> None:
    wheel = a_wheel(tmp_path)
    right = hashlib.sha256(wheel.read_bytes()).hexdigest()
    lock = tmp_path / "lock"
    lock.write_text(f"sample==1.0 --hash=sha256:{right[::-1] if changed else right}\n")
    pip = [sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-deps", "--no-index"]
    where = ["--find-links", str(tmp_path), "--target", str(tmp_path / "there"), "--require-hashes", "-r", str(lock)]
    done = subprocess.run([*pip, *where], capture_output=True, text=True, timeout=120, check=False)

    assert (done.returncode == 0) == (not changed), done.stderr
    assert (tmp_path / "there").exists() == (not changed)
    assert ("DO NOT MATCH THE HASHES" in done.stderr) == changed
