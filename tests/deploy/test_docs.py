"""What docs/deploying.md says of numbers, files and pictures is so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from portal.db.postgres import READING, WRITING
from portal.mikrotik import turns
from portal.processes.leases import LASTS_MS, RENEW_EVERY_MS
from sandbox.layouts import PICTURES, Picture, drawn

HOME = Path(__file__).parents[2]
PAGE = (HOME / "docs" / "deploying.md").read_text()
DECISION = (HOME / "docs" / "decisions" / "0048-slow-routers.md").read_text()


def name_of(picture: Picture) -> str:
    return picture.name


@pytest.mark.parametrize("picture", PICTURES, ids=name_of)
def test_a_picture_is_as_it_is_drawn(picture: Picture) -> None:
    """Drawn anew with `python -m sandbox.layouts docs/pictures`."""
    assert (HOME / "docs" / "pictures" / f"{picture.name}.svg").read_text() == drawn(picture)
    assert f"(pictures/{picture.name}.svg)" in PAGE


@pytest.mark.parametrize("picture", PICTURES, ids=name_of)
def test_a_picture_is_for_light_and_dark_and_fetches_nothing(picture: Picture) -> None:
    svg = drawn(picture)
    assert "prefers-color-scheme: dark" in svg
    assert re.findall(r"(?:href|src|url\()\s*=?\s*[\"']?(?!#)", svg) == []
    classes = set(re.findall(r'class="(\w+)"', svg))
    dark = svg[svg.index("prefers-color-scheme") :]
    assert {each for each in classes - {"title"} if f".{each} {{" not in dark} == set()


@pytest.mark.parametrize("picture", PICTURES, ids=name_of)
def test_no_box_lies_on_another_one_or_outside(picture: Picture) -> None:
    boxes = [each.at for each in picture.boxes]
    for n, (left, top, width, height) in enumerate(boxes):
        assert left + width <= picture.size[0]
        assert top + height <= picture.size[1]
        for other in boxes[n + 1 :]:
            apart = left + width <= other[0] or other[0] + other[2] <= left
            assert apart or top + height <= other[1] or other[1] + other[3] <= top


# --- the arithmetic ---


def rows_of(heading: str) -> dict[str, list[str]]:
    """The rows of the first table below a heading, by their first cell."""
    table = re.search(r"(?m)^\|(?:.*\n\|)+.*", PAGE[PAGE.index(heading) :])
    assert table is not None
    cells = [[each.strip() for each in line.strip("|").split("|")] for line in table[0].splitlines()]
    return {row[0]: row[1:] for row in cells}


def number(text: str) -> float:
    return float(text.removesuffix("/s").replace(",", ""))


ARITHMETIC = {  # by the first words of a row: what it is for N guests online
    "routers": lambda n: n / 100,
    "polls by API": lambda n: n / 1_000,
    "accounting packets, each 600 s": lambda n: n / 600,
    "the same, each 300 s": lambda n: n / 300,
    "authorizes in a storm": lambda n: n / 600,
    "payments": lambda n: n / 7_200,
    "payments in a rush": lambda n: n / 720,
    "callbacks in that rush": lambda n: n / 720,
    "transactions that write": lambda n: n / 6_000 + n / 120,
    "the same by RADIUS": lambda n: n / 300 + n / 120,
}


@pytest.mark.parametrize("words", ARITHMETIC)
def test_the_arithmetic_is_right(words: str) -> None:
    rows = rows_of("## The arithmetic")
    row = rows.get(words) or next(row for name, row in rows.items() if name.startswith(f"{words}"))
    told = [number(each) for each in row[1:]]
    meant = [ARITHMETIC[words](n) for n in (1_000, 10_000, 100_000, 1_000_000)]
    assert told == [pytest.approx(each, rel=0.04) for each in meant]


def test_the_numbers_of_the_program_are_those_of_the_page() -> None:
    assert f"{turns.STARTS} a second" in PAGE
    assert f"{turns.PLACES} in a process, {turns.STARTS} begun in a second after the first {turns.BURST}" in DECISION
    assert f"{turns.KEPT} places for routers" in DECISION
    assert LASTS_MS + RENEW_EVERY_MS <= 15_000, "taken over within 15 s"
    conf = (HOME / "deploy" / "postgresql" / "bando.conf").read_text()
    most = re.search(r"max_connections = (\d+)", conf)
    assert most is not None
    each = READING + WRITING + 2  # one aside, one that listens
    assert f"opens {each} connections at most" in conf
    assert int(most[1]) > 2 * 5 * each
    assert f"{each} for each process" in PAGE


def test_the_addresses_of_tunnels_are_counted_right() -> None:
    text = (HOME / "deploy" / "wireguard" / "README.md").read_text()
    told = re.findall(r"ISP (\d+): `10\.(\d+)\.(\d+)\.0/22`", text)
    assert len(told) == 4
    for isp, second, third in told:
        assert (64 << 16) + int(isp) * 1024 == (int(second) << 16) + (int(third) << 8)


# --- the migration that a running version of before has to live with ---


def only_adds(text: str) -> list[str]:
    """What of a migration takes away, or asks of a version that does not know of it."""
    up = text[text.index("def upgrade") : text.index("def downgrade")]
    wrong = re.findall(r"drop_table|drop_column|rename_table|alter_column", up)
    wrong += [each for each in _columns(up) if "nullable=False" in each and "server_default" not in each]
    return wrong


def _columns(up: str) -> list[str]:
    """Columns that are added to a table which was there before."""
    found = []
    for match in re.finditer(r"add_column\(", up):
        depth, at = 1, match.end()
        while depth:
            depth += {"(": 1, ")": -1}.get(up[at], 0)
            at += 1
        found.append(up[match.end() : at - 1])
    return found


def test_migrations_from_here_on_let_the_version_before_go_on() -> None:
    """docs/deploying.md, Upgrade: whatever runs goes on while the tables are changed."""
    paths = sorted((HOME / "portal" / "migrations" / "versions").glob("0*.py"))
    assert {path.name: only_adds(path.read_text()) for path in paths if path.name >= "0010"} == {
        path.name: [] for path in paths if path.name >= "0010"
    }


@pytest.mark.parametrize(
    "line",
    [
        'op.drop_column("a", "b")',
        'batch_op.add_column(sa.Column("mode", sa.Text(), nullable=False))',
        'batch_op.alter_column("a", type_=sa.Text())',
    ],
)
def test_one_that_does_not_would_be_noticed(line: str) -> None:
    assert only_adds(f"def upgrade():\n    {line}\n\ndef downgrade():\n    pass") != []
