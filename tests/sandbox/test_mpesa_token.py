"""The sandbox M-Pesa: tokens and the envelopes of its gateway."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from portal.clock import HOUR
from tests.sandbox.mpesa import KEY, PASSKEY, SECRET, Shop, faulty, receiving, shop

BAD_TOKEN = (404, "404.001.03", "Invalid Access Token")
NO_PRODUCT = "Error Occurred - Invalid Access Token - Invalid API call as no apiproduct match found"


@pytest.fixture
async def seller() -> AsyncIterator[Shop]:
    async with receiving() as receiver, shop(receiver) as it:
        yield it


async def test_a_token_comes_with_its_life_as_text(seller: Shop) -> None:
    # facts/mpesa.md 1: captured bodies
    answer = (await seller.login()).json()

    assert set(answer) == {"access_token", "expires_in"}
    assert (len(answer["access_token"]), answer["expires_in"]) == (28, "3599")


async def test_the_life_may_be_a_number(seller: Shop) -> None:
    # facts/mpesa.md 1: the portal's sample
    seller.mpesa.switches.expires_in_number = True

    assert (await seller.login()).json()["expires_in"] == 3599


@pytest.mark.parametrize(("key", "secret"), [(KEY, "wrong"), ("wrong", SECRET), ("", "")])
async def test_wrong_credentials_get_an_empty_400(seller: Shop, key: str, secret: str) -> None:
    # facts/mpesa.md 1.1
    answer = await seller.login(key, secret)

    assert (answer.status_code, answer.content) == (400, b"")


async def test_keys_of_the_other_environment_get_an_empty_400(seller: Shop) -> None:
    # facts/mpesa.md 1.1
    async with shop(seller.receiver, environment="production", consumer_key="live-key") as live:
        answer = await live.login()

        assert (answer.status_code, answer.content) == (400, b"")


async def test_a_token_of_the_other_environment_is_invalid(seller: Shop) -> None:
    # facts/mpesa.md 11.1
    async with shop(seller.receiver, environment="production") as live:
        await seller.login()
        live.token = seller.token

        assert faulty(await live.push()) == BAD_TOKEN


async def test_only_basic_authentication_gets_a_token(seller: Shop) -> None:
    # facts/mpesa.md 1.1
    answer = await seller.http.get(
        "/oauth/v1/generate?grant_type=client_credentials", headers={"Authorization": "Bearer x"}
    )

    assert faulty(answer)[:2] == (400, "400.008.01")


async def test_another_grant_type_is_refused(seller: Shop) -> None:
    # facts/mpesa.md 1.1: whitespace in the query string is enough
    answer = await seller.http.get("/oauth/v1/generate?grant_type=client_credentials%20", auth=(KEY, SECRET))

    assert faulty(answer) == (400, "400.008.02", "Invalid grant type passed")


async def test_a_new_token_kills_the_old_one(seller: Shop) -> None:
    # facts/mpesa.md 1: portal FAQ 3
    await seller.login()
    old = seller.token
    await seller.login()

    assert faulty(await seller.post("/mpesa/stkpush/v1/processrequest", seller.order(), old)) == BAD_TOKEN
    assert (await seller.push()).status_code == 200


async def test_old_tokens_may_live_on(seller: Shop) -> None:
    # facts/mpesa.md 12
    seller.mpesa.switches.new_token_kills_old = False
    await seller.login()
    old = seller.token
    await seller.login()

    answer = await seller.post("/mpesa/stkpush/v1/processrequest", seller.order(), old)
    assert answer.status_code == 200


async def test_a_token_dies_after_an_hour(seller: Shop) -> None:
    # facts/mpesa.md 1
    await seller.login()
    seller.clock.advance(HOUR)

    assert faulty(await seller.push()) == BAD_TOKEN


async def test_c2b_has_its_own_number_for_a_bad_token(seller: Shop) -> None:
    # facts/mpesa.md 1.1
    seller.token = "stale"

    assert faulty(await seller.register()) == (400, "400.003.01", "Invalid Access Token")


async def test_no_bearer_is_an_invalid_header(seller: Shop) -> None:
    # facts/mpesa.md 1.1
    answer = await seller.http.post("/mpesa/stkpush/v1/processrequest", json=seller.order())

    assert faulty(answer)[:2] == (404, "404.001.04")


async def test_a_product_added_later_needs_a_new_token(seller: Shop) -> None:
    # facts/mpesa.md 1: tokens are bound to the products of their moment
    common: dict[str, Any] = {"passkey": PASSKEY, "consumer_key": "bare", "consumer_secret": "s"}
    seller.mpesa.add_shortcode(shortcode="600100", products=(), **common)
    await seller.login("bare", "s")
    order = seller.order(BusinessShortCode="600100", PartyB="600100")
    assert faulty(await seller.push(order)) == (401, "401.003.01", NO_PRODUCT)

    seller.mpesa.gate.add("bare", "s", {"stk"})
    assert faulty(await seller.push(order)) == (401, "401.003.01", NO_PRODUCT)
    await seller.login("bare", "s")
    assert (await seller.push(order)).status_code == 200


async def test_the_other_version_of_a_path_is_another_product(seller: Shop) -> None:
    # facts/mpesa.md 1.1 and 5.2
    assert faulty(await seller.register(version="v1")) == (401, "401.003.01", NO_PRODUCT)
    assert (await seller.register(version="v2")).status_code == 200


async def test_wrong_verbs_and_paths_are_named(seller: Shop) -> None:
    # facts/mpesa.md 2.3
    assert faulty(await seller.http.get("/mpesa/stkpush/v1/processrequest")) == (
        405,
        "405.001",
        "Method Not Allowed",
    )
    assert faulty(await seller.post("/mpesa/stkpush/v2/processrequest", {})) == (
        404,
        "404.001.01",
        "Resource not found",
    )
