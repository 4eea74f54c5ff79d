"""The life of vouchers as a machine: whatever guests and staff do, a code makes one pass, and says what is true.

A model foretells the answer to every code that is shown, by the rules in words; after every step the database is
looked at by queries that know nothing of the model.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from portal import check
from portal.access import admission, record, store
from portal.access.passes import Pass
from portal.access.plans import Plan
from portal.access.store import Cause
from portal.clock import DAY, HOUR, MINUTE
from portal.errors import Refused
from portal.seal import Vault
from portal.sessions.meter import Reading
from portal.tenancy import store as tenancy
from portal.units import Unit, rows
from portal.vouchers import batches, codes, guesses, redeem
from portal.vouchers import store as vouchers
from portal.vouchers.guesses.limits import SEEN, WINDOW_MS
from portal.vouchers.redeem import Ask
from tests.hand import fresh_hand
from tests.support import MASTER, a_plan, examples
from tests.vouchers.cards import batch_of, mac

SWEEP = 1500 if os.environ.get("BANDO_SWEEP") else 0
DEVICES, ROUTERS, MOVES = 4, 2, 2
OFFERED = {"connected": "new", "resumed": "yours", "added": "join", "moved": "move", "voucher-move": "move"}
OFFERED |= {"voucher-moves": "move"}  # looking does not count the moves
VAULT = Vault(MASTER)

device_numbers = st.integers(1, DEVICES)
router_numbers = st.integers(0, ROUTERS - 1)
picks = st.integers(0, 1000)


@dataclass(kw_only=True)
class Card:
    """A voucher as the model knows it."""

    code: str
    batch_id: int
    serial: int
    label: str
    plan: Plan
    use_by: int
    state: str = "printed"
    users: list[int] = field(default_factory=list)  # device numbers, of its pass
    moves: list[int] = field(default_factory=list)  # when


class VoucherMachine(RuleBasedStateMachine):
    """Cards, four phones, two routers."""

    def __init__(self) -> None:
        super().__init__()
        self.ends = ExitStack()
        self.connection = self.ends.enter_context(fresh_hand())
        self.now = 1_800_000_000_000
        self.cards: list[Card] = []
        self.failed: dict[tuple[int, bool], dict[str, int]] = {}  # who has shown what in vain, and when
        self.guesses = 0
        self.blocked: set[int] = set()
        self.ended: set[int] = set()

    def teardown(self) -> None:
        self.ends.close()

    def do(self, unit: Any, *args: Any, **kwargs: Any) -> Any:
        return self.connection.run(unit(*args, **kwargs), self.tenant)

    @initialize()
    def begin(self) -> None:
        """An ISP with two routers and five plans, and a card of each."""
        self.tenant = 0
        self.tenant = self.connection.run(tenancy.add_tenant("Test ISP", self.now), None).id
        self.routers = [self.do(_router, self.now, n) for n in range(ROUTERS)]
        self.plans = [
            self._plan(span_ms=HOUR),
            self._plan(span_ms=3 * HOUR, max_devices=3),
            self._plan(span_ms=HOUR, max_devices=2, locked=True),
            self._plan(span_ms=DAY, max_devices=2, sites=(self.routers[0],)),
            self._plan(span_ms=30 * MINUTE, kind="used", window_ms=6 * HOUR),
        ]
        for plan, days in ((0, 1), (1, 30), (2, 30), (3, 30), (4, 1)):
            self.a_batch_is_printed(plan, 1, days)

    def _plan(self, **fields: Any) -> Plan:
        plan = a_plan(public=f"p{fields}", use_by_ms=2 * DAY, **fields)
        return Plan(**{**plan.__dict__, "id": self.do(store.add_plan, plan, self.now)})

    # --- what staff do ---

    @precondition(lambda self: len(self.cards) < 9)
    @rule(plan=st.integers(0, 4), count=st.integers(1, 3), days=st.sampled_from([1, 30]))
    def a_batch_is_printed(self, plan: int, count: int, days: int) -> None:
        drawn = [codes.draw(codes.STYLES["letters-10"]) for _ in range(count)]
        use_by = self.now + days * DAY
        batch_id = self.do(batch_of, VAULT, self.tenant, self.plans[plan], drawn, self.now, use_by=use_by)
        for found, code in zip(self.do(vouchers.in_range, batch_id, 1, count), drawn, strict=True):
            self.cards.append(
                Card(
                    code=code,
                    batch_id=batch_id,
                    serial=found.serial,
                    label=found.label,
                    plan=self.plans[plan],
                    use_by=use_by,
                )
            )

    @rule(pick=picks, width=st.integers(0, 1), end_passes=st.booleans())
    def a_range_is_voided(self, pick: int, width: int, end_passes: bool) -> None:
        first = self._card(pick)
        span = range(first.serial, first.serial + width + 1)
        hit = [each for each in self.cards if each.batch_id == first.batch_id and each.serial in span]
        taken = [each for each in hit if each.state == "printed" or (end_passes and self._lives(each))]

        whole = self.do(vouchers.batch, first.batch_id)
        done = self.do(batches.void_some, whole, span[0], span[-1], "W.", "lost", self.now, end_passes)

        assert done.taken == len(taken)
        for each in taken:
            each.state = "void"

    def _lives(self, card: Card) -> bool:
        made = self._pass(card)
        return card.state == "redeemed" and made is not None and made.state != "ended"

    @rule(device=device_numbers, on=st.booleans())
    def a_device_is_blocked_or_let_in_again(self, device: int, on: bool) -> None:
        known = self.do(store.device_by_mac, mac(device))
        if known is not None:
            self.do(admission.block, known.id, on, self.now)
            (self.blocked.add if on else self.blocked.discard)(device)

    # --- what guests do ---

    @rule(pick=picks, device=device_numbers, router=router_numbers, seen=st.booleans(), move=st.booleans())
    def a_code_is_shown(self, pick: int, device: int, router: int, seen: bool, move: bool) -> None:
        card = self._card(pick)
        expected = self._expected(card, device, router, seen, move)

        told = self._told(redeem.redeem, card.code, device, router, seen, move)

        assert told == expected, (told, expected, card)
        self._remember(card, device, seen, told)

    @rule(pick=picks, device=device_numbers, router=router_numbers, seen=st.booleans())
    def a_code_is_looked_at(self, pick: int, device: int, router: int, seen: bool) -> None:
        card = self._card(pick)
        expected = self._expected(card, device, router, seen, move=True, stopped=False)
        before = self._books()

        told = self._told(redeem.look, card.code, device, router, seen, False)

        assert told == OFFERED.get(expected, expected), (told, expected, card)
        assert self._books() == before, "looking spends nothing"
        if told == "voucher-unknown":
            self._fail(device, seen, card.code)

    @rule(device=device_numbers, router=router_numbers, seen=st.booleans())
    def a_code_is_guessed(self, device: int, router: int, seen: bool) -> None:
        code = codes.draw(codes.STYLES["letters-10"])
        expected = "voucher-wait" if self._failures(device, seen) >= SEEN.own["device"] else "voucher-unknown"

        assert self._told(redeem.redeem, code, device, router, seen, False) == expected
        if expected == "voucher-unknown":
            self._fail(device, seen, code)

    @precondition(lambda self: any(each.users for each in self.cards))
    @rule(pick=picks, router=router_numbers, online=st.booleans())
    def a_router_reports(self, pick: int, router: int, online: bool) -> None:
        used = [each for each in self.cards if each.users]
        users = used[pick % len(used)].users
        known = self.do(store.device_by_mac, mac(users[pick % len(users)]))
        since = self.now if online else None
        reading = Reading(read_at=self.now, user_uptime_s=0, active_uptime_s=0 if online else None)
        self.do(store.save_presence, self.routers[router], known.id, reading, since, self.now)
        self.do(admission.refresh, known.id, self.now)

    @rule(minutes=st.sampled_from([1, 20, 61, 200, 1500]), act=st.booleans())
    def time_passes(self, minutes: int, act: bool) -> None:
        """The portal may be a little late with what time does."""
        self.now += minutes * MINUTE
        late = "SELECT 1 FROM passes WHERE state IN ('running', 'paused') AND ends_at < ?"
        if act or self.connection.execute(late, (self.now - HOUR // 2,)).fetchone():
            self.do(record.let_time_act, self.now)

    def _card(self, pick: int) -> Card:
        return self.cards[-1 - pick % len(self.cards)]

    def _told(self, unit: Any, code: str, device: int, router: int, seen: bool, move: bool) -> str:
        at = self.routers[router]
        who = guesses.guesser(VAULT, self.tenant, mac(device), at, f"192.0.2.{device}", seen)
        index = batches.code_index(VAULT, code)
        ask = Ask(code=index, mac=mac(device), router_id=at, who=who, moves_a_day=MOVES, move=move)
        try:
            done = self.do(unit, ask, self.now)
        except Refused as refused:
            return refused.key
        if isinstance(done, Refused):
            return done.key
        return str(done.how if unit is redeem.redeem else done.kind)

    # --- the rules in words ---

    def _expected(self, card: Card, device: int, router: int, seen: bool, move: bool, *, stopped: bool = True) -> str:
        """What this code does for this device here."""
        if self._failures(device, seen) >= SEEN.own["device"]:
            return "voucher-wait"
        if card.state == "void" or (card.state == "printed" and card.use_by <= self.now):
            return "voucher-unknown"
        elsewhere = card.plan.sites is not None and self.routers[router] not in card.plan.sites
        blocked = stopped and device in self.blocked
        if card.state == "printed":
            return "voucher-elsewhere" if elsewhere else "voucher-stopped" if blocked else "connected"
        if self._over(card):
            return "pass-ended" if device in card.users else "voucher-unknown"
        return self._shown_again(card, device, move, elsewhere=elsewhere, blocked=blocked, looking=not stopped)

    def _shown_again(
        self, card: Card, device: int, move: bool, *, elsewhere: bool, blocked: bool, looking: bool
    ) -> str:
        if device in card.users:
            return "voucher-elsewhere" if looking and elsewhere else "resumed"
        if elsewhere and looking:
            return "voucher-elsewhere"
        if card.plan.locked:
            return "voucher-locked"
        if elsewhere:
            return "voucher-elsewhere"
        full = len(card.users) >= card.plan.max_devices
        if full and not move:
            return "voucher-move"
        if blocked:
            return "voucher-stopped"
        if not full:
            return "added"
        return "voucher-moves" if sum(at > self.now - DAY for at in card.moves) >= MOVES else "moved"

    def _over(self, card: Card) -> bool:
        """Whether its pass is over, also when nobody has written it down yet."""
        made = self._pass(card)
        assert made is not None
        if made.state == "ended":
            return True
        by_clock = made.state in ("running", "paused") and made.ends_at is not None and made.ends_at <= self.now
        unused = made.state == "waiting" and made.started_at is None and made.use_by <= self.now
        return by_clock or unused

    def _pass(self, card: Card) -> Pass | None:
        found: Pass | None = self.do(store.pass_by_cause, Cause(kind="voucher", ref=card.label))
        return found

    def _remember(self, card: Card, device: int, seen: bool, told: str) -> None:
        """What the model makes of an answer."""
        if told == "voucher-unknown":
            self._fail(device, seen, card.code)
        if told in ("connected", "added"):
            card.state = "redeemed"
            card.users.append(device)
        if told == "moved":
            card.moves.append(self.now)
            users = self._users(card)
            gone = set(card.users) - set(users)
            assert len(gone) == 1
            assert set(users) == set(card.users) - gone | {device}
            card.users = users

    def _failures(self, device: int, seen: bool) -> int:
        shown = self.failed.get((device, seen), {})
        return sum(at > self.now - WINDOW_MS for at in shown.values())

    def _fail(self, device: int, seen: bool, code: str) -> None:
        """The same code again within the hour is no further guess."""
        shown = self.failed.setdefault((device, seen), {})
        if shown.get(code, 0) <= self.now - WINDOW_MS:
            shown[code] = self.now
            self.guesses += 1

    def _users(self, card: Card) -> list[int]:
        found: list[int] = [int(row["mac"][-2:], 16) for row in self.do(_users_of, card.label)]
        return found

    def _books(self) -> list[Any]:
        text = "SELECT {} FROM {} ORDER BY id"
        tables = (("id, state", "vouchers"), ("*", "passes"), ("*", "pass_devices"), ("*", "voucher_moves"))
        return [tuple(row) for each in tables for row in self.connection.execute(text.format(*each))]

    # --- what must hold, whatever the model thinks ---

    @invariant()
    def the_books_agree(self) -> None:
        if self.cards:
            assert self.do(check.breaches, self.now) == []

    @invariant()
    def the_model_is_right(self) -> None:
        for card in self.cards:
            found = self.do(vouchers.by_code, batches.code_index(VAULT, card.code))
            assert found.state == card.state
            assert sorted(self._users(card)) == sorted(card.users)
        assert self._query("SELECT COUNT(*) FROM voucher_moves")[0][0] == sum(len(card.moves) for card in self.cards)
        assert self._query("SELECT COUNT(*) FROM guesses WHERE bucket = 'device'")[0][0] == self.guesses

    @invariant()
    def one_pass_of_so_many_devices_for_a_voucher(self) -> None:
        for label, passes, users, most in self._query(
            "SELECT v.label, COUNT(DISTINCT p.id), COUNT(d.id), MAX(p.max_devices) FROM vouchers v JOIN passes p"
            " ON p.cause_kind = 'voucher' AND p.cause_ref = v.label JOIN pass_devices d ON d.pass_id = p.id"
            " GROUP BY v.label"
        ):
            assert passes == 1, label
            assert 1 <= users <= most, label

    @invariant()
    def what_is_void_lets_nobody_in(self) -> None:
        assert not self._query(
            "SELECT v.label FROM vouchers v JOIN passes p ON p.cause_kind = 'voucher' AND p.cause_ref = v.label"
            " WHERE v.state = 'void' AND (p.state <> 'ended' OR v.redeemed_at > v.voided_at)"
        )

    @invariant()
    def no_voucher_moves_too_often(self) -> None:
        assert not self._query(
            "SELECT m.id FROM voucher_moves m WHERE (SELECT COUNT(*) FROM voucher_moves n"
            " WHERE n.voucher_id = m.voucher_id AND n.moved_at BETWEEN m.moved_at"
            f" AND m.moved_at + {DAY - 1}) > {MOVES}"
        )

    @invariant()
    def what_is_spent_stays_spent(self) -> None:
        ended = {row[0] for row in self._query("SELECT id FROM passes WHERE state = 'ended'")}
        assert self.ended <= ended
        self.ended = ended

    def _query(self, text: str) -> Sequence[Any]:
        return self.connection.execute(text).fetchall()


def _users_of(label: str) -> Unit[Sequence[Any]]:
    return (
        yield from rows(
            "SELECT d.mac AS mac FROM passes p JOIN pass_devices u ON u.tenant_id = p.tenant_id AND u.pass_id = p.id"
            " JOIN devices d ON d.tenant_id = p.tenant_id AND d.id = u.device_id"
            " WHERE p.tenant_id = :tenant AND p.cause_kind = 'voucher' AND p.cause_ref = :label",
            label=label,
        )
    )


def _router(now: int, number: int) -> Unit[int]:
    return (
        yield from tenancy.add_router(
            VAULT, now, name=f"site {number}", host="127.0.0.1", port=1, username="x", password="x", hotspot_host="x"
        )
    )


TestVouchers = VoucherMachine.TestCase
TestVouchers.settings = settings(
    max_examples=SWEEP or examples(120), stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
)
