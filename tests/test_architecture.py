"""The house as a test: who may import whom, where SQL and libraries live, and who may read the clock.

The table is design.md section 2 in rooms. A room may use the ground floor, itself, and what is listed for it.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

HOME = Path(__file__).parent.parent
FILES = sorted(
    path
    for path in (HOME / "portal").rglob("*.py")
    if "versions" not in path.parts and path != HOME / "portal" / "__init__.py"
)

# Values without input or output; everybody may use them.
GROUND = {
    "clock",
    "sql",
    "errors",
    "findings",
    "money",
    "phone",
    "place",
    "seal",
    "settings",
    "spans",
    "spreadsheet",
    "texts",
    "units",
    "words",
}
# What each room may import beside the ground floor and itself. `sessions` here is its pure meter.
MAY: dict[str, set[str]] = {
    # ground floor
    "clock": set(),
    "errors": set(),
    "findings": set(),
    "money": set(),
    "phone": set(),
    "place": set(),
    "seal": set(),
    "settings": set(),
    "spans": set(),
    "spreadsheet": set(),
    "texts": set(),
    "words": set(),
    "sql": {"schema"},
    "units": {"schema"},
    "schema": {
        "columns",
        "schema_agents",
        "schema_books",
        "schema_consent",
        "schema_imports",
        "schema_erasing",
        "schema_incidents",
        "schema_messages",
        "schema_payments",
        "schema_keys",
        "schema_privacy",
        "schema_processes",
        "schema_refunds",
        "schema_rights",
        "schema_sessions",
        "schema_staff",
        "schema_statements",
        "schema_vouchers",
        "schema_watch",
    },
    "schema_agents": {"columns"},
    "schema_books": {"columns"},
    "schema_consent": {"columns"},
    "schema_imports": {"columns"},
    "schema_erasing": {"columns"},
    "schema_incidents": {"columns"},
    "schema_messages": {"columns"},
    "schema_payments": {"columns"},
    "schema_keys": {"columns"},
    "schema_privacy": {"columns"},
    "schema_processes": {"columns"},
    "schema_refunds": {"columns"},
    "schema_rights": {"columns"},
    "schema_sessions": {"columns"},
    "schema_staff": {"columns"},
    "schema_statements": {"columns"},
    "schema_vouchers": {"columns"},
    "schema_watch": {"columns"},
    "columns": set(),
    "logs": set(),
    "listening": set(),
    # engines
    "db": {"schema"},  # whose tables row-level security must guard
    "loops": {"db"},
    # several processes on one database
    "processes": {"db", "loops"},
    "migrate": {"migrations", "schema"},  # a new database of a server gets the tables of today at once
    "migrations": {"columns", "schema"},
    # rooms
    "sessions": set(),
    "people": set(),
    # who handles data for an ISP, and the gate before every call to the outside
    "processors": {"tenancy", "db"},
    "audit": set(),
    # finds the keys of ISPs for the vault, and exchanges them
    "keys": {"audit", "tenancy", "db", "loops"},
    "staff": {"db", "loops", "tenancy"},
    "tenancy": {"db", "loops"},
    "books": set(),
    "access": {"sessions", "tenancy", "db"},
    "payments": {"access", "books", "processors", "tenancy", "people", "db", "loops"},
    "vouchers": {"access", "books", "tenancy", "db", "loops"},
    "mikrotik": {"access", "sessions", "tenancy", "db", "loops"},
    # routers that call: their login pages are among what is wished of them
    "calls": {"access", "mikrotik", "tenancy", "web", "db"},
    # looks at everything, and keeps nothing but its alarms; `mikrotik` is for its policy of addresses
    "watch": {"access", "processors", "tenancy", "mikrotik", "db", "loops"},
    # takes away what is too old, in every table; `columns` is for its classes
    # and who is erased: `access` ends their passes, `payments` says what is on its way and which number is whose
    "privacy": {"audit", "tenancy", "columns", "access", "payments", "people", "processors", "db", "loops"},
    # to guests; whom it may write to, their rights say
    "messages": {"access", "privacy", "processors", "tenancy", "db", "loops"},
    # what looks at everything, and changes nothing
    "check": {"audit", "tenancy", "db", "check_books"},
    "check_books": {"books"},
    "backup": {"check", "keys", "db", "migrate", "privacy", "tenancy"},  # whoever was erased is forgotten again
    # from a file to a server: reads and writes each table whole, so it knows of no room
    "changeover": {"schema", "check", "keys", "db"},
    "export": {"access", "people", "tenancy", "vouchers", "db"},
    # takes along whatever there is of an ISP, and makes its keyed hashes anew as the rooms do whose they are
    "moving": {
        *("audit", "backup", "books", "check", "columns", "keys", "payments", "people", "staff", "tenancy"),
        # what starts with Bando must be able to read what came in
        *("vouchers", "db", "migrate", "access", "watch", "calls"),
    },
    # what another system left behind becomes plans, vouchers and passes
    "imports": {"access", "tenancy", "vouchers", "mikrotik", "db", "loops"},
    "doctor": {
        "calls",
        "db",
        "tenancy",
        "mikrotik",
        "doctor_database",
        "doctor_journal",
        "doctor_radius",
        "doctor_web",
    },
    "doctor_database": {"db", "migrate"},
    "doctor_journal": set(),
    "doctor_radius": {"tenancy"},
    "doctor_web": set(),
    "health": {"db", "loops", "mikrotik", "vouchers", "watch"},
    # asked by FreeRADIUS; `mikrotik` is for the router's spelling of MACs and rates
    "radius": {"access", "mikrotik", "tenancy", "vouchers", "db", "loops", "sessions"},
    # pages use the services of the rooms below them
    "web": set(),
    # `pages` for the preview of a guest's page beside the form that changes it
    "console": {
        *(
            "web",
            "staff",
            "audit",
            "access",
            "books",
            "payments",
            "mikrotik",
            "people",
            "tenancy",
            "vouchers",
            "db",
            "pages",
        ),
        *("calls", "export", "imports", "moving", "privacy", "processors", "watch"),
    },
    "pages": {
        *("web", "access", "messages", "payments", "mikrotik", "people", "privacy", "processors", "tenancy"),
        *("vouchers", "db"),
    },
}

# Where a library may be imported; libraries that are not listed may be used anywhere.
BORDERS: dict[str, tuple[str, ...]] = {
    "starlette": ("calls", "web", "pages", "console", "health"),
    "jinja2": ("pages", "console"),
    "multipart": ("pages", "web"),
    "itsdangerous": ("pages", "console"),
    "httpx": (
        "payments/daraja",
        "payments/line",
        "payments/room",
        "doctor",
        "doctor_radius",
        "watch/deliver",
        "messages/gateways",
    ),
    "smtplib": ("watch/deliver",),
    "librouteros": ("mikrotik/sentences", "mikrotik/wire"),
    "sqlite3": ("db", "doctor_database", "migrate", "backup"),
    "databases": ("db",),
    "aiosqlite": ("db",),
    "asyncpg": ("db",),
    "sqlalchemy": (
        "schema",
        "schema_agents",
        "schema_books",
        "schema_consent",
        "schema_imports",
        "schema_erasing",
        "schema_incidents",
        "schema_messages",
        "schema_payments",
        "schema_processes",
        "schema_keys",
        "schema_privacy",
        "schema_refunds",
        "schema_rights",
        "schema_sessions",
        "schema_staff",
        "schema_statements",
        "schema_vouchers",
        "schema_watch",
        "columns",
        "migrate",
        "migrations/opening",
        "migrations/secure",
        "changeover/tables",
        "db",  # its greenlets alone, in which a unit waits for a server
    ),
    "alembic": ("migrate", "migrations/env"),
    "pyrad": ("radius/watching/wire",),
    "cryptography": ("seal", "payments/initiator"),
    "argon2": ("staff",),
    "pyotp": ("staff",),
    "phonenumbers": ("phone",),
    "prometheus_client": ("health",),
    "click": (),
    "uvicorn": ("listening",),
    "qrcode": ("vouchers",),
    "fpdf": ("vouchers",),
    "PIL": ("vouchers", "tenancy/logos", "tenancy/marks"),
    "escpos": ("vouchers",),
    "sandbox": (),
    "app": (),
    "commands": (),
    "tests": (),
}

# The helpers of every store, the invariants, the opening of the books by a migration; and what asks a server for its
# roles, its locks and whose transaction this is.
SQL_FILES = {
    *("units", "check", "check_books", "migrations/opening"),
    *(
        "db/connections",
        "db/roles",
        "db/fences",
        "db/filling",
        "db/serving",
        "db/wakeups",
        "migrate",
        "migrations/secure",
    ),
}
SQL = re.compile(r"^\s*(?:SELECT\b.*|INSERT INTO\b.*|UPDATE \S+ SET\b.*|DELETE FROM\b.*|WITH \w+ AS\b.*)", re.DOTALL)
ROOMS_OF_TRADE = ("payments", "mikrotik", "vouchers")
TALL = 500  # lines; the models of our field stay below it but for a protocol


def name_of(path: Path) -> str:
    """``payments/store`` for portal/payments/store.py."""
    return path.relative_to(HOME / "portal").with_suffix("").as_posix()


def room_of(name: str) -> str:
    return name.split("/", 1)[0].split(".", 1)[0]


def imports(tree: ast.AST) -> Iterator[str]:
    """Every module that a file imports, wherever in the file."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield from _members(node)


