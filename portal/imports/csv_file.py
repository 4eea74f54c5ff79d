"""Plans, vouchers and running guests from one table that a spreadsheet has saved. Pure.

Each line names a plan. A line with a code is a voucher of it, a line with a device and an end is somebody who is
running, any other line is the plan alone. A plan is what the first line with its time says.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from datetime import tzinfo

from portal.clock import Moment
from portal.errors import Refused
from portal.imports import measures
from portal.imports.found import Found, FoundPlan, FoundRun, FoundVoucher, Terms
from portal.imports.text import decoded
from portal.mikrotik.values import mac as mac_of

SOURCE, TITLE = "csv", "a table"
COLUMNS = ("plan", "price", "time", "counted", "window", "data", "up", "down", "devices", "code", "device", "ends")
NEEDED = "plan"
MOST_LINES = 20_000
MOST_CELL = 200
_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet would run; no name and no code begins so

Line = Mapping[str, str]


def read(body: bytes, where: tzinfo, now: Moment) -> Found:
    """What the table holds; `where` is the zone of its times. Raises `Refused`."""
    found = Found(source=SOURCE, title=TITLE)
    lines = list(_lines(decoded(body)))
    known = _plans(found, lines)
    for line in lines:
        _take(found, line, known, where, now)
    return found


def _lines(text: str) -> Iterator[Line]:
    """Each line by the names of its columns; raises `Refused`."""
    head = text[:4096].partition("\n")[0]
    mark = max(",;\t", key=head.count)
    try:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=mark, strict=True)
        names = [each.strip().lower() for each in next(reader, [])]
        if NEEDED not in names or len(set(names)) != len(names):
            raise Refused("import-columns")
        for number, cells in enumerate(reader):
            if number >= MOST_LINES:
                raise Refused("import-many")
            if any(cell.strip() for cell in cells):
                yield _line(names, cells)
    except csv.Error:
        raise Refused("import-csv") from None


def _line(names: list[str], cells: list[str]) -> Line:
    given = dict(zip(names, (cell.strip()[:MOST_CELL] for cell in cells), strict=False))
    return {name: _bare(given.get(name, "")) for name in COLUMNS}


def _bare(cell: str) -> str:
    """A cell without the sign by which spreadsheets keep text as text."""
    return cell[1:] if cell[:1] == "'" else cell


def _plans(found: Found, lines: list[Line]) -> dict[str, FoundPlan | None]:
    """Each plan by its name; None where it is only named, so that Bando's own of that name may be meant."""
    known: dict[str, FoundPlan | None] = {}
    for line in lines:
        name = line["plan"]
        if known.get(name) is not None:
            continue
        if not line["time"]:
            known.setdefault(name, None)
            continue
        made = _plan(line)
        if isinstance(made, str):
            found.leave("plan", name, made)
            known.setdefault(name, None)
        else:
            known[name] = made
            found.plans.append(made)
    told = {line["plan"] for line in lines if line["code"] or line["device"]} | {each.name for each in found.left}
    for name in (name for name, made in known.items() if made is None and name and name not in told):
        found.leave("plan", name, "no-time")
    return known


def _plan(line: Line) -> FoundPlan | str:
    """A plan, or why it is left."""
    name, price = measures.name(line["plan"]), measures.price(line["price"] or "0")
    span, data = measures.span(line["time"]), measures.size(line["data"])
    online = line["counted"].lower() == "online"
    window = measures.span(line["window"]) if online else None
    if not name or name.startswith(_FORMULA):
        return "formula" if name else "no-name"
    if price is None:
        return "no-price"
    if span is None or not span <= measures.LONGEST_MS or (window or span) < span:
        return "no-time"
    if (line["data"] and data is None) or line["counted"].lower() not in ("", "clock", "online"):
        return "unreadable"
    up, down = measures.bits(line["up"]), measures.bits(line["down"])
    fine = (
        bool(up and down) and measures.SLOWEST <= min(up or 0, down or 0) <= max(up or 0, down or 0) <= measures.FASTEST
    )
    odd = bool(line["up"] or line["down"]) and not fine
    devices = int(line["devices"]) if line["devices"].isascii() and line["devices"].isdigit() else 1
    terms = Terms(
        kind="used" if online else "wall",
        span_ms=span,
        window_ms=window,
        data_bytes=data,
        rate_up=up if fine else None,
        rate_down=down if fine else None,
        devices=min(measures.MOST_DEVICES, max(1, devices)),
    )
    return FoundPlan(key=name, name=name, price_minor=price, terms=terms, notes=("no-rate",) if odd else ())


def _take(found: Found, line: Line, known: Mapping[str, FoundPlan | None], where: tzinfo, now: Moment) -> None:
    """A voucher or somebody who is running; a line of a plan alone was taken with the plans."""
    if not line["plan"]:
        found.leave("voucher" if line["code"] else "plan", line["code"] or "a line", "no-plan")
    elif line["device"] or line["ends"]:
        made = _run(line, known.get(line["plan"]), where, now)
        if isinstance(made, str):
            found.leave("running", line["device"] or line["code"], made)
        else:
            found.running.append(made)
    elif line["code"].startswith(_FORMULA):
        found.leave("voucher", line["code"], "formula")
    elif line["code"]:
        found.vouchers.append(FoundVoucher(code=line["code"], plan=line["plan"]))


def _run(line: Line, plan: FoundPlan | None, where: tzinfo, now: Moment) -> FoundRun | str:
    until = measures.moment(line["ends"], where)
    if until is None:
        return "no-end"
    if until <= now:
        return "over"
    try:
        mac = mac_of(line["device"])
    except ValueError:
        return "no-device"
    used = plan is not None and plan.terms.kind == "used"
    counted = plan is not None and (used or plan.terms.data_bytes is not None)
    return FoundRun(
        key=f"{mac or line['code']}|{line['plan']}",
        name=mac or line["code"],
        plan=line["plan"],
        code=line["code"],
        mac=mac,
        until=until,
        span_left_ms=plan.terms.span_ms if plan is not None and used else None,
        data_left=plan.terms.data_bytes if plan is not None else None,
        notes=("uncounted",) if counted else (),
    )
