"""Files of a move are made one at a time, in a thread of their own: each takes a core, for minutes where there is much.

In the threads that all share, an owner who asks a few times at once would keep everybody's names of hosts waiting.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from portal.errors import Refused
from portal.moving import pack


class Packing:
    """Whose turn it is, of all ISPs of the installation."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="bando-move")
        self._taken = False
        self._work: Future[BinaryIO] | None = None

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Nobody else packs meanwhile; raises `Refused("move-busy")`."""
        if self._taken:
            raise Refused("move-busy", status=429)
        self._taken, self._work = True, None
        try:
            yield
        except BaseException:
            self._given_up()
            raise
        self._taken = False

    async def spooled(self, parts: Iterator[bytes], folder: Path | None) -> BinaryIO:
        """The file, made in the turn of whoever asks."""
        self._work = self._pool.submit(pack.spooled, parts, folder)
        return await asyncio.wrap_future(self._work)

    def _given_up(self) -> None:
        """Whoever has gone leaves the thread at work; the turn ends when it does."""
        if self._work is None:
            self._taken = False
        else:
            self._work.add_done_callback(self._left)

    def _left(self, work: Future[BinaryIO]) -> None:
        if not work.cancelled() and work.exception() is None:
            work.result().close()
        self._taken = False
