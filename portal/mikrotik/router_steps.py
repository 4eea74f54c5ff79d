"""What a router needs for Bando, step by step; `provisioning` puts the steps into one file.

The service side is what Bando needs to reach the router and to trust its clock, the hotspot side is what guests need.
With `adopt` the hotspot server, its addresses and its users stay: it gets a profile of ours, and what is missing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from portal.mikrotik.router_files import files
from portal.mikrotik.script import Act, Raw, Row, Step, Words, block, found, missing, quote, refuse, when

if TYPE_CHECKING:
    from portal.mikrotik.provisioning import ScriptOptions

POLICIES = ("api", "read", "write", "test")
_OTHER_POLICIES = (
    *("local", "telnet", "ssh", "ftp", "reboot", "policy", "winbox", "password", "web", "sniff"),
    *("sensitive", "romon"),
)
_FILTER, _NAT = "/ip firewall filter", "/ip firewall nat"
_SERVER, _PROFILE = "/ip hotspot", "/ip hotspot profile"


def policy(version: int) -> str:
    """The API user's rights; `set` only adds, so every other policy is named with ``!`` (facts 8.2)."""
    others = (*_OTHER_POLICIES, "rest-api") if version == 7 else _OTHER_POLICIES
    return ",".join((*POLICIES, *(f"!{each}" for each in others)))


# -- before anything is changed -----------------------------------------------------------------


def guards(options: ScriptOptions) -> list[str]:
    """Refusals: another version, no hotspot allowed, no such interface, a hotspot that is not ours."""
    version = f"this script is for RouterOS {options.version}; print it again with --version"
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
        nothing = f"there is no hotspot on {options.interface} to adopt; print the script without --adopt"
        return [refuse(missing(_SERVER, where), nothing)]
    kind = "bridge" if options.bridge else "interface"
    return [text for port in options.ports for text in _port_guards(options, port, kind)]


def _port_guards(options: ScriptOptions, port: str, kind: str) -> list[str]:
    menu = "/interface bridge" if options.bridge else "/interface"
    foreign = f'[:len [{_SERVER} find interface={quote(port)} name!="bando"]] > 0'
    texts = [
        refuse(missing(menu, {"name": port}), f"there is no {kind} {port} on this router"),
        refuse(foreign, f"{port} has a hotspot already; to keep it and use it, print the script with --adopt"),
    ]
    if not options.bridge:
        member = f'[:len [/interface bridge port find interface={quote(port)} bridge!="bando"]] > 0'
        is_bridge = f"[:len [/interface bridge find name={quote(port)}]] > 0"
        texts.append(refuse(is_bridge, f"{port} is a bridge; print the script with --bridge"))
        texts.append(refuse(member, f"{port} belongs to a bridge; name that bridge and --bridge, or take it out first"))
    return texts


# -- Bando's side -------------------------------------------------------------------------------


def service_side(options: ScriptOptions) -> list[Step]:
    """Name, time, the API over TLS, its user, and the firewall that lets only Bando reach it."""
    fresh: list[Step] = [] if options.adopt else [_identity(options), _time_zone(options)]
    return [*fresh, _ntp(options), *_certificate(options), *_account(options), *_wan(options), *_firewall(options)]


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


def _wan(options: ScriptOptions) -> list[Step]:
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
    api = {"src-address": options.management, "protocol": "tcp", "dst-port": "8729", "action": "accept"}
    drops = {"chain": "input", "action": "drop", "dynamic": "no"}
    steps: list[Step] = [_rule("the portal may use the API", "input", api, before=drops)]
    if options.adopt:
        return steps
    wan = {"in-interface-list": "WAN", "action": "drop"}
    for what, protocol, ports in (
        ("no DNS for the internet (UDP)", "udp", "53"),
        ("no DNS for the internet (TCP)", "tcp", "53"),
        ("no API for the internet", "tcp", "8728,8729"),
    ):
        steps.append(_rule(what, "input", {**wan, "protocol": protocol, "dst-port": ports}))
    return steps


