"""bando tenant pack, import and unseal, as an operator runs them."""

from __future__ import annotations

import io
import json
import stat
import sys
from pathlib import Path

import pytest

from commands.ground import secret_of
from portal.errors import Misconfigured
from portal.moving import sealing
from tests.forks import Forks
from tests.shell import Shell
from tests.support import fresh_file

OTHER_KEY = "fedcba9876543210fedcba9876543210"
WORDS = "four words and a river\n"


@pytest.fixture
async def shell(tmp_path: Path, forks: Forks) -> Shell:
    fresh_file(tmp_path)
    made = Shell(folder=tmp_path, forks=forks)
    await made.well("tenant", "add", "Kilimani Wi-Fi", "--support-phone", "0700 123 456")
    await made.well("plan", "add", "1 hour", "--price", "20", "--time", "1h")
    account = ("--environment", "sandbox", "--kind", "till", "--shortcode", "5004321", "--till", "9001234")
    await made.well("account", "add", *account, stdin="key\nsecret\npasskey\n")
    return made


@pytest.fixture
def new(shell: Shell) -> Shell:
    """An empty installation with a key of its own."""
    folder = shell.folder / "new"
    folder.mkdir()
    fresh_file(folder)
    return Shell(folder=folder, forks=shell.forks, environ={"BANDO_SECRET_KEY": OTHER_KEY})


async def pack(shell: Shell) -> str:
    return await shell.well("tenant", "pack", "Kilimani Wi-Fi", "isp.move", stdin=WORDS)


async def test_an_isp_moves_to_an_installation_of_its_own(shell: Shell, new: Shell) -> None:
    await shell.well("tenant", "off", "--reason", "moves")
    assert "Keep the passphrase" in await pack(shell)
    file = shell.folder / "isp.move"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert b"Kilimani" not in file.read_bytes()
    assert sorted(each.name for each in shell.folder.iterdir() if "working" in each.name) == []
    said = await new.well("tenant", "import", str(file), stdin=WORDS)
    assert "Kilimani Wi-Fi is here" in said
    assert "ConfirmationURL  https://wifi.example.co.ke/c2b/" in said
    assert "All invariants hold." in await new.well("check")
    assert "1 hour" in await new.well("plan", "list")
    assert "9001234" in await new.well("account", "list")
    assert "as they were written" in await new.well("audit", "verify")
    acts = await new.well("audit", "list")
    assert "export.move" in acts
    assert "tenant.import" in acts
    assert "switched on" in await new.well("tenant", "on", "--reason", "has moved")
    again = await new("tenant", "import", str(file), stdin=WORDS)
    assert "not empty" in again.sentence


async def test_what_is_wrong_is_said_in_a_sentence_and_changes_nothing(shell: Shell, new: Shell) -> None:
    await pack(shell)
    file = shell.folder / "isp.move"
    whole = file.read_bytes()
    assert "at least 16 characters" in (await shell("tenant", "pack", "Kilimani Wi-Fi", "b", stdin="short\n")).sentence
    assert "there already" in (await shell("tenant", "pack", "Kilimani Wi-Fi", "isp.move", stdin=WORDS)).sentence
    assert "cannot be written" in (await shell("tenant", "pack", "Kilimani Wi-Fi", "no/where", stdin=WORDS)).sentence
    assert file.read_bytes() == whole
    wrong = await new("tenant", "import", str(file), stdin="four words and a lake\n")
    assert "not the passphrase" in wrong.sentence
    file.write_bytes(whole[:-1])
    assert "altered or cut off" in (await new("tenant", "import", str(file), stdin=WORDS)).sentence
    assert "No ISP yet" in await new.well("tenant", "list")


async def test_its_owner_reads_it_without_an_installation(shell: Shell) -> None:
    await pack(shell)
    shown = await shell.well("tenant", "unseal", "isp.move", stdin=WORDS)
    lines = [json.loads(each) for each in shown.splitlines()]
    assert lines[0]["name"] == "Kilimani Wi-Fi"
    (plan,) = [each[1] for each in lines if isinstance(each, list) and each[0] == "plans"]
    assert (plan["name"], plan["price_minor"]) == ("1 hour", 2000)
    (account,) = [each[1] for each in lines if isinstance(each, list) and each[0] == "mpesa_accounts"]
    assert account["passkey_sealed"] == "passkey"
    assert lines[-1]["end"]


@pytest.mark.parametrize("encoding", ["utf-8:surrogateescape", "utf-8:strict"])
def test_a_passphrase_of_no_characters_is_refused_in_a_sentence(monkeypatch: pytest.MonkeyPatch, encoding: str) -> None:
    name, errors = encoding.split(":")
    piped = io.TextIOWrapper(io.BytesIO(b"four words \xff\xfe and a river\n"), encoding=name, errors=errors)
    monkeypatch.setattr(sys, "stdin", piped)
    with pytest.raises(Misconfigured, match=r"^The passphrase holds characters that are none\.$"):
        sealing.secret(secret_of("Passphrase"))
