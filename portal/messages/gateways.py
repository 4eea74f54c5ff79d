"""Who carries messages: the sandbox's own gateway, and so far nobody else.

Without one nothing is sent, and the pages offer no code. An answer is one word, of which `TAKEN` alone means that the
gateway has it; a gateway gets the same mark with each try of a message, so that it can tell a double.
"""

from __future__ import annotations

from typing import Protocol

import httpx

from portal.errors import Misconfigured
from portal.phone import Phone
from portal.settings import Settings

TAKEN = "taken"
PATIENCE_S = 10.0


class Gateway(Protocol):
    """Carries a message to a phone."""

    async def send(self, mark: str, to: Phone, text: str) -> str:
        """What came of it, in a word."""
        ...


class SandboxGateway:
    """The gateway of the sandbox world: nobody real is written to. Raises `Misconfigured` outside of it."""

    def __init__(self, settings: Settings, http: httpx.AsyncClient) -> None:
        if not settings.sandbox or not settings.messages_sandbox:
            raise Misconfigured("BANDO_MESSAGES_SANDBOX is for the sandbox only, and names the address of its gateway.")
        self._url = settings.messages_sandbox
        self._http = http

    async def send(self, mark: str, to: Phone, text: str) -> str:
        try:
            answer = await self._http.post(
                self._url, json={"mark": mark, "to": to.digits, "text": text}, timeout=PATIENCE_S
            )
        except httpx.TimeoutException:
            return "slow"
        except httpx.HTTPError:
            return "unreachable"
        return TAKEN if answer.is_success else "refused"


def gateway_of(settings: Settings, http: httpx.AsyncClient) -> Gateway | None:
    """The one that the settings name, or nobody."""
    return SandboxGateway(settings, http) if settings.messages_sandbox else None
