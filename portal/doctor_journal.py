"""Are the log lines of this machine gone after 90 days? Bando writes them to standard error, and journald keeps them.

journald removes a whole file once all in it is too old, so what counts is how long it keeps files, and how much time
one file spans. A service with a journal of its own (`LogNamespace=bando`) has settings of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from configparser import ConfigParser, Error
from pathlib import Path

from portal.findings import Finding, warning

KEPT_DAYS = 90  # what people are promised of server logs
PLACES = ("usr/lib/systemd", "usr/local/lib/systemd", "run/systemd", "etc/systemd")  # the later, the stronger
DAY_S = 24 * 3600.0
FILE_S = 30.44 * DAY_S  # one file, where nothing is said
_UNITS = {
    **dict.fromkeys(("usec", "us", "µs"), 1e-6),
    **dict.fromkeys(("msec", "ms"), 1e-3),
    **dict.fromkeys(("", "seconds", "second", "sec", "s"), 1.0),
    **dict.fromkeys(("minutes", "minute", "min", "m"), 60.0),
    **dict.fromkeys(("hours", "hour", "hr", "h"), 3600.0),
    **dict.fromkeys(("days", "day", "d"), DAY_S),
    **dict.fromkeys(("weeks", "week", "w"), 7 * DAY_S),
    **dict.fromkeys(("months", "month", "M"), 30.44 * DAY_S),
    **dict.fromkeys(("years", "year", "y"), 365.25 * DAY_S),
}
_PART = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([A-Za-zµ]*)")


def check_journal(root: Path = Path("/")) -> Iterator[Finding]:
    """Whether the journal in which the lines of `bando serve` end is cut off in time; nothing where there is none."""
    own = (root / "run/systemd/journal.bando").exists()
    if not own and not (root / "run/systemd/journal").exists():
        return
    name = "journald@bando.conf" if own else "journald.conf"
    said = _settings(root, name)
    if longest_s(said) > KEPT_DAYS * DAY_S:
        yield warning(
            "logs-kept",
            f"The journal of this machine keeps log lines for longer than the promised {KEPT_DAYS} days.",
            f"Set MaxRetentionSec=89day and MaxFileSec=1day in /etc/systemd/{name}, and start journald anew.",
        )


def longest_s(said: dict[str, str]) -> float:
    """How old a line may become, in seconds."""
    kept, file = span_s(said.get("maxretentionsec", "0")), span_s(said.get("maxfilesec", ""), FILE_S)
    return kept + file if kept and file else float("inf")


def span_s(text: str, otherwise: float = 0.0) -> float:
    """A span as systemd writes it, in seconds: ``89day``, ``1week 2d``, ``7776000``; `otherwise` for what is none."""
    parts = _PART.findall(text)
    whole = "".join(text.split()) == "".join(number + unit for number, unit in parts)
    if not parts or not whole or any(unit not in _UNITS for _, unit in parts):
        return otherwise
    return sum(float(number) * _UNITS[unit] for number, unit in parts)


def _settings(root: Path, name: str) -> dict[str, str]:
    """What the files say, each beside those before it."""
    said: dict[str, str] = {}
    for path in (*_main(root, name), *_further(root, name)):
        parser = ConfigParser(strict=False, interpolation=None, allow_no_value=True)
        try:
            parser.read_string(path.read_text(errors="replace"))
        except (OSError, Error):
            continue  # systemd passes over what it cannot read, too
        said |= {key: value or "" for key, value in (parser["Journal"].items() if "Journal" in parser else ())}
    return said


def _main(root: Path, name: str) -> list[Path]:
    """The file itself: of several the strongest alone."""
    return [path for place in PLACES if (path := root / place / name).is_file()][-1:]


def _further(root: Path, name: str) -> list[Path]:
    """The files beside it, by their names; of two with one name the stronger."""
    found = {path.name: path for place in PLACES for path in (root / place / f"{name}.d").glob("*.conf")}
    return [found[each] for each in sorted(found)]
