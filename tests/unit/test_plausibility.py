"""The plausibility gate: what can be, what follows from before, and what contradicts itself."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from fleetmon.model import Component, Health, NoReading, Quality, Reading, ReadingType, Sensor, Thresholds
from fleetmon.plausibility import RANGES, RATES, contradiction, judge, judged

NOW = datetime(2026, 1, 6, 8, 0, tzinfo=UTC)


def sensor(kind: ReadingType = ReadingType.TEMPERATURE, component: str = "Chassis", **more: object) -> Sensor:
    return Sensor(component=Component(component, "one"), name="one", type=kind, source="/redfish/v1/x", **more)


def reading(value: float | NoReading, of: Sensor | None = None, after: float = 0, **more: object) -> Reading:
    return Reading(sensor=of or sensor(), value=value, taken_at=NOW + timedelta(seconds=after), **more)


def test_an_ordinary_reading_is_left_as_it_is():
    ordinary = reading(24.5)
    assert judge(ordinary) is ordinary


@pytest.mark.parametrize(
    ("kind", "value", "quality"),
    [
        (ReadingType.TEMPERATURE, 300, Quality.BAD),
        (ReadingType.TEMPERATURE, 128, Quality.SUSPECT),
        (ReadingType.TEMPERATURE, 95, Quality.GOOD),
        (ReadingType.PERCENT, 229, Quality.SUSPECT),
        (ReadingType.PERCENT, -229, Quality.BAD),
        (ReadingType.POWER, 5e6, Quality.BAD),
        (ReadingType.POWER, 0, Quality.GOOD),
        (ReadingType.ROTATIONAL, -1, Quality.BAD),
        (ReadingType.VOLTAGE, -12, Quality.GOOD),
        (ReadingType.OTHER, 1e30, Quality.GOOD),
    ],
)
def test_a_value_is_judged_by_the_range_of_its_type(kind, value, quality):
    judged = judge(reading(value, sensor(kind)))
    assert judged.quality is quality
    assert bool(judged.quality_reason) is (quality is not Quality.GOOD)


def test_F32_a_fan_speed_in_the_wrong_unit_is_suspect():
    assert judge(reading(42, sensor(ReadingType.ROTATIONAL, "Fan"))).quality is Quality.SUSPECT
    assert judge(reading(0.92, sensor(ReadingType.PERCENT, "Fan"))).quality is Quality.SUSPECT
    assert judge(reading(0, sensor(ReadingType.ROTATIONAL, "Fan"))).quality is Quality.GOOD
    assert judge(reading(0.4, sensor(ReadingType.PERCENT, "Processor"))).quality is Quality.GOOD


def test_a_value_outside_the_sensor_s_own_range_is_suspect():
    of = sensor(range_min=0, range_max=100)
    assert judge(reading(110, of)).quality is Quality.SUSPECT
    assert judge(reading(100, of)).quality is Quality.GOOD
    assert judge(reading(110, sensor(range_min=0, range_max=0))).quality is Quality.GOOD


def test_a_temperature_cannot_jump():
    assert judge(reading(90, after=30), reading(22)).quality is Quality.SUSPECT
    assert judge(reading(60, after=60), reading(22)).quality is Quality.GOOD


def test_a_jump_is_no_jump_after_a_long_silence_or_from_a_doubtful_value():
    assert judge(reading(90, after=3600), reading(22)).quality is Quality.GOOD
    assert judge(reading(90, after=30), reading(22, quality=Quality.SUSPECT)).quality is Quality.GOOD
    assert judge(reading(90, after=30), reading(NoReading.OFF)).quality is Quality.GOOD


def test_an_energy_count_that_goes_back_is_suspect():
    of = sensor(ReadingType.ENERGY_KWH)
    assert judge(reading(10, of, after=60), reading(9_000, of)).quality is Quality.SUSPECT
    assert judge(reading(9_001, of, after=60), reading(9_000, of)).quality is Quality.GOOD


def test_what_has_no_value_is_not_judged():
    absent = reading(NoReading.ABSENT)
    assert judge(absent, reading(22)) is absent


def test_a_reading_never_becomes_better_than_it_came():
    assert judge(reading(24, quality=Quality.BAD)).quality is Quality.BAD
    assert judge(reading(24, quality=Quality.SUSPECT, quality_reason="stale")).quality_reason == "stale"
    assert judge(reading(999, quality=Quality.SUSPECT)).quality is Quality.BAD


def test_a_device_that_calls_a_value_ok_beyond_its_own_limit_contradicts_itself():
    of = sensor(thresholds=Thresholds(upper_critical=47, lower_critical=-7))
    assert "47" in contradiction(of, 50, Health.OK)
    assert contradiction(of, -8, Health.OK)
    assert not contradiction(of, 50, Health.CRITICAL)
    assert not contradiction(of, 30, Health.OK)
    assert not contradiction(replace(of, thresholds=Thresholds(upper_critical=0)), 30, Health.OK)


def test_the_tables_make_sense():
    assert all(row.possible[0] <= row.likely[0] < row.likely[1] <= row.possible[1] for row in RANGES)
    assert len({row.type for row in RANGES}) == len(RANGES)
    assert all(row.step > 0 and row.per_minute > 0 for row in RATES)


class Lately:
    """The last readings, as storage tells them."""

    def __init__(self, last: Reading | None) -> None:
        self.last = last

    def get(self, _key: object) -> Reading | None:
        return self.last

    def number(self, _key: object) -> float | None:
        return self.last.number if self.last is not None and self.last.quality is Quality.GOOD else None


EDGES = sorted(
    {
        value
        for row in RANGES
        for pair in (row.possible, row.likely)
        for edge in pair
        for value in (math.nextafter(edge, -math.inf), float(edge), math.nextafter(edge, math.inf))
    }
    | {0.0, 0.0005, 0.001, 0.5, 1.0, 1.5, 20.0, 45.0, 46.0, 99.0, 100.0, 100.5, 101.0, 500.0, 1000.0, 3000.0}
)


@pytest.mark.parametrize("kind", ["Fan", "Chassis"])
@pytest.mark.parametrize("type_", list(ReadingType))
@pytest.mark.parametrize("span", [(None, None), (10.0, 90.0), (90.0, 10.0)], ids=str)
def test_the_quick_look_never_finds_good_what_the_close_one_doubts(
    kind: str, type_: ReadingType, span: tuple[float | None, float | None]
) -> None:
    """Planted bug: bounds one step too wide let a fan at 1 % through, which is a fraction."""
    one = Sensor(
        component=Component(kind, "1"), name="x", type=type_, source="/x", range_min=span[0], range_max=span[1]
    )
    for last in (None, 20.0, 1000.0):
        before = None if last is None else Reading(sensor=one, value=last, taken_at=NOW - timedelta(seconds=60))
        for value in EDGES:
            told = Reading(sensor=one, value=value, taken_at=NOW)
            assert judged(told, Lately(before)) == judge(told, before)
