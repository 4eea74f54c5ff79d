"""Vouchers on the command line: a batch from its making to its voiding, and each refusal as one sentence."""

from __future__ import annotations

import asyncio
import getpass
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from io import BytesIO
from pathlib import Path
from subprocess import DEVNULL, PIPE

import pytest
from PIL import Image

from portal.access import admission
from portal.access import store as access
from portal.access.store import Cause
from portal.clock import SystemClock
from portal.db import Database, open_database
from portal.keys.ring import vault_for_units
from portal.tenancy import store as tenancy
from portal.units import Unit, rows
from portal.vouchers import codes, store
from portal.vouchers.batches import open_code
from tests.forks import Forks
from tests.shell import KEY, Shell
from tests.support import fresh_file

MAC = "02:00:00:00:00:01"


@pytest.fixture
async def shell(tmp_path: Path, forks: Forks) -> Shell:
    """With an ISP that has a plan."""
    fresh_file(tmp_path)
    made = Shell(folder=tmp_path, forks=forks)
    await made.well("tenant", "add", "Kilimani Wi-Fi")
    await made.well("plan", "add", "1 hour", "--price", "20", "--time", "1h")
    return made


@asynccontextmanager
async def database(shell: Shell) -> AsyncIterator[Database]:
    db = open_database(shell.place)
    try:
        yield db
    finally:
        await db.aclose()


async def codes_of(shell: Shell) -> dict[str, str]:
    """Every code by its label, opened with the key."""

    def unit() -> Unit[list[tuple[str, str]]]:
        found = yield from rows("SELECT label, code_sealed FROM vouchers WHERE tenant_id = :tenant ORDER BY id")
        return [(row["label"], open_code(vault, 1, row["label"], row["code_sealed"])) for row in found]

    vault = vault_for_units(KEY.encode(), None)
    async with database(shell) as db:
        return dict(await db.read(1, unit))


async def redeem(shell: Shell, serial: int) -> None:
    def unit(now: int) -> Unit[None]:
        (found,) = yield from store.in_range(1, serial, serial)
        vault = vault_for_units(KEY.encode(), None)
        fields = {"host": "127.0.0.1", "port": 1, "username": "bando", "password": "x", "hotspot_host": "w.test"}
        router = yield from tenancy.add_router(vault, now, name="Mall", **fields)  # type: ignore[arg-type]
        device = yield from access.touch_device(MAC, router, now)
        yield from rows(
            "UPDATE vouchers SET state = 'redeemed', redeemed_at = :now, redeemed_router_id = :router"
            " WHERE tenant_id = :tenant AND id = :id",
            now=now,
            router=router,
            id=found.id,
        )
        plan = (yield from access.plan_list())[0]
        yield from admission.grant(plan, device.id, Cause(kind=store.CAUSE, ref=found.label), now)

    async with database(shell) as db:
        await db.write(1, unit, SystemClock().now())


def png(width: int = 8, height: int = 8, size: int = 0) -> bytes:
    """A picture; padded to `size` bytes."""
    file = BytesIO()
    Image.new("1", (width, height)).save(file, "PNG")
    return file.getvalue().ljust(size, b"\0")


# --- the life of a batch ---


async def test_a_batch_is_made_looked_at_and_voided(shell: Shell) -> None:
    empty = await shell.well("voucher", "list")
    made = await shell.well(
        *("voucher", "make", "1 hour", "--count", "60", "--use-by", "2w", "--price", "15"),
        *("--agent", "Mama Njeri", "--note", "till 2", "--by", "Asha"),
    )
    shown = await shell.well("voucher", "show", "B1")
    part = await shell.well("voucher", "show", "b1", "--serials", "58-60")
    await redeem(shell, 3)
    in_use = await shell.well("voucher", "find", "b1-3")
    voided = await shell.well("voucher", "void", "1", "--serials", "1-10", "--reason", "lost on the bus")
    ended = await shell.well("voucher", "void", "1", "--serials", "3", "--reason", "stolen", "--end-passes")
    listed = await shell.well("voucher", "list")
    found = await shell.well("voucher", "find", "B1-0003")
    after = await shell.well("voucher", "show", "B1", "--serials", "1-3")

    assert "bando voucher make" in empty
    assert "B1: 60 vouchers 1 hour at KES 15.00" in made
    assert "bando voucher print B1" in made
    for text in ("made by Asha", "Mama Njeri", "till 2", "letters-10", "60 printed", "B1-0050", "--serials 51-60"):
        assert text in shown
    assert "B1-0051" not in shown
    assert re.findall(r"B1-00\d\d", part) == ["B1-0058", "B1-0059", "B1-0060"]
    assert re.search(r"^state +redeemed$", in_use, re.M)
    assert re.search(rf"^redeemed +20.* at Mall, now used by {MAC}$", in_use, re.M)
    assert "B1, 1-10: 9 are void now, 1 stays as it was." in voided
    assert "B1, 3: 1 is void now, 0 stay as they were." in ended
    assert "1 was in use; its pass is ended." in ended
    assert re.search(r"^B1 .* 60 +50 +0 +0 +10 +0 +KES 0.00 ", listed, re.M)
    assert re.search(r"^voided +20.*: stolen$", found, re.M)
    assert re.search(r"^pass +1: ended", found, re.M)
    assert re.search(rf"voided +1-10 +- +{getpass.getuser()} +lost on the bus", after)
    assert re.search(rf"voided +3 +- +{getpass.getuser()} +stolen", after)


