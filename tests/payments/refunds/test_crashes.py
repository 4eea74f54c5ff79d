"""The process dies at every statement, every commit and every call of a refund: the money leaves at most once.

Whatever was lost, the next process finds out: the refund is done and booked, or unknown and told to staff, or it can be
sent as if nothing had been; and a result that comes later is still understood.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from portal import check
from portal.clock import MINUTE
from portal.payments import store as payments
from portal.payments.refunds import store, units
from portal.payments.refunds.rules import Rules
from portal.payments.refunds.sending import Refunds
from portal.seal import Vault
from portal.units import Row
from tests.payments.refunds.shop import Gateway, Shop, cut, refused


class Dead(BaseException):
    """The process is gone."""


@dataclass
class Fuse:
    """Counts the points at which a process may die, and lets it die at one of them."""

    at: int | None = None
    count: int = 0

    def burn(self) -> None:
        self.count += 1
        if self.count == self.at:
            raise Dead


@dataclass
class Process:
    """One run of the service on the shop's database: every statement and every commit is a point."""

    shop: Shop
    gateway: Gateway
    fuse: Fuse = field(default_factory=Fuse)

    async def write(self, tenant: int, unit: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        books, whole = self.shop.books, self.shop.books.execute

        def execute(text: str, params: Mapping[str, Any]) -> Sequence[Row]:
            self.fuse.burn()
            return whole(text, params)

        books.execute = execute  # type: ignore[method-assign]
        try:
            with books.connection.alone(tenant):
                done = books.run(unit(*args, **kwargs))
                self.fuse.burn()  # just before the commit
        finally:
            del books.execute
        self.fuse.burn()  # just after it
        return done

    read = write

    async def reverse(self, *args: Any) -> str:
        self.fuse.burn()
        said = await self.gateway.reverse(*args)
        self.fuse.burn()
        return said

    def room(self) -> Refunds:
        view = SimpleNamespace(tenant=self.shop.books.tenant)
        catalog: Any = SimpleNamespace(all=lambda: (view,))
        clock: Any = SimpleNamespace(now=lambda: self.shop.now)
        db: Any = self
        return Refunds(db, self.shop.books.vault, clock, catalog, "https://portal.test", self)


def ask(shop: Shop) -> tuple[Any, ...]:
    wish = units.Wish(
        payment_id=shop.story.id, way="reversal", amount=shop.story.row.amount, reason="x", ends_pass=True, key="k"
    )
    vault: Vault = shop.books.vault
    return units.ask, vault, shop.books.tenant.public, wish, shop.owner, Rules(), shop.now


def ask_once(unit: Any, *args: Any) -> Any:
    """The form, which the browser may send again."""
    there = yield from store.by_form("k")
    return there if there is not None else (yield from unit(*args))


async def lived(shop: Shop, gateway: Gateway, fuse: Fuse, result: str | None) -> None:
    """A refund from the form to its result, in a process that may die on the way."""
    process = Process(shop, gateway, fuse)
    room = process.room()
    await room.take_up()
    refund_id = await process.write(1, ask_once, *ask(shop))
    await room.run_once()
    await room.run_once()
    if result and gateway.left:
        await process.write(1, heard, refund_id, result, shop.now)


def heard(refund_id: int, result: Any, now: int) -> Any:
    one = yield from units._existing(refund_id)
    yield from units.hear(one, result, now)


def points(folder: Path, answer: Callable[[], str] | None, result: str | None) -> int:
    """How many points there are."""
    shop, gateway, fuse = Shop(folder), Gateway(), Fuse()
    gateway.answer = answer or gateway.answer
    asyncio.run(lived(shop, gateway, fuse, result))
    shop.books.connection.close()
    return fuse.count


@pytest.fixture
def folders(tmp_path: Path) -> Iterator[Path]:
    """Empty folders, one after the other."""

    def made(n: int) -> Path:
        (tmp_path / str(n)).mkdir()
        return tmp_path / str(n)

    return (made(n) for n in itertools.count())


@pytest.mark.parametrize(
    ("answer", "result"),
    [(None, "success"), (None, "failure"), (None, None), (refused, None), (cut, "success"), (cut, None)],
    ids=["success", "failure", "no result", "refused", "cut off, success", "cut off, no result"],
)
def test_whenever_the_process_dies_the_money_leaves_at_most_once(
    folders: Iterator[Path], answer: Callable[[], str] | None, result: str | None
) -> None:
    whole = points(next(folders), answer, result)
    assert whole > 25
    for at in range(1, whole + 1):
        shop, gateway = Shop(next(folders)), Gateway()
        gateway.answer = answer or gateway.answer
        try:
            asyncio.run(lived(shop, gateway, Fuse(at=at), result))
        except Dead:
            asyncio.run(lived(shop, gateway, Fuse(), result))
        sound(shop, gateway, at)


def sound(shop: Shop, gateway: Gateway, at: int) -> None:
    """At most one reversal; and the refund says what is true, or that nobody knows."""
    assert len(gateway.left) <= 1, at
    (one,) = shop.do(store.of_payment, shop.story.id)
    if one.state == "done":
        assert len(gateway.left) == 1, at
        assert (shop.balances().get("refunds"), shop.pass_state) == (2_000, "ended"), at
    if one.state == "unknown":
        assert "refund-unknown" in shop.books.lines(), at
    assert one.state in ("done", "failed", "awaiting", "unknown"), at
    assert shop.do(check.breaches, shop.now + 2 * MINUTE) == [], at
    shop.books.connection.close()


def test_without_writing_down_first_the_money_would_leave_twice(folders: Iterator[Path]) -> None:
    """The control: a worker that calls first and writes afterwards."""
    shop, gateway = Shop(next(folders)), Gateway()
    refund_id = shop.do(*ask(shop))

    def careless(refund: int, now: int) -> Any:
        one = yield from units._existing(refund)
        receipt = yield from payments.receipt_of(one.payment_id)
        assert receipt is not None
        return units.Sending(refund=one, account=shop.story.account, receipt=receipt.number)

    for _ in range(2):  # the first process dies between the call and the writing
        sending = shop.do(careless, refund_id, shop.now)
        asyncio.run(gateway.reverse(sending.account, sending.receipt, sending.refund.amount, ""))
    shop.books.connection.close()

    assert len(gateway.left) == 2
