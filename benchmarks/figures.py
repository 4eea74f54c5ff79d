"""Measured values, and how they are printed: the spread, never one number alone."""

from __future__ import annotations

import math
import platform
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from os import cpu_count
from pathlib import Path
from statistics import median


def quantile(values: Sequence[float], share: float) -> float:
    """The value that `share` of the values do not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


@dataclass(frozen=True, kw_only=True)
class Goal:
    """What a figure should come to, of all its values taken together."""

    text: str
    measure: Callable[[Sequence[float]], float]
    met: Callable[[float], bool]


def at_most(limit: float, unit: str, share: float | None = None) -> Goal:
    """No more than `limit`: the quantile `share`, or without one the median over the repeats."""
    name = "median" if share is None else "max" if share == 1 else f"p{share * 100:g}"
    measure = median if share is None else lambda values: quantile(values, share)
    return Goal(text=f"{name} <= {limit:g} {unit}", measure=measure, met=lambda found: found <= limit)


def at_least(limit: float, unit: str) -> Goal:
    """The median is no less than `limit`."""
    return Goal(text=f"median >= {limit:g} {unit}", measure=median, met=lambda found: found >= limit)


@dataclass(kw_only=True)
class Figure:
    """One quantity over all repeats; without a goal it is a reference."""

    name: str
    unit: str
    values: list[float]
    goal: Goal | None = None

    def row(self) -> str:
        ends = [min(self.values), median(self.values), *(quantile(self.values, q) for q in (0.95, 0.99, 1))]
        numbers = "".join(f"{each:10,.{0 if each >= 1000 else 1 if each >= 10 else 3}f}" for each in ends)
        return f"{self.name:<42}{self.unit:>6}{numbers}{len(self.values):7}  {self.verdict()}"

    def verdict(self) -> str:
        if self.goal is None:
            return "reference"
        found = self.goal.measure(self.values)
        return f"{'ok    ' if self.goal.met(found) else 'MISSED'} {self.goal.text} ({found:.3g})"


HEAD = f"{'':<42}{'unit':>6}{'min':>10}{'median':>10}{'p95':>10}{'p99':>10}{'max':>10}{'n':>7}"


def show(title: str, figures: Sequence[Figure]) -> None:
    """Print a table."""
    print(f"\n{title}\n{HEAD}")
    for each in figures:
        print(each.row())
    print(flush=True)


def machine() -> str:
    """What the numbers were measured on."""
    found = "unknown processor"
    info = Path("/proc/cpuinfo")
    if info.exists():
        models = [line.partition(":")[2].strip() for line in info.read_text().splitlines() if "model name" in line]
        found = models[0] if models else found
    when = datetime.now(UTC).date().isoformat()
    return f"{cpu_count()} cores of {found}, Python {platform.python_version()}, {platform.system()}, {when}"
