"""The owner of the sandbox's ISP, who may look at the console at once."""

from __future__ import annotations

from dataclasses import dataclass

import pyotp

from portal.db import Database
from portal.staff import second, store
from portal.staff.passwords import Passwords
from portal.tenancy import store as tenancy
from portal.units import Unit
from sandbox.world import Site

EMAIL, PASSWORD = "owner@kilimani.test", "sandbox karibu"
RUNNER = "platform@bando.test"
SECRET = "BANDOSANDBOXBANDOSANDBOXBANDOSAN"


@dataclass(frozen=True, kw_only=True)
class Owner:
    """What the login page asks for."""

    email: str
    password: str
    code: str
    how: str


async def owner(site: Site, db: Database) -> Owner:
    """Make the owner known, once; two-step login is on, as it must be."""
    found = await db.read(site.tenant.id, store.all_staff)
    if not any(each.email(site.vault) == EMAIL for each in found):
        hashes = Passwords()
        await db.write(site.tenant.id, _make, site, await hashes.hash(PASSWORD))
        hashes.close()
    code = pyotp.TOTP(SECRET).generate_otp(site.clock.now() // second.STEP_MS)
    how = f".venv/bin/python -c \"import pyotp; print(pyotp.TOTP('{SECRET}').now())\""
    return Owner(email=EMAIL, password=PASSWORD, code=code, how=how)


async def runner(site: Site, db: Database) -> Owner:
    """Whoever runs the installation."""
    found = await db.read(None, tenancy.platform)
    if found is None:
        found = await db.write(None, tenancy.add_tenant, "Platform", site.clock.now(), kind="platform")
        hashes = Passwords()
        hashed = await hashes.hash(PASSWORD)
        await db.write(found.id, _make, site, hashed, RUNNER, "Baraka Mwangi", "platform")
        hashes.close()
    code = pyotp.TOTP(SECRET).generate_otp(site.clock.now() // second.STEP_MS)
    return Owner(email=RUNNER, password=PASSWORD, code=code, how="")


def _make(site: Site, hashed: str, email: str = EMAIL, name: str = "Wanjiru Kamau", role: str = "owner") -> Unit[None]:
    now = site.clock.now()
    made, _ = yield from store.invite(site.vault, now, email=email, name=name, role=role)
    yield from store.set_password(made.id, hashed, now)
    account = yield from store.account(made.id)
    assert account is not None
    yield from second.keep(site.vault, account, SECRET, 0, second.new_codes(), now)
