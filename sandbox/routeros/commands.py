"""One sentence of a logged-in client against the router: words in, reply sentences out. No sockets.

Replies are built without tags; the connection adds them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from sandbox.routeros import system
from sandbox.routeros.columns import Trap
from sandbox.routeros.device import SandboxRouter
from sandbox.routeros.query import any_of, equalities, matches
from sandbox.routeros.refusals import LoginRefused
from sandbox.routeros.sessions import Host, Session
from sandbox.routeros.tables import Props, Row, Table
from sandbox.routeros.values import clean_address, looks_like_mac

Sentence = list[str]
DONE: Sentence = ["!done"]
_PRINT_OPTIONS = frozenset(
    {".proplist", "detail", "stats", "count-only", "follow", "follow-only", "interval", "from", "once", "terse",
     "without-paging", "value-list", "brief", "where", "as-value", "show-ids"}
)  # fmt: skip
_WRITTEN = frozenset({".id", "name", "mac-address", "user"})  # never computed by print


@dataclass(frozen=True, slots=True)
class Request:
    """A parsed command sentence."""

    command: str
    given: Props = field(default_factory=dict)
    queries: list[str] = field(default_factory=list)
    tag: str = ""

    @property
    def menu(self) -> str:
        return self.command.rsplit("/", 1)[0]

    @property
    def verb(self) -> str:
        return self.command.rsplit("/", 1)[1]


def parse(words: Sentence) -> Request:
    """Attributes split at their second `=` only; the tag may stand anywhere (facts 1.2)."""
    given: Props = {}
    queries, tag = [], ""
    for word in words[1:]:
        if word.startswith("="):
            name, _, value = word[1:].partition("=")
            given[name] = value
        elif word.startswith("?"):
            queries.append(word)
        elif word.startswith(".tag="):
            tag = word[5:]
    command = words[0] if words[0].startswith("/") else f"/{words[0]}"
    return Request(command.replace(" ", "/").rstrip("/"), given, queries, tag)


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Who speaks: the API user and what the group allows."""

    name: str
    policies: frozenset[str]

    def need(self, policy: str) -> None:
        if policy not in self.policies:
            raise Trap("not enough permissions (9)")


def traps(trap: Trap) -> Iterable[Sentence]:
    """The `!trap` sentences; the category comes before the message (facts 1.7)."""
    for part in (trap, *trap.also):
        category = [] if part.category is None else [f"=category={part.category}"]
        yield ["!trap", *category, f"=message={part.message}"]


def run(router: SandboxRouter, account: Account, request: Request) -> list[Sentence]:
    """The whole reply."""
    try:
        return _answer(router, account, request)
    except Trap as trap:
        return [*traps(trap), DONE]
    except LoginRefused as refused:
        return [*traps(Trap(refused.text, router.faults.hotspot_trap_category)), DONE]


def _answer(router: SandboxRouter, account: Account, request: Request) -> list[Sentence]:
    special = _SPECIAL.get(request.command)
    if special is not None:
        policy, act = special
        if request.command.startswith("/ip/hotspot"):
            router.table(request.menu)
        account.need(policy)
        return act(router, request)
    if request.command == "/system/reboot":
        account.need("reboot")
        router.reboot()
        return [DONE]
    table = router.table(request.menu)
    verb = _VERBS.get(request.verb)
    if verb is None:
        raise Trap("no such command", 0)
    policy, run_verb = verb
    account.need(policy)
    if policy == "write" and request.menu.startswith("/user"):
        account.need("policy")
    return run_verb(router, account, table, request)


# -- print -------------------------------------------------------------------------------------


def _print(router: SandboxRouter, account: Account, table: Table, request: Request) -> list[Sentence]:
    for option in request.given:
        if option not in _PRINT_OPTIONS and option != ".id":
            raise _unknown(router, option)
    found = select(table, request, secrets="sensitive" in account.policies)
    if "count-only" in request.given:
        return [["!done", f"=ret={len(found)}"]]
    rows = [["!re", *(f"={name}={value}" for name, value in row.items())] for row in found]
    if not rows and router.version >= (7, 18):
        return [["!empty"], DONE]  # facts 1.2
    return [*rows, DONE]


