"""bando router in RADIUS mode: add, list, set and script."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.forks import Forks
from tests.shell import Shell
from tests.support import fresh_file

ADD = ("router", "add", "Mall", "--mode", "radius", "--source", "10.9.0.7")
SCRIPT = ("router", "script", "--interface", "ether2", "--radius-server", "10.9.0.1")


@pytest.fixture
def shell(tmp_path: Path, forks: Forks) -> Shell:
    """With a migrated database."""
    fresh_file(tmp_path)
    return Shell(folder=tmp_path, forks=forks)


async def fails(shell: Shell, *words: str) -> str:
    """What a command says that cannot be done."""
    ran = await shell(*words)
    assert ran.code
    return ran.sentence


async def secret_in(shell: Shell) -> str:
    found = re.search(r'secret="([^"]+)"', await shell.well(*SCRIPT))
    assert found
    return found[1]


async def test_a_router_in_radius_mode_needs_no_address_to_be_called_at(shell: Shell) -> None:
    await shell.well("tenant", "add", "Kilimani")
    said = await shell.well(*ADD, "--coa-port", "3799")
    listed = await shell.well("router", "list")
    assert "It asks RADIUS, from 10.9.0.7." in said
    assert "RADIUS from 10.9.0.7" in listed
    assert "has not asked yet" in listed
    assert "/radius incoming set accept=yes port=3799" in await shell.well(*SCRIPT)
    assert "asks RADIUS, and Bando does not call it" in await fails(shell, "router", "check")


async def test_the_script_alone_shows_the_secret_and_a_new_one_is_another(shell: Shell) -> None:
    await shell.well("tenant", "add", "Kilimani")
    said = await shell.well(*ADD)
    first = await secret_in(shell)
    assert len(first) >= 32
    assert first not in said + await shell.well("router", "list")
    assert await secret_in(shell) == first
    await shell.well("router", "set", "--source", "10.9.0.8")
    assert await secret_in(shell) == first
    await shell.well("router", "set", "--new-secret")
    assert await secret_in(shell) != first


async def test_no_two_routers_have_one_source(shell: Shell) -> None:
    await shell.well("tenant", "add", "Kilimani")
    await shell.well(*ADD)
    assert "come from 10.9.0.7 already" in await fails(
        shell, "router", "add", "Plaza", "--mode", "radius", "--source", "10.9.0.7"
    )


async def test_the_mode_changes_there_and_back(shell: Shell) -> None:
    await shell.well("tenant", "add", "Kilimani")
    await shell.well("router", "add", "Mall", "--host", "10.9.0.2", "--fingerprint", "ab" * 32)
    assert "--source 10.9.0.7" in await fails(shell, "router", "set", "--mode", "radius")
    await shell.well("router", "set", "--mode", "radius", "--source", "10.9.0.7", "--coa-port", "3799")
    assert "use-radius=yes" in await shell.well(*SCRIPT)
    await shell.well("router", "set", "--mode", "api")
    text = await shell.well("router", "script", "--interface", "ether2", "--management", "10.9.0.0/24")
    assert "use-radius=no" in text
    assert "/radius add" not in text


async def test_what_is_missing_is_asked_for(shell: Shell) -> None:
    await shell.well("tenant", "add", "Kilimani")
    assert "--host 10.9.0.2" in await fails(shell, "router", "add", "Mall")
    assert "--source 10.9.0.7" in await fails(shell, "router", "add", "Mall", "--mode", "radius")
    assert "--coa-port 3799" in await fails(shell, *ADD, "--coa-port", "many")
    await shell.well(*ADD)
    assert "--radius-server 10.9.0.1" in await fails(shell, "router", "script", "--interface", "ether2")
