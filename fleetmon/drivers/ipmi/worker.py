"""A worker process: it keeps the sessions with some thousands of BMCs and answers the service over one socket.

One event loop and no threads. It ends when the service hangs up, by its own alarm when its loop no longer turns, and
by SIGKILL whenever the service wants it.
"""

from __future__ import annotations

import asyncio
import resource
import signal
import socket
import sys
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

import uvloop

from fleetmon.clock import SystemClock
from fleetmon.drivers.ipmi.conversation import Conversation
from fleetmon.drivers.ipmi.messages import Account, Outcome, Result, account_in, batch_in, line, parts, result_out
from fleetmon.drivers.ipmi.sockets import Sockets

SWEEP = 5.0
"""Seconds between two looks for idle sessions."""
ALARM = 30.0
"""Seconds after which a loop that did not turn ends the process."""


class Worker(asyncio.Protocol):
    """The service's questions, each a task, and the conversations they go to."""

    def __init__(self, loop: asyncio.AbstractEventLoop, turns: Callable[[], None]) -> None:
        self.ended: asyncio.Future[None] = loop.create_future()
        self._loop, self._turns = loop, turns
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
                key, told, *batch = said
                if told is not None:  # noted now: the question may be taken back before its task begins
                    self._note(key, account_in(told))
                self._start(number, self._ask(number, key, *batch))
            case "close":
                self._start(number, self._close(number, self._conversations.pop(said[0], None)))

    def _start(self, number: int, work: Coroutine[Any, Any, None]) -> None:
        task = self._tasks[number] = self._loop.create_task(work)
        task.add_done_callback(partial(self._done, number))

    def _done(self, number: int, task: asyncio.Task[None]) -> None:
        """A mistake of ours ends one batch, not the worker; asyncio writes it to the log."""
        del self._tasks[number]
        if not task.cancelled() and (mistake := task.exception()) is not None:
            self._loop.call_exception_handler({"message": "a batch failed", "exception": mistake})
            self._say(number, result_out(Result(outcome=Outcome.ORPHANED, reason="its worker made a mistake")))

    def _note(self, key: int, account: Account) -> None:
        conversation = self._conversations.get(key)
        if conversation is None:
            self._conversations[key] = Conversation(account, self._sockets, self._clock)
        else:
            conversation.account = account

    async def _ask(self, number: int, key: int, *batch: Any) -> None:
        self._say(number, result_out(await self._conversations[key].ask(batch_in(list(batch)))))

    async def _close(self, number: int, conversation: Conversation | None) -> None:
        sent = await conversation.close() if conversation is not None else 0
        self._say(number, result_out(Result(outcome=Outcome.DONE, sent=sent)))

    def _say(self, number: int, said: Any) -> None:
        self._transport.write(line(number, said))

    def _sweep(self) -> None:
        """Close what is idle, and show that the loop turns."""
        self._turns()
        for conversation in self._conversations.values():
            conversation.close_if_idle()
        if not self.ended.done():
            self._loop.call_later(SWEEP, self._sweep)


async def work(descriptor: int) -> None:
    """Answer the service on the other end of this socket until it hangs up."""
    loop = asyncio.get_running_loop()
    ours = socket.socket(fileno=descriptor)
    _, worker = await loop.create_connection(lambda: Worker(loop, wind_up), sock=ours)
    await worker.ended


def wind_up() -> None:
    """Put off the alarm that ends this process."""
    signal.setitimer(signal.ITIMER_REAL, ALARM)


def main(descriptor: int) -> None:
    """Run the worker. SIGINT and SIGTERM are the service's matter, which may still need its sessions to close them.

    A crash leaves no core behind, which would hold the passwords of all its BMCs.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    uvloop.run(work(descriptor))


if __name__ == "__main__":
    main(int(sys.argv[1]))
