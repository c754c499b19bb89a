"""A worker process: it keeps the sessions with some thousands of BMCs and answers the service over one socket.

One event loop and no threads. It ends when the service hangs up, by its own alarm when its loop no longer turns, and
by SIGKILL whenever the service wants it.
"""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
from typing import Any

import uvloop

from fleetmon.clock import SystemClock
from fleetmon.drivers.ipmi.conversation import Conversation
from fleetmon.drivers.ipmi.messages import account_in, batch_in, line, parts, result_out
from fleetmon.drivers.ipmi.sockets import Sockets

SWEEP = 5.0
"""Seconds between two looks for idle sessions."""
ALARM = 30.0
"""Seconds after which a loop that did not turn ends the process."""


class Worker(asyncio.Protocol):
    """The service's questions, each a task, and the conversations they go to."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.ended: asyncio.Future[None] = loop.create_future()
        self._loop = loop
        self._sockets = Sockets(loop)
        self._clock = SystemClock()
        self._conversations: dict[int, Conversation] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._unread = b""
        self._transport: Any = None

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._say(0, "ready")
        self._sweep()

    def data_received(self, data: bytes) -> None:
        *lines, self._unread = (self._unread + data).split(b"\n")
        for text in lines:
            self._heed(*parts(text))

    def connection_lost(self, _: Exception | None) -> None:
        """The service hung up: close every session and end."""
        for task in self._tasks.values():
            task.cancel()
        for conversation in self._conversations.values():
            conversation.hang_up()
        self._sockets.close()
        if not self.ended.done():
            self.ended.set_result(None)

    def _heed(self, number: int, what: str, *said: Any) -> None:
        match what:
            case "ping":
                self._say(number, "pong")
            case "drop":
                if (task := self._tasks.get(said[0])) is not None:
                    task.cancel()
            case "ask":
                self._start(number, self._ask(number, *said))
            case "close":
                self._start(number, self._close(number, *said))

    def _start(self, number: int, work: Any) -> None:
        task = self._tasks[number] = self._loop.create_task(work)
        task.add_done_callback(lambda _: self._tasks.pop(number, None))

    async def _ask(self, number: int, key: int, told: list[Any] | None, *batch: Any) -> None:
        if told is not None:
            account = account_in(told)
            conversation = self._conversations.get(key)
            if conversation is None:
                self._conversations[key] = Conversation(account, self._sockets, self._clock)
            else:
                conversation.account = account
        self._say(number, result_out(await self._conversations[key].ask(batch_in(list(batch)))))

    async def _close(self, number: int, key: int) -> None:
        conversation = self._conversations.pop(key, None)
        self._say(number, await conversation.close() if conversation is not None else 0)

    def _say(self, number: int, said: Any) -> None:
        self._transport.write(line(number, said))

    def _sweep(self) -> None:
        """Close what is idle, and show the alarm that the loop turns."""
        signal.setitimer(signal.ITIMER_REAL, ALARM)
        for conversation in self._conversations.values():
            conversation.close_if_idle()
        if not self.ended.done():
            self._loop.call_later(SWEEP, self._sweep)


async def work(descriptor: int) -> None:
    """Answer the service on the other end of this socket until it hangs up."""
    loop = asyncio.get_running_loop()
    _, worker = await loop.create_connection(lambda: Worker(loop), sock=socket.socket(fileno=descriptor))
    await worker.ended


def main(descriptor: int) -> None:
    """Run the worker. SIGINT and SIGTERM are the service's matter, which may still need its sessions to close them."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    uvloop.run(work(descriptor))


if __name__ == "__main__":
    main(int(sys.argv[1]))
