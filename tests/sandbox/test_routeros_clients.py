"""Independent clients against the sandbox router: what works for them works on a real router too."""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import librouteros
import pytest
import routeros_api
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from sandbox.routeros.api import ApiServer, serve_api
from sandbox.routeros.device import Faults
from sandbox.routeros.tls import certificate_tls
from tests.sandbox.routeros import IP, MAC, make_router, served


def _routeros_api(server: ApiServer, **more: Any) -> Any:
    more = {"username": "bando", "password": "sandbox", "plaintext_login": True} | more
    return routeros_api.RouterOsApiPool("127.0.0.1", port=server.port, **more)


def _sell_one_hour(pool: Any) -> tuple[Any, Any, Any]:
    api = pool.get_api()
    users = api.get_resource("/ip/hotspot/user")
    users.add(name="guest", password="123456", limit_uptime="3600", mac_address=MAC)
    api.get_binary_resource("/ip/hotspot/active").call(
        "login", {"ip": IP.encode(), "user": b"guest", "password": b"123456"}
    )
    found = users.get(name="guest"), api.get_resource("/ip/hotspot/active").get(), users.get(name="nobody")
    with pytest.raises(routeros_api.exceptions.RouterOsApiCommunicationError, match="already have user"):
        users.add(name="guest")
    pool.disconnect()
    return found


@pytest.mark.parametrize("version", ["7.20.8", "7.17", "6.49.10"])
async def test_routeros_api_sells_an_hour(version: str) -> None:
    router, _ = make_router(version)
    router.host_seen(MAC, IP)
    async with served(router) as server:
        users, actives, nobody = await asyncio.to_thread(_sell_one_hour, _routeros_api(server))
    assert users[0]["limit-uptime"] == "1h"
    assert (actives[0]["user"], actives[0]["session-time-left"]) == ("guest", "1h")
    assert not nobody


async def test_routeros_api_logs_in_by_md5_before_6_43() -> None:
    """facts/mikrotik.md 10: its default."""
    router, _ = make_router("6.42.12")
    router.host_seen(MAC, IP)
    async with served(router) as server:
        await asyncio.to_thread(_sell_one_hour, _routeros_api(server, plaintext_login=False))
    assert router.is_authorized(MAC, IP)


async def test_routeros_api_works_over_tls(tmp_path: Path) -> None:
    router, _ = make_router()
    router.host_seen(MAC, IP)
    certificate, key = _self_signed(tmp_path)
    server = await serve_api(router, tls=certificate_tls(str(certificate), str(key)))
    context = ssl.create_default_context(cafile=str(certificate))
    pool = _routeros_api(server, use_ssl=True, ssl_context=context)
    await asyncio.to_thread(_sell_one_hour, pool)
    await server.aclose()
    assert router.is_authorized(MAC, IP)


def _self_signed(folder: Path) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    addresses = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    certificate = builder.add_extension(addresses, critical=False).sign(key, hashes.SHA256())
    paths = folder / "api.pem", folder / "api.key"
    paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return paths


async def _with_librouteros(server: ApiServer, work: Callable[[Any], Any], **more: Any) -> None:
    api = await librouteros.async_connect("127.0.0.1", "bando", "sandbox", port=server.port, **more)
    try:
        await work(api)
    finally:
        await api.close()


@pytest.mark.parametrize("version", ["7.20.8", "6.49.10"])
async def test_librouteros_adds_selects_changes_and_removes(version: str) -> None:
    router, _ = make_router(version)

    async def work(api: Any) -> None:
        users = api.path("ip", "hotspot", "user")
        ident = await users.add(name="guest", comment="x" * 300)
        await users.update(**{".id": ident, "limit-uptime": "90"})
        name = librouteros.query.Key("name")
        rows = [row async for row in users.select().where(name == "guest")]
        assert [(row["limit-uptime"], len(row["comment"])) for row in rows] == [("1m30s", 300)]
        await users.remove(ident)
        assert [row async for row in users.select().where(name == "guest")] == []

    async with served(router) as server:
        await _with_librouteros(server, work)


async def test_librouteros_sees_two_traps_for_a_missing_package() -> None:
    """facts/mikrotik.md 1.7."""
    router, _ = make_router(faults=Faults(hotspot_package=False))

    async def work(api: Any) -> None:
        with pytest.raises(librouteros.exceptions.MultiTrapError):
            [row async for row in api.path("ip", "hotspot", "user")]

    async with served(router) as server:
        await _with_librouteros(server, work)


async def test_librouteros_logs_in_by_token_before_6_43() -> None:
    """facts/mikrotik.md 1.3."""
    router, _ = make_router("6.42.12")

    async def work(api: Any) -> None:
        assert [row async for row in api.path("system", "identity")] == [{"name": "site-1"}]

    async with served(router) as server:
        await _with_librouteros(server, work, login_method=librouteros.login.async_token)
