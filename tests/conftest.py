"""What every room's tests may ask for."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.phone import CHROMIUM
from tests.forks import Forks


@pytest.fixture(scope="session")
def chromium_path() -> str:
    """A Chromium to run; without one the test is skipped, or fails if BANDO_REQUIRE_BROWSER=1."""
    if not Path(CHROMIUM).exists():
        missing = f"no Chromium at {CHROMIUM} (set BANDO_CHROMIUM, or install the package chromium)"
        if os.environ.get("BANDO_REQUIRE_BROWSER") == "1":
            pytest.fail(missing)
        pytest.skip(missing)
    return CHROMIUM


@pytest.fixture(scope="module")
def forks() -> Iterator[Forks]:
    made = Forks()
    yield made
    made.close()