def select(table: Table, request: Request, *, secrets: bool) -> list[Mapping[str, str]]:
    """The rows asked for, with the properties asked for."""
    queries, proplist = request.queries, request.given.get(".proplist")
    candidates: Iterable[Row] = _candidates(table, queries)
    if idents := request.given.get("from", request.given.get(".id")):
        candidates = [table.row(ident) for ident in idents.split(",")]
    views = (table.view(row, secrets=secrets) for row in candidates)
    if table.rows and "" in table.rows:
        views = ({name: value for name, value in view.items() if name != ".id"} for view in views)
    found = [view for view in views if not queries or matches(queries, view)]
    if proplist is None:
        return list(found)
    names = proplist.split(",")
    return [{name: view[name] for name in names if name in view} for view in found]


def _candidates(table: Table, queries: list[str]) -> Iterable[Row]:
    """Rows that may pass, by their stored text; what print computes cannot be looked up in a row."""
    hint = any_of(queries)
    if hint is not None and hint[0] in _WRITTEN:
        name, values = hint
        return [row for row in table.rows.values() if row.get(name) in values]
    return table.candidates({name: value for name, value in equalities(queries).items() if _stored(table, name)})


def _stored(table: Table, name: str) -> bool:
    return name in table.columns or name == ".id"


def _unknown(router: SandboxRouter, name: str) -> Trap:
    """Version 7 appends the name (facts 1.7)."""
    return Trap(f"unknown parameter {name}" if router.version >= (7,) else "unknown parameter")


# -- changes -----------------------------------------------------------------------------------


def _add(router: SandboxRouter, account: Account, table: Table, request: Request) -> list[Sentence]:
    ident = table.add(_known(router, table, request.given))
    return [DONE if router.faults.add_without_ret else ["!done", f"=ret={ident}"]]


def _set(router: SandboxRouter, account: Account, table: Table, request: Request) -> list[Sentence]:
    given = dict(request.given)
    idents = [""] if "" in table.rows else _idents(router, given)
    given = _known(router, table, given)
    for row in [table.row(ident) for ident in idents]:
        table.set(row[".id"] if row.get(".id") else "", given)
    return [DONE]


def _unset(router: SandboxRouter, account: Account, table: Table, request: Request) -> list[Sentence]:
    given = dict(request.given)
    for ident in _idents(router, given):
        table.unset(ident, given.get("value-name", ""))
    return [DONE]


def _able(disabled: str) -> Callable[[SandboxRouter, Account, Table, Request], list[Sentence]]:
    def act(router: SandboxRouter, account: Account, table: Table, request: Request) -> list[Sentence]:
        if "disabled" not in table.columns:
            raise Trap("no such command", 0)
        for ident in _idents(router, dict(request.given)):
            table.set(ident, {"disabled": disabled})
        return [DONE]

    return act


def _remove(router: SandboxRouter, account: Account, table: Table, request: Request) -> list[Sentence]:
    rows = [table.row(ident) for ident in _idents(router, dict(request.given))]
    for row in rows:
        if isinstance(row.state, Session):
            router.hotspot.end(row.state, "admin reset")
        elif isinstance(row.state, Host):
            router.hotspot.remove_host(row.state)
        else:
            table.remove(row[".id"], dynamic=table.path == "/ip/hotspot/cookie")
    return [DONE]


def _find(router: SandboxRouter, account: Account, table: Table, request: Request) -> list[Sentence]:
    rows = select(table, request, secrets=True)
    return [["!done", "=ret=" + ";".join(row[".id"] for row in rows)]]


def _move(router: SandboxRouter, account: Account, table: Table, request: Request) -> list[Sentence]:
    given = dict(request.given)
    table.move(_idents(router, given), given.get("destination"))
    return [DONE]


def _reset_counters(router: SandboxRouter, account: Account, table: Table, request: Request) -> list[Sentence]:
    everyone = request.verb.endswith("-all")
    rows = list(table.rows.values())
    if not everyone:
        rows = [table.row(ident) for ident in _idents(router, dict(request.given))]
    if table.path == "/ip/hotspot/user":
        router.hotspot.reset_counters(rows)
    for row in rows:
        if "hits" in row:
            row["hits"] = "0"
    return [DONE]


