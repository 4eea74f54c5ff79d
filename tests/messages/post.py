"""An outbox of messages beside the sandbox's gateway, and somebody to write to."""

from __future__ import annotations

from dataclasses import dataclass

import httpx

from portal.access.catalog import Catalog
from portal.clock import DAY
from portal.messages import store
from portal.messages.gateways import gateway_of
from portal.messages.room import Messages
from portal.people import store as people
from portal.phone import Phone
from portal.privacy.erasing.room import Erasing
from portal.privacy.erasing.service import Wish
from portal.privacy.erasing.subject import by_person
from portal.privacy.rights import service as rights
from portal.privacy.rights.service import Ask, By
from portal.processors.gate import Gate, Registered
from portal.settings import Settings
from portal.units import Row, rows, update
from sandbox.messages import Gateway
from tests.support import Seed

PHONE, TEXT = Phone("254712345678"), "12345678 is your planted code"


@dataclass(kw_only=True)
class Post:
    """An outbox, the gateway that it sends to, and somebody to write to."""

    home: Seed
    gateway: Gateway
    http: httpx.AsyncClient
    settings: Settings
    person: int

    async def room(self, registered: Registered | None = None) -> Messages:
        """As a process that has just started has it; without `registered` behind the gate of the register."""
        catalog = Catalog(self.home.db)
        await catalog.refresh()
        db, clock, gateway = self.home.db, self.home.clock, gateway_of(self.settings, self.http)
        return Messages(db, self.home.vault, clock, catalog, gateway, registered=registered or Gate(db, clock))

    async def put(self, kind: str = "code", for_ms: int = DAY, person: int = 0, phone: Phone = PHONE) -> int:
        now = self.home.clock.now()
        args = (self.home.vault, kind, person or self.person, phone, TEXT, now + for_ms, now)
        made: int = await self.home.write(store.put_out, *args)
        return made

    async def somebody(self, phone: Phone) -> int:
        """Another person."""
        made: int = await self.home.write(
            people.person_for, self.home.vault, self.home.tenant.id, phone, self.home.clock.now()
        )
        return made

    async def erase(self, person: int) -> None:
        """As staff do it."""
        home = self.home
        who = await home.read(by_person, home.vault, home.tenant.id, person)
        await Erasing(home.db, home.vault, home.clock).erase(who, Wish(reason="asked", by="command"))

    async def spoil(self, message_id: int) -> None:
        """Alter what is sealed in it."""
        await self.home.write(update, "messages", message_id, body_sealed=b"\x02" + b"altered" * 9)

    async def rows(self) -> list[Row]:
        return list(await self.home.read(rows, "SELECT * FROM messages WHERE tenant_id = :tenant ORDER BY id"))

    async def restrict(self) -> int:
        now = self.home.clock.now()
        ask = Ask(kind="restrict", channel="counter", received_at=now, key="r", person_id=self.person)
        made: int = await self.home.write(rights.file, self.home.vault, self.home.tenant, ask, By(), now)
        await self.home.write(rights.restrict, self.home.vault, made, By(), now)
        return made
