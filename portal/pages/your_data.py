"""Your data: a guest proves a number, sees what was asked of the ISP about it, and asks for more.

What proves it is a receipt with the number that paid it, or a code that came to the number. The page that follows has a
token of its own, sealed and good for half an hour; nothing that a form says decides whose data it is.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import partial

from starlette.requests import Request
from starlette.responses import Response

from portal.clock import MINUTE, Moment
from portal.errors import Refused
from portal.pages import codes
from portal.pages import context as contexts
from portal.pages.doors import Services
from portal.pages.visit import Visit, language, refuse_shut, remember, split_token
from portal.payments import limits
from portal.payments.claims import find_receipt
from portal.people.store import person, phone_index
from portal.phone import Phone, parse
from portal.privacy.rights import service, store
from portal.privacy.rights.clocks import REGULATOR, REGULATOR_URL, RIGHTS, last_day
from portal.privacy.rights.service import LONGEST, Ask
from portal.privacy.rights.store import Request as Asked
from portal.seal import Vault
from portal.texts import LANGUAGES
from portal.units import Unit
from portal.web import forms
from portal.web.answers import see_other
from portal.web.security import refuse_foreign, source_of
from portal.words import weekday

LIFETIME_MS = 30 * MINUTE
MAX_TEXT = 1_000
SHOWN = 20  # requests of one person
_CLICK = 32
_HERE = frozenset({"phone", "data-receipt", "data-code"})  # mended in the form; all others have a page of their own
_ASKING = frozenset({"data-ask", "data-open", "data-stands", "request-words"})


# --- the first page: who are you ---


def _visit(services: Services, request: Request) -> Visit:
    """The visit of ``/data/{isp}/``; raises `Refused`."""
    public: str = request.path_params["isp"]
    refuse_shut(services, request, public)
    view = services.catalog.tenant_by_public(public)
    if view is None:
        raise Refused("old-link", status=404)
    lang = language(view, forms.query(request).get("lang"), request.headers.get("accept-language", ""))
    return remember(request, Visit(services=services, view=view, lang=lang))


async def first(services: Services, request: Request) -> Response:
    """How to show that a number is one's own."""
    return await _first(_visit(services, request), request)


async def _first(visit: Visit, request: Request, status: int = 200, **typed: str) -> Response:
    shown = {"text": "", "phone": "", "number": "", "sent": "", "wrong": "", **typed}
    codes_come = await _codes_come(visit)
    return visit.page(
        request, "data", status, codes=codes_come, regulator=REGULATOR, regulator_url=REGULATOR_URL, **shown
    )


async def _codes_come(visit: Visit) -> bool:
    """Whether a code can be sent to guests of this ISP."""
    messages = visit.services.messages
    return messages is not None and await messages.possible(visit.view.tenant.id)


async def by_receipt(services: Services, request: Request) -> Response:
    """A receipt and the number that paid it."""
    refuse_foreign(request, services.settings.public_url)
    visit = _visit(services, request)
    fields = await forms.form(request)
    text, typed = fields.get("text", "").strip(), fields.get("phone", "")
    try:
        found = await _payer(visit, text, parse(typed), source_of(request, services.settings.trusted_proxies))
    except Refused as wrong:
        if wrong.key not in _HERE:
            raise
        return await _first(visit, request, 422, text=text[:MAX_TEXT], phone=typed[:40], wrong=wrong.key)
    return see_other(f"/d/{seal(visit, found, 'receipt')}/")


async def _payer(visit: Visit, text: str, phone: Phone, source: str) -> int:
    """Who paid this receipt; counted as a guess until it was right. Raises `Refused`."""
    number = find_receipt(text) if len(text) <= MAX_TEXT else None
    if number is None:
        raise Refused("data-receipt")
    services, tenant, now = visit.services, visit.view.tenant, visit.services.clock.now()
    subjects = guessers(services.vault, tenant.id, source)
    guesses = await services.db.write(tenant.id, limits.reserve_guess, "data", subjects, now)
    index = phone_index(services.vault, tenant.id, phone)
    found = await services.db.read(tenant.id, store.payer_with, number, index)
    if found is None:
        raise Refused("data-receipt")
    await services.db.write(tenant.id, limits.give_back, guesses)
    return found