def _idents(router: SandboxRouter, given: Props) -> list[str]:
    """The comma list in `.id` or `numbers`; both are taken out."""
    text = given.pop("numbers", None)
    text = given.pop(".id", text)
    if text is None:
        raise Trap("missing =.id=", 1)
    if not text and not router.faults.empty_ids_are_fine:
        raise Trap("no such item", 0)
    return [ident for ident in text.split(",") if ident]


def _known(router: SandboxRouter, table: Table, given: Props) -> Props:
    """Refuse names that this version does not know."""
    for name in given:
        if name == "https-redirect" and table.path == "/ip/hotspot/profile" and router.version < (7, 5):
            continue  # removed in 7.5 (facts 3.2)
        if name != "place-before" and (name not in table.columns or table.columns[name].read_only):
            raise _unknown(router, name)
    return {name: value for name, value in given.items() if name != "https-redirect"}


# -- commands that are no table ----------------------------------------------------------------

_LOGIN_ARGUMENTS = frozenset({"ip", "mac-address", "user", "password", "domain"})


def _hotspot_login(router: SandboxRouter, request: Request) -> list[Sentence]:
    given = request.given
    for name in given:
        if name not in _LOGIN_ARGUMENTS:
            raise _unknown(router, name)
    address, mac = given.get("ip", ""), given.get("mac-address")
    if mac is not None and not looks_like_mac(mac):
        raise Trap("invalid value of mac-address, mac address required", 1)
    try:
        address = clean_address(address) if address else "0.0.0.0"
    except ValueError:
        raise Trap("invalid value for argument ip", 1) from None
    user, password, host = given.get("user", ""), given.get("password", ""), router.hotspot.hosts.get(address)
    if host and router.radius is not None and router.hotspot.asks_radius(user, host):
        router.radius.later(host, user, password, "http-pap", lambda: None)  # the answer comes after this one
        return [DONE]
    router.hotspot.login(address, user, password, mac, "http-pap")
    return [DONE]


def _radius_monitor(router: SandboxRouter, request: Request) -> list[Sentence]:
    """Counters of each server named, once."""
    rows = [router.table("/radius").row(ident) for ident in _idents(router, {**request.given})]
    counts = [router.radius.monitor(row).counts for row in rows] if router.radius is not None else []
    return [*(["!re", *(f"={name}={count}" for name, count in each.items())] for each in counts), DONE]


def _incoming_monitor(router: SandboxRouter, request: Request) -> list[Sentence]:
    counts = router.radius.incoming if router.radius is not None else {}
    return [["!re", *(f"={name}={count}" for name, count in counts.items())], DONE]


def _make_binding(router: SandboxRouter, request: Request) -> list[Sentence]:
    given = dict(request.given)
    bindings = router.table("/ip/hotspot/ip-binding")
    for ident in _idents(router, given):
        host = router.table("/ip/hotspot/host").row(ident)
        words = {name: host[name] for name in ("mac-address", "address", "to-address")}
        bindings.add({**words, **{name: given[name] for name in ("type", "comment") if name in given}})
    return [DONE]


def _sign(router: SandboxRouter, request: Request) -> list[Sentence]:
    given = dict(request.given)
    for ident in _idents(router, given):
        system.sign_certificate(router, router.table("/certificate").row(ident), given)
    return [DONE]


Verb = Callable[[SandboxRouter, Account, Table, Request], list[Sentence]]
_VERBS: dict[str, tuple[str, Verb]] = {
    "print": ("read", _print),
    "getall": ("read", _print),
    "find": ("read", _find),
    "add": ("write", _add),
    "set": ("write", _set),
    "unset": ("write", _unset),
    "remove": ("write", _remove),
    "enable": ("write", _able("false")),
    "disable": ("write", _able("true")),
    "move": ("write", _move),
    "reset-counters": ("write", _reset_counters),
    "reset-counters-all": ("write", _reset_counters),
}
_SPECIAL: dict[str, tuple[str, Callable[[SandboxRouter, Request], list[Sentence]]]] = {
    "/ip/hotspot/active/login": ("write", _hotspot_login),
    "/ip/hotspot/host/make-binding": ("write", _make_binding),
    "/certificate/sign": ("write", _sign),
    "/radius/monitor": ("read", _radius_monitor),
    "/radius/incoming/monitor": ("read", _incoming_monitor),
}
