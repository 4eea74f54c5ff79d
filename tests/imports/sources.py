"""Systems to import from: a router as Mikhmon leaves it, and the dump of a PHPNuxBill."""

from __future__ import annotations

import random
from collections.abc import Mapping
from pathlib import Path

from portal.clock import DAY, HOUR, Clock, Moment, as_datetime
from portal.mikrotik.link import Row
from sandbox.routeros.device import SandboxRouter

LOCKED, ACTIVE, RECORDED = "02:AA:00:00:00:01", "02:AA:00:00:00:02", "02:AA:00:00:00:03"
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
DUMP = Path(__file__).parent / "phpnuxbill.sql"
UNUSED = tuple(f"k{n}m4x7q{n}" for n in range(8))  # 8 letters and digits


def drawn(count: int, size: int, alphabet: str = "abcdefghjkmnpqrstuvwxyz23456789") -> list[str]:
    """So many different codes, the same ones each time."""
    chance, made = random.Random(size), set[str]()
    while len(made) < count:
        made.add("".join(chance.choices(alphabet, k=size)))
    return sorted(made, key=lambda each: each[::-1])


def old_date(at: Moment) -> str:
    """As routers before 7.10 write it: ``jan/02/2024 12:00:00``."""
    when = as_datetime(at)
    return f"{MONTHS[when.month - 1]}/{when:%d/%Y %H:%M:%S}"


def new_date(at: Moment) -> str:
    return f"{as_datetime(at):%Y-%m-%d %H:%M:%S}"


def on_login(mode: str, price: str, validity: str, selling: str, lock: str = "Disable") -> str:
    """The beginning of Mikhmon's script, which is all that says price and validity."""
    return f':put (",{mode},{price},{validity},{selling},,{lock},"); {{:local date [ /system clock get date ]}}'


def mikhmon(clock: Clock) -> SandboxRouter:
    """A router with three profiles, unused vouchers, running users and records of sales."""
    router, now = SandboxRouter.factory_hotspot(clock), clock.now()
    router.tables["/user/group"].set(_id(router, "/user/group", "bando"), {"policy": "api,read,write,test,sensitive"})
    add(
        router,
        "/ip/hotspot/user/profile",
        {"name": "1day", "rate-limit": "2M/5M", "shared-users": "1", "on-login": on_login("remc", "40", "1d", "50")},
        {"name": "3hours", "shared-users": "2", "on-login": on_login("rem", "20", "3h", "0", "Enable")},
        {"name": "endless", "on-login": ':put (",,5000,,,noexp,Disable,")'},
    )
    add(
        router,
        "/ip/hotspot/user",
        *({"name": code, "password": code, "profile": "1day", "comment": "vc-512-11.28.26-shop"} for code in UNUSED),
        {"name": "x9y8z7w6", "password": "x9y8z7w6", "profile": "3hours", "comment": "vc-513-11.28.26-"},
        {"name": "nopass99", "profile": "1day"},
        {"name": "jane", "password": "secret", "profile": "1day", "comment": "up-514-11.28.26-"},
        {"name": "4711", "password": "4711", "profile": "1day", "comment": "vc-515-11.28.26-"},
        {**_alike("r1m4x7q1"), "mac-address": LOCKED, "comment": old_date(now + 5 * HOUR)},
        {**_alike("r2m4x7q2"), "comment": new_date(now + 7 * HOUR)},
        {**_alike("r3m4x7q3"), "comment": new_date(now + 2 * HOUR)},
        {"name": "over1234", "password": "over1234", "profile": "1day", "comment": new_date(now - HOUR)},
        {"name": "gone1234", "password": "gone1234", "profile": "endless", "comment": "vc-516-11.28.26-"},
    )  # fmt: skip
    add(router, "/system/script", *(_sale(now, user, mac) for user, mac in (("r2m4x7q2", RECORDED),)))
    return router


def _alike(code: str) -> dict[str, str]:
    return {"name": code, "password": code, "profile": "1day"}


def _sale(now: Moment, user: str, mac: str) -> dict[str, str]:
    parts = (new_date(now)[:10], "10:00:00", user, "50", "10.5.50.9", mac, "1d", "1day", "vc-500-11.28.26-")
    return {"name": "-|-".join(parts), "source": new_date(now)[:10], "comment": "mikhmon"}


def add(router: SandboxRouter, path: str, *rows: Mapping[str, str]) -> None:
    for row in rows:
        router.tables[path].add(row)


def _id(router: SandboxRouter, path: str, name: str) -> str:
    return next(key for key, row in router.tables[path].rows.items() if row["name"] == name)


def rows_of(router: SandboxRouter) -> dict[str, list[Row]]:
    """What stands on the router, to see that reading it changes nothing."""
    paths = ("/ip/hotspot/user", "/ip/hotspot/user/profile", "/system/script", "/ip/hotspot/cookie")
    return {path: [dict(row) for row in router.tables[path].rows.values()] for path in paths}


def dump(now: Moment) -> bytes:
    """As mysqldump writes it: no names of columns, and what a text may hold of quotes. Its times are Nairobi's."""
    end = new_date(now + 6 * HOUR + 3 * HOUR)
    words = {"END_DAY": end[:10], "END_TIME": end[11:], "OVER_DAY": new_date(now - DAY)[:10]}
    text = DUMP.read_text()
    for word, said in words.items():
        text = text.replace(word, said)
    return text.encode()
