"""The screens of the register: who is in it, what is told of each, taking one out and putting it back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial

from starlette.responses import Response

from portal import spans
from portal.console import asked
from portal.console.desk import Desk
from portal.console.screens import get, post
from portal.errors import Refused
from portal.payments import accounts
from portal.processors import registry, service, store
from portal.processors.registry import BASES, LENGTHS, Processor, Told
from portal.seal import Vault
from portal.units import Unit
from portal.watch import channels

HOME = "/console/settings/processors"
FIELDS = (*LENGTHS, "country", "contract_on", "basis")


@dataclass(frozen=True, kw_only=True)
class Page:
    """The register, and what it holds back."""

    standing: Sequence[Processor]
    missing: Sequence[Processor]  # what is set up sends there, and they were taken out
    used: frozenset[str]


def _page(vault: Vault, carrier: str) -> Unit[Page]:
    used = yield from _used(vault, carrier)
    standing = yield from store.standing()
    there = {each.mark for each in standing}
    gone = {each.mark: each for each in reversed((yield from store.removed()))}
    missing = [gone[mark] for mark in sorted(used - there) if mark in gone]
    return Page(standing=standing, missing=missing, used=frozenset(used))


def _used(vault: Vault, carrier: str) -> Unit[set[str]]:
    """Where Bando sends for this ISP, as it is set up now."""
    found = {carrier} if carrier else set()
    found |= {each.provider for each in (yield from accounts.accounts()) if each.active}
    return found | set((yield from channels.marks(vault)))


async def overview(desk: Desk) -> Response:
    """Who handles data for the ISP."""
    found = await desk.read(_page, desk.services.vault, desk.services.carrier)
    return desk.page("processors", found=found, countries=registry.countries(), bases=BASES)


async def ask_new(desk: Desk) -> Response:
    """The form of somebody who is not in it yet."""
    return _form(desk, {}, None)


async def ask(desk: Desk) -> Response:
    """What is told of one."""
    found = await _found(desk)
    return _form(desk, {name: str(getattr(found, name) or "") for name in FIELDS}, found)


def _form(desk: Desk, filled: Mapping[str, str], found: Processor | None, wrong: Refused | None = None) -> Response:
    return desk.page(
        "processor",
        wrong.status if wrong else 200,
        found=found,
        filled={name: filled.get(name, "")[:300] for name in FIELDS},
        lengths=LENGTHS,
        countries=registry.countries(),
        home=registry.HOME,
        bases=BASES,
        wrong=wrong.key if wrong else "",
    )


async def _found(desk: Desk) -> Processor:
    found: Processor = await desk.read(service.existing, asked.number(desk.request.path_params["id"]))
    return found


def _read(desk: Desk) -> Told:
    return registry.read(desk.fields, spans.today(desk.now, desk.view.tenant.timezone))


async def add(desk: Desk) -> Response:
    """Somebody new in it."""
    try:
        told = _read(desk)
        subject, by = partial("processor:{}".format), f"staff:{desk.staff.public}"
        await desk.act("processor.add", subject, service.add, told, by, desk.now, after=asdict(told))
    except Refused as wrong:
        return _form(desk, desk.fields, None, wrong)
    return desk.go(HOME, "processor-saved")


async def change(desk: Desk) -> Response:
    """Something else is told of one."""
    found = await _found(desk)
    try:
        told = _read(desk)
    except Refused as wrong:
        return _form(desk, desk.fields, found, wrong)
    before = {name: getattr(found, name) for name in FIELDS}
    args = (found.id, told, desk.now)
    await desk.act(
        "processor.change", f"processor:{found.id}", service.change, *args, before=before, after=asdict(told)
    )
    return desk.go(HOME, "processor-saved")


async def sure(desk: Desk) -> Response:
    """What taking it out means."""
    return await _sure(desk, await _found(desk))


async def _sure(desk: Desk, found: Processor, wrong: Refused | None = None) -> Response:
    used = found.mark in (await desk.read(_used, desk.services.vault, desk.services.carrier))
    status, reason = wrong.status if wrong else 200, desk.fields.get("reason", "")[: asked.MAX_NOTE]
    return desk.page("processor_off", status, found=found, used=used, reason=reason, wrong=wrong.key if wrong else "")


async def remove(desk: Desk) -> Response:
    """Nothing is sent there from now on."""
    found = await _found(desk)
    try:
        reason = asked.reason(desk.fields.get("reason", ""))
    except Refused as wrong:
        return await _sure(desk, found, wrong)
    args = (found.id, f"staff:{desk.staff.public}", desk.now)
    before, after = {"name": found.named}, {"reason": reason}
    await desk.act("processor.remove", f"processor:{found.id}", service.remove, *args, before=before, after=after)
    return desk.go(HOME, "processor-removed")


async def put_back(desk: Desk) -> Response:
    """It is in the register again, as it was."""
    mark = desk.fields.get("mark", "")[:300]
    args = (mark, f"staff:{desk.staff.public}", desk.now)
    await desk.act("processor.back", lambda made: f"processor:{made}", service.put_back, *args, after={"for": mark})
    return desk.go(HOME, "processor-back")


SCREENS = (
    get("/settings/processors", "tenant", overview),
    get("/settings/processors/new", "tenant.change", ask_new),
    post("/settings/processors/new", "tenant.change", add),
    post("/settings/processors/back", "accounts.change", put_back),
    get("/settings/processors/{id}", "tenant.change", ask),
    post("/settings/processors/{id}", "tenant.change", change),
    get("/settings/processors/{id}/remove", "accounts.change", sure),
    post("/settings/processors/{id}/remove", "accounts.change", remove),
)
