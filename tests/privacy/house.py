"""An ISP whose records are old, and the purge that looks at them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from portal.audit import store as audit
from portal.clock import DAY, Moment
from portal.privacy.retention import service
from portal.privacy.retention.periods import PERIODS, limit
from portal.privacy.retention.room import Retention
from portal.privacy.retention.rules import Rule
from portal.tenancy import store as tenancy
from portal.tenancy.store import Tenant
from tests.privacy.rows import Planted
from tests.support import Seed


def _row(table: str, moment: str, **marks: Any) -> Any:
    def make(planted: Planted, tenant: int, at: Moment, more: dict[str, Any]) -> int:
        return planted.row(table, tenant, **{moment: at, **marks, **more})

    return make


def _staff(planted: Planted, tenant: int, at: Moment, more: dict[str, Any]) -> int:
    made = planted.row("staff", tenant, **{"state": "off", "name": "Zoë", "changed_at": at, **more})
    index = planted.connection.execute("SELECT email_index FROM staff WHERE id = ?", (made,)).fetchone()[0]
    planted.connection.execute("INSERT INTO staff_owners (email_index, owner) VALUES (?, ?)", (index, tenant))
    return made


def _step(planted: Planted, tenant: int, at: Moment, more: dict[str, Any]) -> int:
    asked = planted.row("rights_requests", tenant, state="answered", changed_at=at)
    return planted.row("rights_steps", tenant, **{"request_id": asked, "at": at, "note_sealed": b"sealed", **more})


def _incident_step(planted: Planted, tenant: int, at: Moment, more: dict[str, Any]) -> int:
    over = planted.row("incidents", tenant, ended_at=at, changed_at=at)
    return planted.row("incident_steps", tenant, **{"incident_id": over, "at": at, "note_sealed": b"sealed", **more})


_WORDS = {"contact_sealed": b"sealed", "wish_sealed": b"sealed", "answer_sealed": b"sealed"}
GONE = ("", "Former staff")  # what stands in the place of a name that may not be NULL
OLD: dict[str, Callable[[Planted, int, Moment, dict[str, Any]], int]] = {
    "usage": _row("usage", "updated_at"),
    "sessions": _row("sessions", "seen_at", started_at=5, ended_at=5, address="10.5.50.9", let_in_at=5),
    "presence": _row("presence", "seen_at", address="10.5.50.9", online_since=1),
    "passes": _row("passes", "ended_at", started_at=5),
    "devices": _row("devices", "last_seen_at"),
    "persons": _row("persons", "last_seen_at", phone_sealed=b"sealed", key_sealed=b"key"),
    "inbox": _row("inbox", "received_at", body_sealed=b"sealed", processed_at=5, verdict="done"),
    "payments": _row("payments", "created_at", phone_tail="678"),
    "receipts": _row("receipts", "seen_at", payer_tail="678"),
    "statements": _row("statement_rows", "paid_at", payer_tail="678"),
    "notes": _row("notes", "written_at"),
    "requests": _row("rights_requests", "changed_at", state="answered", **_WORDS),
    "evidence of requests": _step,
    "incidents": _row("incidents", "changed_at", ended_at=5, facts_sealed=b"sealed"),
    "evidence of incidents": _incident_step,
    "disclosures": _row("disclosures", "made_at", officer_sealed=b"sealed", scope_sealed=b"sealed"),
    "messages": _row("messages", "made_at", state="sent", recipient_sealed=b"sealed", body_sealed=b"sealed"),
    "restrictions": _row("restrictions", "lifted_at", reason_sealed=b"sealed"),
    "consents": _row("consents", "decided_at"),
    "logins": _row("logins", "seen_at"),
    "login failures": _row("login_failures", "failed_at"),
    "voucher acts": _row("voucher_acts", "done_at"),
    "voided vouchers": _row("vouchers", "voided_at", voided_by="Zoë", state="void"),
    "batches": _row("batches", "created_at"),
    "imports": _row("imports", "read_at", days=1, shorten=0, unsold=0),
    "staff": _staff,
}


@dataclass(kw_only=True)
class House:
    """A seeded database at noon (15:00 in Nairobi) of a day, and all that purges it."""

    seed: Seed
    planted: Planted
    room: Retention

    @property
    def now(self) -> Moment:
        return self.seed.clock.now()

    @property
    def tenant(self) -> Tenant:
        return self.seed.tenant

    def limit(self, rule: Rule, days: int | None = None, tenant: Tenant | None = None) -> Moment:
        """What is older than this goes now."""
        there = tenant or self.tenant
        return limit(PERIODS[rule.keep].default if days is None else days, self.now, there.timezone)

    async def another(self, name: str = "Langata Wi-Fi") -> Tenant:
        made: Tenant = await self.seed.db.write(None, tenancy.add_tenant, name, self.now)
        return made

    async def purge(self, tenant: Tenant | None = None) -> dict[str, int]:
        """What a run takes now, of each rule; a preview beforehand says just that."""
        there = tenant or self.tenant
        foreseen = await self.preview(there)
        taken = await self.room.purge(there, self.now, "clock")
        assert taken == foreseen
        return taken

    async def preview(self, tenant: Tenant | None = None) -> dict[str, int]:
        there = tenant or self.tenant
        found = await self.seed.db.read(there.id, service.preview, there, self.now)
        return {name: count for name, count in found.items() if count}

    async def at(self, rule: Rule, moment: Moment, tenant: Tenant | None = None, **more: Any) -> int:
        """A row that this rule takes when its limit is later than this; its id. `more` changes the row."""
        there = (tenant or self.tenant).id
        if rule.table != "audit":
            return OLD[rule.name](self.planted, there, moment, more)
        told = {"actor": "staff:ada", "act": "note", "subject": "device:1", "payload": {"address": "192.0.2.1"}}
        money = rule.keep == "payment"
        number = await self.seed.db.write(there, audit.append, self.seed.vault, **told, now=moment, money=money)
        found = self.planted.rows("SELECT id FROM audit WHERE tenant_id = ? AND number = ?", there, number)
        return int(found[0]["id"])

    async def old(self, rule: Rule, tenant: Tenant | None = None, **more: Any) -> int:
        """A row that is thirty days older than it may be."""
        return await self.at(rule, self.limit(rule) - 30 * DAY, tenant, **more)

    def there(self, rule: Rule, row_id: int) -> bool:
        """Whether the row still holds all that this rule takes."""
        row = self.planted.one(rule.table, row_id)
        if row is None:
            return False
        return all(
            row[name] is not None and row[name] not in GONE for name in rule.columns if name != "last_seen_at"
        ) and (not str(row.get("mac", "")).startswith("gone-"))

    async def hold(self, *classes: str, until: Moment | None = None) -> int:
        """A legal hold of these classes; its id."""
        given = (classes, "Order 12 of 2026", until, "command", self.now)
        placed: int = await self.seed.write(service.hold, self.seed.vault, *given)
        return placed

    async def lift(self, hold_id: int) -> None:
        await self.seed.write(service.release, self.seed.vault, hold_id, "command", self.now)
