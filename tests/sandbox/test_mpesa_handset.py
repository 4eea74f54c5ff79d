"""The sandbox M-Pesa: the handset's answers, and its page."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from portal.clock import MINUTE, SECOND
from sandbox.mpesa.handset import international
from tests.sandbox.mpesa import PAYBILL, PHONE, TILL, Shop, receiving, shop


@pytest.fixture
async def seller() -> AsyncIterator[Shop]:
    async with receiving() as receiver, shop(receiver) as it:
        yield it


@pytest.mark.parametrize(
    ("act", "code", "text"),
    [
        (lambda handset: handset.approve("0000"), 2001, "The initiator information is invalid."),
        (lambda handset: handset.wrong_pin(), 2001, "The initiator information is invalid."),
        (lambda handset: handset.cancel(), 1032, "Request cancelled by user"),
        (lambda handset: handset.poor(), 1, "The balance is insufficient for the transaction."),
        (lambda handset: handset.end(1019), 1019, "Transaction has expired"),
        (lambda handset: handset.end("E3008"), "E3008", "Error, the user has a bad debt contract."),
    ],
)
async def test_each_refusal_has_its_code_and_no_metadata(seller: Shop, act: Any, code: object, text: str) -> None:
    # facts/mpesa.md 3.1, 3.3, 11.4
    await seller.push()
    await act(seller.mpesa.handset(PHONE))

    [callback] = seller.receiver.callbacks
    assert (callback["ResultCode"], callback["ResultDesc"]) == (code, text)
    assert "CallbackMetadata" not in callback
    assert seller.mpesa.transactions == []


async def test_no_answer_is_1037_after_a_minute(seller: Shop) -> None:
    # facts/mpesa.md 3.3
    await seller.push()
    await seller.mpesa.handset(PHONE).ignore()
    seller.clock.advance(59 * SECOND)
    assert (seller.mpesa.pending(PHONE) is not None, seller.receiver.got) == (True, [])
    seller.clock.advance(2 * SECOND)
    await seller.receiver.until(1)

    assert (seller.receiver.codes, seller.mpesa.pending(PHONE)) == ([1037], None)


async def test_an_answer_after_the_end_is_impossible(seller: Shop) -> None:
    await seller.push()
    handset = seller.mpesa.handset(PHONE)
    await handset.cancel()
    with pytest.raises(LookupError):
        await handset.approve()
    seller.clock.advance(2 * MINUTE)
    await seller.mpesa.agenda.run_once()

    assert seller.receiver.codes == [1032]


async def test_too_little_in_the_purse_is_1(seller: Shop) -> None:
    seller.mpesa.handset(PHONE).purse = 19
    await seller.push()
    await seller.mpesa.handset(PHONE).approve()

    assert seller.receiver.codes == [1]


async def test_a_habit_answers_by_itself(seller: Shop) -> None:
    seller.mpesa.handset(PHONE).habit = "approve"
    await seller.push()
    await seller.receiver.until(1)

    assert seller.receiver.codes == [0]


@pytest.mark.parametrize("text", ["0712345678", "+254 712 345 678", "712345678", "254-712-345678"])
def test_kenyan_spellings_are_one_number(text: str) -> None:
    # facts/mpesa.md 10.1
    assert international(text) == PHONE


async def page(seller: Shop, path: str = "/handset/0712345678") -> str:
    return (await seller.http.get(path)).text


async def answer(seller: Shop, action: str, pin: str = "") -> httpx.Response:
    found = re.search(r'name="checkout" value="([^"]+)"', await page(seller))
    form = {"checkout": found[1] if found else "", "action": action, "pin": pin}
    return await seller.http.post("/handset/0712345678/answer", data=form)


async def test_the_page_shows_the_prompt_and_takes_the_pin(seller: Shop) -> None:
    await seller.push()
    assert "Do you want to pay KSh 20 to PWANI NET, account no. WIFI42? Enter M-PESA PIN" in await page(seller)

    done = await answer(seller, "ok", "1234")
    assert (done.status_code, done.headers["location"]) == (303, "/handset/0712345678")
    await seller.receiver.until(1)

    [paid] = seller.mpesa.transactions
    assert f"{paid.receipt} Confirmed. Ksh20.00 paid to PWANI NET for account WIFI42" in await page(seller)
    assert "on 18/11/26 at 2:06 PM" in await page(seller)


@pytest.mark.parametrize(
    ("action", "code"), [("ok", 2001), ("cancel", 1032), ("poor", 1), ("wrong", 2001), ("expire", 1019)]
)
async def test_each_button_of_the_page_does_what_it_says(seller: Shop, action: str, code: int) -> None:
    await seller.push()
    await answer(seller, action)
    await seller.receiver.until(1)

    assert seller.receiver.codes == [code]


async def test_no_answer_on_the_page_lets_it_ring(seller: Shop) -> None:
    await seller.push()
    await answer(seller, "ignore")

    assert "nobody answers" in await page(seller)
    assert seller.mpesa.pending(PHONE) is not None


async def test_the_page_answers_only_the_prompt_it_showed(seller: Shop) -> None:
    await seller.push()
    form = {"checkout": "ws_CO_old", "action": "ok", "pin": "1234"}
    await seller.http.post("/handset/0712345678/answer", data=form)

    assert seller.mpesa.pending(PHONE) is not None


async def test_the_page_pays_by_hand(seller: Shop) -> None:
    assert TILL in await page(seller, "/handset/0712345678/pay")
    form = {"shortcode": PAYBILL, "account": "K7QX", "amount": "50"}
    done = await seller.http.post("/handset/0712345678/pay", data=form)

    [paid] = seller.mpesa.transactions
    assert (done.status_code, paid.account, paid.amount, paid.via) == (303, "K7QX", 50, "hand")


@pytest.mark.parametrize("changes", [{"shortcode": "1"}, {"amount": "no"}, {"amount": "0"}])
async def test_the_page_says_why_nothing_was_paid(seller: Shop, changes: dict[str, str]) -> None:
    form = {"shortcode": PAYBILL, "account": "K7QX", "amount": "50"} | changes
    done = await seller.http.post("/handset/0712345678/pay", data=form)

    assert (done.status_code, seller.mpesa.transactions) == (400, [])
    assert "Not paid" in done.text


async def test_the_list_leads_to_a_phone(seller: Shop) -> None:
    await seller.push()
    assert "0712 345 678" in await page(seller, "/handset")
    picked = await seller.http.get("/handset", params={"phone": "+254 712 345 678"})

    assert picked.headers["location"] == "/handset/0712345678"


async def test_a_number_that_is_none_is_refused_and_escaped(seller: Shop) -> None:
    for path in ("/handset?phone=%3Cb%3E", "/handset/%3Cb%3E", "/handset/%3Cb%3E/pay"):
        wrong = await seller.http.get(path)
        assert (wrong.status_code, "<b>" in wrong.text) == (400, False)


async def test_the_page_is_alone_and_without_script(seller: Shop) -> None:
    await seller.push()
    for path in ("/handset", "/handset/0712345678", "/handset/0712345678/pay"):
        shown = await seller.http.get(path)
        assert shown.headers["content-security-policy"].startswith("default-src 'none'")
        assert "<script" not in shown.text
        assert "http://" not in shown.text
        assert "https://" not in shown.text


async def test_the_idle_page_looks_again_and_a_field_is_left_alone(seller: Shop) -> None:
    assert 'http-equiv="refresh" content="2"' in await page(seller)
    await seller.push()

    assert 'http-equiv="refresh" content="2"' not in await page(seller)
    assert "refresh" not in await page(seller, "/handset/0712345678/pay")
