"""Payments as staff see them: the list and its filters, one payment's story, and the queue of what needs somebody."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from portal import spans
from portal.clock import DAY, MINUTE
from portal.console import reasons
from portal.console.lines import advice
from portal.console.lines import store as lines
from portal.console.payments import store, timeline
from portal.console.payments.wanted import Wanted
from portal.payments import payment as machine
from portal.payments import settle
from portal.seal import new_public
from portal.tenancy import store as tenancy
from portal.units import insert, value
from tests.console.money import paid, payment, receipt
from tests.console.office import Office, Visitor
from tests.console.plans_of_queries import plans, scans
from tests.raw import changed
from tests.support import on_postgres

OTHER_LINE = ("unmatched-money", "receipt:SKE00000XX")


def shown(page: str) -> list[int]:
    return [int(each) for each in re.findall(r'<td data-name="Time"><a href="/console/payments/(\d+)"', page)]


async def line(o: Office, kind: str = "unmatched-money", subject: str = "receipt:SKE0000001") -> int:
    await o.home.write(tenancy.open_exception, kind, subject, "Money came that belongs to no payment.", 0)
    return int(await o.home.read(value, "SELECT MAX(id) FROM exceptions WHERE tenant_id = :tenant"))


async def test_the_list_has_the_newest_first_in_words_and_the_phone_masked(o: Office, owner: Visitor) -> None:
    now = o.home.clock.now()
    first = await paid(o.home, now)
    await receipt(o.home, "SKE1234567", now, first)
    second = await payment(o.home, now, state="failed", reason="wrong-pin")
    page = await owner.get("/payments")

    assert shown(page) == [second, first]
    assert "SKE1234567" in page
    assert "not paid: wrong PIN" in page
    assert "07xx xxx 678" in page
    assert "0712" not in page


async def test_chips_narrow_the_list_by_state(o: Office, owner: Visitor) -> None:
    now = o.home.clock.now()
    done = await paid(o.home, now)
    failed = await payment(o.home, now, state="failed", reason="cancelled")
    asked = await payment(o.home, now, state="failed", next_query_at=now)
    waiting = await payment(o.home, now, next_query_at=now + MINUTE)
    lost = await payment(o.home, now, state="expired_unknown")
    review = await payment(o.home, now, state="review", reason="wrong-amount", public="ab12")
    await line(o, "wrong-amount", "payment:ab12")

    assert shown(await owner.get("/payments")) == [review, lost, waiting, asked, failed, done]
    assert shown(await owner.get("/payments", state="paid")) == [done]
    assert shown(await owner.get("/payments", state="failed")) == [asked, failed]
    assert shown(await owner.get("/payments", state="waiting")) == [lost, waiting]
    assert shown(await owner.get("/payments", state="somebody")) == [review]


async def test_a_day_is_a_day_in_the_time_zone_of_the_isp(o: Office, owner: Visitor) -> None:
    begin, end = spans.day_span(spans.named_day("2026-11-22"), "Africa/Nairobi")
    await paid(o.home, begin - 1)
    inside = [await paid(o.home, begin), await payment(o.home, end - 1, state="failed")]
    await payment(o.home, end)

    assert shown(await owner.get("/payments", day="2026-11-22")) == inside[::-1]
    assert shown(await owner.get("/payments", day="2026-11-22", state="paid")) == inside[:1]


async def test_the_list_goes_on_below_its_last_row(o: Office, owner: Visitor) -> None:
    now = o.home.clock.now()
    made = [await paid(o.home, now + n) for n in range(store.PAGE + 3)]
    first = await owner.get("/payments", state="paid")
    older = re.search(r'href="/console(/payments\?[^"]+)">Older', first)
    assert older is not None
    answer = await owner.http.get("/console" + older[1].replace("&amp;", "&"))

    assert shown(first) + shown(answer.text) == made[::-1]
    assert "Older" not in answer.text


@pytest.mark.parametrize(
    "asked",
    [
        {"state": "x"},
        {"state": "' OR 1=1 --"},
        {"day": "2026-13-45"},
        {"day": "9999-12-31"},
        {"day": "0001-01-01"},
        {"day": "today"},
        {"day": "２０２６-11-22"},
        {"before": "-1"},
        {"before": "1e9"},
        {"before": "9" * 40},
        {"before": "١"},
        {"before": "1; DROP TABLE payments"},
    ],
)
async def test_a_hostile_filter_is_refused(owner: Visitor, asked: dict[str, str]) -> None:
    await owner.get("/payments", 400, **asked)


@pytest.mark.parametrize("before", ["x", "1", "1-", "-1-1", "9" * 30 + "-1", "1-١"])
async def test_a_hostile_place_in_the_queue_is_refused(owner: Visitor, before: str) -> None:
    await owner.get("/payments/queue", 400, before=before)


async def test_a_payment_tells_its_story_in_order(o: Office, owner: Visitor) -> None:
    now = o.home.clock.now()
    made = await paid(o.home, now, public="ab12", created_at=now - MINUTE, submitted_at=now - MINUTE + 1)
    await receipt(o.home, "SKE1234567", now + 1, made)
    said = (("stk", "wrong-pin", now - 30_000), ("query", "pending", now - 20_000), ("stk", None, now + 5))
    for channel, verdict, at in said:
        done = {"processed_at": at, "verdict": verdict} if verdict else {}
        await o.home.write(
            insert, "inbox", ref=new_public(12), channel=channel, payment_id=made, received_at=at, **done
        )
    await line(o, "contradicted", "payment:ab12")
    page = await owner.get(f"/payments/{made}")
    story = [
        "The guest chose 1 hour",
        "The prompt was sent",
        "M-Pesa&#39;s callback said: wrong PIN",
        "Bando asked M-Pesa, which said: nothing final yet",
        "Paid, by M-Pesa",
        "Receipt SKE1234567 came",
        "not looked at yet",
    ]
    places = [page.index(each) for each in story]

    assert places == sorted(places)
    assert "A paid payment was later called failed" in page
    assert re.search(r'href="/console/guests/device/\d+"', page)
    assert "0712 345 678" in page


async def test_an_auditor_sees_the_phone_masked(o: Office) -> None:
    made = await paid(o.home, o.home.clock.now())
    page = await (await o.of("auditor")).get(f"/payments/{made}")

    assert "07xx xxx 678" in page
    assert "0712 345 678" not in page


async def test_another_isps_payment_and_line_are_not_there(o: Office, owner: Visitor) -> None:
    made = await paid(o.home, o.home.clock.now())
    wrong = await line(o)
    other = await o.home.db.write(None, tenancy.add_tenant, "Other", o.home.clock.now())
    for table, row in (("payments", made), ("exceptions", wrong)):
        changed(o.home.db.place, f"UPDATE {table} SET tenant_id = ? WHERE id = ?", (other.id, row))

    await owner.get(f"/payments/{made}", 404)
    await owner.post("/lines/done", 404, line=str(wrong))
    await owner.get("/payments/999999", 404)
    await owner.get("/payments/x", 400)
    assert shown(await owner.get("/payments")) == []
    assert await o.acts() == []


async def test_the_queue_says_what_to_do_and_done_leaves_one_act(o: Office, owner: Visitor) -> None:
    await receipt(o.home, "SKE0000001", o.home.clock.now())
    wrong = await line(o)
    page = await owner.get("/payments/queue")
    assert "KSh\u00a020" in page
    assert "Ask the payer" in page
    answer = await owner.post("/lines/done", line=str(wrong), note="sent  back", back="/console/payments/queue")

    assert answer.headers["location"] == "/console/payments/queue?said=line-closed"
    assert "Nothing waits for you" in await owner.get("/payments/queue")
    (act,) = await o.acts()
    payload = json.loads(act["payload"])
    assert (act["act"], act["subject"], act["money"]) == ("line.close", f"line:{wrong}", 1)
    assert (payload["before"]["kind"], payload["after"]["note"]) == ("unmatched-money", "sent back")
    assert await o.verified()


async def test_a_line_is_closed_once(o: Office, owner: Visitor) -> None:
    wrong = await line(o)
    await owner.post("/lines/done", line=str(wrong))
    await owner.post("/lines/done", 404, line=str(wrong))

    assert len(await o.acts()) == 1


@pytest.mark.parametrize("role", ["cashier", "support", "auditor"])
async def test_without_the_permission_no_line_is_closed(o: Office, role: str) -> None:
    wrong = await line(o)
    who = await o.of(role)
    await who.post("/lines/done", 403, line=str(wrong))

    assert "Done</button>" not in await who.get("/payments/queue")
    assert await o.acts() == []


@pytest.mark.parametrize(
    "back", ["https://evil.test/", "//evil.test", "/console/../evil", "/console/\\x", "/elsewhere"]
)
async def test_done_leads_nowhere_else(o: Office, owner: Visitor, back: str) -> None:
    answer = await owner.post("/lines/done", line=str(await line(o)), back=back)

    assert answer.headers["location"].startswith("/console/payments/queue")


async def test_the_queue_goes_on_below_its_last_line(o: Office) -> None:
    made = [await line(o, subject=f"receipt:SKE{n}") for n in range(5)]
    first = await o.home.read(lines.open_page, 3)
    rest = await o.home.read(lines.open_page, 3, (first[-1].opened_at, first[-1].id))

    assert [each.id for each in (*first, *rest)] == made[::-1]


async def test_no_statement_of_these_pages_goes_through_a_whole_table(o: Office) -> None:
    now = o.home.clock.now()
    made = await paid(o.home, now, public="ab12")
    await receipt(o.home, "SKE1", now, made)
    await line(o, "wrong-amount", "payment:ab12")
    day = (now - DAY, now + DAY)
    found: list[str] = []
    for chip in (*store.CHIPS, "somebody"):
        for want in (Wanted(chip=chip), Wanted(chip=chip, span=day), Wanted(chip=chip, span=day, plan=1, router=1)):
            found += plans(o.home, store.payment_page(o.home.vault, want, None))
            found += plans(o.home, store.totals(want, "KES")) if want.narrowed else []
    found += plans(o.home, store.story(o.home.vault, made)) + plans(o.home, lines.open_page(50))

    assert scans(found) == []
    if not on_postgres():  # which goes through the few rows that an ISP has here by any index of theirs
        assert not [each for each in found if "payments" in each and "(tenant_id=?)" in each], "by more than the ISP"


def test_every_state_reason_and_line_has_words() -> None:
    assert set(timeline.STATES) == set(machine.STATES)
    assert {*machine.FAILURES, *machine.REVIEWS} <= set(reasons.SHORT)
    assert set(settle.LINES) <= set(advice.ADVICE)


def test_every_line_of_the_manual_has_its_advice() -> None:
    manual = (Path(__file__).parents[2] / "docs" / "operating.md").read_text()
    kinds = re.findall(r"^\| `([a-z-]+)` \|", manual.split("## Lines for staff")[1].split("\n## ")[0], re.MULTILINE)

    assert set(kinds) == set(advice.ADVICE)
