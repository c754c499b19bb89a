"""The only door to gufo-snmp: one UDP socket to one agent, one question and its answer at a time.

The library encodes, signs, decodes and decrypts; waiting, time limits and what an answer tells beside its values are
ours, because its own iterators take `tooBig` for the end of a table, follow OIDs that go in circles, and know one
error for whatever a Report says.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
import socket
from collections.abc import Callable, Sequence
from typing import Any, Self, TypeVar

from gufo.snmp import NoSuchInstance, SnmpAuthError, SnmpDecodeError, SnmpEncodeError, User
from gufo.snmp._fast import GetIter, SnmpV1ClientSocket, SnmpV2cClientSocket, SnmpV3ClientSocket

from fleetmon.drivers.snmp.envelope import AUTHORIZATION, ENCRYPTED, Envelope, look
from fleetmon.drivers.snmp.keys import Seal

T = TypeVar("T")
Pair = tuple[str, Any]

LARGEST = 4080
"""Bytes of a message the library has room for; a longer one is cut off."""
LARGEST_DATAGRAM = 65535


class Silence(Exception):
    """No answer in time."""


class Refused(Exception):
    """It cannot be asked at all: nobody listens there, no way leads there, or no socket is left; says which."""

    def __init__(self, error: OSError) -> None:
        said = re.sub(r" \(os error \d+\)$", "", str(error)).lower()
        super().__init__("nothing listens on that UDP port" if "connection refused" in said else said)


class Reported(Exception):
    """The agent answered with a Report instead (SNMPv3)."""

    def __init__(self, envelope: Envelope) -> None:
        super().__init__(envelope)
        self.envelope = envelope


class Denied(Exception):
    """The agent answered authorizationError."""


class Unreadable(Exception):
    """The answer could not be decoded; `cut` when it was longer than there is room for."""

    def __init__(self, reason: str, *, cut: bool = False) -> None:
        super().__init__(reason)
        self.cut = cut


class Cursor:
    """A place in a column, which each batch of at most `size` rows moves on."""

    __slots__ = ("iterator", "size")

    def __init__(self, column: str, size: int) -> None:
        self.iterator = GetIter(column, size)
        self.size = size


class Wire:
    """A socket to an agent's numeric address; raises Refused where there can be none. `sent` counts datagrams."""

    def __init__(self, host: str, port: int, *, community: str = "", version: int = 2, engine: bytes = b"") -> None:
        is_v6 = ipaddress.ip_address(host).version == 6
        place = f"[{host}]:{port}" if is_v6 else f"{host}:{port}"
        self._family = socket.AF_INET6 if is_v6 else socket.AF_INET
        self._socket: SnmpV1ClientSocket | SnmpV2cClientSocket | SnmpV3ClientSocket
        try:
            if version == 3:
                self._socket = SnmpV3ClientSocket(place, engine, "", 0, b"", 0, b"", 0, 0, 0, 0)
            else:
                kind = SnmpV1ClientSocket if version == 1 else SnmpV2cClientSocket
                self._socket = kind(place, community, 0, 0, 0, 0)
        except OSError as error:
            raise Refused(error) from None
        self._descriptor = self._socket.get_fd()
        self.sent = 0
        self._littered = False
        """May late answers to questions that were given up still come?"""

        self._seal: Seal | None = None

    @property
    def engine(self) -> bytes:
        """The SNMPv3 engine the library speaks to; empty before it met one."""
        return self._socket.get_engine_id() if isinstance(self._socket, SnmpV3ClientSocket) else b""

    def log_in(self, user: User, seal: Seal) -> None:
        """Sign and encrypt from now on as this user, with keys for the engine the socket was opened for or has met.

        What comes without the seal is thrown away from now on, Reports excepted.
        """
        assert isinstance(self._socket, SnmpV3ClientSocket)
        self._seal = seal
        self._socket.set_keys(
            user.name, user.get_auth_alg(), user.get_auth_key(), user.get_priv_alg(), user.get_priv_key()
        )

    async def meet(self, limit: float) -> Envelope:
        """What engine answers, its boots and time (RFC 3414, section 4)."""
        met = self._socket
        assert isinstance(met, SnmpV3ClientSocket)
        try:
            envelope, _ = await self._exchange(met.send_refresh, met.recv_refresh, limit)
        except Reported as report:
            envelope = report.envelope
        return envelope

    async def get(self, oids: Sequence[str], limit: float) -> tuple[Envelope, dict[str, Any]]:
        """The values the agent has, by OID."""
        asked = list(oids)
        return await self._exchange(lambda: self._socket.send_get_many(asked), self._socket.recv_get_many, limit)

    async def next(self, cursor: Cursor, limit: float) -> tuple[Envelope, list[Pair | None]]:
        """The rows after the cursor; None in the list is the end of the column, an empty list the end of everything.

        One row by GETNEXT where the cursor's size is 1, else as many by GETBULK.
        """
        iterator, device = cursor.iterator, self._socket
        if cursor.size == 1 or isinstance(device, SnmpV1ClientSocket):
            return await self._exchange(
                lambda: device.send_get_next(iterator), lambda: _row(lambda: device.recv_get_next(iterator)), limit
            )
        bulk = device
        return await self._exchange(
            lambda: bulk.send_get_bulk(iterator), lambda: _rows(lambda: bulk.recv_get_bulk(iterator)), limit
        )

    # ---- one datagram out, one in ----------------------------------------------------------------------------

    async def _exchange(self, send: Callable[[], None], receive: Callable[[], T], limit: float) -> tuple[Envelope, T]:
        self._sweep()
        try:
            send()
        except (SnmpEncodeError, ValueError) as error:
            raise Unreadable(f"cannot be asked: {error}") from None
        except OSError as error:
            raise Refused(error) from None
        self.sent += 1
        try:
            async with asyncio.timeout(limit):
                return await self._answered(receive)
        except TimeoutError:
            self._littered = True
            raise Silence from None
        except asyncio.CancelledError:
            self._littered = True
            raise

    async def _answered(self, receive: Callable[[], T]) -> tuple[Envelope, T]:
        while True:
            await self._readable()
            envelope = Envelope()
            try:
                message = self._peek()
                envelope = look(message)
                if len(message) > LARGEST:
                    self._drop()
                    raise Unreadable("longer than there is room for", cut=True)
                if self._is_forged(message, envelope):
                    self._drop()
                    continue
                return envelope, self._decoded(receive, envelope)
            except BlockingIOError:
                if envelope.report is not None:
                    raise Reported(envelope) from None
            except ConnectionError as error:
                raise Refused(error) from None

    def _is_forged(self, message: bytes, envelope: Envelope) -> bool:
        return self._seal is not None and envelope.report is None and not self._seal.is_on(message, envelope)

    @staticmethod
    def _decoded(receive: Callable[[], T], envelope: Envelope) -> T:
        """What the library makes of the message; BlockingIOError when it is an answer to something else."""
        try:
            return receive()
        except BlockingIOError:
            raise
        except SnmpAuthError:
            if envelope.report is not None:
                raise Reported(envelope) from None
            if envelope.status == AUTHORIZATION or envelope.level & ENCRYPTED:
                raise Denied from None
            raise Unreadable("a damaged Report") from None
        except OSError as error:
            raise Refused(error) from None
        except (SnmpDecodeError, NoSuchInstance, ValueError, RuntimeError) as error:
            raise Unreadable(str(error)) from None
        except BaseException as error:
            # A message that ends in the midst of an element is met with a panic, which is no Exception.
            if type(error).__name__ != "PanicException":
                raise
            raise Unreadable("damaged") from None

    async def _readable(self) -> None:
        loop = asyncio.get_running_loop()
        woken: asyncio.Future[None] = loop.create_future()
        loop.add_reader(self._descriptor, _wake, woken)
        try:
            await woken
        finally:
            loop.remove_reader(self._descriptor)

    def _peek(self) -> bytes:
        """The next message, left where it is for the library."""
        with self._borrowed() as borrowed:
            return borrowed.socket.recv(LARGEST_DATAGRAM, socket.MSG_PEEK | socket.MSG_DONTWAIT)

    def _sweep(self) -> None:
        """Late answers to earlier questions are thrown away, so that the message looked at is the one decoded."""
        if not self._littered:
            return
        self._littered = False
        with self._borrowed() as borrowed:
            while True:
                try:
                    borrowed.socket.recv(1, socket.MSG_DONTWAIT)
                except BlockingIOError:
                    return
                except OSError:
                    continue

    def _drop(self) -> None:
        """Throw the next message away."""
        with self._borrowed() as borrowed:
            borrowed.socket.recv(1, socket.MSG_DONTWAIT)

    def _borrowed(self) -> _Borrowed:
        return _Borrowed(self._family, self._descriptor)


class _Borrowed:
    """The library's socket as one of Python's, which must not close it."""

    __slots__ = ("socket",)

    def __init__(self, family: int, descriptor: int) -> None:
        self.socket = socket.socket(family, socket.SOCK_DGRAM, socket.IPPROTO_UDP, fileno=descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.detach()


def _wake(woken: asyncio.Future[None]) -> None:
    if not woken.done():
        woken.set_result(None)


def _rows(receive: Callable[[], list[Pair | None]]) -> list[Pair | None]:
    try:
        return receive()
    except StopAsyncIteration:
        return []


def _row(receive: Callable[[], Pair]) -> list[Pair | None]:
    try:
        return [receive()]
    except StopAsyncIteration:
        return []
