"""Sealed or not, history tells the same: tests compare a device whose rows are sealed with its twin's hot ones."""

from __future__ import annotations

import math
import random
from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import orjson
import pytest

from fleetmon.api.wire import encoded
from fleetmon.model import NoReading, Quality, Reading, Sensor
from fleetmon.storage import Store, series
from fleetmon.storage.sealing import Sealing
from fleetmon.storage.telemetry_rows import PackedRow, Series
from tests.observations import START, minutes, opened, reading, sensor, sixty

KEPT = timedelta(days=35)
SEALED, HOT = "web-01", "web-02"
DAY = timedelta(days=1)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with opened(tmp_path) as store:
        yield store


async def seal(store: Store, now: datetime) -> int:
    """Everything of the one twin that can be sealed now; how many spans were."""
    mine = {layout.layout_id for layout in (await store.telemetry.layouts(SEALED))}
    done = 0
    while spans := [span for span in await store.telemetry.due(now, KEPT) if span.layout_id in mine]:
        for span in spans:
            await store.telemetry.seal(span)
        done += len(spans)
    return done


async def append(store: Store, at: datetime, *readings: Reading) -> None:
    for name in (SEALED, HOT):
        await store.telemetry.append(name, at, readings)


async def rows(store: Store, table: str) -> int:
    mine = "(SELECT layout_id FROM layout WHERE device_id = 'web-01')"
    found = await store.telemetry_file.read(f"SELECT count(*) AS found FROM {table} WHERE layout_id IN {mine}")
    return int(found[0]["found"])


async def curve(store: Store, device_id: str, of: Sensor | str, start: datetime, end: datetime, points: int) -> Series:
    wanted = sensor(of) if isinstance(of, str) else of
    (row,) = [row for row in await store.telemetry.sensors(device_id) if row.sensor == wanted]
    return await store.telemetry.readings(device_id, row.sensor_id, start=start, end=end, points=points)


async def assert_alike(store: Store, start: datetime, end: datetime, points: Sequence[int] = (400, 20)) -> None:
    for spark in (False, True):
        told = [await store.telemetry.sensors(name, spark=spark) for name in (SEALED, HOT)]
        assert [(row.sensor, row.reading, row.spark) for row in told[0]] == [
            (row.sensor, row.reading, row.spark) for row in told[1]
        ]
    for row in told[0]:
        for most in points:
            ours, theirs = [await curve(store, name, row.sensor, start, end, most) for name in (SEALED, HOT)]
            assert (ours.points, ours.gaps, ours.step) == (theirs.points, theirs.gaps, theirs.step), row.sensor.name


async def test_an_hour_then_a_day_is_sealed_and_nothing_changes(store: Store) -> None:
    for number in range(0, 1500, 5):
        at = START + minutes(number)
        told = (reading(one, 20.0 + number * place % 70 / 10, at) for place, one in enumerate(sixty()))
        await append(store, at, *told)
    await seal(store, START + minutes(300))
    assert (await rows(store, "page"), await rows(store, "reading")) == (4, 252)
    await assert_alike(store, START, START + minutes(1600))
    await seal(store, START + minutes(1500))
    assert (await rows(store, "page"), await rows(store, "reading")) == (4 + 8, 12)
    await assert_alike(store, START, START + minutes(1600))


async def test_reasons_qualities_and_ages_survive_exactly(tmp_path: Path) -> None:
    """Planted bug: ages kept as whole seconds."""
    last = START + minutes(80)
    async with opened(tmp_path) as store:
        for number in range(81):
            at = START + minutes(number)
            some = [
                *(reading(f"Temp {reason}", reason, at) for reason in NoReading),
                reading("Odd", 300.0 + number, at, quality=Quality.SUSPECT),
                reading("Wrong", -5.0, at, quality=Quality.BAD),
                reading("Slow", 41.5, at - timedelta(seconds=90.25 + number)),
                reading("Frozen", 33.0, START - minutes(2)),
                reading("Huge", 2.0**53 + 2 * number, at),
            ]
            await append(store, at, *(some if number % 3 else [*some, reading("Seldom", float(number), at)]))
        await seal(store, last)
        assert await rows(store, "page") == 1
        await assert_alike(store, START - minutes(10), last + minutes(1))
    async with opened(tmp_path) as store:
        await seal(store, last + DAY + minutes(600))
        assert await rows(store, "reading") == 0
        await assert_alike(store, START - minutes(10), last + minutes(1))


