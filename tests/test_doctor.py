"""The doctor: each planted fault is named in one sentence, with its remedy."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from portal.clock import DAY, HOUR, MINUTE, TravelClock, as_datetime
from portal.doctor import check_clock, check_secrets, check_time, examine
from portal.doctor_database import check_database, file_system
from portal.doctor_web import check_callback, check_certificate
from portal.findings import Finding, fault, healthy, report, warning
from portal.settings import SANDBOX_KEY, Settings, load
from portal.tenancy import store as tenancy
from sandbox.ca import Authority
from sandbox.net import listen
from sandbox.routeros.device import SandboxRouter
from sandbox.world import free_port
from tests import raw
from tests.mikrotik.ready import OPTIONS, empty_router, secure_api, set_up
from tests.support import Seed, fresh_file, placed, seed

KEY = "0123456789abcdef0123456789abcdef"


def settings_of(**environ: str) -> Settings:
    """Settings as an operator would have them; `environ` without the prefix."""
    given = {"SECRET_KEY": KEY, "PUBLIC_URL": "https://portal.example.co.ke", **environ}
    return load({f"BANDO_{name}": value for name, value in given.items()})


def codes(findings: Any) -> list[str]:
    found = list(findings)
    for each in found:
        assert each.sentence.endswith(".")
        assert ". " not in each.sentence.replace("vs. ", "")
        assert each.remedy
    return [each.code for each in found]


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("doctor-ca"))


@asynccontextmanager
async def https_server(authority: Authority, name: str = "localhost") -> AsyncIterator[int]:
    """Something that answers https with a certificate for `name`."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await listen(talk, tls=authority.server_context(name))
    try:
        yield server.port
    finally:
        await server.aclose()


@asynccontextmanager
async def date_server(date: str) -> AsyncIterator[str]:
    """Something that answers HTTP with this Date."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(f"HTTP/1.1 200 OK\r\nDate: {date}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
        await writer.drain()
        writer.close()

    server = await listen(talk)
    try:
        yield f"http://127.0.0.1:{server.port}/"
    finally:
        await server.aclose()


# -- an installation in order ---------------------------------------------------------------------


class Site:
    """A whole installation: database, portal's https, a router that was set up."""

    def __init__(self, made: Seed, settings: Settings, router: SandboxRouter) -> None:
        self.made, self.settings, self.router = made, settings, router

    async def examine(self, **changes: Any) -> list[Finding]:
        return await examine(self.settings, self.made.clock, db=self.made.db, vault=self.made.vault, **changes)

    async def change(self, column: str, value: object) -> None:
        raw.changed(self.made.db.place, f"UPDATE routers SET {column} = ?", [value])


@pytest.fixture
async def site(tmp_path: Path, authority: Authority) -> AsyncIterator[Site]:
    router = empty_router()
    clock = TravelClock(start=router.clock.now())
    clock.run_at(0)
    async with https_server(authority) as https, secure_api(router) as (port, fingerprint):
        changes: dict[str, Any] = {
            "port": port,
            "fingerprint": fingerprint,
            "tunnel": False,
            "hotspot_host": OPTIONS.hotspot_host,
        }
        made = await seed(tmp_path, clock=clock, password=OPTIONS.api_password, **changes)
        row = await made.read(tenancy.router, made.router_id)
        url = f"https://localhost:{https}"
        own = {"BANDO_MODE": "sandbox", "BANDO_PUBLIC_URL": url, "BANDO_CA_FILE": str(authority.certificate_path)}
        settings = load({"BANDO_SECRET_KEY": KEY, **own, **placed(made.db.place)})
        set_up(router, replace(OPTIONS, portal_url=url, router_public=row.public))
        try:
            yield Site(made, settings, router)
        finally:
            await made.db.aclose()


async def test_an_installation_in_order_has_no_findings(site: Site) -> None:
    assert await site.examine() == []
    assert report(await site.examine()) == "Everything is in order."


async def test_a_fault_of_a_router_is_told_with_its_name(site: Site) -> None:
    site.router.faults.device_mode_hotspot = False
    found = await site.examine()

    assert codes(found) == ["device-mode"]
    assert found[0].subject == "router Site 1"
    assert "router Site 1: The router's device-mode forbids the hotspot" in report(found)


