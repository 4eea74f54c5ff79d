"""Names, numbers and forms of the attributes that a MikroTik hotspot and its server use (facts/mikrotik.md 6)."""

from __future__ import annotations

import ipaddress
from typing import Final

MIKROTIK: Final = 14988
Value = str | int | bytes

# name -> (number, form); forms are text, int, address and bytes (RFC 2865, 2866, 2869, 5176).
STANDARD: Final[dict[str, tuple[int, str]]] = {
    "User-Name": (1, "text"),
    "User-Password": (2, "bytes"),
    "CHAP-Password": (3, "bytes"),
    "NAS-IP-Address": (4, "address"),
    "NAS-Port": (5, "int"),
    "Service-Type": (6, "int"),
    "Framed-IP-Address": (8, "address"),
    "Filter-Id": (11, "text"),
    "Reply-Message": (18, "text"),
    "State": (24, "bytes"),
    "Class": (25, "bytes"),
    "Session-Timeout": (27, "int"),
    "Idle-Timeout": (28, "int"),
    "Called-Station-Id": (30, "text"),
    "Calling-Station-Id": (31, "text"),
    "NAS-Identifier": (32, "text"),
    "Proxy-State": (33, "bytes"),
    "Acct-Status-Type": (40, "int"),
    "Acct-Delay-Time": (41, "int"),
    "Acct-Input-Octets": (42, "int"),
    "Acct-Output-Octets": (43, "int"),
    "Acct-Session-Id": (44, "text"),
    "Acct-Authentic": (45, "int"),
    "Acct-Session-Time": (46, "int"),
    "Acct-Input-Packets": (47, "int"),
    "Acct-Output-Packets": (48, "int"),
    "Acct-Terminate-Cause": (49, "int"),
    "Acct-Input-Gigawords": (52, "int"),
    "Acct-Output-Gigawords": (53, "int"),
    "Event-Timestamp": (55, "int"),
    "CHAP-Challenge": (60, "bytes"),
    "NAS-Port-Type": (61, "int"),
    "Port-Limit": (62, "int"),
    "Message-Authenticator": (80, "bytes"),
    "Acct-Interim-Interval": (85, "int"),
    "NAS-Port-Id": (87, "text"),
    "Error-Cause": (101, "int"),
}
VENDOR: Final[dict[str, tuple[int, str]]] = {
    "Mikrotik-Recv-Limit": (1, "int"),
    "Mikrotik-Xmit-Limit": (2, "int"),
    "Mikrotik-Group": (3, "text"),
    "Mikrotik-Rate-Limit": (8, "text"),
    "Mikrotik-Realm": (9, "text"),
    "Mikrotik-Host-IP": (10, "address"),
    "Mikrotik-Mark-Id": (11, "text"),
    "Mikrotik-Advertise-URL": (12, "text"),
    "Mikrotik-Advertise-Interval": (13, "int"),
    "Mikrotik-Recv-Limit-Gigawords": (14, "int"),
    "Mikrotik-Xmit-Limit-Gigawords": (15, "int"),
    "Mikrotik-Total-Limit": (17, "int"),
    "Mikrotik-Total-Limit-Gigawords": (18, "int"),
    "Mikrotik-Address-List": (19, "text"),
}
NAMES = {(0, number): name for name, (number, _) in STANDARD.items()} | {
    (MIKROTIK, number): name for name, (number, _) in VENDOR.items()
}
FORMS = {name: form for name, (_, form) in (*STANDARD.items(), *VENDOR.items())}


def place(name: str) -> tuple[int, int]:
    """Vendor (0 is none) and number of an attribute."""
    return (MIKROTIK, VENDOR[name][0]) if name in VENDOR else (0, STANDARD[name][0])


def to_bytes(name: str, value: Value) -> bytes:
    """The value as it stands in a packet."""
    if isinstance(value, bytes):
        return value
    match FORMS[name]:
        case "int":
            return int(value).to_bytes(4, "big")
        case "address":
            return ipaddress.IPv4Address(value).packed
        case _:
            return str(value).encode()


def from_bytes(name: str, data: bytes) -> Value:
    """The value as Python has it; raises ValueError when it is not of its form."""
    match FORMS[name]:
        case "int":
            if len(data) != 4:
                raise ValueError(f"{name} has {len(data)} bytes")
            return int.from_bytes(data, "big")
        case "address":
            return str(ipaddress.IPv4Address(data))
        case "text":
            return data.decode("utf-8", "replace")
        case _:
            return data
