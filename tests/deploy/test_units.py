"""The units of systemd: they can be read, start what exists, and let Bando do no more than it needs."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.test_manual import found

HOME = Path(__file__).parents[2]
UNITS = HOME / "deploy" / "systemd"
SERVICES = sorted(UNITS.glob("*.service"))
TIMERS = sorted(UNITS.glob("*.timer"))
OWN = [each for each in SERVICES if "User=bando\n" in each.read_text()]

# What each service of ours has to say. `strict` with a place of its own, and nothing to gain from a fault.
HARDENED = {
    "NoNewPrivileges=yes",
    "CapabilityBoundingSet=",
    "ProtectSystem=strict",
    "ProtectHome=yes",
    "PrivateTmp=yes",
    "PrivateDevices=yes",
    "ProtectKernelTunables=yes",
    "ProtectControlGroups=yes",
    "RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX",
    "RestrictNamespaces=yes",
    "RestrictSUIDSGID=yes",
    "LockPersonality=yes",
    "SystemCallFilter=@system-service",
    "UMask=0077",
}


def settings_of(text: str) -> list[tuple[str, str, str]]:
    """Section, name and value of each line; raises `AssertionError` for a line that is none."""
    section, settings = "", []
    for line in text.splitlines():
        if not line.strip() or line.startswith(("#", ";")):
            continue
        if match := re.fullmatch(r"\[(\w+)\]", line):
            section = match[1]
            continue
        match = re.fullmatch(r"(\w+)=(.*)", line)
        assert match is not None, line
        assert section, line
        settings.append((section, match[1], match[2]))
    return settings


def value(path: Path, name: str) -> str:
    return next((value for _, each, value in settings_of(path.read_text()) if each == name), "")


def name_of(path: Path) -> str:
    return path.name


@pytest.mark.parametrize("path", [*SERVICES, *TIMERS], ids=name_of)
def test_a_unit_can_be_read_and_describes_itself(path: Path) -> None:
    said = settings_of(path.read_text())
    assert {section for section, _, _ in said} <= {"Unit", "Service", "Timer", "Install"}
    assert value(path, "Description").startswith("Bando, ")


def test_a_line_that_is_no_setting_would_be_noticed() -> None:
    with pytest.raises(AssertionError):
        settings_of("[Service]\nExecStart /bin/true")


@pytest.mark.parametrize("path", OWN, ids=name_of)
def test_a_service_of_ours_is_hardened(path: Path) -> None:
    assert HARDENED - set(path.read_text().splitlines()) == set()
    assert value(path, "LogNamespace") == "bando"
    assert value(path, "EnvironmentFile") == "/etc/bando/bando.env"


@pytest.mark.parametrize("path", OWN, ids=name_of)
def test_it_starts_a_command_that_exists_with_its_options(path: Path) -> None:
    words = shlex.split(value(path, "ExecStart"))
    assert words[0] == "/usr/local/bin/bando"
    reached = found(words[1])
    assert reached is not None
    known = {option for each in reached[0].params for option in each.opts}
    told = value(path, "Environment").partition("SERVE_OPTIONS=")[2].split()
    given = [each.partition("=")[0] for each in [*words[2:], *told] if each.startswith("--")]
    assert [each for each in given if each not in known] == []


@pytest.mark.parametrize("path", TIMERS, ids=name_of)
def test_a_timer_has_its_service_and_makes_up_for_what_it_missed(path: Path) -> None:
    assert path.with_suffix(".service").exists()
    assert value(path, "Persistent") == "true"
    assert value(path, "WantedBy") == "timers.target"


@pytest.mark.parametrize("path", [each for each in SERVICES if value(each, "OnFailure")], ids=name_of)
def test_who_is_told_of_a_failure_exists(path: Path) -> None:
    name = value(path, "OnFailure").partition("@")[0]
    assert (UNITS / f"{name}@.service").exists()


@pytest.mark.parametrize("path", [each for each in SERVICES if value(each, "Type") == "oneshot"], ids=name_of)
def test_what_runs_by_a_timer_is_not_silent_when_it_fails(path: Path) -> None:
    assert path.stem.startswith("bando-failed") or value(path, "OnFailure")


def test_the_portal_has_time_to_end_and_exchanges_its_processes_by_a_signal() -> None:
    portal = UNITS / "bando.service"
    assert int(value(portal, "TimeoutStopSec")) > 40  # `END_S` of workers.py
    assert value(portal, "ExecReload") == "/bin/kill -HUP $MAINPID"
    assert value(portal, "KillMode") == "mixed"


def test_the_settings_of_the_example_exist() -> None:
    text = (UNITS / "bando.env.example").read_text()
    known = set(re.findall(r"^### (\w+)$", (HOME / "docs" / "settings.md").read_text(), re.MULTILINE))
    assert set(re.findall(r"^(?:# )?([A-Z_]+)=", text, re.MULTILINE)) - known == set()


@pytest.mark.parametrize("path", [*SERVICES, *TIMERS], ids=name_of)
def test_systemd_itself_has_nothing_to_say(path: Path, tmp_path: Path) -> None:
    """As `systemd-analyze verify` reads it; programs that are not installed here are put in place of themselves."""
    program = shutil.which("systemd-analyze")
    if program is None:
        if os.environ.get("BANDO_REQUIRE_BROWSER") == "1":
            pytest.fail("systemd-analyze is missing: apt install systemd")
        pytest.skip("systemd-analyze is not installed")
    for each in [*SERVICES, *TIMERS]:
        text = re.sub(r"(?m)^(ExecStart|ExecReload)=/\S+", rf"\1={shutil.which('true')}", each.read_text())
        (tmp_path / each.name).write_text(re.sub(r"(?m)^(User|Group)=.*\n", "", text))
    done = subprocess.run(
        [program, "verify", "--man=no", str(tmp_path / path.name)],
        capture_output=True, text=True, timeout=60, check=False,
        env={**os.environ, "SYSTEMD_UNIT_PATH": f"{tmp_path}:"},
    )  # fmt: skip
    ours = [line for line in done.stderr.splitlines() if "bando" in line]
    assert ours == []


def test_systemd_would_say_what_it_does_not_know(tmp_path: Path) -> None:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd-analyze is not installed")
    (tmp_path / "bando-wrong.service").write_text("[Service]\nExecStart=/bin/true\nProtectEverything=yes\n")
    done = subprocess.run(
        [program, "verify", "--man=no", str(tmp_path / "bando-wrong.service")],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert "ProtectEverything" in done.stderr
