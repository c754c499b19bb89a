"""Old TLS: refused unless permitted for the very device, and shown wherever it is (F16)."""

from __future__ import annotations

import ssl
import tempfile
import warnings
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from emulator.certificates import server_context
from fleetmon.drivers.base import Request
from fleetmon.drivers.lane import Pace
from fleetmon.drivers.redfish.transport import Pin, context_of, open_pipe
from fleetmon.model import Device, DeviceKind, Endpoint, Protocol, Reachability
from tests.bench import EVERYTHING, device, head_of, http, opened, wire
from tests.observations import opened as opened_store


def old_tls(newest: ssl.TLSVersion | None, ciphers: str) -> ssl.SSLContext:
    """A server as of 2012. RSA key exchange needs a key of that kind."""
    context = rsa_context() if "AES256-SHA" in ciphers else server_context("bmc")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
        if newest is not None:
            context.maximum_version = newest
    context.set_ciphers(f"{ciphers}:@SECLEVEL=0")
    return context


def rsa_context() -> ssl.SSLContext:
    """A server context with an RSA key and a bare certificate."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "bmc")])
    begin = datetime(2020, 1, 1, tzinfo=UTC)
    built = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    built = built.serial_number(7).not_valid_before(begin).not_valid_after(begin + timedelta(days=9000))
    certificate = built.sign(key, hashes.SHA256())
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.NamedTemporaryFile() as pair:
        pair.write(private + certificate.public_bytes(Encoding.PEM))
        pair.flush()
        context.load_cert_chain(pair.name)
    return context


async def answer(reader, writer):
    while True:
        head = await head_of(reader)
        root = b'{"@odata.id": "/redfish/v1/", "RedfishVersion": "1.0.0"}'
        writer.write(http(root) if head.startswith("GET") else http(b"", status="404 Not Found"))
        await writer.drain()


OLD = {
    "TLS 1.0": (ssl.TLSVersion.TLSv1, "ALL"),
    "TLS 1.1": (ssl.TLSVersion.TLSv1_1, "ALL"),
    "RSA key exchange": (ssl.TLSVersion.TLSv1_2, "AES256-SHA"),
}


@pytest.mark.parametrize("kind", OLD)
async def test_F16_old_tls_is_spoken_only_where_it_was_permitted(kind):
    async with wire(answer, context=old_tls(*OLD[kind])) as address:
        modern, _, _ = opened(address)
        refused = await modern.observe(Request(aspects=EVERYTHING))
        await modern.close()
        assert refused.reachability in (Reachability.UNSUPPORTED, Reachability.UNREACHABLE)
        assert "TLS" in refused.reason
        assert "tls = legacy" in refused.reason
        legacy, _, _ = opened(address, tls="legacy")
        assert (await legacy.raw("/redfish/v1/"))["RedfishVersion"] == "1.0.0"
        assert legacy.seen_spki is not None
        await legacy.close()
        pinned, _, _ = opened(address, tls="legacy", pinned="ab" * 32)
        assert (await pinned.observe(Request(aspects=EVERYTHING))).reachability is Reachability.UNTRUSTED
        await pinned.close()


async def test_F16_the_exception_is_told_as_long_as_it_stands():
    async with device(tls="legacy") as bench:
        seen = await bench.poll()
        assert any("TLS older than 1.2" in problem.reason for problem in seen.problems)
    async with device() as bench:
        assert (await bench.poll()).problems == ()


async def test_F16_a_permission_for_one_device_weakens_no_other():
    pipes = [
        open_pipe(Endpoint(protocol=Protocol.REDFISH, address="https://h", tls=tls), Pace(), Pin(None, enforced=True))
        for tls in ("modern", "legacy", "modern", "legacy")
    ]
    contexts = [pipe._context for pipe in pipes]
    assert contexts[0] is contexts[2]
    assert contexts[1] is contexts[3]
    assert contexts[0] is not contexts[1]
    for pipe in pipes:
        await pipe.close()
    for authorities in (True, False):
        context = context_of("modern", authorities=authorities)
        assert context.minimum_version is ssl.TLSVersion.TLSv1_2
        assert "AES256-SHA" not in {cipher["name"] for cipher in context.get_ciphers()} or not authorities
    assert context_of("modern", authorities=True).verify_mode is ssl.CERT_REQUIRED
    assert context_of("legacy", authorities=True).check_hostname


async def test_F16_the_store_keeps_the_profile_and_lists_the_exceptions(tmp_path):
    def one(name, **endpoint):
        address = Endpoint(protocol=Protocol.REDFISH, address=f"https://{name}", **endpoint)
        return Device(device_id=name, name=name, kind=DeviceKind.SERVER, endpoints=(address,))

    async with opened_store(tmp_path) as store:
        for made in (one("a"), one("b", tls="legacy"), one("c", verify="none"), one("d", verify="ca")):
            await store.fleet.add_device(made)
        found = await store.fleet.device("b")
        assert found is not None
        assert found.endpoints[0].tls == "legacy"
        assert [(row.name, row.verify, row.tls) for row in await store.fleet.exceptions()] == [
            ("b", "pin", "legacy"),
            ("c", "none", "modern"),
        ]
