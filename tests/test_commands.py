"""The command line as a user would use it: each command is a process of its own."""

from __future__ import annotations

import asyncio
import re
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen

import httpx
import pytest

from portal.clock import SystemClock
from sandbox.ca import Authority
from sandbox.mpesa.provider import SandboxMpesa
from sandbox.mpesa.server import serve_mpesa
from sandbox.routeros.api import serve_api
from sandbox.routeros.device import SandboxRouter
from sandbox.world import free_port
from tests.forks import Forks
from tests.raw import opened
from tests.shell import HOME, KEY, Ran, Shell
from tests.support import fresh_file

SECRETS = ("the-consumer-key", "the-consumer-secret", "the-passkey")
PASSWORD = "sandbox"
MAC = "02:00:00:00:00:01"
STARTS_S = 20.0


@pytest.fixture
def empty(tmp_path: Path, forks: Forks) -> Shell:
    """No database yet."""
    return Shell(folder=tmp_path, forks=forks)


@pytest.fixture
def shell(empty: Shell) -> Shell:
    """With a migrated database."""
    fresh_file(empty.folder)
    return empty


@dataclass(kw_only=True)
class Outside:
    """A router and an M-Pesa that the commands meet."""

    api_port: int
    mpesa_url: str
    router: SandboxRouter


@asynccontextmanager
async def outside(folder: Path) -> AsyncIterator[Outside]:
    clock = SystemClock()
    router, mpesa = SandboxRouter(clock), SandboxMpesa(clock)
    mpesa.add_shortcode(
        kind="paybill", shortcode="174379", consumer_key=SECRETS[0], consumer_secret=SECRETS[1], passkey=SECRETS[2]
    )
    api = await serve_api(router, tls=Authority(folder / "ca").server_context("router.test"))
    server = await serve_mpesa(mpesa)
    try:
        yield Outside(api_port=api.port, mpesa_url=server.url, router=router)
    finally:
        await server.aclose()
        await api.aclose()


async def add_account(shell: Shell, url: str, secrets: tuple[str, ...] = SECRETS) -> Ran:
    return await shell(
        *("account", "add", "--environment", "production", "--kind", "paybill", "--shortcode", "174379"),
        *("--base-url", url),
        stdin="".join(f"{each}\n" for each in secrets),
    )


# --- the way from nothing to a shop that sells ---


async def test_an_isp_is_set_up_on_the_command_line(empty: Shell) -> None:
    shell = empty
    async with outside(shell.folder) as world:
        shell.environ["BANDO_MODE"] = "sandbox"  # the router is on this machine
        made = await shell.well("migrate")
        await shell.well("tenant", "add", "Kilimani Wi-Fi", "--support-phone", "0700 000 000")
        tenants = await shell.well("tenant", "list")
        sold = await shell.well("plan", "add", "1 hour", "--price", "20", "--time", "1h", "--rate", "2M/5M")
        plans = await shell.well("plan", "list")
        account = await add_account(shell, world.mpesa_url)
        accounts = await shell.well("account", "list")
        added = await shell.well(
            "router", "add", "Mall", "--host", "127.0.0.1", "--port", str(world.api_port), "--password", PASSWORD
        )
        routers = await shell.well("router", "list")
        given = await shell.well("pass", "give", MAC.lower().replace(":", "-"), "1 hour")
        shown = await shell.well("pass", "show", MAC)
        ended = await shell.well("pass", "end", re.findall(r"Pass (\d+)", given)[0])
        paid = await shell.well("payments", "list")
        checked = await shell.well("check")

    assert f"{shell.place} is at the present schema" in made
    assert "Kilimani Wi-Fi" in tenants
    assert "sells 1 hour for KES 20.00" in sold
    assert "wall" in plans
    assert account.code == 0
    assert re.search(r"https://wifi\.example\.co\.ke/c2b/[0-9a-f]+\.[0-9a-f]{32}/confirm", account.out)
    assert "174379" in accounts
    assert re.search(r"pinned: [0-9a-f:]{64,95}", added, re.IGNORECASE)
    assert f"127.0.0.1:{world.api_port}" in routers
    assert f"1 hour for {MAC} at Mall, waiting" in given
    assert "waiting" in shown
    assert "is ended (void)" in ended
    assert paid == "No payment yet.\n"
    assert checked == "All invariants hold.\n"
    assert not [word for word in (*SECRETS, PASSWORD, KEY) if word in "".join(shell.said)]


