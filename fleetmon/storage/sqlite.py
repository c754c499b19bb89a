"""SQLite as the engine: one file, one writer thread that is also the only checkpointer, a few short readers.

Writes queue up and share commits: each runs in a savepoint of its own, so one that fails loses only itself, and nobody
is told of success before the commit is. Readers open the file read-only and always fetch all rows, so that a cancelled
request leaves no cursor behind to pin the write-ahead log.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import queue
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, cast

from sqlite_utils import utils as sqlite_utils_choice

from fleetmon.errors import FleetmonError, StorageError
from fleetmon.storage.database import Connection, Parameters, Row

T = TypeVar("T")

sqlite3: Any = sqlite_utils_choice.sqlite3  # type: ignore[attr-defined]  # pysqlite3 where it is installed

BATCH = 256
"""Writes that may share one commit."""
BUSY_TIMEOUT = 5.0
"""Seconds to wait for a lock somebody else holds."""
PATIENCE = 50
"""Milliseconds a checkpoint waits for readers to be done."""
WAL_LIMIT = 64 * 1024 * 1024
"""Bytes the write-ahead log is cut back to after a checkpoint."""
FIRST_CORRUPTING, FIRST_SAFE = (3, 7, 0), (3, 51, 3)
"""SQLite versions that can corrupt a database when a write and a checkpoint race (sqlite.org/wal.html#walresetbug)."""


def version_warning(version: tuple[int, ...] = tuple(sqlite3.sqlite_version_info)) -> str | None:
    """Why this SQLite deserves a warning; None when it does not."""
    if FIRST_CORRUPTING <= version < FIRST_SAFE:
        found = ".".join(map(str, version))
        return f"SQLite {found} has the WAL-reset bug; install pysqlite3, or SQLite 3.51.3 or later"
    return None


def sqlite_version() -> str:
    """The SQLite in use."""
    return str(sqlite3.sqlite_version)


def connect(path: Path, *, read_only: bool = False) -> Any:
    """A connection with our ways: explicit transactions, rows by name, patience with locks."""
    mode = "ro" if read_only else "rwc"
    try:
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode={mode}",
            uri=True,
            timeout=BUSY_TIMEOUT,
            isolation_level=None,
            check_same_thread=False,
        )
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA temp_store = MEMORY").fetchall()
        connection.execute("PRAGMA foreign_keys = ON").fetchall()
        if read_only:
            connection.execute("PRAGMA query_only = ON").fetchall()
    except sqlite3.Error as error:
        raise _told(path, error) from error
    return connection


def connect_writer(path: Path, *, synchronous: str) -> Any:
    """The one writing connection of a file: WAL, the only checkpointer, as durable as `synchronous` (FULL, NORMAL).

    What is deleted from a FULL file is overwritten: it may have been a secret, even a sealed one.
    """
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    connection = connect(path)
    try:
        for pragma in (
            "journal_mode = WAL",
            f"synchronous = {synchronous}",
            f"secure_delete = {'ON' if synchronous == 'FULL' else 'OFF'}",
            f"journal_size_limit = {WAL_LIMIT}",
            "cache_size = -32768",
            "wal_autocheckpoint = 2000",
        ):
            connection.execute(f"PRAGMA {pragma}").fetchall()
    except sqlite3.Error as error:
        connection.close()
        raise _told(path, error) from error
    return connection


@dataclass(slots=True)
class _Write:
    """One queued write and who waits for it; `alone`: outside any transaction, such as a checkpoint."""

    function: Callable[[Connection], Any]
    loop: asyncio.AbstractEventLoop
    waiting: asyncio.Future[Any]
    alone: bool = False
    result: Any = None
    error: BaseException | None = None


