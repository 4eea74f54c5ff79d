"""The menus of the sandbox router: property names, forms, defaults (facts/mikrotik.md 3.2).

Each entry is the path, the properties (`columns` says how they are written) and how the menu differs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sandbox.routeros.tables import Settings, Table

NO_MAC = "00:00:00:00:00:00"
_TAIL = " disabled:bool=false comment=?"
_LOGIN_BY = "mac|cookie|http-chap|https|http-pap|trial|mac-cookie"
POLICIES = "local|telnet|ssh|ftp|reboot|read|write|policy|test|winbox|password|web|sniff|sensitive|api|romon|rest-api"


@dataclass(frozen=True, kw_only=True)
class Menu:
    """How to make one table."""

    columns: str
    unique: tuple[str, ...] = ()
    duplicate: str = "failure: already have such entry"
    indexed: tuple[str, ...] = ()
    fixed: bool = False
    single: bool = False
    since: tuple[int, int] = (0, 0)

    def make(self, path: str, tables: Mapping[str, Table], first_id: int = 1) -> Table:
        if self.single:
            return Settings(path, self.columns, tables)
        return Table(
            path,
            self.columns,
            tables,
            unique=self.unique,
            duplicate=self.duplicate,
            indexed=self.indexed,
            fixed=self.fixed,
            first_id=first_id,
        )


def _named(columns: str) -> Menu:
    return Menu(columns=columns, unique=("name",), duplicate="failure: item with such name already exists")


_COUNTERS = " uptime:ro bytes-in:ro bytes-out:ro packets-in:ro packets-out:ro"
_FIREWALL = (
    "chain* action=accept src-address dst-address src-address-list dst-address-list src-address-type "
    "dst-address-type protocol src-port dst-port any-port in-interface out-interface in-interface-list "
    "out-interface-list connection-state connection-nat-state connection-mark connection-type connection-bytes "
    "connection-limit connection-rate packet-mark routing-mark layer7-protocol content hotspot icmp-options "
    "tcp-flags tcp-mss ttl time limit dst-limit psd nth random src-mac-address fragment ipv4-options ipsec-policy "
    "jump-target reject-with address-list address-list-timeout to-addresses to-ports tls-host "
    "new-packet-mark new-connection-mark new-routing-mark passthrough:bool log:bool=false log-prefix= "
    "hw-offload:bool realm per-connection-classifier ingress-priority priority packet-size dscp "
    "bytes:ro packets:ro dynamic:ro=false invalid:ro=false" + _TAIL
)
_IFACE = "ref(/interface)"

HOTSPOT_MENUS: dict[str, Menu] = {
    "/ip/hotspot": _named(
        f"name interface*:{_IFACE} address-pool:ref(/ip/pool|none)=none profile:ref(/ip/hotspot/profile)=default "
        "idle-timeout:timenone=5m keepalive-timeout:timenone=none login-timeout:timenone=none "
        "addresses-per-mac:limit=2 ip-of-dns-name:ro proxy-status:ro=running invalid:ro=false HTTPS:ro=false" + _TAIL
    ),
    "/ip/hotspot/profile": _named(
        "name* hotspot-address:ip=0.0.0.0 dns-name= html-directory=hotspot html-directory-override= "
        "install-hotspot-queue:bool=false rate-limit:rate= http-proxy=0.0.0.0:0 smtp-server:ip=0.0.0.0 "
        f"login-by:many({_LOGIN_BY})=cookie,http-chap mac-auth-mode:enum(mac-as-username|mac-as-username-and-password)"
        "=mac-as-username? mac-auth-password:secret=? http-cookie-lifetime:time=3d "
        "ssl-certificate:ref(/certificate|none)=none split-user-domain:bool=false trial-uptime-limit:time=30m? "
        "trial-uptime-reset:time=1d? trial-user-profile:ref(/ip/hotspot/user/profile)=default? use-radius:bool=false "
        "radius-accounting:bool=true? radius-interim-update:timenone=received? "
        "nas-port-type:enum(ethernet|cable|wireless-802.11)=wireless-802.11? radius-default-domain=? "
        "radius-location-id=? radius-location-name=? radius-mac-format=XX:XX:XX:XX:XX:XX? default:ro=false"
    ),
    "/ip/hotspot/user": Menu(
        columns="server:ref(/ip/hotspot|all)=all? name* password:secret=? otp-secret:secret=? address:ip=0.0.0.0? "
        f"mac-address:mac={NO_MAC}? profile:ref(/ip/hotspot/user/profile)=default routes=? email=? "
        "limit-uptime:time=0s? limit-bytes-in:bytes=0? limit-bytes-out:bytes=0? limit-bytes-total:bytes=0? "
        "dynamic:ro=false default:ro=false" + _COUNTERS + _TAIL,
        unique=("name", "server"),
        duplicate="failure: already have user with this name for this server",
        indexed=("name", "mac-address", "comment"),
    ),
    "/ip/hotspot/user/profile": _named(
        "name* address-pool:ref(/ip/pool|none)=none? session-timeout:time=0s? idle-timeout:timenone=none "
        "keepalive-timeout:timenone=2m status-autorefresh:timenone=1m shared-users:limit=1 "
        "add-mac-cookie:bool=true mac-cookie-timeout:time=3d rate-limit:rate=? insert-queue-before=? parent-queue=? "
        "queue-type=? address-list= incoming-filter=? outgoing-filter=? incoming-packet-mark=? "
        "outgoing-packet-mark=? on-login=? on-logout=? transparent-proxy:bool=false "
        "open-status-page:enum(always|http-login)=always? advertise:bool=false? advertise-url=? "
        "advertise-interval=? advertise-timeout=? default:ro=false"
    ),
    "/ip/hotspot/active": Menu(
        columns="server:ro user:ro domain:ro address:ro mac-address:ro login-by:ro idle-timeout:ro "
        "keepalive-timeout:ro limit-bytes-in:ro limit-bytes-out:ro limit-bytes-total:ro radius:ro=false "
        "blocked:ro=false session-time-left:ro idle-time:ro" + _COUNTERS,
        indexed=("address", "mac-address", "user"),
        fixed=True,
    ),
    "/ip/hotspot/host": Menu(
        columns="mac-address:ro address:ro to-address:ro server:ro bridge-port:ro found-by:ro http-proxy:ro "
        "idle-timeout:ro keepalive-timeout:ro host-dead-time:ro idle-time:ro authorized:ro bypassed:ro "
        "static:ro=false DHCP:ro=true dynamic:ro=true comment:ro" + _COUNTERS,
        indexed=("address", "mac-address", "to-address"),
        fixed=True,
    ),
    "/ip/hotspot/cookie": Menu(
        columns="user:ro domain:ro mac-address:ro expires-in:ro mac-cookie:ro=true",
        indexed=("mac-address", "user"),
        fixed=True,
    ),
    "/ip/hotspot/ip-binding": Menu(
        columns="mac-address:mac address:ips to-address:ips server:ref(/ip/hotspot|all)=all? "
        "type:enum(regular|bypassed|blocked)=regular? bypassed:ro blocked:ro" + _TAIL,
        indexed=("mac-address", "address", "comment"),
    ),
    "/ip/hotspot/walled-garden": Menu(
        columns="server:ref(/ip/hotspot) src-address method dst-host=? dst-port path=? "
        "action:enum(allow|deny)=allow hits:ro=0 dst-address:ro dynamic:ro=false" + _TAIL
    ),
    "/ip/hotspot/walled-garden/ip": Menu(
        columns="server:ref(/ip/hotspot) src-address dst-address:ips dst-host=? protocol dst-port src-address-list "
        "dst-address-list action:enum(accept|drop|reject)=accept dynamic:ro=false invalid:ro=false" + _TAIL
    ),
    "/ip/hotspot/service-port": Menu(columns="name:ro ports=21 disabled:bool=false", fixed=True),
}

SYSTEM_MENUS: dict[str, Menu] = {
    "/system/identity": Menu(columns="name=MikroTik", single=True),
    "/system/resource": Menu(columns="uptime:ro version:ro board-name:ro", single=True),
    "/system/clock": Menu(
        columns="time date time-zone-autodetect:bool=true time-zone-name=manual gmt-offset:ro=+00:00 "
        "dst-active:ro=false",
        single=True,
    ),
    "/system/device-mode": Menu(columns="mode:ro hotspot:ro", single=True, since=(7, 17)),
    "/system/package": Menu(columns="name:ro version:ro build-time:ro scheduled:ro= disabled:ro=false", fixed=True),
    "/system/ntp/client": Menu(
        columns="enabled:bool=false mode:enum(unicast|broadcast|multicast|manycast)=unicast servers= "
        "primary-ntp:ip=0.0.0.0 secondary-ntp:ip=0.0.0.0 server-dns-names= vrf=main status:ro freq-drift:ro=0",
        single=True,
    ),
    "/system/scheduler": _named(
        "name* start-date start-time interval:time=0s on-event= policy owner:ro run-count:ro=0 next-run:ro" + _TAIL
    ),
    "/system/script": _named("name* source= policy owner:ro dont-require-permissions:bool=false comment=?"),
    "/system/note": Menu(columns="note= show-at-login:bool=true", single=True),
    "/system/logging": Menu(columns="topics=info action=memory prefix= default:ro=false disabled:bool=false"),
    "/user": Menu(
        columns="name* group*:ref(/user/group) password:hidden= address:ips= last-logged-in:ro" + _TAIL,
        unique=("name",),
        duplicate="failure: user with the same name already exists",
    ),
    "/user/group": _named("name* policy= skin=default comment=?"),
    "/user/active": Menu(columns="when:ro name:ro address:ro via:ro group:ro", fixed=True),
    "/certificate": _named(
        "name common-name* country= state= locality= organization= unit= subject-alt-name= key-size=2048 "
        "days-valid:int=365 key-usage trusted:bool=false digest-algorithm=sha256 private-key:ro=false "
        "authority:ro=false expired:ro=false fingerprint:ro invalid-before:ro invalid-after:ro ca:ro"
    ),
    "/file": Menu(columns="name* contents type size:ro last-modified:ro", unique=("name",)),
    "/log": Menu(columns="time:ro topics:ro message:ro", fixed=True),
}

NETWORK_MENUS: dict[str, Menu] = {
    "/interface": _named("name type:ro mtu=1500 mac-address:ro running:ro=true dynamic:ro=false" + _TAIL),
    "/interface/bridge": Menu(
        columns="name mtu=auto arp=enabled admin-mac auto-mac:bool=true protocol-mode=rstp "
        "vlan-filtering:bool=false fast-forward:bool=true igmp-snooping:bool=false dhcp-snooping:bool=false "
        "running:ro=true" + _TAIL,
        unique=("name",),
        duplicate="failure: already have interface with name {name}",
    ),
    "/interface/bridge/port": Menu(
        columns=f"interface*:{_IFACE} bridge*:ref(/interface/bridge) pvid:int=1 horizon=none hw:bool=true edge=auto "
        "trusted:bool=false priority=0x80 path-cost internal-path-cost learn=auto isolate:bool frame-types "
        "ingress-filtering:bool dynamic:ro=false inactive:ro=false" + _TAIL,
        unique=("interface",),
        duplicate="failure: device already added as bridge port",
    ),
    "/interface/list": _named("name* include= exclude= builtin:ro=false dynamic:ro=false comment=?"),
    "/interface/list/member": Menu(
        columns=f"list*:ref(/interface/list) interface*:{_IFACE} dynamic:ro=false" + _TAIL,
        unique=("list", "interface"),
    ),
    "/interface/ethernet": _named("name mtu=1500 mac-address running:ro=true" + _TAIL),
    "/interface/wireguard": Menu(
        columns="name listen-port:int=13231 mtu:int=1420 private-key:secret public-key:ro running:ro=true" + _TAIL,
        unique=("name",),
        duplicate="failure: already have interface with name {name}",
        since=(7, 1),
    ),
    "/interface/wireguard/peers": Menu(
        columns=f"name interface*:{_IFACE} public-key* preshared-key:secret endpoint-address= endpoint-port:int=0 "
        "allowed-address= persistent-keepalive:time=0s responder:bool=false" + _TAIL,
        since=(7, 1),
    ),
    "/ip/service": Menu(
        columns="name:ro port:int address:ips= certificate:ref(/certificate|none) tls-version:enum(any|only-1.2) "
        "max-sessions:int=20 vrf=main disabled:bool=false invalid:ro=false",
        fixed=True,
    ),
    "/ip/dns": Menu(
        columns="servers= dynamic-servers:ro= use-doh-server= verify-doh-cert:bool=false "
        "allow-remote-requests:bool=false max-udp-packet-size:int=4096 query-server-timeout=2s query-total-timeout=10s "
        "max-concurrent-queries:int=100 cache-size=2048KiB cache-max-ttl:time=1w cache-used:ro=24KiB",
        single=True,
    ),
    "/ip/dns/static": Menu(
        columns="name regexp type=A address cname ttl:time=1d match-subdomain:bool forward-to dynamic:ro=false" + _TAIL
    ),
    "/ip/address": Menu(
        columns=f"address*:cidr network:ro interface*:{_IFACE} actual-interface:ro invalid:ro=false dynamic:ro=false"
        + _TAIL,
        unique=("address", "interface"),
        duplicate="failure: already have such address",
    ),
    "/ip/pool": _named("name* ranges* next-pool=none? comment=?"),
    "/ip/route": Menu(
        columns="dst-address=0.0.0.0/0 gateway distance:int=1 routing-table=main scope target-scope check-gateway "
        "pref-src active:ro=true static:ro=true dynamic:ro=false" + _TAIL
    ),
    "/ip/dhcp-client": Menu(
        columns=f"interface*:{_IFACE} add-default-route=yes use-peer-dns:bool=true use-peer-ntp:bool=true "
        "default-route-distance:int=1 status:ro=bound address:ro gateway:ro" + _TAIL,
        unique=("interface",),
    ),
    "/ip/dhcp-server": _named(
        f"name interface*:{_IFACE} address-pool:ref(/ip/pool|static-only)=static-only lease-time:time=30m "
        "lease-script= authoritative=yes bootp-support=static add-arp:bool=false use-radius=no relay "
        "dhcp-option-set delay-threshold dynamic:ro=false invalid:ro=false" + _TAIL
    ),
    "/ip/dhcp-server/network": Menu(
        columns="address* gateway= netmask dns-server= dns-none:bool=false ntp-server= wins-server= domain= "
        "dhcp-option= dhcp-option-set next-server boot-file-name dynamic:ro=false comment=?",
        unique=("address",),
    ),
    "/ip/dhcp-server/option": _named("name* code*:int value= force:bool=false raw-value:ro comment=?"),
    "/ip/dhcp-server/lease": Menu(
        columns="address mac-address:mac server=all client-id lease-time:time block-access:bool=false status:ro "
        "host-name:ro expires-after:ro last-seen:ro active-address:ro active-mac-address:ro dynamic:ro=false" + _TAIL,
        indexed=("address", "mac-address"),
    ),
    "/ip/firewall/filter": Menu(columns=_FIREWALL),
    "/ip/firewall/nat": Menu(columns=_FIREWALL),
    "/ip/firewall/mangle": Menu(columns=_FIREWALL),
    "/ip/firewall/raw": Menu(columns=_FIREWALL),
    "/ip/firewall/address-list": Menu(
        columns="list* address* timeout dynamic:ro=false creation-time:ro" + _TAIL,
        unique=("list", "address"),
    ),
    "/ipv6/settings": Menu(
        columns="disable-ipv6:bool=false forward:bool=true accept-redirects accept-router-advertisements", single=True
    ),
    "/ipv6/nd": Menu(
        columns="interface* ra-interval=3m20s-10m ra-delay:time=3s ra-lifetime:timenone=30m mtu=unspecified "
        "hop-limit=unspecified reachable-time=unspecified retransmit-interval=unspecified "
        "advertise-mac-address:bool=true advertise-dns:bool=true managed-address-configuration:bool=false "
        "other-configuration:bool=false dns= default:ro=false invalid:ro=false" + _TAIL,
        unique=("interface",),
    ),
    "/ipv6/firewall/filter": Menu(columns=_FIREWALL),
    "/radius": Menu(
        columns="service= called-id= domain= address= secret:secret= timeout:millis=300ms src-address:ip=0.0.0.0 "
        "protocol:enum(udp|radsec)=udp certificate=none realm= accounting-backup:bool=false "
        "authentication-port:int=1812 accounting-port:int=1813 "
        "require-message-auth:enum(no|yes-for-request-resp)=yes-for-request-resp" + _TAIL
    ),
    "/radius/incoming": Menu(columns="accept:bool=false port:int=3799 vrf=main", single=True),
}

# What only one of the two families knows: (path, first version with it or that has lost it, names).
_NEW = {
    "/system/ntp/client": ((7, 0), ("servers", "vrf")),
    "/ip/service": ((7, 0), ("max-sessions", "vrf")),
    "/radius": ((7, 15), ("require-message-auth",)),
    "/ip/dns": ((6, 47), ("use-doh-server", "verify-doh-cert")),
}
_GONE = {"/system/ntp/client": ((7, 0), ("primary-ntp", "secondary-ntp", "server-dns-names"))}


def absent_properties(path: str, version: tuple[int, ...]) -> tuple[str, ...]:
    """Properties of the menu that this version does not have."""
    since, new = _NEW.get(path, ((0, 0), ()))
    until, gone = _GONE.get(path, ((999, 0), ()))
    return (new if version < since else ()) + (gone if version >= until else ())


MENUS: dict[str, Menu] = {**HOTSPOT_MENUS, **SYSTEM_MENUS, **NETWORK_MENUS}
