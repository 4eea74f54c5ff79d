"""The sandbox's own certificate authority, so that https can be checked for real.

Its root is given to clients by file, by context or by browser store; nothing is ever told to ignore errors.
"""

from __future__ import annotations

import base64
import hashlib
import ipaddress
import os
import shutil
import ssl
import subprocess
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from portal.clock import SystemClock, as_datetime

_CA_LIFE = timedelta(days=3650)
_LEAF_LIFE = timedelta(days=730)
_CA_USES = frozenset({"key_cert_sign", "crl_sign"})
_LEAF_USES = frozenset({"digital_signature"})
_USES = (
    *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement"),
    *("key_cert_sign", "crl_sign", "encipher_only", "decipher_only"),
)


@dataclass(frozen=True, kw_only=True)
class Leaf:
    """A server's certificate with its chain, and its key, as files."""

    certificate: Path
    key: Path
    spki_pin: str  # base64 of the SHA-256 of the public key


class Authority:
    """A certificate authority in a folder; made on first use, the same ever after."""

    def __init__(self, folder: Path, *, name: str = "Bando sandbox CA") -> None:
        self.folder = folder
        self.folder.mkdir(parents=True, exist_ok=True)
        self.certificate_path = self.folder / "ca.pem"
        self._key_path = self.folder / "ca.key"
        if not self._key_path.exists():
            self._create(name)
        self._key = _read_key(self._key_path)
        self._certificate = x509.load_pem_x509_certificate(self.certificate_path.read_bytes())

    def _create(self, name: str) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        builder = _builder(subject, subject, key, _CA_LIFE, _CA_USES)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        certificate = builder.sign(key, hashes.SHA256())
        self.certificate_path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        _write_key(self._key_path, key)

    def leaf(self, *names: str) -> Leaf:
        """A certificate for these host names and addresses; asked again, the same one."""
        stem = hashlib.sha256("\n".join(names).encode()).hexdigest()[:16]
        certificate, key_path = self.folder / f"{stem}.pem", self.folder / f"{stem}.key"
        if not key_path.exists():
            key = ec.generate_private_key(ec.SECP256R1())
            certificate.write_bytes(self._sign(names, key))
            _write_key(key_path, key)
        return Leaf(certificate=certificate, key=key_path, spki_pin=_pin(_read_key(key_path)))

    def _sign(self, names: tuple[str, ...], key: ec.EllipticCurvePrivateKey) -> bytes:
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
        issuer = self._certificate.subject
        builder = (
            _builder(subject, issuer, key, _LEAF_LIFE, _LEAF_USES)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
        )
        certificate = builder.sign(self._key, hashes.SHA256())
        parts = (certificate, self._certificate)
        return b"".join(part.public_bytes(serialization.Encoding.PEM) for part in parts)

    def server_context(self, *names: str) -> ssl.SSLContext:
        leaf = self.leaf(*names)
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(leaf.certificate, leaf.key)
        return context

    def client_context(self) -> ssl.SSLContext:
        """Trusts this authority and nobody else."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cafile=self.certificate_path)
        return context

    def install_nss(self, home: Path) -> bool:
        """Put the root into the certificate store that a browser with this HOME reads; False without certutil."""
        certutil = shutil.which("certutil")
        if certutil is None:
            return False
        for store in (home / ".pki/nssdb", home / ".local/share/pki/nssdb"):
            store.mkdir(parents=True, exist_ok=True)
            database = f"sql:{store}"
            if not (store / "cert9.db").exists():
                subprocess.run([certutil, "-N", "--empty-password", "-d", database], check=True)
            add = [certutil, "-A", "-d", database, "-t", "C,,", "-n", "sandbox", "-i", str(self.certificate_path)]
            subprocess.run(add, check=True)
        return True


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    life: timedelta,
    uses: frozenset[str],
) -> x509.CertificateBuilder:
    now = as_datetime(SystemClock().now())
    usage = x509.KeyUsage(**{use: use in uses for use in _USES})
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + life)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _write_key(path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    data = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(data)


def _read_key(path: Path) -> ec.EllipticCurvePrivateKey:
    key = serialization.load_pem_private_key(path.read_bytes(), None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TypeError(f"{path} holds no elliptic-curve key")
    return key


def _pin(key: ec.EllipticCurvePrivateKey) -> str:
    spki = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(hashlib.sha256(spki).digest()).decode()
