"""What a machine shows at its door: certificates that change or expire, TLS of old, and the date it tells."""

from __future__ import annotations

import asyncio
import ssl
import warnings
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.emulator_client import EPOCH, Client, client_of


def trusting(ciphers: str = "") -> ssl.SSLContext:
    """A client's TLS that checks nothing, and speaks what is old where ciphers are named."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if ciphers:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = ssl.TLSVersion.TLSv1
        context.set_ciphers(f"{ciphers}:@SECLEVEL=0")
    return context


async def met(client: Client, context: ssl.SSLContext | None = None) -> tuple[x509.Certificate, str, str]:
    """Certificate, protocol and cipher of one handshake."""
    port = urlsplit(client.fleet.address("web-01")).port
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context or trusting())
    tls = writer.get_extra_info("ssl_object")
    found = x509.load_der_x509_certificate(tls.getpeercert(True)), str(tls.version()), str(tls.cipher()[0])
    writer.transport.abort()
    return found


def pin(certificate: x509.Certificate) -> bytes:
    """The public key, as a client pins it."""
    return certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


async def strike(client: Client, fault: dict[str, Any]) -> Any:
    """Sets a fault of web-01."""
    return client.fleet.strike(machine="web-01", fault=fault)


@pytest.mark.parametrize(("how", "same_pin"), [("new_key", False), ("same_key", True)])
async def test_a_renewed_certificate_has_another_number_and_perhaps_the_same_key(how: str, same_pin: bool) -> None:
    async with client_of("one_server") as client:
        before, *_ = await met(client)
        fault = await strike(client, {"rotate_cert": how})
        after, *_ = await met(client)
        assert after.serial_number != before.serial_number
        assert (pin(after) == pin(before)) is same_pin
        client.fleet.heal(fault)
        assert (await met(client))[0] == before


async def test_an_expired_certificate_has_the_same_key() -> None:
    async with client_of("one_server") as client:
        before, *_ = await met(client)
        await strike(client, {"expired_cert": True})
        after, *_ = await met(client)
        assert after.not_valid_after_utc < datetime.now(UTC)
        assert pin(after) == pin(before)


async def test_wrongs_add_up_and_are_healed_one_by_one() -> None:
    async with client_of("one_server") as client:
        before, *_ = await met(client)
        await strike(client, {"expired_cert": True})
        rotated = await strike(client, {"rotate_cert": "new_key"})
        both, *_ = await met(client)
        assert both.not_valid_after_utc < datetime.now(UTC)
        assert pin(both) != pin(before)
        client.fleet.heal(rotated)
        assert pin((await met(client))[0]) == pin(before)


async def test_old_tls_is_spoken_to_those_who_speak_it_and_to_nobody_else() -> None:
    async with client_of("one_server") as client:
        await strike(client, {"tls": {"max": "1.1"}})
        assert (await met(client, trusting("ALL")))[1] == "TLSv1.1"
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await met(client)


async def test_an_old_cipher_means_rsa_key_exchange() -> None:
    async with client_of("one_server") as client:
        await strike(client, {"tls": {"ciphers": "AES256-SHA"}})
        certificate, version, cipher = await met(client, trusting("AES256-SHA"))
        assert (version, cipher) == ("TLSv1.2", "AES256-SHA")
        assert "RSA" in type(certificate.public_key()).__name__


async def test_nobody_is_refused_while_the_certificate_changes_and_open_lines_stay() -> None:
    async with client_of("one_server") as client:
        port = urlsplit(client.fleet.address("web-01")).port
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trusting())
        for n in range(20):
            await strike(client, {"rotate_cert": "same_key"} if n % 2 else {"expired_cert": True})
            await met(client)
        writer.write(b"GET /redfish/v1 HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await reader.readline()).split()[1] == b"200"
        writer.transport.abort()


async def test_a_door_that_closes_while_it_changes_is_closed() -> None:
    async with client_of("one_server") as client:
        client.fleet.strike(machine="web-01", fault={"rotate_cert": "new_key"})
        client.fleet.strike(machine="web-01", fault="reset_bmc", seconds=60)
        with pytest.raises(ConnectionRefusedError):
            await met(client)
        client.fleet.advance(61)
        await client.fleet.bmc("web-01").listening()
        await met(client)


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ({}, "Mon, 21 Sep 2026 14:13:20 GMT"),
        ({"date": "1970"}, "Thu, 01 Jan 1970 00:00:00 GMT"),
        ({"date": 3_600}, "Mon, 21 Sep 2026 15:13:20 GMT"),
        ({"date": "none"}, None),
        ({"date": "garbage"}, "yesterday, about noon"),
        ({"clock": -3_600}, "Mon, 21 Sep 2026 13:13:20 GMT"),
    ],
)
async def test_the_date_header_is_the_bmcs_own_clock_unless_a_fault_says_otherwise(
    fault: dict[str, Any], told: str | None
) -> None:
    async with client_of("one_server", real=lambda: EPOCH) as client:
        if fault:
            await strike(client, fault)
        _, _, headers = await client.ask("web-01", "/redfish/v1")
        assert headers.get("Date") == told