@pytest.mark.parametrize(
    "column, value, code",
    [
        ("fingerprint", "00" * 32, "router-pin"),
        ("fingerprint", None, "router-unpinned"),
        ("username", "somebody", "router-login"),
        ("port", 1, "router-unreachable"),
        ("hotspot_host", "elsewhere.co.ke", "hotspot-host"),
    ],
)
async def test_what_bando_has_wrong_about_a_router_is_named(site: Site, column: str, value: object, code: str) -> None:
    await site.change(column, value)

    assert codes(await site.examine()) == [code]


async def test_a_router_that_stays_silent_does_not_hold_the_others_up(site: Site) -> None:
    site.router.powered = False

    assert codes(await site.examine()) == ["router-unreachable"]


async def test_no_router_yet_is_said(site: Site) -> None:
    await site.change("active", False)

    assert codes(await site.examine()) == ["no-router"]


async def test_what_the_payments_say_is_passed_on(site: Site) -> None:
    async def check() -> list[Finding]:
        return [fault("mpesa-key", "The consumer key of 174379 is refused.", "Correct it: bando account add.")]

    assert codes(await site.examine(check_mpesa=check)) == ["mpesa-key"]


async def test_without_a_database_the_rest_is_still_examined(site: Site) -> None:
    lost = replace(site.settings, database_url="", database=Path("/nowhere/bando.db"), secret_key="short")

    assert codes(await examine(lost, site.made.clock)) == ["database-missing", "secret-short"]


# -- database -------------------------------------------------------------------------------------


def test_a_database_in_order_is_passed_over(tmp_path: Path) -> None:
    assert check_database(fresh_file(tmp_path)) == []


def test_a_missing_database_is_named(tmp_path: Path) -> None:
    assert codes(check_database(tmp_path / "none.db")) == ["database-missing"]


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    path = tmp_path / "bando.db"
    path.write_bytes(b"not a database at all" * 100)

    assert codes(check_database(path)) == ["database-broken"]


def test_a_damaged_database_is_named(tmp_path: Path) -> None:
    path = fresh_file(tmp_path)
    data = bytearray(path.read_bytes())
    for page in range(4096, len(data), 4096):
        data[page : page + 64] = b"\xff" * 64
    path.write_bytes(data)

    assert codes(check_database(path)) == ["database-broken"]


def test_an_old_schema_is_named(tmp_path: Path) -> None:
    path = fresh_file(tmp_path)
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("DELETE FROM alembic_version")
    connection.close()

    assert codes(check_database(path)) == ["database-old"]


