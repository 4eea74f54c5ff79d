"""The whole portal beside the sandbox's gateway: a guest asks for a code, and it comes by the portal's own loop."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import httpx

from app import build
from portal.people import store as people
from portal.phone import Phone
from sandbox.world import PORTAL_HOST, world
from tests.support import records


async def test_a_code_comes_by_the_loop_of_the_portal_and_opens_the_page(tmp_path: Path) -> None:
    async with world(tmp_path, build, **records()) as (site, built):
        phone, now = Phone("254712345678"), site.clock.now()
        await built.db.write(site.tenant.id, people.person_for, site.vault, site.tenant.id, phone, now)
        base = f"https://127.0.0.1:{site.portal_address[1]}/data/{site.tenant.public}/"
        headers, trust = {"Host": PORTAL_HOST}, site.ca.client_context()
        async with httpx.AsyncClient(verify=trust, trust_env=False, headers=headers, timeout=60) as http:
            await http.post(f"{base}code", data={"number": "0712 345 678"})
            async with asyncio.timeout(60):
                while not site.messages.of(phone.digits):
                    await asyncio.sleep(0.05)
            code = re.search(r"[0-9]{8}", site.messages.of(phone.digits)[0].text)
            assert code is not None
            opened = await http.post(f"{base}check", data={"number": "0712 345 678", "code": code[0]})
            assert opened.status_code == 303, opened.text
            shown = (await http.get(site.messages.url)).text

    assert "SMS of the sandbox" in shown
    assert code[0] in shown
