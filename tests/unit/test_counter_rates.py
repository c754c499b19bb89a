"""Any history of a counter: no rate below zero, no false spike, and the true rate wherever nothing happened (R17).

A counter counts by itself here, wraps, is reset with or without a word, and is polled with gaps, losses and doubts.
What is told of it is held against what it really counted.
"""

from __future__ import annotations

import random
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetmon.model import Component, NoReading, Quality, Reading, ReadingType, Sensor
from fleetmon.storage import Store
from fleetmon.storage.counting import WRAPS_AT, rates, step_rates
from fleetmon.storage.history import Taken, stepped
from tests.observations import START, opened

LONGEST = 180_000
ACTS = (
    "steady",
    "busy",
    "idle",
    "reset told",
    "reset untold",
    "another told",
    "missed",
    "lost",
    "doubtful",
    "twice",
    "away",
)
OCTETS = Sensor(component=Component("Port", "Ethernet1"), name="In Octets", type=ReadingType.COUNTER, source="1.3.6")
ERRORS = replace(OCTETS, name="In Errors", range_max=WRAPS_AT - 1)


@dataclass(frozen=True, slots=True)
class Count:
    """One look at the counter, and what it had really counted since the world began."""

    at: int
    number: int | None
    suspect: bool
    truly: int
    resets: int


@dataclass(slots=True)
class Counter:
    """A counter of some width, counting at some speed."""

    width: int
    shown: int
    draw: random.Random
    speed: float
    truly: int = 0
    resets: int = 0
    at: int = 0

    def wait(self, seconds: float) -> None:
        self.at += int(seconds * 1000)
        more = int(self.speed * seconds)
        self.truly += more
        self.shown = (self.shown + more) % self.width

    def reset(self) -> None:
        self.shown, self.resets = 0, self.resets + 1

    def look(self, *, suspect: bool = False, lost: bool = False) -> Count:
        return Count(self.at, None if lost else self.shown, suspect, self.truly, self.resets)


def history_of(seed: int, acts: Sequence[str], wide: bool) -> list[Count]:
    draw = random.Random(seed)
    width = 2**64 if wide else WRAPS_AT
    start = draw.choice((0, draw.randrange(width), width - draw.randrange(1, 10**9)))
    fastest = 5e9 if wide else 2e7
    counter = Counter(width, start, draw, draw.uniform(0, fastest))
    looks = [counter.look()]
    for act in acts:
        counter.speed = {"busy": draw.uniform(0, fastest), "idle": 0.0}.get(act, counter.speed)
        if act.startswith("reset"):
            counter.wait(draw.uniform(1, 59))
            counter.reset()
        if act == "another told":
            counter.reset()
            counter.shown = draw.randrange(width)
        counter.wait({"twice": draw.uniform(0.001, 5), "away": draw.uniform(600, 9000)}.get(act, draw.uniform(55, 65)))
        if act != "missed":
            looks.append(counter.look(suspect=act.endswith(" told") or act == "doubtful", lost=act == "lost"))
    draw.shuffle(looks)
    return looks


def taken(looks: Sequence[Count]) -> Taken:
    """As storage gives them: by instant, doubles and what they lack."""
    looks = sorted(looks, key=lambda look: look.at)
    numbers = [float("nan") if look.number is None else float(look.number) for look in looks]
    rests = [0 if look.number is None else look.number - int(float(look.number)) for look in looks]
    return Taken(
        np.array([look.at for look in looks], np.int64),
        np.array(numbers, np.float64),
        np.array([look.suspect for look in looks], np.bool_),
        np.array(rests, np.float64),
    )


