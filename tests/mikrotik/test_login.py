"""Reaching a router: name and password, the old challenge, the pinned certificate (facts/mikrotik.md 1.3, 1.4)."""

from __future__ import annotations

import asyncio
import hashlib
import socket
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from portal.errors import Misconfigured, RouterError, RouterUnreachable
from portal.mikrotik.replies import RouterCertificateChanged, RouterRefusedLogin
from portal.mikrotik.wire import Address, connect, fingerprint_of
from sandbox.net import LOOPBACK

from .scripted import Visitor, router, tag_of

PASSWORD = "secret-of-the-router"


class Certificate:
    """A self-signed certificate as a router makes one: no name that anybody could check."""

    def __init__(self, folder: Path) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "router")])
        now = datetime.now(UTC)
        builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        builder = builder.serial_number(1).not_valid_before(now).not_valid_after(now + timedelta(days=1))
        made = builder.sign(key, hashes.SHA256())
        self.fingerprint = made.fingerprint(hashes.SHA256()).hex()
        pem = serialization.Encoding.PEM
        plain = (serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        path = folder / "router.pem"
        path.write_bytes(key.private_bytes(pem, *plain) + made.public_bytes(pem))
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(path)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return Certificate(tmp_path_factory.mktemp("router"))


@pytest.fixture
def deaf_port() -> Iterator[int]:
    """A port that accepts connections into its backlog and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


async def stay(visitor: Visitor) -> None:
    await visitor.accept_login()
    await visitor.end()


async def test_name_and_password_go_in_one_sentence() -> None:
    async with router(stay) as it:
        wire = await connect(it.address())
        await wire.aclose()

    assert it.visitors[0].heard[0][:3] == ["/login", "=name=bando", f"=password={PASSWORD}"]


async def test_the_challenge_of_an_old_router_is_answered() -> None:
    challenge = "ab" * 16

    async def old(visitor: Visitor) -> None:
        visitor.say("!done", f"=ret={challenge}", tag_of(await visitor.hear()))
        visitor.say("!done", tag_of(await visitor.hear()))
        await visitor.end()

    async with router(old) as it:
        wire = await connect(it.address())
        await wire.aclose()

    digest = hashlib.md5(b"\0" + PASSWORD.encode() + bytes.fromhex(challenge)).hexdigest()
    assert it.visitors[0].heard[1][:3] == ["/login", "=name=bando", f"=response=00{digest}"]


async def test_a_broken_challenge_is_no_login() -> None:
    async def odd(visitor: Visitor) -> None:
        visitor.say("!done", "=ret=xyz", tag_of(await visitor.hear()))
        await visitor.end()

    async with router(odd) as it:
        with pytest.raises(RouterUnreachable, match="challenge"):
            await connect(it.address())


@pytest.mark.parametrize("text", ["invalid user name or password (6)", "cannot log in"])
async def test_a_refused_account_is_told_apart_and_the_password_is_not_told(text: str) -> None:
    async def refuse(visitor: Visitor) -> None:
        tag = tag_of(await visitor.hear())
        visitor.say("!trap", f"=message={text}", tag)
        visitor.say("!done", tag)
        assert await visitor.hear() == []

    async with router(refuse) as it:
        with pytest.raises(RouterRefusedLogin) as caught:
            await connect(it.address())

    assert text in str(caught.value)
    assert PASSWORD not in str(caught.value)
    assert PASSWORD not in repr(it.address())


async def test_the_fatal_of_too_many_wrong_logins_is_a_refusal_too() -> None:
    async def fatal(visitor: Visitor) -> None:
        await visitor.hear()
        visitor.say("!fatal", "too many commands before login")

    async with router(fatal) as it:
        with pytest.raises(RouterRefusedLogin):
            await connect(it.address())


async def test_a_router_that_closes_or_says_another_fatal_is_unreachable() -> None:
    async def close(visitor: Visitor) -> None:
        await visitor.hear()
        if len(it.visitors) == 2:
            visitor.say("!fatal", "too many sessions")

    async with router(close) as it:
        for _ in range(2):
            with pytest.raises(RouterUnreachable, match=f"127.0.0.1:{it.port}"):
                await connect(it.address())


async def test_a_port_that_nobody_listens_at_is_unreachable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    with pytest.raises(RouterUnreachable, match=f"127.0.0.1:{port}"):
        await connect(Address(host="127.0.0.1", policy=LOOPBACK, port=port, username="a", password="b", tunnel=True))


@pytest.mark.parametrize("fingerprint", [None, "00" * 32])
async def test_a_half_open_router_costs_no_more_than_the_time_allowed(deaf_port: int, fingerprint: str | None) -> None:
    address = Address(
        policy=LOOPBACK,
        host="127.0.0.1",
        port=deaf_port,
        username="a",
        password="b",
        fingerprint=fingerprint,
        tunnel=True,
    )
    async with asyncio.timeout(60):
        with pytest.raises(RouterUnreachable):
            await connect(address, timeout_s=0.1)


@pytest.mark.parametrize("fingerprint", [None, ""])
async def test_plain_text_needs_a_declared_tunnel(fingerprint: str | None) -> None:
    address = Address(host="127.0.0.1", policy=LOOPBACK, port=1, username="a", password="b", fingerprint=fingerprint)

    with pytest.raises(Misconfigured, match="tunnel"):
        await connect(address)


async def test_the_pinned_certificate_is_accepted_in_any_spelling(certificate: Certificate) -> None:
    digest = certificate.fingerprint.upper()
    spelled = ":".join(digest[at : at + 2] for at in range(0, 64, 2))

    async with router(stay, tls=certificate.context) as it:
        assert await fingerprint_of("127.0.0.1", it.port, policy=LOOPBACK) == certificate.fingerprint
        for fingerprint in (certificate.fingerprint, spelled):
            wire = await connect(it.address(fingerprint=fingerprint))
            assert not wire.closed.is_set()
            await wire.aclose()
            assert wire.closed.is_set()


@pytest.mark.parametrize("fingerprint", ["00" * 32, "not hex", " "])
async def test_another_certificate_never_hears_the_password(certificate: Certificate, fingerprint: str) -> None:
    async with router(stay, tls=certificate.context) as it:
        with pytest.raises(RouterCertificateChanged, match="pin the new one"):
            await connect(it.address(fingerprint=fingerprint))
        await asyncio.sleep(0.05)
        assert it.visitors[0].heard == []


async def test_a_plain_port_is_no_tls_router() -> None:
    async def deaf(visitor: Visitor) -> None:
        while await visitor.reader.read(4096):
            pass

    async with router(deaf) as it:
        with pytest.raises(RouterError):
            await connect(it.address(fingerprint="00" * 32), timeout_s=0.5)


async def test_a_cancelled_connect_leaves_nothing_behind(deaf_port: int) -> None:
    before = asyncio.all_tasks()
    address = Address(host="127.0.0.1", policy=LOOPBACK, port=deaf_port, username="a", password="b", tunnel=True)
    task = asyncio.create_task(connect(address))
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert asyncio.all_tasks() == before
