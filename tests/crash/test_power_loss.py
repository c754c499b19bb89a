"""Power goes at any instant: what was not synced is lost, kept or torn, and nothing acknowledged is missing (R3).

A process at work has every write, truncation and sync of its files written down, its acknowledgements among them. From
that record the disk is built as it may be after a power failure at a random point: what was synced is there, and each
write that was not is there, not there, or there by some of its sectors. `kill -9` proves nothing of this, since it
keeps the page cache. Proven by a planted bug, which a test keeps planted: with `synchronous=NORMAL` events are missing.
"""

from __future__ import annotations

import os
import random
import shutil
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from fleetmon.storage.engine import connect
from fleetmon.storage.maintenance import check
from fleetmon.storage.store import STATE_FILE

HEAD = struct.Struct("<QQQQ")
SECTOR = 512
CHILD = """
import asyncio, contextlib, os, sys
from pathlib import Path
from fleetmon.errors import StorageError
from fleetmon.storage import engine, store as stores
from tests.observations import *

engine.CHECKPOINT_PAGES = 60  # so that many checkpoints are under way
if sys.argv[3] != "FULL":
    real = stores.SqliteDatabase
    stores.SqliteDatabase = lambda path, synchronous, **more: real(path, synchronous=sys.argv[3], **more)

async def one(store, number, name, acknowledged):
    at = START + minutes(number)
    records = [record(number * 2 + offset + 1, created_text=f"{number}/{offset}") for offset in range(2)]
    before = [record(number * 2, created_text=f"{number - 1}/1")] if number else []
    await take(
        store,
        observed(
            at,
            asked=STEADY | {Aspect.EVENTS},
            readings=tuple(reading(f"Temp {place}", 20.0 + number % 7, at) for place in range(10)),
            logs=(log_reading(*before, *records, at=at),),
        ),
        of=device(name),
    )
    os.write(acknowledged, f"{name} {number}\\n".encode())

async def tried(store, number, name, acknowledged):
    try:
        await one(store, number, name, acknowledged)
    except StorageError:
        pass

async def main(directory, polls):
    acknowledged = os.open(directory / "acknowledged", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    async with opened(directory) as store:
        names = [f"web-{number}" for number in range(4)]
        for name in names:
            await store.fleet.add_device(device(name))
        for number in range(polls):
            await asyncio.gather(*(tried(store, number, name, acknowledged) for name in names))
            if number % 20 == 19:
                with contextlib.suppress(StorageError):
                    await store.state.checkpoint(truncate=True)

asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
"""


@dataclass(slots=True)
class Entry:
    """One thing the process did to a file."""

    what: str
    name: str
    offset: int
    data: bytes


@dataclass(slots=True)
class OnDisk:
    """One file: what is safe, and what was done since the last sync."""

    safe: bytearray = field(default_factory=bytearray)
    pending: list[Entry] = field(default_factory=list)

    def sync(self) -> None:
        for entry in self.pending:
            apply(self.safe, entry)
        self.pending.clear()

    def after_power_loss(self, chance: random.Random) -> bytes:
        """What may be found: each unsynced step done, not done, or done by some of its sectors."""
        content = bytearray(self.safe)
        for entry in self.pending:
            fate = chance.choice(("done", "lost", "torn"))
            if fate == "done":
                apply(content, entry)
            elif fate == "torn" and entry.what == "W":
                for start in range(0, len(entry.data), SECTOR):
                    if chance.random() < 0.5:
                        part = entry.data[start : start + SECTOR]
                        apply(content, Entry("W", entry.name, entry.offset + start, part))
        return bytes(content)


def apply(content: bytearray, entry: Entry) -> None:
    if entry.what == "T":
        del content[entry.offset :]
        content.extend(bytes(entry.offset - len(content)))
        return
    end = entry.offset + len(entry.data)
    if len(content) < end:
        content.extend(bytes(end - len(content)))
    content[entry.offset : end] = entry.data


def entries(record: Path, directory: Path) -> Iterator[Entry]:
    content, place = record.read_bytes(), 0
    while place + HEAD.size <= len(content):
        what, path, offset, length = HEAD.unpack_from(content, place)
        place += HEAD.size
        name = content[place : place + path].decode()
        place += path
        data = content[place : place + length] if chr(what) == "W" else b""
        place += len(data)
        yield Entry(chr(what), name.removeprefix(f"{directory}/"), offset, data)


class Disk:
    """All files of the data directory, as the record goes on."""

    def __init__(self) -> None:
        self.files: dict[str, OnDisk] = {}
        self.acknowledged: set[tuple[str, int]] = set()
        self.failed = 0

    def take(self, entry: Entry) -> None:
        if entry.name == "acknowledged":
            name, number = entry.data.decode().split()
            self.acknowledged.add((name, int(number)))
        elif not entry.name.startswith(("state.db", "telemetry.db")) or entry.name.endswith("-shm"):
            return
        elif entry.what == "S":
            self.files.setdefault(entry.name, OnDisk()).sync()
        elif entry.what == "F":
            self.failed += 1
        elif entry.what == "U":
            self.files.pop(entry.name, None)
        else:
            self.files.setdefault(entry.name, OnDisk()).pending.append(entry)

    def write_image(self, directory: Path, chance: random.Random) -> None:
        directory.mkdir(mode=0o700)
        for name, file in self.files.items():
            (directory / name).write_bytes(file.after_power_loss(chance))