def _rule(
    what: str,
    chain: str,
    rest: Words,
    *,
    before: Words | None = None,
    menu: str = _FILTER,
) -> Row:
    comment = {"comment": f"bando: {what}"}
    return Row(what=f"the rule: {what}", menu=menu, key=comment, rest={"chain": chain, **rest}, before=before)


# -- the guests' side ---------------------------------------------------------------------------


def hotspot_side(options: ScriptOptions) -> list[Step]:
    """The network of the guests, the hotspot in it, its pages and what is open before paying."""
    network = [] if options.adopt else _network(options)
    server = _adopted_server(options) if options.adopt else _server(options)
    return [*network, *_dns(options), *_pages(options), *server, *_garden(options), *_traffic(options)]


def _network(options: ScriptOptions) -> list[Step]:
    on, named = options.hotspot_interface, {"name": "bando"}
    subnet = options.subnet
    steps: list[Step] = []
    if not options.bridge:
        bridge = {"comment": "bando: guests"}
        steps.append(Row(what="the bridge of the guests", menu="/interface bridge", key=named, rest=bridge))
        steps.extend(_port(port) for port in options.ports)
    address = {"address": f"{options.gateway}/{subnet.prefixlen}", "interface": on}
    lease = {"interface": on, "address-pool": "bando", "lease-time": "1h", "disabled": "no"}
    pool = {"ranges": f"{subnet[10]}-{subnet[-6]}"}
    return [
        *steps,
        Row(what="the router's address", menu="/ip address", key=address, rest={"comment": "bando: guests"}),
        Row(what="the address pool", menu="/ip pool", key=named, rest=pool, renew=False),
        *_capport(options),
        Row(what="the DHCP server", menu="/ip dhcp-server", key=named, rest=lease),
        _dhcp_network(options),
    ]


def _port(port: str) -> Row:
    key = {"interface": port, "bridge": "bando"}
    return Row(what=f"{port} in the bridge", menu="/interface bridge port", key=key, rest={"comment": "bando: guests"})


def _capport(options: ScriptOptions) -> list[Step]:
    """Phones believe option 114 only over https with a certificate they trust; without one it would do harm."""
    if not options.certificate:
        return []
    rest = {"code": "114", "value": f"'https://{options.dns_name}/api'"}
    forced = {"force": "yes"} if options.version == 7 else {}
    menu = "/ip dhcp-server option"
    return [Row(what="DHCP option 114", menu=menu, key={"name": "bando"}, rest={**rest, **forced})]


def _dhcp_network(options: ScriptOptions) -> Row:
    """Only the router as DNS server, or phones hear of none that opens the portal (facts 5)."""
    rest = {"gateway": options.gateway, "dns-server": options.gateway, "comment": "bando: guests"}
    capport = {"dhcp-option": "bando"} if options.certificate else {}
    menu, key = "/ip dhcp-server network", {"address": str(options.subnet)}
    return Row(what="the DHCP network", menu=menu, key=key, rest={**rest, **capport})


def _dns(options: ScriptOptions) -> list[Step]:
    none = "([:len [/ip dns get servers]] = 0) && ([:len [/ip dns get dynamic-servers]] = 0)"
    servers = when(none, f"/ip dns set servers={','.join(options.dns_servers)}")
    closed = "[/ip dns get allow-remote-requests] != true"
    text = f"/ip dns set allow-remote-requests=yes\n{servers}"
    return [Act(what="DNS for the guests", script=text, unless=closed)]


_FOLDER = (
    ":local folder {name}",
    # Boards with a flash folder lose what stands outside it at a reboot (facts 4.4).
    ':if ([:len [/file find name="flash"]] > 0) do={{ :set folder {flash} }}',
)


def _folder(options: ScriptOptions) -> list[str]:
    name, flash = quote(options.directory), quote(f"flash/{options.directory}")
    return [line.format(name=name, flash=flash) for line in _FOLDER]


