"""SQLite itself: which library, how a connection is made, what its errors mean.

The library is the one sqlite-utils uses: pysqlite3 where it is installed, with a SQLite of its own in the wheel.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Any

from sqlite_utils import utils as sqlite_utils_choice

from fleetmon.errors import FleetmonError, NoRoom, StorageError

sqlite3: Any = sqlite_utils_choice.sqlite3  # type: ignore[attr-defined]  # pysqlite3 where it is installed

BUSY_TIMEOUT = 5.0
"""Seconds to wait for a lock somebody else holds."""
WAL_LIMIT = 64 * 1024 * 1024
"""Bytes the write-ahead log is cut back to after a checkpoint."""
CHECKPOINT_PAGES = 2000
"""Pages of write-ahead log after which a commit also moves what it can into the file."""
FIRST_CORRUPTING, FIRST_SAFE = (3, 7, 0), (3, 51, 3)
"""SQLite versions that can corrupt a database when a write and a checkpoint race (sqlite.org/wal.html#walresetbug)."""

_NOMEM, _READONLY, _IOERR, _CORRUPT, _FULL, _CANTOPEN, _NOTADB = 7, 8, 10, 11, 13, 14, 26
_FATAL = frozenset({_NOMEM, _READONLY, _IOERR, _CORRUPT, _FULL, _CANTOPEN, _NOTADB})
"""Primary result codes (sqlite.org/rescode.html) after which nothing a connection holds is to be trusted."""


def version_warning(version: tuple[int, ...] = tuple(sqlite3.sqlite_version_info)) -> str | None:
    """Why this SQLite deserves a warning; None when it does not."""
    if FIRST_CORRUPTING <= version < FIRST_SAFE:
        found = ".".join(map(str, version))
        return f"SQLite {found} has the WAL-reset bug; install pysqlite3, or SQLite 3.51.3 or later"
    return None


def sqlite_version() -> str:
    """The SQLite in use."""
    return str(sqlite3.sqlite_version)


def connect(path: Path, *, mode: str = "rwc") -> Any:
    """A connection with our ways: explicit transactions, rows by name, patience with locks.

    `mode` is SQLite's: `ro`, `rw` for a file that must be there, `rwc` to make it. Raises StorageError.
    """
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
        if mode == "ro":
            connection.execute("PRAGMA query_only = ON").fetchall()
    except sqlite3.Error as error:
        raise told(path, error) from error
    return connection


def connect_writer(path: Path, *, synchronous: str, make: bool = True) -> Any:
    """The one writing connection of a file: WAL, the only checkpointer, as durable as `synchronous` (FULL, NORMAL).

    What is deleted from a FULL file is overwritten: it may have been a secret, even a sealed one. Without `make` the
    file must be there: a database that vanished while in use is not replaced by an empty one. Raises StorageError.
    """
    if make:
        _make(path)
    connection = connect(path, mode="rw")
    try:
        for pragma in (
            "journal_mode = WAL",
            f"synchronous = {synchronous}",
            f"secure_delete = {'ON' if synchronous == 'FULL' else 'OFF'}",
            f"journal_size_limit = {WAL_LIMIT}",
            "cache_size = -32768",
            f"wal_autocheckpoint = {CHECKPOINT_PAGES}",
        ):
            connection.execute(f"PRAGMA {pragma}").fetchall()
    except sqlite3.Error as error:
        connection.close()
        raise told(path, error) from error
    return connection


def _make(path: Path) -> None:
    """The file is there, its owner's alone."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        return
    except OSError as error:
        raise StorageError(f"{path.name} cannot be made: {error.strerror}", cure="free some space") from error


def copy_database(connection: Any, target: Path) -> None:
    """A copy of the database behind `connection`, by SQLite's own backup, as a file of its owner's alone."""
    try:
        os.close(os.open(target, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        with contextlib.closing(sqlite3.connect(str(target))) as copy:
            connection.backup(copy)
    except sqlite3.Error as error:
        raise told(target, error) from error
    except OSError as error:
        raise StorageError(f"{target} cannot be made: {error.strerror}", cure="name another directory") from error


def is_fatal(error: Exception) -> bool:
    """The disk or the file failed, not the statement: nobody who shared the transaction may be told of success."""
    return _code(error) in _FATAL


def _code(error: Exception) -> int:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def told(path: Path, error: Exception) -> FleetmonError:
    """An engine's error as one line naming the file and, where there is one, the cure."""
    text = str(error)
    cure = next((cure for sign, cure in _CURES if sign in text), "")
    kind = NoRoom if _code(error) == _FULL else StorageError
    return kind(f"{path.name}: {text}", cure=cure)


_CURES = (
    ("disk is full", "free some space; writing goes on by itself"),
    ("disk I/O error", "check the disk; writing goes on by itself when it works again"),
    ("locked", "another program writes to this file; end it"),
    ("interrupted", "it took too long; ask for less at once"),
    ("malformed", "run `fleetmon db check`, and restore a backup"),
    ("not a database", "this file is no SQLite database; restore a backup"),
    ("unable to open", "check that the file is there and that this user may read and write it"),
)
