"""The hotspot itself: hosts, logins, sessions and their ends, as facts/mikrotik.md section 3 tells them.

Nothing here waits. A session that reaches its end is closed the next time anyone looks, with the end's
own moment, so that a late look neither gives nor takes time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from portal.clock import SECOND, Clock, Moment
from sandbox.routeros import refusals, shown
from sandbox.routeros.cookies import Cookies
from sandbox.routeros.faults import Faults
from sandbox.routeros.radius import Chap, Grant, Proof, in_progress, mac_name, proves, refusal_of
from sandbox.routeros.sessions import (
    NEVER,
    Counters,
    Host,
    Session,
    Usage,
    bytes_over,
    limits_of,
    state_of,
    usage_of,
)
from sandbox.routeros.tables import Change, Row, Table
from sandbox.routeros.values import (
    NO_MAC,
    clean_mac,
    in_addresses,
    looks_like_mac,
    parse_span,
    queue_refusal,
)

Log = Callable[[str, str], None]
Later = Callable[[Host, str, Proof, str, Callable[[], None]], None]
# Logging out in these ways forgets the mac-cookie (facts/mikrotik.md 3.4).
_FORGETTING = frozenset({"user request", "admin reset", "traffic limit reached", "session timeout", "uptime limit"})


class Hotspot:
    """Who is there, who is in, and for how long."""

    def __init__(self, clock: Clock, tables: Mapping[str, Table], faults: Faults, log: Log) -> None:
        self.clock, self.tables, self.faults, self.log = clock, tables, faults, log
        self.users = tables["/ip/hotspot/user"]
        self.profiles = tables["/ip/hotspot/user/profile"]
        self.actives = tables["/ip/hotspot/active"]
        self.host_rows = tables["/ip/hotspot/host"]
        self.bindings = tables["/ip/hotspot/ip-binding"]
        self.cookies = Cookies(clock, tables["/ip/hotspot/cookie"])
        self.hosts: dict[str, Host] = {}  # by translated address
        self.sessions: dict[str, Session] = {}  # by translated address
        self._by_mac: dict[str, dict[str, Host]] = {}
        self._by_user: dict[str, dict[str, Session]] = {}
        self._due: Moment = NEVER  # no session ends before this
        self._hosts_due: Moment = NEVER
        self.began: list[Callable[[Session], None]] = []
        self.ended: list[Callable[[Session, str, Moment], None]] = []
        self.later: Later | None = None  # asks RADIUS where nobody waits for the answer
        self.users.live = shown.user_words
        self.users.after.append(self._user_changed)
        self.actives.live = lambda row: shown.active_words(row, clock.now())
        self.host_rows.live = lambda row: shown.host_words(row, clock.now(), self.binding)
        tables["/ip/hotspot"].after.append(self._server_changed)

    # -- the server ----------------------------------------------------------------------------

    def server(self) -> Row | None:
        """The hotspot server that runs, if one does."""
        if not (self.faults.hotspot_package and self.faults.device_mode_hotspot):
            return None
        return next((row for row in self.tables["/ip/hotspot"].rows.values() if row["disabled"] == "false"), None)

    def profile(self) -> Row | None:
        server = self.server()
        rows = self.tables["/ip/hotspot/profile"].find(name=server["profile"]) if server else []
        return rows[0] if rows else None

    def login_by(self) -> set[str]:
        profile = self.profile()
        return set(profile["login-by"].split(",")) if profile else set()

    # -- hosts ---------------------------------------------------------------------------------

    def host_seen(self, mac: str, address: str, to_address: str | None = None) -> None:
        """A packet from a device. A new host may be let in at once by its mac-cookie or its MAC."""
        server = self.server()
        if server is None:
            return
        mac, now = clean_mac(mac), self.clock.now()
        self.tick()
        translated = to_address or address
        host = self.hosts.get(translated)
        if host is not None and host.mac != mac:
            self._drop_host(host, "keepalive timeout")
            host = None
        if host is not None:
            host.traffic_at, host.gone_at = now, None
            return
        host = self._new_host(server, mac, address, translated, now)
        self._let_in_by_itself(host)

    def host_gone(self, mac: str) -> None:
        """The device left the radio; the router notices by keepalive or idleness only."""
        now = self.clock.now()
        for host in self._by_mac.get(clean_mac(mac), {}).values():
            host.gone_at = host.gone_at or now
            self._expect(host)

    def count(self, mac: str, address: str, up: int, down: int) -> None:
        """Bytes flowed between an authorised device and the internet."""
        host = self.host(address, clean_mac(mac))
        if host is None:
            return
        self._enforce(host)
        host.traffic_at = self.clock.now()
        host.counters.add(up, down)
        if host.session:
            host.session.counters.add(up, down)
            if host.session.bytes_are_used_up():
                self.end(host.session, "traffic limit reached")

    def host(self, address: str, mac: str | None = None) -> Host | None:
        """The host with this address, before or after translation, and this MAC if one is named."""
        host = self.hosts.get(address)
        if host is None:
            own = self.host_rows.find(address=address)
            host = state_of(own[0], Host) if own else None
        return host if host is not None and mac in (None, host.mac) else None

    def session(self, mac: str, address: str) -> Session | None:
        """The device's running session, if its end has not come."""
        host = self.host(address, mac)
        if host is None:
            return None
        self._enforce(host)
        return host.session

    def binding(self, mac: str, address: str | None = None) -> str:
        """`regular`, `bypassed` or `blocked`: the first ip-binding that fits."""
        for row in self.bindings.rows.values():
            if row["disabled"] == "true" or row.get("mac-address", mac) not in (mac, NO_MAC):
                continue
            wanted = row.get("address", "")
            if wanted in ("", "0.0.0.0") or (address and in_addresses(address, wanted)):
                return row["type"]
        return "regular"

    # -- in and out ----------------------------------------------------------------------------

    def login(self, ip: str, user: str, password: Proof, mac: str | None, by: str) -> None:
        """Let a host in, or raise LoginRefused. Of a user that is not known here RADIUS must have been asked."""
        self.tick()
        host = self.hosts.get(ip)
        try:
            if host is None or self.binding(host.mac, ip) == "blocked":
                raise refusals.unknown_host(ip)
            if mac is not None and clean_mac(mac) != host.mac:
                raise refusals.wrong_mac()
            if ip in self.faults.login_traps:
                raise refusals.LoginRefused(self.faults.login_traps[ip], key="internal-error")
            if host.session is not None and not self._is_new_login(host.session):
                return
            grant = self._granted(host, user) if self.asks_radius(user, host) else None
            row = None if grant else self._user(host, user, password)
            profile = self._admit(row) if row else self._admit_granted(grant or Grant(user=user, session="", port=0))
        except refusals.LoginRefused as refused:
            self.log("hotspot,info,debug", f"{user} ({ip}): login failed: {refused.page}")
            raise
        self._begin(host, row, profile, by, password, grant)

    def asks_radius(self, user: str, host: Host) -> bool:
        """Local users come first; RADIUS is asked only about names that no local user has."""
        profile = self.profile()
        if profile is None or profile["use-radius"] != "true" or self._users(user, host):
            return False
        return not (looks_like_mac(user) and clean_mac(user) != host.mac)

    def obey(self, session: Session) -> None:
        """The grant of a running session has changed: it ends if what is left is nothing."""
        if session.grant is None:
            return
        session.profile |= session.grant.profile
        session.limits = session.grant.all_limits()
        if session.bytes_are_used_up():
            self.end(session, "traffic limit reached")
        elif session.left_ms(self.clock.now()) == 0:
            self.end(session, "session timeout")
        self._expect(session.host)

    def logout(self, ip: str, cause: str) -> None:
        host = self.host(ip)
        if host and host.session:
            self.end(host.session, cause)

    def end(self, session: Session, cause: str, at: Moment | None = None) -> None:
        """Close a session: its use goes to the user, its cookie lives or dies by the cause."""
        host, now = session.host, self.clock.now() if at is None else at
        host.session = None
        del self.sessions[host.to_address]
        mine = self._by_user[session.user]
        del mine[session.row]
        if not mine:
            del self._by_user[session.user]
        for hear in self.ended:
            hear(session, cause, now)
        self._credit(session, now - session.started)
        if cause in _FORGETTING:
            self.cookies.forget(host.mac)
        else:
            self.cookies.refresh(host.mac)
        self.actives.remove(session.row, dynamic=True)
        self._expect(host)
        self.log("hotspot,account,info,debug", f"{session.user} ({host.to_address}): logged out: {cause}")

    def tick(self) -> None:
        """Close what has reached its end; forget idle hosts."""
        now = self.clock.now()
        if now >= self._due:
            for session in list(self.sessions.values()):
                self._enforce(session.host)
            self._due = min((self._end(s)[0] for s in self.sessions.values()), default=NEVER)
        if now >= self._hosts_due:
            for host in list(self.hosts.values()):
                self._forget_idle(host, now)
            self._hosts_due = min(map(self._host_end, self.hosts.values()), default=NEVER)

    def power_cut(self) -> None:
        """Active and host tables are gone, and with them the running sessions' use (facts 3.4)."""
        period = self.faults.save_uptime_every_s
        for session in self.sessions.values():
            ran = self.clock.now() - session.started
            if period:
                self._credit(session, ran - ran % (period * SECOND))
        for memory in (self.hosts, self.sessions, self._by_mac, self._by_user):
            memory.clear()
        self.actives.clear()
        self.host_rows.clear()
        self._due = self._hosts_due = NEVER
        if not self.faults.cookies_survive_reboot:
            self.cookies.clear()

    def remove_host(self, host: Host) -> None:
        self._drop_host(host, "admin reset")

    def reset_counters(self, rows: list[Row]) -> None:
        for row in rows:
            row.state = Usage()

    # -- login, step by step -------------------------------------------------------------------

    def _is_new_login(self, session: Session) -> bool:
        if self.faults.login_while_active == "trap":
            raise refusals.already_in()
        if self.faults.login_while_active == "ok":
            return False
        self.end(session, "admin reset")
        return True

    def _granted(self, host: Host, user: str) -> Grant:
        """What RADIUS has just said of this user at this host."""
        (about, verdict), host.verdict = host.verdict or ("", refusal_of(None)), None
        if about not in ("", user):
            raise in_progress()
        if not isinstance(verdict, Grant):
            raise verdict
        return verdict

    def _users(self, user: str, host: Host) -> list[Row]:
        return [row for row in self.users.find(name=user) if row["server"] in ("all", host.server)]

    def _user(self, host: Host, user: str, password: Proof) -> Row:
        """The user's row, if name, password and MAC agree."""
        if looks_like_mac(user) and clean_mac(user) != host.mac:
            raise refusals.not_your_name(user)
        row = next((row for row in self._users(user, host) if row["disabled"] == "false"), None)
        if row is None or not proves(password, row.get("password", "")):
            raise refusals.bad_password()
        if row["mac-address"] not in (NO_MAC, host.mac):
            raise refusals.not_your_mac(user)
        return row

    def _admit(self, row: Row) -> Row:
        """The profile, if limits, number of sessions, licence and queue allow one more session."""
        used, limits = usage_of(row), limits_of(row)
        limit = parse_span(limits["limit-uptime"]) * SECOND
        if 0 < limit <= used.uptime_ms:
            raise refusals.uptime_used_up(row["name"])
        if bytes_over(limits, used.counters):
            raise refusals.bytes_used_up(row["name"])
        profile = (self.profiles.find(name=row["profile"]) or self.profiles.find(name="default"))[0]
        self._has_room(row["name"], profile)
        return profile

    def _admit_granted(self, grant: Grant) -> Row:
        """The profile that RADIUS named, with what it set."""
        profile = Row((self.profiles.find(name=grant.group) or self.profiles.find(name="default"))[0] | grant.profile)
        self._has_room(grant.user, profile)
        return profile

    def _has_room(self, user: str, profile: Row) -> None:
        shared = profile["shared-users"]
        if shared != "unlimited" and len(self._by_user.get(user, {})) >= int(shared):
            raise refusals.too_many_sessions(user)
        if self.faults.license_sessions is not None and len(self.sessions) >= self.faults.license_sessions:
            raise refusals.licence_full(self.faults.license_sessions)
        if reason := queue_refusal(profile["rate-limit"]):
            raise refusals.no_queue(reason)

    def _begin(
        self, host: Host, row: Row | None, profile: Row, by: str, password: Proof, grant: Grant | None = None
    ) -> None:
        used, now = usage_of(row) if row else Usage(), self.clock.now()
        name = row["name"] if row else grant.user if grant else ""
        session = Session(
            host=host,
            user=name,
            user_row=row,
            profile=dict(profile),
            by=by,
            started=now,
            base=Usage(used.uptime_ms, Counters(used.counters.up, used.counters.down)),
            limits=limits_of(row) if row else grant.all_limits() if grant else {},
            grant=grant,
        )
        words = {"server": host.server, "user": name, "address": host.to_address, "mac-address": host.mac}
        words |= {"login-by": by, "radius": "true" if grant else "false"}
        for key in ("idle-timeout", "keepalive-timeout"):
            if profile[key] != "none":
                words[key] = profile[key]
        session.row = self.actives.add(words, state=session, dynamic=True)
        host.session = self.sessions[host.to_address] = session
        host.traffic_at = now
        self._by_user.setdefault(name, {})[session.row] = session
        self._expect(host)
        if "mac-cookie" in self.login_by() and profile["add-mac-cookie"] == "true" and self._is_alone(host):
            kept = row.get("password", "") if isinstance(password, Chap) and row else password
            if isinstance(kept, str):
                self.cookies.keep(host.mac, name, kept, parse_span(profile["mac-cookie-timeout"]))
        self.log("hotspot,info,debug", f"{name} ({host.to_address}): trying to log in by {by}")
        self.log("hotspot,account,info,debug", f"{name} ({host.to_address}): logged in")
        for hear in self.began:
            hear(session)

    def _let_in_by_itself(self, host: Host) -> None:
        ways = self.login_by()
        if not self._is_alone(host):
            self.cookies.forget(host.mac)  # two hosts with one MAC
        if cookie := self.cookies.of(host.mac) if "mac-cookie" in ways else None:
            self._try(host, cookie.user, cookie.password, "mac-cookie", lambda: self.cookies.forget(host.mac))
        if host.session is None and not host.asking and "mac" in ways:
            self._by_mac_alone(host)

    def _by_mac_alone(self, host: Host) -> None:
        """A device whose MAC is the user; if it may not, the login page follows."""
        profile = self.profile()
        if profile is None:
            return
        elsewhere = mac_name(host.mac, profile["radius-mac-format"])
        name = host.mac if self.users.find(name=host.mac) else elsewhere
        both = profile["mac-auth-mode"] == "mac-as-username-and-password"
        if self._users(name, host) or self.asks_radius(name, host):
            self._try(host, name, name if both else profile.get("mac-auth-password", ""), "mac", lambda: None)

    def _try(self, host: Host, user: str, password: str, by: str, failed: Callable[[], None]) -> None:
        """A login that the device did not ask for."""
        if self.asks_radius(user, host):
            if self.later is not None:
                self.later(host, user, password, by, failed)
            return
        try:
            self.login(host.to_address, user, password, None, by)
        except refusals.LoginRefused:
            failed()

    def _credit(self, session: Session, ran_ms: int) -> None:
        row = session.user_row
        if row is None or self.users.rows.get(row[".id"]) is not row:
            return  # removed meanwhile: a session outlives its user, its use does not
        used = usage_of(row)
        used.uptime_ms += ran_ms
        used.counters.add(session.counters.up, session.counters.down)

    # -- ends ----------------------------------------------------------------------------------

    def _end(self, session: Session) -> tuple[Moment, str]:
        return session.end(session.profile.get("keepalive-timeout", "none"))

    def _enforce(self, host: Host) -> None:
        if host.session is None:
            return
        moment, cause = self._end(host.session)
        if moment <= self.clock.now():
            self.end(host.session, cause, at=moment)
            if cause == "keepalive timeout":
                self._drop_host(host, cause)

    def _expect(self, host: Host) -> None:
        if host.session is not None:
            self._due = min(self._due, self._end(host.session)[0])
        else:
            self._hosts_due = min(self._hosts_due, self._host_end(host))

    def _host_end(self, host: Host) -> Moment:
        """When an unauthorised host is forgotten: the server's idle-timeout and keepalive-timeout."""
        if host.session is not None:
            return self._end(host.session)[0]
        rows = self.tables["/ip/hotspot"].find(name=host.server)
        server: Mapping[str, str] = rows[0] if rows else {}
        idle = Session._after(server.get("idle-timeout", "none"), host.traffic_at)
        return min(idle, Session._after(server.get("keepalive-timeout", "none"), host.gone_at))

    def _forget_idle(self, host: Host, now: Moment) -> None:
        if host.session is None and self._host_end(host) <= now:
            self._drop_host(host, "idle timeout")

    # -- the host table ------------------------------------------------------------------------

    def _new_host(self, server: Row, mac: str, address: str, translated: str, now: Moment) -> Host:
        mine = self._by_mac.setdefault(mac, {})
        most = server["addresses-per-mac"]
        while most != "unlimited" and len(mine) >= int(most):
            self._drop_host(next(iter(mine.values())), "keepalive timeout")
            mine = self._by_mac.setdefault(mac, {})
        host = Host(mac=mac, address=address, to_address=translated, server=server["name"], seen_at=now, traffic_at=now)
        words = {"mac-address": mac, "address": address, "to-address": translated, "server": server["name"]}
        words |= {"bridge-port": "ether2", "found-by": "TCP -> :80"}
        if mac in self.faults.host_comments:
            words["comment"] = self.faults.host_comments[mac]
        host.row = self.host_rows.add(words, state=host, dynamic=True)
        self.hosts[translated] = mine[translated] = host
        self._expect(host)
        return host

    def _drop_host(self, host: Host, cause: str) -> None:
        if host.session:
            self.end(host.session, cause)
        if self.hosts.pop(host.to_address, None) is None:
            return
        mine = self._by_mac[host.mac]
        del mine[host.to_address]
        if not mine:
            del self._by_mac[host.mac]
        self.host_rows.remove(host.row, dynamic=True)

    def _is_alone(self, host: Host) -> bool:
        return len(self._by_mac.get(host.mac, {})) == 1

    # -- when other rows change ----------------------------------------------------------------

    def _user_changed(self, change: Change, row: Row) -> None:
        if change == "add" and not isinstance(row.state, Usage):
            row.state = Usage()
        if change != "set" or not self.faults.limits_reach_running_session:
            return
        for session in [each for each in self._by_user.get(row["name"], {}).values() if each.grant is None]:
            session.limits = limits_of(row)
            if session.bytes_are_used_up():
                self.end(session, "traffic limit reached")
            elif session.left_ms(self.clock.now()) == 0:
                self.end(session, "uptime limit")  # now, not at the moment that has become past
            self._expect(session.host)

    def _server_changed(self, change: Change, row: Row) -> None:
        """A server that is disabled or removed takes its hosts with it."""
        if change == "remove" or (change == "set" and row["disabled"] == "true"):
            for host in [host for host in self.hosts.values() if host.server == row["name"]]:
                self._drop_host(host, "hotspot service is shutting down")
