"""The service's side of its IPMI workers: started when needed, asked over a socket, killed and replaced when they hang.

A worker is a process of its own because it runs a protocol library on what strangers send (F86, F87): it can be killed
at any moment, and takes nothing with it but the sessions it kept.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from fleetmon import logs
from fleetmon.clock import Clock
from fleetmon.drivers.ipmi.messages import (
    Account,
    Batch,
    Outcome,
    Result,
    account_out,
    batch_out,
    line,
    parts,
    result_in,
)

log = logs.get("ipmi")

MOST = 2
"""Workers at most; one carries some thousands of BMCs, two keep half of them through a kill."""
SHARE = 500
"""BMCs a worker gets before the next one is started."""
WATCH = 5.0
"""Seconds between two looks at whether a worker still turns."""
HUNG = 10.0
"""Seconds without an answer to such a look after which it is killed."""
START = 20.0
"""Seconds a worker may take to start."""
SLACK = 5.0
"""Seconds beyond the time for a batch after which its answer is no longer waited for."""
GOODBYE = 1.5
"""Seconds closing a session may take."""
BETWEEN_STARTS = 1.0
"""Seconds at least between two starts of the same worker."""


Start = Callable[[], Awaitable["Link"]]


class Gone(Exception):
    """The worker ended before it answered."""


class Process(Protocol):
    """What is needed of a process: `subprocess.Popen`."""

    @property
    def pid(self) -> int: ...

    def kill(self) -> None: ...

    def wait(self, timeout: float | None = None) -> int: ...


class Workers:
    """All workers of one service. Nothing is started before the first question."""

    def __init__(self, *, clock: Clock, most: int = MOST, share: int = SHARE, start: Start | None = None) -> None:
        self._share = share
        self._places = [_Place(clock, start or start_worker) for _ in range(most)]
        self._keys = itertools.count(1)

    @property
    def replaced(self) -> int:
        """Times a worker was started in place of one that ended."""
        return sum(max(0, place.starts - 1) for place in self._places)

    @property
    def processes(self) -> list[int]:
        """Ids of those that run now."""
        workers = (place.worker for place in self._places)
        return [worker.process.pid for worker in workers if worker is not None and not worker.ended]

    def seat(self) -> Seat:
        """A place for the session with one BMC, in the first worker that has room or the least crowded one."""
        roomy = (place for place in self._places if place.seats < self._share)
        place = next(roomy, min(self._places, key=lambda place: place.seats))
        place.seats += 1
        return Seat(place, next(self._keys))

    async def close(self) -> None:
        """End them all; each closes the sessions it kept."""
        await asyncio.gather(*(place.close() for place in self._places))


class Seat:
    """Where the session with one BMC lives, whichever process that is just now."""

    def __init__(self, place: _Place, key: int) -> None:
        self._place, self._key = place, key
        self._taken = True

    async def ask(self, account: Account, batch: Batch) -> Result:
        """What became of the batch; never raises, and never takes much longer than the batch may."""
        if not self._taken:
            self._taken = True
            self._place.seats += 1
        try:
            worker = await self._place.running()
            told = None if worker.told.get(self._key) == account else account_out(account)
            worker.told[self._key] = account
            said = await worker.call(batch.time + SLACK, "ask", self._key, told, *batch_out(batch))
            return result_in(said)
        except Gone as error:
            return Result(outcome=Outcome.ORPHANED, reason=str(error))
        except TimeoutError:
            return Result(outcome=Outcome.ORPHANED, reason="its worker gave no answer in time")

    async def close(self) -> int:
        """Have the session closed, if there is one; the datagrams that took. A later question takes the seat again."""
        if self._taken:
            self._taken = False
            self._place.seats -= 1
        worker = self._place.worker
        if worker is None or worker.told.pop(self._key, None) is None:
            return 0
        with contextlib.suppress(Gone, TimeoutError):
            return result_in(await worker.call(GOODBYE, "close", self._key)).sent
        return 0


class _Place:
    """One worker, or the one that comes after it."""

    def __init__(self, clock: Clock, start: Start) -> None:
        self.seats = 0
        self.starts = 0
        self.worker: Link | None = None
        self._clock, self._start = clock, start
        self._starting: asyncio.Task[Link] | None = None
        self._watching: asyncio.Task[None] | None = None
        self._started_at = float("-inf")

    async def running(self) -> Link:
        """The worker, started where none runs; raises Gone when that fails."""
        if self.worker is not None and not self.worker.ended:
            return self.worker
        if self._starting is None or self._starting.done():
            self._starting = asyncio.create_task(self._replace(), name="start of an ipmi worker")
        return await asyncio.shield(self._starting)

    async def close(self) -> None:
        if self._starting is not None:
            await asyncio.wait({self._starting})
        await self._end_watch()
        if self.worker is not None:
            await self.worker.end()
        self.worker = self._starting = None

    async def _replace(self) -> Link:
        await self._end_watch()
        if self.worker is not None:
            await self.worker.kill()
        await self._clock.sleep(self._started_at + BETWEEN_STARTS - self._clock.monotonic())
        self._started_at = self._clock.monotonic()
        self.starts += 1
        if self.starts > 1:
            log.warning("ipmi worker replaced", starts=self.starts)
        self.worker = await self._start()
        self._watching = asyncio.create_task(self._watch(self.worker), name="watch of an ipmi worker")
        return self.worker

    async def _watch(self, worker: Link) -> None:
        """Kill it when it no longer turns."""
        while not worker.ended:
            await self._clock.sleep(WATCH)
            try:
                await worker.call(HUNG, "ping")
            except (Gone, TimeoutError):
                if not worker.ended:
                    log.error("ipmi worker hangs and is killed", pid=worker.process.pid)
                await worker.kill()

    async def _end_watch(self) -> None:
        if self._watching is not None:
            self._watching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watching
            self._watching = None


class Link(asyncio.Protocol):
    """The socket to one process, and the questions it has not answered yet."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.told: dict[int, Account] = {}
        self.ended = False
        self._hung_up = False
        self._ready: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting: dict[int, asyncio.Future[Any]] = {0: self._ready}
        self._numbers = itertools.count(1)
        self._transport: asyncio.Transport | None = None
        self._unread = b""

    async def call(self, seconds: float, what: str, *said: Any) -> Any:
        """Its answer; raises Gone, or TimeoutError when it takes longer."""
        if self.ended or self._transport is None:
            raise Gone("its worker ended")
        loop = asyncio.get_running_loop()
        number = next(self._numbers)
        answered = self._waiting[number] = loop.create_future()
        limit = loop.call_later(seconds, _expire, answered)
        self._transport.write(line(number, what, *said))
        try:
            return await answered
        except (TimeoutError, asyncio.CancelledError):
            if what == "ask" and not self.ended:
                self._transport.write(line(0, "drop", number))
            raise
        finally:
            limit.cancel()
            del self._waiting[number]

    async def ready(self) -> None:
        """Wait until it has started; raises Gone."""
        async with asyncio.timeout(START):
            await self._ready

    async def end(self) -> None:
        """Hang up, which ends it once it has closed its sessions, and see to it that it does."""
        self._hung_up = True
        if self._transport is not None:
            self._transport.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            await asyncio.to_thread(self.process.wait, GOODBYE)
        await self.kill()

    async def kill(self) -> None:
        """End it whatever it does."""
        self.ended = True
        self.process.kill()
        await asyncio.to_thread(self.process.wait)
        if self._transport is not None:
            self._transport.abort()

    # asyncio.Protocol

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        *lines, self._unread = (self._unread + data).split(b"\n")
        for text in lines:
            number, said = parts(text)
            answered = self._waiting.get(number)
            if answered is not None and not answered.done():
                answered.set_result(said)

    def connection_lost(self, _: Exception | None) -> None:
        self.ended = True
        if not self._hung_up:
            self.process.kill()
        for answered in self._waiting.values():
            if not answered.done():
                answered.set_exception(Gone("its worker ended"))
        if self._ready.done() and not self._ready.cancelled():
            self._ready.exception()


def _expire(answered: asyncio.Future[Any]) -> None:
    if not answered.done():
        answered.set_exception(TimeoutError())


async def start_worker() -> Link:
    """A new worker, ready to be asked; raises Gone."""
    ours, theirs = socket.socketpair()
    with contextlib.closing(theirs):
        try:
            process = await asyncio.to_thread(_spawn, theirs.fileno())
        except OSError as error:
            ours.close()
            raise Gone(f"no worker could be started: {error.strerror}") from None
    ours.setblocking(False)
    loop = asyncio.get_running_loop()
    _, worker = await loop.create_connection(lambda: Link(process), sock=ours)
    try:
        await worker.ready()
    except (Gone, TimeoutError):
        await worker.kill()
        raise Gone("no worker could be started") from None
    return worker


def _spawn(descriptor: int) -> subprocess.Popen[bytes]:
    """The process, with nothing of ours but the socket: no other descriptor, no secret in its environment."""
    return subprocess.Popen(  # noqa: S603 - our own interpreter and module
        [sys.executable, "-P", "-m", "fleetmon.drivers.ipmi.worker", str(descriptor)],
        env={"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        pass_fds=(descriptor,),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
