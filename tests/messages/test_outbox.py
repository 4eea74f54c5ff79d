"""Messages: what is committed is sent, once for the phone whatever breaks, and nothing of it can be read at rest."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest

from portal.access.catalog import Catalog
from portal.clock import DAY, HOUR, MINUTE
from portal.errors import Misconfigured
from portal.messages import store
from portal.messages.gateways import SandboxGateway, gateway_of
from portal.messages.room import MOST_TRIES, Messages
from portal.privacy.retention.room import Retention
from portal.settings import SANDBOX_KEY, load, refuse_unsafe
from tests.hand import on_disk
from tests.messages.post import PHONE, TEXT, Post


async def test_what_was_written_is_sent_once(post: Post) -> None:
    room = await post.room()
    await post.put()
    assert await room.run_once() == 1
    assert await room.run_once() == 0
    (sms,) = post.gateway.of(PHONE.digits)
    assert sms.text == TEXT
    (row,) = await post.rows()
    assert (row["state"], row["tries"], row["outcome"]) == ("sent", 1, "taken")


async def test_killed_after_the_commit_it_is_sent_by_the_next_process(post: Post) -> None:
    await post.put()
    assert post.gateway.calls == 0
    await (await post.room()).run_once()
    assert len(post.gateway.of(PHONE.digits)) == 1


async def test_killed_while_the_gateway_had_it_the_phone_gets_it_once(post: Post) -> None:
    """The gateway took it and nobody could write that down: it comes again under the same mark."""
    await post.put()
    post.gateway.silent = True
    sending = asyncio.create_task((await post.room()).run_once())
    while not post.gateway.calls:
        await asyncio.sleep(0.005)
    sending.cancel()
    await asyncio.gather(sending, return_exceptions=True)
    post.gateway.silent = False
    again = await post.room()
    assert await again.run_once() == 0  # its next try was on disk before the first one was made
    post.home.clock.advance(MINUTE)
    assert await again.run_once() == 1
    assert post.gateway.calls == 2
    assert len(post.gateway.of(PHONE.digits)) == 1
    assert (await post.rows())[0]["state"] == "sent"


async def test_a_gateway_that_refuses_is_tried_with_growing_pauses_and_given_up(post: Post) -> None:
    room, tries = await post.room(), []
    await post.put()
    post.gateway.status = 503
    for _ in range(60):
        if await room.run_once():
            tries.append(post.home.clock.now())
        post.home.clock.advance(5 * MINUTE)
    assert len(tries) == MOST_TRIES
    pauses = [after - before for before, after in pairwise(tries)]
    assert pauses == sorted(pauses)
    (row,) = await post.rows()
    assert (row["state"], row["outcome"]) == ("failed", "refused")


async def test_what_is_of_no_use_any_more_is_not_sent(post: Post) -> None:
    await post.put(for_ms=10 * MINUTE)
    post.home.clock.advance(10 * MINUTE)
    await (await post.room()).run_once()
    assert post.gateway.calls == 0
    assert (await post.rows())[0]["outcome"] == "too late"


async def test_whoever_is_restricted_gets_nothing_but_the_code_that_they_ask_for(post: Post) -> None:
    await post.restrict()
    await post.put("news")
    await post.put("code")
    await (await post.room()).run_once()
    assert [(each["kind"], each["state"], each["outcome"]) for each in await post.rows()] == [
        *(("news", "dropped", "restricted"), ("code", "sent", "taken")),
    ]
    assert len(post.gateway.of(PHONE.digits)) == 1


async def test_without_that_guard_it_would_have_been_sent(post: Post) -> None:
    await post.put("news")
    await (await post.room()).run_once()
    assert len(post.gateway.of(PHONE.digits)) == 1


async def test_neither_number_nor_words_stand_open_on_the_disk(post: Post) -> None:
    await post.put()
    await (await post.room()).run_once()
    whole = on_disk(post.home.db.place)
    assert b"proof_codes" in whole
    assert b"planted code" not in whole
    assert PHONE.digits.encode() not in whole


async def test_after_ninety_days_number_and_words_are_gone_and_the_row_stays(post: Post) -> None:
    await post.put()
    await (await post.room()).run_once()
    purge = Retention(post.home.db, post.home.vault, post.home.clock)
    post.home.clock.advance(90 * DAY)
    assert (await purge.purge(post.home.tenant, post.home.clock.now(), "clock")).get("messages") is None
    post.home.clock.advance(DAY)
    assert (await purge.purge(post.home.tenant, post.home.clock.now(), "clock"))["messages"] == 1
    (row,) = await post.rows()
    assert (row["recipient_sealed"], row["body_sealed"], row["state"]) == (None, None, "sent")


async def test_a_gateway_refuses_to_be_built_unless_it_is_configured(post: Post) -> None:
    assert gateway_of(load({"BANDO_MODE": "sandbox"}), post.http) is None
    real = {
        "BANDO_SECRET_KEY": "k" * 40,
        "BANDO_PUBLIC_URL": "https://wifi.test",
        "BANDO_DATA_PROTECTION_CONTACT": "dpo@isp.test",
    }
    assert real["BANDO_SECRET_KEY"] != SANDBOX_KEY
    refuse_unsafe(load(real))
    wrong = load({**real, "BANDO_MESSAGES_SANDBOX": post.gateway.url})
    with pytest.raises(Misconfigured, match="reach nobody"):
        refuse_unsafe(wrong)
    with pytest.raises(Misconfigured, match="sandbox only"):
        SandboxGateway(wrong, post.http)


async def test_without_a_gateway_nothing_is_taken_up(post: Post) -> None:
    await post.put()
    catalog = Catalog(post.home.db)
    await catalog.refresh()
    room = Messages(post.home.db, post.home.vault, post.home.clock, catalog, None)
    assert not await room.possible(post.home.tenant.id)
    assert await room.run_once() == 0
    assert (await post.rows())[0]["state"] == "waiting"


async def test_codes_are_gone_after_an_hour(post: Post) -> None:
    room = await post.room()
    await post.home.write(store.keep_code, post.person, b"phone", b"code", post.home.clock.now())
    post.home.clock.advance(HOUR - MINUTE)
    await room.tidy()
    assert await post.home.read(store.any_code_before, post.home.clock.now())
    post.home.clock.advance(2 * MINUTE)
    await room.tidy()
    assert not await post.home.read(store.any_code_before, post.home.clock.now())
