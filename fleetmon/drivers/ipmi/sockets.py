"""The UDP sockets of a worker: one for each address family, shared by all its BMCs."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections import defaultdict
from collections.abc import Callable
from typing import Any

Receive = Callable[[bytes], None]
Place = tuple[Any, ...]
"""A socket address."""

LARGEST = 2048
"""Bytes of a datagram that are read: an RMCP+ message has a few hundred."""
BUFFER = 4 << 20
"""Bytes asked for; the kernel gives what it permits."""


class Sockets:
    """Sends datagrams to BMCs and hands over what comes back, by the address it comes from."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._sockets: dict[int, socket.socket] = {}
        self._receivers: defaultdict[tuple[str, int], list[Receive]] = defaultdict(list)

    def join(self, host: str, port: int, receive: Receive) -> Place:
        """Hand to `receive` what comes from there; the address to send to. Raises OSError."""
        family, *_, place = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM, flags=socket.AI_NUMERICHOST)[0]
        if family not in self._sockets:
            self._sockets[family] = self._open(family)
        self._receivers[_sender(place)].append(receive)
        return place

    def leave(self, place: Place, receive: Receive) -> None:
        """Hand nothing over any more."""
        receivers = self._receivers[_sender(place)]
        receivers.remove(receive)
        if not receivers:
            del self._receivers[_sender(place)]

    def send(self, place: Place, datagram: bytes) -> None:
        """Send it; what the kernel does not take is lost like any other datagram."""
        family = socket.AF_INET if len(place) == 2 else socket.AF_INET6
        with contextlib.suppress(OSError):
            self._sockets[family].sendto(datagram, place)

    def close(self) -> None:
        """Nothing is read or sent after this."""
        for each in self._sockets.values():
            self._loop.remove_reader(each)
            each.close()
        self._sockets.clear()

    def _open(self, family: int) -> socket.socket:
        opened = socket.socket(family, socket.SOCK_DGRAM)
        opened.setblocking(False)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
        self._loop.add_reader(opened, self._read, opened)
        return opened

    def _read(self, source: socket.socket) -> None:
        """Read one datagram; the loop calls again while there are more, and a second look would mostly find none."""
        try:
            datagram, place = source.recvfrom(LARGEST)
        except OSError:
            return
        for receive in tuple(self._receivers.get(_sender(place), ())):
            receive(datagram)


def _sender(place: Place) -> tuple[str, int]:
    """What says from whom a datagram is; a link-local address may come with its interface or without."""
    return str(place[0]).partition("%")[0], place[1]
