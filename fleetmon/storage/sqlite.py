"""SQLite as the engine: one file, one writer thread that is also the only checkpointer, a few short readers.

Readers open the file read-only and always fetch all rows, so that a cancelled request leaves no cursor behind to pin
the write-ahead log; one that takes longer than anybody should wait is ended (F106, F107).
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar, cast

from fleetmon.clock import Clock, SystemClock
from fleetmon.errors import StorageError
from fleetmon.storage.database import Connection, Parameters, Row
from fleetmon.storage.engine import BUSY_TIMEOUT, connect, copy_database, sqlite3, told
from fleetmon.storage.writer import Guard, Pulse, Writer, no_guard

T = TypeVar("T")

PATIENCE = 50
"""Milliseconds a checkpoint waits for readers to be done."""


class SqliteDatabase:
    """One SQLite file as a `Database`; its schema is already what the program expects.

    `guard` is asked before each commit whether anything may be written.
    """

    def __init__(
        self,
        path: Path,
        *,
        synchronous: str = "FULL",
        readers: int = 3,
        clock: Clock | None = None,
        guard: Guard = no_guard,
    ) -> None:
        self.path = path
        self._clock = clock or SystemClock()
        self._writer = Writer(path, synchronous=synchronous, clock=self._clock, guard=guard)
        self._closed = False
        self._reading: list[Any] = []
        self._looking: dict[Any, float] = {}
        """Reading connections at work, and since when on the monotonic clock."""
        self._turn = threading.Lock()
        self._local = threading.local()
        self._readers = ThreadPoolExecutor(readers, thread_name_prefix=f"read-{path.stem}")

    async def read(self, sql: str, params: Parameters = ()) -> list[Row]:
        return await self._in_reader(lambda connection: connection.execute(sql, params).fetchall())

    async def look(self, function: Callable[[Connection], T]) -> T:
        def snapshot(connection: Any) -> T:
            connection.execute("BEGIN")
            try:
                return function(connection)
            finally:
                connection.execute("ROLLBACK")

        return await self._in_reader(snapshot)

    async def write(self, function: Callable[[Connection], T]) -> T:
        return cast(T, await self._writer.perform(function))

    async def change(self, sql: str, params: Parameters = ()) -> list[Row]:
        return await self.write(lambda connection: connection.execute(sql, params).fetchall())

    async def checkpoint(self, *, truncate: bool = False) -> None:
        """Move the write-ahead log into the file; `truncate` also cuts it to nothing, when no reader is in the way.

        Readers are waited for no longer than `PATIENCE`, since every write waits too; the next time may do better.
        """
        mode = "TRUNCATE" if truncate else "PASSIVE"

        def run(connection: Connection) -> None:
            connection.execute(f"PRAGMA busy_timeout = {PATIENCE}").fetchall()
            try:
                connection.execute(f"PRAGMA wal_checkpoint({mode})").fetchall()
            finally:
                connection.execute(f"PRAGMA busy_timeout = {int(BUSY_TIMEOUT * 1000)}").fetchall()

        await self._writer.perform(run, alone=True)

    async def optimise(self) -> None:
        """Let SQLite look at its statistics again."""
        await self._writer.perform(lambda connection: connection.execute("PRAGMA optimize").fetchall(), alone=True)

    async def prove(self) -> None:
        """Commit something that changes nothing, to the disk; raises StorageError where no commit is possible."""

        def touch(connection: Connection) -> None:
            version = connection.execute("PRAGMA user_version").fetchall()[0][0]
            connection.execute(f"PRAGMA user_version = {version}").fetchall()

        await self.write(touch)

    async def copy_to(self, target: Path) -> None:
        """An online copy of the file as it is now, readers and the writer undisturbed."""
        await self._in_reader(lambda connection: copy_database(connection, target))

    def is_idle(self) -> bool:
        """Nothing is waiting to be written."""
        return self._writer.is_idle()

    def pulse(self) -> Pulse:
        """How the writer fares."""
        return self._writer.pulse()

    def end_overdue(self, *, reads: float, writes: float) -> int:
        """End statements that have run for more than so many seconds; how many there were."""
        now = self._clock.monotonic()
        with self._turn:
            overdue = [connection for connection, since in self._looking.items() if now - since > reads]
            for connection in overdue:
                connection.interrupt()
        return len(overdue) + self._writer.interrupt(writes)

    def file_bytes(self) -> int:
        """How large the file is, without its write-ahead log."""
        return _size(self.path)

    def wal_bytes(self) -> int:
        """How large the write-ahead log is."""
        return _size(Path(f"{self.path}-wal"))

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._writer.stop()
        await asyncio.to_thread(self._finish)

    def _finish(self) -> None:
        self._readers.shutdown(wait=True)
        for connection in self._reading:
            connection.close()
        self._writer.finish()

    async def _in_reader(self, function: Callable[[Any], T]) -> T:
        if self._closed:
            raise StorageError(f"{self.path.name} is closed")
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._with_reader, function)

    def _with_reader(self, function: Callable[[Any], T]) -> T:
        connection = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = connect(self.path, mode="ro")
            self._reading.append(connection)
        with self._turn:
            self._looking[connection] = self._clock.monotonic()
        try:
            return function(connection)
        except sqlite3.Error as error:
            raise told(self.path, error) from error
        finally:
            with self._turn:
                del self._looking[connection]


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
