"""The binary API on real sockets, and every fault of the line."""

from __future__ import annotations

import asyncio
import hashlib
import ssl
import time

import pytest

from sandbox.routeros.api import serve_api
from sandbox.routeros.codec import encode_sentence
from sandbox.routeros.device import Faults
from sandbox.routeros.tls import anonymous_tls
from tests.sandbox.routeros import IP, RawClient, add_user, make_router, raw_client, served

WRONG = [["!trap", "=message=invalid user name or password (6)"], ["!done"]]


async def test_a_login_opens_the_router_and_shows_in_its_list() -> None:
    """facts/mikrotik.md 1.3."""
    router, _ = make_router()
    async with served(router) as server:
        async with raw_client(server) as client:
            reply = await client.talk("/user/active/print", "=.proplist=name,via")
            assert reply == [["!re", "=name=bando", "=via=api"], ["!done"]]
        await asyncio.sleep(0.05)
        assert not router.tables["/user/active"].rows


async def test_a_command_before_the_login_is_fatal_with_a_bare_word() -> None:
    """facts/mikrotik.md 1.2 and 1.3."""
    router, _ = make_router()
    async with served(router) as server, raw_client(server, login=False) as client:
        assert await client.talk("/system/resource/print") == [["!fatal", "not logged in"]]
        assert await client.sentence() is None


async def test_the_fifth_wrong_login_ends_the_connection() -> None:
    """facts/mikrotik.md 1.3."""
    router, _ = make_router()
    async with served(router) as server, raw_client(server, login=False) as client:
        for _ in range(4):
            assert await client.login(password="wrong") == WRONG
        assert await client.login(password="wrong") == [["!fatal", "too many commands before login"]]
        assert await client.sentence() is None


async def test_a_new_version_still_gives_the_challenge_but_takes_no_response() -> None:
    """facts/mikrotik.md 1.3."""
    router, _ = make_router()
    async with served(router) as server, raw_client(server, login=False) as client:
        challenge = (await client.talk("/login", "=name=bando"))[0][1][5:]
        assert await client.talk("/login", "=name=bando", _response("sandbox", challenge)) == WRONG


async def test_before_6_43_only_the_response_to_the_challenge_counts() -> None:
    """facts/mikrotik.md 1.3."""
    router, _ = make_router("6.42.12")
    async with served(router) as server, raw_client(server, login=False) as client:
        challenge = (await client.login())[0][1][5:]
        assert len(challenge) == 32
        refused = await client.talk("/login", "=name=bando", _response("wrong", challenge))
        assert refused == [["!trap", "=message=cannot log in"], ["!done"]]
        challenge = (await client.talk("/login"))[0][1][5:]
        assert await client.talk("/login", "=name=bando", _response("sandbox", challenge)) == [["!done"]]


def _response(password: str, challenge: str) -> str:
    digest = hashlib.md5(b"\x00" + password.encode() + bytes.fromhex(challenge)).hexdigest()
    return f"=response=00{digest}"


@pytest.mark.parametrize(
    "path, row, change",
    [
        ("/user", "bando", {"password": "changed"}),
        ("/user", "bando", {"disabled": "yes"}),
        ("/user", "bando", {"address": "10.8.0.0/24"}),
        ("/user/group", "bando", {"policy": "!api"}),
    ],
)
async def test_an_account_that_may_not_use_the_api_gets_the_same_refusal(
    path: str, row: str, change: dict[str, str]
) -> None:
    """facts/mikrotik.md 1.3."""
    router, _ = make_router()
    router.tables[path].set(row, change)
    async with served(router) as server, raw_client(server, login=False) as client:
        assert await client.login() == WRONG


async def test_the_tag_is_on_every_sentence_of_a_command() -> None:
    """facts/mikrotik.md 1.2."""
    router, _ = make_router()
    async with served(router) as server, raw_client(server) as client:
        for words in (
            ("/system/identity/print",),
            ("/ip/hotspot/active/print",),
            ("/x/print",),
            ("/ip/hotspot/user/set", "=.id=*999"),
        ):
            assert all(".tag=7" in sentence for sentence in await client.talk(words[0], ".tag=7", *words[1:]))


