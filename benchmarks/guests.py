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


async def pay(
    site: Site, push: Push, mac: str, seen: Watch, trust: ssl.SSLContext, together: asyncio.Barrier | None = None
) -> tuple[float, float]:
    """The callback, posted as M-Pesa does it; ms until the row is there, and until it was acknowledged.

    The time begins before the TCP connection is opened; with `together` when all have theirs and post.
    """
    push.receipt, push.ended_at = site.mpesa.ids.receipt(push.at), push.at
    body = json.dumps(callback_body(push, 0)).encode()
    begin = time.perf_counter()
    host, port = site.portal_address
    reader, writer = await asyncio.open_connection(host, port, ssl=trust, server_hostname=PORTAL_HOST)
    if together is not None:
        await together.wait()
        begin = time.perf_counter()
    writer.write(_callback(urlsplit(push.callback_url).path, body))
    status = await reader.readline()
    assert b" 200 " in status, status
    acknowledged = time.perf_counter()
    writer.transport.abort()
    await until(lambda: mac in seen.at, 20)
    return (seen.at[mac] - begin) * 1000, (acknowledged - begin) * 1000


def _callback(path: str, body: bytes) -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: {PORTAL_HOST}\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body
