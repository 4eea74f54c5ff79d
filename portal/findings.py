"""What a check found: one sentence about what is wrong, one about how to mend it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Severity = Literal["fault", "warning"]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """`code` is for programs and tests; a fault keeps guests or money from getting through, a warning may.

    What the law wanted done by now is a fault as well.
    """

    code: str
    sentence: str
    remedy: str
    severity: Severity = "fault"
    subject: str = ""


def warning(code: str, sentence: str, remedy: str) -> Finding:
    return Finding(code=code, sentence=sentence, remedy=remedy, severity="warning")


def fault(code: str, sentence: str, remedy: str) -> Finding:
    return Finding(code=code, sentence=sentence, remedy=remedy)


def healthy(findings: Iterable[Finding]) -> bool:
    """No faults; warnings may be there."""
    return all(each.severity != "fault" for each in findings)


def report(findings: Iterable[Finding]) -> str:
    """The findings as text, faults first."""
    ordered = sorted(findings, key=lambda each: each.severity != "fault")
    if not ordered:
        return "Everything is in order."
    return "\n".join(_lines(each) for each in ordered)


def _lines(finding: Finding) -> str:
    subject = f"{finding.subject}: " if finding.subject else ""
    mark = "FAULT  " if finding.severity == "fault" else "warning"
    return f"{mark}  {subject}{finding.sentence}\n         → {finding.remedy}"
