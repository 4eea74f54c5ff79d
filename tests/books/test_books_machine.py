"""The books as a machine: whatever is paid, sold, redeemed, voided and counted, in whatever order, they add up.

A model of a few sums, made from what was done and not from what was written, foretells what stands on each account.
After every step the invariants are looked for in the database (I1 to I5), and the balances are compared.
"""

from __future__ import annotations

import os
from collections import Counter
from contextlib import ExitStack, suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from portal import check
from portal.access import admission
from portal.access import store as access
from portal.books import agents, drawer, ledger, store
from portal.books.chart import ACCOUNTS
from portal.clock import DAY, HOUR, MINUTE
from portal.console.compensation import giving
from portal.console.compensation import store as gifts
from portal.console.guests import acts as guest_acts
from portal.console.vouchers import store as counter
from portal.errors import Refused
from portal.money import Money
from portal.payments import by_hand
from portal.payments import store as payments
from portal.sessions.meter import Reading
from portal.vouchers import batches, codes, guesses, posting, redeem
from portal.vouchers import store as vouchers
from portal.vouchers.batches import Order
from portal.vouchers.redeem import Ask
from portal.vouchers.stock import moves
from portal.vouchers.stock.moves import Move
from portal.vouchers.store import Holder
from tests.hand import fresh_hand
from tests.payments.refunds.shop import somebody
from tests.payments.story import Ledger, Story
from tests.support import examples
from tests.vouchers.cards import mac

SWEEP = 1500 if os.environ.get("BANDO_SWEEP") else 0
PRICE = 2_000  # of the plan, in minor units
COMMISSION_BP, COMMISSION = 1_500, 300
CASHIERS = AGENTS = 2
BIG = 1 << 62

picks = st.integers(0, 1000)
two = st.integers(0, 1)
coins = st.integers(-500, 500)


