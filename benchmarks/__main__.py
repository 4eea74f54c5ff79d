"""Run the benchmarks: all of them, or those that are named."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

import uvloop

from benchmarks import (
    beside,
    callback,
    check,
    console,
    draw,
    landing,
    metering,
    press,
    purge,
    reboot,
    redeem,
    server,
    starvation,
)
from benchmarks.figures import machine
from benchmarks.radius import accounting, authorize
from benchmarks.radius.ground import POSTGRESQL

BENCHMARKS: dict[str, tuple[Callable[[int], Coroutine[Any, Any, None]], int]] = {
    "beside": (beside.run, 2),
    "callback": (callback.run, 10),
    "check": (check.run, 3),
    "console": (console.run, 1),
    "draw": (draw.run, 5),
    "landing": (landing.run, 5),
    "metering": (metering.run, 2),
    "press": (press.run, 5),
    "purge": (purge.run, 2),
    "radius": (authorize.run, 3),
    "radius-accounting": (accounting.run, 2),
    "radius-accounting-postgresql": (partial(accounting.run, engine=POSTGRESQL), 2),
    "radius-postgresql": (partial(authorize.run, engine=POSTGRESQL), 3),
    "reboot": (reboot.run, 5),
    "redeem": (redeem.run, 5),
    "server": (server.run, 3),
    "starvation": (starvation.run, 3),
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which of: {', '.join(BENCHMARKS)}")
    parser.add_argument("--repeats", type=int, help="how often each is repeated")
    given = parser.parse_args()
    unknown = sorted(set(given.names) - set(BENCHMARKS))
    if unknown:
        parser.error(f"there is no benchmark {unknown[0]}")
    print(machine())
    for name in given.names or BENCHMARKS:
        run, repeats = BENCHMARKS[name]
        uvloop.run(run(given.repeats or repeats))


main()
