"""Messages: what happens to one between the look and the sending, and between the sending and its result."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from portal.clock import DAY
from portal.messages import store
from portal.messages.gateways import TAKEN
from portal.messages.room import note, take
from portal.messages.store import Letter
from portal.people import store as people
from portal.phone import Phone
from portal.processors.registry import Processor
from portal.tenancy import closing
from portal.tenancy import store as tenancy
from tests.messages.post import PHONE, TEXT, Post
from tests.support import anybody

OTHER = Phone("254722000111")


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not true():
            await asyncio.sleep(0.005)


async def state(post: Post) -> list[tuple[str, str | None]]:
    return [(row["state"], row["outcome"]) for row in await post.rows()]


async def taken(post: Post, message_id: int) -> Letter | str:
    found: Letter | str = await post.home.write(take, post.home.vault, message_id, post.home.clock.now())
    return found


async def due(post: Post) -> list[int]:
    found: list[int] = await post.home.read(store.due, post.home.clock.now(), 5)
    return found


# --- between the look and the sending ---


async def test_what_is_taken_is_opened_once(post: Post) -> None:
    made = await post.put()
    assert await due(post) == [made]
    letter = await taken(post, made)
    assert isinstance(letter, Letter)
    assert (letter.to, letter.text) == (PHONE, TEXT)
    assert PHONE.digits not in repr(letter)
    assert TEXT not in repr(letter)
    assert await taken(post, made) == "gone", "another process has it"


async def test_who_was_erased_a_moment_before_gets_nothing(post: Post) -> None:
    """Both were found by one look; while the first one is on its way, the second person is erased."""
    other = await post.somebody(OTHER)
    await post.put()
    await post.put(person=other, phone=OTHER)
    post.gateway.silent = True
    sending = asyncio.create_task((await post.room()).run_once())
    await until(lambda: post.gateway.calls == 1)
    await post.erase(other)
    post.gateway.silent = False
    assert await sending == 2
    assert await state(post) == [("sent", "taken"), ("dropped", None)]
    assert (post.gateway.calls, post.gateway.of(OTHER.digits)) == (1, [])


async def test_otherwise_the_second_one_goes_out_too(post: Post) -> None:
    """The control."""
    await post.put()
    await post.put(person=await post.somebody(OTHER), phone=OTHER)
    await (await post.room()).run_once()
    assert len(post.gateway.of(OTHER.digits)) == 1


async def change(post: Post, message_id: int, **columns: object) -> None:
    await post.home.write(store.change, message_id, **columns)


@pytest.mark.parametrize("columns", [{"state": "dropped"}, {"body_sealed": None}, {"recipient_sealed": None}])
async def test_what_is_dropped_or_emptied_by_then_is_not_taken(post: Post, columns: dict[str, object]) -> None:
    made = await post.put()
    (seen,) = await due(post)
    await change(post, made, **columns)
    assert await taken(post, seen) == "gone"
    assert (await post.rows())[0]["tries"] == 0


# --- between the sending and its result ---


async def test_what_was_erased_while_the_gateway_had_it_stays_dropped(post: Post) -> None:
    await post.put()
    post.gateway.silent = True
    sending = asyncio.create_task((await post.room()).run_once())
    await until(lambda: post.gateway.calls == 1)
    await post.erase(post.person)
    post.gateway.silent = False
    await sending
    (row,) = await post.rows()
    assert (row["state"], row["next_try_at"], row["body_sealed"]) == ("dropped", None, None)


@pytest.mark.parametrize("outcome", [TAKEN, "refused"])
async def test_a_result_changes_only_what_still_waits(post: Post, outcome: str) -> None:
    dropped, waiting = await post.put(), await post.put()
    for each in (dropped, waiting):
        assert isinstance(await taken(post, each), Letter)
    await change(post, dropped, state="dropped", next_try_at=None, outcome="restricted")
    now = post.home.clock.now()
    assert await post.home.write(note, dropped, outcome, now) == "gone"
    expected = "sent" if outcome == TAKEN else "waiting"
    assert await post.home.write(note, waiting, outcome, now) == expected
    assert await state(post) == [("dropped", "restricted"), (expected, outcome)]


# --- one that does not open, and an ISP that fails ---


async def test_one_that_does_not_open_fails_and_the_others_go_on(post: Post) -> None:
    spoilt = await post.put()
    await post.put()
    await post.spoil(spoilt)
    room = await post.room()
    assert await room.run_once() == 2
    assert await state(post) == [("failed", "shut"), ("sent", "taken")]
    assert await room.run_once() == 0


async def test_an_isp_at_which_sending_fails_holds_up_no_other(post: Post) -> None:
    """Its error is raised only at last, so that the loop is seen to fail."""
    home = post.home
    first, now = home.tenant.id, home.clock.now()
    await post.put()
    other = await home.db.write(None, tenancy.add_tenant, "Langata Wi-Fi", now)
    there = await home.db.write(other.id, people.person_for, home.vault, other.id, OTHER, now)
    for _ in range(2):
        await home.db.write(other.id, store.put_out, home.vault, "code", there, OTHER, TEXT, now + DAY, now)

    async def broken(tenant: int, mark: str) -> Processor | None:
        if tenant == first:
            raise LookupError("a planted failure")
        return await anybody(tenant, mark)

    with pytest.raises(LookupError, match="planted"):
        await (await post.room(broken)).run_once()
    assert len(post.gateway.of(OTHER.digits)) == 2
    assert await state(post) == [("waiting", None)]


# --- an ISP that is switched off, or closed ---


@pytest.mark.parametrize("act", [closing.close, closing.switch])
async def test_an_isp_that_is_off_sends_nothing_and_what_waits_goes_out_once_it_is_on_again(
    post: Post, act: Callable[..., object]
) -> None:
    home, room = post.home, await post.room()
    await post.put()
    found = await due(post)
    args = (home.tenant.id, home.clock.now()) if act is closing.close else (home.tenant.id, False, home.clock.now())
    await home.write(act, *args)
    assert await taken(post, found[0]) == "off", "also before the process has heard of it"
    await room.run_once()
    await (await post.room()).run_once()
    assert (post.gateway.calls, await state(post)) == (0, [("waiting", None)])

    await home.write(closing.switch, home.tenant.id, True, home.clock.now())
    await (await post.room()).run_once()
    assert await state(post) == [("sent", "taken")]


async def test_what_is_of_no_use_any_more_by_then_is_dropped(post: Post) -> None:
    home = post.home
    await post.put(for_ms=1_000)
    await home.write(closing.close, home.tenant.id, home.clock.now())
    home.clock.advance(2_000)
    await home.write(closing.switch, home.tenant.id, True, home.clock.now())
    await (await post.room()).run_once()
    assert (post.gateway.calls, await state(post)) == (0, [("dropped", "too late")])
