"""The switches of the sandbox router: what can go wrong, and what nobody has settled.

Everything may be changed while the router runs. Where the facts are known the default is the known
behaviour; where they are not, the default is the harsher guess and the road must pass both ways.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal


@dataclass(kw_only=True, slots=True)
class RadiusFaults:
    """What can go wrong between a router and its RADIUS server, and what nobody has settled."""

    loss: float = 0  # share of the packets that are lost, on either way
    doubled: float = 0  # share of the requests that arrive twice
    late_ms: float = 0  # answers take so much longer, in real time
    attempts: int = 3  # how often a request is sent before the router gives up
    anew: bool = False  # a repeat is a new packet with a higher Acct-Delay-Time, not the same one again
    wrong_secret: bool = False
    no_message_auth: bool = False  # Access-Requests carry no Message-Authenticator, as from old versions
    lost_stops: bool = False  # no Stop ever arrives
    silent_reboot: bool = False  # a reboot that was asked for tells nobody, as a power cut does
    ids_restart: bool = False  # the count of boots is not kept, so session ids come again
    swapped: bool = False  # Acct-Input is what went to the client


@dataclass(kw_only=True, slots=True)
class Faults:
    """Faults of one router."""

    # -- the line and the processor ------------------------------------------------------------
    latency_ms: float = 0  # round trip: half before a command is seen, half before its reply arrives
    service_ms: float = 0  # the router's own time per request, over all connections
    knee_after: int | None = None  # after so many requests in a row (120-220 seen) ...
    knee_ms: float = 20  # ... each takes this long ...
    knee_rest_s: float = 1.0  # ... until nothing was asked for this long
    half_open: bool = False  # connections are accepted and nothing is ever said
    refuse: Literal["", "close", "rst"] = ""  # what a new connection gets instead of service
    cut_after_bytes: int | None = None  # cut the connection after so many more bytes of replies
    cut_with_rst: bool = False
    silent_after_bytes: int | None = None  # a connection says nothing after so many bytes of replies
    stall_command: str | None = None  # the next command that begins so is answered late (once) ...
    stall_ms: float | None = None  # ... by this much, or never
    fatal_next: str | None = None  # the next command gets !fatal with this reason
    max_sessions_answer: Literal["close", "fatal", "silence"] = "close"

    # -- what is installed and allowed ---------------------------------------------------------
    hotspot_package: bool = True
    double_trap: bool = True  # two !trap sentences for a menu that is not there
    device_mode_hotspot: bool = True
    clock_1970: bool = False  # no battery, no NTP yet
    show_defaults: bool = False  # print properties that were never set
    add_without_ret: bool = False  # old versions answer `add` with a bare !done
    empty_ids_are_fine: bool = True  # `set` on an empty list of ids succeeds silently
    hotspot_trap_category: int | None = None  # category of the traps of active/login

    # -- hotspot -------------------------------------------------------------------------------
    limits_reach_running_session: bool = False  # a changed limit-uptime moves the running session's end
    login_while_active: Literal["ok", "trap", "replaces"] = "ok"
    login_traps: dict[str, str] = field(default_factory=dict)  # ip -> text active/login answers
    host_comments: dict[str, str] = field(default_factory=dict)  # mac -> comment of its host row, any bytes
    license_sessions: int | None = None  # most sessions the licence allows
    save_uptime_every_s: int | None = None  # what a power cut cannot take away
    cookies_survive_reboot: bool = True
    ids_change_on_reboot: bool = True

    radius: RadiusFaults = field(default_factory=RadiusFaults)
