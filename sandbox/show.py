"""`make run`: the whole world on this machine, with its addresses and some vouchers to try."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from portal.errors import Misconfigured
from portal.vouchers import codes
from sandbox.calling import let_call
from sandbox.cards import Cards, printed
from sandbox.history import lived
from sandbox.owner import Owner, owner
from sandbox.paystack.server import Server
from sandbox.paystack.world import taking
from sandbox.radius.server import INSTALL, program
from sandbox.stock import stocked
from sandbox.world import Build, Site, asking, outside, serving, write_env


async def show(folder: Path, port: int, build: Build, paystack: str = "", *, radius: bool = False) -> None:
    """`make run`: start the world, print the addresses, and stay until interrupted."""
    if radius and program() is None:
        raise Misconfigured(INSTALL)
    ports = {"mpesa": port + 1, "api": port + 2, "messages": port + 7}
    async with (
        outside(folder, port=port, ports=ports, radius=radius) as site,
        _portal(site, build, port + 3) as built,
        asking(site),
        AsyncExitStack() as more,
    ):
        phones = [await site.phone(number, port=port + 3 + number) for number in (1, 2)]
        write_env(site)
        cards = await printed(site, built.db)
        await lived(built.db, site.vault, site.tenant, site.row.id, site.clock.now())
        await stocked(built.db, site.vault, site.tenant, site.row.id, site.clock.now())
        if paystack:
            server = await more.enter_async_context(_paystack(site, built, paystack, port))
            print(f"\nGuests pay through Paystack; phones that it rings: {server.url}/", flush=True)
        if site.radius:
            print(_about_radius(site, port), flush=True)
        print(_addresses(site, port, cards, await owner(site, built.db)), flush=True)
        clockwork = await let_call(site, built)
        while True:
            for phone in phones:
                phone.appear()
            await asyncio.to_thread(clockwork.run_due)
            await site.clock.sleep(5_000)


def _paystack(site: Site, built: Any, kind: str, port: int) -> AbstractAsyncContextManager[Server]:
    return taking(
        built.db,
        site.vault,
        site.clock,
        site.tenant,
        built.payments.providers["paystack"],
        kind=kind,
        port=port + 6,
        public=site.settings.public_url,
        at=f"http://127.0.0.1:{port + 3}",
    )


@asynccontextmanager
async def _portal(site: Site, build: Build, plain_port: int) -> AsyncIterator[Any]:
    built = build(site.settings, clock=site.clock)
    async with (
        serving(built.web, *site.portal_address, site.settings),
        # The same pages without TLS, for an ordinary browser that does not know the sandbox's authority.
        serving(built.web, "127.0.0.1", plain_port, None),
    ):
        yield built


def _about_radius(site: Site, port: int) -> str:
    assert site.radius is not None
    return f"""
The router asks FreeRADIUS, which asks Bando; nobody calls the router but for a Disconnect.
  The guest's browser finishes the login at the router, so go behind it (the last lines below), or with curl:
       curl -sL --socks5-hostname 127.0.0.1:{port + 4} http://example.test/
  FreeRADIUS listens at 127.0.0.1:{site.radius.authentication}; its log: {site.folder}/freeradius/log/bando.log
  The chain, link by link:  bando --env-file {site.folder}/bando.env doctor"""


def _addresses(site: Site, port: int, cards: Cards, staff: Owner) -> str:
    host, internet_port = site.internet.http
    first, second = (
        f"http://127.0.0.1:{port + 3}/e/{site.row.public}?mac=02:00:00:00:00:0{phone}&ip=10.5.50.1{phone}"
        "&link-login=http://login.wifi.test/login&link-orig="
        for phone in (1, 2)
    )
    shown = "   ".join(codes.shown(code) for code in cards.codes)
    return f"""
Bando's sandbox world runs. Nothing here is real, and no money moves.

  1. You are a guest on the Wi-Fi. The first page your phone shows:
       {first}http://{host}:{internet_port}/
     The same for a second phone:
       {second}http://{host}:{internet_port}/
  2. Your phone's M-PESA, where you type the PIN (1234) or cancel:
       http://127.0.0.1:{port + 1}/handset
     SMS that were sent, such as codes:  {site.messages.url}
  3. Printed vouchers, a sheet of them in {cards.sheet}
     To type on that first page:  {shown}
     Scanned by the phone on the Wi-Fi:
       {first}{site.settings.public_url}/V/{cards.codes[-1]}
     Scanned over mobile data, which spends nothing:
       http://127.0.0.1:{port + 3}/V/{cards.codes[-1]}?once=1
  4. The console of the ISP's staff, with a month behind it:
       http://127.0.0.1:{port + 3}/console/
     E-mail {staff.email}   password {staff.password}
     The code of two-step login now: {staff.code}   (a new one: {staff.how})
  5. What the operator sees on the command line:
       bando --env-file {site.folder}/bando.env pass show
       bando --env-file {site.folder}/bando.env payments list
       bando --env-file {site.folder}/bando.env voucher list
       http://127.0.0.1:{port + 3}/readyz   http://127.0.0.1:{port + 3}/metrics

  With a browser behind the sandbox router, everything is as on a real phone:
       chromium --proxy-server=socks5://127.0.0.1:{port + 4} http://example.test/
     (trust the sandbox's authority first: {site.ca.certificate_path})

Stop with Ctrl-C. The state is kept in {site.folder}; delete it to begin again.
"""