async def test_the_script_of_a_router_is_the_one_place_that_shows_its_password(shell: Shell) -> None:
    await shell.well("tenant", "add", "Kilimani Wi-Fi")
    added = await shell.well("router", "add", "Mall", "--host", "10.9.0.2", "--fingerprint", "ab" * 32)
    public = re.findall(r"as ([0-9a-f]+)\.", added)[0]
    text = await shell.well("router", "script", public, "--interface", "ether2", "--management", "10.9.0.0/24")
    old = await shell.well("router", "script", "--v6", "--interface", "ether2", "--management", "10.9.0.0/24")
    listed = await shell.well("router", "list")
    password = re.findall(r'password="?([\w-]{20,})', text)

    assert f"/e/{public}" in text or public in text
    assert password
    assert password[0] not in added + listed
    assert text != old


async def test_a_fresh_router_is_added_before_it_has_a_certificate_and_pinned_afterwards(shell: Shell) -> None:
    async with outside(shell.folder) as world:
        shell.environ["BANDO_MODE"] = "sandbox"  # the router is on this machine
        await shell.well("tenant", "add", "Kilimani Wi-Fi")
        added = await shell.well("router", "add", "Mall", "--host", "127.0.0.1", "--port", str(free_port()))
        before = await shell.well("router", "list")
        unpinned = await shell("router", "check")
        away = await shell("router", "pin")
        wrong = await shell("router", "pin", "--fingerprint", "abc")
        with opened(shell.place) as connection:
            connection.execute("UPDATE routers SET port = ?", (world.api_port,))
        pinned = await shell.well("router", "pin")
        after = await shell.well("router", "list")

    assert "Nothing answers" in added
    assert "bando router pin" in before
    assert [each.sentence for each in (unpinned, away, wrong)]
    assert re.search(r"Pinned: [0-9a-f]{64}", pinned)
    assert "not met yet" in after


async def test_a_router_is_checked_against_the_real_thing(shell: Shell) -> None:
    async with outside(shell.folder) as world:
        shell.environ["BANDO_MODE"] = "sandbox"  # the router is on this machine
        await shell.well("tenant", "add", "Kilimani Wi-Fi")
        await shell.well(
            "router", "add", "Mall", "--host", "127.0.0.1", "--port", str(world.api_port), "--password", PASSWORD
        )
        ran = await shell("router", "check")

    assert ran.code == 1  # the pages and the walled garden are not on it yet
    assert "FAULT" in ran.out
    assert "→" in ran.out
    assert "Traceback" not in ran.err


async def test_the_doctor_names_each_fault_with_its_remedy_and_ends_with_one(shell: Shell) -> None:
    async with outside(shell.folder) as world:
        shell.environ["BANDO_MODE"] = "sandbox"  # the router is on this machine
        await shell.well("tenant", "add", "Kilimani Wi-Fi")
        await add_account(shell, world.mpesa_url, (SECRETS[0], "a-wrong-secret", SECRETS[2]))
        ran = await shell("doctor", PUBLIC_URL="https://wifi-mpesa.example.test")
        asked = await add_account(shell, world.mpesa_url.replace("127.0.0.1", "localhost"), SECRETS)

    assert ran.code == 1
    assert "M-Pesa refuses its consumer key and secret" in ran.out
    assert "holds 'mpesa', a word that M-Pesa refuses" in ran.out
    assert "bando router add" in ran.out
    assert ran.out.count("→") >= 3
    assert "a-wrong-secret" not in ran.out + ran.err
    assert "Traceback" not in ran.err
    assert "174379 already" in asked.sentence


