"""Guests on their way: from the router's entry to the prompt, and the callback of their payment."""

from __future__ import annotations

import asyncio
import json
import re
import ssl
import time
from urllib.parse import urlencode, urlsplit

import httpx

from benchmarks.ground import Watch, address_of, mac_of, until
from sandbox.mpesa.delivery import callback_body
from sandbox.mpesa.records import Push
from sandbox.world import PORTAL_HOST, Site


def browser(site: Site) -> httpx.AsyncClient:
    host, port = site.portal_address
    return httpx.AsyncClient(
        base_url=f"https://{host}:{port}",
        verify=site.ca.client_context(),
        headers={"Host": PORTAL_HOST},
        timeout=30,
        trust_env=False,
    )


async def prompt(site: Site, client: httpx.AsyncClient, number: int) -> Push:
    """A guest chooses a plan and confirms; the prompt as it stands on their phone."""
    extensions = {"sni_hostname": PORTAL_HOST}
    claims = {
        "mac": mac_of(number),
        "ip": address_of(number),
        "link-login": "http://login.wifi.test/login",
        "link-orig": "http://example.test/",
    }
    entry = await client.get(f"/e/{site.row.public}?{urlencode(claims)}", extensions=extensions)
    page = entry.headers["location"]
    html = (await client.get(page, extensions=extensions)).text
    plan = re.search(r'name="plan"[^>]*value="([0-9a-f]+)"', html)
    assert plan is not None
    phone = f"2547{number:08d}"
    form = {"plan": plan[1], "phone": phone, "confirm": "yes", "click": f"{number:032x}"}
    begun = await client.post(f"{page}pay", data=form, extensions=extensions)
    assert begun.status_code == 303, begun.status_code
    await until(lambda: site.mpesa.pending(phone) is not None)
    push = site.mpesa.pending(phone)
    assert push is not None
    return push


async def pay(site: Site, push: Push, mac: str, seen: Watch, trust: ssl.SSLContext) -> tuple[float, float]:
    """The callback, posted as M-Pesa does; ms until the row is there, and until it was acknowledged."""
    push.receipt, push.ended_at = site.mpesa.ids.receipt(push.at), push.at
    body = json.dumps(callback_body(push, 0)).encode()
    begin = time.perf_counter()
    await _post(site, urlsplit(push.callback_url).path, body, trust)
    acknowledged = time.perf_counter()
    await until(lambda: mac in seen.at, 20)
    return (seen.at[mac] - begin) * 1000, (acknowledged - begin) * 1000


async def _post(site: Site, path: str, body: bytes, trust: ssl.SSLContext) -> None:
    host, port = site.portal_address
    reader, writer = await asyncio.open_connection(host, port, ssl=trust, server_hostname=PORTAL_HOST)
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {PORTAL_HOST}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    )
    writer.write(f"{head}\r\nConnection: close\r\n\r\n".encode() + body)
    status = await reader.readline()
    assert b" 200 " in status, status
    writer.transport.abort()
