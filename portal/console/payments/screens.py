"""Payments: the list, one of them with all that was said about it, and the queue of what matched nothing."""

from __future__ import annotations

import re
from dataclasses import replace

from starlette.responses import Response

from portal import words
from portal.access import store as access
from portal.clock import Moment
from portal.console import asked
from portal.console.desk import Desk
from portal.console.lines import store as lines
from portal.console.lines.advice import advice
from portal.console.payments import file, store
from portal.console.payments.timeline import state_words, timeline
from portal.console.payments.wanted import ALWAYS, CHIPS, wanted
from portal.console.screens import get, post
from portal.errors import Refused
from portal.money import Money
from portal.payments import accounts, by_hand
from portal.payments.store import Payment


async def payments(desk: Desk) -> Response:
    """The list, narrowed by state, days, plan and site."""
    want = wanted(desk.query, desk.view.tenant.timezone)
    before = asked.number_or_none(desk.query.get("before", ""))
    found = await desk.read(store.payment_page, desk.services.vault, want, before)
    shown, more = found[: store.PAGE], len(found) > store.PAGE
    sums = await desk.read(store.totals, want, desk.view.tenant.currency) if want.span != ALWAYS else None
    return desk.page(
        "payments",
        shown=shown,
        want=want,
        chips=[(name, word, replace(want, chip=name).address()) for name, word in CHIPS],
        plans=await desk.read(access.plan_list),
        sites=list(desk.view.routers.values()),
        first=before is None,
        older=want.address(before=str(shown[-1].payment.id)) if more else "",
        sums=sums,
        takes=lambda minor: words.money(Money(minor, desk.view.tenant.currency), "en"),
        state_words=state_words,
        site=lambda one: _site(desk, one.router_id),
    )


def _site(desk: Desk, router_id: int | None) -> str:
    router = desk.view.routers.get(router_id or 0)
    return router.name if router else "–"


async def payment(desk: Desk) -> Response:
    """One payment: what is known, and how it came to that."""
    payment_id = asked.number(desk.request.path_params["id"])
    story = await desk.read(store.story, desk.services.vault, payment_id)
    if story is None:
        raise Refused("not-found", status=404)
    whole = story.phone.spoken if story.phone and desk.may("guests.help") else None
    return desk.page(
        "payment",
        story=story,
        one=story.payment,
        account=await desk.read(accounts.get_account, story.payment.account_id),
        phone=whole or (story.phone.masked if story.phone else _nobody(story.payment)),
        state=state_words(story.payment.state, story.payment.reason),
        events=timeline(story),
        open_lines=[each for each in story.lines if each["closed_at"] is None],
        site=_site(desk, story.payment.router_id),
        advice=advice,
        waiting=story.waiting,
        money_of=lambda row: words.money(Money(row["amount_minor"], row["currency"]), "en"),
    )


def _nobody(one: Payment) -> str:
    """Why there is no number: staff gave the pass and did not know it, or it was erased."""
    return "not known" if one.settled_by == by_hand.BY else "erased"


async def queue(desk: Desk) -> Response:
    """Lines for staff: money that matched nothing, and whatever else waits for somebody."""
    found = await desk.read(lines.open_page, lines.PAGE + 1, _where(desk.query.get("before", "")))
    shown, last = found[: lines.PAGE], found[lines.PAGE - 1 : lines.PAGE]
    older = f"/console/payments/queue?before={last[0].opened_at}-{last[0].id}" if len(found) > lines.PAGE else ""
    return desk.page("queue", lines=shown, older=older, advice=advice)


def _where(text: str) -> tuple[Moment, int] | None:
    """Where the page above ended: ``<moment>-<id>``."""
    if not text:
        return None
    found = re.fullmatch(r"([0-9]{1,18})-([0-9]{1,18})", text, re.ASCII)
    if found is None:
        raise Refused("form")
    return int(found[1]), int(found[2])


SCREENS = (
    get("/payments", "payments", payments),
    post("/payments/csv", "export", file.file, proof=True),
    get("/payments/queue", "payments", queue),
    get("/payments/{id}", "payments", payment),
)
