"""The daily check and the statement that it reads."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence

from starlette.responses import Response

from portal import spans
from portal.clock import Moment
from portal.console import asked
from portal.console.desk import Desk
from portal.console.screens import get, post
from portal.errors import Refused
from portal.money import Money
from portal.payments.accounts import MPESA, MpesaAccount, at_mpesa, get_account
from portal.payments.claims import find_receipt
from portal.payments.room import Payments
from portal.payments.statement import SLACK_MS, moment_of
from portal.payments.statement_csv import CsvStatement, read_csv
from portal.payments.statements import checking, mending, store, taking
from portal.payments.statements.checking import Day
from portal.payments.statements.daily import day_of
from portal.payments.statements.kinds import KINDS
from portal.payments.statements.mending import Mender
from portal.payments.statements.taking import Taken, Way
from portal.units import Row, Unit

DAYS = 31
FILE_BYTES = 8 * 1024 * 1024  # of a statement


# --- the page ---


async def overview(desk: Desk) -> Response:
    """The last days, and all that does not agree."""
    return await _overview(desk)


async def _overview(desk: Desk, wrong: Refused | None = None, taken: Taken | None = None, unread: int = 0) -> Response:
    listed = await desk.read(at_mpesa)
    return desk.page(
        "check",
        wrong.status if wrong else 200,
        checks=await desk.read(store.checks, DAYS),
        findings=await desk.read(store.findings, 1 << 62, 200),
        kinds=KINDS,
        accounts=[each for each in listed if each.active],
        pulls=await desk.read(store.pulls),
        balances=_balances(await desk.read(store.balances)),
        today=spans.today(desk.now, desk.view.tenant.timezone).isoformat(),
        taken=taken,
        unread=unread,
        cost=lambda row: Money(row["amount_minor"], row["currency"]),
        day_name=lambda text: spans.named_day(text).strftime("%-d %b %Y"),
        wrong=wrong.key if wrong else "",
    )


def _balances(rows: Sequence[Row]) -> dict[int, tuple[list[tuple[str, Money]], Moment]]:
    """What M-Pesa last said of each account, and when."""
    return {
        row["account_id"]: (
            [(name, Money(minor, currency)) for name, currency, minor in json.loads(row["outcome"])],
            row["answered_at"],
        )
        for row in rows
    }


async def run(desk: Desk) -> Response:
    """Check a day now."""
    day = _day(desk, asked.day(desk.fields.get("day", "")))
    looked = await desk.read(checking.look, day, desk.now)
    await desk.act("check.run", f"day:{day.name}", checking.write_down, looked, desk.view.tenant.currency, desk.now)
    return desk.go("/console/check", "checked")


def _day(desk: Desk, text: str) -> Day:
    zone = desk.view.tenant.timezone
    day = day_of(spans.named_day(text) if text else spans.today(desk.now, zone), zone)
    if day.since > desk.now:
        raise Refused("form")
    return day


# --- the statement ---


def _room(desk: Desk) -> Payments:
    if desk.services.payments is None:
        raise Refused("ask-setup", status=409)
    return desk.services.payments


async def _account(desk: Desk) -> MpesaAccount:
    """The account of the form, which has a statement: that of another provider is none."""
    found = await desk.read(get_account, asked.number(desk.fields.get("account", "")))
    if found is None or found.provider != MPESA:
        raise Refused("not-found", status=404)
    return found


async def pull(desk: Desk) -> Response:
    """Read M-Pesa's statement now."""
    account = await _account(desk)
    taken = await _room(desk).pulls.read(desk.view, account, now_please=True)
    await desk.act("statement.pull", f"account:{account.public}", _nothing, after={"new": taken.new})
    known = (await desk.read(store.pulls)).get(account.id)
    wrong = Refused("statement-trouble", status=200) if known and known["trouble"] else None
    return await _overview(desk, wrong, None if wrong else taken)


