"""What a router tells, read strictly, and the addresses at which it tells it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.routing import Router as Routes

from portal.access.catalog import Catalog
from portal.calls import service
from portal.calls.beat import LONGEST, MOST_BODY, Beat, Unreadable, fits, latest, read, read_nonce
from portal.calls.pace import MOST, Pace
from portal.calls.routes import Calls
from portal.calls.service import Wishes
from portal.clock import MINUTE
from portal.payments import joining
from portal.settings import load
from portal.tenancy import store as tenancy
from portal.web.security import Guard
from tests.support import Seed, seed

GOOD = (
    b"bando 1\napplied=7\ntrouble=cut\nversion=7.23.4 (stable)\nuptime=1d02:03:04\nboard=hAP ax lite\n"
    b"memory=190840832\nonline=12\nidentity=Kilimani\n"
)


def test_a_beat_is_read() -> None:
    assert read(GOOD, "196.201.0.7") == Beat(
        identity="Kilimani",
        version="7.23.4 (stable)",
        board="hAP ax lite",
        uptime_s=93_784,
        memory=190_840_832,
        online=12,
        applied=7,
        trouble="cut",
        source="196.201.0.7",
    )


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"bando 2\napplied=7\n",
        b"bando 1\n",
        b"bando 1\napplied=\n",
        b"bando 1\napplied=-1\n",
        b"bando 1\napplied=1000000000\n",
        "bando 1\napplied=\u0667\n".encode(),
        b"applied=7\nbando 1\n",
        b"{}",
        b"\xff\xfe",
    ],
)
def test_what_is_no_beat_is_refused(body: bytes) -> None:
    with pytest.raises(Unreadable):
        read(body)


@pytest.mark.parametrize(
    "text", ["[]", '{"identity": "x"}', read(GOOD).kept().replace('"Kilimani"', "[1]"), read(GOOD).kept() + " "]
)
def test_what_came_in_a_file_is_a_beat_or_is_not_taken(text: str) -> None:
    try:
        fits_ = fits(text)
    except (LookupError, TypeError, ValueError):
        fits_ = False

    assert fits_ is text.endswith(" ")
    assert fits("{}")


def test_a_name_with_line_ends_changes_nothing_that_stood_before_it() -> None:
    found = read(b"bando 1\napplied=7\nidentity=x\napplied=999\nonline=5\n")

    assert (found.applied, found.identity) == (7, "x")


def test_values_are_short_and_can_be_shown() -> None:
    found = read("bando 1\napplied=0\nboard=a\u202eb\x07c\nuptime=soon\nmemory=9e9\ntrouble=<b>\nidentity=".encode()
                 + b"x" * 500)  # fmt: skip

    assert (found.board, found.uptime_s, found.memory, found.trouble) == ("abc", None, None, "")
    assert len(found.identity) == LONGEST


@given(st.binary(max_size=MOST_BODY + 10))
def test_whatever_comes_is_read_or_refused(body: bytes) -> None:
    for each in (body, b"bando 1\napplied=1\n" + body):
        try:
            found = read(each)
        except Unreadable:
            continue
        assert latest(found.kept()) == found


@pytest.mark.parametrize("nonce", [b"", b" ", b"a b", b"x" * 49, b"a\rb", "\u00e9".encode()])
def test_a_nonce_that_could_be_more_than_a_word_is_refused(nonce: bytes) -> None:
    with pytest.raises(Unreadable):
        read_nonce(b"bando 1\nnonce=" + nonce + b"\n")


def test_a_router_that_calls_without_end_is_told_to_wait() -> None:
    pace, now = Pace(), 1_000 * MINUTE
    taken = [pace.take(1, now + n) for n in range(MOST + 3)]

    assert taken == [True] * MOST + [False] * 3
    assert pace.take(2, now)
    assert pace.take(1, now + MINUTE)


# -- over HTTP ----------------------------------------------------------------------------------------


class Door:
    """The two addresses of one router."""

    def __init__(self, home: Seed, http: httpx.AsyncClient, token: str, public: str) -> None:
        self.home, self.http, self.token, self.public = home, http, token, public

    async def post(self, page: str, body: bytes, token: str | None = None) -> httpx.Response:
        head = {"authorization": f"Bearer {self.token if token is None else token}"}
        return await self.http.post(f"/call/{self.public}/{page}", content=body, headers=head)

    async def heard(self) -> str:
        found = await self.home.read(tenancy.router, self.home.router_id)
        return str(found.beat)


@asynccontextmanager
async def a_door(folder: Path) -> AsyncIterator[Door]:
    home = await seed(folder)
    settings, catalog = load({"BANDO_MODE": "sandbox"}), Catalog(home.db)
    router = await home.read(tenancy.router, home.router_id)
    keys = await home.write(service.switch_on, home.tenant.id, home.vault, router)
    await catalog.refresh()
    wishes = Wishes(vault=home.vault, public_url=settings.public_url, hosts=lambda: joining.hosts({}))
    calls = Calls(home.db, home.clock, catalog, settings, wishes)
    app = Guard(Routes(calls.routes()), lambda request, error: (_ for _ in ()).throw(error), "default-src 'none'")
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="https://portal.test") as http:
        yield Door(home, http, keys.token, router.public)
    await home.db.aclose()


async def test_a_beat_is_answered_with_the_version_of_the_wishes(tmp_path: Path) -> None:
    async with a_door(tmp_path) as door:
        first = await door.post("beat", GOOD)
        again = await door.post("beat", GOOD)

        assert (first.status_code, first.text) == (200, "8"), "one that the router does not know yet"
        assert again.text == "8"
        assert first.headers["cache-control"] == "no-store"
        assert '"identity": "Kilimani"' in await door.heard()


@pytest.mark.parametrize(
    ("page", "body", "status"),
    [
        ("beat", b"", 400),
        ("beat", b"bando 1\napplied=x\n", 400),
        ("beat", b"bando 1\napplied=1\n" + b"x" * MOST_BODY, 413),
        ("pull", b"", 400),
        ("pull", b"bando 1\nnonce=a b\n", 400),
        ("pull", b"x" * (MOST_BODY + 1), 413),
    ],
)
async def test_nonsense_is_refused_and_nothing_of_it_is_kept(
    tmp_path: Path, page: str, body: bytes, status: int
) -> None:
    async with a_door(tmp_path) as door:
        answer = await door.post(page, body)

        assert answer.status_code == status
        assert len(answer.text) < 40
        assert await door.heard() == "{}"


@pytest.mark.parametrize("token", ["", "0" * 64, "x", "0" * 5_000, "Bearer"])
async def test_whoever_has_no_token_learns_nothing(tmp_path: Path, token: str) -> None:
    async with a_door(tmp_path) as door:
        here = [await door.post(page, GOOD, token) for page in ("beat", "pull")]
        door.public = "00000000"
        elsewhere = await door.post("beat", GOOD, token)

        assert {(each.status_code, each.text) for each in (*here, elsewhere)} == {(401, "Unknown\n")}
        assert await door.heard() == "{}"


async def test_too_many_calls_are_refused_before_anything_is_read(tmp_path: Path) -> None:
    async with a_door(tmp_path) as door:
        door.home.clock.run_at(0)
        answers = [await door.post("beat", GOOD) for _ in range(MOST + 1)]

        assert [each.status_code for each in answers] == [200] * MOST + [429]
        assert answers[-1].headers["retry-after"] == "60"


async def test_a_token_does_not_come_back_from_the_database(tmp_path: Path) -> None:
    """What is kept of it is a hash, and the key is sealed."""
    async with a_door(tmp_path) as door:
        row = await door.home.read(tenancy.router, door.home.router_id)

        assert door.token.encode() not in row.call_key_sealed
        assert bytes.fromhex(door.token) not in (row.call_hash, row.call_key_sealed)
        known = service.keys(door.home.vault, row)
        assert known is not None
        assert known.token == door.token