def _members(node: ast.ImportFrom) -> Iterator[str]:
    if node.module == "portal":
        yield from (f"portal.{each.name}" for each in node.names)
    else:
        yield node.module or ""


def forbidden_imports(name: str, tree: ast.AST) -> list[str]:
    """What this file imports from rooms that are none of its business."""
    room = room_of(name)
    used = {room_of(each.removeprefix("portal.")) for each in imports(tree) if each.startswith("portal.")}
    return sorted(used - GROUND - MAY[room] - {room})


def forbidden_libraries(name: str, tree: ast.AST) -> list[str]:
    found = {each.split(".", 1)[0] for each in imports(tree)}
    return sorted(each for each in found if each in BORDERS and not _at_border(name, BORDERS[each]))


def _at_border(name: str, places: tuple[str, ...]) -> bool:
    return any(name == place or name.startswith(f"{place}/") for place in places)


def sql_in(tree: ast.AST) -> list[str]:
    """Texts that are statements."""
    docs = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    texts = (node for node in ast.walk(tree) if isinstance(node, ast.Constant) and id(node) not in docs)
    return [each.value[:60] for each in texts if isinstance(each.value, str) and SQL.match(each.value)]


CLOCKS = {
    ("datetime", "now"),
    ("datetime", "utcnow"),
    ("datetime", "today"),
    ("date", "today"),
    ("time", "time"),
    ("time", "time_ns"),
    ("time", "sleep"),
    ("asyncio", "sleep"),
}


