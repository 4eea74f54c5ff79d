"""Hours of sale, hidden plans and free trials on the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from commands.plans import hours_of
from portal.access.hours import in_words
from portal.errors import Misconfigured
from tests.forks import Forks
from tests.shell import Shell
from tests.support import fresh_file


@pytest.fixture
async def shell(tmp_path: Path, forks: Forks) -> Shell:
    """An installation with an ISP."""
    fresh_file(tmp_path)
    made = Shell(folder=tmp_path, forks=forks)
    await made.well("tenant", "add", "Kilimani Wi-Fi")
    return made


async def test_what_is_added_is_listed(shell: Shell) -> None:
    priced = ("--price", "20", "--time", "1h")
    await shell.well("plan", "add", "Night", *priced, "--hours", "22:00-06:00")
    await shell.well("plan", "add", "Hotel room", *priced, "--hidden")
    gives = await shell.well("plan", "add", "Free trial", "--trial", "--time", "15m", "--data", "50M", "--every", "7")

    night, hotel, trial = (await shell.well("plan", "list")).splitlines()[1:]
    assert "now gives Free trial for nothing, once in 7 days" in gives
    assert "daily 22:00\u201306:00" in night
    assert "hidden" in hotel
    assert hotel.rstrip().endswith("always")
    assert "nothing, once in 7 days" in trial


async def test_a_trial_is_not_printed(shell: Shell) -> None:
    await shell.well("plan", "add", "Free trial", "--trial", "--time", "15m")
    assert "is a free trial" in (await shell("voucher", "make", "Free trial", "--count", "1")).sentence
    assert "for nothing, once a day is withdrawn" in await shell.well("plan", "withdraw", "Free trial")


@pytest.mark.parametrize(
    ("words", "part"),
    [
        ((), "needs a --price"),
        (("--price", "20", "--trial"), "A free trial runs"),
        (("--trial", "--devices", "2"), "A free trial runs"),
        (("--trial", "--hidden"), "A free trial runs"),
        (("--price", "20", "--hours", "night"), "is not hours like"),
    ],
)
async def test_a_wrong_word_is_one_sentence(shell: Shell, words: tuple[str, ...], part: str) -> None:
    assert part in (await shell("plan", "add", "P", "--time", "1h", *words)).sentence


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("22:00-06:00", "daily 22:00\u201306:00"),
        ("sat-sun", "Sat\u2013Sun"),
        (" Mon, wed ,FRI 8:00-17:30 ", "Mon, Wed, Fri 08:00\u201317:30"),
        ("fri-mon 00:00-12:00", "Mon, Fri\u2013Sun 00:00\u201312:00"),
        ("mon-sun", "always"),
        ("tue", "Tue"),
    ],
)
def test_hours_as_they_are_typed(text: str, words: str) -> None:
    assert in_words(hours_of(text)) == words


@pytest.mark.parametrize(
    "text", ["x", " ", "24:00-06:00", "10:00-10:00", "mon tue", "10:00", "mon-", "8-17", "22:00-06:00 mon"]
)
def test_what_is_not_hours_is_refused(text: str) -> None:
    with pytest.raises(Misconfigured, match="is not hours like"):
        hours_of(text)
