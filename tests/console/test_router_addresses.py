"""Where a router may be: hostile addresses are refused when they are typed and again at each connection."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from portal.clock import TravelClock
from portal.errors import RouterError, RouterUnreachable
from portal.mikrotik.addresses import REASONS, AddressRefused, Policy, check_typed, is_own, policy_for, reach
from portal.mikrotik.keeper import Keeper
from portal.mikrotik.visit import look_at
from portal.mikrotik.wire import Address, connect, fingerprint_of
from portal.settings import Settings, load
from portal.tenancy import store as tenancy
from portal.tenancy.store import Router
from portal.units import Unit, update
from sandbox.net import listen
from tests.console.office import office
from tests.console.test_routers import GOOD
from tests.mikrotik.scripted import Script, Visitor, router
from tests.support import Seed, seed

KEY = "0123456789abcdef0123456789abcdef"
PIN = "ab" * 32
OWN = "10.1.0.0/24 fd00:1::/64"  # the platform's


def settings_of(**more: str) -> Settings:
    given = {"SECRET_KEY": KEY, "PUBLIC_URL": "https://wifi.example.co.ke", "PLATFORM_NETWORKS": OWN, **more}
    return load({f"BANDO_{name}": value for name, value in given.items()})


PRODUCTION = policy_for(settings_of())
LOOPBACK_ONLY = Policy(loopback=True)

LOOPBACK = [
    *("127.0.0.1", "127.0.0.2", "127.255.255.254", "::1", "0:0:0:0:0:0:0:1", "0000:0000:0000:0000:0000:0000:0000:0001"),
    *("localhost", "LOCALHOST", "localhost.", "a.localhost", "localhost.localdomain"),
]
OTHER_SPELLINGS = [
    *("2130706433", "017700000001", "0x7f000001", "0x7f.0x0.0x0.0x1", "0177.0.0.1", "127.1", "127.0.1", "0x7f.1", "0"),
    *("127.0.0.1.", "127.0.0.01", "127.000.000.001", "00127.0.0.1", "127。0。0。1", "127．0．0．1"),
    *("①②⑦.⓪.⓪.①", "１２７.0.0.1", "١٢٧.٠.٠.١", "10.0.0.1%00", "0xa9fea9fe", "2852039166", "169.254.43518"),
]
EMBELLISHED = [
    *("admin@10.9.0.2", "admin:pw@10.9.0.2", "10.9.0.2:22", "10.9.0.2/24", "10.9.0.2#x", "10.9.0.2?x"),
    *("http://10.9.0.2", "[::1]", "[fd12::2]", "fe80::1%eth0", "fd12::2%1", " 10.9.0.2", "10.9.0.2 ", "10.9.0.2\n"),
    *("10.9.0.2\t", "10.9. 0.2", "10.9.0.2\x00.example.com", "10.9.0.2,10.9.0.3", "", ".", "..", "-a.example.com"),
    *("a..example.com", "a_b.example.com", "ｌocalhost.example.com", "ex\u00adample.com", "exam\u200bple.com"),
    *("faß.example.com", "localhoſt", "a" * 64 + ".example.com", "a." * 130 + "com", "router", "db", "redis"),
    *("postgres", "*.example.com", "$(id).example.com", "../../etc/passwd", "duka.example.123", "duka.example.0x1f"),
    *("1.2.3.4.5", "256.1.1.1", "1.2.3"),
]
NEIGHBOURS = [
    *("169.254.169.254", "169.254.0.1", "169.254.170.2", "100.100.100.200", "168.63.129.16", "192.0.0.192"),
    *("fd00:ec2::254", "fd20:ce::254", "metadata.google.internal", "host.docker.internal", "printer.local"),
    *("1.0.0.127.in-addr.arpa", "0.0.0.0", "0.1.2.3", "::", "255.255.255.255", "224.0.0.1", "239.255.255.250"),
    *("240.0.0.1", "198.18.0.1", "192.0.2.1", "198.51.100.7", "203.0.113.9", "192.88.99.1", "fe80::1", "febf::1"),
    *("fec0::1", "ff02::1", "ff05::2", "100::1", "2001:db8::1", "3fff::1", "5f00::1"),
]
HIDDEN_IPV4 = [
    *("::ffff:127.0.0.1", "::ffff:7f00:1", "0:0:0:0:0:ffff:127.0.0.1", "::127.0.0.1", "::ffff:10.9.0.2"),
    *("::ffff:0:127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::169.254.169.254", "64:ff9b:1::a00:1", "2002:7f00:1::"),
    *("2002:a9fe:a9fe::1", "2001:0:4136:e378:8000:63bf:80ff:fffe", "fd12::5efe:127.0.0.1", "fd12::200:5efe:10.1.0.1"),
]
OTHERS = [
    *("10.1.0.1", "10.1.0.255", "fd00:1::5"),  # the platform's own
    *("8.8.8.8", "196.201.214.200", "172.32.0.1", "172.15.255.255", "100.128.0.1", "11.0.0.1", "2606:4700::1111"),
]
HOSTILE = [*LOOPBACK, *OTHER_SPELLINGS, *EMBELLISHED, *NEIGHBOURS, *HIDDEN_IPV4, *OTHERS]

HONEST = [
    *("10.9.0.2", "192.168.88.1", "172.16.0.1", "172.31.255.254", "100.64.0.7", "fd12:3456::2", "fc00::1"),
    *("duka.vpn.example.com", "R1.Example.co.ke", "xn--caf-dma.example.com", "10-9-0-2.example.net", "a.b"),
]


def test_there_are_enough_of_them() -> None:
    assert len(set(HOSTILE)) == len(HOSTILE) >= 60


@pytest.mark.parametrize("host", HOSTILE, ids=repr)
def test_a_hostile_address_is_refused_when_it_is_typed(host: str) -> None:
    with pytest.raises(AddressRefused) as refused:
        check_typed(host, 8729, tunnel=False, policy=PRODUCTION)
    assert refused.value.key in REASONS


@pytest.mark.parametrize("host", HOSTILE, ids=repr)
async def test_and_no_connection_is_made_and_no_name_asked(host: str) -> None:
    async def asked(name: str, port: int) -> Sequence[str]:
        raise AssertionError(f"{name} was looked up")

    address = Address(host=host, port=8729, policy=PRODUCTION, username="b", password="p", fingerprint=PIN)
    with pytest.raises(AddressRefused):
        await connect(address, resolve=asked)
    with pytest.raises(AddressRefused):
        await fingerprint_of(host, 8729, policy=PRODUCTION, resolve=asked)


@pytest.mark.parametrize("host", HONEST)
async def test_an_honest_address_is_accepted_in_one_spelling(host: str) -> None:
    async def in_the_tunnel(_: str, __: int) -> Sequence[str]:
        return ["10.9.0.2"]

    assert check_typed(host, 8729, tunnel=False, policy=PRODUCTION) == host.lower()
    found = await reach(host, 8729, tunnel=False, policy=PRODUCTION, resolve=in_the_tunnel)
    assert found in (["10.9.0.2"], [host])


def test_an_ipv6_address_is_kept_in_its_short_spelling() -> None:
    assert check_typed("FD12:3456:0:0::2", 8729, tunnel=False, policy=PRODUCTION) == "fd12:3456::2"


NO_PORTS = (0, -1, 1, 22, 25, 80, 442, 1023, 2375, 3306, 5432, 6379, 11211, 65536, 10**9)


@pytest.mark.parametrize("port", NO_PORTS)
@pytest.mark.parametrize("tunnel", [True, False])
def test_ports_at_which_no_router_is(port: int, tunnel: bool) -> None:
    with pytest.raises(AddressRefused, match="port"):
        check_typed("10.9.0.2", port, tunnel=tunnel, policy=PRODUCTION)


def test_ports_at_which_a_router_may_be() -> None:
    for port in (443, 8729, 1024, 18729, 65535):
        assert check_typed("10.9.0.2", port, tunnel=False, policy=PRODUCTION) == "10.9.0.2"
    assert check_typed("10.9.0.2", 8728, tunnel=True, policy=PRODUCTION) == "10.9.0.2"
    with pytest.raises(AddressRefused, match="tunnels only"):
        check_typed("10.9.0.2", 8728, tunnel=False, policy=PRODUCTION)


WIDE = policy_for(settings_of(ROUTER_NETWORKS="0.0.0.0/0 ::/0"))


@pytest.mark.parametrize("host", ["8.8.8.8", "196.201.214.200", "2606:4700::1111"])
async def test_nothing_is_spoken_in_plain_to_a_public_address(host: str) -> None:
    """Whatever the installation allows, and whatever is said of a tunnel; also when a name leads there only later."""
    with pytest.raises(AddressRefused, match="tunnels only"):
        check_typed(host, 8728, tunnel=False, policy=WIDE)
    for port in (8728, 8729):
        with pytest.raises(AddressRefused, match="public"):
            check_typed(host, port, tunnel=True, policy=WIDE)
    with pytest.raises(AddressRefused, match="public"):
        await reach("duka.example.com", 8728, tunnel=True, policy=WIDE, resolve=Names(answers=[[host]]))
    assert await reach("duka.example.com", 8729, tunnel=False, policy=WIDE, resolve=Names(answers=[[host]])) == [host]


async def test_no_router_is_added_in_plain_at_a_public_address(tmp_path: Path) -> None:
    async with office(tmp_path, BANDO_ROUTER_NETWORKS="0.0.0.0/0") as o:
        who = await o.of("owner")
        refused = await who.post("/routers/new", 400, **{**GOOD, "host": "8.8.8.8", "port": "8728", "way": "tunnel"})
        assert "This address is public" in refused.text
        assert len(await o.home.read(tenancy.routers)) == 1
        await who.post("/routers/new", 303, **{**GOOD, "host": "10.9.0.2", "port": "8728", "way": "tunnel"})
        assert len(await o.home.read(tenancy.routers)) == 2


def test_every_reserved_network_is_refused_whatever_the_installation_allows() -> None:
    everything = Policy(allowed=(ipaddress.ip_network("0.0.0.0/0"), ipaddress.ip_network("::/0")))
    for host in (*LOOPBACK, *OTHER_SPELLINGS, *EMBELLISHED, *NEIGHBOURS, *HIDDEN_IPV4):
        with pytest.raises(AddressRefused):
            check_typed(host, 8729, tunnel=False, policy=everything)
    for host in ("8.8.8.8", "2606:4700::1111"):
        assert check_typed(host, 8729, tunnel=False, policy=everything) == host


def test_an_isp_narrows_where_its_routers_may_be_and_never_widens_it() -> None:
    narrow = policy_for(settings_of(), "10.9.1.0/24, 8.8.8.0/24")
    assert check_typed("10.9.1.7", 8729, tunnel=False, policy=narrow) == "10.9.1.7"
    with pytest.raises(AddressRefused, match="ISP's routers"):
        check_typed("10.9.2.7", 8729, tunnel=False, policy=narrow)
    with pytest.raises(AddressRefused, match="BANDO_ROUTER_NETWORKS"):
        check_typed("8.8.8.8", 8729, tunnel=False, policy=narrow)


def test_loopback_is_for_the_sandbox_alone() -> None:
    sandbox = policy_for(settings_of(MODE="sandbox"))
    assert check_typed("127.0.0.1", 1, tunnel=True, policy=sandbox) == "127.0.0.1"
    for host in ("169.254.169.254", "::ffff:127.0.0.1", "2130706433", "0.0.0.0", "10.1.0.1", "8.8.8.8"):
        with pytest.raises(AddressRefused):
            check_typed(host, 8729, tunnel=False, policy=sandbox)
    wide = policy_for(settings_of(ROUTER_NETWORKS="127.0.0.0/8 0.0.0.0/0 ::/0"))
    with pytest.raises(AddressRefused):
        check_typed("127.0.0.1", 8729, tunnel=False, policy=wide)


def own_address() -> str:
    """An address of this machine: one that is not loopback, if it has any."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("10.255.255.254", 9))
        except OSError:
            return "127.0.0.1"
        return str(probe.getsockname()[0])


