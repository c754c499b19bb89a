"""The pipe below a session: TLS, certificate pins, capped bodies, and what each failure means in one line.

aiohttp is used here and in `session.py`, nowhere else of what polls.
"""

from __future__ import annotations

import asyncio
import functools
import hashlib
import socket
import ssl
from typing import Any

import aiohttp
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from redfish.aio import RedfishInvalidTargetError, RedfishTimeoutError

from fleetmon.drivers.lane import Pace
from fleetmon.drivers.redfish.bodies import MAX_BYTES, BadBody, unpack
from fleetmon.errors import DeviceError, Garbled, Unreachable, Unsupported, Untrusted
from fleetmon.model import Endpoint

OP_LEGACY_SERVER_CONNECT = 0x4
"""OpenSSL's SSL_OP_LEGACY_SERVER_CONNECT; Python names it from 3.12 on."""
KEPT_ALIVE = 150.0
"""Seconds an idle connection is kept: longer than the usual interval, so that a steady poll pays no handshake."""
RECEIVE = 8 * 1024
"""Bytes of a socket's receive buffer, which the kernel doubles: a kept connection then holds 70 KB, else up to 180."""


@functools.cache
def context_of(tls: str, *, authorities: bool) -> ssl.SSLContext:
    """The one context of a TLS profile, shared by all devices: loading the system's authorities costs 17 ms.

    `modern` speaks TLS 1.2 and later. `legacy` is for BMCs that cannot (F16): TLS 1.0, RSA key exchange, SHA-1
    signatures, servers that do not renegotiate safely; it touches no device it was not named for.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.set_alpn_protocols(["http/1.1"])
    if authorities:
        context.load_default_certs()
    else:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if tls == "legacy":
        context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
        context.options |= ssl.OP_NO_SSLv3 | OP_LEGACY_SERVER_CONNECT
        context.set_ciphers("ALL:!aNULL:!eNULL:@SECLEVEL=0")
    else:
        context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


class Pin(aiohttp.Fingerprint):
    """Trust in one public key: the one given, else the first one seen.

    aiohttp asks it after the handshake and before the first byte of a request, so nobody else ever sees a credential.
    """

    def __init__(self, expected: str | None, *, enforced: bool) -> None:
        super().__init__(bytes.fromhex(expected) if expected else bytes(32))
        self.expected = expected.lower() if expected else None
        self.seen: str | None = None
        self._enforced = enforced

    def check(self, transport: asyncio.Transport) -> None:
        """Raise ServerFingerprintMismatch for a key we do not know."""
        certificate = transport.get_extra_info("ssl_object").getpeercert(binary_form=True)
        self.seen = spki_sha256(certificate)
        if not self._enforced:
            return
        if self.expected is None:
            self.expected = self.seen
        if self.seen != self.expected:
            host, port, *_ = transport.get_extra_info("peername")
            raise aiohttp.ServerFingerprintMismatch(
                bytes.fromhex(self.expected), bytes.fromhex(self.seen), str(host), int(port)
            )


@functools.lru_cache(maxsize=256)
def spki_sha256(certificate: bytes) -> str:
    """SHA-256, in hex, of the SubjectPublicKeyInfo of a DER certificate."""
    key = x509.load_der_x509_certificate(certificate).public_key()
    return hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()


class CappedResponse(aiohttp.ClientResponse):
    """A response whose body ends at MAX_BYTES, packed or unpacked (F42, F113)."""

    async def read(self) -> bytes:
        """The body; BadBody beyond the cap."""
        if self._body is None:
            chunks: list[bytes] = []
            size = 0
            try:
                async for chunk in self.content.iter_any():
                    size += len(chunk)
                    if size > MAX_BYTES:
                        raise BadBody(f"the body is larger than {MAX_BYTES} bytes")
                    chunks.append(chunk)
                body = b"".join(chunks)
                encoding = self.headers.get("Content-Encoding", "").strip().lower()
                self._body = unpack(body, encoding) if encoding not in ("", "identity") else body
            except BaseException:
                self.close()
                raise
        return await super().read()


class Pipe:
    """One kept connection to one device, with the TLS profile and the pin of its endpoint."""

    def __init__(self, session: aiohttp.ClientSession, context: ssl.SSLContext) -> None:
        self._session = session
        self._context = context

    def request(self, method: str, url: str, **more: Any) -> Any:
        """As `ClientSession.request`, over this pipe's TLS; the pin of the connector holds all the same."""
        return self._session.request(method, url, ssl=self._context, **more)

    async def close(self) -> None:
        """Close the connection."""
        await self._session.close()


def _socket(address: aiohttp.AddrInfoType) -> socket.socket:
    """A socket that takes little at once: TLS buffers grow to the largest piece ever taken and never shrink."""
    family, kind, protocol, _, _ = address
    made = socket.socket(family, kind, protocol)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE)
    return made


