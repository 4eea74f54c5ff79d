"""TLS of `api-ssl`: without a certificate the router offers anonymous Diffie-Hellman only (facts/mikrotik.md 1.4)."""

from __future__ import annotations

import base64
import ssl
import tempfile
from decimal import Decimal, localcontext


def anonymous_tls() -> ssl.SSLContext:
    """A server context without any certificate, as a factory-fresh `api-ssl` has."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.maximum_version = ssl.TLSVersion.TLSv1_2  # anonymous suites end with 1.2
    context.set_ciphers("ADH:@SECLEVEL=0")
    with tempfile.NamedTemporaryFile(suffix=".pem") as file:
        file.write(_ffdhe2048())
        file.flush()
        context.load_dh_params(file.name)
    return context


def certificate_tls(certificate: str, key: str) -> ssl.SSLContext:
    """A server context with a certificate, both given as paths of PEM files."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


def _ffdhe2048() -> bytes:
    """The 2048-bit group of RFC 7919, from its formula: making a fresh one takes minutes."""
    with localcontext() as context:
        context.prec = 640
        e_part = int(Decimal(1).exp() * 2**1918)
    prime = 2**2048 - 2**1984 + (e_part + 560316) * 2**64 - 1
    # PKCS #3 by hand (SEQUENCE of two INTEGERs): the library that could write it is giving the format up.
    numbers = b"\x02\x82\x01\x01\x00" + prime.to_bytes(256, "big") + b"\x02\x01\x02"
    der = b"\x30\x82" + len(numbers).to_bytes(2, "big") + numbers
    body = base64.encodebytes(der)
    return b"-----BEGIN DH PARAMETERS-----\n" + body + b"-----END DH PARAMETERS-----\n"
