"""Routers that call, on the command line, and what the doctor says of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from portal.calls.beat import Beat
from portal.calls.standing import findings
from portal.clock import MINUTE
from portal.tenancy.store import Router
from tests.console.office import AUTHORITY
from tests.forks import Forks
from tests.shell import Shell
from tests.support import fresh_file

NOW = 1_800_000_000_000


@pytest.fixture
async def shell(tmp_path: Path, forks: Forks) -> Shell:
    fresh_file(tmp_path)
    made = Shell(folder=tmp_path, forks=forks)
    made.environ["BANDO_MODE"] = "sandbox"
    made.environ["BANDO_PUBLIC_URL"] = "https://portal.example.co.ke"
    made.environ["BANDO_ROUTER_AUTHORITY"] = AUTHORITY
    await made.well("tenant", "add", "Kilimani Wi-Fi", "--support-phone", "0700 000 000")
    await made.well("router", "add", "Mall", "--host", "10.9.0.2", "--tunnel")
    return made


async def test_a_router_is_let_call_and_its_keys_are_renewed_and_taken_back(shell: Shell) -> None:
    script = ("router", "script", "Mall", "--interface", "ether2", "--management", "10.9.0.1")
    assert "may not call" in await shell.well("router", "calls", "Mall")
    assert "bando-call" not in await shell.well(*script)
    first = await shell.well(*script, "--calls")
    assert "/call/" in first
    assert "Mall may call, and has not yet." in await shell.well("router", "calls", "Mall")
    assert token(await shell.well(*script)) == token(first), "the same script comes again"
    await shell.well("router", "calls", "Mall", "--renew")
    assert token(await shell.well(*script)) != token(first)
    assert "may not call" in await shell.well("router", "calls", "Mall", "--off")
    assert "bando-call" not in await shell.well(*script)


def token(script: str) -> str:
    return script.partition("Authorization: Bearer ")[2][:64]


async def test_without_an_authority_the_command_says_what_to_set(shell: Shell) -> None:
    script = ("router", "script", "Mall", "--interface", "ether2", "--management", "10.9.0.1", "--calls")
    ran = await shell(*script, ROUTER_AUTHORITY="")

    assert "BANDO_ROUTER_AUTHORITY" in ran.sentence
    assert "may not call" in await shell.well("router", "calls", "Mall")


# -- the doctor -----------------------------------------------------------------------------------------


def a_router(told: Beat | None, at: int | None, **changes: object) -> Router:
    fields: dict[str, object] = {
        **dict.fromkeys(("public", "name", "host", "username", "hotspot_host"), ""),
        **dict.fromkeys(("fingerprint", "last_contact_at", "trouble", "mass_removal")),
        "id": 1,
        "tenant_id": 1,
        "port": 1,
        "tunnel": True,
        "password_sealed": b"",
        "active": True,
        "wake_version": 0,
        "call_hash": b"x",
        "call_version": 7,
        "beat_at": at,
        "beat": told.kept() if told else "{}",
        **changes,
    }
    return Router(**fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("router", "codes"),
    [
        (a_router(None, None, call_hash=None), []),
        (a_router(None, None), ["calls-never"]),
        (a_router(Beat(applied=7), NOW - MINUTE), []),
        (a_router(Beat(applied=7), NOW - 6 * MINUTE), ["calls-silent"]),
        (a_router(Beat(applied=6), NOW - MINUTE), ["calls-behind"]),
        (a_router(Beat(applied=6, trouble="signature"), NOW - MINUTE), ["calls-trouble"]),
    ],
)
def test_the_doctor_says_how_its_calls_stand(router: Router, codes: list[str]) -> None:
    found = findings(router, NOW)

    assert [each.code for each in found] == codes
    assert all(each.sentence.endswith(".") and each.remedy for each in found)