@pytest.mark.sqlite_only(reason="a server's database is made before Bando has a word to say")
async def test_the_doctor_helps_before_there_is_a_database(empty: Shell) -> None:
    ran = await empty("doctor", PUBLIC_URL="https://127.0.0.1:1")

    assert ran.code == 1
    assert "bando migrate" in ran.out
    assert not (empty.folder / "bando.db").exists()


async def test_check_names_a_breach_and_ends_with_one(shell: Shell) -> None:
    await shell.well("tenant", "add", "Kilimani Wi-Fi")
    await shell.well("plan", "add", "1 hour", "--price", "20", "--time", "1h")
    await shell.well("router", "add", "Mall", "--host", "10.9.0.2", "--tunnel")
    await shell.well("pass", "give", MAC, "1 hour")
    with opened(shell.place) as connection:
        connection.execute("UPDATE passes SET cause_kind = 'payment', cause_ref = 'nowhere'")
    ran = await shell("check")

    assert (ran.code, "I2" in ran.out) == (1, True)


async def test_lines_for_staff_are_listed_and_closed(shell: Shell) -> None:
    await shell.well("tenant", "add", "Kilimani Wi-Fi")
    none = await shell.well("lines", "list")
    with opened(shell.place) as connection:
        connection.execute(
            "INSERT INTO exceptions (tenant_id, kind, subject, detail, opened_at)"
            " VALUES (1, 'unmatched-money', 'receipt:UKM1', 'Money came.', 1800000000000)"
        )
    listed = await shell.well("lines", "list")
    closed = await shell.well("lines", "close", "1")
    again = await shell("lines", "close", "1")

    assert none == "Nothing waits for you.\n"
    assert "unmatched-money" in listed
    assert "Line 1 is closed" in closed
    assert "no open line 1" in again.sentence
    assert await shell.well("lines", "list") == none


async def test_a_line_about_a_router_names_its_site(shell: Shell) -> None:
    await shell.well("tenant", "add", "Kilimani Wi-Fi")
    await shell.well("plan", "add", "1 hour", "--price", "20", "--time", "1h")
    await shell.well("router", "add", "Mall", "--host", "10.9.0.2", "--hotspot-host", "login.mall.example")
    await shell.well("pass", "give", MAC, "1 hour")
    with opened(shell.place) as connection:
        for subject in ("router:1", "router:1:device:1", "router:9"):
            connection.execute(
                "INSERT INTO exceptions (tenant_id, kind, subject, detail, opened_at)"
                " VALUES (1, 'voucher-guesses', ?, 'Look.', 1800000000000)",
                (subject,),
            )
    listed = await shell.well("lines", "list")

    about = [row.split("voucher-guesses")[1].split("Look")[0].strip() for row in listed.splitlines()[1:]]
    assert about == ["Mall", f"Mall, {MAC}", "router:9"]


async def test_of_two_plans_of_one_name_the_one_on_sale_is_meant(shell: Shell) -> None:
    await shell.well("tenant", "add", "Kilimani Wi-Fi")
    await shell.well("plan", "add", "1 hour", "--price", "20", "--time", "1h")
    await shell.well("plan", "add", "1 hour", "--price", "25", "--time", "1h")
    both = await shell("plan", "withdraw", "1 hour")
    dear = both.sentence.split(" for KES 25.00")[0].split()[-1]
    await shell.well("plan", "withdraw", dear)

    assert "20.00 is withdrawn" in await shell.well("plan", "withdraw", "1 hour")
    assert "25.00 is on sale" in await shell.well("plan", "offer", dear)
    assert "at KES 25.00" in await shell.well("voucher", "make", "1 hour", "--count", "1")
    assert "20.00 is on sale" in await shell.well("plan", "offer", "1 hour")


# --- refusals ---


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (("tenant", "add", "X", "--timezone", "Mars/Base"), "Africa/Nairobi"),
        (("plan", "add", "P", "--price", "20", "--time", "1y"), "30m, 1h, 7d"),
        (("plan", "add", "P", "--price", "20", "--time", "1h", "--rate", "5"), "512k/2M"),
        (("pass", "give", "no-mac", "P"), "no ISP yet"),
        (("pass", "end", "7"), "no ISP yet"),
        (("payments", "show", "abc"), "no ISP yet"),
        (("plan", "list"), "bando tenant add"),
    ],
    ids=lambda each: " ".join(each[:2]) if isinstance(each, tuple) else "",
)
async def test_a_wrong_word_is_one_sentence(shell: Shell, words: tuple[str, ...], part: str) -> None:
    assert part in (await shell(*words)).sentence


