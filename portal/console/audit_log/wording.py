"""Acts in plain words. Pure; what is not known here is shown as it is written."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from portal.clock import Moment
from portal.staff.store import Staff
from portal.units import Row

ACTS = {
    "line.close": "closed a line for staff",
    "money.match": "matched money to an order",
    "money.give": "gave a pass for money that matched nothing",
    "money.return": "noted that money was sent back",
    "money.receipt": "named the receipt of an order",
    "money.paid": "counted an order as paid",
    "payments.export": "took the list of payments away as a file",
    "takings.export": "took the takings away as a file",
    "export.whole": "took all records away as files",
    "export.move": "took everything away as a sealed file, to move",
    "tenant.import": "brought the ISP in from a sealed file",
    "export.payments": "took the payments away as a file",
    "export.receipts": "took the receipts away as a file",
    "export.passes": "took the passes away as a file",
    "export.vouchers": "took the vouchers away as a file, without codes",
    "export.batches": "took the batches away as a file",
    "export.devices": "took the devices away as a file",
    "export.sessions": "took the sessions away as a file",
    "export.usage": "took the usage away as a file",
    "export.plans": "took the plans away as a file",
    "export.routers": "took the routers away as a file, without passwords",
    "export.staff": "took the staff away as a file",
    "export.acts": "took the audit log away as a file",
    "staff.invite": "invited somebody",
    "staff.role": "changed a role",
    "staff.off": "switched somebody off",
    "staff.on": "switched somebody on",
    "staff.reset": "made a link for a new password",
    "staff.second-off": "took two-step login away",
    "keys.rotate": "sealed all secrets anew, under a new key",
    "keys.destroy": "destroyed an old key, under which nothing is sealed any more",
    "login.end": "ended their own logins",
    "password": "changed their own password",
    "second-on": "set up two-step login",
    "link.use": "set a password by a link",
    "connect": "connected a device",
    "extend": "gave more time",
    "move": "moved passes to another device",
    "note": "wrote a note",
    "kick": "kicked a device",
    "let-in": "let a device in again",
    "block": "blocked a device",
    "unblock": "ended a block",
    "end-pass": "ended a pass",
    "person.read": "looked at all that is known of a guest",
    "person.erase": "erased a guest",
    "person.erase-minor": "erased a child",
    "voucher.make": "made vouchers",
    "voucher.finish": "had the rest of a batch drawn",
    "voucher.sell": "sold a voucher",
    "voucher.hand": "sold a voucher of their own stock",
    "voucher.print": "printed vouchers",
    "voucher.export": "exported vouchers",
    "voucher.void": "voided vouchers",
    "stock.hand-out": "handed out cards to an agent",
    "stock.take-back": "took cards back from an agent",
    "stock.lost": "wrote off cards that an agent lost, and owes for",
    "stock.let-off": "wrote off cards that an agent lost, and let them off",
    "agent.terms": "changed the commission or limit of an agent",
    "agent.settle": "took cash from an agent",
    "agent.account": "took the account of an agent away as a file",
    "gift.outage": "gave free time for an outage",
    "gift.finish": "went on with the free time for an outage",
    "gift.limits": "changed how much free time each role may give",
    "plan.add": "added a plan",
    "plan.change": "changed a plan",
    "plan.move": "changed the order of plans",
    "plan.sites": "changed where a plan is sold",
    "plan.offer": "put a plan on sale",
    "plan.withdraw": "withdrew a plan",
    "tenant.change": "changed the profile",
    "look.change": "changed the look of guest pages",
    "look.own": "went back to Bando's own look",
    "mpesa.add": "added a paybill or till",
    "mpesa.keys": "replaced the keys of M-Pesa",
    "mpesa.on": "switched a paybill or till on",
    "mpesa.off": "switched a paybill or till off",
    "provider.add": "added an account at a payment provider",
    "provider.keys": "replaced the key of a payment provider",
    "provider.on": "switched a payment provider on",
    "provider.off": "switched a payment provider off",
    "router.add": "added a router",
    "router.script": "looked at a router's set-up script, which holds its password",
    "router.file": "downloaded a router's set-up script, which holds its password",
    "router.pin": "pinned a router's certificate",
    "router.change": "changed a router",
    "router.password": "gave a router's API a new password",
    "router.calls.let": "let a router call",
    "router.calls.renew": "gave a router other keys to call with",
    "router.calls.stop": "took from a router the right to call",
    "router.off": "switched a router off",
    "router.on": "switched a router on",
    "router.allow": "allowed a removal that was held",
    "tenant.off": "switched the ISP off",
    "tenant.on": "switched the ISP on",
    "tenant.close": "closed the ISP",
    "tenant.hasten": "had the ISP erased before its time",
    "tenant.erase": "erased the ISP: persons and secrets are gone, its books stay",
    "retention.run": "had Bando remove what was too old",
    "retention.clear": "had the whole log of sessions cleared",
    "retention.days": "changed how long records are kept",
    "notice.publish": "published a privacy notice or terms",
    "notice.words": "changed their own words in a privacy notice or terms",
    "processor.add": "added somebody to the register of processors",
    "processor.change": "changed what the register says of a processor",
    "processor.remove": "took a processor out of the register",
    "processor.back": "put a processor back into the register",
    "offers.on": "had guests asked whether they want offers",
    "offers.off": "had guests asked for offers no longer",
    "offers.back": "took the consent to offers back for a guest",
    "bulletin.read": "read what the operator told",
    "hold.place": "put a hold on records",
    "hold.lift": "lifted a hold on records",
    "request.file": "wrote down what somebody asks about their data",
    "request.identity": "noted that who asks was proven",
    "request.note": "wrote a note to a request of a person",
    "request.answer": "answered a request of a person",
    "request.refuse": "refused a request of a person",
    "request.withdraw": "closed a request that was withdrawn",
    "request.restrict": "restricted the use of somebody's data",
    "request.lift": "lifted a restriction of somebody's data",
    "request.rectify": "corrected the phone number of a guest",
    "incident.record": "recorded an incident with people's data",
    "incident.tell": "noted that an incident was told",
    "incident.people": "noted that the people of an incident were told",
    "incident.spare": "noted why nobody has to be told of an incident",
    "incident.note": "wrote a note to an incident",
    "incident.close": "closed an incident",
    "disclosure.make": "handed rows to an authority under an order",
    "support.open": "let the platform's support look in",
    "support.close": "shut the support window",
    "support.look": "looked at a page, for support",
    "isp.add": "added an ISP",
    "isp.owner": "invited an owner of an ISP",
    "isp.off": "switched an ISP off",
    "isp.on": "switched an ISP on",
    "isp.close": "closed an ISP",
    "isp.erase": "had an ISP erased before its time",
    "isp.look": "went into an ISP that let them look in",
    "isp.leave": "left it",
    "drawer.close": "counted a drawer",
    "drawer.float": "put cash into their drawer",
    "drawer.handed-over": "handed cash over",
    "drawer.counted": "put in the cash for cards of your own stock",
    "books.export": "took the journal away as a table",
    "books.report": "took a report of the books away as a table",
    "refund.ask": "gave money back, or asked for it",
    "refund.agree": "agreed to a refund",
    "refund.decline": "declined a refund",
    "refund.hand": "handed over the cash of a refund",
    "refund.found": "found out what became of a refund",
    "refund.rules": "changed the rules for refunds",
    "mpesa.user": "set the API user of a paybill or till",
    "check.run": "checked a day",
    "check.take": "took money from the statement into the books",
    "check.grant": "made the pass of a payment that had none",
    "check.end": "ended a pass that nobody had paid",
    "check.book": "noted that money went back at M-Pesa",
    "check.look": "looked at amounts that differed",
    "statement.pull": "read the statement",
    "statement.upload": "took a statement in",
    "statement.ask": "asked M-Pesa about a receipt",
    "statement.balance": "asked M-Pesa for the balance",
    "import.read": "read another system",
    "import.choose": "chose how to import",
    "import.take": "imported from another system",
    "alarm.seen": "takes care of an alarm",
    "alarm.mute": "muted an alarm until it is over",
    "alarm.unmute": "had an alarm told of again",
    "channel.add": "added an address that is told of alarms",
    "channel.change": "changed what an address is told of",
    "channel.test": "sent a test message",
    "channel.remove": "removed an address that was told of alarms",
    "audit.clear": "cleared personal details that were too old to keep",
}
ACTORS = {"command": "the command line", "clock": "Bando itself"}
_PLACES = {
    "device": "/console/guests/device/{}",
    "payment": "/console/payments/{}",
    "request": "/console/requests/{}",
    "incident": "/console/incidents/{}",
    "batch": "/console/vouchers/batch/{}",
    "refund": "/console/refunds/{}",
    "closing": "/console/drawer/closing/{}",
    "router": "/console/routers/{}",
    "import": "/console/imports/{}",
}


@dataclass(frozen=True, kw_only=True)
class Told:
    """An act as the page shows it."""

    number: int
    at: Moment
    who: str
    what: str
    about: str
    link: str
    address: str
    changes: tuple[tuple[str, str, str], ...]  # what, before, after


def told(row: Row, staff: Mapping[str, Staff]) -> Told:
    """One row of the log."""
    payload = payload_of(row["payload"])
    about, link = _about(row["subject"], staff)
    return Told(
        number=row["number"],
        at=row["at"],
        who=_who(row["actor"], payload, staff),
        what=ACTS.get(row["act"], str(row["act"])),
        about=about,
        link=link,
        address=str(payload.get("address", "")),
        changes=tuple(_changes(payload.get("before"), payload.get("after"))),
    )


def payload_of(text: object) -> Mapping[str, object]:
    """What was written beside the act; nothing once it was cleared."""
    found = json.loads(text) if isinstance(text, str) else {}
    return found if isinstance(found, dict) else {}


def _who(actor: str, payload: Mapping[str, object], staff: Mapping[str, Staff]) -> str:
    known = staff.get(actor.removeprefix("staff:"))
    return str(payload.get("name") or (known.name if known else ACTORS.get(actor, actor)))


def _about(subject: str, staff: Mapping[str, Staff]) -> tuple[str, str]:
    sort, _, name = subject.partition(":")
    if sort == "staff" and name in staff:
        return staff[name].name, f"/console/staff/{staff[name].id}"
    words = f"{sort} {name}".strip()
    place = _PLACES.get(sort) if re.fullmatch(r"[0-9]{1,18}", name) else None
    return words, place.format(name) if place else ""


def _changes(before: object, after: object) -> list[tuple[str, str, str]]:
    """Each thing that is told, as it was and as it is; what is the same stands once."""
    if not isinstance(before, dict | None) or not isinstance(after, dict | None):
        return [("", _plain(before), _plain(after))]
    was, now = before or {}, after or {}
    names = list(dict.fromkeys([*was, *now]))
    both = [(name, _plain(was.get(name)), _plain(now.get(name))) for name in names]
    return [(name.replace("_", " "), "" if old == new else old, new) for name, old, new in both if old or new]


def _plain(found: object) -> str:
    if found is None or isinstance(found, str):
        return found or ""
    if isinstance(found, bool):
        return "yes" if found else "no"
    return json.dumps(found, ensure_ascii=False)