def _pages(options: ScriptOptions) -> list[Step]:
    return [
        _page(options, name, body.decode())
        for name, body in files(options.portal_url, options.router_public).items()
    ]  # fmt: skip


def _page(options: ScriptOptions, name: str, body: str) -> Act:
    """Written where the version can write files, else fetched; compared either way, so no certificate is needed."""
    start = [*_folder(options), f':local target ($folder . "/{name}")', f":local wanted {quote(body)}"]
    url = f"{options.portal_url.rstrip('/')}/router-files/{options.router_public}/{name}"
    fetch = f"/tool fetch url={quote(url)} dst-path=$target mode=https check-certificate=no"
    differs = "[/file get [/file find name=$target] contents] != $wanted"
    absent = "[:len [/file find name=$target]] = 0"
    if options.version == 6:
        again = when(differs, fetch, ":delay 2s")
        write = [when(absent, fetch, ":delay 2s", otherwise=[again])]
    else:
        writer = ':local made [:parse "/file add name=\\$target contents=\\$wanted"]'
        make = [
            _made(':local made [:parse "/file add name=\\$target type=directory"]; $made target=$folder'),
            _made(
                f"{writer}; $made target=$target wanted=$wanted",
                fetch,
                ":delay 2s",
            ),
        ]
        write = [when(absent, *make), when(differs, "/file set [/file find name=$target] contents=$wanted")]
    look = refuse(f"({absent}) || ({differs})", f"the page {name} could not be written")
    return Act(what=f"the page {name}", script=block(*start, *write, look))


def _made(script: str, *otherwise: str) -> str:
    """Versions before 7.15 cannot make files, and would not even read a line that does: it is read when it is run."""
    failed = "\n".join(f"  {line}" for line in otherwise)
    return f":do {{ {script} }} on-error={{{chr(10) + failed + chr(10) if failed else ''}}}"


def _server(options: ScriptOptions) -> list[Step]:
    """No http-chap: its answer needs JavaScript, and pages of another host cannot give it."""
    ways = "http-pap,https,mac-cookie" if options.certificate else "http-pap,mac-cookie"
    trusted = {"ssl-certificate": options.certificate} if options.certificate else {}
    profile: Words = {"hotspot-address": options.gateway, "dns-name": Raw(quote(options.dns_name)), "login-by": ways}
    server = {
        "interface": options.hotspot_interface,
        "address-pool": "none",
        "profile": "bando",
        "addresses-per-mac": "2",
        "disabled": "no",
    }
    return [
        _profile(options, {**profile, **trusted}),
        Row(what="the hotspot server", menu=_SERVER, key={"name": "bando"}, rest=server),
    ]


def _profile(options: ScriptOptions, rest: Words) -> Act:
    """Never written again: a changed profile breaks logins that are under way (facts 8.2)."""
    row = Row(
        what="the hotspot profile",
        menu=_PROFILE,
        key={"name": "bando"},
        rest={**rest, "html-directory": Raw("$folder")},
        renew=False,
    )
    what, gap = row.gap()
    return Act(what=what, script=block(*_folder(options), row.text()), unless=gap)


def _adopted_server(options: ScriptOptions) -> list[Step]:
    """The server stays; its old profile stays too, so that one command leads back."""
    server = found(_SERVER, {"interface": options.interface})
    old = f"[{_PROFILE} find name=[{_SERVER} get {server} profile]]"
    same: Words = {name: Raw(f"[{_PROFILE} get {old} {name}]") for name in ("hotspot-address", "dns-name")}
    other = f'[{_SERVER} get {server} profile] != "bando"'
    back = f':put ("bando: the old profile was " . [{_SERVER} get {server} profile])'
    switch = when(other, back, f'{_SERVER} set {server} profile="bando"')
    return [
        _profile(options, {**same, "login-by": "http-pap,mac-cookie"}),
        Act(what="our profile on the hotspot server", script=switch, unless=other),
    ]


