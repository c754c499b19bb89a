"""A small RMCP+ client for tests that look at an emulated BMC's UDP port datagram by datagram.

It goes by the specification alone and knows nothing of the emulator's own code.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import struct
from collections.abc import AsyncIterator
from typing import Any

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC

PATIENCE = 0.25
"""Real seconds after which what does not come is said not to come."""
HEAD = bytes((6, 0, 0xFF, 7))
PING = bytes.fromhex("0600ff06000011be80070000")
SUITES = {0: (0, 0, 0), 1: (1, 0, 0), 3: (1, 1, 1), 17: (3, 4, 1)}
RAKP = {0: "", 1: "sha1", 3: "sha256"}
SIGNED = {0: 0, 1: 12, 4: 16}
ADMINISTRATOR = 4


class SilentError(Exception):
    """No answer came in time."""


class Rmcp(asyncio.DatagramProtocol):
    """One console, with one session at most."""

    def __init__(self) -> None:
        self._came: asyncio.Queue[bytes] = asyncio.Queue()
        self._transport: Any = None
        self.console_id, self.session_id = 0xA0A1A2A3, 0
        self.suite, self.role = (0, 0, 0), 0x10 | ADMINISTRATOR
        self.randoms, self.guid, self.session_key = (bytes(range(16)), b""), b"", b""
        self.user, self.key = b"", b""
        self.sequence, self.tag = 0, 0
        self.last_sent = b""

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self._came.put_nowait(data)

    # ---- datagrams ----

    def send(self, datagram: bytes) -> None:
        """Sends it as it is."""
        self.last_sent = datagram
        self._transport.sendto(datagram)

    async def next(self, patience: float = PATIENCE) -> bytes:
        """The next datagram that comes."""
        try:
            return await asyncio.wait_for(self._came.get(), patience)
        except TimeoutError:
            raise SilentError from None

    async def exchange(self, datagram: bytes) -> bytes:
        """Sends one and takes what comes next."""
        self.send(datagram)
        return await self.next()

    def waiting(self) -> int:
        """How many datagrams have come that nobody has taken."""
        return self._came.qsize()

    async def pings(self) -> bool:
        """Whether a presence ping is answered with a pong."""
        try:
            return (await self.exchange(PING))[8] == 0x40
        except SilentError:
            return False

    # ---- outside a session ----

    async def outside(self, netfn: int, command: int, data: bytes = b"") -> tuple[int, bytes]:
        """Completion code and data of a command outside any session, in the format of v1.5."""
        message = self.message(netfn, command, data)
        answer = await self.exchange(HEAD + struct.pack("<BIIB", 0, 0, 0, len(message)) + message)
        return self._code_and_data(answer[14 : 14 + answer[13]])

    async def greet(self, kind: int, payload: bytes) -> bytes:
        """The payload that answers a message of the handshake."""
        answer = await self.exchange(HEAD + struct.pack("<BBIIH", 6, kind, 0, 0, len(payload)) + payload)
        assert answer[5] == kind + 1
        return answer[16 : 16 + struct.unpack_from("<H", answer, 14)[0]]

    async def open(self, suite: int, role: int = ADMINISTRATOR) -> int:
        """The status code of Open Session."""
        self.suite, self.role = SUITES[suite], 0x10 | role
        self.tag += 1
        asked = b"".join(bytes((kind, 0, 0, 8, number, 0, 0, 0)) for kind, number in enumerate(self.suite))
        answer = await self.greet(0x10, struct.pack("<BBHI", self.tag, role, 0, self.console_id) + asked)
        assert (answer[0], answer[4:8]) == (self.tag, struct.pack("<I", self.console_id))
        if answer[1] == 0:
            self.session_id = struct.unpack_from("<I", answer, 8)[0]
            assert answer[12:36] == asked
        return answer[1]

    def rakp_1(self, user: str) -> bytes:
        """RAKP Message 1."""
        self.user = user.encode()
        self.tag += 1
        return struct.pack("<BBHI", self.tag, 0, 0, self.session_id) + self.randoms[0] + self._who(pad=2)

    async def challenge(self, user: str, password: str) -> int:
        """The status code of RAKP Message 2; 256 where the BMC does not know our password."""
        self.key = password.encode()
        answer = await self.greet(0x12, self.rakp_1(user))
        if answer[1]:
            return answer[1]
        self.randoms, self.guid, proof = (self.randoms[0], answer[8:24]), answer[24:40], answer[40:]
        text = struct.pack("<II", self.console_id, self.session_id) + b"".join(self.randoms) + self.guid + self._who()
        expected = self._hash(self.key, text)
        self.junk = len(proof) - len(expected)
        return 0 if proof[: len(expected)] == expected else 256

    def rakp_3(self, status: int = 0) -> bytes:
        """RAKP Message 3, with what we know proved where nothing is wrong."""
        self.tag += 1
        proof = self._hash(self.key, self.randoms[1] + struct.pack("<I", self.console_id) + self._who())
        return struct.pack("<BBHI", self.tag, status, 0, self.session_id) + (b"" if status else proof)

    async def prove(self) -> int:
        """The status code of RAKP Message 4; the session is open when it is 0."""
        answer = await self.greet(0x14, self.rakp_3())
        if answer[1]:
            return answer[1]
        self.session_key = self._hash(self.key, b"".join(self.randoms) + self._who())
        length = SIGNED[{0: 0, 1: 1, 3: 4}[self.suite[0]]]
        proof = self._hash(self.session_key, self.randoms[0] + struct.pack("<I", self.session_id) + self.guid)[:length]
        assert answer[8 : 8 + length] == proof
        self.sequence = 0
        return 0

    async def login(self, user: str, password: str, suite: int = 17, role: int = ADMINISTRATOR) -> int:
        """Status 0, or of the first step that was refused."""
        return await self.open(suite, role) or await self.challenge(user, password) or await self.prove()

    # ---- in the session ----

    async def ask(self, netfn: int, command: int, data: bytes = b"") -> tuple[int, bytes]:
        """Completion code and data of a command in the session; answers to older ones are thrown away."""
        self.send(self.sealed(netfn, command, data))
        tag = self.tag & 0x3F
        while True:
            payload = self.opened(await self.next())
            if payload[4] >> 2 == tag:
                return self._code_and_data(payload)

    def sealed(self, netfn: int, command: int, data: bytes = b"", *, sequence: int | None = None) -> bytes:
        """A command as the session's suite has it."""
        return self.wrapped(self.message(netfn, command, data), sequence=sequence)

    def wrapped(self, payload: bytes, *, sequence: int | None = None, pad: bytes | None = None) -> bytes:
        """A payload as the session's suite has it, or with another confidentiality pad."""
        flags = 0
        self.sequence = self.sequence + 1 if sequence is None else sequence
        if self.suite[2]:
            count = -(len(payload) + 1) % 16
            vector = bytes(range(100, 116))
            plain = payload + (bytes(range(1, count + 1)) + bytes((count,)) if pad is None else pad)
            payload, flags = vector + self._aes(vector).encryptor().update(plain), 0x80
        flags |= 0x40 if self.suite[1] else 0
        packet = struct.pack("<BBIIH", 6, flags, self.session_id, self.sequence, len(payload)) + payload
        if self.suite[1]:
            count = -(len(packet) + 2) % 4
            packet += b"\xff" * count + bytes((count, 7))
            packet += self._signature(packet)
        return HEAD + packet

    def opened(self, datagram: bytes) -> bytes:
        """The payload of a datagram to us, its code checked."""
        _, flags, session_id, _, length = struct.unpack_from("<BBIIH", datagram, 4)
        assert session_id == self.console_id
        payload = datagram[16 : 16 + length]
        if flags & 0x40:
            code = SIGNED[self.suite[1]]
            assert datagram[-code:] == self._signature(datagram[4:-code])
        if flags & 0x80:
            plain = self._aes(payload[:16]).decryptor().update(payload[16:])
            payload = plain[: -1 - plain[-1]]
        return payload

    def message(self, netfn: int, command: int, data: bytes) -> bytes:
        """A command as the LAN carries it, under the next tag."""
        self.tag += 1
        head, body = bytes((0x20, netfn << 2)), bytes((0x81, (self.tag & 0x3F) << 2, command)) + data
        return head + bytes((-sum(head) & 0xFF,)) + body + bytes((-sum(body) & 0xFF,))

    @staticmethod
    def _code_and_data(payload: bytes) -> tuple[int, bytes]:
        assert sum(payload[:3]) & 0xFF == 0
        assert sum(payload[3:]) & 0xFF == 0
        return payload[6], payload[7:-1]

    def _who(self, pad: int = 0) -> bytes:
        return bytes((self.role,)) + bytes(pad) + bytes((len(self.user),)) + self.user

    def _hash(self, key: bytes, text: bytes) -> bytes:
        name = RAKP[self.suite[0]]
        return hmac.digest(key, text, name) if name else b""

    def _signature(self, packet: bytes) -> bytes:
        key = self._hash(self.session_key, b"\x01" * 20)
        return self._hash(key, packet)[: SIGNED[self.suite[1]]]

    def _aes(self, vector: bytes) -> Cipher[CBC]:
        return Cipher(AES(self._hash(self.session_key, b"\x02" * 20)[:16]), CBC(vector))


@contextlib.asynccontextmanager
async def console(port: int) -> AsyncIterator[Rmcp]:
    """A console that speaks to one port."""
    transport, protocol = await asyncio.get_running_loop().create_datagram_endpoint(
        Rmcp, remote_addr=("127.0.0.1", port)
    )
    try:
        yield protocol
    finally:
        transport.close()