def clock_reads(tree: ast.AST) -> list[str]:
    """Calls and mentions of the machine's clock (R9)."""
    found = [
        f"{node.value.id}.{node.attr}"
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and (node.value.id, node.attr) in CLOCKS
    ]
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module in ("time", "asyncio"):
            found += [f"{node.module}.{each.name}" for each in node.names if (node.module, each.name) in CLOCKS]
    return found


def statements_at_import(tree: ast.Module) -> list[str]:
    """What a file does when it is imported beside defining: opening, connecting, reading the environment."""
    doing = (
        ast.unparse(node)
        for statement in tree.body
        if not isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        for node in ast.walk(statement)
        if isinstance(node, ast.Call)
    )
    words = ("open(", "connect(", "getenv(", "load(", "open_database(", "environ", "create_engine(")
    return [each for each in doing if each.startswith(words) or "os.environ" in each]


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_each_room_uses_only_the_rooms_below_it(path: Path) -> None:
    assert forbidden_imports(name_of(path), parse(path)) == []


def test_every_room_is_in_the_table_and_the_table_names_no_room_that_is_gone() -> None:
    rooms = {room_of(name_of(path)) for path in FILES}

    assert rooms == set(MAY)


def test_the_table_has_no_circle() -> None:
    def below(room: str, seen: tuple[str, ...] = ()) -> set[str]:
        assert room not in seen, f"a circle: {' → '.join((*seen, room))}"
        return MAY[room].union(*(below(each, (*seen, room)) for each in MAY[room]))

    for room in MAY:
        assert room not in below(room)


def test_the_rooms_of_the_trade_meet_at_access_only() -> None:
    for room in ROOMS_OF_TRADE:
        others = {*ROOMS_OF_TRADE, "pages", "console", "radius"} - {room}
        assert not MAY.get(room, set()) & others


@pytest.mark.parametrize("path", [p for p in FILES if p.name != "store.py"], ids=name_of)
def test_sql_lives_in_store_files(path: Path) -> None:
    if name_of(path) in SQL_FILES:
        return
    allowed = {"health": ["SELECT 1"]}

    assert sql_in(parse(path)) == allowed.get(name_of(path), [])