def check(looks: Sequence[Count], wide: bool) -> int:
    """Holds what is told of a history against it; how many rates were told."""
    found = rates(taken(looks), LONGEST, wraps=not wide)
    looks = sorted(looks, key=lambda look: look.at)
    truly = [1000 * (b.truly - a.truly) / (b.at - a.at) if b.at > a.at else 0.0 for a, b in pairwise(looks)]
    told = {at: rate for at, rate in zip(found.at.tolist(), found.number.tolist(), strict=True) if rate == rate}
    spans = [(a.at, b.at, speed) for (a, b), speed in zip(pairwise(looks), truly, strict=True)]
    for at, rate in told.items():
        around = [speed for start, end, speed in spans if start <= at + LONGEST and end >= at - LONGEST]
        assert 0 <= rate <= 2 * max(around) + 1, f"a spike of {rate:g} where {max(around):g} was counted"
    calm = [
        (a, b, speed)
        for (before, a), (_, b), speed in zip(pairwise(looks[:-1]), pairwise(looks[1:]), truly[1:], strict=True)
        if all(look.number is not None and not look.suspect for look in (before, a, b))
        and 55_000 <= b.at - a.at <= 65_000
        and a.at - before.at >= 55_000
        and a.resets == b.resets
        and (b.number or 0) >= (a.number or 0)
        and (wide or speed * 60 < WRAPS_AT)
    ]
    for a, b, speed in calm:
        assert told.get(b.at) == pytest.approx(speed, rel=1e-12), f"the rate after {a.at} is not told as it was"
    return len(told)


@given(st.integers(0, 2**32), st.lists(st.sampled_from(ACTS), min_size=3, max_size=30), st.booleans())
def test_R17_no_history_of_a_counter_has_a_spike_or_a_rate_below_zero(seed: int, acts: list[str], wide: bool) -> None:
    check(history_of(seed, acts, wide), wide)


def seeded(seed: int, histories: int) -> tuple[int, int]:
    """Many drawn histories; how many counts and rates they had."""
    draw, counts, told = random.Random(seed), 0, 0
    for _ in range(histories):
        weights = [draw.choice((0, 1, 5)) for _ in ACTS]
        acts = draw.choices(ACTS, [8, *weights[1:]], k=draw.randrange(3, 30))
        wide = draw.random() < 0.5
        looks = history_of(draw.randrange(2**32), acts, wide)
        counts, told = counts + len(looks), told + check(looks, wide)
    return counts, told


def test_R17_a_thousand_seeded_histories() -> None:
    counts, told = seeded(17, 1000)
    assert told > counts / 4, "silence would be no feat"


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_R17_a_hundred_thousand_histories() -> None:
    seed, started = random.SystemRandom().randrange(2**32), time.monotonic()
    counts, told = seeded(seed, 100_000)
    print(f"R17: 100,000 histories, {counts} counts, {told} rates, seed {seed}, {time.monotonic() - started:.0f} s")


# ---- what it comes down to ------------------------------------------------------------------------------------------


def told_rates(*counts: float | None, wraps: bool = False, every: int = 60) -> list[float | None]:
    """The rates of counts a minute apart."""
    looks = [
        Count(number * every * 1000, int(one) if one is not None else None, False, 0, 0)
        for number, one in enumerate(counts)
    ]
    found = rates(taken(looks), LONGEST, wraps=wraps)
    return [None if one != one else one for one in found.number.tolist()]


def test_F91_a_wrap_of_a_counter_of_32_bits_is_counted_through() -> None:
    top = WRAPS_AT - 1200
    assert told_rates(top - 6000, top, 4800, 10_800, wraps=True) == [100, 100, 100]


def test_F91_a_reset_of_a_counter_of_32_bits_is_no_wrap() -> None:
    assert told_rates(3_000_000_000, 3_000_006_000, 900, 6900, wraps=True) == [100, None, 100]


def test_F91_a_counter_of_64_bits_that_goes_back_was_reset() -> None:
    assert told_rates(WRAPS_AT - 6000, WRAPS_AT - 60, 5940, 11_940) == [99, None, 100]


def test_F97_a_poll_that_lost_a_counter_leaves_a_gap_on_both_sides() -> None:
    assert told_rates(0, 6000, None, 900_000_000, 900_006_000) == [100, None, None, 100]


def test_a_second_look_a_moment_later_tells_no_rate_of_its_own() -> None:
    looks = [
        Count(at, number, False, 0, 0) for at, number in ((0, 0), (60_000, 6000), (61_000, 9000), (120_000, 12_000))
    ]
    found = rates(taken(looks), LONGEST)
    assert (found.at.tolist(), found.number.tolist()) == ([60_000, 120_000], [100, 100])


