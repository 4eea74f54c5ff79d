"""`/tool fetch` over real connections: what the router asks for, whom it believes, and how it fails.

A certificate is checked against what was imported on the router and against the router's own clock, which may say
1970. Whatever is not 2xx is an error of the script. Redirects are not followed (facts/mikrotik.md 8.1).
"""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from cryptography import x509

from portal.clock import as_datetime
from sandbox.routeros import system

if TYPE_CHECKING:
    from sandbox.routeros.device import SandboxRouter

IDLE_S = 10.0  # without a byte for so long it gives up
MOST_DATA = 65_536
PROPERTIES = frozenset(
    {"url", "mode", "http-method", "http-data", "http-header-field", "check-certificate", "output", "dst-path",
     "as-value"}
)  # fmt: skip


class FetchFailed(Exception):
    """What the console says to a fetch that failed."""


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """One request."""

    url: str
    method: str = "get"
    data: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    check: bool = False  # by default nobody is checked

    @classmethod
    def of(cls, given: Mapping[str, str]) -> Wanted:
        """From the words of the command; raises `FetchFailed` for one that not every version knows."""
        if unknown := given.keys() - PROPERTIES:
            raise FetchFailed(f"expected end of command: no {', '.join(sorted(unknown))}")
        if len(given.get("http-data", "").encode()) > MOST_DATA:
            raise FetchFailed("failure: http-data is too long")
        lines = [each.partition(":") for each in given.get("http-header-field", "").split(",") if each]
        return cls(
            url=given["url"],
            method=given.get("http-method", "get"),
            data=given.get("http-data", ""),
            headers={name.strip(): value.strip() for name, _, value in lines},
            check=given.get("check-certificate", "no") != "no",
        )


@dataclass(kw_only=True)
class Line:
    """A router's way to the internet. `reach` says where a host is really to be found; `changed` lets somebody on the
    way alter what comes back, by the request's path; `cut_after`: the connection breaks after so many bytes."""

    router: SandboxRouter
    reach: Mapping[str, tuple[str, int]] = field(default_factory=dict)
    changed: Callable[[str, bytes], bytes] | None = None
    cut_after: int | None = None
    asked: list[Wanted] = field(default_factory=list)

    def __call__(self, wanted: Wanted) -> bytes:
        """The body of the answer; raises `FetchFailed`."""
        self.asked.append(wanted)
        try:
            return self._exchange(wanted)
        except ssl.SSLCertVerificationError as untrusted:
            raise FetchFailed("failure: SSL: ssl: no trusted CA certificate found (6)") from untrusted
        except (OSError, http.client.HTTPException) as broken:
            raise FetchFailed("failure: connection timeout") from broken

    def _exchange(self, wanted: Wanted) -> bytes:
        parts = urlsplit(wanted.url)
        connection = http.client.HTTPConnection(*self._at(parts.hostname or "", parts.port or 443), timeout=IDLE_S)
        try:
            self._connect(connection, parts.hostname or "", wanted.check)
            connection.request(
                wanted.method.upper(), parts.path, wanted.data.encode(), {"Host": parts.netloc, **wanted.headers}
            )
            answer = connection.getresponse()
            body = answer.read()
        finally:
            connection.close()
        if not 200 <= answer.status < 300:
            raise FetchFailed(f"failure: Fetch failed with status {answer.status}")
        if self.cut_after is not None and len(body) > self.cut_after:
            raise FetchFailed("failure: connection closed")
        return self.changed(parts.path, body) if self.changed else body

    def _at(self, host: str, port: int) -> tuple[str, int]:
        return self.reach.get(host, (host, port))

    def _connect(self, connection: http.client.HTTPConnection, host: str, check: bool) -> None:
        connection.connect()
        secure = self._context(check).wrap_socket(connection.sock, server_hostname=host)
        connection.sock = secure
        if check:
            self._must_be_valid(secure.getpeercert(binary_form=True) or b"")

    def _context(self, check: bool) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        if not check:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        elif pem := system.trusted(self.router):
            context.load_verify_locations(cadata=pem)
        return context

    def _must_be_valid(self, shown: bytes) -> None:
        """By the router's own clock."""
        certificate, now = x509.load_der_x509_certificate(shown), as_datetime(self.router.own_time())
        if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
            raise FetchFailed("failure: SSL: ssl: certificate not yet valid (6)")
