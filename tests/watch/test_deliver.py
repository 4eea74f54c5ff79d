"""Messages on real sockets: signed, never led elsewhere, never waited for long; and tried again until it is enough."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from portal.access.catalog import Catalog
from portal.clock import DAY, HOUR, MINUTE
from portal.processors.gate import Gate
from portal.settings import Settings, load
from portal.units import rows, update, value
from portal.watch import channels, ledger, outbox, store
from portal.watch.alarm import KINDS, Alarm
from portal.watch.deliver import Mails, Webhooks
from portal.watch.ledger import Book
from portal.watch.outbox import Outbox
from portal.watch.store import Channel
from sandbox.ca import Authority
from sandbox.hooks import Receiver
from sandbox.mail import MailServer
from tests.support import Seed

SECRET = "whs_" + "ab" * 32


def settings(**more: str) -> Settings:
    return load({"BANDO_MODE": "sandbox", **{f"BANDO_{name}": text for name, text in more.items()}})


async def post_office(home: Seed, folder: Path, **more: str) -> Outbox:
    catalog = Catalog(home.db)
    await catalog.refresh()
    trust, kept = Authority(folder).client_context(), settings(**more)
    webhooks = Webhooks(kept, trust)
    return Outbox(
        home.db, home.vault, home.clock, catalog, webhooks, Mails(kept, trust), registered=Gate(home.db, home.clock)
    )


async def channel(home: Seed, address: str, kind: str = "webhook") -> int:
    args = (home.vault, f"c{home.clock.now()}", kind, address, SECRET, tuple(KINDS), home.clock.now())
    made: int = await home.write(channels.add, *args)
    return made


async def alarmed(home: Seed, text: str = "Site 1 does not answer.") -> None:
    """An alarm that is told at once."""
    now = home.clock.now()
    book = Book(tenant=home.tenant, url="https://wifi.test")
    alarm = Alarm(kind="guesses", subject=text, severity="grave", text=text, since=now)
    await home.write(ledger.keep, book, [alarm], now)


async def deliveries(home: Seed) -> list[dict[str, object]]:
    found = await home.read(rows, "SELECT * FROM deliveries WHERE tenant_id = :tenant ORDER BY id")
    return [dict(each) for each in found]


def receivers_check() -> Any:
    """The few lines that the manual gives to whoever writes a receiver; they know nothing of ours."""
    manual = (Path(__file__).parents[2] / "docs" / "manual" / "alarms.md").read_text()
    found = re.search(r"```python\n(.*?)```", manual, re.DOTALL)
    assert found is not None
    names: dict[str, Any] = {"hmac": hmac, "hashlib": hashlib}
    exec(found[1], names)
    return names["is_from_bando"]


# --- webhooks ---


async def test_a_message_arrives_once_and_its_signature_can_be_checked(
    home: Seed, receiver: Receiver, tmp_path: Path
) -> None:
    await channel(home, receiver.url)
    await alarmed(home)
    office = await post_office(home, tmp_path)
    await office.run_once()
    await office.run_once()
    (got,) = receiver.got
    (kept,) = await deliveries(home)

    header, now = got.header("bando-signature"), home.clock.now() / 1000
    assert receivers_check()(SECRET, header, got.body, now)
    assert not receivers_check()(SECRET, header, got.body + b" ", now), "another body"
    assert not receivers_check()(SECRET[:-1], header, got.body, now), "another secret"
    assert not receivers_check()(SECRET, header, got.body, now + 301), "an old one, sent again"
    assert json.loads(got.body)["id"] == got.header("bando-delivery") == kept["public"]
    assert (got.method, got.path, got.header("content-type")) == ("POST", "/bando", "application/json")
    assert (kept["state"], kept["answer"], kept["tries"]) == ("sent", "taken", 1)


async def test_another_body_or_another_moment_has_another_signature(home: Seed) -> None:
    from portal.watch.deliver import signature

    said = {signature(SECRET, at, body) for at in (1_000, 2_000) for body in (b"{}", b"{ }")}
    assert len(said) == 4


async def test_a_receiver_that_fails_is_tried_again_with_growing_pauses_and_then_given_up(
    home: Seed, receiver: Receiver, tmp_path: Path
) -> None:
    receiver.status = 503
    await channel(home, receiver.url)
    await alarmed(home)
    office = await post_office(home, tmp_path)
    moments = []
    for _ in range(2 * DAY // (5 * MINUTE)):
        before = len(receiver.got)
        await office.run_once()
        if len(receiver.got) > before:
            moments.append(home.clock.now())
        home.clock.advance(5 * MINUTE)
    (kept,) = await deliveries(home)
    pauses = [other - one for one, other in pairwise(moments)]

    assert len(receiver.got) == outbox.MOST_TRIES
    steps = [pause // MINUTE for pause in pauses]  # the clock goes on while they are sent
    assert steps == sorted(steps)
    assert moments[-1] - moments[0] < DAY
    assert (kept["state"], kept["answer"], office.failed) == ("failed", "failed", 1)
    assert len({each.header("bando-delivery") for each in receiver.got}) == 1, "the mark against doubles"
    assert len({each.body for each in receiver.got}) == 1


async def test_a_receiver_that_comes_back_gets_what_it_missed(home: Seed, receiver: Receiver, tmp_path: Path) -> None:
    receiver.status = 500
    await channel(home, receiver.url)
    await alarmed(home)
    office = await post_office(home, tmp_path)
    await office.run_once()
    receiver.status = 204
    home.clock.advance(MINUTE)
    await office.run_once()

    assert [each["state"] for each in await deliveries(home)] == ["sent"]


async def test_a_crash_after_the_call_costs_a_double_with_the_same_mark_and_never_a_loss(
    home: Seed, receiver: Receiver, tmp_path: Path
) -> None:
    id = await channel(home, receiver.url)
    await alarmed(home)
    office = await post_office(home, tmp_path)
    (waiting,) = await home.read(store.due, home.clock.now(), 9)
    found: Channel | None = await home.write(outbox.take, waiting, home.clock.now())
    assert found is not None
    assert found.id == id
    to = await office._receiver(home.tenant.id, found)
    assert to is not None
    await office._call(to, found, waiting)  # and here the power goes: what came of it is not written

    after = await post_office(home, tmp_path)
    await after.run_once()
    assert len(receiver.got) == 1, "not at once"
    home.clock.advance(HOUR)
    await after.run_once()

    assert len({each.header("bando-delivery") for each in receiver.got}) == 1
    assert [each["state"] for each in await deliveries(home)] == ["sent"]


async def test_a_message_whose_sender_was_killed_before_the_call_is_sent_once(
    home: Seed, receiver: Receiver, tmp_path: Path
) -> None:
    await channel(home, receiver.url)
    await alarmed(home)
    (waiting,) = await home.read(store.due, home.clock.now(), 9)
    assert await home.write(outbox.take, waiting, home.clock.now()) is not None  # committed; and here it is killed

    after = await post_office(home, tmp_path)
    for _ in range(3):
        await after.run_once()
        home.clock.advance(HOUR)

    assert [each.header("bando-delivery") for each in receiver.got] == [waiting.public]
    assert [each["state"] for each in await deliveries(home)] == ["sent"]


async def test_without_the_outbox_a_message_of_a_killed_sender_would_be_lost(
    home: Seed, receiver: Receiver, tmp_path: Path
) -> None:
    """The row is what brings it back: without it nobody knows that there was something to send."""
    await channel(home, receiver.url)
    await alarmed(home)
    (waiting,) = await home.read(store.due, home.clock.now(), 9)
    await home.write(update, "deliveries", waiting.id, state="dropped")
    home.clock.advance(HOUR)
    await (await post_office(home, tmp_path)).run_once()

    assert receiver.got == []


async def test_a_redirect_is_not_followed(home: Seed, receiver: Receiver, tmp_path: Path) -> None:
    inside = await Receiver().open()
    receiver.status, receiver.leads_to = 307, inside.url
    await channel(home, receiver.url)
    await alarmed(home)
    await (await post_office(home, tmp_path)).run_once()
    await inside.aclose()

    assert inside.got == []
    assert (await deliveries(home))[0]["answer"] == "redirect"


@pytest.mark.parametrize(("fault", "answer"), [("silent", "slow"), ("endless", "taken")])
async def test_a_receiver_that_never_ends_is_not_waited_for(
    home: Seed, receiver: Receiver, tmp_path: Path, fault: str, answer: str
) -> None:
    setattr(receiver, fault, True)
    await channel(home, receiver.url)
    await alarmed(home)
    office = await post_office(home, tmp_path)
    begun = time.monotonic()
    await office.run_once()

    assert time.monotonic() - begun < 30
    assert (await deliveries(home))[0]["answer"] == answer


async def test_in_production_nothing_is_sent_inside_whatever_the_books_say(
    home: Seed, receiver: Receiver, tmp_path: Path
) -> None:
    """Also when the address was kept before, as after the settings were changed."""
    await channel(home, receiver.url)
    await alarmed(home)
    office = await post_office(home, tmp_path, MODE="production", SECRET_KEY="k" * 40, PUBLIC_URL="https://wifi.test")
    await office.run_once()

    assert receiver.got == []
    assert (await deliveries(home))[0]["answer"] == "forbidden"


async def test_the_certificate_must_be_of_the_name_that_was_typed(home: Seed, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    right = await Receiver().open(authority.server_context("127.0.0.1"))
    wrong = await Receiver().open(authority.server_context("other.test"))
    for each in (right, wrong):
        await channel(home, each.url)
        home.clock.advance(1)
    await alarmed(home)
    await (await post_office(home, tmp_path)).run_once()
    answers = [each["answer"] for each in await deliveries(home)]
    await right.aclose()
    await wrong.aclose()

    assert answers == ["taken", "certificate"]
    assert wrong.got == []


async def test_nothing_goes_to_a_channel_that_was_switched_off_or_removed(
    home: Seed, receiver: Receiver, tmp_path: Path
) -> None:
    one, two = await channel(home, receiver.url), await _second(home, receiver)
    await alarmed(home)
    await home.write(store.change_channel, one, active=False)
    found = await home.read(store.channel, two)
    await home.write(channels.remove, found, home.clock.now())
    await (await post_office(home, tmp_path)).run_once()

    assert receiver.got == []
    assert [each["state"] for each in await deliveries(home)] == ["dropped", "dropped"]
    secret = "SELECT secret_sealed FROM alarm_channels WHERE tenant_id = :tenant AND id = :id"
    assert await home.read(value, secret, id=two) is None


async def _second(home: Seed, receiver: Receiver) -> int:
    home.clock.advance(1)
    return await channel(home, receiver.url)


async def test_one_slow_receiver_keeps_nobody_else_waiting_for_ever(home: Seed, tmp_path: Path) -> None:
    slow, quick = await Receiver(silent=True).open(), await Receiver().open()
    await channel(home, slow.url)
    home.clock.advance(1)
    await channel(home, quick.url)
    for n in range(4):
        await alarmed(home, f"alarm {n}")
    office = await post_office(home, tmp_path)
    for _ in range(3):
        await office.run_once()
    await slow.aclose()
    await quick.aclose()

    assert len(quick.got) >= 3


# --- e-mail ---


def mail_settings(server: MailServer, **more: str) -> dict[str, str]:
    return {"SMTP_HOST": "127.0.0.1", "SMTP_PORT": str(server.port), "SMTP_FROM": "bando@wifi.test", **more}


@pytest.mark.parametrize("manner", ["none", "tls", "starttls"])
async def test_an_e_mail_arrives_over_every_kind_of_connection(home: Seed, tmp_path: Path, manner: str) -> None:
    tls = Authority(tmp_path).server_context("127.0.0.1") if manner != "none" else None
    server = await MailServer(login=("bando", "geheim")).open(tls=tls, starttls=manner == "starttls")
    await channel(home, "ops@isp.test", "email")
    await alarmed(home, "Nairobi – Größe: 🛜")
    office = await post_office(
        home, tmp_path, **mail_settings(server, SMTP_TLS=manner, SMTP_USER="bando", SMTP_PASSWORD="geheim")
    )
    await office.run_once()
    await server.aclose()
    (kept,) = await deliveries(home)
    (letter,) = server.got

    assert kept["state"] == "sent", kept["answer"]
    assert (letter.sender, letter.to) == ("bando@wifi.test", ("ops@isp.test",))
    assert letter.message["subject"] == "Many wrong codes · Kilimani Wi-Fi"
    assert "Nairobi – Größe: 🛜" in letter.message.get_content()
    assert str(kept["public"]) in letter.message["message-id"]


@pytest.mark.parametrize(
    ("server", "answer"),
    [
        (MailServer(refuses=frozenset({"ops@isp.test"})), "mail-refused"),
        (MailServer(login=("bando", "another")), "mail-login"),
    ],
)
async def test_what_a_mail_server_refuses_is_said_in_a_word(
    home: Seed, tmp_path: Path, server: MailServer, answer: str
) -> None:
    await server.open()
    await channel(home, "ops@isp.test", "email")
    await alarmed(home)
    user = {"SMTP_USER": "bando", "SMTP_PASSWORD": "geheim"} if server.login else {}
    await (await post_office(home, tmp_path, **mail_settings(server, SMTP_TLS="none", **user))).run_once()
    await server.aclose()

    assert (await deliveries(home))[0]["answer"] == answer


async def test_without_a_mail_server_an_e_mail_waits_and_is_given_up_in_the_end(home: Seed, tmp_path: Path) -> None:
    await channel(home, "ops@isp.test", "email")
    await alarmed(home)
    await (await post_office(home, tmp_path)).run_once()

    assert [(each["state"], each["answer"]) for each in await deliveries(home)] == [("waiting", "no-mail")]


async def test_a_name_of_an_isp_makes_no_header(home: Seed, tmp_path: Path) -> None:
    mails = Mails(settings(SMTP_HOST="127.0.0.1", SMTP_FROM="bando@wifi.test"), Authority(tmp_path).client_context())
    said = {"event": "alarm.opened", "title": "T", "isp": "X\r\nBcc: all@isp.test", "text": "t", "do": "", "url": "u"}
    letter = mails.letter("ops@isp.test", "ab", said, home.clock.now())

    assert letter["bcc"] is None
    assert "\n" not in letter["subject"]
