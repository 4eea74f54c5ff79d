"""What nobody's browser sends: each is refused with a page, and changes nothing."""

from __future__ import annotations

from pathlib import Path

import httpx
import pyotp
import pytest

from portal.staff import store as staff_store
from tests.console.office import office


async def test_a_form_token_of_letters_that_are_not_ascii_is_refused(tmp_path: Path) -> None:
    async with office(tmp_path) as house:
        owner = await house.of("owner")
        answer = await owner.http.post("/console/account/logout", data={"csrf": "\u00e9"})
        assert answer.status_code == 403


@pytest.mark.parametrize(
    "query", ["a=1&a=2", "a=%FF", "a=%00", "&".join(f"a{n}=1" for n in range(50)), "a=" + "b" * 7000]
)
async def test_a_broken_address_is_refused_inside_the_console(tmp_path: Path, query: str) -> None:
    async with office(tmp_path) as house:
        owner = await house.of("owner")
        for path, expected in (("/account", 200), ("/online", 400), ("/payments", 400), ("/payments/queue", 400)):
            answer = await owner.http.get(f"/console{path}?{query}")
            assert answer.status_code in (expected, 414), (path, answer.status_code)
            assert "text/html" in answer.headers["content-type"]
            assert "Amina Owner" in answer.text


async def test_what_one_changes_of_ones_own_account_stands_in_the_audit_log(tmp_path: Path) -> None:
    """Whoever got hold of an account must not be able to take it over without a trace."""
    async with office(tmp_path) as house:
        who = await house.of("cashier", second=False)
        await who.post("/account/end", login="others")
        await who.post("/account/end", login="999")
        secret = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
        code = pyotp.TOTP(secret).generate_otp(house.home.clock.now() // 30_000)
        await who.post("/account/second", 403, secret=secret, code="12345")
        assert "-" in (await who.post("/account/second", 200, secret=secret, code=code)).text
        acts = await house.acts()
        assert [each["act"] for each in acts] == ["login.end", "login.end", "second-on"]
        assert {each["actor"] for each in acts} == {each["subject"] for each in acts}
        assert secret not in str([dict(each) for each in acts])


async def test_a_password_that_is_set_by_a_link_and_changed_later_stands_there_too(tmp_path: Path) -> None:
    async with office(tmp_path) as house:
        home, first, then = house.home, "maji safi kila siku", "chai ya moto asubuhi"
        made, token = await home.write(
            staff_store.invite, home.vault, home.clock.now(), email="w@isp.test", name="Wanjiru", role="cashier"
        )
        async with httpx.AsyncClient(base_url=house.url, trust_env=False, timeout=60) as http:
            taken = await http.post(f"/console/link/{token}", data={"password": first, "again": first})
            assert taken.status_code == 303
            again = await http.post(f"/console/link/{token}", data={"password": first, "again": first})
            assert again.status_code == 404
        who = await house.logged_in("cashier", made.id)
        await who.post("/account/password", 403, old="not this one", new=then, again=then)
        await who.post("/account/password", old=first, new=then, again=then)
        acts = await house.acts()
        assert [each["act"] for each in acts] == ["link.use", "password"]
        written = str([dict(each) for each in acts])
        assert not [each for each in (first, then, token) if each in written]
        assert await house.verified()