def _garden(options: ScriptOptions) -> list[Step]:
    """https needs the ip garden, which learns addresses from DNS answers; the other one serves plain http (facts 5)."""
    ip = "/ip hotspot walled-garden ip"
    host, portal = {"dst-host": options.portal_host}, "bando: portal"
    fixed = [
        Row(
            what=f"the portal's address {address} in the walled garden",
            menu=ip,
            key={"comment": f"{portal} at {address}"},
            rest={"dst-address": address, "action": "accept"},
        )
        for address in options.portal_addresses
    ]
    menu, allow = "/ip hotspot walled-garden", {**host, "action": "allow"}
    return [
        Row(what="the portal in the walled garden", menu=menu, key={"comment": portal}, rest=allow),
        Row(
            what="the portal in the ip walled garden",
            menu=ip,
            key={"comment": portal},
            rest={**host, "action": "accept"},
        ),
        *fixed,
    ]


def _traffic(options: ScriptOptions) -> list[Step]:
    on = options.hotspot_interface
    private_dns: Words = {"hotspot": "!auth", "protocol": "tcp", "dst-port": "853", "action": "reject"}
    steps: list[Step] = [
        _rule("no private DNS before paying", "forward", {**private_dns, "reject-with": "tcp-reset"}),
        *_no_fasttrack(on),
        *_no_ipv6(options, on),
    ]
    if options.adopt:
        return steps
    nat: Words = {"src-address": options.network, "out-interface-list": "WAN", "action": "masquerade"}
    api: Words = {"in-interface": on, "protocol": "tcp", "dst-port": "8728,8729", "action": "drop"}
    return [_rule("guests to the internet", "srcnat", nat, menu=_NAT), _rule("no API for guests", "input", api), *steps]


def _no_fasttrack(on: str) -> list[Step]:
    """FastTrack goes past rates and counters: guests' connections are accepted before it takes them (facts 9)."""
    fast: Words = {"action": "fasttrack-connection", "dynamic": "no"}
    steps: list[Step] = []
    for way, side in (("from", "in-interface"), ("to", "out-interface")):
        accept: Words = {side: on, "connection-state": "established,related", "action": "accept"}
        row = _rule(f"no FastTrack {way} guests", "forward", accept, before=fast)
        there = f"[:len {found(_FILTER, fast)}] > 0"
        what, gap = row.gap()
        steps.append(Act(what=what, script=when(there, row.text()), unless=f"({there}) && ({gap})"))
    return steps


def _no_ipv6(options: ScriptOptions, on: str) -> list[Step]:
    """The hotspot knows IPv4 only, so IPv6 would go past it (facts 5)."""
    silent = Row(what="no IPv6 router", menu="/ipv6 nd", key={"interface": on}, rest={"ra-lifetime": "none"})
    drop = _rule(
        "hotspots are IPv4 only",
        "forward",
        {"in-interface": on, "action": "drop"},
        before={"chain": "forward", "dynamic": "no"},
        menu="/ipv6 firewall filter",
    )
    if options.version == 7:
        return [silent, drop]
    # Version 6 may be without the ipv6 package: read this only when it is run.
    return [
        Act(what=row.what, script=f":do {{ :local run [:parse {quote(row.text())}]; $run }} on-error={{}}")
        for row in (silent, drop)
    ]


def farewell(options: ScriptOptions) -> list[str]:
    """What the person at the router needs next."""
    fingerprint = '[/certificate get [/certificate find name="bando"] fingerprint]'
    lines = [f':put ("bando: certificate fingerprint " . {fingerprint})']
    if options.adopt:
        profile = f'[{_PROFILE} find name="bando"]'
        lines.append(f':put ("bando: hotspot host " . [{_PROFILE} get {profile} dns-name] . " " . '
                     f"[{_PROFILE} get {profile} hotspot-address])")  # fmt: skip
    lines.append(f":put {quote('bando: remove this file now, it holds a password: /file remove bando.rsc')}")
    return lines
