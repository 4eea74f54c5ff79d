"""Plans, vouchers and running customers from the SQL dump of a PHPNuxBill. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import tzinfo

from portal.clock import DAY, HOUR, MINUTE, Moment
from portal.errors import Refused
from portal.imports import dump, measures
from portal.imports.found import Found, FoundPlan, FoundRun, FoundVoucher, Terms
from portal.imports.text import decoded
from portal.mikrotik.values import mac as mac_of

SOURCE, TITLE = "phpnuxbill", "PHPNuxBill"
TABLES = ("tbl_plans", "tbl_bandwidth", "tbl_voucher", "tbl_user_recharges", "tbl_customers", "tbl_appconfig")
_UNITS = {"mins": MINUTE, "hrs": HOUR, "days": DAY, "months": 30 * DAY}
_SIZES = {"mb": 10**6, "gb": 10**9}
_RATES = {"kbps": 10**3, "mbps": 10**6}

Row = Mapping[str, str | None]


def read(body: bytes, where: tzinfo, now: Moment) -> Found:
    """What a dump holds; `where` is the zone of its times unless it says another. Raises `Refused`."""
    tables = dump.rows(decoded(body), TABLES)
    if not any(tables[name] for name in ("tbl_plans", "tbl_voucher", "tbl_user_recharges")):
        raise Refused("import-nuxbill")
    found = Found(source=SOURCE, title=TITLE)
    known = _plans(found, tables)
    _vouchers(found, tables, known)
    _running(found, tables, known, _zone(tables["tbl_appconfig"]) or where, now)
    return found


def _text(row: Row, name: str) -> str:
    return (row.get(name) or "").strip()


def _number(row: Row, name: str) -> int:
    text = _text(row, name)
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else 0


def _zone(settings: list[dict[str, str | None]]) -> tzinfo | None:
    named = next((_text(each, "value") for each in settings if _text(each, "setting") == "timezone"), "")
    return measures.zone(named)


# --- plans ---


def _plans(found: Found, tables: dump.Rows) -> dict[str, FoundPlan]:
    """The plans of its hotspots, by their id; the others are left."""
    speeds = {_text(each, "id"): each for each in tables["tbl_bandwidth"]}
    known: dict[str, FoundPlan] = {}
    for row in tables["tbl_plans"]:
        made = _plan(row, speeds.get(_text(row, "id_bw")))
        if isinstance(made, str):
            found.leave("plan", _text(row, "name_plan"), made)
        else:
            known[made.key] = made
            found.plans.append(made)
    return known


def _plan(row: Row, speed: Row | None) -> FoundPlan | str:
    """A plan, or why it is left."""
    if _text(row, "type").lower() != "hotspot":
        return "not-hotspot"
    name, price = measures.name(_text(row, "name_plan")), measures.price(_text(row, "price"))
    unit = _text(row, "validity_unit").lower()
    span = _number(row, "validity") * _UNITS.get(unit, 0)
    if not name or price is None:
        return "no-name" if not name else "no-price"
    if not 0 < span <= measures.LONGEST_MS:
        return "no-time"
    up, down, odd = _rates(speed)
    terms = _terms(row, span, up, down)
    notes = ("month",) if unit == "months" else ()
    return FoundPlan(
        key=_text(row, "id"), name=name, price_minor=price, terms=terms, notes=(*notes, *(("no-rate",) if odd else ()))
    )


def _terms(row: Row, span: int, up: int | None, down: int | None) -> Terms:
    """Validity is a window by the clock; a limit of time inside of it counts online time."""
    limited = _text(row, "typebp").lower() == "limited"
    sort = _text(row, "limit_type").lower() if limited else ""
    online = _number(row, "time_limit") * _UNITS.get(_text(row, "time_unit").lower(), 0) if "data" not in sort else 0
    data = _number(row, "data_limit") * _SIZES.get(_text(row, "data_unit").lower(), 0) if "time" not in sort else 0
    used = limited and 0 < online < span
    return Terms(
        kind="used" if used else "wall",
        span_ms=online if used else span,
        window_ms=span if used else None,
        data_bytes=measures.data(data),
        rate_up=up,
        rate_down=down,
        devices=min(measures.MOST_DEVICES, max(1, _number(row, "shared_users"))),
    )


def _rates(speed: Row | None) -> tuple[int | None, int | None, bool]:
    """Up and down in bit/s, and whether there were some that Bando cannot hold."""
    if speed is None:
        return None, None, False
    up, down = (
        _number(speed, f"rate_{way}") * _RATES.get(_text(speed, f"rate_{way}_unit").lower(), 0)
        for way in ("up", "down")
    )
    if not up and not down:
        return None, None, False
    fine = min(up, down) >= measures.SLOWEST and max(up, down) <= measures.FASTEST
    return (up, down, False) if fine else (None, None, True)


# --- vouchers ---


def _vouchers(found: Found, tables: dump.Rows, known: Mapping[str, FoundPlan]) -> None:
    for row in tables["tbl_voucher"]:
        code = _text(row, "code")
        if _text(row, "status") not in ("0", ""):
            continue  # used; whoever used it and has time left is among the running
        if _text(row, "type").lower() not in ("hotspot", ""):
            found.leave("voucher", code, "not-hotspot")
        elif _text(row, "id_plan") not in known:
            found.leave("voucher", code, "no-plan")
        else:
            found.vouchers.append(FoundVoucher(code=code, plan=_text(row, "id_plan")))


# --- running ---


def _running(found: Found, tables: dump.Rows, known: Mapping[str, FoundPlan], where: tzinfo, now: Moment) -> None:
    customers = {_text(each, "username").lower(): each for each in tables["tbl_customers"]}
    used = {
        (_text(each, "user").lower(), _text(each, "id_plan")): _text(each, "code")
        for each in tables["tbl_voucher"]
        if _text(each, "status") not in ("0", "") and _text(each, "user")
    }
    for row in tables["tbl_user_recharges"]:
        name = _text(row, "username")
        if _text(row, "status").lower() != "on":
            continue
        made = _run(row, known, where, now, customers.get(name.lower(), {}), used)
        if isinstance(made, str):
            found.leave("running", name, made)
        else:
            found.running.append(made)


def _run(
    row: Row,
    known: Mapping[str, FoundPlan],
    where: tzinfo,
    now: Moment,
    customer: Row,
    used: Mapping[tuple[str, str], str],
) -> FoundRun | str:
    """Somebody with time left, or why they are left."""
    name, plan = _text(row, "username"), known.get(_text(row, "plan_id"))
    if _text(row, "type").lower() not in ("hotspot", ""):
        return "not-hotspot"
    if plan is None:
        return "no-plan"
    until = measures.moment(f"{_text(row, 'expiration')} {_text(row, 'time')}", where)
    if until is None:
        return "no-end"
    if until <= now:
        return "over"
    counted = plan.terms.kind == "used" or plan.terms.data_bytes is not None
    return FoundRun(
        key=f"{name}|{plan.key}",
        name=name,
        plan=plan.key,
        code=used.get((name.lower(), plan.key), ""),
        mac=_mac(customer, name),
        until=until,
        span_left_ms=plan.terms.span_ms if plan.terms.kind == "used" else None,
        data_left=plan.terms.data_bytes,
        notes=("uncounted",) if counted else (),
    )


def _mac(customer: Row, name: str) -> str:
    """A device that some of its versions and add-ons keep with the customer, or as the customer's name."""
    for text in (_text(customer, "mac_address"), _text(customer, "mac"), name):
        try:
            if text and (found := mac_of(text)) and len(text) in (12, 14, 17):
                return found
        except ValueError:
            continue
    return ""
