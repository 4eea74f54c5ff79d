"""What the router says to RADIUS and makes of the answers, without any socket (facts/mikrotik.md section 6)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from portal.clock import SECOND, Moment
from sandbox.radius.packet import ZERO, Attributes, Packet, attributes_of, chap_answer, hide
from sandbox.radius.words import Value
from sandbox.routeros.refusals import LoginRefused
from sandbox.routeros.sessions import LIMITS, Host, Session
from sandbox.routeros.values import format_span

if TYPE_CHECKING:
    from sandbox.routeros.device import SandboxRouter

Kind = Literal["start", "interim", "stop", "on", "off"]
_STATUS: Mapping[Kind, int] = {"start": 1, "stop": 2, "interim": 3, "on": 7, "off": 8}
_CAUSES = {
    "user request": 1,
    "keepalive timeout": 2,
    "idle timeout": 4,
    "session timeout": 5,
    "uptime limit": 5,
    "admin reset": 6,
    "traffic limit reached": 10,
    "hotspot service is shutting down": 11,
    "reboot": 11,
}
_PORT_TYPES = {"ethernet": 15, "cable": 17, "wireless-802.11": 19}
_HOTSPOT = 0x80  # the service, in the first two digits of a session id


@dataclass(frozen=True, kw_only=True)
class Chap:
    """What a page with md5.js sends in place of a password."""

    ident: int
    challenge: bytes
    answer: bytes

    def fits(self, password: str) -> bool:
        return self.answer == chap_answer(self.ident, password, self.challenge)


Proof = str | Chap  # a password, or that one is known


def proves(given: Proof, password: str) -> bool:
    """Whether it is this password."""
    return given.fits(password) if isinstance(given, Chap) else given == password


@dataclass(kw_only=True, slots=True)
class Grant:
    """What an Access-Accept allows, and what accounting tells of the session again."""

    user: str
    session: str  # Acct-Session-Id
    port: int
    profile: dict[str, str] = field(default_factory=dict)  # properties of a user profile that it sets
    limits: dict[str, str] = field(default_factory=dict)
    marks: list[bytes] = field(default_factory=list)  # Class
    group: str = ""
    interim_s: int | None = None  # what the server wants

    def read(self, answer: Packet) -> Grant:
        """Take over what an Accept or a CoA says; what it does not name stays."""
        self.profile |= _profile_words(answer)
        self.limits |= _byte_limits(answer)
        self.marks = [v for name, v in answer.attributes if name == "Class" and isinstance(v, bytes)] or self.marks
        self.group = answer.text("Mikrotik-Group") or self.group
        interval = answer.number("Acct-Interim-Interval")
        self.interim_s = self.interim_s if interval is None else interval
        return self

    def all_limits(self) -> dict[str, str]:
        return {"limit-uptime": "0s", **dict.fromkeys(LIMITS[1:], "0"), **self.limits}


def _profile_words(answer: Packet) -> dict[str, str]:
    words = {}
    for name, key in (("Session-Timeout", "session-timeout"), ("Idle-Timeout", "idle-timeout")):
        if (seconds := answer.number(name)) is not None:
            words[key] = format_span(seconds)
    if (most := answer.number("Port-Limit")) is not None:
        words["shared-users"] = str(most)
    if rate := answer.text("Mikrotik-Rate-Limit"):
        words["rate-limit"] = rate
    return words


def _byte_limits(answer: Packet) -> dict[str, str]:
    limits = {}
    for name, key in (("Recv", "in"), ("Xmit", "out"), ("Total", "total")):
        low, high = (answer.number(f"Mikrotik-{name}-Limit{more}") for more in ("", "-Gigawords"))
        if low is not None or high is not None:
            limits[f"limit-bytes-{key}"] = str((low or 0) + ((high or 0) << 32))
    return limits


@dataclass(frozen=True, kw_only=True)
class Asking:
    """A login that RADIUS is asked about."""

    user: str
    proof: Proof
    by: str
    session: str
    port: int


def mac_name(mac: str, form: str) -> str:
    """`XX-XX-XX-XX-XX-XX` and the like, filled with the MAC's digits."""
    digits = iter(mac.replace(":", ""))
    return "".join(next(digits) if sign == "X" else sign for sign in form)


def access_words(router: SandboxRouter, host: Host, asking: Asking) -> Attributes:
    """An Access-Request without its password."""
    words = _of_guest(router, host, asking.user, asking.session, asking.port)
    mark: Attributes = [] if router.faults.radius.no_message_auth else [("Message-Authenticator", ZERO)]
    return [*mark, *words]


def with_proof(words: Attributes, proof: Proof, secret: bytes, authenticator: bytes) -> Attributes:
    """The same with User-Password, or with CHAP-Password and its challenge."""
    if isinstance(proof, Chap):
        chap = bytes((proof.ident,)) + proof.answer
        return [*words, ("CHAP-Challenge", proof.challenge), ("CHAP-Password", chap)]
    return [*words, ("User-Password", hide(proof, secret, authenticator))]


