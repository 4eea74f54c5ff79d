"""How the portal listens: HTTP that nobody can keep half open, or fill the memory with.

uvicorn's fast parser knows no limit: it collects an endless header, and waits for ever for the rest of a request.
Here a request must have arrived whole within `REQUEST_S`, and all of it that is not its body within `MAX_HEAD`;
only `MAX_WAITING` of a connection may wait for those before them.
"""

from __future__ import annotations

import asyncio
import resource
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, ClassVar, cast
from weakref import WeakSet

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEAD = 32 * 1024  # bytes: address, headers and framing; the longest address of ours has about 6 000
REQUEST_S = 20.0  # a form of 200 bytes arrives in this time over any network that a page came through
LEAVE_S = 3.0  # how long a connection may be idle before it is closed under whoever might use it next
CLOSE_S = 1.0  # how long the other side may take to say goodbye
MAX_WAITING = 8  # browsers send none before they have the answer to the last; uvicorn keeps 10 kB for each


class Listening(HttpToolsProtocol):
    """One connection."""

    request_s = REQUEST_S
    leaving = False  # whether this process takes no further request on a connection
    arriving: ClassVar[WeakSet[Listening]] = WeakSet()  # accepted, and still agreeing on a key
    _due: float | None = None  # when the request that is arriving must be whole
    _look: asyncio.TimerHandle | None = None  # looks whether it is; one for many requests
    _around = 0  # bytes since the request began that were not body

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.arriving.add(self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.arriving.discard(self)
        super().connection_made(cast(asyncio.Transport, transport))  # uvicorn says what asyncio only implies
        self._arm()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._look is not None:
            self._look.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._around += len(data)
        super().data_received(data)
        if self._around > MAX_HEAD:
            self.transport.abort()
        if self._due is None and self.timeout_keep_alive_task is None and self.cycle and self.cycle.response_complete:
            self._arm()  # an empty line after an answer ends uvicorn's time for idle connections, but begins no request

    def on_message_begin(self) -> None:
        if len(self.pipeline) >= MAX_WAITING:
            self.transport.abort()
            raise ConnectionAbortedError  # ends the parsing of what came together
        self._around = 0
        self._arm()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        super().on_headers_complete()
        if self.leaving and self.cycle is not None:
            self.cycle.keep_alive = False  # and its answer says so

    def on_body(self, body: bytes) -> None:
        self._around -= len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._around = 0
        self._due = None
        super().on_message_complete()

    def shutdown(self) -> None:
        super().shutdown()
        self.loop.call_later(CLOSE_S, self._cut_off)

    def _cut_off(self) -> None:
        """Whoever does not answer to a goodbye, as a browser's idle connection, has nothing more to get."""
        if self.transport.is_closing() and not self.transport.get_write_buffer_size():
            self.transport.abort()

    def _arm(self) -> None:
        self._due = self.loop.time() + self.request_s
        if self._look is None:
            self._look = self.loop.call_at(self._due, self._too_slow)

    def _too_slow(self) -> None:
        """The time of an earlier request is over: abort this one when its own is, too."""
        self._look = None
        if self._due is None:
            return
        if self._due <= self.loop.time():
            self.transport.abort()
        else:
            self._look = self.loop.call_at(self._due, self._too_slow)


class LeavingServer(uvicorn.Server):
    """Leaves without a request that fails, when others listen on the same socket.

    At the first signal it accepts no connection any more, and each that it has ends with its next answer; then it
    stops as ever. `started` is told once when it answers.
    """

    def __init__(self, config: uvicorn.Config, started: Callable[[], None] = lambda: None) -> None:
        super().__init__(config)
        self._started = started
        self._leaving_at: float | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        if self.started:
            self._started()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self._leaving_at is None:
            self._leaving_at = time.monotonic()
        else:
            super().handle_exit(sig, frame)

    async def on_tick(self, counter: int) -> bool:
        if self._leaving_at is not None and not Listening.leaving:
            Listening.leaving = True
            for each in self.servers:
                each.close()
        over = self._leaving_at is not None and time.monotonic() - self._leaving_at >= LEAVE_S
        done = Listening.leaving and not self.server_state.connections and not Listening.arriving
        return (await super().on_tick(counter)) or over or done


class Beside(uvicorn.Server):
    """A further listener in the same process and on the same event loop; signals are the first one's business."""

    _socket: socket.socket | None = None
    _task: asyncio.Task[None] | None = None

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    @property
    def port(self) -> int:
        """Where it listens; the configuration may have said 0."""
        assert self._socket is not None
        return int(self._socket.getsockname()[1])

    def use(self, listening: socket.socket) -> None:
        """Listen here, where other processes may listen as well."""
        self._socket = listening

    def bind(self) -> None:
        """Take the address; raises `OSError`."""
        if self._socket is None:
            host, port = self.config.host, self.config.port
            family = socket.AF_INET6 if ":" in host else socket.AF_INET  # an address and no name: see the settings
            self._socket = socket.create_server((host, port), family=family, backlog=self.config.backlog)

    async def start(self) -> None:
        """Serve from now on."""
        self.bind()
        assert self._socket is not None
        self._task = asyncio.create_task(self.serve(sockets=[self._socket]))
        while not self.started and not self._task.done():  # uvicorn tells nobody
            await asyncio.wait([self._task], timeout=0.01)

    async def stop(self) -> None:
        """Finish what is in hand."""
        self.should_exit = True
        if self._task is not None:
            await self._task


def allow_many_connections() -> None:
    """As many open sockets as the system lets us have; the usual 1024 are one crowded site."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
