"""The chain of RADIUS, link by link: router, FreeRADIUS, Bando's listener. Read only; nobody is let in by it.

FreeRADIUS is asked with a Status-Server packet (RFC 5997), which it answers to a client it knows: Bando itself, with
the token as secret (deploy/freeradius/networks.conf).
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import httpx

from portal.clock import HOUR, MINUTE, Moment
from portal.findings import Finding, fault, warning
from portal.settings import Settings
from portal.tenancy.store import Router

PATIENCE_S = 3.0
SPOOL_MOST = 1 << 20  # bytes; some thousand packets
SPOOLED_MS = 5 * MINUTE
QUIET_MS = 15 * MINUTE  # a router with guests speaks each five minutes; one without any may be silent for long
STATUS_SERVER, MESSAGE_AUTHENTICATOR = 12, 80
_HEAD = struct.Struct("!BBH16s")

Heard = Literal["signed", "unsigned", "silent", "false"]


async def check_radius(settings: Settings, routers: Sequence[Router], now: Moment) -> list[Finding]:
    """What is wrong between the routers that ask RADIUS and Bando; nothing where none does."""
    if not settings.radius_host:
        return list(_nobody_listens(routers))
    found = [*await check_listener(settings), *await check_server(settings), *check_spool(settings.radius_spool, now)]
    return [*found, *check_asking(routers, now)]


def _nobody_listens(routers: Sequence[Router]) -> Iterator[Finding]:
    if routers:
        yield fault(
            "radius-off",
            f"Routers ask RADIUS ({len(routers)} of them), and Bando does not listen for FreeRADIUS.",
            "Set BANDO_RADIUS_LISTEN and BANDO_RADIUS_TOKEN, and start FreeRADIUS: docs/manual/radius.md.",
        )


async def check_listener(settings: Settings) -> list[Finding]:
    """Whether Bando answers where FreeRADIUS asks, and wants the token that this installation has."""
    url = f"http://{_netloc(settings.radius_host, settings.radius_port)}/radius/clients"
    asked = {"Bando-Source": {"type": "string", "value": ["192.0.2.1"]}}  # no router is there (RFC 5737)
    try:
        async with httpx.AsyncClient(timeout=PATIENCE_S, trust_env=False) as http:
            shown = {"authorization": f"Bearer {settings.radius_token}"}
            status = (await http.post(url, json=asked, headers=shown)).status_code
    except httpx.HTTPError:
        where = _netloc(settings.radius_host, settings.radius_port)
        return [
            fault(
                "radius-listener",
                f"Nobody answers at {where}, where FreeRADIUS asks Bando.",
                "Start Bando with BANDO_RADIUS_LISTEN set, or correct that setting.",
            )
        ]
    if status == 404:
        return []
    return [
        fault(
            "radius-token",
            f"The listener for FreeRADIUS refuses our own token (it answers {status}).",
            "Restart Bando, so that it has the BANDO_RADIUS_TOKEN of today; the same must stand in local.conf.",
        )
    ]


def _netloc(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


# -- FreeRADIUS -----------------------------------------------------------------------------------


async def check_server(settings: Settings) -> list[Finding]:
    """Whether FreeRADIUS answers at its port, and signs what it says."""
    where = _netloc(*settings.radius_server)
    heard = await ask_status(settings.radius_server, settings.radius_token.encode())
    if heard == "signed":
        return []
    if heard == "silent":
        return [
            fault(
                "radius-server",
                f"FreeRADIUS does not answer at {where}.",
                "Start it (systemctl status bando-freeradius), correct BANDO_RADIUS_SERVER, or put the token of"
                " BANDO_RADIUS_TOKEN into its local.conf: to a wrong one it says nothing.",
            )
        ]
    if heard == "false":
        return [
            fault(
                "radius-other",
                f"What answers at {where} does not know our token.",
                "Another RADIUS server has that port, or local.conf has another token: compare them.",
            )
        ]
    return [
        fault(
            "radius-unsigned",
            f"FreeRADIUS at {where} answers without a Message-Authenticator, and routers drop that.",
            "Use the configuration in deploy/freeradius, with FreeRADIUS 3.2.5 or newer, or your distribution's fix.",
        )
    ]


async def ask_status(where: tuple[str, int], secret: bytes) -> Heard:
    """Ask whether a RADIUS server is there, and look at its answer."""
    asked = status_request(secret)
    try:
        answer = await asyncio.wait_for(_exchange(where, asked), PATIENCE_S)
    except (OSError, TimeoutError):
        return "silent"
    return judged(answer, asked, secret)


def status_request(secret: bytes) -> bytes:
    """A Status-Server packet; its Message-Authenticator is all that it holds."""
    head = _HEAD.pack(STATUS_SERVER, secrets.randbelow(256), _HEAD.size + 18, secrets.token_bytes(16))
    bare = head + bytes((MESSAGE_AUTHENTICATOR, 18))
    return bare + hmac.new(secret, bare + bytes(16), "md5").digest()


def judged(answer: bytes, asked: bytes, secret: bytes) -> Heard:
    """Whether an answer is from who knows the secret, and signed. Pure."""
    bare = answer[:4] + asked[4:20] + answer[20:]
    if len(answer) < _HEAD.size or answer[1] != asked[1]:
        return "false"
    if not hmac.compare_digest(answer[4:20], hashlib.md5(bare + secret, usedforsecurity=False).digest()):
        return "false"
    at = _place_of_mark(answer)
    if at is None:
        return "unsigned"
    mark = hmac.new(secret, bare[:at] + bytes(16) + bare[at + 16 :], "md5").digest()
    return "signed" if hmac.compare_digest(answer[at : at + 16], mark) else "false"


def _place_of_mark(answer: bytes) -> int | None:
    at = _HEAD.size
    while at + 2 <= len(answer) and answer[at + 1] >= 2:
        if answer[at] == MESSAGE_AUTHENTICATOR and answer[at + 1] == 18 and at + 18 <= len(answer):
            return at + 2
        at += answer[at + 1]
    return None


async def _exchange(where: tuple[str, int], data: bytes) -> bytes:
    loop = asyncio.get_running_loop()
    heard: asyncio.Future[bytes] = loop.create_future()
    transport, _ = await loop.create_datagram_endpoint(lambda: _Once(heard), remote_addr=where)
    try:
        transport.sendto(data)
        return await heard
    finally:
        transport.close()


class _Once(asyncio.DatagramProtocol):
    """The first packet that comes, or what kept it from coming."""

    def __init__(self, heard: asyncio.Future[bytes]) -> None:
        self._heard = heard

    def datagram_received(self, data: bytes, addr: object) -> None:
        if not self._heard.done():
            self._heard.set_result(data)

    def error_received(self, exc: Exception) -> None:
        if not self._heard.done():
            self._heard.set_exception(exc)


def check_spool(folder: Path, now: Moment) -> Iterator[Finding]:
    """Whether accounting that waited has been taken in; without a folder FreeRADIUS is on another machine."""
    try:
        if not folder.exists():
            return
        files = [each.stat() for each in folder.iterdir() if each.is_file()]
    except PermissionError:
        yield warning(
            "radius-spool-closed",
            f"Whether accounting waits in {folder} cannot be seen.",
            "Let Bando's account read that folder (chmod g+rx, and its group), or run bando doctor as root.",
        )
        return
    size, oldest = sum(each.st_size for each in files), min((each.st_mtime for each in files), default=0)
    if size > SPOOL_MOST or (size and now - oldest * 1000 > SPOOLED_MS):
        yield warning(
            "radius-spool",
            f"{size // 1024} KiB of accounting wait in {folder}.",
            "Bando was away or its database is slow, and this should shrink by itself; if it does not, look at the"
            " log of FreeRADIUS.",
        )


# -- the routers ----------------------------------------------------------------------------------


def check_asking(routers: Iterable[Router], now: Moment) -> Iterator[Finding]:
    """What is known of each router that asks: whence, with what secret, and when last."""
    for router in routers:
        for each in _about(router, now):
            yield replace(each, subject=f"router {router.name}")


def _about(router: Router, now: Moment) -> Iterator[Finding]:
    if not router.radius_source or router.radius_secret_sealed is None:
        yield fault(
            "radius-unknown",
            "Nobody knows where its packets come from, so FreeRADIUS drops them.",
            f"Say it with: bando router set {router.public} --mode radius --source …",
        )
    elif router.last_contact_at is None:
        yield warning(
            "radius-never",
            f"It has not asked yet; its packets are expected from {router.radius_source}.",
            "Import its script on the router (bando router script), and look there: /radius monitor.",
        )
    elif now - router.last_contact_at > QUIET_MS:
        silent = now - router.last_contact_at
        yield warning(
            "radius-quiet",
            f"Nothing has come from it for {silent // HOUR} h {silent % HOUR // MINUTE} min.",
            "Right if no guest is there; else look at its power, its tunnel, and on it: /radius monitor (timeouts).",
        )
