"""How one message gets out: a signed POST to a webhook, or an e-mail. What came of it is one word.

Whoever receives may be slow or hostile: five seconds for all of a webhook, no redirect is followed, its answer is not
read beyond the status, and no connection is used twice. A server of mails is the operator's own; its library blocks,
so it works in a thread.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import smtplib
import ssl
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from email.message import EmailMessage
from email.utils import format_datetime
from urllib.parse import urlsplit

import httpx

from portal.clock import Moment, as_datetime
from portal.mikrotik.addresses import Resolve, resolve
from portal.processors import registry
from portal.processors.registry import Processor
from portal.settings import Settings
from portal.watch.addresses import Forbidden, Policy, Target, reach, target

TAKEN = "taken"
PATIENCE_S = 5.0
MAIL_PATIENCE_S = 20.0
MAILS_AT_ONCE = 4  # in threads of their own: a mail server that hangs holds up nothing else
MAIL_STEP_S = 8.0  # for each word of a mail server
TRIED = 2  # addresses of one name


def signature(secret: str, at: Moment, body: bytes) -> str:
    """``t=1764333000,v1=<hex>``: HMAC-SHA256 over the seconds, a dot and the raw body."""
    seconds = at // 1000
    signed = hmac.new(secret.encode(), f"{seconds}.".encode() + body, hashlib.sha256)
    return f"t={seconds},v1={signed.hexdigest()}"


class Webhooks:
    """Posts messages."""

    def __init__(self, settings: Settings, trust: ssl.SSLContext, *, look_up: Resolve = resolve) -> None:
        self._policy = Policy.of(settings)
        self._trust = trust
        self._resolve = look_up

    async def send(self, to: Processor, url: str, secret: str, delivery: str, body: bytes, now: Moment) -> str:
        """What came of it, in a word. To an address that is not of the entry `to` nothing is sent."""
        if to.mark != registry.webhook(url):
            return "unregistered"
        headers = {
            "content-type": "application/json",
            "user-agent": "Bando",
            "bando-delivery": delivery,
            "bando-signature": signature(secret, now, body),
        }
        try:
            async with asyncio.timeout(PATIENCE_S):
                found = target(url, self._policy)
                ips = await reach(found, self._policy, self._resolve)
                return await self._post(found, ips[:TRIED], headers, body)
        except (Forbidden, httpx.InvalidURL):
            return "forbidden"
        except TimeoutError:
            return "slow"
        except OSError:
            return "unreachable"

    async def _post(self, found: Target, ips: Sequence[str], headers: dict[str, str], body: bytes) -> str:
        said = "unreachable"
        limits = httpx.Limits(max_keepalive_connections=0)
        async with httpx.AsyncClient(
            verify=self._trust, trust_env=False, limits=limits, timeout=PATIENCE_S, follow_redirects=False
        ) as client:
            for ip in ips:
                try:
                    return await _posted(client, found, ip, headers, body)
                except httpx.HTTPError as failed:
                    said = _said(failed)
        return said


async def _posted(client: httpx.AsyncClient, found: Target, ip: str, headers: dict[str, str], body: bytes) -> str:
    """To this very address, under the name that was typed: its certificate must be of that name."""
    host = f"[{ip}]" if ":" in ip else ip
    request = client.build_request(
        "POST",
        f"{found.scheme}://{host}:{found.port}{found.path}",
        headers={**headers, "host": found.named},
        content=body,
        extensions={"sni_hostname": found.host},
    )
    answer = await client.send(request, stream=True)
    await answer.aclose()
    return answered(answer.status_code)


def answered(status: int) -> str:
    """An answer in a word."""
    if 200 <= status < 300:
        return TAKEN
    return "redirect" if 300 <= status < 400 else "refused" if status < 500 else "failed"


def _said(failed: httpx.HTTPError) -> str:
    if isinstance(failed, httpx.TimeoutException):
        return "slow"
    cause: BaseException | None = failed
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            return "certificate"
        cause = cause.__cause__ or cause.__context__
    return "unreachable"


# --- e-mail ---


class Mails:
    """Sends e-mails by the installation's mail server."""

    def __init__(self, settings: Settings, trust: ssl.SSLContext) -> None:
        self._settings = settings
        self._trust = trust
        self._threads = ThreadPoolExecutor(MAILS_AT_ONCE, thread_name_prefix="bando-mail")

    @property
    def possible(self) -> bool:
        return bool(self._settings.smtp_host)

    async def send(self, to: Processor, address: str, delivery: str, body: bytes, now: Moment) -> str:
        """What came of it, in a word. Without the entry of the mail server nothing is sent."""
        if to.mark != registry.MAIL:
            return "unregistered"
        if not self.possible:
            return "no-mail"
        mail = self.letter(address, delivery, json.loads(body), now)
        try:
            async with asyncio.timeout(MAIL_PATIENCE_S):
                await asyncio.get_running_loop().run_in_executor(self._threads, self._send, mail)
        except smtplib.SMTPRecipientsRefused:
            return "mail-refused"
        except smtplib.SMTPAuthenticationError:
            return "mail-login"
        except TimeoutError:
            return "slow"
        except (smtplib.SMTPException, OSError, ValueError) as failed:
            return "certificate" if isinstance(failed, ssl.SSLError) else "mail-failed"
        return TAKEN

    def letter(self, address: str, delivery: str, said: dict[str, str], now: Moment) -> EmailMessage:
        """The message as an e-mail; the same with each try, by its Message-ID."""
        mail = EmailMessage()
        mail["Subject"] = line(f"{SUBJECTS.get(said['event'], '')}{said['title']} · {said['isp']}")
        mail["From"] = self._settings.smtp_from
        mail["To"] = address
        mail["Date"] = format_datetime(as_datetime(now))
        mail["Message-ID"] = f"<{delivery}@{self._host}>"
        mail["Auto-Submitted"] = "auto-generated"
        parts = [said["text"], said["do"], said["url"]]
        mail.set_content("\n\n".join(each for each in parts if each) + "\n")
        return mail

    @property
    def _host(self) -> str:
        return urlsplit(self._settings.public_url).hostname or "localhost"

    def _send(self, mail: EmailMessage) -> None:
        kept = self._settings
        with self._connected() as server:
            if kept.smtp_tls == "starttls":
                server.starttls(context=self._trust)
            if kept.smtp_user:
                server.login(kept.smtp_user, kept.smtp_password)
            server.send_message(mail)

    def _connected(self) -> smtplib.SMTP:
        kept = self._settings
        if kept.smtp_tls == "tls":
            return smtplib.SMTP_SSL(
                kept.smtp_host, kept.smtp_port, local_hostname=self._host, timeout=MAIL_STEP_S, context=self._trust
            )
        return smtplib.SMTP(kept.smtp_host, kept.smtp_port, local_hostname=self._host, timeout=MAIL_STEP_S)


SUBJECTS = {"alarm.closed": "Over: ", "alarm.worse": "Worse: ", "alarm.test": "Test: "}


def line(text: str) -> str:
    """One line, as headers need it."""
    return " ".join(text.split())[:200]