@pytest.fixture(scope="module")
def recorder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("needs a C compiler (Debian: gcc, libc6-dev) for the recorder of writes")
    library = tmp_path_factory.mktemp("recorder") / "written.so"
    source = Path(__file__).with_name("written.c")
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", str(library), str(source), "-ldl"], check=True)
    return library


def record_of(recorder: Path, directory: Path, *, polls: int, synchronous: str = "FULL", **more: str) -> Path:
    """What a process at work wrote until it ended well."""
    data, record = directory / "data", directory / "record"
    data.mkdir(mode=0o700)
    environment = os.environ | {
        "PYTHONPATH": str(Path(__file__).parents[2]),
        "LD_PRELOAD": str(recorder),
        "WRITTEN_IN": f"{data}/",
        "WRITTEN_TO": str(record),
        **more,
    }
    subprocess.run([sys.executable, "-c", CHILD, str(data), str(polls), synchronous], check=True, env=environment)
    return record


def missing_after(record: Path, directory: Path, *, points: int, chance: random.Random) -> int:
    """Acknowledged events that are not there, over so many power failures; the databases are whole after each."""
    steps = list(entries(record, directory / "data"))
    first = next(number for number, entry in enumerate(steps) if entry.name == "acknowledged")
    crashes = sorted(chance.sample(range(first + 1, len(steps)), points))
    disk, missing, taken = Disk(), 0, 0
    for number, crash in enumerate(crashes):
        for entry in steps[taken:crash]:
            disk.take(entry)
        taken = crash
        image = directory / f"image-{number}"
        disk.write_image(image, chance)
        assert [one.problems for one in check(image)] == [(), ()], f"after step {crash}"
        stored = records_in(image / STATE_FILE)
        expected = {(name, 2 * poll + offset + 1) for name, poll in disk.acknowledged for offset in range(2)}
        missing += len(expected - stored)
        shutil.rmtree(image)
    assert len(disk.acknowledged) > points / 4
    return missing


def records_in(state: Path) -> set[tuple[str, int]]:
    connection = connect(state, mode="rw")
    rows = connection.execute("SELECT device_id, record_id FROM event").fetchall()
    connection.close()
    return {(row["device_id"], int(row["record_id"])) for row in rows if str(row["record_id"]).isdigit()}


def test_R3_fifty_power_failures_lose_nothing_acknowledged(recorder: Path, tmp_path: Path) -> None:
    record = record_of(recorder, tmp_path, polls=40)
    assert missing_after(record, tmp_path, points=50, chance=random.Random(3)) == 0


def test_R3_a_store_that_does_not_sync_is_seen_to_lose(recorder: Path, tmp_path: Path) -> None:
    """The checker can fail: the bug it is there for, planted."""
    record = record_of(recorder, tmp_path, polls=20, synchronous="NORMAL")
    assert missing_after(record, tmp_path, points=10, chance=random.Random(3)) > 0


@pytest.mark.soak
def test_R3_five_hundred_power_failures(recorder: Path, tmp_path: Path) -> None:
    seed, started = random.randrange(2**32), time.monotonic()
    print(f"R3: 500 power failures, seed {seed}")
    record = record_of(recorder, tmp_path, polls=300)
    assert missing_after(record, tmp_path, points=500, chance=random.Random(seed)) == 0
    print(
        f"R3: 0 acknowledged events missing, {record.stat().st_size / (1 << 20):.0f} MiB written, "
        f"{time.monotonic() - started:.0f} s"
    )


def hold_through_failures(recorder: Path, directory: Path, *, polls: int, seed: int, one_in: int, least: int) -> None:
    """A process whose writes and syncs fail at random goes on, and what it acknowledged is there."""
    record = record_of(recorder, directory, polls=polls, FAIL_SEED=str(seed), FAIL_ONE_IN=str(one_in))
    disk = Disk()
    for entry in entries(record, directory / "data"):
        disk.take(entry)
    assert disk.failed >= least
    assert max(number for _, number in disk.acknowledged) >= polls - 10, "it goes on by itself"
    assert [one.problems for one in check(directory / "data")] == [(), ()]
    expected = {(name, 2 * poll + offset + 1) for name, poll in disk.acknowledged for offset in range(2)}
    assert expected <= records_in(directory / "data" / STATE_FILE)
    print(f"R4: {disk.failed} calls failed, {len(disk.acknowledged)} of {4 * polls} polls acknowledged, none missing")


def test_R4_calls_that_fail_bring_no_false_acknowledgement_and_no_end(recorder: Path, tmp_path: Path) -> None:
    """Planted bug: telling of success before COMMIT."""
    hold_through_failures(recorder, tmp_path, polls=60, seed=4, one_in=40, least=10)


@pytest.mark.soak
def test_R4_two_thousand_calls_that_fail(recorder: Path, tmp_path: Path) -> None:
    seed, started = random.randrange(2**31), time.monotonic()
    print(f"R4: one call in 25 fails with EIO or ENOSPC, seed {seed}")
    hold_through_failures(recorder, tmp_path, polls=1500, seed=seed, one_in=25, least=2000)
    print(f"R4: {time.monotonic() - started:.0f} s")
