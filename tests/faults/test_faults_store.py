"""What can go wrong under our own store: readers that stay, writers that cannot, disks that are full or fail.

Errors of the kernel are real ones, without a shim: a limit on the size of files makes pwrite fail, and a descriptor of
the write-ahead log that is replaced by one of a device makes fsync fail. SQLite reports both as a disk I/O error.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import resource
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from fleetmon.clock import ManualClock
from fleetmon.errors import NoRoom, StorageError
from fleetmon.metrics import Metrics
from fleetmon.settings import Retention
from fleetmon.storage import Store, engine, vitals
from fleetmon.storage.database import Connection
from fleetmon.storage.engine import connect, version_warning
from fleetmon.storage.maintenance import check
from fleetmon.storage.space import Disk, Space
from fleetmon.storage.sqlite import SqliteDatabase
from fleetmon.storewatch import LONGEST_READ, LONGEST_WRITE, StoreWatch
from fleetmon.upkeep import Upkeep
from tests.contract.api_seed import BASE, service
from tests.observations import START, device, log_reading, minutes, observed, opened, reading, record, take

FOREVER = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n"
STRANGER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN EXCLUSIVE")
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START)


@pytest.fixture
async def database(tmp_path: Path, clock: ManualClock) -> AsyncIterator[SqliteDatabase]:
    database = SqliteDatabase(tmp_path / "test.db", clock=clock)
    await database.change("CREATE TABLE entry (number INTEGER PRIMARY KEY, said TEXT NOT NULL)")
    yield database
    await database.close()


@pytest.fixture
async def store(tmp_path: Path, clock: ManualClock) -> AsyncIterator[Store]:
    async with opened(tmp_path / "data", clock) as store:
        await store.fleet.add_device(device())
        yield store


def add(number: int, said: str = "x") -> Any:
    return lambda connection: connection.execute("INSERT INTO entry VALUES (?, ?)", (number, said)).rowcount


async def numbers(database: SqliteDatabase) -> list[int]:
    return [row["number"] for row in await database.read("SELECT number FROM entry ORDER BY number")]


def watch(store: Store, clock: ManualClock) -> StoreWatch:
    return StoreWatch(store=store, retention=Retention(), metrics=Metrics(), clock=clock)


async def looked(watching: StoreWatch) -> None:
    """One look, and what it started is done."""
    await watching.look()
    await asyncio.gather(*watching._under_way.values())


def failing(store: Store) -> list[str]:
    return vitals.failures(vitals.vitals(store))


# ---- readers that stay


async def test_F106_a_cancelled_read_does_not_pin_the_write_ahead_log(database: SqliteDatabase) -> None:
    """Planted bug: handing the cursor to the caller instead of fetching all rows in the reader."""
    await database.write(
        lambda connection: connection.executemany("INSERT INTO entry VALUES (?, 'x')", ((n,) for n in range(3000)))
    )
    chance = random.Random(106)
    many = "SELECT a.number FROM entry AS a, entry AS b LIMIT 20000"
    for number in range(40):
        asking = database.read(many) if number % 2 else database.look(lambda one: one.execute(many).fetchall())
        reading = asyncio.ensure_future(asking)
        await asyncio.sleep(chance.uniform(0, 0.01))
        reading.cancel()
        await database.write(add(10_000 + number))
    await asyncio.gather(*(database.read("SELECT 1") for _ in range(3)))
    for _ in range(20):  # a reader that is just ending has the log for a moment yet
        await database.checkpoint(truncate=True)
        if database.wal_bytes() == 0:
            break
    assert database.wal_bytes() == 0
    assert len(await numbers(database)) == 3040


async def test_F107_readers_that_stay_cost_a_warning_and_no_write(
    store: Store, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Planted bug: without the truncating checkpoint the log keeps its size when the readers have gone."""
    monkeypatch.setattr(vitals, "WAL_LIMIT", 20_000)
    strangers = [connect(store.state.path, mode="ro") for _ in range(4)]
    for stranger in strangers:
        stranger.execute("BEGIN").execute("SELECT count(*) FROM device").fetchall()
    upkeep = Upkeep(store=store, retention=Retention(), clock=clock)
    for number in range(60):
        await take(store, observed(START + minutes(number), readings=(reading("Inlet", 20.0 + number % 5),)))
    await upkeep.watch_logs()
    (warning,) = vitals.warnings(vitals.vitals(store))
    assert "the write-ahead log of state.db has grown" in warning
    assert failing(store) == []

    for stranger in strangers:
        stranger.close()
    await upkeep.watch_logs()
    assert store.state.wal_bytes() == 0
    assert vitals.warnings(vitals.vitals(store)) == []


