"""What a router needs for Bando, step by step; `provisioning` puts the steps into one file.

Here: what is refused, and what Bando needs to reach the router and to trust its clock; `hotspot_steps` is for guests.
With `adopt` the hotspot server, its addresses and its users stay: it gets a profile of ours, and what is missing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from portal.mikrotik.script import Act, Raw, Row, Step, Words, block, missing, quote, refuse, when

if TYPE_CHECKING:
    from portal.mikrotik.provisioning import ScriptOptions

POLICIES = ("api", "read", "write", "test")
_OTHER_POLICIES = (
    *("local", "telnet", "ssh", "ftp", "reboot", "policy", "winbox", "password", "web", "sniff"),
    *("sensitive", "romon"),
)
FILTER, NAT = "/ip firewall filter", "/ip firewall nat"
SERVER, PROFILE = "/ip hotspot", "/ip hotspot profile"


def policy(version: int) -> str:
    """The API user's rights; `set` only adds, so every other policy is named with ``!`` (facts 8.2)."""
    others = (*_OTHER_POLICIES, "rest-api") if version == 7 else _OTHER_POLICIES
    return ",".join((*POLICIES, *(f"!{each}" for each in others)))


# -- before anything is changed -----------------------------------------------------------------


def guards(options: ScriptOptions) -> list[str]:
    """Refusals: another version, no hotspot allowed, no such interface, a hotspot that is not ours."""
    version = f"this script is for RouterOS {options.version}; choose the other version and import that script"
    first = refuse(f'[:pick [/system resource get version] 0 1] != "{options.version}"', version)
    return [first, _hotspot_allowed(options), *_interface_guards(options)]


def _hotspot_allowed(options: ScriptOptions) -> str:
    if options.version == 6:
        return refuse(
            '[:len [/system package find name="hotspot" disabled=no]] = 0',
            "the hotspot package is missing or disabled; enable it with: /system package enable hotspot, then reboot",
        )
    return block(
        ":local allowed true",
        # Version 7 before 7.17 has no such menu: read it only when run.
        ':do { :local look [:parse ":return [/system device-mode get hotspot]"]; :set allowed [$look] } on-error={}',
        refuse(
            '($allowed = false) || ($allowed = "no")',
            "device-mode forbids the hotspot; run /system device-mode update hotspot=yes fetch=yes,"
            " then press the reset button or cut the power within five minutes, and import again",
        ),
    )


def _interface_guards(options: ScriptOptions) -> list[str]:
    if options.adopt:
        where = {"interface": options.interface}
        nothing = f"there is no hotspot on {options.interface} to adopt; name another, or choose what is there"
        return [refuse(missing(SERVER, where), nothing)]
    kind = "bridge" if options.bridge else "interface"
    return [text for port in options.ports for text in _port_guards(options, port, kind)]


def _port_guards(options: ScriptOptions, port: str, kind: str) -> list[str]:
    menu, cli = "/interface bridge" if options.bridge else "/interface", "bando router script"
    foreign = f'[:len [{SERVER} find interface={quote(port)} name!="bando"]] > 0'
    leasing = f'[:len [/ip dhcp-server find interface={quote(port)} name!="bando"]] > 0'
    texts = [
        refuse(missing(menu, {"name": port}), f"there is no {kind} {port} on this router"),
        refuse(foreign, f"{port} has a hotspot already; to keep it, choose a hotspot that runs ({cli}: --adopt)"),
        refuse(leasing, f"{port} has a DHCP server already (from the factory's set-up?); remove it first"),
    ]
    if not options.bridge:
        member = f'[:len [/interface bridge port find interface={quote(port)} bridge!="bando"]] > 0'
        is_bridge = f"[:len [/interface bridge find name={quote(port)}]] > 0"
        texts.append(refuse(is_bridge, f"{port} is a bridge; choose a bridge ({cli}: --bridge)"))
        texts.append(
            refuse(member, f"{port} belongs to a bridge; choose that bridge ({cli}: --bridge), or take it out")
        )
    return texts


# -- Bando's side -------------------------------------------------------------------------------


def service_side(options: ScriptOptions) -> list[Step]:
    """Name, time, the API over TLS, its user, and the firewall that lets only Bando reach it."""
    api = _plain_api(options) if options.tunnel else _certificate(options)
    return [*basics(options), *api, *_account(options), *wan(options), *_firewall(options)]


def basics(options: ScriptOptions) -> list[Step]:
    """Its name and its time."""
    fresh: list[Step] = [] if options.adopt else [_identity(options), _time_zone(options)]
    return [*fresh, _ntp(options)]


def _identity(options: ScriptOptions) -> Act:
    return Act(what="the router's name", script=f"/system identity set name={quote(options.site)}")


def _time_zone(options: ScriptOptions) -> Act:
    text = f"/system clock set time-zone-autodetect=no time-zone-name={options.time_zone}"
    return Act(what="the time zone", script=text)


def _ntp(options: ScriptOptions) -> Act:
    """Servers by address: names need DNS, which may need the right time."""
    primary, secondary = (*options.ntp_servers, options.ntp_servers[0])[:2]
    words = f"servers={','.join(options.ntp_servers)}"
    if options.version == 6:
        words = f"primary-ntp={primary} secondary-ntp={secondary}"
    off = "[/system ntp client get enabled] != true"
    return Act(what="network time", script=when(off, f"/system ntp client set enabled=yes {words}"), unless=off)


