"""Settings: from the environment or an env file, each declared once in `SETTINGS`.

`docs/settings.md` documents every one; a test fails on one that is missing there.
"""

from __future__ import annotations

import ipaddress
import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from portal.errors import Misconfigured
from portal.place import Place, server_at

# Known to everybody, so that the sandbox starts by itself; refused in production.
SANDBOX_KEY = "bando-sandbox-key-that-everybody-knows-0000"

# Addresses that M-Pesa callbacks are known to come from; no list is published, so this is a setting.
MPESA_SOURCES = (
    "196.201.214.200 196.201.214.206 196.201.214.207 196.201.214.208 196.201.213.44 196.201.213.114"
    " 196.201.212.69 196.201.212.74 196.201.212.127 196.201.212.128 196.201.212.129 196.201.212.132"
    " 196.201.212.136 196.201.212.138"
)

# Private ones, those that providers share among their customers, and private IPv6: where tunnels to routers end.
ROUTER_NETWORKS = "10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 100.64.0.0/10 fc00::/7"

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One setting: its name in the environment, default and what it is for."""

    name: str
    default: str
    help: str


SETTINGS = tuple(
    Setting(name=name, default=default, help=text)
    for name, default, text in (
        ("BANDO_MODE", "production", "production, or sandbox for trying things out"),
        ("BANDO_DATABASE", "var/bando.db", "path of the SQLite file"),
        ("DATABASE_URL", "", "a PostgreSQL database instead, as the role that may not see past its tenant"),
        ("BANDO_DATABASE_OWNER_URL", "", "the same as the role that owns its tables; for bando migrate alone"),
        ("BANDO_DATABASE_PLATFORM_URL", "", "the same as the role that sees all tenants; for bando db alone"),
        ("BANDO_SECRET_KEY", SANDBOX_KEY, "master key, at least 32 characters; keep it outside the database"),
        ("BANDO_SECRET_KEY_FILE", "", "file that holds the master key instead; its owner alone may read it"),
        ("BANDO_PUBLIC_URL", "https://localhost:8443", "address under which phones and M-Pesa reach the portal"),
        ("BANDO_LISTEN", "127.0.0.1:8443", "address and port that serve listens on"),
        ("BANDO_TLS_CERT", "", "certificate chain (PEM) when serve speaks TLS itself"),
        ("BANDO_TLS_KEY", "", "private key (PEM) of that certificate"),
        ("BANDO_CA_FILE", "", "further CA certificates (PEM) to trust when calling M-Pesa"),
        ("BANDO_TRUSTED_PROXIES", "", "addresses of own reverse proxies; only their X-Forwarded-For counts"),
        ("BANDO_MPESA_SOURCES", MPESA_SOURCES, "addresses that M-Pesa callbacks come from"),
        ("BANDO_MPESA_SOURCE_MODE", "log", "log, or enforce: a callback from elsewhere needs a query as proof"),
        ("BANDO_MPESA_QUERY_EVERY", "12", "seconds between two status queries of one M-Pesa app"),
        ("BANDO_POLL_EVERY", "10", "seconds between two polls of a router"),
        ("BANDO_POLL_EVERY_LARGE", "30", "the same for a router with more than 200 devices"),
        ("BANDO_PROMPTS_PHONE", "3", "prompts to one phone in 10 minutes"),
        ("BANDO_PROMPTS_PHONE_DAY", "10", "prompts to one phone in a day"),
        ("BANDO_PROMPTS_DEVICE", "5", "prompts from one device in 10 minutes"),
        ("BANDO_PROMPTS_ROUTER", "300", "prompts from one router in 10 minutes"),
        ("BANDO_PROMPTS_TENANT", "2000", "prompts of one tenant in 10 minutes"),
        ("BANDO_ROUTER_NETWORKS", ROUTER_NETWORKS, "networks in which routers may be"),
        ("BANDO_ROUTER_AUTHORITY", "", "CA certificate (PEM) by which routers that call know the portal"),
        ("BANDO_PLATFORM_NETWORKS", "", "networks of Bando's own machines, in which no router may be"),
        ("BANDO_VOUCHER_MOVES", "3", "how often a day a voucher may bring a new device in place of an older one"),
        ("BANDO_WEBHOOK_NETWORKS", "", "private networks in which receivers of alarms may be"),
        ("BANDO_SMTP_HOST", "", "mail server for alarms; empty: no e-mail"),
        ("BANDO_SMTP_PORT", "587", "its port"),
        ("BANDO_SMTP_TLS", "starttls", "starttls, tls from the first byte, or none"),
        ("BANDO_SMTP_USER", "", "whom to log in as there; empty: nobody"),
        ("BANDO_SMTP_PASSWORD", "", "the password for that"),
        ("BANDO_SMTP_FROM", "", "from whom the e-mails are"),
        ("BANDO_MESSAGES_SANDBOX", "", "address of the sandbox's gateway for messages; sandbox only"),
        ("BANDO_DATA_PROTECTION_CONTACT", "", "who answers for personal data at whoever runs this installation"),
        ("BANDO_RADIUS_LISTEN", "", "address and port at which FreeRADIUS asks; empty: no RADIUS"),
        ("BANDO_RADIUS_TOKEN", "", "what FreeRADIUS shows there, at least 32 characters"),
        ("BANDO_RADIUS_SERVER", "127.0.0.1:1812", "where FreeRADIUS takes logins, for bando doctor"),
        ("BANDO_RADIUS_SPOOL", "/var/spool/freeradius/bando", "where its accounting waits, for bando doctor"),
        (
            "BANDO_RADIUS_INPUT",
            "client",
            "whose bytes routers count as Acct-Input: client or router",
        ),
        ("BANDO_CLOCK_FILE", "", "file of a clock that can be moved; sandbox only"),
        ("BANDO_LOG_LEVEL", "info", "debug, info, warning or error"),
    )
)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What the environment says, read and checked once."""

    mode: str
    database: Path
    database_url: str = field(repr=False)  # each may hold a password
    database_owner_url: str = field(repr=False)
    database_platform_url: str = field(repr=False)
    secret_key: str = field(repr=False)  # never whole in a log or a traceback (R7)
    secret_key_file: str
    public_url: str
    listen_host: str
    listen_port: int
    tls_cert: str
    tls_key: str
    ca_file: str
    trusted_proxies: frozenset[str]
    mpesa_sources: frozenset[str]
    mpesa_source_mode: str
    mpesa_query_every_ms: int
    poll_every_ms: int
    poll_every_large_ms: int
    prompts_phone: int
    prompts_phone_day: int
    prompts_device: int
    prompts_router: int
    prompts_tenant: int
    router_networks: tuple[Network, ...]
    router_authority: str
    platform_networks: tuple[Network, ...]
    voucher_moves: int
    webhook_networks: tuple[Network, ...]
    smtp_host: str
    smtp_port: int
    smtp_tls: str
    smtp_user: str
    smtp_password: str = field(repr=False)
    smtp_from: str
    messages_sandbox: str
    data_protection_contact: str
    radius_host: str
    radius_port: int
    radius_token: str = field(repr=False)
    radius_server: tuple[str, int]
    radius_spool: Path
    radius_input: str
    clock_file: str
    log_level: str

    @property
    def sandbox(self) -> bool:
        return self.mode == "sandbox"

    @property
    def place(self) -> Place:
        """Where the records are."""
        return server_at(self.database_url, "DATABASE_URL") if self.database_url else self.database