async def test_no_code_is_shown_whole(shell: Shell) -> None:
    await shell.well("voucher", "make", "1 hour", "--count", "5")
    drawn = await codes_of(shell)
    await shell.well("voucher", "show", "B1")
    for label, code in drawn.items():
        assert label in await shell.well("voucher", "find", codes.shown(code).lower())
        assert label in await shell.well("voucher", "find", f"https://wifi.example.co.ke/V/{code}")
    said = "".join(shell.said)

    assert len(drawn) == 5
    assert not any(code in said or codes.shown(code) in said for code in drawn.values())
    assert all(codes.masked(code) in said for code in drawn.values())


async def test_styles_are_named_short_or_whole(shell: Shell) -> None:
    for style in ("letters", "digits", "letters-8", "digits-17"):
        await shell.well("voucher", "make", "1 hour", "--count", "2", "--style", style)
    drawn = await codes_of(shell)

    assert [len(code) for code in drawn.values()] == [11, 11, 16, 16, 9, 9, 18, 18]


async def test_a_batch_that_is_too_easy_to_guess_is_refused_with_the_arithmetic(shell: Shell) -> None:
    ran = await shell("voucher", "make", "1 hour", "--count", "50000", "--style", "letters-8")

    assert ran.code == 1
    assert "Traceback" not in ran.err
    for text in ("letters-8 would be too easy", "1,099,511,627,776", "expected hits", "--style letters-10", "--count"):
        assert text in ran.err
    room = re.findall(r"--count (\d+)", ran.err)[0]
    await shell.well("voucher", "make", "1 hour", "--count", room, "--style", "letters-8")
    assert (await shell("voucher", "make", "1 hour", "--count", "1", "--style", "letters-8")).code == 1


async def test_a_plan_is_withdrawn_and_offered_again(shell: Shell) -> None:
    withdrawn = await shell.well("plan", "withdraw", "1 hour")
    refused = await shell("voucher", "make", "1 hour", "--count", "5")
    listed = await shell.well("plan", "list")
    offered = await shell.well("plan", "offer", "1 hour")
    await shell.well("voucher", "make", "1 hour", "--count", "5")

    assert "stays good" in withdrawn
    assert "bando plan offer" in refused.sentence
    assert listed.split()[-2:] == ["no", "always"]
    assert "is on sale" in offered


async def test_a_locked_plan_says_so(shell: Shell) -> None:
    await shell.well("plan", "add", "Night", "--price", "5", "--time", "8h", "--locked", "--devices", "2")

    assert re.search(r"Night .*2, locked +yes", await shell.well("plan", "list"))


async def test_the_use_by_date_is_the_end_of_that_day_at_the_isp(shell: Shell) -> None:
    await shell.well("tenant", "set", "--timezone", "Africa/Nairobi")
    made = await shell.well("voucher", "make", "1 hour", "--count", "1", "--use-by", "2027-03-31")

    assert "use by 2027-03-31 23:59:59" in made


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("make 2h --count 5", "There is no plan '2h'; Kilimani Wi-Fi has: 1 hour"),
        ("make 1_hour --count 0", "1 to 50,000"),
        ("make 1_hour --count 50001", "several batches"),
        ("make 1_hour --count 5 --use-by 2020-01-01", "is past"),
        ("make 1_hour --count 5 --use-by 2027-02-30", "There is no day 2027-02-30"),
        ("make 1_hour --count 5 --use-by tomorrow", "30d"),
        ("make 1_hour --count 5 --use-by 9999-12-31", "too far ahead"),
        ("make 1_hour --count 5 --use-by 9999d", "three years"),
        ("make 1_hour --count 5 --by _", "--by"),
        ("show B7", "bando voucher list"),
        ("show seven", "bando voucher list"),
        ("show B1 --serials 4-9", "which has 1-3"),
        ("void B1 --serials 3-1 --reason x", "which has 1-3"),
        ("void B1 --serials 1;2 --reason x", "which has 1-3"),
        ("void B1 --reason _", "--reason"),
        ("finish B7", "bando voucher list"),
        ("find B1-9", "it has 1-3"),
        ("find B9-1", "no batch"),
        ("find 7KQ9-M2XD-AB4", "compare it with the card"),
        ("find 7KQ9-M2XD-AB9", "no voucher with this code"),
    ],
)
async def test_what_cannot_be_is_one_sentence_with_the_next_step(shell: Shell, words: str, sentence: str) -> None:
    await shell.well("voucher", "make", "1 hour", "--count", "3")
    ran = await shell("voucher", *(each.replace("_", " ") for each in words.split()))

    assert sentence in ran.sentence


