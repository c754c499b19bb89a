from __future__ import annotations

import math
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetmon.errors import NotFound
from fleetmon.model import NoReading, Quality, Reading, ReadingType, Thresholds
from fleetmon.storage import Store
from fleetmon.storage.packing import not_asked, pack, told, unpack, unpack_exceptions
from fleetmon.storage.telemetry import fitting
from fleetmon.storage.telemetry_rows import Layout, PackedRow, Series
from tests.observations import START, minutes, opened, reading, sensor, sixty


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with opened(tmp_path) as store:
        yield store


async def stored_rows(store: Store, table: str = "reading") -> int:
    rows = await store.telemetry_file.read(f"SELECT count(*) AS found FROM {table}")
    return int(rows[0]["found"])


async def series(store: Store, name: str, until: float = 600, points: int = 400, since: float = 0) -> Series:
    (found,) = [row for row in await store.telemetry.sensors("web-01") if row.sensor.name == name]
    return await store.telemetry.readings(
        "web-01", found.sensor_id, start=START + minutes(since), end=START + minutes(until), points=points
    )


async def append(store: Store, at: float, *readings: Reading) -> None:
    taken = [one if one.taken_at != START else replace(one, taken_at=START + minutes(at)) for one in readings]
    await store.telemetry.append("web-01", START + minutes(at), taken)


async def test_a_poll_is_one_row_and_the_same_poll_again_is_still_one(store: Store) -> None:
    for _ in range(3):
        await append(store, 0, *(reading(one, 20.0) for one in sixty()))
    assert (await stored_rows(store), await stored_rows(store, "layout"), await stored_rows(store, "sensor")) == (
        1,
        1,
        60,
    )


async def test_a_reading_comes_back_with_its_reason_and_quality(tmp_path: Path) -> None:
    given_readings = [
        reading("Inlet", 24.25),
        *(reading(f"Temp {reason}", reason) for reason in NoReading),
        reading("Odd", 300.0, quality=Quality.SUSPECT),
        reading("Wrong", -5.0, quality=Quality.BAD),
    ]
    for _ in range(2):  # the second time from the file alone
        async with opened(tmp_path) as store:
            await append(store, 0, *given_readings)
            told = {row.sensor.name: row.reading for row in await store.telemetry.sensors("web-01")}
            assert told == {one.sensor.name: one for one in given_readings}


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
async def test_nothing_that_is_no_number_is_stored_as_one(store: Store, value: float) -> None:
    await append(store, 0, reading("Inlet", value))
    layout = await store.telemetry.layout("web-02", [sensor("Inlet")])
    await store.telemetry.append_packed([PackedRow(layout.layout_id, START, [value])])
    await store.telemetry.append_columns("web-03", START, (sensor("Inlet"),), [value])
    for device_id in ("web-01", "web-02", "web-03"):
        rows = await store.telemetry_file.read(
            'SELECT "values" FROM reading JOIN layout USING (layout_id) WHERE device_id = ?', (device_id,)
        )
        assert math.isnan(unpack(rows[0]["values"])[0])
    assert (await series(store, "Inlet")).points[0].mean is None


async def test_a_sensor_that_is_told_differently_now_is_the_same_sensor(store: Store) -> None:
    await append(store, 0, reading(sensor("Inlet"), 20.0))
    await append(store, 1, reading(sensor("Inlet", thresholds=Thresholds(upper_critical=42.0)), 21.0))
    (row,) = await store.telemetry.sensors("web-01")
    assert row.sensor.thresholds.upper_critical == 42.0
    assert len((await series(store, "Inlet")).points) == 2


async def test_part_of_a_poll_uses_the_usual_layout_and_says_nothing_of_the_rest(store: Store) -> None:
    everything = sixty()
    await append(store, 0, *(reading(one, 20.0) for one in everything))
    await append(store, 1, *(reading(one, 21.0) for one in everything[:50]))
    assert await stored_rows(store, "layout") == 1
    latest = {row.sensor.source: row.reading for row in await store.telemetry.sensors("web-01") if row.reading}
    assert latest["/Inlet Temp"].value == 21.0
    last = [row.reading for row in await store.telemetry.sensors("web-01") if row.sensor.component.name == "Fan 30"]
    assert last[0] is not None
    assert (last[0].value, last[0].taken_at) == (20.0, START)


