from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from fleetmon.clock import ManualClock
from fleetmon.errors import Conflict, StorageError
from fleetmon.storage import open_store
from fleetmon.storage.database import Connection
from fleetmon.storage.engine import connect, version_warning
from fleetmon.storage.lock import DirectoryLock
from fleetmon.storage.sqlite import SqliteDatabase
from tests.observations import opened

LOCKER = """
import sys
from pathlib import Path
from fleetmon.storage.lock import DirectoryLock
DirectoryLock(Path(sys.argv[1]))
"""


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[SqliteDatabase]:
    database = SqliteDatabase(tmp_path / "test.db")
    await database.change("CREATE TABLE entry (number INTEGER PRIMARY KEY, said TEXT NOT NULL)")
    yield database
    await database.close()


def add(number: int) -> Any:
    return lambda connection: connection.execute("INSERT INTO entry VALUES (?, 'x')", (number,)).rowcount


async def numbers(database: SqliteDatabase) -> list[int]:
    return [row["number"] for row in await database.read("SELECT number FROM entry ORDER BY number")]


class Gate:
    """Holds the writer so that what is queued meanwhile shares one commit."""

    def __init__(self) -> None:
        self.open = threading.Event()

    def wait(self, connection: Connection) -> None:
        self.open.wait(5)


async def together(database: SqliteDatabase, *functions: Any) -> list[Any]:
    """The results of writes that share one commit."""
    gate = Gate()
    first = asyncio.ensure_future(database.write(gate.wait))
    await asyncio.sleep(0.02)
    waiting = [asyncio.ensure_future(database.write(function)) for function in functions]
    await asyncio.sleep(0)
    gate.open.set()
    await first
    return await asyncio.gather(*waiting, return_exceptions=True)


async def test_writes_that_queue_share_one_commit(database: SqliteDatabase) -> None:
    commits: list[str] = []
    database._writer.connection.set_trace_callback(lambda sql: commits.append(sql) if sql == "COMMIT" else None)
    await together(database, *map(add, range(20)))
    assert len(commits) == 2
    assert await numbers(database) == list(range(20))


async def test_a_write_that_fails_loses_only_itself(database: SqliteDatabase) -> None:
    def half(connection: Connection) -> None:
        add(7)(connection)
        raise Conflict("no")

    results = await together(database, add(1), half, add(2), add(2), add(3))
    assert isinstance(results[1], Conflict)
    assert isinstance(results[3], StorageError)
    assert await numbers(database) == [1, 2, 3]


async def test_nobody_is_told_of_success_before_the_commit(database: SqliteDatabase) -> None:
    other = connect(database.path, mode="ro")
    for number in range(50):
        await database.write(add(number))
        assert other.execute("SELECT count(*) FROM entry").fetchone()[0] == number + 1
    other.close()


async def test_a_full_disk_refuses_every_write_of_the_batch_and_later_ones_go_on(database: SqliteDatabase) -> None:
    def big(connection: Connection) -> None:
        connection.execute("PRAGMA max_page_count = 12").fetchall()
        connection.execute("INSERT INTO entry VALUES (99, ?)", ("x" * 200_000,))

    results = await together(database, add(1), big, add(2))
    assert isinstance(results[1], StorageError)
    assert "free some space" in str(results[1])
    told = {number for number, result in ((1, results[0]), (2, results[2])) if not isinstance(result, Exception)}
    assert set(await numbers(database)) == told
    await database.write(add(3))
    assert 3 in await numbers(database)


async def test_an_error_that_takes_the_whole_transaction_is_told_to_everyone_in_it(database: SqliteDatabase) -> None:
    """As a failing disk does. Planted bug: going on with the batch acknowledges a write that was rolled back."""
    await database.change(
        "CREATE TRIGGER breaks AFTER INSERT ON entry WHEN new.number = 99 BEGIN SELECT raise(ROLLBACK, 'gone'); END"
    )
    results = await together(database, add(1), add(99), add(2))
    assert [isinstance(result, StorageError) for result in results] == [True, True, True]
    assert await numbers(database) == []
    await database.write(add(3))
    assert await numbers(database) == [3]


async def test_a_reader_cannot_write(database: SqliteDatabase) -> None:
    with pytest.raises(StorageError, match=r"readonly|read-only"):
        await database.read("DELETE FROM entry RETURNING number")


async def test_looks_of_one_kind_see_one_state(database: SqliteDatabase) -> None:
    await database.write(add(1))
    seen, resume = threading.Event(), threading.Event()

    def look(connection: Connection) -> tuple[int, int]:
        first = connection.execute("SELECT count(*) FROM entry").fetchone()[0]
        seen.set()
        resume.wait(5)
        return first, connection.execute("SELECT count(*) FROM entry").fetchone()[0]

    looking = asyncio.ensure_future(database.look(look))
    await asyncio.to_thread(seen.wait, 5)
    await database.write(add(2))
    resume.set()
    assert await looking == (1, 1)


