"""The hotspot's own web server, as one phone sees it: a request in, a reply out, no sockets.

The order of questions is that of facts/mikrotik.md 4.1. Replies are HTTP/1.0 and end their connection, so
that an answer put in place of a stranger's page is never mistaken for the start of a conversation.
"""

from __future__ import annotations

import mimetypes
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlsplit

from sandbox.http1 import Reply, Request
from sandbox.routeros import variables
from sandbox.routeros.pages import Pages
from sandbox.routeros.radius import Chap, Proof
from sandbox.routeros.refusals import LoginRefused
from sandbox.routeros.tables import Table
from sandbox.routeros.template import render

_FILLED = (".html", ".htm", ".txt", ".json")
_MD5 = re.compile("[0-9a-f]{32}")
_SERVICES = frozenset({"login", "logout", "status", "api", ""})


class Router(Protocol):
    """What the servlet and the gateways need of a router."""

    powered: bool
    tables: dict[str, Table]
    files: dict[str, bytes]
    cut: list[Callable[[], None]]  # called when power or a reboot breaks all connections

    @property
    def profile(self) -> Mapping[str, str]: ...

    def host_seen(self, mac: str, address: str, *, to_address: str | None = None) -> None: ...
    def host_gone(self, mac: str) -> None: ...
    async def ask_radius(self, *, ip: str, user: str, password: Proof, by: str) -> None: ...
    def challenge(self, address: str) -> tuple[int, bytes] | None: ...
    def login(self, *, ip: str, user: str, password: Proof, mac: str | None = None, by: str) -> None: ...
    def logout(self, ip: str, cause: str) -> None: ...
    def is_authorized(self, mac: str, address: str) -> bool: ...
    def is_blocked(self, mac: str) -> bool: ...
    def count(self, mac: str, address: str, *, up: int, down: int) -> None: ...
    def active_of(self, mac: str, address: str) -> Mapping[str, str] | None: ...
    def host_of(self, address: str) -> Mapping[str, str] | None: ...
    def garden_host_allows(self, host: str, port: int, path: str) -> bool: ...
    def garden_ip_allows(self, host: str, address: str | None, port: int) -> bool: ...


@dataclass(frozen=True, kw_only=True)
class Guest:
    """Who asks: the phone at the other end of the wire."""

    mac: str
    address: str


def servlet_names(profile: Mapping[str, str]) -> tuple[str, ...]:
    """The names by which the router's own pages are asked for; the first is used in links."""
    address = profile.get("hotspot-address", "")
    names = (profile.get("dns-name", ""), "" if address == "0.0.0.0" else address)
    return tuple(name for name in names if name)


def answer(router: Router, guest: Guest, request: Request, *, intercepted: bool = False, tls: bool = False) -> Reply:
    """The servlet's reply. `intercepted`: the guest meant to ask somebody else."""
    return _Visit(router, guest, request, tls).reply(intercepted)


async def answered(router: Router, guest: Guest, request: Request, *, intercepted: bool, tls: bool) -> Reply:
    """The same, after RADIUS has been asked about a login that the router cannot decide alone."""
    visit = _Visit(router, guest, request, tls)
    if not intercepted and visit.service == "login" and visit.is_login():
        user, proof, by = visit.credentials()
        await router.ask_radius(ip=guest.address, user=user, password=proof, by=by)
    return visit.reply(intercepted)


def _octal(data: bytes) -> str:
    """As the pages print a challenge: for a string of JavaScript (facts/mikrotik.md 4.3)."""
    return "".join(f"\\{byte:03o}" for byte in data)


def safe_destination(text: str) -> str:
    """A `dst` that may be followed: only http and https, since 7.19.2 (CVE-2025-6563)."""
    return text if urlsplit(text).scheme in ("http", "https") else ""