async def test_F107_a_read_of_our_own_that_takes_too_long_is_ended(store: Store, clock: ManualClock) -> None:
    """Planted bug: not counting when a read began leaves it running for ever."""
    reading = asyncio.ensure_future(store.telemetry_file.read(FOREVER))
    watching = watch(store, clock)
    for _ in range(100):
        await asyncio.sleep(0.01)
        if store.telemetry_file._looking:
            break
    await looked(watching)
    assert not reading.done()
    await clock.advance(LONGEST_READ + 1)
    await looked(watching)
    with pytest.raises(StorageError, match="it took too long"):
        await reading
    assert await store.telemetry_file.read("SELECT 1")


# ---- a writer that cannot


@pytest.fixture
def stranger(store: Store, monkeypatch: pytest.MonkeyPatch) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the write lock of state.db until its input ends."""
    monkeypatch.setattr(engine, "BUSY_TIMEOUT", 0.2)
    store.state._writer._let_go()  # opened again, with less patience
    holder = subprocess.Popen(
        [sys.executable, "-c", STRANGER, str(store.state.path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    yield holder
    holder.communicate()


async def test_F108_a_stranger_that_holds_the_lock_is_told_and_got_over(
    store: Store, clock: ManualClock, stranger: subprocess.Popen[str]
) -> None:
    """Planted bug: without the proof of a writer that has nothing to write, the trouble stays for ever."""
    with pytest.raises(StorageError, match="another program writes to this file"):
        await take(store, observed())
    (reason,) = failing(store)
    assert reason.startswith("state.db cannot be written since 2026-01-06 08:00:00 UTC: database is locked")
    assert await store.fleet.devices()
    watching = watch(store, clock)
    watching._sampled_at = clock.now()
    await looked(watching)
    assert failing(store)

    stranger.communicate()
    await looked(watching)
    assert failing(store) == []
    assert store.state.pulse().reopened >= 1
    await take(store, observed(START + minutes(1)))


async def test_F108_everybody_in_the_queue_of_a_wedged_writer_is_told_at_once(
    store: Store, stranger: subprocess.Popen[str]
) -> None:
    """Planted bug: failing one batch at a time makes the last of 2,000 wait eight times as long as the first."""
    with pytest.raises(StorageError):
        await take(store, observed())
    tried = store.state.pulse().failed
    refused = await asyncio.gather(*(store.state.prove() for _ in range(2000)), return_exceptions=True)
    assert all(isinstance(one, StorageError) for one in refused)
    assert store.state.pulse().failed - tried <= 4


async def test_F108_a_commit_that_does_not_end_is_told_and_a_statement_is_ended(
    store: Store, clock: ManualClock
) -> None:
    """Planted bug: without the interruption the writer and all who wait for it hang."""
    endless = asyncio.ensure_future(store.state.write(lambda connection: connection.execute(FOREVER).fetchall()))
    behind = asyncio.ensure_future(store.state.prove())
    watching = watch(store, clock)
    for _ in range(100):
        await asyncio.sleep(0.01)
        if store.state._writer._started is not None:
            break
    await clock.advance(vitals.STUCK + 1)
    await watching.look()
    assert failing(store) == ["state.db: a commit has been under way for 31 s"]
    await clock.advance(LONGEST_WRITE)
    await watching.look()
    with pytest.raises(StorageError, match="it took too long"):
        await endless
    await asyncio.gather(behind, return_exceptions=True)
    await store.state.prove()
    assert failing(store) == []


async def test_a_database_that_was_removed_is_not_replaced_by_an_empty_one(database: SqliteDatabase) -> None:
    """Planted bug: not asking whether the file is still the same acknowledges writes nobody will find."""
    await database.write(add(1))
    database.path.rename(database.path.with_name("moved.db"))
    with pytest.raises(StorageError, match="removed or replaced while in use; restart the service"):
        await database.write(add(2))
    assert not database.path.exists()
    database.path.write_bytes(b"")
    with pytest.raises(StorageError, match="removed or replaced"):
        await database.write(add(3))
    assert database.path.read_bytes() == b""


# ---- a full disk


class Tank:
    """A disk of a gigabyte that a test fills; the reserve file takes room like any other."""

    def __init__(self, reserve: Path) -> None:
        self.free = 1 << 30
        self.reserve = reserve

    def __call__(self, _: Path) -> Disk:
        taken = self.reserve.stat().st_size if self.reserve.exists() else 0
        return Disk(total=1 << 30, free=max(0, self.free - taken))


async def test_F109_below_the_floor_readings_are_refused_and_nothing_else(tmp_path: Path, clock: ManualClock) -> None:
    """Planted bugs: no refusal below the floor; no hysteresis; a reserve that is never given up."""
    tank = Tank(tmp_path / "reserve")
    space = Space(tmp_path, clock, tank)
    space.look()
    space.admit_readings()
    reserve, floor = (1 << 30) // 20, (1 << 30) // 10
    assert (tmp_path / "reserve").stat().st_size == reserve

    tank.free = floor + reserve - 1
    space.look()
    with pytest.raises(NoRoom, match="the disk is nearly full"):
        space.admit_readings()
    assert space.exhaustion() is None
    tank.free = floor + reserve + 1
    space.look()
    assert space.refusal(), "a little more than the floor is not enough to begin again"

    tank.free = reserve // 2
    space.look()
    assert not (tmp_path / "reserve").exists()
    assert space.exhaustion()
    tank.free = reserve + floor
    space.look()
    assert space.refusal(), "what the reserve gave back is not room for readings"

    tank.free = reserve + floor + floor // 4
    space.look()
    space.admit_readings()
    assert (tmp_path / "reserve").stat().st_size == reserve


async def test_F109_a_disk_our_own_history_filled_is_written_again_where_it_was_forgotten(
    tmp_path: Path, clock: ManualClock
) -> None:
    """Planted bug: counting only what the file system has free refuses readings for ever."""
    tank = Tank(tmp_path / "reserve")
    space = Space(tmp_path, clock, tank)
    space.look()
    tank.free = (1 << 30) // 10
    space.look()
    assert space.refusal()
    space.reusable = 1 << 29
    space.look()
    assert space.refusal() is None


async def test_F109_while_readings_are_refused_a_poll_is_kept_in_all_else(tmp_path: Path, clock: ManualClock) -> None:
    """Planted bug: letting the refusal through `ingest` loses the poll's health and events as well."""
    tank = Tank(tmp_path / "data" / "reserve")
    async with opened(tmp_path / "data", clock, measure=tank) as store:
        await store.fleet.add_device(device())
        tank.free = 0
        (kept,) = await take(store, observed(readings=(reading("Inlet Temp", 24.0),), logs=(log_reading(record(1)),)))
        assert (kept.readings_lost, kept.events) == (1, 1)
        assert kept.summary is not None
        assert kept.summary.inlet.value == 24.0
        assert await store.telemetry.latest("web-01") == {}
        (warning,) = vitals.warnings(vitals.vitals(store))
        assert warning.startswith("readings are not stored: the disk is nearly full")

        tank.free = 1 << 30
        await looked(watch(store, clock))
        (kept,) = await take(store, observed(START + minutes(1), readings=(reading("Inlet Temp", 25.0),)))
        assert kept.readings_lost == 0
        assert [one.value for one in (await store.telemetry.latest("web-01")).values()] == [25.0]