async def test_what_is_not_there_is_one_sentence(shell: Shell) -> None:
    await shell.well("tenant", "add", "Kilimani Wi-Fi")
    ran = [
        await shell("router", "check"),
        await shell("router", "script"),
        await shell("payments", "show", "abc"),
        await shell("pass", "end", "7"),
        await shell(
            "account", "add", "--environment", "sandbox", "--kind", "till", "--shortcode", "1", stdin="a\nb\nc\n"
        ),
        await shell("account", "add", "--environment", "sandbox", "--kind", "paybill", "--shortcode", "174379"),
    ]

    assert [each.sentence for each in ran]
    assert "consumer key" in ran[-1].sentence


A_FILE = pytest.mark.sqlite_only(reason="a file that is none; a server is in tests/test_postgres_away.py")


@pytest.mark.parametrize(
    ("environ", "part"),
    [
        ({"SECRET_KEY": "bando-sandbox-key-that-everybody-knows-0000"}, "well-known"),
        ({"SECRET_KEY": "short"}, "32 characters"),
        ({"PUBLIC_URL": "http://wifi.example.co.ke"}, "plain http"),
        ({"CLOCK_FILE": "clock"}, "BANDO_CLOCK_FILE"),
        ({"TLS_CERT": "cert.pem"}, "go together"),
        ({"TLS_CERT": "nothing.pem", "TLS_KEY": "nothing.pem"}, "BANDO_TLS_CERT"),
        ({"TLS_CERT": "rubbish", "TLS_KEY": "rubbish"}, "BANDO_TLS_CERT"),
        ({"CA_FILE": "rubbish"}, "BANDO_CA_FILE"),
        pytest.param({"DATABASE": "rubbish"}, "BANDO_DATABASE", marks=A_FILE),
        pytest.param({"DATABASE": "."}, "BANDO_DATABASE", marks=A_FILE),
        pytest.param({"DATABASE": "nothing.db"}, "bando migrate", marks=A_FILE),
        ({"LISTEN": "256.1.1.1:80"}, "BANDO_LISTEN"),
        ({"ENV_FILE": "nothing.env"}, "nothing.env"),
        ({"NONSENSE": "1"}, "BANDO_NONSENSE"),
    ],
    ids=lambda each: next(iter(each)) if isinstance(each, dict) else "",
)
async def test_serve_refuses_a_wrong_configuration(shell: Shell, environ: dict[str, str], part: str) -> None:
    (shell.folder / "rubbish").write_text("this is neither a certificate nor a database, but it is long enough " * 9)
    ran = await shell("serve", **environ)

    assert part in ran.sentence
    assert ran.out == ""


@A_FILE
async def test_migrate_says_why_it_cannot(empty: Shell) -> None:
    (empty.folder / "file").write_text("")
    ran = [await empty("migrate", DATABASE="."), await empty("migrate", DATABASE="file/bando.db")]

    assert ["BANDO_DATABASE" in each.sentence for each in ran] == [True, True]


async def test_another_key_than_the_databases_own_is_refused(shell: Shell) -> None:
    await shell.well("tenant", "add", "Kilimani Wi-Fi")
    other = {"SECRET_KEY": "another key of more than 32 characters"}
    ran = [await shell("serve", **other), await shell("tenant", "list", **other)]
    told = await shell("doctor", PUBLIC_URL="https://127.0.0.1:1", **other)

    assert [("BANDO_SECRET_KEY" in each.sentence) for each in ran] == [True, True]
    assert "is not the key that this database was sealed with" in told.out


