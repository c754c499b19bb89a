from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from fleetmon.errors import Conflict, NoRoom, StorageError
from fleetmon.storage import Store, maintenance
from fleetmon.storage.maintenance import backup, backup_running, check, restore
from fleetmon.storage.space import Disk
from tests.observations import START, device, log_reading, minutes, observed, opened, reading, record, take


async def filled(directory: Path) -> Path:
    async with opened(directory) as store:
        await store.fleet.add_device(device())
        await take(store, observed(readings=(reading("Inlet Temp", 24.0),)))
    return directory


async def test_a_backup_restores_to_what_was_there(tmp_path: Path) -> None:
    data = await filled(tmp_path / "data")
    backup(data, tmp_path / "backup", now=START)
    restore(tmp_path / "backup", tmp_path / "again")
    async with opened(tmp_path / "again") as store:
        assert [one.device_id for one in await store.fleet.devices()] == ["web-01"]
        (row,) = await store.telemetry.sensors("web-01")
        assert row.reading is not None
        assert row.reading.value == 24.0


async def test_a_running_service_backs_itself_up(tmp_path: Path) -> None:
    await filled(tmp_path / "data")
    async with opened(tmp_path / "data") as store:
        await backup_running(store, tmp_path / "backup", now=START)
        with pytest.raises(StorageError, match="in use by process"):
            backup(tmp_path / "data", tmp_path / "other", now=START)
    restore(tmp_path / "backup", tmp_path / "again")
    assert [one.problems for one in check(tmp_path / "again")] == [(), ()]


async def test_R7_a_backup_under_load_holds_all_that_was_acknowledged_before_it(tmp_path: Path) -> None:
    """Planted bug: copying the files instead of asking SQLite for a copy leaves out what is in the write-ahead log."""
    acknowledged: list[int] = []

    async def poll_on(store: Store) -> None:
        for number in range(1, 10_000):
            at = START + minutes(number)
            await take(
                store, observed(at, readings=(reading("Inlet Temp", 24.0, at),), logs=(log_reading(record(number)),))
            )
            acknowledged.append(number)

    await filled(tmp_path / "data")
    async with opened(tmp_path / "data") as store:
        load = asyncio.create_task(poll_on(store))
        while len(acknowledged) < 50:
            await asyncio.sleep(0.005)
        before = list(acknowledged)
        await backup_running(store, tmp_path / "backup", now=START)
        assert len(acknowledged) > len(before), "polls go on meanwhile"
        load.cancel()
        await asyncio.gather(load, return_exceptions=True)
    restore(tmp_path / "backup", tmp_path / "again")
    async with opened(tmp_path / "again") as store:
        kept = {int(row["record_id"]) for row in await store.state.read("SELECT record_id FROM event")}
        assert kept >= set(before)
        (row,) = await store.telemetry.sensors("web-01")
        assert row.reading is not None
        assert row.reading.taken_at >= START + minutes(before[-1])


async def test_a_backup_leaves_the_room_that_readings_need(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    await filled(tmp_path / "data")
    monkeypatch.setattr(maintenance, "disk_of", lambda _: Disk(total=1 << 30, free=100 << 20))
    async with opened(tmp_path / "data") as store:
        with pytest.raises(NoRoom, match="must stay free; name a directory on another disk"):
            await backup_running(store, tmp_path / "backup", now=START)
    assert list((tmp_path / "backup").iterdir()) == []


async def test_a_backup_is_its_owners_alone(tmp_path: Path) -> None:
    backup(await filled(tmp_path / "data"), tmp_path / "backup", now=START)
    assert (tmp_path / "backup").stat().st_mode & 0o777 == 0o700
    assert {file.stat().st_mode & 0o777 for file in (tmp_path / "backup").iterdir()} == {0o600}


async def test_a_backup_that_was_changed_is_refused(tmp_path: Path) -> None:
    backup(await filled(tmp_path / "data"), tmp_path / "backup", now=START)
    content = bytearray((tmp_path / "backup" / "state.db").read_bytes())
    content[-10] ^= 1
    (tmp_path / "backup" / "state.db").write_bytes(content)
    with pytest.raises(StorageError, match="not what the manifest says"):
        restore(tmp_path / "backup", tmp_path / "again")
    assert not (tmp_path / "again" / "state.db").exists()


async def test_an_unfinished_backup_is_refused(tmp_path: Path) -> None:
    manifest = backup(await filled(tmp_path / "data"), tmp_path / "backup", now=START)
    manifest.unlink()
    with pytest.raises(StorageError, match="holds no finished backup"):
        restore(tmp_path / "backup", tmp_path / "again")


async def test_a_restore_overwrites_nothing(tmp_path: Path) -> None:
    data = await filled(tmp_path / "data")
    backup(data, tmp_path / "backup", now=START)
    with pytest.raises(StorageError, match="holds data already"):
        restore(tmp_path / "backup", data)
    with pytest.raises(Conflict, match="is not empty"):
        backup(data, tmp_path / "backup", now=START)


async def test_a_sound_store_has_no_problems_and_a_damaged_one_has(tmp_path: Path) -> None:
    data = await filled(tmp_path / "data")
    assert [one.problems for one in check(data)] == [(), ()]
    content = bytearray((data / "state.db").read_bytes())
    for place in range(4096 * 3, len(content), 64):
        content[place] ^= 0x55
    (data / "state.db").write_bytes(content)
    state, telemetry = check(data)
    assert state.problems
    assert telemetry.problems == ()


def test_a_directory_without_data_is_named(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"has no state\.db"):
        check(tmp_path)
    assert list(tmp_path.iterdir()) == []