async def send_code(services: Services, request: Request) -> Response:
    """A code to a number; whoever asks is told the same, whether anybody here has the number."""
    refuse_foreign(request, services.settings.public_url)
    visit = _visit(services, request)
    typed = (await forms.form(request)).get("number", "")
    if services.messages is None or not await _codes_come(visit):
        raise Refused("not-found", status=404)
    try:
        phone = parse(typed)
    except Refused:
        return await _first(visit, request, 422, number=typed[:40], wrong="number")
    tenant, now = visit.view.tenant, services.clock.now()
    await _count(visit, request, phone, "data-send")
    words = partial(_words, visit)
    await services.db.write(tenant.id, codes.send, services.vault, tenant.id, phone, words, now)
    services.messages.wake()
    return await _first(visit, request, number=phone.spoken, sent="yes")


def _words(visit: Visit, code: str) -> str:
    return str(visit.texts("data.sms", name=visit.view.tenant.name, code=code).unescape())


async def _count(visit: Visit, request: Request, phone: Phone, door: str) -> list[int]:
    """Count a try of this number, before anything is looked at; raises `Refused`."""
    services, tenant = visit.services, visit.view.tenant
    source = source_of(request, services.settings.trusted_proxies)
    subjects = guessers(services.vault, tenant.id, source)
    # Of one number, too: eight digits are good for a handful of tries, and nobody's phone is to ring all day.
    subjects["device"] = services.vault.index(tenant.id, "guess-phone", phone.digits)
    now = services.clock.now()
    made: list[int] = await services.db.write(tenant.id, limits.reserve_guess, door, subjects, now)
    return made


async def by_code(services: Services, request: Request) -> Response:
    """The code that came to a number."""
    refuse_foreign(request, services.settings.public_url)
    visit = _visit(services, request)
    fields = await forms.form(request)
    typed = fields.get("number", "")
    try:
        phone = parse(typed)
        counted = await _count(visit, request, phone, "data-code")
        given = (services.vault, visit.view.tenant.id, phone, fields.get("code", ""), services.clock.now())
        found = await services.db.write(visit.view.tenant.id, codes.check, *given)
    except Refused as wrong:
        if wrong.key not in _HERE:
            raise
        key = "number" if wrong.key == "phone" else wrong.key
        return await _first(visit, request, 422, number=typed[:40], sent="yes", wrong=key)
    await services.db.write(visit.view.tenant.id, limits.give_back, counted)
    return see_other(f"/d/{seal(visit, found, 'code')}/")


def guessers(vault: Vault, tenant: int, source: str) -> dict[str, bytes]:
    """Who guesses, as keyed hashes. Not by the number: or a stranger could lock its owner out."""
    plain = {"source": source, "tenant": str(tenant)}
    return {bucket: vault.index(tenant, f"guess-{bucket}", text) for bucket, text in plain.items()}


# --- the page of whoever has proven it ---


@dataclass(frozen=True, kw_only=True)
class Proven:
    """A visit by somebody whose number was proven."""

    visit: Visit
    person_id: int
    how: str


def seal(visit: Visit, person_id: int, how: str, lang: str = "", at: Moment | None = None) -> str:
    """The token of their page."""
    public, now = visit.view.tenant.public, visit.services.clock.now()
    value = {"person": person_id, "how": how, "lang": lang or visit.lang, "at": now if at is None else at}
    return f"{public}.{contexts.seal_value(visit.services.vault, public, 'data', value)}"


