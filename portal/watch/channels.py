"""Where an ISP wants to be told: what was typed is checked, sealed, and used; secrets are shown once."""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from urllib.parse import urlsplit

from portal.clock import Moment
from portal.errors import Refused
from portal.processors import registry
from portal.processors import service as processors
from portal.seal import NotOurs, Vault
from portal.units import Unit
from portal.watch import addresses, store
from portal.watch.addresses import Forbidden, Policy
from portal.watch.alarm import KINDS
from portal.watch.store import Channel

MOST = 10  # of one ISP
EMPTY = b""
UNREADABLE = "an address that does not open any more"


def check(kind: str, address: str, policy: Policy) -> str:
    """The address as it is kept; raises `Refused`, which the form can say."""
    try:
        if kind == "email":
            return addresses.email(address.strip())
        addresses.target(address.strip(), policy)
    except Forbidden:
        raise Refused("channel-email" if kind == "email" else "channel-url") from None
    return address.strip()


def new_secret() -> str:
    """What signs the messages of a webhook."""
    return f"whs_{secrets.token_hex(32)}"


def add(
    vault: Vault, public: str, kind: str, address: str, secret: str, wanted: Sequence[str], now: Moment
) -> Unit[int]:
    """A channel; raises `Refused` when there are too many, or when this form has made it already."""
    if len((yield from store.channels())) >= MOST:
        raise Refused("channel-many", status=409)
    made = yield from store.add_channel(
        public=public,
        kind=kind,
        address_sealed=vault.seal(address, table="alarm_channels", row=public, column="address_sealed"),
        secret_sealed=_sealed(vault, public, secret) if kind == "webhook" else None,
        wanted=kept(wanted),
        created_at=now,
    )
    if made is None:
        raise Refused("channel-there", status=409)
    yield from processors.ensure(mark(kind, address), now)
    return made


def mark(kind: str, address: str) -> str:
    """What the register of processors calls whoever gets its messages."""
    return registry.MAIL if kind == "email" else registry.webhook(address)


def mark_of(vault: Vault, channel: Channel) -> str:
    """The same of a channel; nothing when its address does not open, or is none."""
    try:
        return mark(channel.kind, address(vault, channel))
    except (NotOurs, ValueError):
        return ""


def marks(vault: Vault) -> Unit[list[str]]:
    """The same of all channels whose address opens."""
    found = [mark_of(vault, each) for each in (yield from store.channels())]
    return [each for each in found if each]


def register(vault: Vault, now: Moment) -> Unit[list[int]]:
    """Channels from before there was a register bring their receivers into it; those whose address does not open."""
    passed_over = []
    for each in (yield from store.channels()):
        if named := mark_of(vault, each):
            yield from processors.ensure(named, now)
        else:
            passed_over.append(each.id)
    return passed_over


def _sealed(vault: Vault, public: str, secret: str) -> bytes:
    return vault.seal(secret, table="alarm_channels", row=public, column="secret_sealed")


def kept(wanted: Sequence[str]) -> str | None:
    """Kinds as they are kept; all of them are none in particular, so that a new kind is told as well."""
    return None if set(wanted) >= set(KINDS) else json.dumps([each for each in KINDS if each in wanted])


def remove(channel: Channel, now: Moment) -> Unit[None]:
    """Nothing more goes there; what the address and the secret were is gone."""
    yield from store.drop_waiting(channel.id, now)
    yield from store.change_channel(channel.id, removed_at=now, active=False, address_sealed=EMPTY, secret_sealed=None)


def address(vault: Vault, channel: Channel) -> str:
    """The address, opened; raises `NotOurs` when it was altered, or its key is gone."""
    return (
        vault.of(channel.tenant_id)
        .open(channel.address_sealed, table="alarm_channels", row=channel.public, column="address_sealed")
        .decode()
    )


def secret(vault: Vault, channel: Channel) -> str:
    """The secret, opened; raises `NotOurs`."""
    sealed, own = channel.secret_sealed or EMPTY, vault.of(channel.tenant_id)
    return own.open(sealed, table="alarm_channels", row=channel.public, column="secret_sealed").decode()


def shown(vault: Vault, channel: Channel) -> str:
    """The address for a page: of a webhook the host alone, since the rest of it is often a password."""
    try:
        whole = address(vault, channel)
    except NotOurs:
        return UNREADABLE
    if channel.kind == "email":
        return whole
    parts = urlsplit(whole)
    return (
        f"{parts.scheme}://{parts.netloc}/…"
        if parts.path.strip("/") or parts.query
        else f"{parts.scheme}://{parts.netloc}"
    )
