"""Sealing while clocks step, disks fail for a moment and pages rot: nothing else is lost and nothing else waits."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from fleetmon.errors import StorageError
from fleetmon.storage import Store
from fleetmon.storage.sealing import Span
from tests.observations import START, minutes, opened, reading

DEVICE = "web-01"
KEPT = timedelta(days=35)
MIDNIGHT = START.replace(hour=0)
DAY = timedelta(days=1)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with opened(tmp_path) as store:
        yield store


async def append(store: Store, *instants: datetime) -> None:
    for at in instants:
        await store.telemetry.append(DEVICE, at, [reading("Inlet", 20.0, at)])


async def seal(store: Store, now: datetime) -> list[Span]:
    """Everything that can be sealed now; the spans that were."""
    done: list[Span] = []
    while spans := await store.telemetry.due(now, KEPT):
        for span in spans:
            await store.telemetry.seal(span)
        done += spans
    return done


async def instants(store: Store, start: datetime, end: datetime) -> list[datetime]:
    (row,) = await store.telemetry.sensors(DEVICE)
    told = await store.telemetry.readings(DEVICE, row.sensor_id, start=start, end=end, points=10_000)
    return [point.at for point in told.points if point.mean is not None]


async def pages(store: Store) -> list[tuple[int, int, int]]:
    """Step, days since the first midnight, and hours of every page."""
    rows = await store.telemetry_file.read("SELECT step, start, span FROM page ORDER BY start, step, span")
    first = int(MIDNIGHT.timestamp() * 1000)
    return [(row["step"], (row["start"] - first) // 86_400_000, row["span"] // 3_600_000) for row in rows]


async def test_a_day_sealed_while_the_clock_ran_ahead_keeps_what_comes_after_midnight(store: Store) -> None:
    early = [MIDNIGHT + minutes(number) for number in range(0, 20, 5)]
    late = [MIDNIGHT + minutes(number) for number in range(20, 60, 5)]
    await append(store, *early)
    await seal(store, MIDNIGHT + 2 * DAY)
    await append(store, *late)
    await seal(store, MIDNIGHT + minutes(80))
    assert await instants(store, MIDNIGHT, MIDNIGHT + DAY) == [*early, *late]
    await seal(store, MIDNIGHT + 2 * DAY)
    assert await instants(store, MIDNIGHT, MIDNIGHT + DAY) == [*early, *late]


async def test_a_read_that_failed_once_is_tried_again(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The store watch ends reads that take too long, and a disk may fail for a moment: no page is damaged by that."""
    await append(store, START)
    now = START + minutes(80)
    (span,) = await store.telemetry.due(now, KEPT)
    look = store.telemetry_file.look

    async def failing(_function: Callable[[Any], Any]) -> Any:
        raise StorageError("telemetry.db: interrupted")

    monkeypatch.setattr(store.telemetry_file, "look", failing)
    with pytest.raises(StorageError):
        await store.telemetry.seal(span)
    monkeypatch.setattr(store.telemetry_file, "look", look)
    assert await store.telemetry.due(now, KEPT) == [span]


async def test_a_damaged_page_keeps_no_other_hour_or_day_from_being_sealed(store: Store) -> None:
    await append(store, *(MIDNIGHT + DAY * day + minutes(90 * part) for day in range(3) for part in range(8)))
    await seal(store, MIDNIGHT + minutes(150))
    await store.telemetry_file.change("UPDATE page SET body = x'0102'")
    await append(store, MIDNIGHT + minutes(1))
    await seal(store, MIDNIGHT + 4 * DAY)
    assert {page for page in await pages(store) if page[1] > 0} == {
        (step, day, 24) for step in (0, 300, 3600, 86400) for day in (1, 2)
    }


async def test_a_row_that_makes_no_sense_keeps_no_other_from_being_sealed(store: Store) -> None:
    await append(store, MIDNIGHT, MIDNIGHT + DAY)
    first = int(MIDNIGHT.timestamp() * 1000)
    await store.telemetry_file.change("UPDATE reading SET exceptions = x'01' WHERE taken_at = ?", (first,))
    await seal(store, MIDNIGHT + 3 * DAY)
    assert [page for page in await pages(store) if page[0] == 0] == [(0, 1, 24)]


async def test_numbers_whose_sum_is_beyond_a_double_are_sealed_without_a_warning(store: Store) -> None:
    for number in range(3):
        at = MIDNIGHT + minutes(number)
        await store.telemetry.append(DEVICE, at, [reading("Inlet", 1.7e308, at)])
    await seal(store, MIDNIGHT + 2 * DAY)
    assert len(await pages(store)) == 4
    (row,) = await store.telemetry.sensors(DEVICE)
    told = await store.telemetry.readings(DEVICE, row.sensor_id, start=MIDNIGHT, end=MIDNIGHT + DAY, points=1)
    assert [point.mean for point in told.points] == [1.7e308]
