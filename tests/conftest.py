"""What every room's tests may ask for."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import certifi
import pytest
from playwright.async_api import Browser, async_playwright

from sandbox.phone import CHROMIUM, WHOLE
from tests import postgres
from tests.forks import Forks
from tests.support import on_postgres

HERE = Path(__file__).parent
# Tests talk to this machine alone: no public authority is trusted. Reading all of them takes 50 ms for each client.
certifi.where = lambda: str(HERE / "no_authority.pem")


# Files whose tests take longest. They begin first: several processes share the files, and one that is left with a long
# file at the end has the others wait for it.
LONGEST = (
    "console/jobs/test_every_page",
    "console/jobs/test_others",
    "console/jobs/test_office",
    "console/jobs/test_house",
    "console/jobs/test_keyboard",
    "flows/test_voucher_road",
    "console/jobs/test_counter",
    "console/jobs/test_guests",
    "keys/test_rotation_under_load",
    "crash/test_sweep",
    "crash/test_redeem_sweep",
    "vouchers/test_guessing_attack",
    "vouchers/test_once",
    "flows/test_first_hour",
    "vouchers/test_print_commands",
    "console/test_export",
    "console/test_routers_browser",
    "pages/test_browser",
    "flows/test_road",
    "crash/",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first; the order within a file stays. What is SQLite's alone is skipped on PostgreSQL."""
    if on_postgres():
        for item in items:
            for mark in item.iter_markers("sqlite_only"):
                item.add_marker(pytest.mark.skip(reason=f"SQLite only: {mark.kwargs['reason']}"))
    items.sort(key=lambda item: _place(item.path.relative_to(HERE).as_posix()))


def _place(path: str) -> int:
    return next((at for at, each in enumerate(LONGEST) if path.startswith(each)), len(LONGEST))


@pytest.fixture(autouse=True)
def databases() -> Iterator[None]:
    """What a test has made in a PostgreSQL server goes with it."""
    with postgres.gone_afterwards():
        yield


@pytest.fixture(scope="session")
def chromium_path() -> str:
    """A Chromium to run; without one, whoever has none can run the other tests.

    These are skipped then, and pytest's last line counts them; with BANDO_REQUIRE_BROWSER=1 (continuous integration)
    they fail.
    """
    if not (Path(CHROMIUM).exists() and Path(WHOLE).exists()):
        missing = f"no Chromium at {WHOLE} (set BANDO_CHROMIUM, or install the package chromium)"
        if os.environ.get("BANDO_REQUIRE_BROWSER") == "1":
            pytest.fail(missing)
        pytest.skip(missing)
    return CHROMIUM


@pytest.fixture
async def browser(chromium_path: str) -> AsyncIterator[Browser]:
    async with async_playwright() as p:
        made = await p.chromium.launch(executable_path=chromium_path, args=["--no-sandbox"])
        yield made
        await made.close()


@pytest.fixture(scope="module")
def forks() -> Iterator[Forks]:
    made = Forks()
    yield made
    made.close()