def test_a_layout_fits_when_it_is_at_least_half_used() -> None:
    layouts = [Layout(1, "d", (1, 2, 3, 4, 5)), Layout(2, "d", (1, 2)), Layout(3, "d", (1, 2, 3))]
    assert [fitting(layouts, wanted) for wanted in ((1, 2, 3), (1, 2), (1,), (9,))] == [
        layouts[0],
        layouts[1],
        layouts[1],
        None,
    ]


async def test_a_reading_the_device_repeats_counts_once_at_its_own_instant(store: Store) -> None:
    """A report that is not refreshed is no new reading. Planted bug: keeping only the instant of the poll."""
    for number in range(5):
        await append(store, number, reading("Inlet", 20.0 + number), reading("Frozen", 33.0, START - minutes(2)))
    frozen = await series(store, "Frozen", since=-10)
    assert [(point.at, point.mean) for point in frozen.points] == [(START - minutes(2), 33.0)]
    row = next(row for row in await store.telemetry.sensors("web-01") if row.sensor.name == "Frozen")
    assert row.reading is not None
    assert row.reading.taken_at == START - minutes(2)


async def test_a_gap_is_told_as_a_gap(store: Store) -> None:
    for number in (0, 1, 2, 3, 30, 31):
        await append(store, number, reading("Inlet", 20.0))
    found = await series(store, "Inlet", until=32)
    assert [point.mean for point in found.points] == [20.0] * 4 + [None] + [20.0] * 2
    assert found.gaps == 1


async def test_a_reading_without_a_number_is_a_gap_in_the_curve(store: Store) -> None:
    for number, value in enumerate((20.0, NoReading.TIMEOUT, 22.0)):
        await append(store, number, reading("Inlet", value))
    assert [point.mean for point in (await series(store, "Inlet", until=3)).points] == [20.0, None, 22.0]


async def test_a_suspect_reading_is_flagged_in_its_step(store: Store) -> None:
    for number in range(100):
        quality = Quality.SUSPECT if number == 42 else Quality.GOOD
        await append(store, number, reading("Inlet", float(number % 10), quality=quality))
    found = await series(store, "Inlet", until=100, points=10)
    assert found.step == timedelta(minutes=10)
    assert [point.suspect for point in found.points].count(True) == 1
    assert [(point.minimum, point.mean, point.maximum) for point in found.points] == [(0.0, 4.5, 9.0)] * 10


async def test_min_and_max_survive_any_step(store: Store) -> None:
    layout = await store.telemetry.layout("web-01", [sensor("Inlet")])
    spike = 3333
    rows = (PackedRow(layout.layout_id, START + minutes(n), [90.0 if n == spike else 20.0]) for n in range(10_000))
    assert await store.telemetry.append_packed(rows) == 10_000
    found = await series(store, "Inlet", until=10_000, points=300)
    assert 150 <= len(found.points) <= 300
    assert max(point.maximum or 0 for point in found.points) == 90.0


async def test_a_span_begins_with_its_start_and_ends_before_its_end(store: Store) -> None:
    for number in range(5):
        await append(store, number, reading("Inlet", float(number)))
    assert [point.mean for point in (await series(store, "Inlet", since=1, until=3)).points] == [1.0, 2.0]


async def test_back_fill_joins_live_readings_and_is_idempotent(store: Store) -> None:
    await append(store, 0, *(reading(one, 20.0) for one in sixty()))
    layout = await store.telemetry.layout("web-01", sixty())
    rows = [PackedRow(layout.layout_id, START - minutes(number), [19.0] * 60) for number in range(1, 3001)]
    assert await store.telemetry.append_packed(rows) == 3000
    assert await store.telemetry.append_packed(rows) == 0
    assert len((await series(store, "Inlet Temp", since=-60, until=1)).points) == 61
    assert (await store.telemetry.latest("web-01"))["Chassis", "1", "Inlet Temp", "Temperature"].value == 20.0


async def test_a_spark_is_the_last_hour_oldest_first(store: Store) -> None:
    for number in range(70):
        await append(store, number, reading("Inlet", NoReading.TIMEOUT if number == 69 else float(number)))
    (row,) = await store.telemetry.sensors("web-01", spark=True)
    assert len(row.spark) == 60
    assert (row.spark[0], row.spark[-2:]) == (10.0, (68.0, None))


