"""Looking names up: a name server that says nothing holds up only names that it held up before."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress

import pytest

from portal.mikrotik.names import Names


class NameServer:
    """Says nothing about the dead, and an address of everything else."""

    def __init__(self) -> None:
        self.let_go = threading.Event()
        self.asked: list[str] = []
        self.inside = 0

    def find(self, host: str, port: int) -> list[str]:
        self.asked.append(host)
        if host.startswith("dead"):
            self.inside += 1
            self.let_go.wait(10)
            raise OSError("no answer")
        return ["192.0.2.1"]


async def found(names: Names, host: str) -> bool:
    with suppress(TimeoutError):
        async with asyncio.timeout(0.3):
            return bool(await names(host, 8729))
    return False


@pytest.mark.parametrize("known", [True, False], ids=["found last time", "new"])
async def test_a_name_that_was_found_last_time_does_not_wait_for_the_dead(known: bool) -> None:
    server = NameServer()
    names = Names(find=server.find, known=1, others=2)
    if known:
        assert await names("well.example", 8729) == ["192.0.2.1"]
    dead = [asyncio.create_task(names(f"dead-{n}.example", 8729)) for n in range(5)]
    await asyncio.sleep(0.05)

    assert server.inside == 2  # no more threads than there are places
    assert await found(names, "well.example") is known
    server.let_go.set()
    told = await asyncio.gather(*dead, return_exceptions=True)
    assert all(isinstance(each, OSError) for each in told)


async def test_whoever_does_not_wait_any_more_leaves_the_thread_its_place() -> None:
    server = NameServer()
    names = Names(find=server.find, known=1, others=1)
    assert not await found(names, "dead.example")
    assert not await found(names, "well.example")  # the thread is still busy

    server.let_go.set()
    await asyncio.sleep(0.05)
    assert await found(names, "well.example")


async def test_a_name_that_cannot_be_written_is_an_unknown_one() -> None:
    def find(host: str, port: int) -> list[str]:
        return [host.encode("idna").decode()]

    with pytest.raises(OSError, match="written"):
        await Names(find=find)("a" * 80 + ".example", 8729)
