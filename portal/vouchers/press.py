"""The press: vouchers become a file, in a child process.

Laying out thousands of vouchers keeps a processor busy for seconds; here it is another one than the guests'. The child
gets words and codes through a pipe: it has neither the key nor the database. It writes beside the target, readable for
its owner only, and the file gets its name when it is whole and the caller has agreed (has written down that it was
printed). Whatever stops the press before that leaves nothing: the parent clears up, and a child whose parent is gone
does it itself.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
from asyncio.subprocess import PIPE, Process
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from portal.errors import Misconfigured
from portal.vouchers.paper import Card, Face

HOME = Path(__file__).parents[2]
CHILD = "portal.vouchers.workbench"
READY = b"ready\n"
REFUSED = b"refused "  # and why, for staff

Progress = Callable[[int], None]
Agree = Callable[[], Awaitable[None]]


class PressFailed(Exception):
    """The press broke; this is a bug of ours, and the target was not touched."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """What to make of these vouchers: a `form` that the workbench knows (pdf, html, csv), into the file `target`."""

    form: str
    target: Path
    face: Face
    cards: Sequence[Card]
    options: Mapping[str, str] = field(default_factory=dict)


async def _nothing() -> None:
    """Nothing to agree."""


async def press(job: Job, progress: Progress = lambda done: None, agree: Agree = _nothing) -> None:
    """Make the file; raises `Misconfigured` when its folder does not let us, or the logo is broken.

    `progress` hears how many vouchers are laid out. `agree` is awaited when the whole file is there and before it has
    its name; if it raises, the file is gone again.
    """
    process: Process | None = None
    with named_whole(job.target) as part:
        try:
            process = await _started()
            await _fed(process, job, part)
            await _watched(process, progress)
            await agree()
        finally:
            if process is not None:
                await _ended(process)


@contextmanager
def named_whole(target: Path) -> Iterator[Path]:
    """A file beside the target that takes its name at the end, and is gone if anything goes wrong before."""
    part = _beside(target)
    try:
        yield part
        _named(part, target)
    finally:
        part.unlink(missing_ok=True)


def _beside(target: Path) -> Path:
    """A new empty file in the folder of the target, for its owner only."""
    if target.is_dir():
        raise Misconfigured(f"{target} is a folder; name a file in it.")
    try:
        handle, name = tempfile.mkstemp(prefix=f".{target.name[:100]}.", suffix=".part", dir=target.parent.resolve())
    except OSError as error:
        raise Misconfigured(f"{target} cannot be written ({error.strerror}); name a file elsewhere.") from error
    os.close(handle)
    return Path(name)


def _named(part: Path, target: Path) -> None:
    try:
        part.replace(target)
    except OSError as error:
        raise Misconfigured(f"{target} cannot be written ({error.strerror}); name a file elsewhere.") from error


async def _started() -> Process:
    """The child, which knows nothing of our settings and does not hear the terminal's Ctrl-C."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("BANDO_")}
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", CHILD, stdin=PIPE, stdout=PIPE, stderr=PIPE, cwd=HOME, env=plain, start_new_session=True
    )


async def _fed(process: Process, job: Job, part: Path) -> None:
    """Give the child its work; the pipe stays open, so that the child notices when we are gone."""
    assert process.stdin is not None
    head = {
        "form": job.form,
        "part": str(part),
        "face": job.face.as_dict(),
        "options": dict(job.options),
        "count": len(job.cards),
    }
    process.stdin.write(json.dumps(head).encode() + b"\n")
    process.stdin.writelines(
        f"{card.label} {card.code} {card.again:d} {quote(card.agent)}\n".encode() for card in job.cards
    )
    with suppress(ConnectionError):  # a child that broke says why when it is watched
        await process.stdin.drain()


async def _watched(process: Process, progress: Progress) -> None:
    """Until the child says that the file is whole; raises `Misconfigured` or `PressFailed`."""
    assert process.stdout is not None
    assert process.stderr is not None
    async for line in process.stdout:
        if line == READY:
            return
        if line.startswith(REFUSED):
            raise Misconfigured(line.removeprefix(REFUSED).decode().strip())
        progress(int(line))
    said = (await process.stderr.read()).decode(errors="replace").strip()
    raise PressFailed(f"The press broke: {said[-2_000:]}")


async def _ended(process: Process) -> None:
    """No child is left, whatever it was doing."""
    if process.returncode is None:
        with suppress(ProcessLookupError):
            process.kill()
    await process.wait()
    if process.stdin is not None:
        process.stdin.close()
