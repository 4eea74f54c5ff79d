"""Wake-ups that did not come are found by the version; those that are on their way, or came twice, cost little."""

from __future__ import annotations

from random import Random

from portal.mikrotik.hearing import Hearing


def test_what_was_heard_is_no_news() -> None:
    one = Hearing()
    one.missed(7)
    for version in range(8, 50):
        one.heard()
        assert not one.missed(version)


def test_what_is_on_its_way_has_until_the_next_reading() -> None:
    one = Hearing()
    one.missed(7)
    assert not one.missed(8)
    one.heard()
    assert not one.missed(8)


def test_what_was_lost_is_told_once() -> None:
    one = Hearing()
    one.missed(7)
    assert not one.missed(8)
    assert one.missed(8)
    assert not one.missed(8)


def test_what_came_late_hides_no_later_loss() -> None:
    one = Hearing()
    one.missed(7)
    one.missed(8)
    assert one.missed(8)
    one.heard()  # it was only late
    assert not one.missed(8)
    one.missed(9)
    assert one.missed(9)


def test_under_load_nothing_is_taken_for_lost_that_is_on_its_way() -> None:
    for seed in range(50):
        random = Random(seed)
        one, version, on_their_way = Hearing(), 0, 0
        one.missed(0)
        for _ in range(40):
            for _ in range(on_their_way):
                one.heard()
            coming, on_their_way = random.randrange(30), random.randrange(9)
            version += coming + on_their_way
            for _ in range(coming):
                one.heard()
            assert not one.missed(version)
        for _ in range(on_their_way):
            one.heard()
        version += 1  # nobody hears this one
        assert [one.missed(version) for _ in range(3)] == [False, True, False]


def test_whoever_hears_nothing_at_all_finds_it_while_the_load_goes_on() -> None:
    one = Hearing()
    one.missed(0)
    assert [one.missed(version) for version in range(5, 50, 5)] == [False, *[True] * 8]
