"""What a message says is for who gets it: it is in no log line, in no metric and in no list of the console."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from portal.access.catalog import Catalog
from portal.clock import DAY, HOUR
from portal.settings import load
from portal.watch import channels, ledger
from portal.watch.alarm import KINDS, Alarm
from portal.watch.ledger import Book
from portal.watch.room import Watch
from sandbox.ca import Authority
from sandbox.hooks import Receiver
from sandbox.mail import MailServer
from tests.support import Seed, seed
from tests.watch.test_metrics import shown

SAID = "Kifaranga 7731 does not answer"
SECRET, PATH = "whs_planted9f", "planted-path-4c"


@pytest.fixture
async def home(tmp_path: Path) -> AsyncIterator[Seed]:
    made = await seed(tmp_path)
    yield made
    await made.db.aclose()


async def told(home: Seed, folder: Path, url: str, mail: MailServer) -> Watch:
    """One message on its way by a webhook and by mail."""
    now = home.clock.now()
    for n, (kind, address) in enumerate((("webhook", url), ("email", "owner@planted-address.test"))):
        await home.write(channels.add, home.vault, f"c{n}", kind, address, SECRET, tuple(KINDS), now)
    alarm = Alarm(kind="guesses", subject="x", severity="grave", text=SAID, since=now)
    await home.write(ledger.keep, Book(tenant=home.tenant, url="https://wifi.test"), [alarm], now)
    catalog = Catalog(home.db)
    await catalog.refresh()
    settings = load(
        {
            "BANDO_MODE": "sandbox",
            "BANDO_SMTP_HOST": "127.0.0.1",
            "BANDO_SMTP_PORT": str(mail.port),
            "BANDO_SMTP_TLS": "none",
            "BANDO_SMTP_FROM": "bando@wifi.test",
        }
    )
    return Watch(home.db, home.vault, home.clock, catalog, settings, Authority(folder).client_context())


@pytest.mark.parametrize("status", [204, 500, 307])
async def test_nothing_of_a_message_is_in_a_log_or_a_metric_however_its_sending_ends(
    home: Seed,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    status: int,
) -> None:
    caplog.set_level(logging.WARNING)  # of libraries nothing below that is ever written
    receiver = await Receiver().open()
    mail = await MailServer().open()
    receiver.status = status
    watch = await told(home, tmp_path, f"{receiver.url}/{PATH}", mail)
    for _ in range(DAY // HOUR):
        await watch.outbox.run_once()
        home.clock.advance(HOUR)
    await receiver.aclose()
    await mail.aclose()
    out, err = capfd.readouterr()
    said = "\n".join([out, err, shown(watch), *(each.getMessage() for each in caplog.records)])

    assert SAID in receiver.got[0].body.decode()
    assert ("message not delivered" in said) == (status != 204)
    assert "bando_deliveries_failed_total" in said
    for each in (SAID, "Kifaranga", SECRET, PATH, "planted-address", "owner@"):
        assert each not in said, each