def test_no_statement_is_for_one_engine_only() -> None:
    """What SQLite alone understands; both engines are to run from one text."""
    only_sqlite = re.compile(
        r"\b(?:INSERT OR|REPLACE INTO|rowid|GLOB)\b|\b(?:IFNULL|strftime|julianday|datetime|unixepoch)\s*\("
    )
    stores = [path for path in FILES if path.name == "store.py" or name_of(path) in SQL_FILES]
    found = [name_of(path) for path in stores if any(only_sqlite.search(text) for text in _texts(parse(path)))]

    assert found == []


def _texts(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_libraries_stay_at_the_border(path: Path) -> None:
    assert forbidden_libraries(name_of(path), parse(path)) == []


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_only_the_clock_reads_the_clock(path: Path) -> None:
    # Wake-ups between processes gather for some ms of the machine; what the records' clock says has no part in it.
    assert name_of(path) in ("clock", "db/wakeups") or clock_reads(parse(path)) == []


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_importing_a_file_opens_and_reads_nothing(path: Path) -> None:
    if name_of(path) != "migrations/env":  # alembic runs it; nobody imports it
        assert statements_at_import(parse(path)) == []


def test_only_the_composition_root_builds() -> None:
    """Nothing but app.py and the command line makes a Database; the engines themselves are in portal/db."""
    making = re.compile(r"(?<![\w.])(?:Database|Sqlite|Postgres|open_database)\(")
    makers = [name_of(path) for path in FILES if making.search(path.read_text())]

    assert [each for each in makers if not each.startswith("db/")] == []


def test_the_sandbox_is_no_part_of_the_service() -> None:
    for path in {*(HOME / "commands").rglob("*.py")} - {HOME / "commands" / "root.py"}:
        assert not any(each.split(".", 1)[0] == "sandbox" for each in imports(parse(path))), path.name
    for path in (*HOME.glob("*.py"), HOME / "commands" / "root.py"):
        top = [node for node in parse(path).body if isinstance(node, ast.Import | ast.ImportFrom)]
        assert not any(each.split(".", 1)[0] == "sandbox" for node in top for each in imports(node)), path.name


def test_what_benchmarks_start_is_there() -> None:
    started = {
        found.groups()
        for path in (HOME / "benchmarks").rglob("*.py")
        for found in re.finditer(r"import (\w+); \1\.(\w+)\(\)", path.read_text())
    }
    assert started
    assert all(callable(getattr(import_module(module), name)) for module, name in started)


def test_files_stay_small(capsys: pytest.CaptureFixture[str]) -> None:
    sizes = sorted(((len(path.read_text().splitlines()), name_of(path)) for path in FILES), reverse=True)
    with capsys.disabled():
        print(f"\n{len(sizes)} files, {sum(n for n, _ in sizes)} lines; the longest: ", end="")
        print(", ".join(f"{name} {n}" for n, name in sizes[:5]))

    assert [name for n, name in sizes if n > TALL] == []


# --- that the rules above would notice ---


def test_the_rules_notice_what_breaks_them() -> None:
    planted = ast.parse(
        "import asyncio, sqlite3, httpx\n"
        "from datetime import datetime\n"
        "from portal.pages import routes\n"
        "from portal import mikrotik\n"
        "import librouteros\n"
        "async def f():\n"
        "    datetime.now()\n"
        "    await asyncio.sleep(1)\n"
        "    x = 'SELECT id FROM payments'\n"
        "connection = connect('x')\n"
    )

    assert forbidden_imports("payments/settle", planted) == ["mikrotik", "pages"]
    assert forbidden_libraries("payments/settle", planted) == ["httpx", "librouteros", "sqlite3"]
    assert sql_in(planted) == ["SELECT id FROM payments"]
    assert sorted(clock_reads(planted)) == ["asyncio.sleep", "datetime.now"]
    assert statements_at_import(planted) == ["connect('x')"]


def test_the_rules_let_ordinary_things_pass() -> None:
    fine = ast.parse(
        '"""SELECT something in a docstring."""\n'
        "from portal.access import admission\n"
        "from portal.clock import Clock\n"
        "def f(clock: Clock) -> str:\n"
        "    return 'Select a plan'\n"
    )

    assert forbidden_imports("payments/settle", fine) == []
    assert (sql_in(fine), clock_reads(fine), forbidden_libraries("payments/settle", fine)) == ([], [], [])