async def test_old_readings_are_forgotten_and_the_rest_stays(store: Store) -> None:
    layout = await store.telemetry.layout("web-01", [sensor("Inlet")])
    await store.telemetry.append_packed(PackedRow(layout.layout_id, START + minutes(n), [1.0]) for n in range(5000))
    while await store.telemetry.expire(START + minutes(4500)):
        pass
    assert await stored_rows(store) == 500


async def test_a_sensor_of_another_device_is_not_found(store: Store) -> None:
    await append(store, 0, reading("Inlet", 20.0))
    (row,) = await store.telemetry.sensors("web-01")
    with pytest.raises(NotFound):
        await store.telemetry.readings("web-02", row.sensor_id, start=START, end=START + minutes(1))


async def test_a_device_that_invents_sensors_is_bounded(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """F99."""
    monkeypatch.setattr("fleetmon.storage.telemetry.MOST_SENSORS", 50)
    for number in range(4):
        await append(store, number, *(reading(f"Temp {number} {place}", 1.0) for place in range(20)))
    assert await stored_rows(store, "sensor") == 50


VALUES = st.one_of(st.sampled_from(list(NoReading)), st.floats(allow_nan=True, allow_infinity=True), st.none())


@given(st.lists(st.tuples(VALUES, st.sampled_from(list(Quality)), st.integers(0, 10**6)), max_size=80))
def test_packing_loses_nothing_it_should_keep(
    given_values: list[tuple[float | NoReading | None, Quality, int]],
) -> None:
    readings = [
        None
        if value is None
        else Reading(
            sensor=sensor("Inlet", ReadingType.TEMPERATURE),
            value=value,
            taken_at=START - timedelta(seconds=age),
            quality=quality,
        )
        for value, quality, age in given_values
    ]
    asked = [one for one in readings if one is not None]
    slots = [slot for slot, one in enumerate(readings) if one is not None]
    blank = not_asked(slot for slot, one in enumerate(readings) if one is None)
    values, exceptions = pack(*told(asked, START), slots, len(readings), blank)
    said = unpack_exceptions(exceptions)
    for place, (number, before) in enumerate(zip(unpack(values), readings, strict=True)):
        exception = said.get(place)
        if before is None:
            assert exception is not None
            assert not exception.asked
        elif before.number is not None and math.isfinite(before.number):
            assert number == before.number
            assert (exception.quality if exception else Quality.GOOD) is before.quality
        else:
            assert exception is not None
            assert math.isnan(number)
            assert exception.reason is (before.value if isinstance(before.value, NoReading) else NoReading.FAULTY)


async def test_the_short_curve_goes_on_when_sensors_come_and_go(store):
    """A device that lost a sensor is stored under its first layout again, while the second has the newer number."""
    told = [("a", "b", "c")] * 3 + [("a", "b", "c", "d")] * 3 + [("a", "b", "c")] * 3
    for number, names in enumerate(told):
        at = START + minutes(number)
        await store.telemetry.append("web-01", at, [reading(name, float(number), at) for name in names])
    sparks = {row.sensor.name: row.spark for row in await store.telemetry.sensors("web-01", spark=True)}
    assert sparks == {name: tuple(map(float, range(9))) for name in "abc"} | {"d": (3.0, 4.0, 5.0)}


@pytest.mark.parametrize("restart", [False, True])
async def test_what_was_read_while_the_clock_ran_ahead_is_not_the_latest_once_it_is_right(tmp_path, restart):
    async with opened(tmp_path) as store:
        await store.telemetry.latest("web-01")
        ahead = START + timedelta(days=1)
        await store.telemetry.append("web-01", ahead, [reading("Inlet", 99.0, ahead), reading("Outlet", 99.0, ahead)])
        if not restart:
            await store.telemetry.append("web-01", START, [reading("Inlet", 20.0, START)])
            assert [row.reading.value for row in await store.telemetry.sensors("web-01")] == [20.0, 99.0]
    async with opened(tmp_path) as store:
        await store.telemetry.latest("web-01")
        now = START + minutes(1)
        await store.telemetry.append("web-01", now, [reading("Inlet", 21.0, now)])
        assert [row.reading.value for row in await store.telemetry.sensors("web-01")] == [21.0, 99.0]