def test_a_long_silence_tells_no_rate() -> None:
    assert told_rates(0, 6000, every=3600) == [None]


def test_rolled_up_counts_tell_rates_but_none_around_a_reset() -> None:
    numbers = [6000 * minute for minute in range(30)] + [6000 * minute for minute in range(30)]
    looks = [Count(minute * 60_000, number, False, 0, 0) for minute, number in enumerate(numbers)]
    steps = step_rates(stepped(taken(looks), timedelta(minutes=5)), 300_000)
    told = [one if there else None for one, there in zip(steps.low.tolist(), steps.count.tolist(), strict=True)]
    assert told == [100.0] * 5 + [None] * 2 + [100.0] * 4 + [None]


# ---- through the store ----------------------------------------------------------------------------------------------


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with opened(tmp_path) as store:
        yield store


async def put(store: Store, minute: int, value: int | NoReading, sensor: Sensor = OCTETS) -> None:
    at = START + timedelta(minutes=minute)
    reading = Reading(sensor=sensor, value=value, taken_at=at)
    await store.telemetry.append("sw-01", at, [reading])


async def last(store: Store) -> tuple[float | NoReading, Quality]:
    (row,) = await store.telemetry.sensors("sw-01")
    assert row.reading is not None
    return row.reading.value, row.reading.quality


async def series_of(store: Store, sensor: Sensor, rate: bool | None = None, minutes: int = 10):
    (row,) = [row for row in await store.telemetry.sensors("sw-01") if row.sensor.name == sensor.name]
    end = START + timedelta(minutes=minutes)
    return await store.telemetry.readings("sw-01", row.sensor_id, start=START, end=end, points=500, rate=rate)


@pytest.mark.parametrize("count", [2**53 + 1, 2**63 - 1, 2**63, 2**63 + 4097, 2**64 - 1])
async def test_F101_a_counter_of_64_bits_comes_back_to_the_last_digit(store: Store, tmp_path: Path, count: int) -> None:
    await put(store, 0, count)
    assert await last(store) == (count, Quality.GOOD)
    async with opened(tmp_path / "other") as other:
        await put(other, 0, count)
    async with opened(tmp_path / "other") as again:
        assert await last(again) == (count, Quality.GOOD)


async def test_F101_a_rate_near_the_top_of_64_bits_is_exact_to_one_packet(store: Store) -> None:
    for minute in range(5):
        await put(store, minute, 2**64 - 1000 + 7 * minute)
    told = await series_of(store, OCTETS)
    assert told.unit == "/s"
    assert [point.mean for point in told.points] == [7 / 60] * 4


async def test_F101_a_sealed_counter_is_as_exact_as_before(store: Store) -> None:
    for minute in range(120):
        await put(store, minute, 2**63 + 11 * minute)
    now = START + timedelta(days=2)
    for span in await store.telemetry.due(now, timedelta(days=30)):
        assert await store.telemetry.seal(span) > 0
    told = await series_of(store, OCTETS, minutes=120)
    assert {point.mean for point in told.points} == {11 / 60}


async def test_the_counts_themselves_are_told_when_asked_for(store: Store) -> None:
    for minute in range(3):
        await put(store, minute, 600 * minute)
    told = await series_of(store, OCTETS, rate=False)
    assert [point.mean for point in told.points] == [0, 600, 1200]
    assert told.unit == ""


async def test_the_small_curve_beside_a_counter_is_of_its_rate(store: Store) -> None:
    for minute, count in enumerate((0, 600, 1800, 0, 60)):
        await put(store, minute, count)
    (row,) = await store.telemetry.sensors("sw-01", spark=True)
    assert row.spark == (10, 20, None, 1)


async def test_a_counter_that_wraps_is_known_by_its_range(store: Store) -> None:
    for minute, count in enumerate((WRAPS_AT - 1200, WRAPS_AT - 600, 0, 600)):
        await put(store, minute, count, ERRORS)
        await put(store, minute, count, OCTETS)
    assert [point.mean for point in (await series_of(store, ERRORS)).points] == [10, 10, 10]
    assert [point.mean for point in (await series_of(store, OCTETS)).points] == [10, None, 10]