def read_env_file(path: Path) -> dict[str, str]:
    """``NAME=value`` lines; blank lines and # comments are passed over."""
    found: dict[str, str] = {}
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        raise Misconfigured(f"The env file {path} does not exist or cannot be read as text.") from None
    for number, line in enumerate(lines, start=1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        name, equals, value = text.partition("=")
        if not equals:
            raise Misconfigured(f"Line {number} of {path.name} is not NAME=value.")
        found[name.strip()] = value.strip().strip("\"'")
    return found


def load(environ: Mapping[str, str] | None = None, env_file: Path | None = None) -> Settings:
    """The settings; raises `Misconfigured` with a sentence that says what to change."""
    environ = os.environ if environ is None else environ
    text = {each.name: each.default for each in SETTINGS}
    given = {**(read_env_file(env_file) if env_file else {}), **environ}
    unknown = sorted(name for name in given if name.startswith("BANDO_") and name not in text and name not in _OTHER)
    if unknown:
        raise Misconfigured(f"{unknown[0]} is not a setting of Bando; docs/settings.md lists them all.")
    text.update({name: value for name, value in given.items() if name in text})
    if text["BANDO_SECRET_KEY_FILE"]:
        if "BANDO_SECRET_KEY" in given:
            raise Misconfigured("BANDO_SECRET_KEY and BANDO_SECRET_KEY_FILE are both set; leave one of them away.")
        text["BANDO_SECRET_KEY"] = key_in(Path(text["BANDO_SECRET_KEY_FILE"]), "BANDO_SECRET_KEY_FILE")
    return _checked(text)


def key_in(path: Path, said_by: str) -> str:
    """The master key from a file that its owner alone may read; looked at and read through one open file."""
    try:
        with path.open("rb") as opened:
            mode = os.fstat(opened.fileno()).st_mode
            if mode & _OF_OTHERS:
                raise Misconfigured(f"{said_by}: others may use {path}; change that with: chmod 600 {path}")
            found = opened.read(_LONGEST_KEY).decode().strip()
    except (OSError, UnicodeDecodeError):
        raise Misconfigured(f"{said_by}: {path} does not exist or cannot be read as text.") from None
    if not found:
        raise Misconfigured(f"{said_by}: {path} is empty.")
    return found


_OF_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_LONGEST_KEY = 4096  # bytes; whatever is longer is no key


# Read by the test suite and the Makefile, not by the service.
_OTHER = frozenset(
    {
        "BANDO_REQUIRE_BROWSER",
        "BANDO_ENV_FILE",
        "BANDO_CHROMIUM",
        "BANDO_SWEEP",
        "BANDO_WORKERS",
        "BANDO_TEST_ENGINE",
    }
)


def _checked(text: Mapping[str, str]) -> Settings:
    host, port = _listen(text, "BANDO_LISTEN")
    radius_host, radius_port = _listen(text, "BANDO_RADIUS_LISTEN") if text["BANDO_RADIUS_LISTEN"] else ("", 0)
    return Settings(
        mode=_word(text, "BANDO_MODE", ("production", "sandbox")),
        database=Path(text["BANDO_DATABASE"]),
        database_url=_server(text, "DATABASE_URL"),
        database_owner_url=_server(text, "BANDO_DATABASE_OWNER_URL"),
        database_platform_url=_server(text, "BANDO_DATABASE_PLATFORM_URL"),
        secret_key=text["BANDO_SECRET_KEY"],
        secret_key_file=text["BANDO_SECRET_KEY_FILE"],
        public_url=_url(text["BANDO_PUBLIC_URL"]),
        listen_host=host,
        listen_port=port,
        tls_cert=text["BANDO_TLS_CERT"],
        tls_key=text["BANDO_TLS_KEY"],
        ca_file=text["BANDO_CA_FILE"],
        trusted_proxies=_addresses(text, "BANDO_TRUSTED_PROXIES"),
        mpesa_sources=_addresses(text, "BANDO_MPESA_SOURCES"),
        mpesa_source_mode=_word(text, "BANDO_MPESA_SOURCE_MODE", ("log", "enforce")),
        mpesa_query_every_ms=_whole(text, "BANDO_MPESA_QUERY_EVERY") * 1000,
        poll_every_ms=_whole(text, "BANDO_POLL_EVERY") * 1000,
        poll_every_large_ms=_whole(text, "BANDO_POLL_EVERY_LARGE") * 1000,
        prompts_phone=_whole(text, "BANDO_PROMPTS_PHONE"),
        prompts_phone_day=_whole(text, "BANDO_PROMPTS_PHONE_DAY"),
        prompts_device=_whole(text, "BANDO_PROMPTS_DEVICE"),
        prompts_router=_whole(text, "BANDO_PROMPTS_ROUTER"),
        prompts_tenant=_whole(text, "BANDO_PROMPTS_TENANT"),
        router_networks=_networks(text, "BANDO_ROUTER_NETWORKS"),
        router_authority=text["BANDO_ROUTER_AUTHORITY"],
        platform_networks=_networks(text, "BANDO_PLATFORM_NETWORKS"),
        voucher_moves=_whole(text, "BANDO_VOUCHER_MOVES"),
        webhook_networks=_networks(text, "BANDO_WEBHOOK_NETWORKS"),
        smtp_host=text["BANDO_SMTP_HOST"],
        smtp_port=_port(text, "BANDO_SMTP_PORT"),
        smtp_tls=_word(text, "BANDO_SMTP_TLS", ("starttls", "tls", "none")),
        smtp_user=text["BANDO_SMTP_USER"],
        smtp_password=text["BANDO_SMTP_PASSWORD"],
        smtp_from=text["BANDO_SMTP_FROM"],
        messages_sandbox=text["BANDO_MESSAGES_SANDBOX"],
        data_protection_contact=_contact(text),
        radius_host=radius_host,
        radius_port=radius_port,
        radius_token=text["BANDO_RADIUS_TOKEN"],
        radius_server=_listen(text, "BANDO_RADIUS_SERVER"),
        radius_spool=Path(text["BANDO_RADIUS_SPOOL"]),
        radius_input=_word(text, "BANDO_RADIUS_INPUT", ("client", "router")),
        clock_file=text["BANDO_CLOCK_FILE"],
        log_level=_word(text, "BANDO_LOG_LEVEL", ("debug", "info", "warning", "error")),
    )


def _server(text: Mapping[str, str], name: str) -> str:
    if text[name]:
        server_at(text[name], name)
    return text[name]


def _word(text: Mapping[str, str], name: str, allowed: tuple[str, ...]) -> str:
    if text[name] not in allowed:
        raise Misconfigured(f"{name} is {text[name]!r}; it must be one of {', '.join(allowed)}.")
    return text[name]


# In the sandbox nobody is to be written to.
SANDBOX_CONTACT = "privacy@bando.test"
_ADDRESS = re.compile(r"[^@\s<>\"]+@[^@\s<>\".]+(?:\.[^@\s<>\".]+)+")


def _contact(text: Mapping[str, str]) -> str:
    """An e-mail address; guests may write to it, so what cannot be one is refused."""
    name = "BANDO_DATA_PROTECTION_CONTACT"
    given = text[name].strip() or (SANDBOX_CONTACT if text["BANDO_MODE"] == "sandbox" else "")
    if given and (len(given) > 200 or not _ADDRESS.fullmatch(given)):
        raise Misconfigured(f"{name} is no e-mail address; it must look like privacy@example.co.ke.")
    return given


def _whole(text: Mapping[str, str], name: str) -> int:
    if not text[name].isascii() or not text[name].isdigit() or not 0 < int(text[name]) < 10**9:
        raise Misconfigured(f"{name} is {text[name]!r}; it must be a whole number above 0.")
    return int(text[name])


def _port(text: Mapping[str, str], name: str) -> int:
    if (found := _whole(text, name)) > 65535:
        raise Misconfigured(f"{name} is {text[name]!r}; a port is at most 65535.")
    return found


def _url(text: str) -> str:
    try:
        parts = urlsplit(text)
        usable = parts.scheme in ("http", "https") and parts.hostname and (parts.port or 1) > 0 and "@" not in text
    except ValueError:
        usable = False
    if not usable or parts.path.rstrip("/") or parts.query or parts.fragment:
        raise Misconfigured(f"BANDO_PUBLIC_URL is {text!r}; it must look like https://portal.example.co.ke.")
    return f"{parts.scheme}://{parts.netloc}"


def _listen(text: Mapping[str, str], name: str) -> tuple[str, int]:
    host, _, port = text[name].rpartition(":")
    if not host or not port.isdigit() or int(port) > 65535:
        raise Misconfigured(f"{name} is {text[name]!r}; it must look like 127.0.0.1:8443.")
    return host.strip("[]"), int(port)


def _addresses(text: Mapping[str, str], name: str) -> frozenset[str]:
    found = text[name].replace(",", " ").split()
    try:
        return frozenset(str(ipaddress.ip_address(each)) for each in found)
    except ValueError:
        raise Misconfigured(f"{name} holds something that is not an IP address.") from None


def networks_of(text: str) -> tuple[Network, ...]:
    """Networks and single addresses, separated by blanks or commas; raises `ValueError`."""
    return tuple(ipaddress.ip_network(each) for each in text.replace(",", " ").split())


def _networks(text: Mapping[str, str], name: str) -> tuple[Network, ...]:
    try:
        return networks_of(text[name])
    except ValueError:
        raise Misconfigured(f"{name} holds something that is not a network such as 10.9.0.0/24.") from None


SHORTEST_KEY = 32
HERE = ("localhost", "127.0.0.1", "::1")  # where words without TLS leave nobody's machine


def refuse_unsafe(settings: Settings) -> None:
    """In production, refuse what would lose money or secrets; raises `Misconfigured`."""
    if len(settings.secret_key) < SHORTEST_KEY:
        raise Misconfigured("BANDO_SECRET_KEY is shorter than 32 characters; make one with: openssl rand -hex 32")
    if bool(settings.tls_cert) != bool(settings.tls_key):
        raise Misconfigured("BANDO_TLS_CERT and BANDO_TLS_KEY go together; only one is set.")
    if settings.smtp_from and "@" not in settings.smtp_from:
        raise Misconfigured("BANDO_SMTP_FROM is no e-mail address; it must look like bando@example.co.ke.")
    if bool(settings.smtp_host) != bool(settings.smtp_from):
        raise Misconfigured("BANDO_SMTP_HOST and BANDO_SMTP_FROM go together; only one is set.")
    if settings.radius_host:
        _refuse_unsafe_radius(settings)
    if settings.sandbox:
        return
    if settings.smtp_user and settings.smtp_tls == "none":
        raise Misconfigured("BANDO_SMTP_TLS is none, so the password of BANDO_SMTP_USER would go in the clear.")
    if settings.smtp_tls == "none" and settings.smtp_host not in ("", *HERE):
        raise Misconfigured("BANDO_SMTP_TLS is none, so e-mails would go in the clear; it is for this machine alone.")
    if settings.secret_key == SANDBOX_KEY:
        raise Misconfigured("BANDO_SECRET_KEY is the well-known sandbox key; make one with: openssl rand -hex 32")
    if not settings.public_url.startswith("https://"):
        raise Misconfigured("BANDO_PUBLIC_URL is plain http; phones and M-Pesa need https.")
    if settings.clock_file:
        raise Misconfigured("BANDO_CLOCK_FILE is set; a clock that can be moved is for the sandbox only.")
    if settings.messages_sandbox:
        raise Misconfigured("BANDO_MESSAGES_SANDBOX is set; its messages reach nobody, so it is for the sandbox only.")
    if not settings.data_protection_contact:
        raise Misconfigured(
            "BANDO_DATA_PROTECTION_CONTACT is empty; people must know whom to write to about their data."
        )
    if settings.data_protection_contact == SANDBOX_CONTACT:
        raise Misconfigured("BANDO_DATA_PROTECTION_CONTACT is the sandbox's, which nobody reads; name your own.")


def _refuse_unsafe_radius(settings: Settings) -> None:
    """What FreeRADIUS and Bando tell each other holds passwords: it stays on this machine or in a private network."""
    try:
        address = ipaddress.ip_address(settings.radius_host)
    except ValueError:
        raise Misconfigured("BANDO_RADIUS_LISTEN must begin with an IP address, such as 127.0.0.1:8444.") from None
    if not (address.is_loopback or address.is_private) or address.is_unspecified:
        raise Misconfigured(
            f"BANDO_RADIUS_LISTEN is at {address}, which others may reach; use a loopback or private address."
        )
    if len(settings.radius_token) < SHORTEST_KEY:
        raise Misconfigured("BANDO_RADIUS_TOKEN is shorter than 32 characters; make one with: openssl rand -hex 32")
