"""One connection of whoever sends to the receiver, bounded before a message of it is there to be judged.

uvicorn waits for the head of a request for ever and takes as much of it as comes; anybody who reaches the port could so
use up the open files and the memory that polls need. Here connections are counted when they come, a handshake and a
head have their time, a head has its size, and what is no HTTP is answered without a line in the log.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import ssl
from collections.abc import Callable
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from fleetmon.clock import Clock

CROWD = 500
"""Connections at once; one more is closed as it comes."""
PATIENCE = 10.0
"""Seconds for a handshake, and for the head of a message from there or from the end of the message before."""
MAX_HEAD = 64 * 1024
"""Bytes of a head, and of what was read with its end; those of real services stay below a hundredth of it."""

_quiet = logging.getLogger("uvicorn.error.receiver")
_quiet.setLevel(logging.ERROR)


class Doorway(HttpToolsProtocol):
    """uvicorn's connection, with the caps above."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.logger = _quiet
        self._waiting: asyncio.TimerHandle | None = None
        self._size = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn narrows it
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_is_there()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._waiting is not None:
            self._size += len(data)
        super().data_received(data)
        if self._waiting is not None and self._size > MAX_HEAD:
            self.transport.abort()

    def on_headers_complete(self) -> None:
        self._head_is_there()
        super().on_headers_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.timeout_keep_alive_task is not None and not self.transport.is_closing():
            self._await_head()

    def _await_head(self) -> None:
        self._size = 0
        self._waiting = self.loop.call_later(PATIENCE, self.transport.abort)

    def _head_is_there(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None


async def admit(
    listener: socket.socket, context: ssl.SSLContext | None, door: Callable[[], Doorway], clock: Clock
) -> None:
    """Let in who comes, until cancelled, each behind a handshake where there is a `context`.

    A server of asyncio's would count nobody before the handshake is done, and wait a minute for each.
    """
    loop = asyncio.get_running_loop()
    coming: set[asyncio.Task[None]] = set()

    async def let_in(line: socket.socket, one: Doorway) -> None:
        patience = {} if context is None else {"ssl_handshake_timeout": PATIENCE}
        with contextlib.suppress(OSError):
            await loop.connect_accepted_socket(lambda: one, line, ssl=context, **patience)

    while True:
        try:
            line, _ = await loop.sock_accept(listener)
        except OSError:  # too few open files, or who came is gone
            await clock.sleep(1)
            continue
        one = door()
        if len(coming) + len(one.connections) >= CROWD:
            line.close()
            continue
        task = loop.create_task(let_in(line, one))
        coming.add(task)
        task.add_done_callback(coming.discard)
