"""The endpoints without FreeRADIUS: who may ask, what is refused, and where they may listen."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portal.errors import Misconfigured
from portal.radius.names import Named, class_of, named_by
from portal.radius.packet import MOST_BYTES, Attributes, BadPacket, login_of, mac_in, read
from portal.radius.terms import Terms
from portal.settings import load, refuse_unsafe
from tests.radius.stage import MAC, OTHER, SECRET, TOKEN, Stage

BEARER = {"authorization": f"Bearer {TOKEN}"}


def said(**attributes: Any) -> dict[str, Any]:
    """As rlm_rest says it."""
    return {name.replace("_", "-"): {"type": "string", "value": [value]} for name, value in attributes.items()}


def by_mac(mac: str = MAC, source: str = "127.0.0.1") -> dict[str, Any]:
    return said(User_Name=mac, User_Password="", Calling_Station_Id=mac, Bando_Source=source, Acct_Session_Id="8100")


async def post(stage: Stage, path: str, body: Any, headers: dict[str, str] | None = None) -> httpx.Response:
    async with httpx.AsyncClient(trust_env=False) as client:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return await client.post(f"{stage.url}{path}", content=content, headers=BEARER if headers is None else headers)


@pytest.mark.parametrize("path", ["/radius/authorize", "/radius/post-auth", "/radius/accounting", "/radius/clients"])
async def test_without_the_token_nothing_is_said(bando: Stage, path: str) -> None:
    await bando.grant()
    for headers in ({}, {"authorization": f"Bearer {TOKEN}x"}, {"authorization": TOKEN}, {"authorization": "Bearer"}):
        got = await post(bando, path, by_mac(), headers)
        assert (got.status_code, got.content) == (403, b"")
    assert (await post(bando, path, by_mac())).status_code != 403


async def test_the_guests_listener_knows_nothing_of_these_addresses(bando: Stage) -> None:
    transport = httpx.ASGITransport(app=bando.bando.web)
    async with httpx.AsyncClient(transport=transport, base_url="https://localhost:8443") as client:
        got = await client.post("/radius/authorize", json=by_mac(), headers=BEARER)
    assert got.status_code in (404, 405)


async def test_only_a_router_in_radius_mode_is_a_client(bando: Stage) -> None:
    got = (await post(bando, "/radius/clients", said(Bando_Source="127.0.0.1"))).json()
    assert got["control:FreeRADIUS-Client-Secret"]["value"] == [SECRET]
    assert got["control:FreeRADIUS-Client-Require-MA"]["value"] == ["yes"]
    assert all(each["do_xlat"] is False for each in got.values()), "a secret may hold what FreeRADIUS would expand"
    assert (await post(bando, "/radius/clients", said(Bando_Source="127.0.0.2"))).status_code == 404
    assert (await post(bando, "/radius/authorize", by_mac(source="127.0.0.2"))).status_code == 400


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"Calling-Station-Id": "x"}',
        b'{"User-Name": {"value": []}}',
        b'{"User-Name": {"value": [{}]}}',
        b"[" * 100_000,
        b"\xff\xfe",
        b" " * (MOST_BYTES + 1),
    ],
)
async def test_what_is_no_packet_is_refused(bando: Stage, body: bytes) -> None:
    assert (await post(bando, "/radius/authorize", body)).status_code == 400


async def test_other_addresses_and_methods_are_nobody(bando: Stage) -> None:
    assert (await post(bando, "/radius", {})).status_code == 404
    async with httpx.AsyncClient(trust_env=False) as client:
        assert (await client.get(f"{bando.url}/radius/authorize", headers=BEARER)).status_code == 404


async def test_a_one_time_login_is_used_up_only_with_its_password(bando: Stage) -> None:
    body = {**by_mac(), **said(User_Name="once-000000000000-0000000000000000", User_Password="x")}
    assert (await post(bando, "/radius/post-auth", body)).status_code == 400


WORDS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(), lambda each: st.lists(each, max_size=3)
)


@settings(max_examples=300, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["User-Name", "User-Password", "CHAP-Password", "CHAP-Challenge", "Calling-Station-Id",
                         "Bando-Source", "Acct-Session-Id", "Framed-IP-Address"]),
        WORDS | st.fixed_dictionaries({"value": st.lists(WORDS, max_size=2)}),
    )
)  # fmt: skip
def test_whatever_comes_is_a_login_or_is_refused(given_: dict[str, Any]) -> None:
    try:
        found = login_of(read(json.dumps(given_).encode()))
    except BadPacket:
        return
    assert found.mac
    assert found.source


@given(st.text(max_size=40))
def test_a_mac_is_a_mac_or_nothing(text: str) -> None:
    found = mac_in(text)
    assert not found or (len(found) == 17 and mac_in(found) == found)


def wrapped(values: dict[str, Any]) -> Attributes:
    return Attributes({name: {"value": [each]} for name, each in values.items()})


def test_numbers_and_octets_are_what_they_should_be() -> None:
    good = wrapped({"a": 7, "b": "0x0aff", "c": "12", "d": "::1"})
    assert (good.whole("a"), good.octets("b"), good.whole("c"), good.address("d")) == (7, b"\x0a\xff", 12, "::1")
    assert (good.whole("x"), good.octets("x"), good.text("x"), good.address("x")) == (0, None, "", "")
    for bad in ({"a": -1}, {"a": 2**63}, {"a": True}, {"a": "x"}, {"a": "0xzz"}, {"a": "1.2.3"}, {"a": [1]}):
        for kind in ("whole", "octets", "address"):
            if (bad["a"], kind) in ((True, "octets"), ("x", "text")):
                continue
            with pytest.raises(BadPacket):
                getattr(wrapped(bad), kind)("a")


@pytest.mark.parametrize(
    ("listen", "fine"),
    [
        ("127.0.0.1:8444", True),
        ("10.9.0.1:8444", True),
        ("[::1]:8444", True),
        ("[fd00::1]:8444", True),
        ("0.0.0.0:8444", False),
        ("[::]:8444", False),
        ("8.8.8.8:8444", False),
        ("localhost:8444", False),
        ("[2a00:1450::1]:8444", False),
    ],
)
def test_the_endpoints_listen_where_nobody_else_reaches_them(listen: str, fine: bool) -> None:
    settings_ = load({"BANDO_MODE": "sandbox", "BANDO_RADIUS_LISTEN": listen, "BANDO_RADIUS_TOKEN": TOKEN})
    if fine:
        refuse_unsafe(settings_)
        return
    with pytest.raises(Misconfigured, match="BANDO_RADIUS_LISTEN"):
        refuse_unsafe(settings_)


def test_a_short_token_is_refused_where_there_is_radius_and_nowhere_else() -> None:
    refuse_unsafe(load({"BANDO_MODE": "sandbox"}))
    short = load({"BANDO_MODE": "sandbox", "BANDO_RADIUS_LISTEN": "127.0.0.1:1", "BANDO_RADIUS_TOKEN": "x" * 31})
    with pytest.raises(Misconfigured, match="BANDO_RADIUS_TOKEN"):
        refuse_unsafe(short)
    assert "x" * 31 not in repr(short)


async def test_somebody_elses_class_or_ticket_is_worth_nothing(bando: Stage) -> None:
    named = Named(7, 9, 1_000, Terms(until=2_000, bytes=3, up=None, down=4))
    made = class_of(bando.vault, bando.tenant.id, bando.router_id, named)
    assert named_by(bando.vault, bando.tenant.id, bando.router_id, made) == named
    assert named_by(bando.vault, bando.tenant.id, bando.router_id + 1, made) is None
    assert named_by(bando.vault, bando.tenant.id + 1, bando.router_id, made) is None
    for n in range(len(made)):
        broken = made[:n] + bytes([made[n] ^ 1]) + made[n + 1 :]
        assert named_by(bando.vault, bando.tenant.id, bando.router_id, broken) is None
    assert named_by(bando.vault, bando.tenant.id, bando.router_id, made[:-1]) is None
    assert named_by(bando.vault, bando.tenant.id, bando.router_id, None) is None
    assert (await post(bando, "/radius/authorize", by_mac(OTHER))).status_code == 401


@pytest.mark.parametrize("odd", ["a\x00b", "\ud800", "\x00"])
async def test_characters_that_no_column_takes_hold_no_packet_up(bando: Stage, odd: str) -> None:
    """What is refused for ever stays at the head of a spool, and nothing behind it is counted."""
    await bando.grant()
    packet = by_mac() | said(Acct_Status_Type="Start", Acct_Session_Id=odd, Framed_IP_Address="10.5.50.7")
    assert (await post(bando, "/radius/accounting", packet)).status_code == 204
    assert (await post(bando, "/radius/authorize", by_mac() | said(User_Name=odd, User_Password=odd))).status_code < 500
