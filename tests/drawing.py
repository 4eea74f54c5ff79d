"""Draws docs/flows.md from the code: the table of payments, what the rules of passes do, what becomes of vouchers.

`python -m tests.drawing` writes the drawings into the page; `tests/test_flows.py` fails when they differ.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path

from portal.access.passes import Online, Pass, advance, end, overtake, set_aside
from portal.clock import DAY, HOUR, MINUTE
from portal.payments import payment
from tests.drawing_vouchers import vouchers_diagram

PAGE = Path(__file__).parent.parent / "docs" / "flows.md"
NOW = 1_800_000_000_000
MARK = re.compile(r"(<!-- drawn: (?P<name>[a-z-]+) -->\n).*?(<!-- end -->)", re.DOTALL)

EFFECTS = {"nothing": "", "grant": "a pass is made", "ask": "M-Pesa is asked", "tell": "a line for staff"}


# --- payments: straight from the table ---


def payments_diagram() -> str:
    """Every step of the table that changes the state."""
    lines = ["```mermaid", "stateDiagram-v2", "    [*] --> created"]
    for state, steps in payment.TABLE.items():
        goals: dict[str, list[str]] = {}
        for evidence, step in steps.items():
            if step.state != state:
                goals.setdefault(step.state, []).append(evidence)
        lines += [f"    {state} --> {goal}: {', '.join(words)}" for goal, words in goals.items()]
    return "\n".join([*lines, "```"])


def payments_table() -> str:
    """The whole table: rows are states, columns are evidence."""
    kinds = list(dict.fromkeys(evidence for steps in payment.TABLE.values() for evidence in steps))
    lines = ["| evidence | " + " | ".join(payment.STATES) + " |", "| --- |" + " --- |" * len(payment.STATES)]
    for kind in kinds:
        cells = [_cell(state, payment.TABLE[state].get(kind)) for state in payment.STATES]
        lines.append(f"| {kind} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _cell(state: str, step: payment.Step | None) -> str:
    if step is None:
        return "·"
    goal = "stays" if step.state == state else f"**{step.state}**"
    return f"{goal}; {EFFECTS[step.effect]}" if EFFECTS[step.effect] else goal


def results_table() -> str:
    """What M-Pesa's result codes mean."""
    lines = ["| code | means | reason | staff are told |", "| --- | --- | --- | --- |"]
    for code, result in payment.RESULTS.items():
        lines.append(f"| {code} | {result.meaning} | {result.reason or ''} | {'yes' if result.alert else ''} |")
    return "\n".join([*lines, "| any other | pending | | |"])


# --- passes: what the rules do with every kind of pass in every kind of circumstance ---

Act = Callable[[Pass], Pass]
ACTS: dict[str, Act] = {
    "refund, void or erasure": lambda one: end(one, "void", NOW),
    "set aside for another pass": lambda one: set_aside(one, NOW),
}


def examples() -> Iterator[Pass]:
    """Passes of both kinds in each state, fresh and at their ends."""
    for kind, left in product(("wall", "used"), (HOUR, 0)):
        base = Pass(
            id=1,
            device_id=1,
            plan_name="1 hour",
            kind=kind,  # type: ignore[arg-type]
            span_ms=HOUR,
            window_ms=DAY if kind == "used" else None,
            data_bytes=1000,
            rate_up=None,
            rate_down=None,
            max_devices=1,
            sites=None,
            state="queued",
            position=1,
            bought_at=NOW - HOUR,
            not_before=NOW - HOUR,
            use_by=NOW + DAY,
        )
        begun = replace(base, started_at=NOW - HOUR, ends_at=NOW + left if kind == "wall" else NOW + DAY)
        if kind == "used":
            begun = replace(begun, used_ms=HOUR - left)
        yield from (base, replace(base, state="waiting"), replace(base, state="waiting", use_by=NOW))
        yield from (replace(begun, state="running"), replace(begun, state="running", used_bytes=1000))
        if kind == "used":
            yield from (replace(begun, state=each, ends_at=NOW) for each in ("running", "paused"))
            yield replace(begun, state="paused")
            yield replace(begun, state="waiting")


def transitions() -> list[tuple[str, str, str]]:
    """From, to, why: everything that the rules were seen to do."""
    found: dict[tuple[str, str], list[str]] = {}

    def note(before: Pass, after: Pass, why: str) -> None:
        if before.state != after.state and why not in found.setdefault((before.state, after.state), []):
            found[before.state, after.state].append(why)

    for one in examples():
        for seen in (Online(since=None), Online(since=NOW - MINUTE)):
            (after,) = advance([one], lambda _, seen=seen: seen, NOW)  # type: ignore[misc]
            note(one, after, _why(one, after, seen))
        if one.state in ("queued", "waiting", "running", "paused"):
            for why, act in ACTS.items():
                note(one, act(one), why)
    behind = next(examples())
    first = replace(behind, id=2, position=2, state="waiting")
    for each in advance([overtake(behind, 0, NOW), first], lambda _: Online(since=None), NOW):
        if each.id == 2:
            note(first, each, "set aside for another pass")
    return sorted((*states, ", ".join(sorted(whys))) for states, whys in found.items())


def _why(before: Pass, after: Pass, seen: Online) -> str:
    if after.state == "ended":
        return str(after.end_reason)
    if after.state == "running":
        return "a device of it is online"
    if after.state == "paused":
        return "its device is off (used-time plans)"
    return "it is at the head of the queue"


def passes_diagram() -> str:
    lines = ["```mermaid", "stateDiagram-v2", "    [*] --> queued"]
    lines += [f"    {before} --> {after}: {why}" for before, after, why in transitions()]
    return "\n".join([*lines, "    paused --> waiting: the guest taps", "    ended --> [*]", "```"])


DRAWINGS: dict[str, Callable[[], str]] = {
    "payments-diagram": payments_diagram,
    "payments-table": payments_table,
    "results-table": results_table,
    "passes-diagram": passes_diagram,
    "vouchers-diagram": vouchers_diagram,
}


def drawn(page: str) -> str:
    """The page with each drawing made anew."""
    return MARK.sub(lambda match: f"{match[1]}\n{DRAWINGS[match['name']]()}\n\n{match[3]}", page)


if __name__ == "__main__":
    PAGE.write_text(drawn(PAGE.read_text()))
