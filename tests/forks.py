"""Runs commands as processes of their own, without paying for the imports each time.

One process imports Bando once; each command is a fork of it, with its own folder, environment, streams and exit
code, as if it had been started from a shell. `python -m tests.forks` speaks one line of JSON per command.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import traceback
from pathlib import Path
from subprocess import PIPE, Popen
from typing import Any, NoReturn

HOME = Path(__file__).parent.parent


class Forks:
    """The process that has imported Bando; started at the first command."""

    def __init__(self) -> None:
        self._process: Popen[str] | None = None

    async def run(self, words: list[str], *, cwd: Path, env: dict[str, str], stdin: str) -> tuple[int, str, str]:
        """Exit code, standard output and standard error of `bando` with these words."""
        streams = [cwd / f".{name}" for name in ("stdin", "stdout", "stderr")]
        streams[0].write_text(stdin)
        order = {"words": words, "cwd": str(cwd), "env": env, "streams": [str(each) for each in streams]}
        code = int(await asyncio.to_thread(self._ask, json.dumps(order)))
        return code, streams[1].read_text(), streams[2].read_text()

    def _ask(self, line: str) -> str:
        process = self._process = self._process or Popen(
            [sys.executable, "-m", "tests.forks"], cwd=HOME, stdin=PIPE, stdout=PIPE, text=True
        )
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(line + "\n")
        process.stdin.flush()
        return process.stdout.readline()

    def close(self) -> None:
        if self._process is not None:
            self._process.communicate()


def child(order: dict[str, Any]) -> NoReturn:
    """In the fork: become a `bando` that was just started."""
    code = 1
    try:
        os.chdir(order["cwd"])
        os.environ.clear()
        os.environ.update(order["env"])
        for number, (path, flags) in enumerate(zip(order["streams"], (os.O_RDONLY, *(WRITE, WRITE)), strict=True)):
            os.dup2(os.open(path, flags, 0o600), number)
        sys.stdin = open(0, closefd=False)  # noqa: SIM115 the streams of this process
        sys.argv = ["bando", *order["words"]]
        code = _run()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


WRITE = os.O_WRONLY | os.O_CREAT | os.O_TRUNC


def _run() -> int:
    """As the interpreter does it: a text is printed and means 1."""
    import bando

    try:
        bando.main()
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return end.code or 0
        print(end.code, file=sys.stderr)
        return 1
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


def main() -> None:
    import commands.root  # noqa: F401 this is what is paid for once

    answers = os.fdopen(os.dup(1), "w")
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            child(json.loads(line))
        _, status = os.waitpid(pid, 0)
        answers.write(f"{os.waitstatus_to_exitcode(status)}\n")
        answers.flush()


if __name__ == "__main__":
    main()
