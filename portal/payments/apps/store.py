"""The statements of apps at providers. They are no tenant's: several may share one."""

from __future__ import annotations

from portal.clock import Moment
from portal.units import Row, Sql, Unit, one, rows


def app(index: bytes) -> Unit[Row]:
    """What is known of this app; made at the first call."""
    yield Sql("INSERT INTO provider_apps (app_index) VALUES (:app) ON CONFLICT DO NOTHING", {"app": index})
    row = yield from one("SELECT * FROM provider_apps WHERE app_index = :app", app=index)
    assert row is not None
    return row


def set_token(index: bytes, sealed: bytes | None, good_until: Moment) -> Unit[None]:
    """A token that was given just now, or None; nobody asks for one any more."""
    yield Sql(
        "UPDATE provider_apps SET token = :sealed, good_until = :until, asking_until = 0 WHERE app_index = :app",
        {"app": index, "sealed": sealed, "until": good_until},
    )


def set_asking(index: bytes, until: Moment) -> Unit[None]:
    """This process asks for a token; others wait until then."""
    yield Sql("UPDATE provider_apps SET asking_until = :until WHERE app_index = :app", {"app": index, "until": until})


def set_pace(index: bytes, spacing_ms: int, ready_at: Moment) -> Unit[None]:
    """When the app may be asked again."""
    yield from app(index)
    yield Sql(
        "UPDATE provider_apps SET spacing_ms = :spacing, ready_at = :ready WHERE app_index = :app",
        {"app": index, "spacing": spacing_ms, "ready": ready_at},
    )


def paces() -> Unit[dict[bytes, tuple[int, Moment]]]:
    """The spacing of each app's queries, and when it may be asked again."""
    found = yield from rows("SELECT app_index, spacing_ms, ready_at FROM provider_apps WHERE ready_at IS NOT NULL")
    return {bytes(row["app_index"]): (row["spacing_ms"], row["ready_at"]) for row in found}
