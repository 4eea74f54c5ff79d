"""Whom the tests of erasing erase, and where what is left of them is looked for."""

from __future__ import annotations

from pathlib import Path

from portal.phone import Phone
from portal.privacy.erasing import subject
from portal.privacy.erasing.service import Wish
from portal.privacy.erasing.subject import Subject
from tests.keys.test_planted import forms, lying
from tests.privacy.trade import Trade

WISH = Wish(reason="They asked for it", by="staff:ada")


def one(trade: Trade, n: int) -> Subject:
    found: Subject = trade.ledger.run(subject.by_phone(trade.ledger.vault, trade.ledger.tenant.id, phone(n)))
    return found


def phone(n: int) -> Phone:
    return Phone(f"25471234567{n}")


def marks_of(n: int) -> list[str]:
    return [phone(n).digits, phone(n).spoken, f"02:00:00:00:00:{n:02X}"]


def left(folder: Path, words: list[str]) -> set[str]:
    """Which of these words lie in a file of the folder, in any form."""
    content = lying(folder)
    return {word for word in words if any(form in content for form in forms(word))}
