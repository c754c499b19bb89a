"""Self-signed certificates whose form a strict client accepts: EC P-256, SAN, key identifiers, server usage.

And what a strict client must not accept: expired ones, other keys than before, protocols and ciphers of old.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import ssl
import tempfile
import warnings
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

YEAR = dt.timedelta(days=365)
VERSIONS = {"1.0": "TLSv1", "1.1": "TLSv1_1", "1.2": "TLSv1_2", "1.3": "TLSv1_3"}
LEGACY = "ALL:@SECLEVEL=0"
"""OpenSSL speaks TLS 1.1 and older only when told that nothing is too weak."""

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@dataclass(frozen=True, slots=True)
class Identity:
    """A key, and the name on its certificates."""

    common_name: str
    key: Key


def new_identity(common_name: str) -> Identity:
    """A name with a key of its own."""
    return Identity(common_name[:64], ec.generate_private_key(ec.SECP256R1()))


@cache
def rsa_identity() -> Identity:
    """The one RSA key of a process: making one takes a second, and RSA key exchange works with no other."""
    return Identity("legacy-bmc", rsa.generate_private_key(public_exponent=65_537, key_size=2048))


def server_context(common_name: str) -> ssl.SSLContext:
    """A TLS server context with a key and a certificate of its own, for 127.0.0.1, ::1 and localhost."""
    return context_of(new_identity(common_name))


def context_of(
    identity: Identity, *, expired: bool = False, newest: str | None = None, ciphers: str | None = None
) -> ssl.SSLContext:
    """A TLS server context with a fresh certificate of an identity, speaking no newer TLS and no other ciphers."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if newest is not None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # that the versions are old is the point
            context.minimum_version = ssl.TLSVersion.TLSv1
            context.maximum_version = ssl.TLSVersion[VERSIONS[newest]]
        context.set_ciphers(LEGACY)
    if ciphers is not None:
        if newest in (None, "1.3"):
            context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(f"{ciphers}:@SECLEVEL=0")
    with tempfile.TemporaryDirectory(prefix="emulator-") as folder:
        path = Path(folder) / "bmc.pem"
        path.write_bytes(_pem(identity, expired))
        context.load_cert_chain(path)
    return context


def pem(common_name: str) -> bytes:
    """Private key and certificate, in the only form in which ssl takes them: a file."""
    return _pem(new_identity(common_name), expired=False)


def _pem(identity: Identity, expired: bool) -> bytes:
    key = identity.key
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, identity.common_name)])
    starts = dt.datetime.now(dt.UTC) - (2 * YEAR if expired else dt.timedelta(days=1))
    subject_key = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    uses = {"digital_signature", "key_cert_sign"}
    uses |= {"key_encipherment"} if isinstance(key, rsa.RSAPrivateKey) else set()
    usage = {what: what in uses for what in _KEY_USAGES}
    names: list[x509.GeneralName] = [x509.DNSName("localhost")]
    names += [x509.IPAddress(ipaddress.ip_address(address)) for address in ("127.0.0.1", "::1")]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(starts)
        .not_valid_after(starts + YEAR)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.KeyUsage(**usage), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(subject_key, critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(subject_key), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private + certificate.public_bytes(serialization.Encoding.PEM)


_KEY_USAGES = (
    "digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
    "key_cert_sign",
    "crl_sign", "encipher_only", "decipher_only",
)  # fmt: skip
