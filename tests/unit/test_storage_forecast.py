from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from fleetmon.settings import Retention
from fleetmon.storage.forecast import Held, Sample, forecast, full_in, growth, held_of
from fleetmon.storage.space import Disk, Room, limits
from fleetmon.storage.telemetry_rows import Growth
from tests.observations import START

MIB = 1 << 20
ROOM = Room(disk=Disk(total=1000 * MIB, free=200 * MIB), limits=limits(1000 * MIB), reserve_held=True)
SPARE = 100 * MIB


def samples(hours: int, per_day: float) -> list[Sample]:
    return [Sample(START + timedelta(hours=hour), int(5 * MIB + per_day * hour / 24)) for hour in range(hours + 1)]


def days(left: timedelta | None) -> float:
    assert left is not None
    return left / timedelta(days=1)


def test_nothing_is_foretold_from_less_than_six_hours():
    found = forecast(samples(5, 10 * MIB), [], ROOM)
    assert (found.per_day, found.left) == (None, None)
    assert found.reason == "how long it lasts is known after 6 hours of running"
    assert forecast(samples(5, 10 * MIB), [], None).reason == "the disk cannot be measured"


def test_before_a_day_is_sealed_the_slope_of_the_samples_counts():
    found = forecast(samples(12, 10 * MIB), [], ROOM)
    assert found.per_day == pytest.approx(10 * MIB, rel=0.01)
    assert days(found.left) == pytest.approx(10, rel=0.01)


def test_only_the_last_seven_days_count():
    """Planted bug: the slope over all samples still sees the growth of two weeks ago."""
    busy = samples(72, 50 * MIB)
    calm = [Sample(busy[-1].at + timedelta(hours=hour), busy[-1].used) for hour in range(1, 240)]
    assert forecast([*busy, *calm], [], ROOM).reason == "not growing"


def test_growth_is_no_matter_of_two_samples():
    noisy = [
        replace(one, used=one.used + (MIB if number % 2 else 0)) for number, one in enumerate(samples(48, 4 * MIB))
    ]
    assert growth(noisy) == pytest.approx(4 * MIB, rel=0.1)


def test_history_that_stops_growing_before_the_disk_is_full_never_fills_it():
    """Planted bug: a straight line into the future calls every young installation doomed."""
    held = [Held("readings", 10 * MIB, 2 * MIB, timedelta(days=35))]
    found = forecast([], held, ROOM)
    assert found.left is None
    assert found.reason == "history ends at 70 MiB, which fits"


def test_each_kind_of_history_grows_until_its_own_retention():
    """40 MiB go in 20 days of both; then the slow one alone needs 60 days for the other 60."""
    quick = Held("readings", 0, 1 * MIB, timedelta(days=20))
    slow = Held("hours", 0, 1 * MIB, timedelta(days=730))
    assert days(full_in([quick, slow], SPARE)) == pytest.approx(80)
    assert full_in([quick], SPARE) is None
    assert days(full_in([slow], SPARE)) == pytest.approx(100)
    assert full_in([], SPARE) is None


def test_every_kind_of_page_has_a_retention():
    kinds = ("readings", "five_minutes", "hours", "days")
    held = held_of([Growth(kind, 1, 1.0) for kind in kinds], Retention())
    assert [one.kept for one in held] == [timedelta(days=days) for days in (35, 90, 730, 3650)]


def test_room_that_is_used_up_is_full_now():
    full = replace(ROOM, disk=Disk(total=1000 * MIB, free=0))
    assert forecast([], [Held("readings", 0, 1 * MIB, timedelta(days=35))], full).left == timedelta(0)
