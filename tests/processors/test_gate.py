"""Every adapter: to whoever is not in the register nothing is sent; staff are told, and what can wait does."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

import app
from portal.clock import DAY, MINUTE
from portal.errors import ProviderRefused
from portal.payments import accounts
from portal.payments.daraja import Daraja
from portal.payments.line import Line
from portal.payments.provider import Provider
from portal.privacy.closed.room import Closed
from portal.processors import gate as gates
from portal.processors import service, store
from portal.processors.gate import Gate, Registered, shut
from portal.tenancy import closing
from portal.tenancy import store as tenancy
from portal.tenancy.store import exceptions
from portal.units import rows, update
from portal.watch import channels
from portal.watch.deliver import Mails, Webhooks
from portal.watch.room import Watch
from sandbox.ca import Authority
from sandbox.hooks import Receiver
from sandbox.mail import MailServer
from tests.payments.road import PHONE, Road, road
from tests.payments.test_contract import NAMES, VAULT
from tests.payments.test_paystack import a_prompt, an_account
from tests.support import Seed, anybody, seed
from tests.watch.test_deliver import SECRET, alarmed, channel, deliveries, mail_settings, post_office, settings


@pytest.fixture
async def home(tmp_path: Path) -> AsyncIterator[Seed]:
    made = await seed(tmp_path)
    yield made
    await made.db.aclose()


async def entry(home: Seed, mark: str) -> int:
    found = await home.read(store.registered, mark)
    assert found is not None
    return int(found.id)


async def take_out(home: Seed, mark: str) -> None:
    await home.write(service.remove, await entry(home, mark), "staff:x", home.clock.now())


async def put_back(home: Seed, mark: str) -> None:
    await home.write(service.put_back, mark, "staff:x", home.clock.now())


async def lines(home: Seed) -> list[str]:
    return [row["subject"] for row in await home.read(exceptions) if row["kind"] == "unregistered"]


# --- payment providers ---


@asynccontextmanager
async def counted() -> AsyncIterator[tuple[httpx.AsyncClient, list[str]]]:
    """A client that writes down each request which would leave."""
    left: list[str] = []

    async def note(request: httpx.Request) -> None:
        left.append(request.url.path)

    async with httpx.AsyncClient(trust_env=False, event_hooks={"request": [note]}) as http:
        yield http, left


def provider(name: str, http: httpx.AsyncClient, home: Seed, registered: Registered) -> Provider:
    made: list[Provider] = [Daraja(http, VAULT, home.clock, registered=registered)]
    made += [make(Line(http, registered=registered), VAULT) for make in app.FURTHER]
    return next(each for each in made if each.name == name)


ACTS = ["push", "ask", "try_out"]


async def tried(name: str, act: str, home: Seed, registered: Registered) -> tuple[str, list[str]]:
    """Why a call was refused, and what left."""
    kind = "paybill" if name == "mpesa" else "page"
    account = replace(an_account(base_url="http://127.0.0.1:9"), tenant_id=home.tenant.id, provider=name, kind=kind)
    wanted: dict[str, tuple[Any, ...]] = {"push": (account, a_prompt(), 0), "ask": (account, "x", 0)}
    async with counted() as (http, left):
        with pytest.raises(ProviderRefused) as refused:
            await getattr(provider(name, http, home, registered), act)(*wanted.get(act, (account,)))
    return refused.value.reason, left


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("act", ACTS)
async def test_a_provider_that_is_not_registered_is_not_called(home: Seed, name: str, act: str) -> None:
    assert await tried(name, act, home, Gate(home.db, home.clock)) == ("unregistered", [])
    assert await lines(home) == [f"processor:{name}"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("act", ACTS)
async def test_without_the_gate_it_would_have_been_called(home: Seed, name: str, act: str) -> None:
    reason, left = await tried(name, act, home, anybody)
    assert reason == "provider-down"
    assert left


@pytest.mark.parametrize("name", NAMES)
async def test_an_adapter_that_was_given_no_gate_sends_nothing(home: Seed, name: str) -> None:
    assert await tried(name, "push", home, shut) == ("unregistered", [])


async def pays(r: Road, click: str) -> str:
    started = await r.buy(click=click)
    seen = await r.until(started, "failed", "awaiting")
    if seen.state == "awaiting":
        await (await r.prompt()).approve()
        return (await r.until(started, "paid")).state
    return seen.reason or ""


async def test_a_prompt_is_refused_with_words_and_goes_out_once_the_provider_is_back(tmp_path: Path) -> None:
    async with road(tmp_path) as r:
        await take_out(r.home, "mpesa")
        assert await pays(r, "one") == "unregistered"
        assert r.mpesa.handset(PHONE.digits).pending is None
        assert "unregistered" in await r.lines()

        await put_back(r.home, "mpesa")
        assert await lines(r.home) == []
        r.clock.advance(MINUTE)
        assert await pays(r, "two") == "paid"


async def test_a_payment_under_way_is_asked_about_once_the_provider_is_back(tmp_path: Path) -> None:
    async with road(tmp_path) as r:
        started = await r.buy()
        await r.until(started, "awaiting")
        await take_out(r.home, "mpesa")
        r.clock.advance(MINUTE)
        await r.payments.queries.run_once()
        assert await r.state(started) == "awaiting"


# --- webhooks and e-mail ---


async def test_a_message_to_a_webhook_waits_without_losing_a_try_until_it_is_registered(
    home: Seed, tmp_path: Path
) -> None:
    receiver = await Receiver().open()
    await channel(home, receiver.url)
    await alarmed(home)
    await take_out(home, "webhook:127.0.0.1")
    office = await post_office(home, tmp_path)
    await office.run_once()
    (kept,) = await deliveries(home)
    assert (kept["state"], kept["tries"], kept["answer"]) == ("waiting", 0, "unregistered")
    assert (receiver.got, await lines(home)) == ([], ["processor:webhook:127.0.0.1"])

    await put_back(home, "webhook:127.0.0.1")
    home.clock.advance(6 * MINUTE)
    await office.run_once()
    assert [each["state"] for each in await deliveries(home)] == ["sent"]
    assert len(receiver.got) == 1
    await receiver.aclose()


async def test_an_e_mail_waits_too_and_is_old_news_after_a_week(home: Seed, tmp_path: Path) -> None:
    server = await MailServer().open()
    await channel(home, "ops@isp.test", "email")
    await alarmed(home)
    await take_out(home, "mail")
    office = await post_office(home, tmp_path, **mail_settings(server, SMTP_TLS="none"))
    for _ in range(2):
        await office.run_once()
        home.clock.advance(7 * DAY)
    await server.aclose()
    (kept,) = await deliveries(home)

    assert (kept["state"], kept["answer"], server.got) == ("failed", "unregistered", [])
    assert office.failed == 1


async def test_an_adapter_holds_against_an_entry_of_somebody_else(home: Seed, tmp_path: Path) -> None:
    """It is given the entry by which it may send; one of another receiver opens nothing."""
    receiver, server = await Receiver().open(), await MailServer().open()
    kept, trust = settings(**mail_settings(server, SMTP_TLS="none")), Authority(tmp_path).client_context()
    other, own, mail = [await anybody(1, each) for each in ("webhook:else.test", "webhook:127.0.0.1", "mail")]
    assert other is not None
    assert own is not None
    assert mail is not None
    body = b'{"event": "alarm.test", "title": "T", "isp": "I", "text": "t", "do": "", "url": "u"}'
    hooks, mails, now = Webhooks(kept, trust), Mails(kept, trust), home.clock.now()
    assert await hooks.send(other, receiver.url, SECRET, "d", body, now) == "unregistered"
    assert await mails.send(other, "ops@isp.test", "d", body, now) == "unregistered"
    assert (receiver.got, server.got) == ([], [])

    assert await hooks.send(own, receiver.url, SECRET, "d", body, now) == "taken"
    assert await mails.send(mail, "ops@isp.test", "d", body, now) == "taken"
    await receiver.aclose()
    await server.aclose()


# --- nobody is shut out by surprise ---


async def test_what_is_set_up_is_registered_once_and_what_was_removed_stays_removed(home: Seed) -> None:
    await channel(home, "ops@isp.test", "email")
    await take_out(home, "mail")
    home.clock.advance(1)
    await channel(home, "noc@isp.test", "email")
    assert await home.read(store.registered, "mail") is None


async def test_a_start_registers_what_is_from_before_there_was_a_register(tmp_path: Path) -> None:
    async with road(tmp_path) as r:
        home = r.home
        await channel(home, "https://hooks.example.test/a/b")
        for mark in ("mpesa", "webhook:hooks.example.test"):
            await home.write(update, "processors", await entry(home, mark), mark=f"lost:{mark}")
        watch = Watch(home.db, home.vault, home.clock, r.catalog, r.settings, Authority(tmp_path).client_context())
        await r.payments.start()
        await watch.start()
        await watch.start()
        found = await home.read(store.standing)
        marks = [each.mark for each in found if not each.mark.startswith("lost:")]
        assert marks == ["mpesa", "webhook:hooks.example.test"]
        assert all(each.looked_at is None for each in found)

        await take_out(home, "mpesa")
        await r.payments.start()
        assert await home.read(store.registered, "mpesa") is None


async def test_a_start_puts_nothing_into_the_register_of_an_isp_that_was_erased(tmp_path: Path) -> None:
    """Its accounts stay in the books, without keys."""
    async with road(tmp_path) as r:
        home = r.home
        await home.write(closing.close, home.tenant.id, home.clock.now())
        home.clock.advance(closing.ERASE_AFTER_MS)
        assert await Closed(home.db, home.vault, home.clock).run_once() == 1
        await r.catalog.refresh()
        await r.payments.start()
        assert await home.read(rows, "SELECT mark FROM processors WHERE tenant_id = :tenant") == []
        assert len(await home.read(accounts.accounts)) == 1


# --- the line for staff ---


async def shut_out(home: Seed) -> Gate:
    """Asked before anything was registered, as before the first start after an update."""
    gate = Gate(home.db, home.clock)
    assert await gate(home.tenant.id, "mail") is None
    assert await lines(home) == ["processor:mail"]
    return gate


async def test_the_line_is_settled_when_what_is_set_up_is_registered(home: Seed) -> None:
    await shut_out(home)
    await home.write(service.ensure, "mail", home.clock.now())
    assert await lines(home) == []


async def test_the_line_of_what_staff_took_out_stays_open(home: Seed) -> None:
    await channel(home, "ops@isp.test", "email")
    await take_out(home, "mail")
    await shut_out(home)
    await home.write(service.ensure, "mail", home.clock.now())
    assert await lines(home) == ["processor:mail"]


async def test_a_line_that_came_when_it_was_put_back_already_is_settled_by_the_next_start(home: Seed) -> None:
    await channel(home, "ops@isp.test", "email")
    await home.write(tenancy.say_again, "unregistered", "processor:mail", "It was not sent.", home.clock.now())
    await home.write(service.ensure, "mail", home.clock.now())
    assert await lines(home) == []


async def test_what_was_put_back_between_the_look_and_the_line_makes_none(home: Seed) -> None:
    await channel(home, "ops@isp.test", "email")
    await home.write(gates._say, "mail", home.clock.now())
    assert await lines(home) == []
    await take_out(home, "mail")
    await home.write(gates._say, "mail", home.clock.now())
    assert await lines(home) == ["processor:mail"]


async def test_a_gate_that_only_looks_writes_nothing(home: Seed) -> None:
    assert await Gate(home.db, home.clock, tells=False)(home.tenant.id, "mail") is None
    assert await lines(home) == []
    await shut_out(home)


async def test_the_register_of_one_isp_opens_nothing_for_another(home: Seed) -> None:
    await channel(home, "ops@isp.test", "email")
    gate = Gate(home.db, home.clock)
    assert await gate(home.tenant.id, channels.mark("email", "x")) is not None
    other = await home.db.write(None, tenancy.add_tenant, "Next Door", home.clock.now())
    assert await gate(other.id, "mail") is None
    assert await home.read(rows, "SELECT id FROM exceptions WHERE tenant_id = :tenant") == []
