"""What holds for every provider, whoever it is: the contract, and any evidence in any order."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import app
from portal.clock import TravelClock
from portal.errors import ProviderRefused
from portal.payments import payment
from portal.payments.daraja import Daraja
from portal.payments.inbox import CHANNELS
from portal.payments.line import Line
from portal.payments.paystack import Paystack
from portal.payments.provider import Arrived, Provider
from portal.seal import Vault
from tests.payments.paystack_story import PaystackStory, paystack_ledger
from tests.payments.story import Ledger, Story
from tests.payments.test_paystack import a_prompt, an_account
from tests.payments.test_settle import EVENTS, FOREIGN, MONEY
from tests.support import MASTER, anybody, examples, fresh_place

VAULT = Vault(MASTER)
NAMES = ("mpesa", *(each.name for each in app.FURTHER))
BODIES = [
    b"",
    b"<html>",
    b"[]",
    b"{}",
    b"null",
    b"\xff\xfe\x00",
    b'{"event": "charge.success"}',
    b'{"event": "charge.success", "data": "success"}',
    b'{"status": true, "data": {"status": "success", "reference": null, "amount": 1e400}}',
    b'{"Body": {"stkCallback": {"ResultCode": []}}}',
    b'{"TransID": 5, "TransAmount": {}}',
    b"[" * 20_000,
    b'{"data": ' * 3_000,
]


def provider(name: str, http: Any = None) -> Provider:
    """One of those that `app.py` names; without `http` it only reads."""
    made: list[Provider] = [Daraja(http, VAULT, TravelClock(), registered=anybody)]
    made += [make(Line(http, registered=anybody), VAULT) for make in app.FURTHER]
    return next(each for each in made if each.name == name)


@pytest.mark.parametrize("name", NAMES)
def test_a_provider_says_what_it_is(name: str) -> None:
    one = provider(name)

    assert (one.name, bool(one.title), bool(one.kinds), bool(one.secrets), bool(one.answer)) == (name, *[True] * 4)
    assert set(one.secrets) <= {"consumer_key", "consumer_secret", "passkey"}
    assert all(one.base_url(each).startswith("https://") for each in ("sandbox", "production"))
    assert one.names_itself or "page" in one.kinds or "prompt" in one.kinds


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("channel", [*sorted(CHANNELS), "query", "another"])
@pytest.mark.parametrize("body", BODIES, ids=range(len(BODIES)))
def test_no_body_makes_a_reader_stumble_or_believe(name: str, channel: str, body: bytes) -> None:
    for notice in provider(name).read(channel, body) or ():
        assert notice.meaning != "success" or (channel != "query" and notice.receipt is None)
        assert notice.reason is None or notice.reason in payment.FAILURES


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.binary(max_size=200), headers=st.dictionaries(st.text(max_size=20), st.text(max_size=140), max_size=3))
@pytest.mark.parametrize("name", NAMES)
def test_nothing_that_is_made_up_is_genuine(name: str, body: bytes, headers: dict[str, str]) -> None:
    one, arrived = provider(name), Arrived(headers=headers, body=body, source="192.0.2.1")

    assert not one.genuine(an_account(), VAULT, arrived)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("act", ["push", "ask", "try_out"])
async def test_where_nobody_listens_nothing_was_started(name: str, act: str) -> None:
    account = replace(an_account(base_url="http://127.0.0.1:9"), kind="paybill" if name == "mpesa" else "page")
    wanted: dict[str, tuple[Any, ...]] = {"push": (account, a_prompt(), 0), "ask": (account, "x", 0)}
    async with httpx.AsyncClient(trust_env=False) as http:
        with pytest.raises(ProviderRefused) as refused:
            await getattr(provider(name, http), act)(*wanted.get(act, (account,)))

    assert refused.value.reason == "provider-down"


# --- any evidence in any order, through the same `settle` ---

Tell = Callable[[], Story]


@pytest.fixture(scope="module", params=["mpesa", "paystack"])
def told(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Ledger, Tell]]:
    """A ledger, and how a story begins in it, for each provider."""
    ledger = Ledger(fresh_place(tmp_path_factory.mktemp(request.param)))
    if request.param == "mpesa":
        yield ledger, lambda: Story(ledger)
    else:
        readers = paystack_ledger(ledger)
        yield ledger, lambda: PaystackStory(ledger, readers)
    ledger.connection.close()


@settings(max_examples=examples(200), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(events=st.lists(st.sampled_from(sorted(EVENTS)), max_size=14))
def test_any_evidence_in_any_order_makes_at_most_one_pass_at_every_provider(
    told: tuple[Ledger, Tell], events: list[str]
) -> None:
    ledger, tell = told
    with ledger.trial():
        story, paid = tell(), False
        for name in events:
            EVENTS[name](story)
            state = story.row.state
            assert not paid or state == "paid"
            paid = state == "paid"
            assert ledger.count("passes") == paid

        if MONEY & set(events) and not FOREIGN & set(events):
            assert paid
        if FOREIGN & set(events) and not paid:
            assert ledger.lines()


@pytest.mark.parametrize("order", list(itertools.permutations(["success", "c2b", "query paid", "failure"])), ids=str)
def test_all_orders_of_the_channels_end_in_one_pass_at_every_provider(
    told: tuple[Ledger, Tell], order: tuple[str, ...]
) -> None:
    ledger, tell = told
    with ledger.trial():
        story = tell()
        story.claimed()
        story.pushed()
        for name in order:
            EVENTS[name](story)

        assert (ledger.count("passes"), ledger.count("receipts"), story.row.state) == (1, 1, "paid")


def test_the_same_number_at_two_providers_is_two_receipts(tmp_path: Path) -> None:
    ledger = Ledger(fresh_place(tmp_path))
    first: Any = Story(ledger, n=1)
    first.claimed()
    first.pushed()
    number = str(PaystackStory.transaction(first, "success", None, 20.0, "")["id"])
    first.callback(receipt=number)
    second = PaystackStory(ledger, paystack_ledger(ledger), n=2)
    second.claimed()
    second.pushed()
    second.callback(receipt="UKM0000001")
    seen = ledger.states(), ledger.count("receipts"), ledger.count("passes")
    ledger.connection.close()

    assert seen == (["paid", "paid"], 2, 2)


def test_a_provider_is_one_file_and_one_line_of_the_composition_root() -> None:
    """Nobody else in the house knows its name."""
    home = Path(app.__file__).parent
    files = [path for path in (home / "portal").rglob("*.*") if path.suffix in (".py", ".html")]
    knowing = [path.name for path in files if re.search("paystack", path.read_text(), re.IGNORECASE)]

    assert knowing == ["paystack.py"]
    assert (Paystack,) == app.FURTHER