class _Visit:
    """One request."""

    def __init__(self, router: Router, guest: Guest, request: Request, tls: bool) -> None:
        self.router, self.guest, self.request, self.tls = router, guest, request, tls
        self.profile = profile = router.profile
        self.pages = Pages(router.files, profile)
        self.form = request.form
        self.active = router.active_of(guest.mac, guest.address) or {}
        self.ways = frozenset(profile.get("login-by", "").split(","))
        self.folder, self.service = self._place()
        self.said: dict[str, str] = {}  # error, username: what this request added
        self.origin = safe_destination(self.form.get("dst", ""))

    def _place(self) -> tuple[str, str]:
        """`/lv/login` and `/login?target=lv` are the service `login` in the language's folder."""
        folder, _, name = self.request.path.lstrip("/").rpartition("/")
        if name not in _SERVICES:
            return "", self.request.path.lstrip("/")
        folder = folder or self.form.get("target", "")
        folder = f"{folder}/" if folder else ""
        if folder and not self.pages.has_folder(folder):
            return "", self.request.path.lstrip("/") if "/" in self.request.path.lstrip("/") else name
        return folder, name

    # -- the questions -------------------------------------------------------------------------

    def reply(self, intercepted: bool) -> Reply:
        if intercepted:
            self.folder = ""
            self.origin = f"http://{self.request.header('host') or self.request.host}{self._path_asked()}"
            return self.send_to_login()
        match self.service:
            case "":
                return self.root()
            case "login":
                return self.login()
            case "status":
                return self.status()
            case "logout":
                return self.logout()
            case "api":
                return self.captive_api()
            case name:
                return self.static(name)

    def _path_asked(self) -> str:
        target = self.request.target
        if target.startswith("/"):
            return target
        parts = urlsplit(target)
        return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")

    def root(self) -> Reply:
        if self.active:
            return self.page("rstatus.html") or self.redirect(self.links["link-status"])
        return self.send_to_login()

    def send_to_login(self) -> Reply:
        self.said["link-redirect"] = self.links["link-login"]
        return self.page("rlogin.html", "redirect.html") or self.redirect(self.links["link-login"])

    def login(self) -> Reply:
        if self.active:
            return self.logged_in()
        if not self.is_login():
            return self.login_page()
        user, proof, by = self.credentials()
        self.said["username"] = user
        try:
            self._log_in(user, proof, by)
        except LoginRefused as refused:
            return self.refuse(refused)
        self.active = self.router.active_of(self.guest.mac, self.guest.address) or {}
        return self.logged_in()

    def is_login(self) -> bool:
        """Whether the form of a login came, and there is anything to log in to."""
        return not self.active and bool({"username", "password"} & self.form.keys())

    def credentials(self) -> tuple[str, Proof, str]:
        """User, password (or what md5.js made of it), and the way."""
        user, password = self.form.get("username", ""), self.form.get("password", "")
        shown = self.router.challenge(self.guest.address) if "http-chap" in self.ways else None
        if shown is not None and _MD5.fullmatch(password):
            return user, Chap(ident=shown[0], challenge=shown[1], answer=bytes.fromhex(password)), "http-chap"
        return user, password, "https" if self.tls and "https" in self.ways else "http-pap"

    def _log_in(self, user: str, proof: Proof, by: str) -> None:
        if by != "http-chap" and not self.ways & {"http-pap", "https"}:
            raise LoginRefused("chap missing", key="chap-missing")
        self.router.login(ip=self.guest.address, user=user, password=proof, mac=self.guest.mac, by=by)

    def logged_in(self) -> Reply:
        return self.page("alogin.html") or self.redirect(self.links["link-redirect"])

    def refuse(self, refused: LoginRefused) -> Reply:
        """Errors go to the login page; a host that the router does not know is fatal."""
        self.say_error(refused.key, refused.detail)
        if refused.key == "not-logged-in":
            return self.page("error.html") or self.stock("error.html")
        return self.login_page("flogin.html")

    def login_page(self, *before: str) -> Reply:
        if "http-chap" in self.ways and (shown := self.router.challenge(self.guest.address)):
            self.said["chap-id"], self.said["chap-challenge"] = _octal(bytes((shown[0],))), _octal(shown[1])
        return self.page(*before, "login.html") or self.stock("login.html")

    def status(self) -> Reply:
        if self.active:
            return self.page("status.html") or self.stock("status.html")
        self.say_error("not-logged-in", "not-logged-in")
        return self.page("fstatus.html") or self.redirect(self.links["link-login"])

    def logout(self) -> Reply:
        if not self.active:
            self.say_error("not-logged-in", "not-logged-in")
            return self.page("flogout.html") or self.redirect(self.links["link-login"])
        self.router.logout(self.guest.address, "user request")
        return self.page("logout.html") or self.stock("logout.html")

    def captive_api(self) -> Reply:
        source = self.pages.first("api.json", folder=self.folder)
        return self.filled(source, "application/captive+json") if source is not None else Reply(status=404)

    def static(self, name: str) -> Reply:
        data = self.pages.file(name)
        if data is None:
            return Reply(status=404, body=b"<h1>404 Not Found</h1>")
        kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
        return self.filled(data, kind) if name.endswith(_FILLED) else Reply(content_type=kind, body=data)

    # -- the pages -----------------------------------------------------------------------------

    def page(self, *names: str) -> Reply | None:
        source = self.pages.first(*names, folder=self.folder)
        return None if source is None else self.filled(source)

    def stock(self, name: str) -> Reply:
        return self.filled(self.pages.stock(name))

    def redirect(self, url: str) -> Reply:
        self.said["link-redirect"] = url
        return self.page("redirect.html") or self.stock("redirect.html")

    def filled(self, source: bytes, content_type: str = "text/html") -> Reply:
        rendered = render(source.decode("utf-8", "replace"), self.variables())
        status, reason = rendered.status or (200, "")
        return Reply(
            status=status,
            reason=reason,
            content_type=content_type,
            body=rendered.text.encode(),
            headers=(("Cache-Control", "no-cache"), *rendered.headers.items()),
        )

    def say_error(self, key: str, detail: str) -> None:
        self.said["error-orig"] = detail
        self.said["error"] = render(self.pages.error_text(key), self.variables()).text

    # -- the variables -------------------------------------------------------------------------

    @property
    def secure(self) -> bool:
        """link-* turn to https with https in login-by and a certificate (facts/mikrotik.md 4.3)."""
        return "https" in self.ways and self.profile.get("ssl-certificate", "none") != "none"

    @property
    def name(self) -> str:
        return next(iter(servlet_names(self.profile)), self.request.host)

    @property
    def links(self) -> dict[str, str]:
        base = f"{'https' if self.secure else 'http'}://{self.name}"
        return variables.links(base, self.folder, self.origin, self.origin)

    def variables(self) -> dict[str, str]:
        words = {
            **self._of_router(),
            **self._of_host(),
            **self.links,
            **variables.of_session(self.active, self._refresh()),
            "var": self.form.get("var", ""),
            "session-id": self.form.get("session-id", ""),
            "popup": self.form.get("popup", ""),
            "user-agent": self.request.header("user-agent"),
            "username": self.active.get("user", ""),
        }
        words |= {f"http-header-{key}": value for key, value in self.request.headers}
        return words | self.said

    def _of_router(self) -> dict[str, str]:
        identity = self._first("/system/identity")
        server = self._first("/ip/hotspot")
        return {
            "hostname": self.name,
            "identity": identity.get("name", ""),
            "server-name": server.get("name", ""),
            "server-address": f"{self.profile.get('hotspot-address', '')}:{443 if self.tls else 80}",
            "ssl-login": "yes" if self.secure else "no",
            "plain-passwd": "yes" if "http-pap" in self.ways else "no",
            "interface-name": server.get("interface", ""),
        }

    def _first(self, path: str) -> Mapping[str, str]:
        return next(iter(self.router.tables[path].rows.values()), {})

    def _of_host(self) -> dict[str, str]:
        host = self.router.host_of(self.guest.address) or {}
        return {
            "mac": host.get("mac-address", variables.NOTHING),
            "ip": host.get("to-address", self.guest.address),
            "host-ip": host.get("address", self.guest.address),
            "vlan-id": host.get("vlan-id", ""),
        } | ({"interface-name": host["bridge-port"]} if "bridge-port" in host else {})

    def _refresh(self) -> str:
        users = self.router.tables["/ip/hotspot/user"].find(name=self.active.get("user", ""))
        named = users[0]["profile"] if users else "default"
        rows = self.router.tables["/ip/hotspot/user/profile"].find(name=named)
        return rows[0].get("status-autorefresh", "none") if rows else "none"
