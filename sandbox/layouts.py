"""Draws the pictures of docs/deploying.md: one machine, two machines, a large installation.

`python -m sandbox.layouts docs/pictures` writes them as SVG, which follow the reader's light or dark page.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from xml.sax.saxutils import escape

UNIT = 10  # pixels of the grid
LINE = 16  # pixels from one line of a text to the next
STYLE = """
text { font: 13px system-ui, sans-serif; fill: #1b1f24; text-anchor: middle }
.title { font-weight: 600 }
.note { font-size: 11px; fill: #57606a }
.machine { fill: #f3f5f7; stroke: #8a939d; stroke-dasharray: 5 4 }
.box { fill: #ffffff; stroke: #1f6f54; stroke-width: 1.5 }
.data { fill: #eaf5f0; stroke: #1f6f54; stroke-width: 1.5 }
.outside { fill: #fff8e6; stroke: #9a6b00; stroke-width: 1.5 }
.way { fill: none; stroke: #3d444d; stroke-width: 1.5; marker-end: url(#tip) }
.tip { fill: #3d444d }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3 }
.note { fill: #9da7b1 }
.machine { fill: #161b22; stroke: #6e7781 }
.box { fill: #0d1117; stroke: #4cc39a }
.data { fill: #10241c; stroke: #4cc39a }
.outside { fill: #2a2008; stroke: #d6a84b }
.way { stroke: #b1bac4 }
.tip { fill: #b1bac4 }
}
"""


@dataclass(frozen=True)
class Box:
    """A part, on the grid: left, top, width, height; the first line of its text is its name."""

    at: tuple[int, int, int, int]
    text: str
    kind: str = "box"


@dataclass(frozen=True)
class Way:
    """Who calls whom, by the places of two boxes; `words` stand at its middle, moved by `aside`."""

    start: tuple[int, int]
    end: tuple[int, int]
    words: str = ""
    aside: tuple[int, int] = (0, -1)


@dataclass(frozen=True)
class Picture:
    """One layout."""

    name: str
    title: str
    size: tuple[int, int]
    machines: Sequence[Box]
    boxes: Sequence[Box]
    ways: Sequence[Way] = field(default_factory=tuple)


GUESTS = Box((2, 2, 16, 6), "Guests, staff\nphones and browsers", "outside")
PROVIDERS = Box((2, 12, 16, 6), "M-Pesa, Paystack\ncallbacks and prompts", "outside")
ROUTERS = Box((2, 22, 16, 6), "Routers\nAPI, RADIUS, calls", "outside")

ONE = Picture(
    name="layout-one",
    title="One machine",
    size=(74, 34),
    machines=[Box((26, 1, 46, 31), "the machine", "machine")],
    boxes=[
        *(GUESTS, PROVIDERS, ROUTERS),
        Box((30, 4, 14, 6), "Caddy or nginx\nTLS"),
        Box((30, 20, 14, 4), "FreeRADIUS"),
        Box((30, 25, 14, 4), "WireGuard"),
        Box((51, 7, 17, 9), "bando serve\nportal, routers, loops\none process"),
        Box((51, 21, 17, 8), "SQLite\none file; a sealed\nbackup each day", "data"),
    ],
    ways=[
        Way((18, 5), (30, 6), "https"),
        Way((18, 14), (30, 8), "https", (-2, -1)),
        Way((18, 24), (30, 22), "RADIUS", (0, -1)),
        Way((18, 27), (30, 27), "tunnel"),
        Way((44, 7), (51, 10)),
        Way((44, 21), (51, 14)),
        Way((58, 16), (58, 21)),
        Way((55, 16), (44, 27), "API", (2, 0)),
    ],
)

TWO = Picture(
    name="layout-two",
    title="Two machines",
    size=(92, 42),
    machines=[Box((26, 1, 30, 39), "machine 1", "machine"), Box((60, 1, 30, 39), "machine 2", "machine")],
    boxes=[
        *(GUESTS, PROVIDERS, ROUTERS),
        Box((29, 4, 12, 5), "proxy\nTLS"),
        Box((29, 13, 24, 7), "bando serve --workers 4\n4 that answer, 1 that works"),
        Box((29, 23, 12, 5), "FreeRADIUS"),
        Box((43, 23, 10, 5), "WireGuard"),
        Box((29, 31, 24, 6), "PostgreSQL\nprimary", "data"),
        Box((63, 4, 24, 5), "the same, ready to answer\nproxy, serve, FreeRADIUS"),
        Box((63, 13, 24, 7), "bando work\nhalf of the routers and loops"),
        Box((63, 31, 24, 6), "PostgreSQL\nreplica, base backups, archive", "data"),
    ],
    ways=[
        Way((18, 5), (29, 6), "https"),
        Way((18, 14), (29, 8), "https", (-2, -1)),
        Way((18, 25), (29, 25), "RADIUS"),
        Way((35, 9), (35, 13)),
        Way((35, 23), (35, 20)),
        Way((47, 20), (47, 23), "API", (2, 1)),
        Way((42, 20), (42, 31)),
        Way((63, 18), (53, 32)),
        Way((53, 35), (63, 35), "stream"),
    ],
)

LARGE = Picture(
    name="layout-large",
    title="A large installation",
    size=(104, 50),
    machines=[
        Box((24, 1, 18, 47), "two at the edge", "machine"),
        Box((46, 1, 26, 25), "portals, two or more", "machine"),
        Box((46, 28, 26, 20), "workers, two or more", "machine"),
        Box((76, 1, 26, 47), "databases", "machine"),
    ],
    boxes=[
        *(GUESTS, PROVIDERS, ROUTERS),
        Box((26, 4, 14, 7), "proxies\nTLS, one address\nthat moves"),
        Box((26, 28, 14, 7), "WireGuard hubs\na range each"),
        Box((49, 5, 20, 8), "bando serve, FreeRADIUS\n--workers: one a core"),
        Box((49, 16, 20, 7), "bando serve, FreeRADIUS\nthe same"),
        Box((49, 32, 20, 6), "bando work\na share of the routers"),
        Box((49, 40, 20, 6), "bando work\nthe rest, or all"),
        Box((79, 6, 20, 8), "PostgreSQL\nprimary", "data"),
        Box((79, 20, 20, 7), "PostgreSQL\nreplica", "data"),
        Box((79, 33, 20, 9), "archive\nbase backups,\nWAL of 35 days", "data"),
    ],
    ways=[
        Way((18, 5), (26, 7), "https"),
        Way((18, 14), (26, 9), "https", (-1, -1)),
        Way((18, 25), (26, 30), "tunnels", (0, -1)),
        Way((40, 7), (49, 9)),
        Way((40, 9), (49, 18)),
        Way((40, 30), (49, 21), "RADIUS", (-1, -1)),
        Way((49, 35), (40, 33), "API", (0, 2)),
        Way((69, 9), (79, 9)),
        Way((69, 19), (79, 12)),
        Way((69, 35), (79, 13)),
        Way((89, 14), (89, 20), "stream", (3, 0)),
        Way((89, 27), (89, 33)),
    ],
)

PICTURES = (ONE, TWO, LARGE)


def drawn(picture: Picture) -> str:
    """The picture as SVG."""
    width, height = (each * UNIT for each in picture.size)
    parts = [*map(_machine, picture.machines), *map(_way, picture.ways), *map(_box, picture.boxes)]
    words = [_words(each) for each in picture.ways if each.words]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">',
            f"<title>{escape(picture.title)}</title>",
            f"<style>{STYLE}</style>",
            '<defs><marker id="tip" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="8" markerHeight="8" '
            'orient="auto"><path class="tip" d="M0 1 10 5 0 9Z"/></marker></defs>',
            *parts,
            *words,
            "</svg>\n",
        ]
    )


def _rectangle(box: Box) -> str:
    left, top, width, height = (each * UNIT for each in box.at)
    return f'<rect class="{box.kind}" x="{left}" y="{top}" width="{width}" height="{height}" rx="6"/>'


def _machine(box: Box) -> str:
    left, top, width, height = (each * UNIT for each in box.at)
    label = f'<text class="note" x="{left + width // 2}" y="{top + height - 6}">{escape(box.text)}</text>'
    return _rectangle(box) + label


def _box(box: Box) -> str:
    left, top, width, height = (each * UNIT for each in box.at)
    lines = box.text.split("\n")
    first = top + height / 2 - (len(lines) - 1) * LINE / 2 + 4
    texts = [
        f'<text class="{"note" if number else "title"}" x="{left + width // 2}" y="{first + number * LINE:g}">'
        f"{escape(line)}</text>"
        for number, line in enumerate(lines)
    ]
    return _rectangle(box) + "".join(texts)


def _way(way: Way) -> str:
    (x1, y1), (x2, y2) = way.start, way.end
    return f'<path class="way" d="M{x1 * UNIT} {y1 * UNIT}L{x2 * UNIT} {y2 * UNIT}"/>'


def _words(way: Way) -> str:
    x = (way.start[0] + way.end[0]) * UNIT / 2 + way.aside[0] * UNIT
    y = (way.start[1] + way.end[1]) * UNIT / 2 + way.aside[1] * UNIT + 4
    return f'<text class="note" x="{x:g}" y="{y:g}">{escape(way.words)}</text>'


def main(folder: Path) -> None:
    for picture in PICTURES:
        (folder / f"{picture.name}.svg").write_text(drawn(picture))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
