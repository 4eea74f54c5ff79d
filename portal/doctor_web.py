"""Can phones and M-Pesa reach the portal, and will they trust it?"""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from urllib.parse import urlsplit

from portal.clock import DAY, Clock, Moment
from portal.findings import Finding, fault, warning
from portal.settings import Settings

# Words that M-Pesa refuses in a callback address (facts/mpesa.md 5.2), whether inside others too is not written down.
BANNED = ("mpesa", "m-pesa", "safaricom", "exec", "exe", "cmd", "sql", "query")
# Addresses lent for an hour: M-Pesa refuses them, and payments would be lost when they end.
TUNNELS = (
    *("ngrok.io", "ngrok.app", "ngrok.dev", "ngrok-free.app", "ngrok-free.dev", "loca.lt", "localtunnel.me"),
    *("trycloudflare.com", "serveo.net", "localhost.run", "lhr.life", "pagekite.me", "requestbin.com", "mockbin.org"),
    *("webhook.site", "pipedream.net"),
)
CERTIFICATE_DAYS = 14
PATIENCE_S = 10.0


async def check_public_url(settings: Settings, clock: Clock) -> list[Finding]:
    """The public address as such, then as phones see it."""
    found = [*check_callback(settings)]
    parts = urlsplit(settings.public_url)
    if parts.scheme != "https":
        severe = warning if settings.sandbox else fault
        remedy = "Set BANDO_PUBLIC_URL to an https:// address and give it a certificate."
        return [*found, severe("public-http", "BANDO_PUBLIC_URL is plain http; phones and M-Pesa need https.", remedy)]
    return found + await check_certificate(parts.hostname or "", parts.port or 443, settings.ca_file, clock)


def check_callback(settings: Settings) -> Iterator[Finding]:
    """What M-Pesa will not call, whatever the page does."""
    host = (urlsplit(settings.public_url).hostname or "").lower()
    own = "Set BANDO_PUBLIC_URL to a name of your own that the internet can reach."
    if any(host == each or host.endswith(f".{each}") for each in TUNNELS):
        yield fault("callback-tunnel", f"{host} is a borrowed tunnel address, which M-Pesa does not call.", own)
    if word := next((word for word in BANNED if word in host), ""):
        yield fault("callback-word", f"The public address {host} holds {word!r}, a word that M-Pesa refuses.", own)
    if not settings.sandbox and _private(host):
        yield fault("callback-private", f"{host} is no public address, so M-Pesa cannot call it.", own)


def _private(host: str) -> bool:
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return host == "localhost" or host.endswith((".localhost", ".local", ".test", ".internal")) or "." not in host


async def check_certificate(host: str, port: int, ca_file: str, clock: Clock) -> list[Finding]:
    """Resolve, connect and check the certificate, as a phone does."""
    try:
        await asyncio.get_running_loop().getaddrinfo(host, port)
    except OSError:
        return [
            fault("public-name", f"The name {host} does not resolve.", "Correct its DNS entry or BANDO_PUBLIC_URL.")
        ]
    try:
        ends = await _certificate_end(host, port, ca_file)
    except ssl.SSLCertVerificationError as error:
        why = error.verify_message.rstrip(".")
        remedy = "Renew it, with its whole chain, for this very name; phones show nothing at all otherwise."
        return [fault("certificate", f"The certificate at {host}:{port} is not trusted: {why}.", remedy)]
    except (OSError, TimeoutError):
        remedy = "Start bando serve, or check the proxy and the firewall in front of it."
        return [warning("public-unreachable", f"Nothing answers https at {host}:{port} from this machine.", remedy)]
    left = max(0, (ends - clock.now()) // DAY)
    if left >= CERTIFICATE_DAYS:
        return []
    remedy = "Renew it, and see why it was not renewed by itself."
    return [fault("certificate-ending", f"The certificate of {host} ends in {left} days.", remedy)]


async def _certificate_end(host: str, port: int, ca_file: str) -> Moment:
    context = ssl.create_default_context()
    if ca_file:
        context.load_verify_locations(cafile=ca_file)
    async with asyncio.timeout(PATIENCE_S):
        _, writer = await asyncio.open_connection(host, port, ssl=context)
    try:
        ends = writer.get_extra_info("peercert")["notAfter"]
    finally:
        writer.transport.abort()
    return int(datetime.strptime(ends, "%b %d %H:%M:%S %Y %Z").replace(tzinfo=UTC).timestamp() * 1000)