def test_another_journal_than_wal_is_named(tmp_path: Path) -> None:
    path = fresh_file(tmp_path)
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode=DELETE")
    connection.close()

    assert codes(check_database(path)) == ["database-wal"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everything")
def test_a_database_that_may_not_be_written_is_named(tmp_path: Path) -> None:
    path = fresh_file(tmp_path)
    path.chmod(0o444)

    assert "database-readonly" in codes(check_database(path))


def test_a_network_disk_is_named(tmp_path: Path) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(f"/dev/sda1 / ext4 rw 0 0\nfiler:/export {tmp_path.resolve()} nfs4 rw 0 0\n")

    assert codes(check_database(fresh_file(tmp_path), mounts=mounts)) == ["database-network"]


def test_the_deepest_mount_counts(tmp_path: Path) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text("a / nfs rw 0 0\nb /srv ext4 rw 0 0\nc /srv/www nfs rw 0 0\n")

    assert file_system(Path("/srv/bando/bando.db"), mounts) == "ext4"
    assert file_system(Path("/srv/bando.db"), tmp_path / "none") == ""


# -- clock and secrets ----------------------------------------------------------------------------


def test_a_clock_that_was_never_set_is_named() -> None:
    assert codes(check_clock(TravelClock(start=DAY))) == ["clock-wrong"]
    assert codes(check_clock(TravelClock())) == []


async def test_a_clock_that_differs_from_the_providers_is_named() -> None:
    clock = TravelClock()
    async with httpx.AsyncClient() as http:
        async with date_server(format_datetime(as_datetime(clock.now() - HOUR), usegmt=True)) as url:
            found = await check_time(http, url, clock)
        async with date_server(format_datetime(as_datetime(clock.now() - MINUTE), usegmt=True)) as url:
            close = await check_time(http, url, clock)

    assert codes(found) == ["clock-off"]
    assert "3600 s away" in found[0].sentence or "3601 s away" in found[0].sentence
    assert close == []


async def test_a_provider_that_is_silent_or_senseless_says_nothing_about_the_clock() -> None:
    async with httpx.AsyncClient() as http:
        async with date_server("tomorrow") as url:
            assert await check_time(http, url, TravelClock()) == []
        assert await check_time(http, f"http://127.0.0.1:{free_port()}/", TravelClock()) == []


@pytest.mark.parametrize(
    "environ, code",
    [
        ({"SECRET_KEY": "short"}, ["secret-short"]),
        ({"SECRET_KEY": SANDBOX_KEY}, ["secret-default"]),
        ({"SECRET_KEY": SANDBOX_KEY, "MODE": "sandbox"}, []),
        ({"CLOCK_FILE": "clock"}, ["clock-file"]),
        ({"TLS_CERT": "cert.pem"}, ["tls-half"]),
        ({"TLS_CERT": "/nowhere/cert.pem", "TLS_KEY": "/nowhere/key.pem"}, ["tls-file", "tls-file"]),
        ({}, []),
    ],
)
def test_secrets_and_files_that_do_not_fit_are_named(environ: dict[str, str], code: list[str]) -> None:
    assert codes(check_secrets(settings_of(**environ))) == code


# -- the public address ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url, code",
    [
        ("https://abc.ngrok-free.app", ["callback-tunnel"]),
        ("https://x.trycloudflare.com", ["callback-tunnel"]),
        ("https://mpesa.duka.co.ke", ["callback-word"]),
        ("https://my-safaricom-wifi.co.ke", ["callback-word"]),
        ("https://sql.duka.co.ke", ["callback-word"]),
        ("https://192.168.1.5", ["callback-private"]),
        ("https://localhost:8443", ["callback-private"]),
        ("https://wifi.duka.co.ke", []),
    ],
)
def test_addresses_that_mpesa_does_not_call_are_named(url: str, code: list[str]) -> None:
    assert codes(check_callback(settings_of(PUBLIC_URL=url))) == code


async def test_plain_http_is_named(tmp_path: Path) -> None:
    settings = settings_of(PUBLIC_URL="http://wifi.duka.co.ke", DATABASE=str(fresh_file(tmp_path)))

    assert codes(await examine(settings, TravelClock())) == ["public-http"]


async def test_a_name_that_does_not_resolve_is_named() -> None:
    assert codes(await check_certificate("no-such-name.invalid", 443, "", TravelClock())) == ["public-name"]


async def test_a_portal_that_does_not_answer_is_named(authority: Authority) -> None:
    found = await check_certificate("localhost", free_port(), str(authority.certificate_path), TravelClock())

    assert codes(found) == ["public-unreachable"]


async def test_a_certificate_of_an_unknown_authority_is_named(authority: Authority) -> None:
    async with https_server(authority) as port:
        assert codes(await check_certificate("localhost", port, "", TravelClock())) == ["certificate"]


async def test_a_certificate_for_another_name_is_named(authority: Authority) -> None:
    ca = str(authority.certificate_path)
    async with https_server(authority, "other.example.co.ke") as port:
        assert codes(await check_certificate("localhost", port, ca, TravelClock())) == ["certificate"]


@pytest.mark.parametrize("days, code", [(700, []), (720, ["certificate-ending"])])
async def test_a_certificate_that_ends_soon_is_named(authority: Authority, days: int, code: list[str]) -> None:
    clock = TravelClock(start=TravelClock().now() + days * DAY)
    async with https_server(authority) as port:
        assert codes(await check_certificate("localhost", port, str(authority.certificate_path), clock)) == code


# -- the report -----------------------------------------------------------------------------------


def test_faults_come_first_and_decide() -> None:
    small, large = warning("a", "A small thing.", "Mend it."), fault("b", "A large thing.", "Mend it now.")

    assert report([small, large]).splitlines()[0] == "FAULT    A large thing."
    assert healthy([small])
    assert not healthy([small, large])