async def test_a_late_row_joins_its_page_and_a_poll_stored_again_counts_once(store: Store) -> None:
    """Planted bug: a page made anew from the late rows alone; a span counted from hot rows and page together."""
    for number in (0, 1, 2, 4, 5, 6):
        await append(store, START + minutes(number), reading("Inlet", 20.0 + number, START + minutes(number)))
    await seal(store, START + minutes(120))
    for number in (5, 3):
        await append(store, START + minutes(number), reading("Inlet", 20.0 + number, START + minutes(number)))
    assert await rows(store, "reading") == 2
    await assert_alike(store, START, START + minutes(10))
    for now in (START + minutes(120), START + 2 * DAY):
        await seal(store, now)
        assert await rows(store, "reading") == 0
        await assert_alike(store, START, START + minutes(10))
    await append(store, START + minutes(3), reading("Inlet", 23.0, START + minutes(3)))
    await append(store, START + minutes(8), reading("Inlet", 28.0, START + minutes(8)))
    await assert_alike(store, START, START + minutes(10))
    await seal(store, START + 2 * DAY)
    await assert_alike(store, START, START + minutes(10))


async def test_a_row_that_comes_while_its_page_is_made_is_not_lost(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Planted bug: taking away all rows of the hour instead of those that went into the page."""
    for number in range(5):
        await append(store, START + minutes(number), reading("Inlet", 20.0 + number, START + minutes(number)))
    (span,) = [span for span in await store.telemetry.due(START + minutes(75), KEPT) if span.layout_id == 1]
    looked = store.telemetry_file.look

    async def look_and_be_late(function: object) -> object:
        found = await looked(function)  # type: ignore[arg-type]
        monkeypatch.undo()
        await append(store, START + minutes(5.5), reading("Inlet", 29.0, START + minutes(5.5)))
        return found

    monkeypatch.setattr(store.telemetry_file, "look", look_and_be_late)
    await store.telemetry.seal(span)
    assert (await rows(store, "page"), await rows(store, "reading")) == (1, 1)
    await assert_alike(store, START, START + minutes(10))


async def test_whatever_comes_in_whatever_order_twins_tell_the_same(store: Store) -> None:
    """Layouts that change, rows out of order and twice, clock steps, sealing in between."""
    chance = random.Random(20261121)
    sensors = [sensor(f"Temp {place}") for place in range(6)]
    clock = START
    for _ in range(120):
        clock += minutes(chance.choice((1, 1, 1, 5, 61, 400, -90, -1500)))
        chosen = chance.sample(sensors, chance.choice((6, 6, 5, 2)))
        await append(store, clock, *(odd_reading(chance, one, clock) for one in chosen))
        if chance.random() < 0.15:
            await seal(store, clock + minutes(chance.choice((10, 200, 3000))))
    await seal(store, clock + 3 * DAY)
    await assert_alike(store, START - 10 * DAY, clock + 10 * DAY, (1000, 50))


def odd_reading(chance: random.Random, of: Sensor, at: datetime) -> Reading:
    value = chance.choice((math.nan, NoReading.OFF, 21.5, 22.25, chance.random(), float(chance.randrange(2**60))))
    age = timedelta(seconds=chance.choice((0, 0, 0, 30, 4000)))
    return reading(of, value, at - age, quality=chance.choice(list(Quality)))


async def filled(store: Store, days: int, every: float = 1.0, digits: int = 1) -> int:
    """Days of one sensor that dips, is off for a while, and is suspect once; as back-fill, then sealed."""
    count = round(days * 1440 / every)
    numbers = np.round(20 + 5 * np.sin(np.arange(count) / 300), digits)
    numbers[2000:2100] = np.nan
    for name in (SEALED, HOT):
        layout = await store.telemetry.layout(name, [sensor("Inlet")])
        first = START.replace(hour=0)
        await store.telemetry.append_packed(
            PackedRow(layout.layout_id, first + minutes(number * every), [value])
            for number, value in enumerate(numbers.tolist())
        )
        at = first + minutes(1000 * every + 0.5)
        await store.telemetry.append(name, at, [reading("Inlet", 90.0, at, quality=Quality.SUSPECT)])
    await seal(store, START + DAY * days + minutes(600))
    return count


@pytest.mark.parametrize("digits", [1, 16], ids=["decimals", "bits"])
async def test_rollups_tell_a_month_as_its_readings_would(
    store: Store, monkeypatch: pytest.MonkeyPatch, digits: int
) -> None:
    """Planted bug: a mean of means."""
    await filled(store, 9, digits=digits)
    monkeypatch.setattr(series, "MOST_RAW", 1000)
    start = START.replace(hour=0)
    for points, step in ((2592, 300), (200, 7200), (9, 86400)):
        ours, theirs = [await curve(store, name, "Inlet", start, start + 9 * DAY, points) for name in (SEALED, HOT)]
        assert ours.step == theirs.step == timedelta(seconds=step)
        assert (ours.made_of is not None, theirs.made_of) == (True, None)
        assert np.allclose(ours.table, theirs.table, rtol=1e-12, atol=0, equal_nan=True)
        assert ours.suspect.tolist() == theirs.suspect.tolist()
        assert ours.suspect.sum() == 1


async def test_a_curve_leaves_as_numbers_and_nulls(store: Store) -> None:
    for number in (0, 1, 2, 30):
        at = START + minutes(number)
        await append(store, at, reading("Inlet", 20.0 + number, at))
    found = await curve(store, HOT, "Inlet", START, START + minutes(31), 400)
    first = START.timestamp()
    assert orjson.loads(encoded(found.table)) == [
        *([first + 60 * number, 20.0 + number, 20.0 + number, 20.0 + number] for number in range(3)),
        [first + 300, None, None, None],
        [first + 1800, 50.0, 50.0, 50.0],
    ]


async def test_a_rolled_up_day_that_gets_a_late_row_tells_it(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    await filled(store, 3)
    monkeypatch.setattr(series, "MOST_RAW", 100)
    start = START.replace(hour=0)
    for _ in range(2):
        await append(store, start + minutes(700.5), reading("Inlet", 77.0, start + minutes(700.5)))
        ours, theirs = [await curve(store, name, "Inlet", start, start + 3 * DAY, 72) for name in (SEALED, HOT)]
        assert np.allclose(ours.table, theirs.table, rtol=1e-12, atol=0, equal_nan=True)
        assert np.nanmax(ours.table[:, 3]) == 90.0
        assert ours.table[11, 3] == 77.0
        await seal(store, START + 6 * DAY)


async def test_rollups_outlive_readings_and_are_not_made_anew_without_them(store: Store) -> None:
    """Planted bug: a late row in a day whose readings are gone makes that day's rollup of itself alone."""
    await filled(store, 4)
    start = START.replace(hour=0)
    while await store.telemetry.expire(start + 2 * DAY):
        pass
    old = await curve(store, SEALED, "Inlet", start, start + DAY, 2000)
    assert (old.step, old.made_of, len(old.points)) == (timedelta(minutes=5), timedelta(minutes=5), 288)
    await store.telemetry.append(SEALED, start + minutes(3), [reading("Inlet", 50.0, start + minutes(3))])
    await seal(store, START + 8 * DAY)
    again = await curve(store, SEALED, "Inlet", start, start + DAY, 2000)
    assert np.array_equal(again.table, old.table, equal_nan=True)
    while await store.telemetry.expire_rollups(timedelta(minutes=5), start + 2 * DAY):
        pass
    while await store.telemetry.expire(start + 2 * DAY):
        pass
    older = await curve(store, SEALED, "Inlet", start, start + DAY, 2000)
    assert (older.step, len(older.points)) == (timedelta(hours=1), 24)


async def test_a_sensor_without_any_row_is_an_empty_curve(store: Store) -> None:
    """Killed between writing down a sensor and its first row, it is in no layout yet."""
    await append(store, START, reading("Inlet", 20.0))
    await store.telemetry_file.change("DELETE FROM reading")
    empty = await curve(store, SEALED, "Inlet", START, START + DAY, 400)
    await store.telemetry_file.change("DELETE FROM layout")
    (known,) = await store.telemetry.sensors(SEALED)
    assert (empty.points, empty.gaps) == ((), 1)
    async with opened(store.directory.parent / "again") as other:
        await other.telemetry_file.change(
            "INSERT INTO sensor (device_id, kind, component, name, type, told) SELECT 'web-01', 'Chassis', '1',"
            " 'Inlet', 'Temperature', '{\"source\": \"/Inlet\", \"thresholds\": {}}'"
        )
        (row,) = await other.telemetry.sensors(SEALED, spark=True)
        assert (row.reading, row.spark, row.sensor) == (None, (), known.sensor)
        found = await other.telemetry.readings(SEALED, row.sensor_id, start=START, end=START + DAY)
        assert (found.points, found.gaps) == ((), 1)


async def test_growth_is_that_of_the_newest_sealed_days(store: Store) -> None:
    await filled(store, 4)
    growth = {one.kind: one for one in await store.telemetry.growth(START + 4 * DAY)}
    assert list(growth) == ["readings", "five_minutes", "hours", "days"]
    assert all(one.bytes == pytest.approx(4 * one.bytes_a_day) for one in growth.values())
    assert 100 < growth["readings"].bytes_a_day < 1440


async def test_a_damaged_page_is_told_once_and_does_not_stop_the_rest(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in (0, 1, 70, 71):
        await append(store, START + minutes(number), reading("Inlet", 20.0, START + minutes(number)))
    await seal(store, START + minutes(75))
    await store.telemetry_file.change("UPDATE page SET body = x'0102'")
    await append(store, START + minutes(2), reading("Inlet", 20.0, START + minutes(2)))
    sealing = Sealing(store.telemetry_file)
    now = START + minutes(75)
    (bad,) = [span for span in await sealing.due(now, START - KEPT) if span.layout_id == 1]
    assert await sealing.seal(bad) == 0
    assert bad not in await sealing.due(now, START - KEPT)
    assert await rows(store, "reading") == 3


async def test_a_damaged_page_is_a_gap_and_no_more(tmp_path: Path) -> None:
    """A bit that rots may be anywhere in it, head included."""
    for place in (0, 1, 6, 20, 60, -3):
        async with opened(tmp_path / str(place)) as store:
            for number in range(130):
                at = START + minutes(number)
                await append(store, at, reading("Inlet", 20.0 + math.sin(number), at))
            await seal(store, START + minutes(200))
            (page,) = await store.telemetry_file.read("SELECT body FROM page ORDER BY start LIMIT 1")
            body = bytearray(page["body"])
            body[place] ^= 0x10
            await store.telemetry_file.change(
                "UPDATE page SET body = ? WHERE start = (SELECT min(start) FROM page)", (bytes(body),)
            )
        async with opened(tmp_path / str(place)) as store:
            told = await curve(store, SEALED, "Inlet", START, START + minutes(130), 400)
            assert [point.at for point in told.points] == [START + minutes(number) for number in range(60, 130)]
            assert (await store.telemetry.latest(SEALED)) == (await store.telemetry.latest(HOT))
