"""What does not open: a channel of which the address or the secret was altered keeps nothing else from its work."""

from __future__ import annotations

from pathlib import Path

import pytest
import structlog

from portal.access.catalog import Catalog
from portal.clock import DAY
from portal.processors import store as register
from portal.processors.registry import Processor
from portal.seal import NotOurs
from portal.tenancy import closing
from portal.tenancy import store as tenancy
from portal.units import update
from portal.watch import channels, store
from portal.watch.deliver import Mails, Webhooks
from portal.watch.outbox import Outbox
from portal.watch.room import Watch
from sandbox.ca import Authority
from sandbox.hooks import Receiver
from tests.support import Seed, anybody
from tests.watch.test_deliver import alarmed, channel, deliveries, post_office, settings

ALTERED = b"\x02" + b"altered!" * 9


async def spoil(home: Seed, channel_id: int, column: str = "address_sealed") -> None:
    await home.write(update, "alarm_channels", channel_id, **{column: ALTERED})


async def two(home: Seed, receiver: Receiver) -> int:
    """Two channels; the first one is given."""
    first = await channel(home, receiver.url)
    home.clock.advance(1)
    await channel(home, receiver.url)
    return first


async def started(home: Seed, folder: Path) -> Watch:
    catalog = Catalog(home.db)
    await catalog.refresh()
    return Watch(home.db, home.vault, home.clock, catalog, settings(), Authority(folder).client_context())


async def test_a_start_passes_over_a_channel_whose_address_is_none(home: Seed, tmp_path: Path) -> None:
    first = await channel(home, "https://one.example.test/x")
    kept = next(each for each in await home.read(store.channels) if each.id == first)
    place = {"table": "alarm_channels", "row": kept.public, "column": "address_sealed"}
    await home.write(update, "alarm_channels", first, address_sealed=home.vault.seal("https://[x/", **place))
    with structlog.testing.capture_logs() as said:
        await (await started(home, tmp_path)).start()
    assert [each["channel"] for each in said] == [first]


async def test_a_start_passes_over_a_channel_whose_address_does_not_open_and_says_so(
    home: Seed, tmp_path: Path
) -> None:
    first = await channel(home, "https://one.example.test/x")
    home.clock.advance(1)
    await channel(home, "https://two.example.test/x")
    for mark in ("webhook:one.example.test", "webhook:two.example.test"):
        entry = await home.read(register.registered, mark)
        await home.write(update, "processors", entry.id, mark=f"lost:{mark}")
    await spoil(home, first)
    with structlog.testing.capture_logs() as said:
        await (await started(home, tmp_path)).start()
    assert [(each["event"], each["channel"]) for each in said] == [("the address of a channel does not open", first)]
    marks = [each.mark for each in await home.read(register.standing)]
    assert "webhook:two.example.test" in marks
    assert "webhook:one.example.test" not in marks


async def test_it_is_shown_without_an_address_and_can_be_removed(home: Seed) -> None:
    made = await channel(home, "https://one.example.test/x")
    await spoil(home, made)
    (found,) = await home.read(store.channels)
    with pytest.raises(NotOurs):
        channels.address(home.vault, found)
    assert channels.shown(home.vault, found) == channels.UNREADABLE
    assert await home.read(channels.marks, home.vault) == []
    await home.write(channels.remove, found, home.clock.now())
    assert await home.read(store.channels) == []


@pytest.mark.parametrize("column", ["address_sealed", "secret_sealed"])
async def test_a_message_to_it_is_given_up_and_the_others_go_out(
    home: Seed, receiver: Receiver, tmp_path: Path, column: str
) -> None:
    first = await two(home, receiver)
    await alarmed(home)
    await spoil(home, first, column)
    office = await post_office(home, tmp_path)
    await office.run_once()
    assert [(each["state"], each["answer"]) for each in await deliveries(home)] == [
        *(("failed", "shut"), ("sent", "taken")),
    ]
    assert (len(receiver.got), office.failed) == (1, 1)
    assert await office.run_once() == 0


async def test_an_isp_at_which_delivering_fails_holds_up_no_other(
    home: Seed, receiver: Receiver, tmp_path: Path
) -> None:
    """Its error is raised only at last, so that the loop is seen to fail."""
    first = home.tenant.id
    await channel(home, receiver.url)
    await alarmed(home)
    other = await home.db.write(None, tenancy.add_tenant, "Langata Wi-Fi", home.clock.now())
    there = Seed(**{**home.__dict__, "tenant": other})
    await two(there, receiver)
    await alarmed(there)

    async def broken(tenant: int, mark: str) -> Processor | None:
        if tenant == first:
            raise LookupError("a planted failure")
        return await anybody(tenant, mark)

    catalog, trust = Catalog(home.db), Authority(tmp_path).client_context()
    await catalog.refresh()
    mails = Mails(settings(), trust)
    office = Outbox(home.db, home.vault, home.clock, catalog, Webhooks(settings(), trust), mails, registered=broken)
    with pytest.raises(LookupError, match="planted"):
        await office.run_once()
    assert [each["state"] for each in await deliveries(there)] == ["sent", "sent"]
    assert [each["state"] for each in await deliveries(home)] == ["waiting"]


async def switched(home: Seed, folder: Path, on: bool) -> Outbox:
    await home.write(closing.switch, home.tenant.id, on, home.clock.now())
    return await post_office(home, folder)


@pytest.mark.parametrize(("off_ms", "end"), [(DAY, ("sent", "taken")), (7 * DAY, ("dropped", "late"))])
async def test_an_isp_that_is_off_sends_nothing_and_afterwards_no_old_news(
    home: Seed, receiver: Receiver, tmp_path: Path, off_ms: int, end: tuple[str, str]
) -> None:
    await channel(home, receiver.url)
    await alarmed(home)
    assert await (await switched(home, tmp_path, on=False)).run_once() == 0
    home.clock.advance(off_ms)
    assert (receiver.got, [each["state"] for each in await deliveries(home)]) == ([], ["waiting"])
    await (await switched(home, tmp_path, on=True)).run_once()
    assert [(each["state"], each["answer"]) for each in await deliveries(home)] == [end]
    assert len(receiver.got) == (end[0] == "sent")


async def test_a_start_writes_nothing_at_an_isp_that_was_erased(home: Seed, tmp_path: Path) -> None:
    """An erased one has no channels, but what is registered there must not come from anywhere."""
    await channel(home, "https://one.example.test/x")
    entry = await home.read(register.registered, "webhook:one.example.test")
    await home.write(update, "processors", entry.id, mark="lost:one")
    await home.write(closing.close, home.tenant.id, home.clock.now())
    await home.db.write(None, tenancy.change_tenant, home.tenant.id, erased_at=home.clock.now())
    await (await started(home, tmp_path)).start()
    assert await home.read(register.registered, "webhook:one.example.test") is None