async def test_the_machine_itself_is_refused_at_whatever_address() -> None:
    assert is_own("127.0.0.1")
    assert is_own(own_address())
    assert not any(is_own(ip) for ip in ("10.255.255.253", "192.168.255.253", "fd12:3456::2"))
    everything = Policy(allowed=(ipaddress.ip_network("0.0.0.0/0"),))
    for host in (own_address(), "duka.example.com"):
        with pytest.raises(AddressRefused):
            await reach(host, 8729, tunnel=False, policy=everything, resolve=Names(answers=[[own_address()]]))


def test_networks_that_cannot_be_read_allow_nothing() -> None:
    with pytest.raises(AddressRefused, match="ISP's routers"):
        check_typed("10.9.0.2", 8729, tunnel=False, policy=policy_for(settings_of(), "everywhere"))


# -- names that lead elsewhere --------------------------------------------------------------------


@dataclass(kw_only=True)
class Names:
    """A resolver whose answers change, one after the other; the last one stays."""

    answers: list[list[str]]
    asked: list[str] = field(default_factory=list)

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append(host)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@dataclass(kw_only=True)
class Listener:
    """Something of the machine's own that nobody outside should reach."""

    port: int = 0
    visits: int = 0


@asynccontextmanager
async def listener() -> AsyncIterator[Listener]:
    it = Listener()

    async def visited(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        it.visits += 1

    server = await listen(visited)
    it.port = server.port
    try:
        yield it
    finally:
        await server.aclose()


@pytest.mark.parametrize(
    "found",
    [
        ["127.0.0.1"],
        ["10.9.0.2", "127.0.0.1"],
        ["10.9.0.2", "169.254.169.254"],
        ["::1"],
        ["::ffff:127.0.0.1"],
        ["fe80::1%eth0"],
        ["10.1.0.5"],
        ["not an address"],
    ],
)
async def test_a_name_is_as_bad_as_its_worst_address(found: list[str]) -> None:
    with pytest.raises(AddressRefused):
        await reach("duka.example.com", 8729, tunnel=False, policy=PRODUCTION, resolve=Names(answers=[found]))


async def test_a_name_that_flips_after_the_check_is_not_asked_again() -> None:
    """The first answer is judged, and the connection goes to that very address: the second answer is never heard."""
    async with listener() as inside:
        names = Names(answers=[["10.255.255.1"], ["127.0.0.1"]])
        address = Address(
            host="duka.example.com", port=inside.port, policy=PRODUCTION, username="b", password="p", fingerprint=PIN
        )
        with pytest.raises(RouterUnreachable):
            await connect(address, timeout_s=0.3, resolve=names)
        assert (names.asked, inside.visits) == (["duka.example.com"], 0)
        with pytest.raises(AddressRefused):  # with the next connection the flip is seen, and refused
            await connect(address, timeout_s=0.3, resolve=names)
        with pytest.raises(AddressRefused):
            await fingerprint_of("duka.example.com", inside.port, policy=PRODUCTION, resolve=names)
        assert inside.visits == 0


async def test_without_the_policy_the_connection_would_have_been_made() -> None:
    """The negative control: what refuses is the policy, and nothing else stands in the way."""
    nothing_is_refused = LOOPBACK_ONLY
    async with listener() as inside:
        names = Names(answers=[["127.0.0.1"]])
        with pytest.raises(RouterUnreachable):
            await fingerprint_of("duka.example.com", inside.port, policy=nothing_is_refused, resolve=names)
        assert inside.visits == 1
        address = Address(
            host="127.0.0.1", port=inside.port, policy=nothing_is_refused, username="b", password="p", tunnel=True
        )
        with pytest.raises(RouterError):
            await connect(address)
        assert inside.visits == 2


# -- everywhere where a connection is made ---------------------------------------------------------


async def moved(home: Seed, port: int, host: str = "duka.example.com") -> Router:
    def unit() -> Unit[None]:
        yield from update("routers", home.router_id, host=host, port=port, tunnel=False, fingerprint=PIN)

    await home.write(unit)
    found: Router = await home.read(tenancy.router, home.router_id)
    return found


async def test_the_keeper_refuses_a_name_that_has_flipped_and_says_so(tmp_path: Path) -> None:
    async with listener() as inside:
        home = await seed(tmp_path, clock=TravelClock())
        router = await moved(home, inside.port)
        keeper = Keeper(
            router,
            db=home.db,
            clock=home.clock,
            vault=home.vault,
            settings=settings_of(),
            installation="x",
            resolve=Names(answers=[["127.0.0.1"]]),
        )
        running = asyncio.create_task(keeper.run())
        for _ in range(3000):
            if (await home.read(tenancy.router, home.router_id)).trouble:
                break
            await asyncio.sleep(0.02)
        await keeper.stop()
        await running
        found = await home.read(tenancy.router, home.router_id)
        assert (found.trouble, inside.visits) == ("address", 0)
        await home.db.aclose()


async def test_the_look_of_doctor_and_console_refuses_it(tmp_path: Path) -> None:
    async with listener() as inside:
        home = await seed(tmp_path)
        for host, flips in (("duka.example.com", ["127.0.0.1"]), ("127.0.0.1", ["10.9.0.2"])):
            router = await moved(home, inside.port, host)
            seen = await look_at(router, settings_of(), home.vault, home.clock.now(), resolve=Names(answers=[flips]))
            assert [each.code for each in seen.findings] == ["router-address"]
        router = await moved(home, 8729, "10.9.2.1")
        seen = await look_at(router, settings_of(), home.vault, home.clock.now(), networks="10.9.1.0/24")
        assert [each.code for each in seen.findings] == ["router-address"]
        assert inside.visits == 0
        await home.db.aclose()


async def test_the_wizard_refuses_it_when_typed_and_when_it_knocks(tmp_path: Path) -> None:
    production = {"BANDO_MODE": "production", "BANDO_SECRET_KEY": KEY, "BANDO_PUBLIC_URL": "https://wifi.example.co.ke"}
    async with listener() as inside, office(tmp_path, **production) as o:
        who = await o.of("owner")
        for host in ("127.0.0.1", "169.254.169.254", "[::1]", "2130706433", "localhost"):
            await who.post("/routers/new", 400, **{**GOOD, "host": host, "port": str(inside.port)})
        names = Names(answers=[["127.0.0.1"]])
        object.__setattr__(o.services, "resolve", names)
        await who.post("/routers/new", 303, **{**GOOD, "host": "duka.example.com", "port": str(inside.port)})
        made = (await o.home.read(tenancy.routers))[-1]
        page = await who.get(f"/routers/{made.id}/meet")
        assert "Bando does not connect there" in page
        page = await who.get(f"/routers/{made.id}/look")
        assert "not pinned" in page
        await who.post(f"/routers/{made.id}/pin", fingerprint=PIN)
        assert "Bando does not connect to duka.example.com" in await who.get(f"/routers/{made.id}/look")
        assert (inside.visits, set(names.asked)) == (0, {"duka.example.com"})


# -- what answers may be hostile, too --------------------------------------------------------------


def saying(words: bytes, pause_s: float = 0) -> Script:
    """Says this again and again, whatever it is asked."""

    async def talk(visitor: Visitor) -> None:
        while not visitor.writer.is_closing():
            visitor.writer.write(words)
            await visitor.writer.drain()
            await asyncio.sleep(pause_s)

    return talk


def knowing(words: bytes, *, asked: bool) -> Script:
    """Lets anybody log in, then says this again and again; with `asked` only after a question."""

    async def talk(visitor: Visitor) -> None:
        await visitor.accept_login()
        if asked:
            await visitor.hear()
        await saying(words)(visitor)

    return talk


@pytest.mark.parametrize(
    ("words", "pause_s"),
    [
        (b"\0" * 65_536, 0),  # empty sentences without end
        (b"\x03!re" * 1_000, 0),  # one sentence without end
        (b"\xf0\x7f\xff\xff\xff", 0),  # one word of 2 GB
        (b"\xff" * 1_000, 0),
        (b"\x03!re\x06.tag=1" + b"\xc0\xff\xff" + b"=" * 65_535 + b"\0", 0),  # an answer without end
        (b"\x03", 0.05),  # a trickle
        (b"HTTP/1.1 200 OK\r\n\r\n", 0),
        (b"!fatal", 0.01),
    ],
    ids=["empty", "sentence", "word", "reserved", "answer", "trickle", "http", "words"],
)
async def test_whoever_answers_with_rubbish_is_left_within_the_time(words: bytes, pause_s: float) -> None:
    loop = asyncio.get_running_loop()
    async with router(saying(words, pause_s)) as it:
        began = loop.time()
        with pytest.raises(RouterError):
            await connect(it.address(), timeout_s=1)
        assert loop.time() - began < 20
        began = loop.time()
        with pytest.raises(RouterUnreachable):
            await fingerprint_of("127.0.0.1", it.port, policy=LOOPBACK_ONLY, timeout_s=1)
        assert loop.time() - began < 20


async def test_a_router_that_floods_an_idle_connection_is_dropped() -> None:
    async with router(knowing(b"\0" * 500 + b"\x06!fatty\0", asked=False)) as it:
        wire = await connect(it.address(), timeout_s=2)
        await asyncio.wait_for(wire.closed.wait(), 60)
        assert wire.why_closed


async def test_a_look_takes_no_more_than_its_share() -> None:
    """An answer of many rows is dropped early where somebody only looks."""
    row = b"\x03!re\x06.tag=2\x80\xc8=a=" + b"x" * 197 + b"\0"
    async with router(knowing(row, asked=True)) as it:
        wire = await connect(it.address(), timeout_s=30, max_held=100_000)
        with pytest.raises(RouterUnreachable, match="too long"):
            await wire.talk("/system/identity/print", timeout_s=60)
