"""Looking names up in threads of one's own: a name server that says nothing holds up only names it held up before.

The machine's resolver blocks, for half a minute at worst, and cannot be called off. The threads that everything else
uses are few: some dead names of one ISP would keep the others' routers, and the payment providers, from being found.
So a name that was found last time has threads beside those of the others.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress

KNOWN, OTHERS = 16, 64  # threads for names that were found last time, and for all others
REMEMBERED = 10_000  # names

Find = Callable[[str, int], list[str]]


def find(host: str, port: int) -> list[str]:
    """What the machine's resolver says of a name; blocks."""
    return [str(each[4][0]) for each in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


class Names:
    """A `Resolve`; one for each kind of names, and for one event loop."""

    def __init__(self, *, find: Find = find, known: int = KNOWN, others: int = OTHERS) -> None:
        self._find = find
        self._places = {True: asyncio.Semaphore(known), False: asyncio.Semaphore(others)}
        self._found: dict[str, None] = {}  # the names that were found last time

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        """The addresses of a name; raises `OSError`."""
        known = host in self._found
        places = self._places[known]
        await places.acquire()
        self._found.pop(host, None)  # until it is found again: whoever asks meanwhile does not take the same place
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[list[str]] = loop.create_future()

        def over(found: list[str] | OSError) -> None:
            places.release()  # not earlier, whoever has gone meanwhile: the thread was busy until now
            if isinstance(found, list):
                self._remember(host)
            if not answer.done():
                answer.set_exception(found) if isinstance(found, OSError) else answer.set_result(found)

        def look() -> None:
            found: list[str] | OSError
            try:
                found = self._find(host, port)
            except OSError as failed:
                found = failed
            except UnicodeError:  # a label too long for the resolver
                found = OSError("no name can be written so")
            with suppress(RuntimeError):  # the loop has ended: nobody waits there
                loop.call_soon_threadsafe(over, found)

        # Not of a pool: at its end Python would wait for those of a pool, and this one may take its time.
        threading.Thread(target=look, name="bando-names", daemon=True).start()
        return await answer

    def _remember(self, host: str) -> None:
        self._found[host] = None
        if len(self._found) > REMEMBERED:
            del self._found[next(iter(self._found))]
