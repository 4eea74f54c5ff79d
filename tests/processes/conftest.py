"""What every test of processes may ask for."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.processes.stage import Launcher


@pytest.fixture(scope="module")
def launcher() -> Iterator[Launcher]:
    made = Launcher()
    yield made
    made.close()
