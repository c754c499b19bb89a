"""Is there a Redfish service? Its root tells without a login (DSP0266, section 9); SSDP finds it at odd ports.

Nothing secret is sent, so a certificate of any kind will do.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import orjson

from fleetmon.clock import Clock
from fleetmon.drivers.redfish.transport import context_of
from fleetmon.drivers.sighting import Sighting, place
from fleetmon.model import DeviceKind, Protocol

ROOT = "/redfish/v1/"
LONGEST = 65_536
"""Bytes of a service root that are read."""
PORT = 443
GROUP = ("239.255.255.250", 1900)
"""Where SSDP is asked."""
SERVICE = "urn:dmtf-org:service:redfish-rest:1"
SEARCH = (
    f'M-SEARCH * HTTP/1.1\r\nHOST: {GROUP[0]}:{GROUP[1]}\r\nMAN: "ssdp:discover"\r\nMX: 2\r\nST: {SERVICE}\r\n\r\n'
).encode()
HOPS = 2
"""Routers a search may cross, as the standard proposes."""


async def knock(host: str, port: int, patience: float) -> Sighting | None:
    """The Redfish service there, by its root."""
    address = f"https://{place(host, port, PORT)}"
    timeout = aiohttp.ClientTimeout(total=patience * 2, sock_connect=patience)
    # What is old enough to be found this way may speak nothing newer than TLS 1.0.
    connector = aiohttp.TCPConnector(limit=1, force_close=True, ssl=context_of("legacy", authorities=False))
    try:
        async with (
            aiohttp.ClientSession(
                connector=connector, timeout=timeout, cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False
            ) as session,
            session.get(
                address + ROOT,
                allow_redirects=False,
                headers={"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "fleetmon"},
            ) as response,
        ):
            body = await response.content.read(LONGEST) if response.status == 200 else b""
            while body and len(body) < LONGEST and (more := await response.content.read(LONGEST - len(body))):
                body += more
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
        return None
    return sighting_of(host, address, body)


def sighting_of(host: str, address: str, body: bytes) -> Sighting | None:
    """What a service root says; None for a body that is none."""
    try:
        root = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(root, Mapping):
        return None
    version = _text(root, "RedfishVersion")
    if not version and "#ServiceRoot." not in _text(root, "@odata.type"):
        return None
    return Sighting(
        protocol=Protocol.REDFISH,
        host=host,
        address=address,
        uuid=uuid_of(_text(root, "UUID")),
        manufacturer=_text(root, "Vendor"),
        model=_text(root, "Product"),
        kind=DeviceKind.SERVER if "Systems" in root else None,
        detail=f"Redfish {version}".strip(),
    )


def uuid_of(text: str) -> str:
    """A UUID in lower case; empty for one that is no name of anything."""
    found = text.strip().lower()
    plain = found.replace("-", "")
    return found if re.fullmatch(r"[0-9a-f]{32}", plain) and len(set(plain)) > 2 else ""


async def search(seconds: float, clock: Clock, group: tuple[str, int] = GROUP) -> list[tuple[str, int]]:
    """Addresses and ports of Redfish services that answer one M-SEARCH (UPnP 1.1, section 1.3) within the seconds."""
    loop = asyncio.get_running_loop()
    heard = _Heard()
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        made.setblocking(False)
        made.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, HOPS)
        made.bind(("", 0))
        transport, _ = await loop.create_datagram_endpoint(lambda: heard, sock=made)
    except OSError:
        made.close()
        return []
    try:
        with contextlib.suppress(OSError):
            transport.sendto(SEARCH, group)
            await clock.sleep(seconds)
    finally:
        transport.close()
    return sorted(heard.places)


class _Heard(asyncio.DatagramProtocol):
    """Answers to a search: each place once."""

    MOST = 10_000

    def __init__(self) -> None:
        self.places: set[tuple[str, int]] = set()

    def datagram_received(self, data: bytes, addr: Any) -> None:
        port = port_of(data)
        if port and len(self.places) < self.MOST:
            self.places.add((str(addr[0]), port))

    def error_received(self, exc: Exception) -> None:
        """Nobody is there: silence says as much."""


def port_of(answer: bytes) -> int | None:
    """The port of the service root an answer names; None when it is no answer of a Redfish service.

    The host it names is not looked at: only whoever answered is believed, and only about himself.
    """
    status, _, rest = answer.decode("latin-1").partition("\r\n")
    if not re.match(r"HTTP/1\.\d 200", status):
        return None
    fields = {
        name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in rest.split("\r\n"))
    }
    if not fields.get("st", "").startswith(SERVICE.rpartition(":")[0]):
        return None
    try:
        named = urlsplit(fields.get("al", ""))
        return named.port or PORT if named.scheme == "https" else None
    except ValueError:
        return None


def _text(root: Mapping[str, Any], name: str) -> str:
    value = root.get(name)
    return " ".join(value.split())[:200] if isinstance(value, str) else ""
