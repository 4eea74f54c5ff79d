"""What stands in the books is the same, added up at once or kept from before."""

from __future__ import annotations

from pathlib import Path
from random import Random

from portal.books import agents as books
from portal.books import ledger, store
from portal.books.ledger import About
from portal.books.standing import Standing
from portal.clock import DAY, HOUR, Moment
from portal.money import Money
from portal.staff import store as staff
from portal.units import Unit
from tests.raw import changed
from tests.support import seed

FACTS = ("receipt", "placed", "paid", "sold", "redeemed", "refund-cash", "commission")


async def test_what_is_kept_and_what_came_since_are_the_whole(tmp_path: Path) -> None:
    home, random, standing = await seed(tmp_path), Random(5), Standing()
    for n in range(120):
        home.clock.advance(random.randrange(0, 11 * HOUR))
        amount = Money(random.randrange(1, 9_000), random.choice(("KES", "UGX")))
        await home.write(ledger.post, random.choice(FACTS), f"f{n}", amount, home.clock.now())
        if n % 7 == 0:
            for currency in ("KES", "UGX"):
                whole = await home.read(store.sums, 0, store.EVER)
                kept = await home.read(standing.sums, home.tenant.id, home.clock.now())
                assert ledger.balances(kept, currency) == ledger.balances(whole, currency)
    await home.db.aclose()


async def test_what_is_older_than_yesterday_is_not_read_again(tmp_path: Path) -> None:
    home, standing = await seed(tmp_path), Standing()
    await home.write(ledger.post, "paid", "old", Money(100), home.clock.now())
    home.clock.advance(3 * DAY)
    await home.read(standing.sums, home.tenant.id, home.clock.now())
    changed(home.db.place, "DELETE FROM transfers")
    kept = await home.read(standing.sums, home.tenant.id, home.clock.now())
    assert ledger.balances(kept, "KES")["revenue"] == 100
    assert ledger.balances(await home.read(Standing().sums, home.tenant.id, home.clock.now()), "KES")["revenue"] == 0
    await home.db.aclose()


def _agent(public: str, now: Moment) -> Unit[int]:
    return (
        yield from staff.insert_staff(
            public=public, email_index=public.encode(), email_sealed=b"", name=public, role="agent", state="active",
            created_at=now, changed_at=now,
        )
    )  # fmt: skip


async def test_what_is_kept_about_an_agent_is_the_whole_too(tmp_path: Path) -> None:
    home, random, standing = await seed(tmp_path), Random(8), Standing()
    agents = [await home.write(_agent, f"a{n}", home.clock.now()) for n in range(2)]
    for n in range(90):
        home.clock.advance(random.randrange(0, 17 * HOUR))
        fact, about = random.choice(("handed-out", "commission", "settled")), About(agent_id=random.choice(agents))
        await home.write(ledger.post, fact, f"f{n}", Money(random.randrange(1, 9_000)), home.clock.now(), about)
        for agent in agents:
            whole = await home.read(books.standing, agent, "KES")
            kept = await home.read(standing.of_agent, home.tenant.id, agent, home.clock.now())
            assert books.of_sums(kept, "KES") == whole
    await home.db.aclose()
