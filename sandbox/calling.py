"""Let the router of a world call the portal each minute, as one does that was set up with `--calls`."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from portal.calls import service
from portal.calls.standing import calling_of
from portal.mikrotik import calling, hotspot_steps
from portal.mikrotik.provisioning import ScriptOptions
from portal.mikrotik.router_files import files
from portal.tenancy import store as tenancy
from sandbox.routeros.fetch import Line
from sandbox.routeros.rsc import import_rsc
from sandbox.routeros.scheduler import Scheduler
from sandbox.world import PORTAL_HOST, Site


async def let_call(site: Site, built: Any) -> Scheduler:
    """Give it keys and its script, which calls a first time; the scheduler has to be run from time to time."""
    db, tenant = built.db, site.tenant.id
    await db.write(tenant, service.switch_on, tenant, site.vault, site.row)
    await built.catalog.refresh()
    row = await db.read(tenant, tenancy.router, site.row.id)
    line = Line(router=site.router, reach={PORTAL_HOST: site.portal_address})
    pages = files(site.settings.public_url, row.public, row.mode)
    site.router.files.update({f"bando/{name}": body for name, body in pages.items()})
    options = ScriptOptions(
        interface="ether2",
        site=row.name,
        portal_url=site.settings.public_url,
        router_public=row.public,
        management="127.0.0.1",
        api_password="of no use, since only the calls are set up",
        calling=calling_of(site.vault, row, str(Path(site.settings.ca_file))),
    )
    steps = calling.steps(options, hotspot_steps.authority(options))
    text = "\n\n".join(each.text() for each in steps)
    await asyncio.to_thread(import_rsc, site.router, text, ask=line)
    return Scheduler(router=site.router, ask=line)
