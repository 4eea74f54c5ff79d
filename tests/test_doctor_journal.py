"""Log lines end after 90 days: what the manual tells operators to set does so, and the doctor names what does not."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from portal.doctor_journal import DAY_S, KEPT_DAYS, check_journal, longest_s, span_s
from tests.test_doctor import codes

UNITS = Path(__file__).parent.parent / "deploy" / "systemd"
MANUAL = (Path(__file__).parent.parent / "docs" / "operating.md").read_text()
GENERAL, OWN = "etc/systemd/journald.conf", "etc/systemd/journald@bando.conf"


def machine(root: Path, files: dict[str, str], *, own: bool = False) -> Path:
    """A machine with these files whose journal runs; `own`: the service has one of its own."""
    (root / f"run/systemd/journal{'.bando' if own else ''}").mkdir(parents=True)
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def journal(kept: str = "", file: str = "1day") -> str:
    return f"[Journal]\n#MaxRetentionSec=0\nMaxRetentionSec={kept}\nMaxFileSec={file}\n"


def found(root: Path, files: dict[str, str], *, own: bool = False) -> list[str]:
    return codes(check_journal(machine(root, files, own=own)))


def in_the_manual(head: str) -> str:
    """The block that begins so."""
    shown = re.search(rf"```\n({re.escape(head)}.*?)```", MANUAL, re.DOTALL)
    assert shown is not None
    return shown[1]


@pytest.mark.parametrize(("days", "said"), [(88, []), (89, []), (90, ["logs-kept"]), (91, ["logs-kept"])])
def test_with_a_file_for_each_day_89_days_are_kept_in_time_and_90_are_not(
    tmp_path: Path, days: int, said: list[str]
) -> None:
    """A line of the morning lies in a file of the whole day, which goes with its last line."""
    assert found(tmp_path, {GENERAL: journal(f"{days}day")}) == said


@pytest.mark.parametrize(
    "text",
    ["", "[Journal]\n", journal("0"), journal("infinity"), journal("many"), journal("89day", ""), journal("1year")],
)
def test_a_journal_without_an_end_is_named(tmp_path: Path, text: str) -> None:
    """As it comes from the distribution, or with files that span a month."""
    assert found(tmp_path, {GENERAL: text}) == ["logs-kept"]


def test_where_no_journal_runs_nothing_is_said(tmp_path: Path) -> None:
    assert codes(check_journal(tmp_path)) == []


def test_a_journal_of_its_own_has_its_own_settings(tmp_path: Path) -> None:
    assert found(tmp_path / "a", {GENERAL: journal("1year"), OWN: journal("89day")}, own=True) == []
    assert found(tmp_path / "b", {GENERAL: journal("89day")}, own=True) == ["logs-kept"]
    assert found(tmp_path / "c", {GENERAL: journal("1year"), OWN: journal("89day")}) == ["logs-kept"]


def test_the_stronger_file_counts(tmp_path: Path) -> None:
    files = {
        "usr/lib/systemd/journald.conf": journal("1year"),
        GENERAL: journal("2month"),
        "etc/systemd/journald.conf.d/10-a.conf": journal("1year"),
        "etc/systemd/journald.conf.d/90-bando.conf": "[Journal]\nMaxRetentionSec=89day\n",
    }
    assert found(tmp_path / "a", files) == []
    later = {**files, "usr/lib/systemd/journald.conf.d/95-z.conf": "[Journal]\nMaxRetentionSec=1year\n"}
    assert found(tmp_path / "b", later) == ["logs-kept"]
    hidden = {**later, "etc/systemd/journald.conf.d/95-z.conf": ""}
    assert found(tmp_path / "c", hidden) == []


@pytest.mark.parametrize("text", ["MaxRetentionSec=89day", "\x00", "[Journal\nMaxRetentionSec=89day"])
def test_a_file_that_cannot_be_read_says_nothing(tmp_path: Path, text: str) -> None:
    assert found(tmp_path, {GENERAL: text}) == ["logs-kept"]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("7776000", 90 * DAY_S),
        ("89day", 89 * DAY_S),
        ("12week 6days", 90 * DAY_S),
        ("1.5h", 5400),
        ("2M", 60.88 * DAY_S),
        ("2m", 120),
        ("", 7),
        ("day", 7),
        ("1 fortnight", 7),
        ("1day, 2h", 7),
    ],
)
def test_spans_are_read_as_systemd_reads_them(text: str, seconds: float) -> None:
    assert span_s(text, 7) == pytest.approx(seconds)


# --- what the manual tells to set ---


def test_the_journal_of_the_manual_is_cut_off_in_time(tmp_path: Path) -> None:
    assert found(tmp_path / "manual", {OWN: in_the_manual("[Journal]")}, own=True) == []
    assert found(tmp_path / "units", {OWN: (UNITS / "journald@bando.conf").read_text()}, own=True) == []
    assert "LogNamespace=bando\n" in (UNITS / "bando.service").read_text()


def test_the_rotation_of_the_manual_leaves_no_copy_that_is_older() -> None:
    """Each of the copies has a day of lines in it, and one day more lies in the file itself."""
    said = dict(re.findall(r"^ +(\w+) ?(\d*)$", in_the_manual("/var/log/bando.log {"), re.MULTILINE))
    assert "daily" in said
    assert "compress" in said, "the copies are compressed, and are removed like others"
    assert int(said["rotate"]) + 1 <= KEPT_DAYS
    assert int(said["maxage"]) + 1 <= KEPT_DAYS


def test_what_is_kept_is_the_sum_of_both() -> None:
    assert longest_s({"maxretentionsec": "89day", "maxfilesec": "1day"}) == 90 * DAY_S
    assert longest_s({"maxretentionsec": "89day"}) > 90 * DAY_S
