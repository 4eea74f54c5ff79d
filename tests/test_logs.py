"""Lines of the access log are gathered, and written whole."""

from __future__ import annotations

import asyncio
import json

import pytest

from portal.logs import GATHER_S, AccessLog


async def test_lines_are_written_together_a_moment_later(capsys: pytest.CaptureFixture[str]) -> None:
    log = AccessLog()
    log("GET", "/w/{token}/", 200, 0.0123)
    log('"\n', "-", 404, 0.1)
    assert capsys.readouterr().err == ""

    await asyncio.sleep(2 * GATHER_S)

    found = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [(each["method"], each["status"], each["ms"]) for each in found] == [("GET", 200, 12.3), ('"\n', 404, 100.0)]
    assert all(each["level"] == "info" and each["timestamp"].endswith("Z") for each in found)


async def test_what_waits_is_written_at_the_end_and_once(capsys: pytest.CaptureFixture[str]) -> None:
    log = AccessLog()
    log("GET", "/w/{token}/", 200, 0.0123)

    log.write()
    await asyncio.sleep(2 * GATHER_S)

    assert capsys.readouterr().err.count("request") == 1
