"""What stands in the books is the same, added up at once or kept from before."""

from __future__ import annotations

from pathlib import Path
from random import Random

from portal.books import ledger, store
from portal.books.standing import EVER, Standing
from portal.clock import DAY, HOUR
from portal.db import open_connection
from portal.money import Money
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
                whole = await home.read(store.sums, 0, EVER)
                kept = await home.read(standing.sums, home.tenant.id, home.clock.now())
                assert ledger.balances(kept, currency) == ledger.balances(whole, currency)
    await home.db.aclose()


async def test_what_is_older_than_yesterday_is_not_read_again(tmp_path: Path) -> None:
    home, standing = await seed(tmp_path), Standing()
    await home.write(ledger.post, "paid", "old", Money(100), home.clock.now())
    home.clock.advance(3 * DAY)
    await home.read(standing.sums, home.tenant.id, home.clock.now())
    with open_connection(tmp_path / "bando.db") as connection:
        connection.execute("DELETE FROM transfers")
    kept = await home.read(standing.sums, home.tenant.id, home.clock.now())
    assert ledger.balances(kept, "KES")["revenue"] == 100
    assert ledger.balances(await home.read(Standing().sums, home.tenant.id, home.clock.now()), "KES")["revenue"] == 0
    await home.db.aclose()