async def test_quit_is_answered_in_plain_and_not_over_tls() -> None:
    """facts/mikrotik.md 1.3; the anonymous suites are those of 1.4."""
    router, _ = make_router()
    async with served(router) as server, raw_client(server) as client:
        assert await client.talk("/quit") == [["!fatal", "session terminated on request"]]
        assert await client.sentence() is None
    server = await serve_api(router, tls=anonymous_tls())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers("ADH:@SECLEVEL=0")
    client = RawClient(*await asyncio.open_connection("127.0.0.1", server.port, ssl=context))
    assert await client.login() == [["!done"]]
    client.send("/quit")
    assert await client.sentence() is None
    client.writer.close()
    await server.aclose()


async def test_listen_tells_changes_until_it_is_cancelled() -> None:
    """facts/mikrotik.md 1.6, with the recorded order of the replies."""
    router, _ = make_router()
    async with served(router) as server, raw_client(server) as client:
        client.send("/ip/hotspot/user/listen", ".tag=1")
        await client.talk("/system/identity/print")
        ident = add_user(router)
        assert ".tag=1" in (await client.sentence() or [])
        router.tables["/ip/hotspot/user"].remove(ident)
        assert await client.sentence() == ["!re", ".tag=1", f"=.id={ident}", "=.dead=true"]
        client.send("/cancel", "=tag=1", ".tag=2")
        assert [await client.sentence() for _ in range(3)] == [
            ["!trap", ".tag=1", "=category=2", "=message=interrupted"],
            ["!done", ".tag=2"],
            ["!done", ".tag=1"],
        ]


async def test_latency_is_paid_once_by_commands_sent_together() -> None:
    router, _ = make_router(faults=Faults(latency_ms=100))
    async with served(router) as server, raw_client(server) as client:
        began = time.perf_counter()
        for tag in range(50):
            client.send("/system/identity/print", f".tag={tag}")
        for _ in range(100):
            await client.sentence()
        assert 0.1 <= time.perf_counter() - began < 2  # one after the other: 5 s
        began = time.perf_counter()
        await client.talk("/system/identity/print")
        await client.talk("/system/identity/print")
        assert time.perf_counter() - began >= 0.2


async def test_after_the_knee_each_request_takes_longer_on_all_connections() -> None:
    """facts/mikrotik.md 1.6."""
    router, _ = make_router(faults=Faults(knee_after=20, knee_ms=10, knee_rest_s=0.2))
    async with served(router) as server, raw_client(server) as one, raw_client(server) as two:
        began = time.perf_counter()
        for tag in range(20):
            one.send("/cancel", f".tag={tag}")
            two.send("/cancel", f".tag={tag}")
        for _ in range(20):
            await one.sentence()
            await two.sentence()
        assert time.perf_counter() - began >= 0.2
        took = []
        for _ in range(10):  # nobody is alone on this machine: one of them has to be as quick
            await asyncio.sleep(0.25)
            began = time.perf_counter()
            await one.talk("/cancel")
            took.append(time.perf_counter() - began)
        assert min(took) < 0.01


async def test_a_stalled_reply_does_not_hold_the_others_up() -> None:
    """facts/mikrotik.md 1.6."""
    router, _ = make_router(faults=Faults(stall_command="/system/resource", stall_ms=100))
    async with served(router) as server, raw_client(server) as client:
        client.send("/system/resource/print", ".tag=slow")
        client.send("/system/identity/print", ".tag=quick")
        tags = [next(w for w in await client.sentence() or [] if w.startswith(".tag=")) for _ in range(4)]
        assert tags == [".tag=quick", ".tag=quick", ".tag=slow", ".tag=slow"]


@pytest.mark.parametrize("rst", [False, True])
async def test_the_connection_can_break_in_the_middle_of_a_sentence(rst: bool) -> None:
    router, _ = make_router()
    async with served(router) as server, raw_client(server) as client:
        router.faults.cut_after_bytes, router.faults.cut_with_rst = 10, rst
        client.send("/system/identity/print")
        assert len(await client.reader.readexactly(10)) == 10
        if rst:
            with pytest.raises(ConnectionResetError):
                await client.reader.read(1)
        else:
            assert await client.reader.read(1) == b""


