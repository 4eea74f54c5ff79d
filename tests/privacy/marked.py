"""A person whose data lies in every table, each personal value with a mark that stands nowhere else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Column, LargeBinary, Text

from portal.access.plans import to_json
from portal.audit import store as audit
from portal.columns import metadata
from portal.people import store as people
from portal.phone import Phone
from portal.privacy.whose import BY_DEVICE, BY_PERSON
from portal.seal import Vault
from portal.units import Unit
from tests.privacy.rows import NOW, Planted
from tests.support import a_plan

TABLES = tuple(dict.fromkeys((*BY_DEVICE, *BY_PERSON)))
SELF = ("persons", "devices", "audit")  # made by hand
ZONE = ZoneInfo("Africa/Nairobi")


@dataclass(kw_only=True)
class Marked:
    """Somebody of one ISP; `marks` by table and column, as they are stored and as a dossier tells them."""

    name: str
    base: int  # of their numbers
    tenant: int
    planted: Planted
    vault: Vault
    phone: Phone
    ids: dict[str, int] = field(default_factory=dict)
    marks: dict[tuple[str, str], tuple[str, str]] = field(default_factory=dict)

    @property
    def stored(self) -> set[str]:
        return {stored for stored, _ in self.marks.values()}

    @property
    def told(self) -> set[str]:
        return {told for _, told in self.marks.values()}

    def plant(self, run: Callable[[Unit[Any]], Any]) -> None:
        self.ids["persons"] = run(people.person_for(self.vault, self.tenant, self.phone, NOW))
        self.marks["persons", "phone_sealed"] = (self.phone.digits, self.phone.digits)
        mac = f"02:00:5E:{self.base:02X}:00:07"
        self.ids["devices"] = self.planted.row(
            "devices", self.tenant, mac=mac, last_seen_at=NOW, created_at=NOW, last_router_id=None
        )
        self.marks["devices", "mac"] = (mac, mac)
        self.ids["staff"] = self._helper()
        for table in sorted((each for each in TABLES if each not in SELF), key=_order):
            self._row(table)
        said = f"{self.name} was said in an act"
        payload = {"name": "Zoë of staff", "address": "192.0.2.77", "after": {"said": said}}
        told: dict[str, Any] = {
            "actor": "staff:ada",
            "act": "note",
            "subject": f"device:{self.ids['devices']}",
            "payload": payload,
        }
        run(audit.append(self.vault, **told, now=NOW))
        self.marks["audit", "payload"] = (said, said)

    def _helper(self) -> int:
        """Whoever helped them is somebody else."""
        public = f"st{self.base}"
        sealed = self.vault.seal("ada@example.test", table="staff", row=public, column="email")
        return self.planted.row("staff", self.tenant, public=public, email_sealed=sealed)

    def _row(self, table: str) -> None:
        values = dict(self._values(table))
        self.ids[table] = self.planted.row(table, self.tenant, **values)

    def _values(self, table: str) -> Iterator[tuple[str, Any]]:
        for column in metadata.tables[table].columns:
            if column.info["data"] == "personal":
                yield column.name, self._mark(table, column)
            for key in column.foreign_keys:
                if key.column.table.name in self.ids and key.column.table.name != "routers":
                    yield column.name, self.ids[key.column.table.name]
        more: dict[str, dict[str, Any]] = {
            "passes": {"state": "ended", "end_reason": "time", "ended_at": NOW},
            "payments": {"state": "paid", "settled_at": NOW, "plan_copy": to_json(a_plan())},
            "receipts": {"state": "matched", "number": f"UK{self.base}RECEIPT"},
            "statement_rows": {"kind": "in", "number": f"UK{self.base}RECEIPT", "linked": ""},
            "refunds": {"state": "done"},
            "inbox": {"ref": f"ref{self.base}", "processed_at": NOW, "question_id": None},
            **{
                each: {"public": f"ref{self.base}"}
                for each in ("messages", "rights_requests", "rights_steps", "restrictions")
            },
            "prompts": {"phone_index": people.phone_index(self.vault, self.tenant, self.phone)},
        }
        yield from more.get(table, {}).items()

    def _mark(self, table: str, column: Column[Any]) -> Any:
        number = 1_700_000_000_000 + self.base * 1_000_000_000 + (len(self.marks) + 1) * 7_001_000
        if isinstance(column.type, LargeBinary):
            text = f"{self.name} {table} {column.name}"
            self.marks[table, column.name] = (text, text)
            return self.vault.seal(text, table=table, row=f"ref{self.base}", column=column.name)
        if isinstance(column.type, Text):
            text = f"{self.name}-{table}-{column.name}"
            self.marks[table, column.name] = (text, text)
            return text
        moment = column.name.endswith("_at") or column.name == "online_since"
        told = datetime.fromtimestamp(number / 1000, UTC).astimezone(ZONE).isoformat(timespec="seconds")
        self.marks[table, column.name] = (str(number), told if moment else str(number))
        return number


def _order(table: str) -> tuple[int, str]:
    """What others point to comes first."""
    first = ("passes", "payments", "receipts", "refunds", "rights_requests")
    return (first.index(table) if table in first else len(first), table)