class BooksMachine(RuleBasedStateMachine):
    """One ISP: nine guests who pay by phone, cards, two cashiers, two agents."""

    def __init__(self) -> None:
        super().__init__()
        self.ends = ExitStack()
        self.books = Ledger(self.ends.enter_context(fresh_hand()))
        self.stories: list[Story] = []
        self.receipts: dict[str, int] = {}  # all that has come, by its number
        self.paid = 0
        self.cards: list[dict[str, Any]] = []
        self.expected: Counter[str] = Counter()  # cards, cash and agents, by the name of an account
        self.drawers = [0, 0]
        self.debts = [0, 0]
        self.cash_ups: dict[int, dict[str, Any]] = {}
        self.forms = 0

    def teardown(self) -> None:
        self.ends.close()

    @property
    def now(self) -> int:
        return self.clock

    def do(self, unit: Any, *args: Any, **kwargs: Any) -> Any:
        return self.books.run(unit(*args, **kwargs))

    @initialize()
    def begin(self) -> None:
        """Two cashiers and two agents."""
        self.clock = 1_795_000_000_000
        self.router, plan, _ = self.books.views[self.books.tenant.id]
        self.plan = next(each for each in self.do(access.plan_list) if each.id == plan.id)
        self.staff = [
            self.do(somebody, f"s{n}", "cashier" if n < CASHIERS else "agent", COMMISSION_BP) for n in range(4)
        ]

    @rule(span=st.sampled_from([MINUTE, HOUR, DAY, 31 * DAY]))
    def time_passes(self, span: int) -> None:
        self.clock += span
        for each in self.do(access.due_devices, self.now):
            self.do(admission.refresh, each, self.now)

    @rule()
    def what_nobody_redeemed_in_time_is_earned(self) -> None:
        while self.do(posting.expire_some, self.now):
            pass
        for card in self.cards:
            if card["sold"] and card["state"] == "printed" and card["use_by"] <= self.now:
                card["state"] = "expired"
                self.expected["vouchers"] -= PRICE
                self.expected["expired"] += PRICE

    # --- payments ---

    @precondition(lambda self: len(self.stories) < 9)
    @rule(sent=st.booleans())
    def a_guest_wants_to_pay(self, sent: bool) -> None:
        story = Story(self.books, n=len(self.stories) + 1, now=self.now)
        story.claimed()
        if sent:
            story.pushed()
        self.stories.append(story)

    @precondition(lambda self: self.stories)
    @rule(
        pick=picks,
        what=st.sampled_from(["callback", "callback", "c2b", "till", "query", "failure", "wrong", "second", "reply"]),
    )
    def something_is_said_of_a_payment(self, pick: int, what: str) -> None:
        """Late, doubled, wrong and in any order."""
        story = self.stories[pick % len(self.stories)]
        story.now = self.now
        own = f"UKM000000{story.n}"
        if what == "callback":
            self._comes(own, PRICE)
            story.callback()
        elif what in ("c2b", "till"):
            self._comes(own, PRICE)
            story.c2b(ref="" if what == "till" else None)
        elif what == "wrong":
            self._comes(f"UKMWRONG0{story.n}", 100)
            story.callback(receipt=f"UKMWRONG0{story.n}", amount=1.0)
        elif what == "second":
            self._comes(f"UKMTWICE0{story.n}", PRICE)
            story.callback(receipt=f"UKMTWICE0{story.n}")
        elif what == "reply":
            story.pushed()
        else:
            story.query("0" if what == "query" else "1037")

    def _comes(self, number: str, minor: int) -> None:
        self.receipts.setdefault(number, minor)

    @precondition(lambda self: self.stories)
    @rule(n=st.integers(1, 3), minor=st.sampled_from([PRICE, 1_500]))
    def somebody_pays_by_hand(self, n: int, minor: int) -> None:
        self._comes(f"UKMHAND{n}{minor:04d}", minor)
        story = self.stories[0]
        story.now = self.now
        story.c2b(receipt=f"UKMHAND{n}{minor:04d}", amount=f"{minor / 100:.2f}", ref="NOBODY")

    @precondition(lambda self: self.receipts)
    @rule(pick=picks, what=st.sampled_from(["match", "give", "back", "count"]), other=picks)
    def staff_place_money(self, pick: int, what: str, other: int) -> None:
        number = sorted(self.receipts)[pick % len(self.receipts)]
        receipt = self.do(payments.receipt, number, "sandbox")
        story = self.stories[other % len(self.stories)]
        try:
            if what == "match":
                self.do(by_hand.match, self.books.vault, receipt.id, story.id, self.now)
            elif what == "count":
                self.do(by_hand.count_as_paid, self.books.vault, story.id, self.now)
            elif what == "give":
                given = by_hand.Given(device_id=story.row.device_id, plan=self.plan, reason="odd amount")
                self.do(by_hand.give, self.books.vault, self.books.tenant.id, receipt.id, given, self.now)
            else:
                self.do(by_hand.sent_back, receipt.id, self.now)
                self.expected["mpesa"] -= self.receipts[number]
        except Refused:
            pass

    # --- cards ---

    @precondition(lambda self: len(self.cards) < 12)
    @rule(holder=st.sampled_from([None, 0, 1]), count=st.integers(1, 3))
    def a_batch_is_made(self, holder: int | None, count: int) -> None:
        agent = None if holder is None else self.staff[CASHIERS + holder]
        order = Order(
            plan=self.plan,
            count=count,
            style=codes.STYLES["letters-10"],
            use_by=self.now + 30 * DAY,
            by="W.",
            agent_id=agent,
        )
        whole = self.do(batches.begin, order, self.now)
        drawn = [codes.draw(order.style) for _ in range(count)]
        cards = [_card(self.books, whole, serial, code) for serial, code in enumerate(drawn, start=1)]
        held = vouchers.NOBODY
        if agent is not None:
            held = Holder(agent_id=agent, since=self.now, commission_minor=COMMISSION)
        self.do(vouchers.add_vouchers, whole.id, whole.use_by, cards, held)
        for _ in range(2):  # a crash after it, and it is made whole again
            self.do(batches.complete, whole, "W.", self.now)
        if holder is not None:
            self._owes(holder, count * PRICE)
            self.expected["vouchers"] += count * PRICE
        for card, code in zip(cards, drawn, strict=True):
            self._keep(card["label"], code, whole.id, card["serial"], holder=holder, sold=holder is not None)

    def _keep(self, label: str, code: str, batch_id: int, serial: int, **more: Any) -> None:
        card = {"label": label, "code": code, "batch": batch_id, "serial": serial, "use_by": self.now + 30 * DAY}
        self.cards.append({**card, "state": "printed", "seller": None, **more})

    def _owes(self, agent: int, minor: int) -> None:
        self.debts[agent] += minor
        self.expected["agents"] += minor

    def _drawer(self, cashier: int, minor: int) -> None:
        self.drawers[cashier] += minor
        self.expected["cash"] += minor

    @precondition(lambda self: len(self.cards) < 15)
    @rule(cashier=two)
    def a_card_is_sold_at_the_counter(self, cashier: int) -> None:
        order = Order(
            plan=self.plan,
            count=1,
            style=codes.STYLES["letters-10"],
            use_by=self.now + 30 * DAY,
            by="C.",
            note=counter.COUNTER,
            staff_id=self.staff[cashier],
            form_key=f"{len(self.cards)}",
        )
        code = codes.draw(order.style)
        tapped = (self.books.vault, self.books.tenant.id, order, code, self.now)
        whole = self.do(counter.sell, *tapped)
        with pytest.raises(Refused, match="batch-there"):
            self.do(counter.sell, *tapped)
        self._drawer(cashier, PRICE)
        self.expected["vouchers"] += PRICE
        self._keep(batches.label_of(whole.number, 1, 1), code, whole.id, 1, holder=None, sold=True, seller=cashier)

    @precondition(lambda self: self.cards)
    @rule(pick=picks, device=st.integers(1, 4))
    def a_code_is_shown(self, pick: int, device: int) -> None:
        card = self.cards[pick % len(self.cards)]
        vault, tenant = self.books.vault, self.books.tenant.id
        who = guesses.guesser(vault, tenant, mac(device), self.router.id, "192.0.2.1", True)
        shown = Ask(
            code=batches.code_index(vault, codes.read(card["code"])),
            mac=mac(device),
            router_id=self.router.id,
            who=who,
            moves_a_day=3,
        )
        live = self.do(vouchers.by_label, card["label"])
        with suppress(Refused):
            self.do(redeem.redeem, shown, self.now)
        after = self.do(vouchers.by_label, card["label"])
        if (live.state, after.state) == ("printed", "redeemed"):
            self._redeemed(card)

    def _redeemed(self, card: dict[str, Any]) -> None:
        card["state"] = "redeemed"
        self.expected["revenue"] += PRICE
        self.expected["vouchers" if card["sold"] else "uncounted"] += -PRICE if card["sold"] else PRICE
        if card["holder"] is not None:
            self._owes(card["holder"], -COMMISSION)
            self.expected["commissions"] += COMMISSION

    @precondition(lambda self: self.cards)
    @rule(pick=picks, end=st.booleans(), by=st.sampled_from([None, 0, 1]))
    def a_card_is_voided(self, pick: int, end: bool, by: int | None) -> None:
        card = self.cards[pick % len(self.cards)]
        whole = self.do(vouchers.batch, card["batch"])
        staff = None if by is None else self.staff[by]
        self.do(batches.void_some, whole, card["serial"], card["serial"], "W.", "lost", self.now, end, staff)
        if card["state"] != "printed":
            return
        card["state"] = "void"
        if card["sold"]:
            self.expected["vouchers"] -= PRICE
            if card["holder"] is not None:
                self._owes(card["holder"], -PRICE)
            else:
                self._drawer(card["seller"] if by is None else by, -PRICE)

    @precondition(lambda self: self.cards)
    @rule(pick=picks, agent=two, more=st.integers(0, 2), kind=st.sampled_from(moves.KINDS), cashier=two)
    def a_range_moves(self, pick: int, agent: int, more: int, kind: moves.Kind, cashier: int) -> None:
        """Handed out, brought back or lost; a form that is sent twice does so once."""
        card = self.cards[pick % len(self.cards)]
        whole = self.do(vouchers.batch, card["batch"])
        last = min(whole.count, card["serial"] + more)
        self.forms += 1
        move = Move(
            kind=kind,
            agent_id=self.staff[CASHIERS + agent],
            batch=whole,
            first=card["serial"],
            last=last,
            staff_id=self.staff[cashier],
            by="W.",
            key=f"{self.forms}",
            reason="because",
        )
        taken = [each for each in self.cards if self._moves(each, move, agent)]
        foreseen = self.do(moves.foresee, kind, move.agent_id, whole, move.first, last, self.now)
        assert foreseen.count == len(taken)
        for _ in range(2):
            assert self.do(moves.carry_out, move, self.now) == len(taken)
        for each in taken:
            self._moved(each, kind, agent)

    def _moves(self, card: dict[str, Any], move: Move, agent: int) -> bool:
        inside = card["batch"] == move.batch.id and move.first <= card["serial"] <= move.last
        ours = card["holder"] is None and not card["sold"]
        whose = ours if move.kind == "handed" else card["holder"] == agent
        return inside and whose and card["state"] == "printed" and card["use_by"] > self.now

    def _moved(self, card: dict[str, Any], kind: moves.Kind, agent: int) -> None:
        if kind in ("lost", "let-off"):
            card["state"] = "void"
        if kind == "lost":
            self.expected["vouchers"] -= PRICE
            self.expected["expired"] += PRICE
            return
        sign = 1 if kind == "handed" else -1
        card["holder"], card["sold"] = (agent, True) if kind == "handed" else (None, False)
        self._owes(agent, sign * PRICE)
        self.expected["vouchers"] += sign * PRICE

    # --- free time ---

    @rule(device=st.integers(1, 4), minutes=st.sampled_from([1, 7, 60, 1_000]), key=st.integers(1, 6), who=two)
    def somebody_gets_more_time(self, device: int, minutes: int, key: int, who: int) -> None:
        """Outside of revenue, once for each form, and no more than the role may give in a day."""
        known = self.do(access.device_by_mac, mac(device))
        if known is None:
            return
        giver = giving.Giver(staff_id=self.staff[who], role="cashier", since=self.now - DAY)
        gift = giving.Gift(span_ms=minutes * MINUTE, key=f"gift-{key}", reason="slow", giver=giver)
        with suppress(Refused):
            self.do(guest_acts.extend, known.id, gift, self.now)
            self._given(gift.span_ms)

    def _given(self, span_ms: int) -> None:
        worth = (PRICE * span_ms + self.plan.span_ms // 2) // self.plan.span_ms
        self.expected["compensation"] += worth
        self.expected["given"] += worth

    @rule(device=st.integers(1, 4), ago=st.integers(0, 5))
    def a_device_is_seen(self, device: int, ago: int) -> None:
        """Online since some minutes; its pass begins to run."""
        known = self.do(access.device_by_mac, mac(device))
        if known is not None:
            self.do(_online, known.id, self.router.id, ago * 60, self.now)

    @rule(since=st.integers(1, 120), span=st.integers(1, 60), key=st.integers(1, 6), who=two)
    def an_outage_is_made_good(self, since: int, span: int, key: int, who: int) -> None:
        """What it foretells is what it gives; no moment of a pass is made good twice."""
        giver = giving.Giver(staff_id=self.staff[who], role="owner", since=self.now - DAY)
        begun = self.now - since * MINUTE
        until = min(self.now, begun + span * MINUTE)
        outage = giving.Outage(
            router_id=self.router.id, since=begun, until=until, reason="cut", key=f"cut-{key}", giver=giver
        )
        hit = self.do(giving.foresee, self.router.id, begun, until)
        try:
            made = self.do(giving.begin, outage, len(hit.lost), self.now)
        except Refused:
            return
        while self.do(giving.give_some, made, self.now):
            pass
        assert self.do(giving.foresee, self.router.id, begun, until).lost == []
        assert self.do(gifts.gave, made)["n"] == len(hit.lost)
        for each in hit.lost:
            self._given(each.span_ms)

    # --- cash ---

    @rule(agent=two, cashier=two, part=st.sampled_from([1, 2, 3]), key=st.integers(1, 5))
    def an_agent_pays(self, agent: int, cashier: int, part: int, key: int) -> None:
        brought = Money(max(0, self.debts[agent]) // part)
        paid = agents.Payment(
            agent_id=self.staff[CASHIERS + agent], amount=brought, staff_id=self.staff[cashier], key=f"form-{key}"
        )
        try:
            self.do(agents.settle, paid, self.now)
        except Refused:
            return
        assert brought.minor
        self._owes(agent, -brought.minor)
        self._drawer(cashier, brought.minor)

    @rule(cashier=two, apart=coins, stays=st.booleans())
    def a_drawer_is_counted(self, cashier: int, apart: int, stays: bool) -> None:
        counted = max(0, self.drawers[cashier] + apart)
        left = counted // 2 if stays else 0
        before, who = self.do(drawer.drawer, self.staff[cashier], "KES"), self.staff[cashier]
        count = drawer.Count(staff_id=who, number=before.number, counted=Money(counted), left=Money(left), by=who)
        assert before.expected.minor == self.drawers[cashier]
        try:
            closing_id = self.do(drawer.close, count, self.now)
        except Refused:
            assert counted == self.drawers[cashier] == left
            return
        self.expected["differences"] -= counted - self.drawers[cashier]
        self.expected["cash"] += left - self.drawers[cashier]
        self.expected["safe"] += counted - left
        self.drawers[cashier] = left
        self.cash_ups[closing_id] = self._cash_up(closing_id)

    def _cash_up(self, closing_id: int) -> dict[str, Any]:
        row = dict(self.do(store.closing, closing_id))
        return {**row, "lines": [dict(each) for each in self.do(store.of_closing, closing_id)]}

    # --- what must be so after each step ---

    @invariant()
    def no_invariant_is_broken(self) -> None:
        # A minute later at once: what is paid has its pass in the very transaction.
        assert self.do(check.breaches, self.now + 2 * MINUTE) == []

    @invariant()
    def the_balances_are_what_was_done(self) -> None:
        found = ledger.balances(self.do(store.sums, 0, BIG), "KES")
        booked = self.do(payments.payment_list)
        self.paid = sum(each.amount.minor for each in booked if each.state == "paid")
        come = sum(self.receipts.values()) + self.expected["mpesa"]
        placed = self._placed()
        wanted: dict[str, int] = {
            **dict.fromkeys(map(str, ACCOUNTS), 0),
            **self.expected,
            "mpesa": come,
            "unplaced": come - placed,
            "transit": self.paid - placed,
            "revenue": self.expected["revenue"] + self.paid,
        }
        assert found == wanted

    def _placed(self) -> int:
        rows = (self.do(payments.receipt, number, "sandbox") for number in self.receipts)
        return sum(each.amount.minor for each in rows if each is not None and each.payment_id is not None)

    @invariant()
    def agents_owe_what_they_should(self) -> None:
        for n, debt in enumerate(self.debts):
            assert self.do(agents.standing, self.staff[CASHIERS + n], "KES").debt == Money(debt)

    @invariant()
    def what_was_counted_never_changes(self) -> None:
        for closing_id, was in self.cash_ups.items():
            assert self._cash_up(closing_id) == was


def _online(device_id: int, router_id: int, for_s: int, now: int) -> Any:
    reading = Reading(read_at=now, active_uptime_s=for_s, active_bytes_in=0, active_bytes_out=0)
    yield from access.save_presence(router_id, device_id, reading, reading.online_since, now)
    yield from admission.refresh(device_id, now)


def _card(books: Ledger, whole: vouchers.Batch, serial: int, code: str) -> dict[str, Any]:
    label = batches.label_of(whole.number, serial, whole.count)
    return {
        "serial": serial,
        "label": label,
        "code_index": batches.code_index(books.vault, code),
        "code_sealed": batches.seal_code(books.vault, books.tenant.id, label, code),
    }


TestBooks = BooksMachine.TestCase
TestBooks.settings = settings(
    max_examples=SWEEP or examples(60),
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


KINDS = ("receipt", "placed", "paid", "redeemed", "sold")
OF_AGENTS = ("handed-out", "commission", "taken-back", "expired", "compensated")


@pytest.mark.parametrize("kind", [*KINDS, *OF_AGENTS])
def test_a_fact_that_was_not_posted_would_be_noticed(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = store.add_transfer

    def forgetful(**columns: Any) -> Any:
        return (yield from whole(**columns)) if columns["kind"] != kind else 1

    machine = BooksMachine()
    machine.begin()
    monkeypatch.setattr(store, "add_transfer", forgetful)
    machine.a_guest_wants_to_pay(sent=True)
    machine.something_is_said_of_a_payment(0, "callback")
    machine.a_card_is_sold_at_the_counter(0)
    machine.a_code_is_shown(0, 1)
    machine.somebody_gets_more_time(1, 60, 1, 0)
    machine.a_batch_is_made(None, 3)
    for pick, move in ((1, "handed"), (2, "handed"), (3, "handed"), (2, "returned"), (3, "lost")):
        machine.a_range_moves(pick, 0, 0, move, 0)
    machine.a_code_is_shown(1, 2)
    try:
        assert machine.do(check.breaches, machine.now) != []
    finally:
        machine.teardown()
