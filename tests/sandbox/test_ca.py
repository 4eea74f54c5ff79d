"""The sandbox's certificate authority."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
from pathlib import Path

import pytest

from sandbox.ca import Authority
from sandbox.net import listen


async def _nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"hello")


async def _greet(context: ssl.SSLContext, server: ssl.SSLContext, name: str) -> bytes:
    listener = await listen(_nothing, tls=server)
    try:
        reader, writer = await asyncio.open_connection(*listener.address, ssl=context, server_hostname=name)
        try:
            return await reader.read()
        finally:
            writer.close()
            await writer.wait_closed()
    finally:
        await listener.aclose()


@pytest.mark.parametrize("name", ["portal.bando.test", "127.0.0.1"])
async def test_a_leaf_is_trusted_by_who_trusts_the_authority(name: str, tmp_path: Path) -> None:
    ca = Authority(tmp_path)
    server = ca.server_context("portal.bando.test", "127.0.0.1")

    assert await _greet(ca.client_context(), server, name) == b"hello"


async def test_a_leaf_is_good_for_its_names_only(tmp_path: Path) -> None:
    ca = Authority(tmp_path)

    with pytest.raises(ssl.SSLCertVerificationError, match="mismatch"):
        await _greet(ca.client_context(), ca.server_context("portal.bando.test"), "other.test")


async def test_another_authority_is_not_trusted(tmp_path: Path) -> None:
    ca, other = Authority(tmp_path / "one"), Authority(tmp_path / "two")

    with pytest.raises(ssl.SSLCertVerificationError):
        await _greet(other.client_context(), ca.server_context("portal.bando.test"), "portal.bando.test")


def test_a_folder_keeps_its_authority_and_its_leaves(tmp_path: Path) -> None:
    first, again = Authority(tmp_path), Authority(tmp_path)

    assert first.certificate_path.read_bytes() == again.certificate_path.read_bytes()
    assert first.leaf("a.test") == again.leaf("a.test")
    assert first.leaf("a.test").spki_pin != first.leaf("b.test").spki_pin
    assert (tmp_path / "ca.key").stat().st_mode & 0o077 == 0


def test_the_pin_is_the_one_that_openssl_computes(tmp_path: Path) -> None:
    leaf = Authority(tmp_path).leaf("a.test")
    command = (
        f"openssl x509 -in {leaf.certificate} -pubkey -noout | openssl pkey -pubin -outform der"
        " | openssl dgst -sha256 -binary | openssl base64"
    )

    assert (
        subprocess.run(command, shell=True, check=True, capture_output=True, text=True).stdout.strip() == leaf.spki_pin
    )