def _nothing() -> Unit[None]:
    yield from ()


async def upload(desk: Desk) -> Response:
    """A statement as a file from M-Pesa's portal, or pasted."""
    account = await _account(desk)
    body = desk.files.get("file") or desk.fields.get("text", "").encode()
    try:
        read = await asyncio.to_thread(read_csv, body)
        if read.problem or not (read.rows or read.unfinished):
            raise Refused(f"statement-{read.problem or 'empty'}")
        if not all(account.owns(each) for each in read.shortcodes):
            raise Refused("statement-other", status=409)
        if any(at > desk.now + SLACK_MS for at in _moments(read)):
            raise Refused("statement-future")
    except Refused as wrong:
        return await _overview(desk, wrong)
    taken = await _taken(desk, account, read)
    after = {"rows": len(read.rows), "new": taken.new, "recovered": taken.recovered}
    await desk.act("statement.upload", f"account:{account.public}", _nothing, after=after, money=True)
    return await _overview(desk, None, taken, len(read.bad_lines))


async def _taken(desk: Desk, account: MpesaAccount, read: CsvStatement) -> Taken:
    services, tenant = desk.services, desk.view.tenant
    way = Way(via="file", zone="eat", open_shop=tenant.active)
    done = await taking.take_all(services.db, services.vault, tenant.id, account, read.rows, way, desk.now)
    await desk.services.db.write(desk.view.tenant.id, _covers, account.id, read, desk.now)
    return done


def _moments(read: CsvStatement) -> list[Moment]:
    return [moment for row in read.rows if (moment := moment_of(row.written, "eat")) is not None]


def _covers(account_id: int, read: CsvStatement, now: Moment) -> Unit[None]:
    """From its first to its last row a file is whole, unless a line of it could not be read."""
    at = _moments(read)
    if at and not read.bad_lines:
        yield from store.add_span(account_id, min(at), max(at) + 1, "file", len(read.rows), now)


async def ask(desk: Desk) -> Response:
    """Ask M-Pesa what became of one receipt."""
    number = find_receipt(desk.fields.get("number", ""))
    try:
        if number is None:
            raise Refused("receipt-typed")
        await _room(desk).asking.status(desk.view, number)
        await desk.act("statement.ask", f"receipt:{number}", _nothing)
    except Refused as wrong:
        return await _overview(desk, wrong)
    return desk.go("/console/check", "asked")


async def balance(desk: Desk) -> Response:
    """Ask M-Pesa for the balance."""
    try:
        await _room(desk).asking.balance(desk.view)
        await desk.act("statement.balance", "accounts", _nothing)
    except Refused as wrong:
        return await _overview(desk, wrong)
    return desk.go("/console/check", "asked")


async def mend(desk: Desk) -> Response:
    """The one tap that a finding offers; those that need a choice lead to where it is made."""
    tenant, finding_id = desk.view.tenant, asked.number(desk.request.path_params["id"])
    finding = await desk.read(store.finding, finding_id)
    if finding is None:
        raise Refused("not-found", status=404)
    mender = Mender(
        vault=desk.services.vault, tenant_public=tenant.public, staff_id=desk.staff.id, open_shop=tenant.active
    )
    act, subject = f"check.{KINDS[finding['kind']].remedy}", finding["subject"]
    try:
        await desk.act(act, subject, mending.mend, mender, finding_id, desk.now, money=True)
    except Refused as wrong:
        return await _overview(desk, wrong)
    return desk.go("/console/check", "mended")


SCREENS = (
    get("/check", "books", overview),
    post("/check/run", "books.change", run),
    post("/check/pull", "books.change", pull),
    post("/check/upload", "books.change", upload, upload=True, most=FILE_BYTES + 64 * 1024),
    post("/check/ask", "books.change", ask),
    post("/check/balance", "books.change", balance),
    post("/check/finding/{id}", "books.change", mend),
)
