"""The token in a guest's URL: what the router said about them, sealed (R3).

``<tenant public>.<base64url>`` holds router, mac, ip, where the guest wanted to go, language and when it was
made. It is sealed, so that no personal datum can be read in the URL, and bound to its tenant. Nothing about a
guest is stored on arrival: the token is the only memory, so cookies are not needed.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import json
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

from portal.clock import DAY, Moment
from portal.errors import Refused
from portal.seal import NotOurs, Vault

LIFETIME_MS = DAY  # a phone that was away longer starts again at the router, which knows it best
MAX_ORIG = 1024
MAX_TOKEN = 4096
MAX_TYPED = 200  # a pasted address; a code is much shorter

_TO_JSON = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode  # made once
_MAC = re.compile(r"(?:[0-9A-F]{2}:){5}[0-9A-F]{2}")
_SCANNED = re.compile(r"/v/([^/]+)", re.IGNORECASE)
_UNSAFE = re.compile(r"[\x00-\x20\x7f-\xa0\\<>\"\u2028\u2029\ufffd]")


@dataclass(frozen=True, kw_only=True)
class Context:
    """A guest's arrival, as the router told it through their browser: a claim, not a fact."""

    router: str
    mac: str
    ip: str
    orig: str
    lang: str
    issued_at: Moment
    note: str = ""
    code: str = ""  # of a voucher whose address the guest had opened; it stands nowhere else
    inside: bool = False  # the router says that the device is logged in
    secure: bool = False  # its login page is reached by https


def parse_mac(text: str) -> str:
    """``AA:BB:CC:DD:EE:FF`` of one device; raises `Refused("mac")`."""
    mac = text.strip().upper().replace("-", ":") if len(text) <= 32 else ""
    if not _MAC.fullmatch(mac) or mac == "00:00:00:00:00:00" or int(mac[:2], 16) & 1:
        raise Refused("mac")
    return mac


def parse_ip(text: str) -> str:
    """An IPv4 address that a phone can have; raises `Refused("ip")`."""
    try:
        address = ipaddress.IPv4Address(text)
    except ValueError:
        raise Refused("ip") from None
    if address.is_multicast or address.is_loopback or address.is_unspecified or address.is_reserved:
        raise Refused("ip")
    return str(address)


def _web_address(text: str) -> SplitResult | None:
    if _UNSAFE.search(text):
        return None
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        return None
    usable = parts.scheme in ("http", "https") and parts.hostname and "@" not in parts.netloc
    return parts if usable else None


def check_login(text: str, hotspot_host: str) -> None:
    """link-login must name the host registered for this router; raises `Refused("login")`."""
    parts = _web_address(text) if len(text) <= 2 * MAX_ORIG else None
    if parts is None or parts.hostname != hotspot_host.lower():
        raise Refused("login")


def parse_orig(text: str, own_hosts: frozenset[str]) -> str:
    """Where the guest wanted to go, or "" when that is nowhere; raises `Refused("orig")` on a trick.

    Too long an address, or one of our own, is dropped: it is no reason to keep a guest from buying.
    """
    if not text or len(text) > MAX_ORIG:
        return ""
    parts = _web_address(text)
    if parts is None:
        raise Refused("orig")
    return "" if parts.hostname in own_hosts else text


def parse_scan(text: str, public_host: str) -> str:
    """The code, when the guest wanted to go to a voucher's address of ours; else ""."""
    parts = _web_address(text) if len(text) <= MAX_ORIG else None
    found = _SCANNED.match(parts.path) if parts is not None and parts.hostname == public_host else None
    return typed(unquote(found[1])) if found else ""


def typed(text: str) -> str:
    """What a guest typed, as a field can show it again."""
    return "".join(letter for letter in text[:MAX_TYPED] if letter.isprintable())


def seal_context(vault: Vault, tenant_public: str, context: Context) -> str:
    """The token of this arrival."""
    return f"{tenant_public}.{seal_value(vault, tenant_public, 'entry', context.__dict__)}"


def open_context(vault: Vault, tenant_public: str, sealed: str) -> Context:
    """The reverse of `seal_context`, whatever its age; raises `Refused("old-link")`."""
    return Context(**open_value(vault, tenant_public, "entry", sealed))


def is_fresh(issued_at: Moment, now: Moment) -> bool:
    """Whether a token is neither too old nor from the future."""
    return issued_at - DAY <= now < issued_at + LIFETIME_MS


def seal_value(vault: Vault, tenant_public: str, column: str, value: object) -> str:
    """A small value as URL text that only we can read."""
    plain = _TO_JSON(value)
    sealed = vault.seal(plain, table="url", row=tenant_public, column=column)
    return base64.urlsafe_b64encode(sealed).decode().rstrip("=")


def open_value(vault: Vault, tenant_public: str, column: str, text: str) -> dict[str, Any]:
    """The reverse of `seal_value`; raises `Refused("old-link")`."""
    try:
        sealed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        plain = vault.open(sealed, table="url", row=tenant_public, column=column)
    except (NotOurs, binascii.Error, ValueError):
        raise Refused("old-link", status=404) from None
    value: dict[str, Any] = json.loads(plain)
    return value
