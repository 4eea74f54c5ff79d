"""`bando tenant off/on/close` and `bando staff add --platform`: the same as on the pages, from the machine itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.forks import Forks
from tests.shell import Shell
from tests.support import fresh_file


@pytest.fixture
async def shell(tmp_path: Path, forks: Forks) -> Shell:
    fresh_file(tmp_path)
    made = Shell(folder=tmp_path, forks=forks)
    await made.well("tenant", "add", "Kilimani Wi-Fi")
    return made


async def test_an_isp_is_switched_off_and_on_with_a_reason_in_its_log(shell: Shell) -> None:
    assert "switched off" in await shell.well("tenant", "off", "--reason", "has not paid")
    assert "off" in await shell.well("tenant", "list")
    assert "switched on" in await shell.well("tenant", "on", "--reason", "has paid")
    listed = await shell.well("audit", "list")
    assert "has not paid" in listed or "tenant.off" in listed
    assert "as they were written" in await shell.well("audit", "verify")


async def test_what_is_closed_is_not_merely_switched_off_and_the_refusal_is_a_sentence(shell: Shell) -> None:
    assert "add --yes" in (await shell("tenant", "close", "--reason", "gone")).sentence
    await shell.well("tenant", "close", "--reason", "gone", "--yes")
    assert "closed" in (await shell("tenant", "off", "--reason", "x")).sentence
    assert "closed" in await shell.well("tenant", "list")
    await shell.well("tenant", "on", "--reason", "back")


async def test_nothing_is_switched_without_a_reason(shell: Shell) -> None:
    for reason in ("", "   ", "x" * 301, "two\nlines"):
        assert "reason" in (await shell("tenant", "off", "--reason", reason)).sentence
    assert " on" in await shell.well("tenant", "list")


async def test_the_platform_gets_its_first_person_and_is_no_isp(shell: Shell) -> None:
    assert "72 hours" in await shell.well("staff", "add", "a@platform.test", "Amina", "--platform")
    await shell.well("staff", "add", "b@platform.test", "Baraka", "--platform")
    assert "latform" not in await shell.well("tenant", "list")
    assert "--role" in (await shell("staff", "add", "c@x.test", "C")).sentence
    assert "--role" in (await shell("staff", "add", "c@x.test", "C", "--platform", "--role", "owner")).sentence
    assert (await shell("staff", "add", "c@x.test", "C", "--role", "platform")).code != 0
    assert "as they were written" in await shell.well("audit", "verify")


async def test_each_refusal_has_its_own_sentence(shell: Shell) -> None:
    assert "is so already" in (await shell("tenant", "on", "--reason", "x")).sentence
    await shell.well("tenant", "off", "--reason", "x")
    assert "is so already" in (await shell("tenant", "off", "--reason", "x")).sentence
    await shell.well("tenant", "close", "--reason", "x", "--yes")
    assert "is closed already" in (await shell("tenant", "close", "--reason", "x", "--yes")).sentence


async def test_only_what_is_closed_is_erased_and_once(shell: Shell) -> None:
    assert "add --yes" in (await shell("tenant", "erase", "--reason", "x")).sentence
    assert "is not closed" in (await shell("tenant", "erase", "--reason", "x", "--yes")).sentence
    await shell.well("tenant", "close", "--reason", "x", "--yes")
    await shell.well("retention", "hold", "session", "--reason", "Order 12")
    assert "no hold stands" in (await shell("tenant", "erase", "--reason", "asked for it", "--yes")).sentence
    await shell.well("retention", "lift", "1")
    assert "its books stay" in await shell.well("tenant", "erase", "--reason", "asked for it", "--yes")
    assert "erased" in await shell.well("tenant", "list")
    assert "are erased" in (await shell("tenant", "erase", "--reason", "x", "--yes")).sentence
    assert "are erased" in (await shell("tenant", "on", "--reason", "x")).sentence
    assert "as they were written" in await shell.well("audit", "verify")
