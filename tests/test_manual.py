"""The manual says nothing that is not so: its links lead somewhere and its commands exist."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from commands.root import cli

HOME = Path(__file__).parent.parent
SHOWN = r"```\n(.*?)```|`(bando [^`\n]+)`"
PAGES = sorted([*HOME.glob("*.md"), *(HOME / "docs").rglob("*.md"), *(HOME / "deploy").rglob("*.md")])


def name_of(path: Path) -> str:
    return path.relative_to(HOME).as_posix()


def commands_in(text: str) -> list[tuple[str, str]]:
    """Words and the rest of each command that is shown, in a block or in `code`."""
    shown = "\n".join(block or inline for block, inline in re.findall(SHOWN, text, re.DOTALL))
    return [
        (match[1].strip(), match[2])
        for match in re.finditer(r"(?m)(?:^ *|bin/|bando )bando((?: [a-z][a-z-]*)+)(.*)$", shown)
    ]


def found(words: str) -> tuple[click.Command, list[str]] | None:
    """The command that these words lead to, and the words that are left."""
    here: click.Command = cli
    left = words.split()
    while left and isinstance(here, click.Group):
        if left[0] not in here.commands:
            return None
        here = here.commands[left.pop(0)]
    return here, left


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page: Path) -> None:
    text = page.read_text()
    links = [*re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text), *re.findall(r'<img src="([^"]+)"', text)]
    local = [each for each in links if "://" not in each]

    assert [each for each in local if not (page.parent / each).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_headings_that_are_linked_exist(page: Path) -> None:
    text = page.read_text()
    headings = {
        re.sub(r"[^a-z0-9 -]", "", each.lower()).replace(" ", "-") for each in re.findall(r"^#+ (.+)$", text, re.M)
    }

    assert [each for each in re.findall(r"\]\(#([^)]+)\)", text) if each not in headings] == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_commands_that_are_shown_exist_with_their_options(page: Path) -> None:
    for words, rest in commands_in(page.read_text()):
        reached = found(words)
        assert reached is not None, f"bando {words}"
        known = {option for each in reached[0].params for option in each.opts}
        unknown = [each for each in re.findall(r"(?<!\S)--[a-z-]+", rest) if each not in known]
        assert unknown == [], f"bando {words}"


def test_a_command_that_does_not_exist_would_be_noticed() -> None:
    assert commands_in("`bando router paint --blue`") == [("router paint", " --blue")]
    assert found("router paint") is None
    assert found("router pin") is not None


def test_every_command_is_explained_in_the_manual() -> None:
    manual = (HOME / "docs" / "operating.md").read_text()
    for name, command in cli.commands.items():
        if name == "sandbox" or command.hidden:
            continue
        names = [f"{name} {each}" for each in command.commands] if isinstance(command, click.Group) else [name]
        hidden = {"tenant list", "plan list", "account list"}
        assert [each for each in names if f"bando {each}" not in manual and each not in hidden] == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_pages_name_no_place_of_the_machine_they_were_written_on(page: Path) -> None:
    assert not re.search(r"/(?:work|root|tmp)/|pypi|registry", page.read_text())
