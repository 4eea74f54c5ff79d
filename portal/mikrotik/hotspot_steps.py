"""The guests' side of a set-up: their network, the hotspot in it, its pages, and what is open before paying."""

from __future__ import annotations

from typing import TYPE_CHECKING

from portal.mikrotik import radius_steps
from portal.mikrotik.calling import AUTHORITY
from portal.mikrotik.router_files import files
from portal.mikrotik.router_steps import FILTER, NAT, PROFILE, SERVER, rule
from portal.mikrotik.script import Act, Raw, Row, Step, Words, block, found, quote, refuse, when

if TYPE_CHECKING:
    from portal.mikrotik.provisioning import ScriptOptions


def hotspot_side(options: ScriptOptions) -> list[Step]:
    """The network of the guests, the hotspot in it, its pages and what is open before paying."""
    network = [] if options.adopt else _network(options)
    server = _adopted_server(options) if options.adopt else _server(options)
    asks = [radius_steps.switched(options), *(radius_steps.guest_defaults(options) if options.radius else [])]
    return [*network, *_dns(options), *_pages(options), *server, *asks, *_garden(options), *_traffic(options)]


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
        for name, body in files(options.portal_url, options.router_public, options.mode).items()
    ]  # fmt: skip


def _page(options: ScriptOptions, name: str, body: str) -> Act:
    """Written where the version can write files, else fetched; compared either way, so no certificate is needed."""
    target = [*_folder(options), f':local target ($folder . "/{name}")']
    return Act(what=f"the page {name}", script=block(*target, *_file(options, name, body)))


def authority(options: ScriptOptions) -> list[str]:
    """Write the certificate of whom the router trusts when it calls."""
    if options.calling is None:
        return []
    return [f":local target {quote(AUTHORITY)}", *_file(options, AUTHORITY, options.calling.authority)]


def _file(options: ScriptOptions, name: str, body: str) -> list[str]:
    """`$target` with this content, or a refusal."""
    url = f"{options.portal_url.rstrip('/')}/router-files/{options.router_public}/{name}"
    fetch = f"/tool fetch url={quote(url)} dst-path=$target mode=https check-certificate=no"
    differs = "[/file get [/file find name=$target] contents] != $wanted"
    absent = "[:len [/file find name=$target]] = 0"
    if options.version == 6:
        again = when(differs, fetch, ":delay 2s")
        write = [when(absent, fetch, ":delay 2s", otherwise=[again])]
    else:
        writer = ':local made [:parse "/file add name=\\$target contents=\\$wanted"]'
        folder = ':local made [:parse "/file add name=\\$target type=directory"]; $made target=$folder'
        make = [
            *([] if name == AUTHORITY else [_made(folder)]),
            _made(
                f"{writer}; $made target=$target wanted=$wanted",
                fetch,
                ":delay 2s",
            ),
        ]
        write = [when(absent, *make), when(differs, "/file set [/file find name=$target] contents=$wanted")]
    # Two questions, since it is not written down whether `||` leaves the second one out.
    looks = [refuse(each, f"the page {name} could not be written") for each in (absent, differs)]
    return [f":local wanted {quote(body)}", *write, *looks]


def _made(script: str, *otherwise: str) -> str:
    """Versions before 7.15 cannot make files, and would not even read a line that does: it is read when it is run."""
    failed = "\n".join(f"  {line}" for line in otherwise)
    return f":do {{ {script} }} on-error={{{chr(10) + failed + chr(10) if failed else ''}}}"


def _server(options: ScriptOptions) -> list[Step]:
    """No http-chap: its answer needs JavaScript, and pages of another host cannot give it."""
    ways = "http-pap,https,mac-cookie" if options.certificate else "http-pap,mac-cookie"
    trusted = {"ssl-certificate": options.certificate} if options.certificate else {}
    how: Words = radius_steps.profile_words(options) if options.radius else {"login-by": ways}
    profile: Words = {"hotspot-address": options.gateway, "dns-name": Raw(quote(options.dns_name)), **how}
    server = {
        "interface": options.hotspot_interface,
        "address-pool": "none",
        "profile": "bando",
        "addresses-per-mac": "2",
        "disabled": "no",
    }
    return [
        _profile(options, {**profile, **trusted}),
        Row(what="the hotspot server", menu=SERVER, key={"name": "bando"}, rest=server),
    ]


