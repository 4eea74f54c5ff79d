"""bando audit verify/heads/list and the part of bando check that looks at the log."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from portal.audit import store
from portal.clock import Moment
from portal.seal import Vault
from portal.tenancy import store as tenancy
from portal.units import Unit, drive
from tests.forks import Forks
from tests.raw import Raw, opened
from tests.shell import KEY, Shell
from tests.support import fresh_file

NOW: Moment = 1_760_000_000_000
VAULT = Vault(KEY.encode())


@pytest.fixture
def shell(tmp_path: Path, forks: Forks) -> Shell:
    """Two ISPs, of which the first has done three things and the second one."""
    fresh_file(tmp_path)
    made = Shell(folder=tmp_path, forks=forks)
    with opened(made.place) as connection:
        run = connection.run
        for name, acts in (("Kilimani Wi-Fi", 3), ("Ngong Net", 1)):
            tenant = drive(tenancy.add_tenant(name, NOW), None, run)
            for n in range(acts):
                drive(do(f"pass:{n}"), tenant.id, run)
    return made


def do(subject: str) -> Unit[int]:
    return store.append(VAULT, actor="staff:ada", act="kick", subject=subject, payload={"to": "Zoë"}, now=NOW)


@contextmanager
def tampering(shell: Shell) -> Iterator[Raw]:
    with opened(shell.place) as raw:
        raw.drop_triggers()
        yield raw


async def test_a_whole_log_is_called_whole(shell: Shell) -> None:
    said = await shell.well("audit", "verify")

    assert said.splitlines() == [
        "Kilimani Wi-Fi: 3 acts, as they were written.",
        "Ngong Net: 1 act, as they were written.",
    ]
    assert "All invariants hold." in await shell.well("check")


async def test_a_changed_act_is_named_with_its_isp(shell: Shell) -> None:
    with tampering(shell) as raw:
        raw.execute("UPDATE audit SET actor = 'staff:ben' WHERE number = 2")
    verified, checked = await shell("audit", "verify"), await shell("check")
    other = await shell("audit", "verify", "--tenant", "Ngong Net")

    assert (verified.code, checked.code, other.code) == (1, 1, 0)
    sentence = "act 2 was changed, or is not where it was written"
    assert f"Kilimani Wi-Fi: {sentence}.\nNgong Net: 1 act" in verified.out
    assert f"Kilimani Wi-Fi: I9: {sentence}; see: bando audit verify" in checked.out


async def test_heads_that_were_kept_elsewhere_find_an_old_log(shell: Shell) -> None:
    heads = await shell.well("audit", "heads")
    kept = shell.folder / "heads.txt"
    kept.write_text(f"# of Monday\n\n{heads}{heads}")
    before = await shell("audit", "verify", "--heads", str(kept))
    with tampering(shell) as raw:
        raw.execute("DELETE FROM audit")
        raw.execute("DELETE FROM audit_heads")
    alone, compared = await shell("audit", "verify"), await shell("audit", "verify", "--heads", str(kept))

    assert [len(line.split()) for line in heads.splitlines()] == [3, 3]
    assert (before.code, alone.code, compared.code) == (0, 0, 1)
    assert "Kilimani Wi-Fi: act 1 is missing: the kept head knows acts up to number 3." in compared.out


async def test_a_kept_head_of_an_isp_that_is_gone_is_said(shell: Shell) -> None:
    kept = shell.folder / "heads.txt"
    kept.write_text("0badf00d 4 aabb\n")
    ran = await shell("audit", "verify", "--heads", str(kept))

    assert ran.code == 1
    assert "0badf00d: there is a kept head of this ISP, and it is not here." in ran.out


@pytest.mark.parametrize("text", ["two words\n", "0badf00d four aabb\n", b"\xff\xfe"])
async def test_a_file_that_holds_no_heads_is_refused(shell: Shell, text: str | bytes) -> None:
    kept = shell.folder / "heads.txt"
    kept.write_bytes(text.encode() if isinstance(text, str) else text)
    ran = await shell("audit", "verify", "--heads", str(kept))

    assert "heads.txt" in ran.sentence
    assert "heads.txt" in (await shell("audit", "verify", "--heads", "no/heads.txt")).sentence


@pytest.mark.sqlite_only(reason="a server keeps no text that is none")
async def test_text_that_is_no_text_is_a_sentence_too(shell: Shell) -> None:
    with tampering(shell) as raw:
        raw.execute("UPDATE audit SET actor = CAST(x'ff' AS TEXT) WHERE number = 2")

    assert "UTF-8" in (await shell("audit", "verify")).sentence


async def test_the_log_is_listed_newest_first(shell: Shell) -> None:
    said = await shell.well("audit", "list", "--tenant", "Kilimani Wi-Fi", "--limit", "2")
    lines = said.splitlines()

    assert [line.split()[0] for line in lines] == ["act", "3", "2"]
    assert lines[1].split()[3:6] == ["staff:ada", "kick", "pass:2"]