async def test_F109_a_disk_full_even_for_state_acknowledges_nothing_and_recovers(store: Store) -> None:
    """Planted bug: telling of success before COMMIT."""
    before = (await store.state.read("PRAGMA page_count"))[0][0]
    await store.state.write(lambda connection: connection.execute(f"PRAGMA max_page_count = {before}").fetchall())
    told = []
    for number in range(40):
        records = [record(number * 50 + place, message="m" * 500) for place in range(50)]
        try:
            await take(store, observed(START + minutes(number), logs=(log_reading(*records),)))
            told.append(number)
        except NoRoom:
            break
    assert len(told) < 40
    (reason,) = failing(store)
    assert "database or disk is full; free some space; writing goes on by itself" in reason
    # The connection that was opened instead knows no such limit: there is room again.
    await take(store, observed(START + minutes(60)))
    assert failing(store) == []
    assert (await store.state.read("SELECT count(*) FROM event"))[0][0] == 50 * len(told)


def test_F109_a_log_that_cannot_be_written_stops_nobody() -> None:
    """Standard error often goes to a file on the very disk that is full. Planted bug: letting OSError out."""
    said = "from fleetmon import logs; logs.configure(); logs.get('test').warning('lost'); print('alive')"
    with Path("/dev/full").open("wb") as full:
        child = subprocess.run([sys.executable, "-c", said], stdout=subprocess.PIPE, stderr=full, check=False)
    assert child.stdout == b"alive\n"


