"""The statements of notices: an ISP's own words, and the versions that it published. A version is never changed."""

from __future__ import annotations

from dataclasses import dataclass

from portal.clock import Moment
from portal.privacy.notices.notice import Notice, kept
from portal.units import Row, Sql, Unit, insert, one, rows


@dataclass(frozen=True, kw_only=True)
class Version:
    """A text as it was published."""

    id: int
    kind: str
    number: int
    language: str
    body: str
    shape: str
    digest: str
    summary: str
    published_by: str
    published_at: Moment

    @property
    def notice(self) -> Notice:
        return kept(self.body, self.shape)


_FIELDS = ", ".join(Version.__dataclass_fields__)


def _version(row: Row) -> Version:
    return Version(**row)


def latest(kind: str) -> Unit[dict[str, Version]]:
    """The version that counts now, by language; nothing before the first one."""
    found = yield from rows(
        f"SELECT {_FIELDS} FROM notice_versions WHERE tenant_id = :tenant AND kind = :kind AND number ="
        " (SELECT MAX(v.number) FROM notice_versions v WHERE v.tenant_id = :tenant AND v.kind = :kind)",
        kind=kind,
    )
    return {row["language"]: _version(row) for row in found}


def numbered(kind: str, number: int, language: str) -> Unit[Version | None]:
    """One of them."""
    row = yield from one(
        f"SELECT {_FIELDS} FROM notice_versions WHERE tenant_id = :tenant AND kind = :kind AND number = :number"
        " AND language = :language",
        kind=kind,
        number=number,
        language=language,
    )
    return None if row is None else _version(row)


def listed(kind: str, language: str, before: int, many: int) -> Unit[list[Version]]:
    """Versions below this number, the latest first."""
    found = yield from rows(
        f"SELECT {_FIELDS} FROM notice_versions WHERE tenant_id = :tenant AND kind = :kind AND language = :language"
        " AND number < :before ORDER BY number DESC LIMIT :many",
        kind=kind,
        language=language,
        before=before,
        many=many,
    )
    return [_version(row) for row in found]


def publish(kind: str, number: int, language: str, notice: Notice, summary: str, by: str, now: Moment) -> Unit[int]:
    """A new version in one language."""
    return (
        yield from insert(
            "notice_versions",
            kind=kind,
            number=number,
            language=language,
            body=notice.text,
            shape=notice.shape,
            digest=notice.digest,
            summary=summary,
            published_by=by,
            published_at=now,
        )
    )


def own_words() -> Unit[dict[tuple[str, str], str]]:
    """What the ISP says itself, by kind and language."""
    found = yield from rows(
        "SELECT kind, language, words FROM notice_words WHERE tenant_id = :tenant AND words <> '' ORDER BY id"
    )
    return {(row["kind"], row["language"]): row["words"] for row in found}


def keep_words(kind: str, language: str, words: str, by: str, now: Moment) -> Unit[None]:
    yield Sql(
        "INSERT INTO notice_words (tenant_id, kind, language, words, changed_by, changed_at)"
        " VALUES (:tenant, :kind, :language, :words, :by, :now)"
        " ON CONFLICT (tenant_id, kind, language) DO UPDATE SET words = excluded.words,"
        " changed_by = excluded.changed_by, changed_at = excluded.changed_at",
        {"kind": kind, "language": language, "words": words, "by": by, "now": now},
    )