class SqliteDatabase:
    """One SQLite file as a `Database`; its schema is already what the program expects."""

    def __init__(self, path: Path, *, synchronous: str = "FULL", readers: int = 3) -> None:
        self.path = path
        self._synchronous = synchronous
        self._connection = connect_writer(path, synchronous=synchronous)
        self._queue: queue.SimpleQueue[_Write | None] = queue.SimpleQueue()
        self._closed = False
        self._reading: list[Any] = []
        self._local = threading.local()
        self._readers = ThreadPoolExecutor(readers, thread_name_prefix=f"read-{path.stem}")
        self._writer = threading.Thread(target=self._write_on, name=f"write-{path.stem}", daemon=True)
        self._writer.start()

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
        return cast(T, await self._queued(function, alone=False))

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

        await self._queued(run, alone=True)

    async def optimise(self) -> None:
        """Let SQLite look at its statistics again."""
        await self._queued(lambda connection: connection.execute("PRAGMA optimize").fetchall(), alone=True)

    async def copy_to(self, target: Path) -> None:
        """An online copy of the file as it is now, readers and the writer undisturbed."""
        await self._in_reader(lambda connection: copy_database(connection, target))

    def is_idle(self) -> bool:
        """Nothing is waiting to be written."""
        return self._queue.empty()

    def wal_bytes(self) -> int:
        """How large the write-ahead log is."""
        try:
            return Path(f"{self.path}-wal").stat().st_size
        except FileNotFoundError:
            return 0

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._queue.put(None)
        await asyncio.to_thread(self._finish)

    def _finish(self) -> None:
        self._readers.shutdown(wait=True)
        for connection in self._reading:
            connection.close()
        self._writer.join()
        self._connection.close()

    # ---- readers

    async def _in_reader(self, function: Callable[[Any], T]) -> T:
        if self._closed:
            raise StorageError(f"{self.path.name} is closed")
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._with_reader, function)

    def _with_reader(self, function: Callable[[Any], T]) -> T:
        connection = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = connect(self.path, read_only=True)
            self._reading.append(connection)
        try:
            return function(connection)
        except sqlite3.Error as error:
            raise _told(self.path, error) from error

    # ---- the writer

    async def _queued(self, function: Callable[[Connection], Any], *, alone: bool) -> Any:
        if self._closed:
            raise StorageError(f"{self.path.name} is closed")
        loop = asyncio.get_running_loop()
        write = _Write(function, loop, loop.create_future(), alone)
        self._queue.put(write)
        return await write.waiting

    def _write_on(self) -> None:
        while True:
            first = self._queue.get()
            batch: list[_Write] = []
            while first is not None:
                batch.append(first)
                if len(batch) >= BATCH or self._queue.empty():
                    break
                first = self._queue.get()
            self._perform(batch)
            if first is None:
                return

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
            _tell([write])
        self._commit(together)

    def _run_alone(self, write: _Write) -> None:
        try:
            write.result = write.function(self._connection)
        except Exception as error:  # noqa: BLE001 - whoever awaits the write is told, whatever it was
            write.error = self._translated(error)

    def _commit(self, batch: list[_Write]) -> None:
        if not batch:
            return
        connection = self._connection
        try:
            connection.execute("BEGIN IMMEDIATE")
            for write in batch:
                self._run_in_savepoint(write)
            connection.execute("COMMIT")
        except Exception as error:  # noqa: BLE001 - nobody may believe in a commit that did not happen
            for write in batch:
                write.error = write.error or self._translated(error)
            self._reopen()
        _tell(batch)

    def _run_in_savepoint(self, write: _Write) -> None:
        connection = self._connection
        connection.execute("SAVEPOINT one")
        try:
            write.result = write.function(connection)
        except Exception as error:
            write.error = self._translated(error)
            if not connection.in_transaction:
                raise  # a full disk or a failed write took the whole transaction, and all that was in it
            connection.execute("ROLLBACK TO one")
        connection.execute("RELEASE one")

    def _reopen(self) -> None:
        """After a failed commit the connection's state is not to be trusted (F108, F110)."""
        with contextlib.suppress(sqlite3.Error):
            self._connection.close()
        try:
            self._connection = connect_writer(self.path, synchronous=self._synchronous)
        except StorageError:
            # The disk may still be full; the closed connection fails the next batch, which tries again.
            return

    def _translated(self, error: Exception) -> Exception:
        return _told(self.path, error) if isinstance(error, sqlite3.Error) else error


def copy_database(connection: Any, target: Path) -> None:
    """A copy of the database behind `connection`, by SQLite's own backup, as a file of its owner's alone."""
    os.close(os.open(target, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    copy = sqlite3.connect(str(target))
    try:
        connection.backup(copy)
    finally:
        copy.close()


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


def _told(path: Path, error: Exception) -> FleetmonError:
    """An engine's error as one line naming the file and, where there is one, the cure."""
    text = str(error)
    cure = next((cure for sign, cure in _CURES if sign in text), "")
    return StorageError(f"{path.name}: {text}", cure=cure)


_CURES = (
    ("disk is full", "free some space; writing goes on by itself"),
    ("disk I/O error", "check the disk; writing goes on by itself when it works again"),
    ("locked", "another program writes to this file; end it"),
    ("malformed", "run `fleetmon db check`, and restore a backup"),
    ("not a database", "this file is no SQLite database; restore a backup"),
    ("unable to open", "check that the file is there and that this user may read and write it"),
)
