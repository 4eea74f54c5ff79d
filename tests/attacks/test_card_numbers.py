"""No number of a bank card is anywhere: none is asked for, and one that is typed all the same is not kept."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from portal.columns import metadata
from portal.logs import GATHER_S
from portal.money import Money
from tests.attacks.guest import THIEFS_PHONE, VICTIM_PHONE, World, a_world
from tests.hand import on_disk

HOME = Path(__file__).parents[2]
# Numbers that issuers give out for trying; no account is behind any of them.
CARDS = ("4111111111111111", "5555555555554444", "378282246310005", "6011111111111117")
# 13 to 19 digits that begin as cards do, alone or in groups. Moments begin with 1, and numbers of phones are shorter.
NUMBER = re.compile(rb"(?<![0-9A-Za-z])[2-6](?:[ -]?[0-9]){12,18}(?![0-9A-Za-z])")
ASKS_FOR_ONE = re.compile(r"cc-number|cc-csc|card.?number|cvv|cvc|\bpan\b", re.IGNORECASE)


def luhn(digits: str) -> bool:
    """Whether the last digit fits to the others, as on a card."""
    doubled = [int(each) * (1 + at % 2) for at, each in enumerate(reversed(digits))]
    return sum(each - 9 if each > 9 else each for each in doubled) % 10 == 0


def cards_in(content: bytes) -> set[str]:
    """What may be the number of a card."""
    found = (re.sub(rb"[ -]", b"", each).decode() for each in NUMBER.findall(content))
    return {each for each in found if luhn(each)}


@pytest.fixture
async def w(tmp_path: Path) -> AsyncIterator[World]:
    async with a_world(tmp_path) as made:
        yield made


def files(w: World) -> Iterator[Path]:
    """Whatever lies in the folder of the service: the database with its log, and what else it may have written."""
    yield from (each for each in w.site.folder.rglob("*") if each.is_file() and "ca" not in each.parts)


async def types_it_everywhere(w: World, home: str, card: str) -> None:
    """In each field that a guest has, and in each address."""
    grouped = " ".join(card[at : at + 4] for at in range(0, len(card), 4))
    for text in (card, grouped):
        await w.order(home, "1 hour", text, "0" * 32)
        for path, form in (
            ("claim", {"text": text, "phone": THIEFS_PHONE}),
            ("claim", {"text": "SKE0000001", "phone": text}),
            ("voucher", {"code": text}),
            ("pay", {"plan": text, "phone": VICTIM_PHONE, "click": text}),
        ):
            await w.http.post(f"{home}{path}", data=form)
        await w.http.post("/console/login", data={"email": text, "password": text, "second": text})
        for path in (f"{home}{text}", f"/V/{text}", f"{home}?lang={text}"):
            await w.http.get(path)


async def test_no_card_is_in_the_database_or_a_log_whatever_is_typed(
    w: World, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    mac = (await w.site.phone(1)).mac
    await w.buy(mac, "1 hour", VICTIM_PHONE)
    for card in CARDS:
        await types_it_everywhere(w, await w.arrive(mac), card)
    await asyncio.sleep(2 * GATHER_S)
    out, err = capfd.readouterr()
    said = "\n".join([out, err, *(each.getMessage() for each in caplog.records if not each.name.startswith("http"))])

    held = on_disk(w.site.settings.place)
    assert b"Kilimani Wi-Fi" in held
    assert [card for card in CARDS if card.encode() in held] == []  # a server's own tables have numbers that look so
    assert [(path.name, found) for path in files(w) if (found := cards_in(path.read_bytes()))] == []
    assert cards_in(said.encode()) == set()
    assert '"route": "/w/{token}/claim"' in said, "these were the lines"


def test_no_column_is_for_one_and_no_form_asks_for_one() -> None:
    names = [f"{table.name}.{column.name}" for table in metadata.sorted_tables for column in table.columns]
    assert [each for each in names if ASKS_FOR_ONE.search(each.replace("_", " "))] == []
    pages = [*(HOME / "themes").rglob("*.html"), *(HOME / "portal").rglob("*.html")]
    assert len(pages) > 50
    assert [each.name for each in pages if ASKS_FOR_ONE.search(each.read_text())] == []


@pytest.mark.parametrize("card", CARDS)
def test_a_card_would_be_found(card: str) -> None:
    assert cards_in(b"x:" + card.encode() + b"\n") == {card}
    assert cards_in(f"{card[:4]} {card[4:8]}-{card[8:]}".encode()) == {card}
    assert ASKS_FOR_ONE.search('<input autocomplete="cc-number">')


@pytest.mark.parametrize("other", ["4111111111111112", "1764333000123", "254712345678", "a4111111111111111", "20.00"])
def test_what_is_none_is_not_taken_for_one(other: str) -> None:
    assert cards_in(other.encode()) == set()
    assert not ASKS_FOR_ONE.search(str(Money(2000)))
