"""Whose packets FreeRADIUS takes: a router in RADIUS mode, by the address that its packets come from.

FreeRADIUS asks when it does not know an address, and keeps the answer for as long as its configuration says. The
secret so stands in no file; whoever is switched off stays known, so that guests are told why they are refused.
"""

from __future__ import annotations

from portal.radius.doors import Doors
from portal.radius.packet import SOURCE, Attributes
from portal.radius.replies import Answer


async def client(doors: Doors, given: Attributes) -> Answer:
    """The router with this source address, as a client of FreeRADIUS; 404 when there is none."""
    source = given.address(SOURCE)
    found = doors.router_at(source) if source else None
    secret = found[1].radius_secret(doors.vault) if found else ""
    if found is None or not secret:
        return Answer(status=404)
    return Answer(
        status=200,
        attributes={
            f"control:FreeRADIUS-Client-{'IPv6' if ':' in source else 'IP'}-Address": source,
            "control:FreeRADIUS-Client-Shortname": found[1].public,
            "control:FreeRADIUS-Client-Secret": secret,
            "control:FreeRADIUS-Client-Require-MA": "yes",
        },
    )
