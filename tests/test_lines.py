"""Lines for staff: one line for one matter, opened again when a standing trouble comes back, and documented."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from portal.mikrotik.errands import _FOR_STAFF
from portal.payments import channels, payment, settle
from portal.processors import service as processors
from portal.tenancy import reminders, store
from portal.vouchers.guesses import limits
from tests.support import seed

MANUAL = (Path(__file__).parent.parent / "docs" / "operating.md").read_text()
KINDS = sorted(
    {
        *settle.LINES,
        *(f"mpesa-{each.reason}" for each in payment.RESULTS.values() if each.alert),
        *(answer.name.lower().replace("_", "-") for answer in _FOR_STAFF),
        *("foreign-user", "mass-removal", limits.KIND, reminders.KIND, reminders.ERASED, processors.LINE),
    }
)


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_line_is_explained_to_staff(kind: str) -> None:
    assert re.search(rf"^\| `{kind}` \|", MANUAL, re.MULTILINE)


def test_no_line_is_explained_that_does_not_exist() -> None:
    part = MANUAL.split("## Lines for staff", 1)[1].split("\n## ", 1)[0]

    assert sorted(re.findall(r"^\| `([a-z-]+)` \|", part, re.MULTILINE)) == KINDS


async def test_the_same_matter_makes_one_line(tmp_path: Path) -> None:
    home = await seed(tmp_path)
    for n in range(3):
        await home.write(store.open_exception, "unmatched-money", "receipt:A1", f"seen {n}", n)
    found = await home.read(store.exceptions)
    await home.db.aclose()

    assert [(row["detail"], row["opened_at"]) for row in found] == [("seen 0", 0)]


@pytest.mark.parametrize(("say", "opened_again"), [(store.say_again, True), (store.open_exception, False)])
async def test_a_closed_line_is_opened_again_when_the_matter_can_come_back(
    tmp_path: Path, say: Any, opened_again: bool
) -> None:
    home = await seed(tmp_path)
    await home.write(say, "kind", "subject", "first", 1)
    (line,) = await home.read(store.exceptions)
    closed = await home.write(store.close_exception, line["id"], 2)
    twice = await home.write(store.close_exception, line["id"], 2)
    await home.write(say, "kind", "subject", "second", 3)
    found = [(row["detail"], row["opened_at"]) for row in await home.read(store.exceptions)]
    await home.db.aclose()

    assert (closed, twice) == (True, False)
    assert found == ([("second", 3)] if opened_again else [])


async def test_an_account_that_m_pesa_refuses_again_is_told_again(tmp_path: Path) -> None:
    home = await seed(tmp_path)
    account: Any = SimpleNamespace(provider="mpesa", pay_number="174379", public="ab12")
    for n in (1, 2):
        await home.write(channels.alert, account, "config", f"time {n}.", n)
        for line in await home.read(store.exceptions):
            await home.write(store.close_exception, line["id"], n)
    await home.write(channels.alert, account, "config", "time 3.", 3)
    (line,) = await home.read(store.exceptions)
    await home.db.aclose()

    assert line["detail"].endswith("time 3.")
