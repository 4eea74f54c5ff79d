"""Who carries messages: the sandbox's own gateway, and so far nobody else.

Without one nothing is sent, and the pages offer no code. An answer is one word, of which `TAKEN` alone means that the
gateway has it; a gateway gets the same mark with each try of a message, so that it can tell a double.
"""

from __future__ import annotations

from typing import ClassVar, Protocol

import httpx

from portal.errors import Misconfigured
from portal.messages.store import Letter
from portal.processors.registry import CARRIES_MESSAGES, HOME, OF_MESSAGES, Processor, Told
from portal.settings import Settings

TAKEN = "taken"
UNREGISTERED = "unregistered"  # it is not in the ISP's register of processors
PATIENCE_S = 10.0


class Gateway(Protocol):
    """Carries a message to a phone."""

    mark: ClassVar[str]  # what the register of processors calls it
    processor: ClassVar[Told]  # what the register says of it, until the ISP says more

    async def send(self, by: Processor, letter: Letter) -> str:
        """What came of it, in a word. By an entry of somebody else nothing is sent."""
        ...


class SandboxGateway:
    """The gateway of the sandbox world: nobody real is written to. Raises `Misconfigured` outside of it."""

    mark: ClassVar[str] = "sms-sandbox"
    processor: ClassVar[Told] = Told(
        named="SMS of the sandbox", purpose=CARRIES_MESSAGES, gets=OF_MESSAGES, country=HOME
    )

    def __init__(self, settings: Settings, http: httpx.AsyncClient) -> None:
        if not settings.sandbox or not settings.messages_sandbox:
            raise Misconfigured("BANDO_MESSAGES_SANDBOX is for the sandbox only, and names the address of its gateway.")
        self._url = settings.messages_sandbox
        self._http = http

    async def send(self, by: Processor, letter: Letter) -> str:
        if by.mark != self.mark:
            return UNREGISTERED
        words = {"mark": letter.mark, "to": letter.to.digits, "text": letter.text}
        try:
            answer = await self._http.post(self._url, json=words, timeout=PATIENCE_S)
        except httpx.TimeoutException:
            return "slow"
        except httpx.HTTPError:
            return "unreachable"
        return TAKEN if answer.is_success else "refused"


def gateway_of(settings: Settings, http: httpx.AsyncClient) -> Gateway | None:
    """The one that the settings name, or nobody."""
    return SandboxGateway(settings, http) if settings.messages_sandbox else None
