"""The statements of bulletins. They belong to the installation; who has read one belongs to an ISP."""

from __future__ import annotations

from dataclasses import dataclass

from portal.clock import Moment
from portal.units import Row, Unit, insert_new, one, rows, value


@dataclass(frozen=True, kw_only=True)
class Bulletin:
    """A text of the operator; it is never changed."""

    id: int
    title: str
    body: str
    digest: str  # SHA-256 of the text
    published_by: str
    published_at: Moment

    @property
    def paragraphs(self) -> list[str]:
        return self.body.split("\n\n")


_FIELDS = ", ".join(Bulletin.__dataclass_fields__)


def _bulletin(row: Row) -> Bulletin:
    return Bulletin(**row)


def listed(many: int) -> Unit[list[Bulletin]]:
    """The latest first."""
    found = yield from rows(f"SELECT {_FIELDS} FROM bulletins ORDER BY id DESC LIMIT :many", many=many)
    return [_bulletin(row) for row in found]


def newest() -> Unit[int]:
    """The number of the latest one; 0 before the first."""
    return int((yield from value("SELECT COALESCE(MAX(id), 0) FROM bulletins")))


def publish(title: str, body: str, digest: str, by: str, now: Moment) -> Unit[Bulletin]:
    row = yield from one(
        "INSERT INTO bulletins (title, body, digest, published_by, published_at)"
        f" VALUES (:title, :body, :digest, :by, :now) RETURNING {_FIELDS}",
        title=title,
        body=body,
        digest=digest,
        by=by,
        now=now,
    )
    assert row is not None
    return _bulletin(row)


def unread(staff_id: int) -> Unit[list[Bulletin]]:
    """What somebody has not read yet, the oldest first; what is from before their time is not news to them."""
    found = yield from rows(
        f"SELECT {_FIELDS} FROM bulletins b WHERE NOT EXISTS (SELECT 1 FROM bulletin_reads r"
        " WHERE r.tenant_id = :tenant AND r.staff_id = :staff AND r.bulletin_id = b.id) AND b.published_at >="
        " (SELECT s.created_at FROM staff s WHERE s.tenant_id = :tenant AND s.id = :staff) ORDER BY b.id",
        staff=staff_id,
    )
    return [_bulletin(row) for row in found]


def read(bulletin_id: int, staff_id: int, now: Moment) -> Unit[int | None]:
    """Somebody has read it; None when they had said so before."""
    return (yield from insert_new("bulletin_reads", bulletin_id=bulletin_id, staff_id=staff_id, read_at=now))


def exists(bulletin_id: int) -> Unit[bool]:
    return bool((yield from value("SELECT COUNT(*) FROM bulletins WHERE id = :id", id=bulletin_id)))


def readers() -> Unit[dict[int, int]]:
    """How many of an ISP have read each."""
    found = yield from rows(
        "SELECT bulletin_id, COUNT(*) AS many FROM bulletin_reads WHERE tenant_id = :tenant GROUP BY bulletin_id"
    )
    return {row["bulletin_id"]: int(row["many"]) for row in found}