async def test_a_missing_library_is_one_sentence(shell: Shell) -> None:
    (shell.folder / "uvicorn.py").write_text("raise ModuleNotFoundError(\"No module named 'uvicorn'\")\n")
    shell.environ["PYTHONPATH"] = f"{shell.folder}:{HOME}"

    assert "No module named 'uvicorn'" in (await shell.anew("serve")).sentence
    assert "requirements.lock" in shell.said[-1]


# --- serving ---


async def answers(url: str, trust: object, process: Popen[str]) -> httpx.Response:
    async with asyncio.timeout(STARTS_S), httpx.AsyncClient(verify=trust, trust_env=False, timeout=60) as http:  # type: ignore[arg-type]
        while True:
            assert process.poll() is None, process.communicate()
            try:
                return await http.get(url)
            except httpx.ConnectError:
                await asyncio.sleep(0.05)


@pytest.mark.sqlite_only(reason="a file is served by one process; more of them on a server are in tests/processes")
async def test_serve_serves_alone_and_stops_when_asked(shell: Shell) -> None:
    ca = Authority(shell.folder / "ca")
    leaf = ca.leaf("localhost", "127.0.0.1")
    port = free_port()
    shell.environ |= {"BANDO_TLS_CERT": str(leaf.certificate), "BANDO_TLS_KEY": str(leaf.key)}
    with shell.serve(LISTEN=f"127.0.0.1:{port}") as process:
        alive = await answers(f"https://127.0.0.1:{port}/healthz", ca.client_context(), process)
        ready = await answers(f"https://127.0.0.1:{port}/readyz", ca.client_context(), process)
        second = await shell("serve", LISTEN=f"127.0.0.1:{free_port()}")
        third = await shell("serve", LISTEN=f"127.0.0.1:{port}", DATABASE=str(fresh_file(shell.folder, "other.db")))
        await shell.well("tenant", "add", "Kilimani Wi-Fi")
        process.send_signal(signal.SIGTERM)
        code = await asyncio.to_thread(process.wait, 20)
    metrics = "strict-transport-security" in alive.headers

    assert (alive.text, alive.status_code) == ("alive\n", 200)
    assert ready.status_code in (200, 503)
    assert "Another bando serve already runs" in second.sentence
    assert "BANDO_LISTEN" in third.sentence
    assert code in (0, -signal.SIGTERM)
    assert metrics
    assert "Traceback" not in "".join(shell.said)


async def test_help_lists_every_command(shell: Shell) -> None:
    text = await shell.well("--help")

    for name in (
        "account",
        "check",
        "doctor",
        "migrate",
        "pass",
        "payments",
        "plan",
        "router",
        "sandbox",
        "serve",
        "tenant",
    ):
        assert re.search(rf"^  {name} ", text, re.MULTILINE), name


async def test_a_router_is_added_only_where_routers_may_be(shell: Shell) -> None:
    await shell.well("tenant", "add", "Kilimani Wi-Fi")
    for host in ("127.0.0.1", "169.254.169.254", "2130706433", "8.8.8.8", "localhost", "admin@10.9.0.2"):
        ran = await shell("router", "add", "Mall", "--host", host, "--fingerprint", "ab" * 32)
        assert ran.sentence
    assert "not a network" in (await shell("tenant", "set", "--router-networks", "10.9.1")).sentence
    await shell.well("tenant", "set", "--router-networks", "10.9.1.0/24")
    outside_it = await shell("router", "add", "Mall", "--host", "10.9.0.2", "--fingerprint", "ab" * 32)
    assert "the ISP's routers" in outside_it.sentence
    await shell.well("router", "add", "Mall", "--host", "10.9.1.2", "--fingerprint", "ab" * 32)
    far = ("router", "add", "Far", "--host", "8.8.8.8", "--fingerprint", "ab" * 32)
    public = await shell(*far, ROUTER_NETWORKS="8.8.8.8")
    assert "the ISP's routers" in public.sentence, "an ISP's own networks narrow, whatever the installation allows"
    await shell.well("tenant", "set", "--router-networks", "")
    await shell.well(*far, ROUTER_NETWORKS="8.8.8.8")
    assert "Mall" in await shell.well("router", "list")
