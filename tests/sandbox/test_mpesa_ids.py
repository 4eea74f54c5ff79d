"""The sandbox M-Pesa: its numbers look like the real ones."""

from __future__ import annotations

import re
from datetime import datetime
from random import Random

import pytest

from portal.clock import DAY, TravelClock
from sandbox.mpesa.agenda import Agenda
from sandbox.mpesa.ids import EAT, Ids, receipt_prefix
from tests.sandbox.mpesa import PASSKEY, PAYBILL, PHONE, START, password


def moment(text: str) -> int:
    """A Kenyan wall-clock time."""
    return int(datetime.fromisoformat(text).replace(tzinfo=EAT).timestamp() * 1000)


@pytest.mark.parametrize(
    ("when", "prefix"),
    [
        ("2019-12-19T10:21:15", "NLJ"),  # NLJ7RT61SV, the portal's sample
        ("2018-01-01T00:00:00", "MA1"),
        ("2024-09-10T12:00:00", "SIA"),
        ("2026-10-31T23:59:59", "UJV"),
        ("2026-11-01T00:00:00", "UK1"),
    ],
)
def test_a_receipt_begins_with_its_date_in_kenya(when: str, prefix: str) -> None:
    # facts/mpesa.md 3.2
    assert receipt_prefix(moment(when)) == prefix
    assert re.fullmatch(prefix + "[A-Z0-9]{7}", Ids(Random(1)).receipt(moment(when)))


def test_a_checkout_id_holds_time_and_number() -> None:
    # facts/mpesa.md 2.2: ws_CO_1007202409152617172396192
    when = moment("2024-07-10T09:15:26") + 17

    assert Ids(Random(1)).checkout(when, "254172396192") == "ws_CO_1007202409152617172396192"


def test_a_merchant_request_id_has_the_new_shape() -> None:
    # facts/mpesa.md 2.2
    pattern = r"[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\d+"

    assert re.fullmatch(pattern, Ids(Random(1)).merchant_request())


def test_no_number_is_given_twice() -> None:
    ids = Ids(Random(1))

    assert len({ids.checkout(START, PHONE) for _ in range(50)}) == 50


def test_the_same_seed_gives_the_same_numbers() -> None:
    assert Ids(Random(7)).receipt(START) == Ids(Random(7)).receipt(START)


def test_the_password_of_the_portal_s_sample() -> None:
    # facts/mpesa.md 2.5
    assert password(PAYBILL, PASSKEY, "20210628092408").endswith("MjEwNjI4MDkyNDA4")


async def test_what_is_due_happens_in_order_and_the_rest_waits() -> None:
    clock = TravelClock(start=START)
    agenda = Agenda(clock)
    done: list[str] = []

    async def note(text: str) -> None:
        done.append(text)

    agenda.at(START + 2 * DAY, lambda: note("later"))
    agenda.at(START + DAY, lambda: note("first"))
    assert await agenda.run_once() == 0
    clock.advance(DAY)
    assert (await agenda.run_once(), done) == (1, ["first"])
    await agenda.aclose()
    clock.advance(2 * DAY)
    assert (await agenda.run_once(), done) == (0, ["first"])
