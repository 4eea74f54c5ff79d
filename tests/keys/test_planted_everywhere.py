"""A secret in each sealed column, twice: none lies in plain in files, logs, exports, pages or pages of errors."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from portal.export import files
from portal.export.files import Source
from portal.keys.cells import SEALED
from portal.people import store as people
from portal.phone import Phone
from portal.units import Sql, Unit
from tests.backup.samples import backed_up
from tests.console.office import Office, office
from tests.keys.everything import all_cells, opened, planted
from tests.keys.test_planted import found_in, lying

PHONE = "254799129480"
PAGES = (
    *("/", "/staff", "/audit", "/routers", "/settings", "/settings/mpesa", "/settings/alarms", "/alarms", "/vouchers"),
    *("/payments", "/guests", "/imports", "/takings", "/support", "/export", "/online", "/nowhere"),
)


@dataclass(kw_only=True)
class Planted:
    """A console, and what is sealed in its database, by column."""

    office: Office
    values: dict[str, str]

    def in_(self, content: bytes) -> set[str]:
        """The columns of which a value lies in this."""
        return {self.values[value] for value in found_in(content, self.values)}


@pytest.fixture
async def there(tmp_path: Path) -> AsyncIterator[Planted]:
    async with office(tmp_path) as o:
        home = o.home
        await home.write(planted, home.vault, home.tenant.id, "x", 2, act=True)
        await home.write(people.person_for, home.vault, home.tenant.id, Phone(PHONE), home.clock.now())
        values = {PHONE: "a phone number"}
        for cells, row in await home.read(all_cells):
            plain = opened(home.vault, cells, row)
            if plain.startswith(b"secret "):
                values[plain.decode()] = cells.name
        assert set(values.values()) == {*SEALED, "a phone number"} - {"audit_heads.seal"}
        assert len(values) >= 30
        yield Planted(office=o, values=values)


EMAILS = {"staff.email_sealed"}  # of colleagues, for whoever may see them
ALARMS = {"alarm_channels.address_sealed"}  # where an owner is told


@pytest.mark.sqlite_only(reason="about the bytes of the file and its log")
async def test_none_lies_in_the_database_its_log_or_a_backup(there: Planted, tmp_path: Path) -> None:
    home = there.office.home
    backed_up(home.db.path, tmp_path / "backups")

    assert there.in_(lying(tmp_path)) == set()
    assert b"Kilimani Wi-Fi" in lying(tmp_path)
    with home.db.beside() as run:
        run("UPDATE tenants SET name = :name", {"name": PHONE})
    assert there.in_(lying(tmp_path)) == {"a phone number"}  # the control: it would be found


async def test_none_lies_in_an_export_but_the_addresses_of_staff(there: Planted, tmp_path: Path) -> None:
    home = there.office.home
    (tmp_path / "export").mkdir()
    await files.into(
        Source(db=home.db, vault=home.vault, tenant=home.tenant, now=home.clock.now()), tmp_path / "export"
    )

    assert there.in_(lying(tmp_path / "export")) == EMAILS


async def test_none_stands_on_a_page_but_addresses_for_those_who_may_see_them(there: Planted) -> None:
    owner, cashier = await there.office.of("owner"), await there.office.of("cashier")
    for path in PAGES:
        seen = await owner.http.get(f"/console{path}")
        assert seen.status_code == (404 if path == "/nowhere" else 200), (path, seen.status_code)
        assert there.in_(seen.content) <= EMAILS | ALARMS, path
        assert there.in_((await cashier.http.get(f"/console{path}")).content) == set(), path


async def test_none_stands_in_pages_of_errors_nor_in_the_log(there: Planted, capfd: pytest.CaptureFixture[str]) -> None:
    """Forms that are refused do not repeat secrets, and a value that does not open says nothing of what it was."""
    owner = await there.office.of("owner")
    for path, fields in FORMS.items():
        for secret, name in there.values.items():
            if name not in EMAILS | ALARMS | {"a phone number"}:
                answer = await owner.http.post(
                    f"/console{path}", data={"csrf": await owner.token(), **dict.fromkeys(fields, secret)}
                )
                assert 400 <= answer.status_code < 500, (path, answer.status_code)
                assert there.in_(answer.content) == set(), path
    await there.office.home.write(_swapped)
    broken = await owner.http.get("/console/staff")
    assert broken.status_code == 500
    captured = capfd.readouterr()
    log = (captured.out + captured.err).encode()

    assert there.in_(broken.content) == set()
    assert there.in_(log) == set()
    assert b"NotOurs" in log  # it was written down


FORMS = {
    "/login": ("password",),
    "/account/prove": ("password", "code"),
    "/account/password": ("old", "password", "again"),
    "/routers/new": ("password",),
    "/settings/mpesa": ("consumer_key", "consumer_secret", "passkey"),
    "/settings/mpesa/1/keys": ("consumer_key",),
    "/settings/mpesa/1/user": ("password", "certificate"),
    "/settings/alarms": ("secret",),
}


def _swapped() -> Unit[None]:
    """An address of another row, as somebody who can write to the database may have it."""
    yield Sql("UPDATE staff SET public = 'moved' WHERE tenant_id = :tenant AND public = 'x0'", {})