# ---- a disk that fails


@contextlib.contextmanager
def files_no_larger_than(size: int) -> Iterator[None]:
    """No file of this process grows beyond `size` bytes: the kernel refuses the pwrite."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def descriptors(path: Path) -> set[int]:
    """Those of this process that are open on `path`."""
    found = set()
    for link in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            if link.readlink() == path:
                found.add(int(link.name))
    return found


async def write_to(database: SqliteDatabase, device: str) -> None:
    """What the writer takes for its write-ahead log is a device from now on; the readers keep the real one."""
    log = Path(f"{database.path}-wal")
    database._writer._let_go()
    others = descriptors(log)
    await database.checkpoint()
    (own,) = descriptors(log) - others
    with Path(device).open("r+b", buffering=0) as broken:
        os.dup2(broken.fileno(), own)


async def test_F110_a_write_the_kernel_refuses_is_never_acknowledged(store: Store, clock: ManualClock) -> None:
    """Planted bug: clearing the trouble at the reopening instead of the next commit keeps readiness green."""
    await take(store, observed(readings=(reading("Inlet Temp", 20.0),)))
    with files_no_larger_than(store.state.wal_bytes()):
        for number in range(1, 4):
            with pytest.raises(StorageError, match="check the disk"):
                await take(store, observed(START + minutes(number), logs=(log_reading(record(number)),)))
            assert "disk I/O error" in failing(store)[0]
        assert store.state.pulse().reopened == 3
        assert (await store.state.read("SELECT count(*) FROM event"))[0][0] == 0
    await looked(watch(store, clock))
    assert failing(store) == []
    await take(store, observed(START + minutes(9), logs=(log_reading(record(9)),)))
    assert (await store.state.read("SELECT count(*) FROM event"))[0][0] == 1


async def test_F110_readiness_is_red_until_a_commit_succeeds_and_the_api_stays(tmp_path: Path) -> None:
    """Planted bug: a `/ready` that only reads the store stays green."""
    async with service(tmp_path / "data") as running:
        state = running.store.state
        with files_no_larger_than(state.wal_bytes()):
            answer = await running.client.put(f"{BASE}/credentials/bmc", json={"user": "root", "password": "x"})
            assert answer.status_code == 503
            answer = await running.client.get(f"{BASE}/ready")
            assert answer.status_code == 503
            assert "state.db cannot be written since" in answer.json()["reasons"][0]
            (told, _) = (await running.client.get(f"{BASE}/storage")).json()["files"]
            assert (told["writable"], told["commits_failed"]) == (False, 1)
            assert (await running.client.get(f"{BASE}/fleet")).status_code == 200
        await looked(watch(running.store, running.clock))
        assert (await running.client.get(f"{BASE}/ready")).status_code == 200


async def test_F110_an_fsync_that_fails_is_fatal_for_the_connection_alone(tmp_path: Path, clock: ManualClock) -> None:
    """Planted bug: going on with the same connection, whose pages the kernel may have dropped."""
    async with opened(tmp_path / "data", clock) as store:
        await store.fleet.add_device(device())
        await take(store, observed(logs=(log_reading(record(1)),)))
        await write_to(store.state, "/dev/null")
        first = store.state._writer.connection
        with pytest.raises(StorageError, match="disk I/O error"):
            await take(store, observed(START + minutes(1), logs=(log_reading(record(1), record(2)),)))
        assert failing(store)
        assert store.state._writer.connection is not first
        await take(store, observed(START + minutes(2), logs=(log_reading(record(1), record(2)),)))
        assert failing(store) == []
        assert (await store.state.read("SELECT count(*) FROM event"))[0][0] == 2
    assert [one.problems for one in check(tmp_path / "data")] == [(), ()]


async def test_F110_a_failing_disk_under_readings_costs_readings_alone(store: Store, clock: ManualClock) -> None:
    await take(store, observed(readings=(reading("Inlet Temp", 20.0),)))
    await write_to(store.telemetry_file, "/dev/full")
    (kept,) = await take(store, observed(START + minutes(1), readings=(reading("Inlet Temp", 21.0),)))
    assert (kept.readings_lost, store.space.lost) == (1, 1)
    assert "telemetry.db cannot be written" in failing(store)[0]
    await looked(watch(store, clock))
    assert failing(store) == []


# ---- the bug in SQLite itself


async def test_F111_an_unsafe_sqlite_is_told_and_only_the_writer_checkpoints(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Planted bug: a reader opened for writing moves the log into the file beside the writer."""
    assert version_warning() is None
    monkeypatch.setattr(vitals, "version_warning", lambda: version_warning((3, 40, 1)))
    assert vitals.warnings(vitals.vitals(store)) == [
        "SQLite 3.40.1 has the WAL-reset bug; install pysqlite3, or SQLite 3.51.3 or later"
    ]
    await take(store, observed())
    before = store.state.wal_bytes()
    assert before > 0

    def moved(connection: Connection) -> Any:
        return tuple(connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()[0])

    with contextlib.suppress(StorageError):
        await store.state._in_reader(moved)
    assert store.state.wal_bytes() == before

    threads: set[str] = set()
    store.state._writer.connection.set_trace_callback(
        lambda sql: threads.add(threading.current_thread().name) if "wal_checkpoint" in sql else None
    )
    await store.state.checkpoint(truncate=True)
    assert threads == {"write-state"}
    assert store.state.wal_bytes() == 0


def test_F111_a_reader_that_is_the_last_to_close_leaves_the_log_alone(tmp_path: Path) -> None:
    writer = engine.connect_writer(tmp_path / "test.db", synchronous="FULL")
    writer.execute("CREATE TABLE entry (number INTEGER)")
    reader = connect(tmp_path / "test.db", mode="ro")
    reader.execute("SELECT count(*) FROM entry").fetchall()
    writer.close()
    before = (tmp_path / "test.db-wal").stat().st_size
    reader.close()
    assert (tmp_path / "test.db-wal").stat().st_size == before > 0
