"""An SNMP agent by hand, on a loopback socket: v1, v2c, v3 signed with SHA-256, and all that agents do wrong.

It shares no line with the library under test. A test says what is wrong with it by a `twist`, which sees each request
and may give another answer than the honest one.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import cast

from fleetmon.clock import ManualClock
from fleetmon.drivers.base import Credentials, Memory, Opening, Secret
from fleetmon.drivers.lane import Lane
from fleetmon.drivers.snmp.session import Session
from fleetmon.model import Endpoint, Protocol
from tests.ber import Oid, bindings, integer, octets, sequence, tagged

COMMUNITY, USER, PASSPHRASE = "monitor", "watcher", "signing-passphrase"
GET, GET_NEXT, RESPONSE, GET_BULK, REPORT = 0xA0, 0xA1, 0xA2, 0xA5, 0xA8
NO_SUCH_INSTANCE, END_OF_MIB = tagged(0x81), tagged(0x82)
NULL = tagged(0x05)
TOO_BIG, NO_SUCH_NAME, GENERAL_ERROR, AUTHORIZATION_ERROR = 1, 2, 5, 16
NOT_IN_TIME, UNKNOWN_USER, UNKNOWN_ENGINE, WRONG_DIGEST = 2, 3, 4, 5

Told = list[tuple[Oid, bytes]]


@dataclass(frozen=True, slots=True)
class Asked:
    """One request. `first` and `second` are error status and index, or non-repeaters and max-repetitions."""

    kind: int
    request_id: int
    first: int
    second: int
    names: list[Oid]


@dataclass(frozen=True, slots=True)
class Failed:
    """An answer that is an error, with or without the names asked for."""

    status: int
    index: int = 0
    echo: bool = False


@dataclass(frozen=True, slots=True)
class Reports:
    """A Report of SNMPv3: one of usmStats."""

    what: int


Answer = Told | Failed | Reports | bytes | None
"""What is told; an error; whole bytes instead of a message; nothing."""
Twist = Callable[[Asked, Told], Answer]


def counter64(value: int) -> bytes:
    return tagged(0x46, value.to_bytes(9, "big").lstrip(b"\0") or b"\0")


def name(dotted: str) -> Oid:
    return tuple(map(int, dotted.split(".")))


def column(dotted: str, rows: int, value: Callable[[int], bytes] = integer) -> dict[Oid, bytes]:
    """A column with the indices from 1 on."""
    return {(*name(dotted), row): value(row) for row in range(1, rows + 1)}


@dataclass(slots=True)
class Engine:
    """The SNMPv3 side. `key` belongs to this engine alone (RFC 3414, appendix A)."""

    id: bytes = bytes.fromhex("8000ffff04") + b"engine"
    boots: int = 3
    time: int = 1000
    key: bytes = b""
    signed: bool = True
    """Does it sign its answers?"""

    def __post_init__(self) -> None:
        master = hashlib.sha256((PASSPHRASE.encode() * (2**20 // len(PASSPHRASE) + 1))[: 2**20]).digest()
        self.key = hashlib.sha256(master + self.id + master).digest()


@dataclass(slots=True)
class Agent(asyncio.DatagramProtocol):
    """The agent: what it has by OID, in order, and what is wrong with it."""

    table: dict[Oid, bytes]
    twist: Twist | None = None
    engine: Engine = field(default_factory=Engine)
    asked: list[Asked] = field(default_factory=list)
    port: int = 0
    transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)
        self.port = transport.get_extra_info("sockname")[1]

    def datagram_received(self, data: bytes, sender: tuple[str, int]) -> None:
        assert self.transport is not None
        _, inside, _ = element(data)
        _, version, rest = element(inside)
        answer = self._v3(rest) if number(version) == 3 else self._community(version, rest)
        if answer is not None:
            self.transport.sendto(answer, sender)

    def _community(self, version: bytes, rest: bytes) -> bytes | None:
        _, community, pdu = element(rest)
        if community != COMMUNITY.encode():
            return None
        asked = request(pdu)
        told = self._told(asked)
        if told is None or isinstance(told, bytes):
            return told
        return sequence(tagged(0x02, version), octets(community), response(asked, told))

    def _v3(self, rest: bytes) -> bytes | None:
        """USM by RFC 3414, section 3.2, without encryption."""
        _, header, rest = element(rest)
        _, message_id, header = element(header)
        _, _, header = element(header)
        _, flags, _ = element(header)
        _, security, data = element(rest)
        _, security, _ = element(security)
        _, engine, security = element(security)
        _, boots, security = element(security)
        _, time, security = element(security)
        _, user, _ = element(security)
        _, scoped, _ = element(data)
        _, _, scoped = element(scoped)
        _, _, pdu = element(scoped)
        asked = request(pdu)
        mine, signed = self.engine, bool(flags[0] & 1)
        told: Answer
        if engine != mine.id:
            told, user, signed = Reports(UNKNOWN_ENGINE), b"", False
        elif user != USER.encode():
            told, signed = Reports(UNKNOWN_USER), False
        elif signed and (number(boots) != mine.boots or abs(number(time) - mine.time) > 150):
            told = Reports(NOT_IN_TIME)
        else:
            told = self._told(asked)
        if told is None or isinstance(told, bytes):
            return told
        if isinstance(told, Reports) and told.what == WRONG_DIGEST:
            signed = False
        return self._message(message_id, user, signed, response(asked, told))

    def _message(self, message_id: bytes, user: bytes, signed: bool, pdu: bytes) -> bytes:
        mine, blank = self.engine, bytes(24)

        def whole(signature: bytes) -> bytes:
            security = sequence(
                octets(mine.id), integer(mine.boots), integer(mine.time), octets(user), octets(signature), octets(b"")
            )
            header = sequence(tagged(0x02, message_id), integer(65507), octets(bytes([signed])), integer(3))
            return sequence(integer(3), header, octets(security), sequence(octets(mine.id), octets(b""), pdu))

        if not signed:
            return whole(b"")
        if not mine.signed:
            return whole(blank)
        return whole(hmac.digest(mine.key, whole(blank), "sha256")[:24])

    def _told(self, asked: Asked) -> Answer:
        self.asked.append(asked)
        honest = self._honest(asked)
        return self.twist(asked, honest) if self.twist else honest

    def _honest(self, asked: Asked) -> Told:
        if asked.kind == GET:
            return [(one, self.table.get(one, NO_SUCH_INSTANCE)) for one in asked.names]
        order, told = sorted(self.table), Told()
        for start in asked.names:
            after = [one for one in order if one > start][: asked.second if asked.kind == GET_BULK else 1]
            told += [(one, self.table[one]) for one in after] or [(start, END_OF_MIB)]
        return told


def response(asked: Asked, told: Told | Failed | Reports) -> bytes:
    status, index, kind = 0, 0, RESPONSE
    match told:
        case Failed():
            status, index = told.status, told.index
            told = [(one, NULL) for one in asked.names] if told.echo else []
        case Reports():
            kind, told = REPORT, [((1, 3, 6, 1, 6, 3, 15, 1, 1, told.what, 0), tagged(0x41, b"\x01"))]
    return tagged(kind, integer(asked.request_id), integer(status), integer(index), bindings(told))


# ---- reading requests ------------------------------------------------------------------------------------------------


def element(data: bytes) -> tuple[int, bytes, bytes]:
    """Tag, content and what follows."""
    length, at = data[1], 2
    if length & 0x80:
        at += length & 0x7F
        length = int.from_bytes(data[2:at], "big")
    return data[0], data[at : at + length], data[at + length :]


def number(content: bytes) -> int:
    return int.from_bytes(content, "big", signed=True)


def request(pdu: bytes) -> Asked:
    kind, content, _ = element(pdu)
    _, request_id, content = element(content)
    _, first, content = element(content)
    _, second, content = element(content)
    _, rest, _ = element(content)
    names = []
    while rest:
        _, one, rest = element(rest)
        names.append(arcs(element(one)[1]))
    return Asked(kind, number(request_id), number(first), number(second), names)


def arcs(content: bytes) -> Oid:
    found, arc = list[int](), 0
    for byte in content:
        arc = arc << 7 | byte & 0x7F
        if not byte & 0x80:
            found.append(arc)
            arc = 0
    return (*divmod(found[0], 40), *found[1:]) if found else ()


# ---- asking it -------------------------------------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def agent(table: Mapping[Oid, bytes], twist: Twist | None = None) -> AsyncIterator[Agent]:
    """The agent, listening."""
    one = Agent(dict(table), twist)
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(lambda: one, ("127.0.0.1", 0))
    try:
        yield one
    finally:
        transport.close()
        await asyncio.sleep(0)


def session(
    address: str,
    *,
    user: str = "",
    password: str = COMMUNITY,
    memory: Memory | None = None,
    clock: ManualClock | None = None,
    lane: Lane | None = None,
) -> Session:
    """A session of ours with whoever listens there."""
    clock = clock or ManualClock()
    endpoint = Endpoint(protocol=Protocol.SNMP, address=address, verify="none")
    return Session(
        Opening(
            endpoint=endpoint,
            credentials=Credentials(user=user, password=Secret(password)),
            lane=lane or Lane(device=address, clock=clock),
            clock=clock,
            memory=memory or Memory(),
        )
    )


def with_agent(one: Agent, query: str = "", **more: object) -> Session:
    """A session of ours with this agent."""
    if "auth" in query or "version=3" in query:
        more = {"user": USER, "password": PASSPHRASE} | more
    return session(f"snmp://127.0.0.1:{one.port}{query}", **more)