def _certificate(options: ScriptOptions) -> list[Step]:
    """Signing returns before it is done (facts 8.2). Bando pins the certificate and does not look at its dates."""
    key, unsigned = {"name": "bando"}, '[:len [/certificate get [/certificate find name="bando"] fingerprint]] = 0'
    rest = {"common-name": "bando-router", "key-size": "2048", "days-valid": "7300"}
    usage = {"key-usage": "digital-signature,key-encipherment,tls-server"}
    wait = f":for i from=1 to=60 do={{ :if ({unsigned}) do={{ :delay 1s }} }}"
    service = '/ip service set [/ip service find name="api-ssl"] certificate="bando" disabled=no tls-version=only-1.2'
    off = '[/ip service get [/ip service find name="api-ssl"] certificate] != "bando"'
    steps: list[Step] = [
        Row(what="the API's certificate", menu="/certificate", key=key, rest={**rest, **usage}, renew=False),
        Act(
            what="the certificate's signature",
            script=when(unsigned, '/certificate sign [/certificate find name="bando"]', wait),
            unless=unsigned,
        ),
    ]
    if options.adopt:  # others may use the services of a router that works already
        bare = '[/ip service get [/ip service find name="api-ssl"] certificate]'
        keep = f'({bare} = "none") || ([:len {bare}] = 0)'
        on = '/ip service set [/ip service find name="api-ssl"] disabled=no'
        return [*steps, Act(what="the API over TLS", script=f"{when(keep, service)}\n{on}")]
    plain = '/ip service set [/ip service find name="api"] disabled=yes'
    return [
        *steps,
        Act(what="the API over TLS", script=f"{service} address={options.management}", unless=off),
        Act(
            what="no API without TLS",
            script=plain,
            unless='[/ip service get [/ip service find name="api"] disabled] != true',
        ),
    ]


def _plain_api(options: ScriptOptions) -> list[Step]:
    """The API without TLS, for the portal's address alone; on a router that works already others may use it, too."""
    service = '[/ip service find name="api"]'
    off = f"[/ip service get {service} disabled] = true"
    on = f"/ip service set {service} disabled=no address={options.management}"
    return [Act(what="the API inside of the tunnel", script=when(off, on) if options.adopt else on, unless=off)]


def _account(options: ScriptOptions) -> list[Step]:
    group = {"policy": policy(options.version)}
    user: Words = {"group": "bando", "password": Raw(quote(options.api_password)), "address": options.management}
    return [
        Row(what="the group of the API user", menu="/user group", key={"name": "bando"}, rest=group),
        Row(
            what="the API user",
            menu="/user",
            key={"name": options.api_user},
            rest={**user, "comment": "bando: the portal"},
        ),
    ]


def wan(options: ScriptOptions) -> list[Step]:
    """The list of interfaces to the internet, as the factory's set-up calls it."""
    if options.adopt:
        return []
    member = f"/interface list member add list=WAN interface={quote(options.wan)} comment={quote('bando: internet')}"
    none = missing("/interface list member", {"list": "WAN"})
    return [
        Row(what="the list WAN", menu="/interface list", key={"name": "WAN"}),
        Act(what="an interface in the list WAN", script=when(none, member), unless=none),
    ]


def _firewall(options: ScriptOptions) -> list[Step]:
    """The way in for Bando stands before whatever drops; from the internet nobody else reaches DNS and API."""
    port = "8728" if options.tunnel else "8729"
    api = {"src-address": options.management, "protocol": "tcp", "dst-port": port, "action": "accept"}
    drops = {"chain": "input", "action": "drop", "dynamic": "no"}
    return [rule("the portal may use the API", "input", api, before=drops), *network_drops(options)]


def network_drops(options: ScriptOptions) -> list[Step]:
    """From the internet nobody reaches DNS and API."""
    steps: list[Step] = []
    if options.adopt:
        return steps
    wan = {"in-interface-list": "WAN", "action": "drop"}
    for what, protocol, ports in (
        ("no DNS for the internet (UDP)", "udp", "53"),
        ("no DNS for the internet (TCP)", "tcp", "53"),
        ("no API for the internet", "tcp", "8728,8729"),
    ):
        steps.append(rule(what, "input", {**wan, "protocol": protocol, "dst-port": ports}))
    return steps


def rule(
    what: str,
    chain: str,
    rest: Words,
    *,
    before: Words | None = None,
    menu: str = FILTER,
) -> Row:
    comment = {"comment": f"bando: {what}"}
    return Row(what=f"the rule: {what}", menu=menu, key=comment, rest={"chain": chain, **rest}, before=before)


def farewell(options: ScriptOptions) -> list[str]:
    """What the person at the router needs next."""
    used = '[/ip service get [/ip service find name="api-ssl"] certificate]'
    fingerprint = f"[/certificate get [/certificate find name={used}] fingerprint]"
    lines = [] if options.tunnel or options.radius else [f':put ("bando: certificate fingerprint " . {fingerprint})']
    if options.adopt:
        profile = f'[{PROFILE} find name="bando"]'
        lines.append(f':put ("bando: hotspot host " . [{PROFILE} get {profile} dns-name] . " " . '
                     f"[{PROFILE} get {profile} hotspot-address])")  # fmt: skip
    lines.append(f":put {quote('bando: remove this file now, it holds a secret: /file remove bando.rsc')}")
    return lines