async def test_a_checkpoint_does_not_hold_up_writes_for_a_slow_reader(database: SqliteDatabase) -> None:
    """Planted bug: a truncating checkpoint with the usual patience blocks the writer until the reader is done."""
    await database.write(add(1))
    reading, done = threading.Event(), threading.Event()

    def slow(connection: Connection) -> None:
        connection.execute("SELECT count(*) FROM entry").fetchone()
        reading.set()
        done.wait(10)

    looking = asyncio.ensure_future(database.look(slow))
    await asyncio.to_thread(reading.wait, 5)
    await database.write(add(2))
    async with asyncio.timeout(3):
        await database.checkpoint(truncate=True)
        await database.write(add(3))
    assert database.wal_bytes() > 0
    done.set()
    await looking
    await database.checkpoint(truncate=True)
    assert database.wal_bytes() == 0


async def test_a_write_whose_caller_gave_up_is_still_whole(database: SqliteDatabase) -> None:
    gate = Gate()
    first = asyncio.ensure_future(database.write(gate.wait))
    await asyncio.sleep(0.02)
    given_up = asyncio.ensure_future(database.write(add(1)))
    await asyncio.sleep(0)
    given_up.cancel()
    gate.open.set()
    await first
    await database.write(add(2))
    assert await numbers(database) == [1, 2]


async def test_closing_finishes_what_was_queued(tmp_path: Path) -> None:
    database = SqliteDatabase(tmp_path / "test.db")
    await database.change("CREATE TABLE entry (number INTEGER PRIMARY KEY, said TEXT NOT NULL)")
    waiting = [asyncio.ensure_future(database.write(add(number))) for number in range(30)]
    await asyncio.sleep(0)
    await database.close()
    await asyncio.gather(*waiting)
    connection = connect(tmp_path / "test.db")
    assert connection.execute("SELECT count(*) FROM entry").fetchone()[0] == 30
    connection.close()
    with pytest.raises(StorageError, match="closed"):
        await database.write(add(31))


async def test_a_claim_is_won_by_one(database: SqliteDatabase) -> None:
    await database.write(add(1))
    sql = "UPDATE entry SET said = 'mine' WHERE number = 1 AND said = 'x' RETURNING number"
    won = await asyncio.gather(*(database.change(sql) for _ in range(20)))
    assert sorted(map(len, won)) == [0] * 19 + [1]


@pytest.mark.parametrize(
    ("version", "warned"),
    [
        ((3, 6, 23), False),
        ((3, 7, 0), True),
        ((3, 40, 1), True),
        ((3, 51, 2), True),
        ((3, 51, 3), False),
        ((3, 53, 4), False),
    ],
)
def test_a_sqlite_that_can_corrupt_is_warned_of(version: tuple[int, ...], warned: bool) -> None:
    assert (version_warning(version) is not None) is warned


async def test_files_are_their_owners_alone(tmp_path: Path) -> None:
    data = tmp_path / "data"
    async with opened(data) as store:
        await store.state.change("UPDATE counter SET value = value")
        assert data.stat().st_mode & 0o777 == 0o700
        modes = {file.name: file.stat().st_mode & 0o777 for file in data.iterdir()}
    assert {"state.db", "state.db-wal", "telemetry.db", "lock"} <= set(modes)
    assert set(modes.values()) == {0o600}


async def test_state_is_fully_synchronous_and_telemetry_normal(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        for file, level in ((store.state, 2), (store.telemetry_file, 1)):
            rows = await file.write(lambda connection: connection.execute("PRAGMA synchronous").fetchall())
            assert rows[0][0] == level
            assert (await file.read("PRAGMA journal_mode"))[0][0] == "wal"


async def test_a_second_process_is_refused_and_told_who_has_the_data(tmp_path: Path) -> None:
    async with opened(tmp_path):
        child = await asyncio.to_thread(
            subprocess.run, [sys.executable, "-c", LOCKER, str(tmp_path)], capture_output=True, text=True, check=False
        )
        assert child.returncode == 1
        assert f"in use by process {os.getpid()}" in child.stderr
    DirectoryLock(tmp_path).release()


async def test_a_schema_newer_than_the_program_is_refused_and_untouched(tmp_path: Path) -> None:
    async with opened(tmp_path):
        pass
    connection = connect(tmp_path / "state.db")
    connection.execute(
        "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('state', '9999_later', '')"
    )
    connection.close()
    before = (tmp_path / "state.db").read_bytes()
    with pytest.raises(StorageError, match=r"newer fleetmon.*9999_later.*restore a backup"):
        await open_store(tmp_path, clock=ManualClock())
    assert (tmp_path / "state.db").read_bytes() == before
    DirectoryLock(tmp_path).release()


async def test_what_is_no_database_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "state.db").write_bytes(b"this is no database, it only has its name" * 50)
    with pytest.raises(StorageError, match=r"state\.db: file is not a database") as caught:
        await open_store(tmp_path, clock=ManualClock())
    assert "\n" not in str(caught.value)
