"""The settings: who the ISP is, and its paybill or till."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from portal import spans
from portal.payments import accounts
from portal.payments.accounts import MpesaAccount
from portal.tenancy import store as tenancy
from portal.tenancy.store import Tenant
from tests.console.office import Office, office

PROFILE = {
    "name": "Kilimani Wi-Fi",
    "legal_name": "Kilimani Networks Ltd",
    "email": "office@kilimani.test",
    "address": "P.O. Box 1234, Nairobi",
    "support_phone": "0700 123 456",
    "privacy_contact": "privacy@kilimani.test",
    "protection_number": "ODPC-4711",
    "protection_until": "2027-01-31",
    "licence_number": "CA/ASP/0815",
    "licence_until": "",
    "ssid": "Kilimani Free",
    "timezone": "Africa/Kampala",
    "language": "sw",
}
ACCOUNT = {
    "environment": "production",
    "kind": "paybill",
    "shortcode": "123456",
    "till": "",
    "consumer_key": "key-of-the-app",
    "consumer_secret": "secret-of-the-app",
    "passkey": "passkey-of-the-number",
}


async def the_tenant(o: Office) -> Tenant:
    found: list[Tenant] = await o.home.db.read(None, tenancy.tenants)
    return next(each for each in found if each.id == o.home.tenant.id)


async def the_accounts(o: Office) -> list[MpesaAccount]:
    found: list[MpesaAccount] = await o.home.read(accounts.accounts)
    return found


async def test_the_profile_is_kept_and_seen_by_guests_at_once(o: Office) -> None:
    who = await o.of("owner")
    await who.post("/settings/profile", 303, **PROFILE)
    tenant = await the_tenant(o)
    assert {name: getattr(tenant, name) or "" for name in PROFILE} == PROFILE
    view = o.services.catalog.tenant(tenant.id)
    assert view is not None
    assert view.tenant == tenant, "what is kept in memory has followed"
    page = await who.get("/settings/profile")
    for text in PROFILE.values():
        assert text in page
    (act,) = await o.acts()
    assert (act["act"], act["subject"]) == ("tenant.change", f"tenant:{tenant.public}")
    assert "Kilimani Networks Ltd" in act["payload"]


async def test_a_profile_that_says_the_same_changes_nothing(o: Office) -> None:
    who = await o.of("owner")
    await who.post("/settings/profile", 303, **PROFILE)
    await who.post("/settings/profile", 303, **PROFILE)
    assert len(await o.acts()) == 1


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("name", ""),
        ("name", "\u200b\u3164"),
        ("name", "x" * 61),
        ("name", "abc\u202egnp"),
        ("ssid", "ü" * 17),
        ("support_phone", "call me"),
        ("support_phone", "0700123456; rm -rf"),
        ("email", "nobody"),
        ("email", "a@b@c.test"),
        ("timezone", "Nairobi"),
        ("timezone", "../etc/passwd"),
        ("address", "x" * 201),
        ("legal_name", "Kilimani\u2066 Ltd"),
    ],
)
async def test_a_bad_field_is_refused_and_nothing_typed_is_lost(o: Office, field: str, text: str) -> None:
    who = await o.of("owner")
    before = await the_tenant(o)
    answer = await who.post("/settings/profile", 400, **{**PROFILE, field: text})
    assert 'role="alert"' in answer.text
    assert "Kilimani Networks Ltd" in answer.text or field == "legal_name"
    assert await the_tenant(o) == before
    assert await o.acts() == []


@pytest.mark.parametrize("day", ["2027-13-01", "yesterday", "2027-1-1", "0001-01-01", "9999-12-31"])
async def test_a_day_that_is_none_is_refused(o: Office, day: str) -> None:
    who = await o.of("owner")
    await who.post("/settings/profile", 400, **{**PROFILE, "licence_until": day})
    assert await o.acts() == []


async def test_papers_that_end_soon_are_said(o: Office) -> None:
    who = await o.of("owner")
    day = str(spans.today(o.home.clock.now(), o.home.tenant.timezone) + timedelta(days=20))  # theirs begins earlier
    await who.post("/settings/profile", 303, **{**PROFILE, "licence_until": day})
    assert "ends in 20 days" in await who.get("/settings")


async def test_an_account_is_added_and_its_secrets_are_seen_by_nobody(o: Office) -> None:
    who = await o.of("owner")
    answer = await who.post("/settings/mpesa", 303, **ACCOUNT)
    (made,) = await the_accounts(o)
    assert answer.headers["location"].startswith(f"/console/settings/mpesa/{made.id}")
    assert made.credentials(o.home.vault).passkey == ACCOUNT["passkey"]
    pages = [await who.get(path) for path in ("/settings", "/settings/mpesa", f"/settings/mpesa/{made.id}", "/audit")]
    acts = "".join(str(dict(each)) for each in await o.acts())
    for name in accounts.SECRETS:
        assert ACCOUNT[name] not in acts
        assert all(ACCOUNT[name] not in page for page in pages)
    token = accounts.c2b_token(o.home.vault, o.home.tenant.public, made.public)
    assert f"/c2b/{token}/confirm" in pages[2]


async def test_whoever_only_looks_sees_no_address_that_speaks_for_the_account(o: Office) -> None:
    owner, auditor = await o.of("owner"), await o.of("auditor")
    await owner.post("/settings/mpesa", 303, **ACCOUNT)
    (made,) = await the_accounts(o)
    assert "/c2b/" not in await auditor.get(f"/settings/mpesa/{made.id}")
    await auditor.post("/settings/mpesa", 403, **ACCOUNT)


@pytest.mark.parametrize(
    "changes",
    [
        {"shortcode": "12"},
        {"shortcode": "12345678"},
        {"shortcode": "١٢٣٤٥٦"},
        {"kind": "till"},
        {"kind": "till", "till": "abc"},
        {"passkey": ""},
        {"consumer_key": "x" * 201},
        {"consumer_secret": "ключ"},
    ],
)
async def test_a_bad_account_is_refused_and_no_secret_comes_back(o: Office, changes: dict[str, str]) -> None:
    who = await o.of("owner")
    answer = await who.post("/settings/mpesa", 400, **{**ACCOUNT, **changes})
    assert await the_accounts(o) == []
    assert 'role="alert"' in answer.text
    for name in accounts.SECRETS:
        assert ({**ACCOUNT, **changes}[name] or "~") not in answer.text


async def test_the_same_number_twice_is_refused(o: Office) -> None:
    who = await o.of("owner")
    await who.post("/settings/mpesa", 303, **ACCOUNT)
    answer = await who.post("/settings/mpesa", 409, **ACCOUNT)
    assert "is here already" in answer.text


@pytest.mark.parametrize("url", ["http://169.254.169.254", "http://127.0.0.1:6379", "https://evil.test"])
async def test_in_production_no_isp_says_where_mpesa_is(tmp_path: Path, url: str) -> None:
    async with office(
        tmp_path, BANDO_MODE="production", BANDO_SECRET_KEY="k" * 40, BANDO_PUBLIC_URL="https://wifi.test"
    ) as o:
        who = await o.of("owner")
        assert "base_url" not in await who.get("/settings/mpesa")
        await who.post("/settings/mpesa", 400, **ACCOUNT, base_url=url)
        assert await the_accounts(o) == []


async def test_keys_are_replaced_and_the_account_is_switched(o: Office) -> None:
    who = await o.of("owner")
    await who.post("/settings/mpesa", 303, **ACCOUNT)
    (made,) = await the_accounts(o)
    fresh = {"consumer_key": "newer", "consumer_secret": "newer-secret", "passkey": "newer-passkey"}
    await who.post(f"/settings/mpesa/{made.id}/keys", 303, **fresh)
    (after,) = await the_accounts(o)
    assert after.credentials(o.home.vault).consumer_secret == "newer-secret"
    assert after.app_index != made.app_index, "another app has a token of its own"
    assert "guests cannot pay by phone until there is one" in await who.get(f"/settings/mpesa/{made.id}/off")
    assert "Say why" in (await who.post(f"/settings/mpesa/{made.id}/state", 400, to="off")).text
    assert await o.home.read(accounts.current_account) is not None
    await who.post(f"/settings/mpesa/{made.id}/state", to="off", reason="moved to a till")
    assert await o.home.read(accounts.current_account) is None
    await who.post(f"/settings/mpesa/{made.id}/state", to="on")
    assert [each["act"] for each in await o.acts()] == ["mpesa.add", "mpesa.keys", "mpesa.off", "mpesa.on"]
    assert all(each["money"] for each in await o.acts())


async def test_keys_want_the_password_once_more(o: Office) -> None:
    who = await o.of("owner")
    o.home.clock.advance(11 * 60_000)
    page = await who.get("/settings/mpesa")
    assert "passkey" not in page
    assert "/console/account/prove?next=/console/settings/mpesa" in page
    await who.post("/settings/mpesa", 403, **ACCOUNT)
    assert await the_accounts(o) == []
