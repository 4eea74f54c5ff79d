"""What a device has used, as its router tells it: Accounting-Request Start, Interim-Update, Stop, On and Off.

The answer to an Accounting-Request says that it is durable (R5): `Answer(status=204)` and nothing earlier. Any 5xx
keeps the packet in the spool of FreeRADIUS.
"""

from __future__ import annotations

from portal.clock import SECOND, Moment
from portal.radius import names
from portal.radius.contact import heard
from portal.radius.doors import Doors
from portal.radius.metering.over import PART, ended
from portal.radius.metering.report import Report, report_of
from portal.radius.metering.take import Came, Moved, Place, take
from portal.radius.packet import SOURCE, Attributes
from portal.radius.replies import INTERIM_S, Answer
from portal.tenancy.store import Router

PATIENCE_MS = 5 * INTERIM_S * SECOND // 2  # two reports may be lost
AGAIN = 5  # so often a packet is taken anew when others of its session come in between


async def account(doors: Doors, given: Attributes) -> Answer:
    """Take an accounting packet into the books, then say so.

    Packets of whoever is no router of ours (any more), and of devices that nobody knows (or that were erased), are
    answered as well: or they would be sent, and kept in the spool, for ever. They are counted, and that is all.
    """
    found = doors.router_at(given.address(SOURCE))
    report = report_of(given, input_from_client=doors.input_from_client)
    if found is None or report is None:
        doors.came["no router" if found is None else "other"] += 1
        return Answer()
    router = found[1]
    if report.kind in ("on", "off"):
        await _restarted(doors, router, report)
    else:
        named = names.named_by(doors.vault, router.tenant_id, router.id, given.octets("Class"))
        doors.came[await _taken(doors, router, report, named)] += 1
    await heard(doors, router)
    return Answer()


async def _taken(doors: Doors, router: Router, report: Report, named: names.Named | None) -> Came:
    place = Place(router_id=router.id, vault=doors.vault, patience_ms=PATIENCE_MS)
    for _ in range(AGAIN):
        try:
            return await doors.db.write_here(router.tenant_id, take, place, report, named, doors.clock.now())
        except Moved:
            continue
    raise Moved


async def _restarted(doors: Doors, router: Router, report: Report) -> None:
    """The router began anew, or is about to end: nothing runs there that was last heard of before."""
    doors.came["restart"] += 1
    now = doors.clock.now()
    await end_all(doors, router, report.at(now), "router", now)


async def end_all(doors: Doors, router: Router, seen_before: Moment, cause: str, now: Moment) -> int:
    """End what was last heard of before then, part by part: others write in between."""
    done = PART
    total = 0
    while done == PART:
        done = await doors.db.write(router.tenant_id, ended, router.id, seen_before, cause, now)
        total += done
    return total
