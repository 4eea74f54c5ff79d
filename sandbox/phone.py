"""A guest's phone behind a gateway: scripted, for tests, or a real Chromium.

Neither ever ignores a certificate: the scripted phone trusts the sandbox's authority only, Chromium finds it in
its own store (or, where there is no `certutil`, knows the public keys of the servers it may meet).
"""

from __future__ import annotations

import os
import shutil
import ssl
import tempfile
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Literal

import httpcore
import httpx

from sandbox.ca import Authority
from sandbox.internet import MARK

if TYPE_CHECKING:
    from playwright.async_api import BrowserContext

PROBE = "http://connectivitycheck.gstatic.com/generate_204"
HOME_PAGE = "http://example.test/"
# The whole browser, with its own settings; and the same engine without windows, which does a page for half of the work.
WHOLE = os.environ.get("BANDO_CHROMIUM") or shutil.which("chromium") or "/usr/bin/chromium"
CHROMIUM = os.environ.get("BANDO_CHROMIUM") or shutil.which("chromium-headless-shell") or WHOLE
_QUIET = (
    "--no-sandbox",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-features=HttpsUpgrades,HttpsFirstBalancedModeAutoEnable,OptimizationHints,MediaRouter",
)


@dataclass(frozen=True, kw_only=True)
class Probe:
    """What the system's own question came to (facts/captive-portal.md 1.3)."""

    verdict: Literal["online", "captive", "offline"]
    location: str = ""  # the page a captive phone would open


_opened: ContextVar[list[httpcore.AsyncNetworkStream]] = ContextVar("opened")


class _Sockets(httpcore.AnyIOBackend):
    """Remembers the sockets that a request opened."""

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        stream = await super().connect_tcp(host, port, timeout, local_address, socket_options)
        _opened.get().append(stream)
        return stream


class _Radio(httpx.AsyncHTTPTransport):
    """httpx through SOCKS; the library forgets to close the socket when the proxy says no."""

    def __init__(self, proxy: str, trust: ssl.SSLContext) -> None:
        super().__init__(verify=trust, trust_env=False)
        self._pool = httpcore.AsyncSOCKSProxy(
            proxy, ssl_context=trust, max_keepalive_connections=0, network_backend=_Sockets()
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        opened: list[httpcore.AsyncNetworkStream] = []
        _opened.set(opened)
        try:
            return await super().handle_async_request(request)
        except BaseException:
            for stream in opened:
                await stream.aclose()
            raise


class Phone:
    """A scripted guest without cookies; each request is a connection of its own."""

    def __init__(
        self, port: int, ca: Authority | None = None, *, host: str = "127.0.0.1", timeout_s: float = 10
    ) -> None:
        trust = ca.client_context() if ca else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._client = httpx.AsyncClient(
            transport=_Radio(f"socks5://{host}:{port}", trust),
            trust_env=False,
            timeout=timeout_s,
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            headers={"user-agent": "Mozilla/5.0 (Linux; Android 13) scripted phone"},
        )

    async def __aenter__(self) -> Phone:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        await self._client.aclose()

    async def get(self, url: str, *, follow: bool = False, headers: Mapping[str, str] | None = None) -> httpx.Response:
        return await self._client.get(url, follow_redirects=follow, headers=headers)

    async def post(self, url: str, form: Mapping[str, str], *, follow: bool = False) -> httpx.Response:
        return await self._client.post(url, data=dict(form), follow_redirects=follow)

    async def online(self) -> bool:
        """Does the internet's own page arrive?"""
        try:
            response = await self.get(HOME_PAGE)
        except httpx.TransportError:
            return False
        return response.status_code == 200 and MARK in response.text

    async def probe(self, url: str = PROBE) -> Probe:
        """Ask as Android does: 204 is online, another 2xx or 3xx a portal, anything else no internet."""
        try:
            response = await self.get(url)
        except httpx.TransportError:
            return Probe(verdict="offline")
        if response.status_code == 204:
            return Probe(verdict="online")
        if 200 <= response.status_code < 400:
            return Probe(verdict="captive", location=response.headers.get("location", url))
        return Probe(verdict="offline")


def chromium_arguments(port: int, pins: Sequence[str] = (), *, host: str = "127.0.0.1") -> list[str]:
    """Everything through the gateway, names included; no other way out."""
    arguments = [
        *_QUIET,
        f"--proxy-server=socks5://{host}:{port}",
        "--proxy-bypass-list=<-loopback>",
        f"--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE {host}",
    ]
    return arguments + ([f"--ignore-certificate-errors-spki-list={','.join(pins)}"] if pins else [])


@asynccontextmanager
async def chromium(
    port: int,
    ca: Authority,
    *,
    pins: Sequence[str] = (),
    in_store: bool = True,
    host: str = "127.0.0.1",
    executable: str = CHROMIUM,
    java_script: bool = True,
    cookies: bool = True,
    viewport: tuple[int, int] = (360, 740),
    dark: bool = False,
    locale: str = "en-KE",
) -> AsyncIterator[BrowserContext]:
    """A fresh Chromium whose only network is the gateway on `port`.

    The authority goes into the browser's store; where that cannot be (no `certutil`, or `in_store=False`),
    only servers whose public keys are among `pins` are trusted.
    """
    from playwright.async_api import async_playwright  # only who asks for a browser needs it

    with tempfile.TemporaryDirectory(prefix="bando-chromium-", ignore_cleanup_errors=True) as folder:
        home = Path(folder)
        known = () if in_store and ca.install_nss(home) else pins
        profile = home / "profile"
        if not cookies:
            _block_cookies(profile)
        async with async_playwright() as playwright:
            context = await playwright.chromium.launch_persistent_context(
                profile,
                executable_path=executable if cookies else WHOLE,
                args=chromium_arguments(port, known, host=host),
                env={**os.environ, "HOME": folder},
                java_script_enabled=java_script,
                viewport={"width": viewport[0], "height": viewport[1]},
                color_scheme="dark" if dark else "light",
                locale=locale,
            )
            try:
                yield context
            finally:
                await context.close()


def _block_cookies(profile: Path) -> None:
    """The browser's own setting "block all cookies", which blocks the other storage as well."""
    preferences = profile / "Default/Preferences"
    preferences.parent.mkdir(parents=True)
    preferences.write_text('{"profile":{"default_content_setting_values":{"cookies":2}}}')
