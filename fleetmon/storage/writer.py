"""The one thread that writes to a file, and how it fares.

Writes queue up and share commits: each runs in a savepoint of its own, so one that fails loses only itself, and nobody
is told of success before the commit is. A commit that fails is fatal for the connection: everyone in it is told, the
connection is opened anew, and until a commit succeeds again the writer is in trouble and says so (F108, F110).
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from fleetmon.clock import Clock
from fleetmon.errors import NoRoom, StorageError
from fleetmon.storage.database import Connection
from fleetmon.storage.engine import connect_writer, is_fatal, sqlite3, told

BATCH = 256
"""Writes that may share one commit."""

Guard = Callable[[], StorageError | None]
"""Asked before each commit: why nothing may be written now, None when it may."""


def no_guard() -> None:
    """Anything may be written."""


@dataclass(frozen=True, slots=True)
class Pulse:
    """How a writer fares. `trouble` is why its last commit failed, empty when it did not."""

    trouble: str = ""
    since: datetime | None = None
    """When the trouble began."""
    commits: int = 0
    failed: int = 0
    """Commits that failed, since the start."""
    reopened: int = 0
    busy: float = 0.0
    """Seconds the commit under way has taken so far."""


@dataclass(slots=True)
class _Write:
    """One queued write and who waits for it; `alone`: outside any transaction, such as a checkpoint."""

    function: Callable[[Connection], Any]
    loop: asyncio.AbstractEventLoop
    waiting: asyncio.Future[Any]
    alone: bool = False
    result: Any = None
    error: BaseException | None = None


class Writer:
    """The only connection that changes a file, in a thread of its own."""

    def __init__(self, path: Path, *, synchronous: str, clock: Clock, guard: Guard = no_guard) -> None:
        self._path = path
        self._synchronous = synchronous
        self._clock = clock
        self._guard = guard
        self._connection: Any = connect_writer(path, synchronous=synchronous)
        self._identity = _identity(path)
        self._queue: queue.SimpleQueue[_Write | None] = queue.SimpleQueue()
        self._closed = False
        self._pulse = Pulse()
        self._started: float | None = None
        self._thread = threading.Thread(target=self._run, name=f"write-{path.stem}", daemon=True)
        self._thread.start()

    @property
    def connection(self) -> Any:
        """The writing connection; None while it cannot be opened."""
        return self._connection

    def pulse(self) -> Pulse:
        """How this writer fares now."""
        started, pulse = self._started, self._pulse
        busy = 0.0 if started is None else max(0.0, self._clock.monotonic() - started)
        return replace(pulse, busy=busy)

    def is_idle(self) -> bool:
        """Nothing is waiting to be written."""
        return self._queue.empty()

    def interrupt(self, after: float) -> bool:
        """End a statement that has run for longer than `after` seconds; whether there was one."""
        connection = self._connection
        if connection is None or self.pulse().busy <= after:
            return False
        connection.interrupt()
        return True

    async def perform(self, function: Callable[[Connection], Any], *, alone: bool = False) -> Any:
        """What `function` returns, once it is committed; raises StorageError when it cannot be."""
        if self._closed:
            raise StorageError(f"{self._path.name} is closed")
        loop = asyncio.get_running_loop()
        write = _Write(function, loop, loop.create_future(), alone)
        self._queue.put(write)
        return await write.waiting

    def stop(self) -> None:
        """Take no more writes; from the thread that asks for them, so that none comes after the last."""
        self._closed = True
        self._queue.put(None)

    def finish(self) -> None:
        """Wait until what was queued is written, then let go of the file. Blocks."""
        self._thread.join()
        self._let_go()

    # ---- the thread

    def _run(self) -> None:
        while True:
            batch, last = self._take()
            self._started = self._clock.monotonic()
            try:
                self._perform(batch)
            except Exception as error:  # noqa: BLE001 - a thread that dies would leave everyone waiting for ever
                for write in batch:
                    write.error = write.error or self._told(error)
                _tell(batch)
            self._started = None
            if last:
                return

    def _take(self) -> tuple[list[_Write], bool]:
        """What is written next; while nothing can be, all that is queued, so that everyone learns it at once."""
        batch: list[_Write] = []
        write = self._queue.get()
        while write is not None:
            batch.append(write)
            if self._queue.empty() or (len(batch) >= BATCH and not self._pulse.trouble):
                return batch, False
            write = self._queue.get()
        return batch, True

    def _perform(self, batch: list[_Write]) -> None:
        """Commit in order: stretches of ordinary writes together, each write that must be alone by itself."""
        together: list[_Write] = []
        for write in batch:
            if not write.alone:
                together.append(write)
                continue
            self._commit(together)
            together = []
            self._run_alone(write)
        self._commit(together)

    def _run_alone(self, write: _Write) -> None:
        try:
            write.result = write.function(self._open())
        except Exception as error:  # noqa: BLE001 - whoever awaits the write is told, whatever it was
            write.error = self._told(error)
            if is_fatal(error):
                self._fail(write.error)
        _tell([write])

    def _commit(self, batch: list[_Write]) -> None:
        if not batch:
            return
        refused = self._guard()
        if refused is not None:
            for write in batch:
                write.error = refused
            _tell(batch)
            return
        try:
            connection = self._open()
            connection.execute("BEGIN IMMEDIATE")
            for write in batch:
                self._run_in_savepoint(connection, write)
            connection.execute("COMMIT")
        except Exception as error:  # noqa: BLE001 - nobody may believe in a commit that did not happen
            why = self._told(error)
            for write in batch:
                write.error = write.error or why
            self._fail(why)
        else:
            self._pulse = replace(self._pulse, trouble="", since=None, commits=self._pulse.commits + 1)
        _tell(batch)

    def _run_in_savepoint(self, connection: Any, write: _Write) -> None:
        connection.execute("SAVEPOINT one")
        try:
            write.result = write.function(connection)
        except Exception as error:
            write.error = self._told(error)
            if is_fatal(error) or not connection.in_transaction:
                raise  # a failed disk took the whole transaction, and all that was in it
            connection.execute("ROLLBACK TO one")
        connection.execute("RELEASE one")

    def _open(self) -> Any:
        """The connection, opened when there is none. Raises StorageError, also when the file is another one now."""
        if _identity(self._path) != self._identity:
            raise StorageError(f"{self._path.name} was removed or replaced while in use", cure="restart the service")
        if self._connection is None:
            self._connection = connect_writer(self._path, synchronous=self._synchronous, make=False)
        return self._connection

    def _fail(self, error: BaseException) -> None:
        """After a failed commit the connection's state is not to be trusted: another one, now or at the next write."""
        self._let_go()
        opened = 0
        with contextlib.suppress(StorageError, sqlite3.Error):
            connection = self._open()
            opened = 1
            if isinstance(error, NoRoom):  # what the write-ahead log holds is moved, and its room is there for the next
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        before = self._pulse
        self._pulse = replace(
            before,
            trouble=str(error),
            since=before.since or self._clock.now(),
            failed=before.failed + 1,
            reopened=before.reopened + opened,
        )

    def _let_go(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None

    def _told(self, error: Exception) -> Exception:
        return told(self._path, error) if isinstance(error, sqlite3.Error) else error


def _identity(path: Path) -> tuple[int, int] | None:
    """Which file this is, whatever its name; None when there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _tell(batch: list[_Write]) -> None:
    """Wake everyone who waits, one call per loop and batch."""
    by_loop: dict[asyncio.AbstractEventLoop, list[_Write]] = {}
    for write in batch:
        by_loop.setdefault(write.loop, []).append(write)
    for loop, writes in by_loop.items():
        with contextlib.suppress(RuntimeError):  # the loop is gone, and with it everyone who waited
            loop.call_soon_threadsafe(_settle, writes)


def _settle(writes: list[_Write]) -> None:
    for write in writes:
        if write.waiting.done():
            continue
        if write.error is not None:
            write.waiting.set_exception(write.error)
        else:
            write.waiting.set_result(write.result)