def _open(services: Services, request: Request) -> tuple[Proven, Moment]:
    """The visit of ``/d/{token}/`` and since when; raises `Refused("old-link")`."""
    token: str = request.path_params["token"]
    refuse_shut(services, request, token.partition(".")[0])
    view, sealed = split_token(services, token)
    bare = remember(request, Visit(services=services, view=view, lang=language(view, None, "")))
    value = contexts.open_value(services.vault, view.tenant.public, "data", sealed)
    visit = remember(request, replace(bare, lang=value["lang"]))
    if not 0 <= services.clock.now() - value["at"] < LIFETIME_MS:
        raise Refused("old-link", status=410)
    return Proven(visit=visit, person_id=value["person"], how=value["how"]), value["at"]


@dataclass(frozen=True, kw_only=True)
class Line:
    """A request as its owner sees it."""

    request: Asked
    due: date
    why: str  # of a refusal


@dataclass(frozen=True, kw_only=True)
class Mine:
    """What a guest sees of themselves."""

    phone: Phone
    lines: list[Line]
    standing: frozenset[str]


def read(vault: Vault, person_id: int, timezone: str) -> Unit[Mine]:
    """All of it; raises `Refused` when the person was erased meanwhile."""
    known = yield from person(vault, person_id)
    if known is None or known.phone is None:
        raise Refused("old-link", status=410)
    lines: list[Line] = []
    for each in (yield from store.requests_of([person_id], None, SHOWN)):
        said = (yield from store.words(vault, each.id)).answer if each.state == "refused" else ""
        lines.append(Line(request=each, due=last_day(each.due_at, timezone), why=said))
    return Mine(phone=known.phone, lines=lines, standing=(yield from store.kinds_standing(person_id)))


async def mine(services: Services, request: Request) -> Response:
    """What was asked, how it stands, and the form for more."""
    proven, at = _open(services, request)
    asked = forms.query(request)
    if asked.get("lang") in LANGUAGES:
        return see_other(f"/d/{seal(proven.visit, proven.person_id, proven.how, asked['lang'], at)}/")
    return await _mine(proven, request, was="asked" if asked.get("was") == "asked" else "")


async def _mine(proven: Proven, request: Request, status: int = 200, **typed: str) -> Response:
    visit = proven.visit
    tenant, services = visit.view.tenant, visit.services
    found = await services.db.read(tenant.id, read, services.vault, proven.person_id, tenant.timezone)
    shown = {"was": "", "wrong": "", "kind": "", "wish": "", **typed}
    return visit.page(
        request,
        "mine",
        status,
        mine=found,
        rights=RIGHTS,
        click=secrets.token_hex(_CLICK // 2),
        day=partial(weekday, lang=visit.lang),
        regulator=REGULATOR,
        regulator_url=REGULATOR_URL,
        **shown,
    )


async def ask(services: Services, request: Request) -> Response:
    """File what they ask for."""
    refuse_foreign(request, services.settings.public_url)
    proven, _ = _open(services, request)
    fields = await forms.form(request)
    tenant, now = proven.visit.view.tenant, services.clock.now()
    try:
        wish = _wish(proven, fields, now)
        await services.db.write(tenant.id, service.ask_oneself, services.vault, tenant, wish, proven.how, now)
    except Refused as wrong:
        if wrong.key == "request-there":
            return see_other("./?was=asked")
        if wrong.key not in _ASKING:
            raise
        typed = {"kind": fields.get("kind", "")[:20], "wish": fields.get("wish", "")[:LONGEST]}
        return await _mine(proven, request, 422, wrong=wrong.key, **typed)
    return see_other("./?was=asked")


def _wish(proven: Proven, fields: Mapping[str, str], now: Moment) -> Ask:
    click = fields.get("click", "")
    if len(click) != _CLICK or not click.isalnum() or not click.isascii():
        raise Refused("data-ask")
    return Ask(
        kind=fields.get("kind", ""),
        channel="portal",
        received_at=now,
        key=f"portal:{proven.person_id}:{click}",
        person_id=proven.person_id,
        wish=fields.get("wish", ""),
    )