def open_pipe(endpoint: Endpoint, pace: Pace, pin: Pin, *, read_timeout: float | None = None) -> Pipe:
    """A pipe to a device: no proxy from the environment, no cookies, no compression asked for.

    With `read_timeout` an answer may last for ever, as long as it is never silent for so many seconds: a stream.
    """
    authorities = endpoint.verify == "ca"
    connector = aiohttp.TCPConnector(
        limit=1,
        ssl=True if authorities else pin,
        keepalive_timeout=KEPT_ALIVE,
        use_dns_cache=False,
        socket_factory=_socket,
    )
    whole = pace.request_timeout.total_seconds() if read_timeout is None else None
    session = aiohttp.ClientSession(
        connector=connector,
        response_class=CappedResponse,
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        trust_env=False,
        headers={"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "fleetmon"},
        timeout=aiohttp.ClientTimeout(
            total=whole, sock_connect=pace.connect_timeout.total_seconds(), sock_read=read_timeout
        ),
    )
    return Pipe(session, context_of(endpoint.tls, authorities=authorities))


def explain(error: Exception, *, device: str, resource: str, timeout: float) -> DeviceError:
    """The DeviceError that says what a failed exchange means and what would put it right."""
    cause = error.__cause__ or error
    if isinstance(error, BadBody) or isinstance(cause, BadBody):
        return Garbled(str(error), device=device, resource=resource)
    if isinstance(error, RedfishInvalidTargetError):
        return Garbled("the device names an address outside itself", device=device, resource=resource)
    if isinstance(error, RedfishTimeoutError) or isinstance(cause, TimeoutError):
        return Unreachable(f"no answer within {timeout:g} s", device=device, resource=resource)
    if isinstance(cause, aiohttp.ServerFingerprintMismatch):
        return Untrusted(
            f"its certificate has the key {cause.got.hex()[:16]}…, expected is {cause.expected.hex()[:16]}…",
            device=device,
            cure="if that is the key of this very device, pin it in place of the other; nothing was sent",
        )
    if isinstance(cause, aiohttp.ClientConnectorCertificateError):
        return Untrusted(
            f"the certificate cannot be verified: {_reason(cause)}",
            device=device,
            cure="install a certificate of a known authority, or pin this one",
        )
    if isinstance(cause, aiohttp.ClientConnectorSSLError | ssl.SSLError):
        return _explain_tls(cause, device)
    if isinstance(cause, aiohttp.ClientConnectorDNSError):
        return Unreachable("there is no such host name", device=device, cure="correct the address")
    if isinstance(cause, aiohttp.ClientConnectorError):
        return _explain_connection(cause.os_error, device)
    if isinstance(cause, aiohttp.ServerDisconnectedError):
        return Unreachable("the device closed the connection without an answer", device=device, resource=resource)
    if isinstance(cause, aiohttp.ClientPayloadError):
        return Garbled("the answer ends in the middle", device=device, resource=resource)
    if isinstance(cause, aiohttp.ClientResponseError):
        return Garbled(
            f"the answer is no HTTP: {_reason(cause)}",
            device=device,
            resource=resource,
            cure="check that the address and port are those of a BMC's web service",
        )
    return Unreachable(f"the exchange failed: {_reason(cause)}", device=device, resource=resource)


def _explain_connection(error: OSError, device: str) -> DeviceError:
    if isinstance(error, ConnectionRefusedError):
        return Unreachable(
            "nothing listens at this address",
            device=device,
            cure="the BMC is restarting, or the address or port is wrong",
        )
    if isinstance(error, ConnectionResetError) and error.errno is None:
        # asyncio's word for an end of file in the middle of the handshake
        return Unreachable(
            "it broke off the TLS handshake; it may speak only TLS older than 1.2", device=device, cure=OLD_TLS_CURE
        )
    return Unreachable(f"no connection: {error.strerror or error}", device=device)


OLD_TLS_CURE = "update its firmware or its TLS setting; as a last resort permit this device tls = legacy"


def _explain_tls(error: Exception, device: str) -> DeviceError:
    said = str(error).lower()
    if "wrong_version_number" in said or "wrong version number" in said or "record layer" in said:
        return Unsupported(
            "this port speaks no TLS", device=device, cure="correct the port, or write http:// if plain HTTP is meant"
        )
    if "protocol" in said and ("unsupported" in said or "version" in said):
        return Unsupported("the device offers only TLS older than 1.2", device=device, cure=OLD_TLS_CURE)
    if "handshake_failure" in said or "no_shared_cipher" in said or "handshake failure" in said:
        return Unsupported("the device offers no TLS cipher we accept", device=device, cure=OLD_TLS_CURE)
    return Unreachable(f"the TLS handshake failed: {_reason(error)}", device=device)


def _reason(error: BaseException) -> str:
    """One line of what an exception says, without the address it may repeat."""
    inner = getattr(error, "certificate_error", None) or getattr(error, "os_error", None) or error
    said = getattr(inner, "verify_message", "") or getattr(inner, "message", "") or str(inner)
    return " ".join(str(said).split())[:160] or type(inner).__name__
