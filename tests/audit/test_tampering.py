"""Whatever is done to the log behind Bando's back is found, with the first number that is wrong."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator

import pytest

from tests.audit.ledger import Ledger, a_ledger
from tests.audit.tampering import Tamperer

SIZE, OTHERS, TRIES = 40, 43, 1000
PURGE = 21  # the number of the act that cleared payloads


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    """Forty acts: the payloads of the first are cleared, which is an act too; and a neighbour's 43."""
    with a_ledger(tmp_path_factory.mktemp("audit"), acts=PURGE - 1, others=OTHERS) as made:
        assert made.purge(made.tenants[0], until=10, now=PURGE) == 8
        made.old_heads[PURGE] = bytes(made.head()["seal"])
        made.grow(made.tenants[0], range(PURGE + 1, SIZE + 1), random.Random(1))
        yield made


@pytest.fixture
def tamperer(ledger: Ledger) -> Tamperer:
    return Tamperer(ledger=ledger, rng=random.Random(11), size=SIZE)


def test_what_nobody_touched_is_found_whole(ledger: Ledger) -> None:
    cleared = [row["number"] for row in ledger.rows() if row["payload"] is None]

    assert cleared == [1, 2, 3, 4, 6, 7, 8, 9]
    assert [ledger.verify(tenant) for tenant in ledger.tenants] == [None, None]
    assert ledger.verify(kept={n: {row["chain"].hex()} for n, row in enumerate(ledger.rows(), start=1)}) is None


def test_a_thousand_tamperings_are_found_with_the_first_number_that_is_wrong(
    ledger: Ledger, tamperer: Tamperer
) -> None:
    ways, tried, missed = tamperer.ways(), Counter[str](), []
    for n in range(TRIES):
        way = ways[n % len(ways)]
        with ledger.tampered(way) as expected:
            found = ledger.verify()
        tried[way.__name__] += 1
        if found is None or found.number != expected:
            missed.append(f"{way.__name__}: {found} instead of {expected}")

    assert missed == []
    assert len(tried) == len(ways) > 25
    assert min(tried.values()) > 30
    assert ledger.verify() is None


def test_the_neighbour_is_not_disturbed(ledger: Ledger, tamperer: Tamperer) -> None:
    for way in tamperer.ways():
        with ledger.tampered(way):
            neighbour = ledger.verify(ledger.tenants[1])
        gets_one = way.__name__ == "by_giving_an_act_to_the_other_isp"
        assert (neighbour.number if neighbour else None) == (OTHERS + 1 if gets_one else None), way.__name__


def test_without_the_sealed_head_a_cut_tail_would_be_missed(ledger: Ledger, tamperer: Tamperer) -> None:
    """That the head is what finds it, and nothing else."""
    whole = Counter(way.__name__ for way in tamperer.ways() for _ in range(5) if links_alone_are_whole(ledger, way))

    assert {name for name, count in whole.items() if count == 5} == {
        "by_changing_the_number_of_the_head",
        "by_clearing_a_payload_that_no_purge_took",  # said at the end, for a purge may come later in the chain
        "by_cutting_off_the_tail",
        "by_cutting_off_the_tail_and_correcting_the_number_of_the_head",
        "by_putting_an_old_head_back",
        "by_removing_all",
        "by_removing_the_head",
        "by_replacing_the_head",
    }


def links_alone_are_whole(ledger: Ledger, way: Callable[[], int]) -> bool:
    with ledger.tampered(way):
        found = ledger.without_the_head()
    return found is None


@pytest.mark.parametrize("way", ["rolled_back", "vanished"])
def test_an_older_state_of_the_log_is_found_by_a_head_that_was_kept_elsewhere(
    ledger: Ledger, tamperer: Tamperer, way: str
) -> None:
    last = ledger.last()
    kept = {last.number: {last.chain}}
    for _ in range(40):
        with ledger.tampered(getattr(tamperer, way)) as expected:
            alone, compared = ledger.verify(), ledger.verify(kept=kept)
        if way == "vanished" or expected > PURGE:
            assert alone is None  # it is a true chain, only an old one
        else:
            assert str(alone) == "act 1 has lost its payload, and no purge took it"
        assert compared is not None
        assert compared.number == expected
        assert "the kept head knows acts up to number 40" in compared.what


def test_a_log_that_went_another_way_before_a_kept_head_is_found(ledger: Ledger) -> None:
    last = ledger.last()

    def rewritten() -> int:
        ledger.set_head(ledger.old_heads[30], 30)
        ledger.remove(31, SIZE)
        ledger.grow(ledger.tenants[0], range(31, SIZE + 5), random.Random(99))
        return SIZE

    with ledger.tampered(rewritten):
        alone, compared = ledger.verify(), ledger.verify(kept={last.number: {last.chain}})

    assert alone is None
    assert str(compared) == "act 40 is not the act that the kept head knows"


def test_a_gap_is_never_grown_over(ledger: Ledger, tamperer: Tamperer) -> None:
    """The next act hangs on the sealed head: what was cut off stays missing for ever."""

    def cut_and_grown() -> int:
        first = tamperer.by_cutting_off_the_tail()
        ledger.grow(ledger.tenants[0], range(50, 55), random.Random(5))
        return first

    with ledger.tampered(cut_and_grown) as expected:
        numbers = [row["number"] for row in ledger.rows()]
        found = ledger.verify()

    assert numbers == [*range(1, expected), *range(SIZE + 1, SIZE + 6)]
    assert str(found) == f"act {expected} is missing"


def test_a_purge_that_was_made_up_is_found(ledger: Ledger) -> None:
    def made_up() -> int:
        purge = next(row for row in ledger.rows() if row["act"] == "audit.clear")
        ledger.change(purge["number"], subject="other:99999999999999")
        ledger.change(31, payload=None)
        return int(purge["number"])

    with ledger.tampered(made_up) as expected:
        found = ledger.verify()

    assert found is not None
    assert found.number == expected