async def test_a_half_open_router_accepts_and_says_nothing() -> None:
    router, _ = make_router(faults=Faults(half_open=True))
    async with served(router) as server, raw_client(server, login=False) as client:
        client.send("/login", "=name=bando", "=password=sandbox")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(client.reader.read(1), 0.1)


async def test_fatal_comes_when_told() -> None:
    router, _ = make_router(faults=Faults())
    async with served(router) as server, raw_client(server) as client:
        router.faults.fatal_next = "out of memory"
        assert await client.talk("/system/identity/print") == [["!fatal", "out of memory"]]
        assert await client.sentence() is None


@pytest.mark.parametrize("answer", ["close", "fatal", "silence"])
async def test_the_client_beyond_max_sessions_is_refused(answer: str) -> None:
    """facts/mikrotik.md 1.3 and 11: how is not documented."""
    router, _ = make_router()
    router.faults.max_sessions_answer = answer  # type: ignore[assignment]
    router.tables["/ip/service"].set("api", {"max-sessions": "1"})
    async with served(router) as server, raw_client(server), raw_client(server, login=False) as second:
        if answer == "silence":
            second.send("/login", "=name=bando", "=password=sandbox")
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(second.reader.read(1), 0.1)
            return
        if answer == "fatal":
            assert ((await second.sentence()) or [""])[0] == "!fatal"
        assert await second.sentence() is None


async def test_a_service_that_is_off_resets_and_a_foreign_address_is_closed() -> None:
    """facts/mikrotik.md 1.3."""
    router, _ = make_router()
    async with served(router) as server:
        router.tables["/ip/service"].set("api", {"address": "10.8.0.0/24"})
        async with raw_client(server, login=False) as client:
            assert await client.sentence() is None
        router.tables["/ip/service"].set("api", {"address": "", "disabled": "yes"})
        with pytest.raises(ConnectionResetError):
            async with raw_client(server, login=False) as client:
                await client.sentence()


async def test_a_reboot_breaks_all_connections_and_the_next_login_works() -> None:
    router, _ = make_router()
    async with served(router) as server:
        async with raw_client(server) as client:
            router.reboot()
            assert await client.sentence() is None
        router.powered = False
        with pytest.raises(ConnectionResetError):
            async with raw_client(server, login=False) as client:
                await client.sentence()
        router.powered = True
        async with raw_client(server):
            assert len(router.tables["/user/active"].rows) == 1


async def test_a_login_over_the_wire_says_why_it_fails() -> None:
    router, _ = make_router(faults=Faults(hotspot_trap_category=4))
    async with served(router) as server, raw_client(server) as client:
        reply = await client.talk("/ip/hotspot/active/login", f"=ip={IP}", "=user=a", "=password=b")
        assert reply == [["!trap", "=category=4", f"=message=unknown host IP {IP}"], ["!done"]]


async def test_five_hundred_users_in_one_go_cost_little() -> None:
    """1000 pipelined commands; the bound is generous, a quiet machine needs 0.1 s."""
    router, _ = make_router()
    async with served(router) as server, raw_client(server) as client:
        words: list[tuple[str, ...]] = []
        for n in range(500):
            mac, ip = f"AA:BB:CC:00:{n // 256:02X}:{n % 256:02X}", f"10.5.{n // 200}.{n % 200 + 1}"
            router.host_seen(mac, ip)
            words.append(("/ip/hotspot/user/add", f"=name=u{n}", "=password=x", f".tag=a{n}"))
            words.append(("/ip/hotspot/active/login", f"=ip={ip}", f"=user=u{n}", "=password=x", f".tag=b{n}"))
        began = time.process_time()
        client.writer.write(b"".join(map(encode_sentence, words)))
        replies = [await client.sentence() for _ in range(1000)]
        assert {reply[0] for reply in replies if reply} == {"!done"}
        assert len(router.tables["/ip/hotspot/active"].rows) == 500
        assert time.process_time() - began < 1