def _profile(options: ScriptOptions, rest: Words) -> Act:
    """Never written again: a changed profile breaks logins that are under way (facts 8.2)."""
    row = Row(
        what="the hotspot profile",
        menu=PROFILE,
        key={"name": "bando"},
        rest={**rest, "html-directory": Raw("$folder")},
        renew=False,
    )
    what, gap = row.gap()
    return Act(what=what, script=block(*_folder(options), row.text()), unless=gap)


def _adopted_server(options: ScriptOptions) -> list[Step]:
    """The server stays; its old profile stays too, so that one command leads back."""
    server = found(SERVER, {"interface": options.interface})
    old = f"[{PROFILE} find name=[{SERVER} get {server} profile]]"
    how: Words = radius_steps.profile_words(options) if options.radius else {"login-by": "http-pap,mac-cookie"}
    same: Words = {name: Raw(f"[{PROFILE} get {old} {name}]") for name in ("hotspot-address", "dns-name")}
    other = f'[{SERVER} get {server} profile] != "bando"'
    back = f':put ("bando: the old profile was " . [{SERVER} get {server} profile])'
    switch = when(other, back, f'{SERVER} set {server} profile="bando"')
    return [
        _profile(options, {**same, **how}),
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
        *(_payment_page(each) for each in options.payment_hosts),
    ]


def _payment_page(host: str) -> Row:
    """Where a guest pays before there is a pass; it is https, so the ip garden alone serves."""
    return Row(
        what=f"the payment page at {host} in the ip walled garden",
        menu="/ip hotspot walled-garden ip",
        key={"comment": f"bando: pay at {host}"},
        rest={"dst-host": host, "action": "accept"},
    )


def _traffic(options: ScriptOptions) -> list[Step]:
    on = options.hotspot_interface
    private_dns: Words = {"hotspot": "!auth", "protocol": "tcp", "dst-port": "853", "action": "reject"}
    steps: list[Step] = [
        rule("no private DNS before paying", "forward", {**private_dns, "reject-with": "tcp-reset"}),
        *_no_fasttrack(on),
        *_no_ipv6(options, on),
    ]
    if options.adopt:
        return steps
    nat: Words = {"src-address": options.network, "out-interface-list": "WAN", "action": "masquerade"}
    api: Words = {"in-interface": on, "protocol": "tcp", "dst-port": "8728,8729", "action": "drop"}
    return [rule("guests to the internet", "srcnat", nat, menu=NAT), rule("no API for guests", "input", api), *steps]


def _no_fasttrack(on: str) -> list[Step]:
    """FastTrack goes past rates and counters: guests' connections are accepted before it takes them (facts 9)."""
    fast: Words = {"action": "fasttrack-connection", "dynamic": "no"}
    steps: list[Step] = []
    for way, side in (("from", "in-interface"), ("to", "out-interface")):
        accept: Words = {side: on, "connection-state": "established,related", "action": "accept"}
        row = rule(f"no FastTrack {way} guests", "forward", accept, before=fast)
        there = f"[:len {found(FILTER, fast)}] > 0"
        what, gap = row.gap()
        steps.append(Act(what=what, script=when(there, row.text()), unless=f"({there}) && ({gap})"))
    return steps


def _no_ipv6(options: ScriptOptions, on: str) -> list[Step]:
    """The hotspot knows IPv4 only, so IPv6 would go past it (facts 5)."""
    silent = Row(what="no IPv6 router", menu="/ipv6 nd", key={"interface": on}, rest={"ra-lifetime": "none"})
    drop = rule(
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