async def test_ctrl_c_leaves_a_batch_that_finish_completes(shell: Shell) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bando", "voucher", "make", "1 hour", "--count", "50000"),
        cwd=shell.folder,
        env=shell.env,
        stdin=DEVNULL,
        stdout=PIPE,
        stderr=PIPE,
    )
    async with asyncio.timeout(60):
        while not await codes_of(shell):
            await asyncio.sleep(0.05)
    process.send_signal(signal.SIGINT)
    out, err = await asyncio.wait_for(process.communicate(), 90)
    drawn = await codes_of(shell)
    listed = await shell.well("voucher", "list")
    shown = await shell.well("voucher", "show", "B1")

    assert process.returncode != 0
    assert b"bando voucher finish B1" in err
    assert b"Traceback" not in err
    assert out == b""
    assert 0 < len(drawn) < 50_000
    assert f"{len(drawn)} of 50000" in listed
    assert "go on with: bando voucher finish B1" in shown
    assert "finish B1" in (await shell("voucher", "void", "B1", "--reason", "x")).sentence


async def test_a_batch_that_was_killed_is_finished_with_the_codes_it_has(shell: Shell) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bando", "voucher", "make", "1 hour", "--count", "10000"),
        cwd=shell.folder,
        env=shell.env,
    )
    async with asyncio.timeout(60):
        while not await codes_of(shell):
            await asyncio.sleep(0.01)
    process.kill()
    await process.wait()
    before = await codes_of(shell)
    finished = await shell.well("voucher", "finish", "B1", "--by", "Baraka")
    after = await codes_of(shell)
    again = await shell.well("voucher", "finish", "B1")

    assert "B1: 10,000 vouchers" in finished
    assert len(after) == len(set(after.values())) == 10_000
    assert before.items() <= after.items()
    assert "is whole" in again


# --- what guests see of an ISP ---


async def test_what_guests_see_of_an_isp_is_changed(shell: Shell) -> None:
    (shell.folder / "logo.png").write_bytes(png())
    await shell.well(
        *("tenant", "set", "--ssid", "Kili Free", "--support-phone", "0711 000 000", "--language", "sw"),
        *("--logo", "logo.png"),
    )
    async with database(shell) as db:
        (tenant,) = await db.read(None, tenancy.tenants)
        kept = await db.read(1, tenancy.logo)
    await shell.well("tenant", "set", "--no-logo")
    async with database(shell) as db:
        gone = await db.read(1, tenancy.logo)
        (later,) = await db.read(None, tenancy.tenants)

    assert (tenant.ssid, tenant.support_phone, tenant.language) == ("Kili Free", "0711 000 000", "sw")
    assert (kept, gone) == (png(), None)
    assert later.version > tenant.version
    assert later.name == tenant.name == "Kilimani Wi-Fi"


@pytest.mark.parametrize(
    ("logo", "sentence"),
    [
        (None, "cannot be read"),
        (b"", "no PNG"),
        (b"GIF89a" + bytes(100), "no PNG"),
        (b"\x89PNG\r\n\x1a\n", "no PNG"),
        (png(size=200_001), "more than 200 KB"),
        (png(width=20_000), "20000 x 8"),
        (png()[:45], "not whole"),
    ],
)
async def test_what_is_no_logo_is_refused(shell: Shell, logo: bytes | None, sentence: str) -> None:
    if logo is not None:
        (shell.folder / "logo.png").write_bytes(logo)
    ran = await shell("tenant", "set", "--logo", "logo.png")

    assert sentence in ran.sentence


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ((), "Nothing to change"),
        (("--ssid", "x" * 33), "32 bytes"),
        (("--ssid", "a\nb"), "one line"),
        (("--name", " "), "cannot be empty"),
        (("--timezone", "Nairobi"), "Africa/Nairobi"),
        (("--logo", "x.png", "--no-logo"), "exclude each other"),
    ],
)
async def test_what_an_isp_cannot_be_is_refused(shell: Shell, words: tuple[str, ...], sentence: str) -> None:
    assert sentence in (await shell("tenant", "set", *words)).sentence


# --- stock of an agent with a login ---


async def test_a_batch_becomes_the_stock_of_an_agent(shell: Shell) -> None:
    await shell.well("staff", "add", "amina@isp.test", "Amina", "--role", "agent")
    await shell.well("staff", "add", "otieno@isp.test", "Otieno", "--role", "cashier")
    await shell.well("voucher", "make", "1 hour", "--count", "2", "--stock-of", "amina@isp.test")
    async with database(shell) as db:
        made = await db.read(1, store.batch_numbered, 1)
    assert made is not None
    assert made.agent_id is not None
    assert made.agent == "Amina"
    for wrong in ("otieno@isp.test", "nobody@isp.test"):
        refused = await shell("voucher", "make", "1 hour", "--count", "2", "--stock-of", wrong)
        assert refused.code != 0
        assert "bando staff list" in refused.err
