"""An account at a provider beside M-Pesa, in the settings: the key goes in and never comes out."""

from __future__ import annotations

from pathlib import Path

import pytest

from portal.payments import accounts
from portal.payments.accounts import Account
from tests.console.office import Office, office

KEY = "sk_live_of-the-isp-0123456789"
PAYSTACK = {"environment": "production", "kind": "page", "consumer_secret": KEY}


async def newest(o: Office) -> Account:
    found: list[Account] = await o.home.read(accounts.accounts)
    return found[-1]


async def test_an_account_is_added_takes_payments_and_shows_no_key(o: Office) -> None:
    who = await o.of("owner")
    answer = await who.post("/settings/provider/paystack", 303, **PAYSTACK)
    made = await newest(o)
    assert answer.headers["location"].startswith(f"/console/settings/mpesa/{made.id}")
    assert (made.provider, made.kind, made.environment, made.shortcode, made.party_b) == (
        *("paystack", "page", "production"),
        *("", ""),
    )
    assert made.credentials(o.home.vault).consumer_secret == KEY
    assert await o.home.read(accounts.current_account) == made
    paths = ("/settings", "/settings/mpesa", f"/settings/mpesa/{made.id}", f"/settings/mpesa/{made.id}/off", "/audit")
    pages = [await who.get(path) for path in paths]
    assert not any(KEY in page for page in pages)
    assert all("Paystack" in page or "paystack" in page for page in pages)
    assert "/webhook/" in pages[2]
    assert "checkout.paystack.com" in pages[2]
    assert [each["act"] for each in await o.acts()] == ["provider.add"]


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"consumer_secret": "sk_test_1"}, 400),
        ({"consumer_secret": ""}, 400),
        ({"consumer_secret": "sk_live_" + "x" * 300}, 400),
        ({"consumer_secret": "sk_live_\n"}, 303),  # a line's end that came with the copy
        ({"consumer_secret": "sk_live_é"}, 400),
        ({"environment": "moon"}, 400),
        ({"kind": "till"}, 400),
        ({"kind": ""}, 400),
    ],
    ids=str,
)
async def test_what_cannot_be_right_is_not_kept(o: Office, changes: dict[str, str], status: int) -> None:
    who = await o.of("owner")
    answer = await who.post("/settings/provider/paystack", status, **{**PAYSTACK, **changes})
    found = await o.home.read(accounts.accounts)

    assert len(found) == (status == 303)
    assert "sk_" not in answer.text.replace("sk_live_…", "")


async def test_there_is_one_of_each_environment(o: Office) -> None:
    who = await o.of("owner")
    await who.post("/settings/provider/paystack", 303, **PAYSTACK)
    answer = await who.post("/settings/provider/paystack", 409, **PAYSTACK)
    assert "already" in answer.text
    test = {"environment": "sandbox", "consumer_secret": "sk_test_1"}
    await who.post("/settings/provider/paystack", 303, **{**PAYSTACK, **test})

    assert len(await o.home.read(accounts.accounts)) == 2


async def test_key_and_way_are_changed_and_it_is_switched(o: Office) -> None:
    who = await o.of("owner")
    await who.post("/settings/provider/paystack", 303, **PAYSTACK)
    made = await newest(o)
    path = f"/settings/mpesa/{made.id}"
    await who.post(f"{path}/keys", 400, kind="prompt", consumer_secret="sk_test_wrong")
    assert (await newest(o)).kind == "page"
    await who.post(f"{path}/keys", 303, kind="prompt", consumer_secret="sk_live_fresh")
    fresh = await newest(o)
    assert (fresh.kind, fresh.credentials(o.home.vault).consumer_secret) == ("prompt", "sk_live_fresh")
    assert fresh.app_index != made.app_index
    await who.post(f"{path}/state", 303, to="off", reason="moved")
    assert await o.home.read(accounts.current_account) is None
    await who.post(f"{path}/state", 303, to="on")

    assert [each["act"] for each in await o.acts()] == [f"provider.{each}" for each in ("add", "keys", "off", "on")]


async def test_in_production_no_isp_says_where_a_provider_is(tmp_path: Path) -> None:
    async with office(tmp_path) as o:
        who = await o.of("owner")
        if not o.services.settings.sandbox:
            await who.post("/settings/provider/paystack", 400, **PAYSTACK, base_url="https://evil.test")
        await who.post("/settings/provider/paystack", 400, **PAYSTACK, base_url="file:///etc/passwd")

        assert await o.home.read(accounts.accounts) == []


async def test_a_provider_that_nobody_has_built_is_not_there(o: Office) -> None:
    who = await o.of("owner")
    for name in ("mpesa", "stripe", "0"):
        assert (await who.http.get(f"/console/settings/provider/{name}")).status_code == 404


async def test_it_has_neither_an_api_user_nor_a_statement(o: Office) -> None:
    who = await o.of("owner")
    await who.post("/settings/provider/paystack", 303, **PAYSTACK)
    made = await newest(o)

    await who.post(f"/settings/mpesa/{made.id}/user", 404, user="anna", password="p", certificate="c")
    await who.post("/check/pull", 404, account=str(made.id))
    await who.post("/check/upload", 404, account=str(made.id), text="x")
    assert f'id="account-{made.id}"' not in await who.get("/check")