def _of_guest(router: SandboxRouter, host: Host, user: str, session: str, port: int) -> Attributes:
    profile = router.profile
    row = router.hotspot.host_rows.rows.get(host.row)
    words: dict[str, Value | None] = {
        "Service-Type": 1,
        "NAS-Port-Type": _PORT_TYPES[profile["nas-port-type"]],
        "Calling-Station-Id": mac_name(host.mac, profile["radius-mac-format"]),
        "Called-Station-Id": host.server,
        "NAS-Port-Id": row["bridge-port"] if row else None,
        "User-Name": user,
        "NAS-Port": port,
        "Acct-Session-Id": session,
        "Framed-IP-Address": host.to_address,
        "Mikrotik-Host-IP": host.address,
    }
    return attributes_of(words | _of_router(router))


def _of_router(router: SandboxRouter) -> dict[str, Value | None]:
    identity = router.tables["/system/identity"].row("")["name"]
    return {"NAS-Identifier": identity, "NAS-IP-Address": router.radius_source()}


def accounting_words(
    router: SandboxRouter, kind: Kind, session: Session | None, now: Moment, cause: str = ""
) -> Attributes:
    """An Accounting-Request, without its Acct-Delay-Time."""
    words: Attributes = attributes_of(_of_router(router))
    if session is not None and session.grant is not None:
        grant = session.grant
        words = _of_guest(router, session.host, session.user, grant.session, grant.port)
        words += [("Class", mark) for mark in grant.marks]
        words.append(("Acct-Authentic", 1))
    words += [("Event-Timestamp", router.own_time() // SECOND), ("Acct-Status-Type", _STATUS[kind])]
    if session is not None and kind != "start":
        words += _counters(session, now, swapped=router.faults.radius.swapped)
    if cause:
        words.append(("Acct-Terminate-Cause", _CAUSES.get(cause, 9)))
    return words


def _counters(session: Session, now: Moment, *, swapped: bool) -> Attributes:
    """Input is what came from the client, unless the switch says otherwise (facts 6: test per service)."""
    up, down = session.counters.up, session.counters.down
    first, second = (down, up) if swapped else (up, down)
    words: Attributes = [("Acct-Session-Time", max(0, now - session.started) // SECOND)]
    for name, count in (("Input", first), ("Output", second)):
        words += [
            (f"Acct-{name}-Octets", count & 0xFFFF_FFFF),
            (f"Acct-{name}-Gigawords", count >> 32),
            (f"Acct-{name}-Packets", -(-count // 1400)),
        ]
    return words


class Numbers:
    """Session ids: two digits of the service, the count of boots, the count of sessions since."""

    def __init__(self) -> None:
        self._boots, self._sessions = 1, 0

    def next(self) -> tuple[str, int]:
        """Of a further login: Acct-Session-Id and NAS-Port."""
        self._sessions += 1
        return f"{_HOTSPOT:02x}{self._boots & 0xFF:02x}{self._sessions & 0xFFFF:04x}", self._sessions

    def boot(self, *, restart: bool) -> None:
        """`restart`: the count of boots was not kept, and ids come again."""
        self._boots += 0 if restart else 1
        self._sessions = 0


def wanted_session(router: SandboxRouter, asked: Packet) -> Session | Literal["ignored"] | None:
    """The session that a Disconnect or CoA is about: it must say where, and at least two things of whom (facts 6)."""
    named = {name: asked.text(name) for name in _IDENTIFIERS if asked.get(name) is not None}
    if len(named) < 2:
        return "ignored"
    address = named.pop("Framed-IP-Address", "")
    session = router.hotspot.sessions.get(address)
    if session is None or session.grant is None:
        return None
    true = {
        "User-Name": session.user,
        "Acct-Session-Id": session.grant.session,
        "Calling-Station-Id": mac_name(session.host.mac, router.profile["radius-mac-format"]),
    }
    return session if all(true[name] == value for name, value in named.items()) else None


_IDENTIFIERS = ("User-Name", "Framed-IP-Address", "Acct-Session-Id", "Calling-Station-Id")


def refusal_of(answer: Packet | None) -> LoginRefused:
    """Why RADIUS did not let in: its own words, or the router's."""
    if answer is None:
        return LoginRefused("RADIUS server is not responding", key="radius-timeout")
    said = answer.text("Reply-Message")
    if not said:
        return LoginRefused("invalid username or password", key="invalid-username")
    return LoginRefused(said, key="radius-reply", detail=said)


def in_progress() -> LoginRefused:
    return LoginRefused("already authorizing, retry later", key="auth-in-progress")


def rows_of(rows: Iterable[Mapping[str, str]]) -> list[Mapping[str, str]]:
    """The servers in use for the hotspot, in their order."""
    return [row for row in rows if row["disabled"] == "false" and "hotspot" in row["service"].split(",")]
