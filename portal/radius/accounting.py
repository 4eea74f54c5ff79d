"""What a device has used, as its router tells it: Accounting-Request Start, Interim-Update, Stop, On and Off.

The answer to an Accounting-Request says that it is durable (R5): `Answer(status=204)` and nothing earlier. Any 5xx
keeps FreeRADIUS silent, and the packet in its spool.
"""

from __future__ import annotations

from portal.radius.doors import Doors
from portal.radius.packet import Attributes
from portal.radius.replies import Answer


async def account(doors: Doors, given: Attributes) -> Answer:
    """Take an accounting packet into the books.

    `given.address(packet.SOURCE)` is where it came from: `doors.router_at(source)` gives the ISP and its router.
    `names.named_by(vault, tenant, router, given.octets("Class"))` names the device and the pass that let it in.
    """
    return Answer(status=503)
