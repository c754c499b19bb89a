"""The System Event Log over IPMI: what is new is told once, what cannot be read is said, nothing is cleared."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest

from fleetmon.clock import ManualClock
from fleetmon.drivers.ipmi.messages import Command
from fleetmon.drivers.ipmi.sel import LOG, TRIES, clock_trouble
from fleetmon.drivers.ipmi.session import Answer
from fleetmon.drivers.lane import Pace
from fleetmon.ingest.logs import follow
from fleetmon.model import Aspect, LogMark, LogReading, Observation
from fleetmon.storage.events import LogState, identity_of
from tests.ipmi_shelf import (
    NOT_THERE,
    NOW,
    SEL_ENTRY,
    SEL_INFO,
    SEL_TIME,
    Bench,
    Fault,
    Shelf,
    event,
    le,
    numeric,
    value,
)

EVENTS, SENSORS = Aspect.EVENTS, Aspect.SENSORS
THEN = int(NOW.timestamp()) - 86_400


def device(entries: int, *, pace: Pace | None = None) -> Bench:
    """A device with one sensor and so many entries in its log."""
    shelf = Shelf(ManualClock(NOW))
    shelf.records.append(numeric(1, "Inlet"))
    shelf.readings[0, 1] = value(22)
    for number in range(1, entries + 1):
        shelf.log_event(event(number, THEN + number))
    return Bench(shelf, pace=pace)


async def followed(entries: int) -> Bench:
    """Such a device whose log has been read."""
    bench = device(entries)
    await bench.poll(Aspect.HEARTBEAT, SENSORS)
    await bench.poll(EVENTS)
    return bench


def only(seen: Observation) -> LogReading:
    (reading,) = seen.logs
    return reading


def ids(seen: Observation) -> list[int]:
    return [int(record.record_id) for log in seen.logs for record in log.records]


def refused(record: int, code: int = NOT_THERE) -> Fault:
    """The device does not give this record."""

    def fault(command: Command) -> Answer | None:
        return Answer(code, b"") if command[:2] == SEL_ENTRY and command.data[2:4] == le(record, 2) else None

    return fault


async def test_a_log_is_read_whole_at_first() -> None:
    bench = await followed(40)
    reading = only(await Bench(bench.shelf).poll(EVENTS))
    assert len(reading.records) == 40
    assert (reading.log, reading.total, reading.truncated, reading.reached_mark) == (LOG, 40, False, False)
    assert reading.capacity == 540


async def test_a_log_with_nothing_new_costs_one_request() -> None:
    bench = await followed(40)
    seen = await bench.poll(EVENTS)
    assert seen.requests == 1
    assert (ids(seen), only(seen).reached_mark) == ([40], True)
    assert EVENTS in seen.answered


async def test_what_is_new_is_read_from_the_marked_record_on() -> None:
    bench = await followed(40)
    bench.shelf.log_event(event(41, THEN + 50), event(42, THEN + 51))
    seen = await bench.poll(EVENTS)
    assert ids(seen) == [40, 41, 42]
    assert bench.shelf.count(SEL_ENTRY) <= 4
    assert only(seen).reached_mark


async def test_a_poll_of_the_sensors_tells_what_is_new_and_only_that() -> None:
    bench = await followed(3)
    assert (await bench.poll(SENSORS)).logs == ()
    bench.shelf.log_event(event(4, THEN + 9))
    seen = await bench.poll(SENSORS)
    assert ids(seen) == [3, 4]
    assert seen.answered == {SENSORS}


async def test_the_first_reading_of_a_log_waits_until_it_is_asked_for() -> None:
    bench = device(30)
    await bench.poll(SENSORS)
    assert bench.shelf.count(SEL_INFO, SEL_ENTRY) == 0


async def test_the_first_record_of_an_empty_log_is_told_by_the_next_poll_of_the_sensors() -> None:
    bench = await followed(0)
    assert bench.marks == {}
    bench.shelf.log_event(event(1, int(NOW.timestamp())))
    assert ids(await bench.poll(Aspect.HEARTBEAT, Aspect.SENSORS)) == [1]


async def test_after_a_restart_an_unchanged_log_costs_one_request_too() -> None:
    bench = await followed(40)
    after = Bench(bench.shelf, memory=bench.driver.memory())
    after.marks = bench.marks
    seen = await after.poll(EVENTS)
    assert bench.shelf.count(SEL_INFO, SEL_ENTRY) == 1
    assert ids(seen) == [40]


async def test_a_cleared_log_that_uses_its_ids_again_is_told_from_its_beginning() -> None:
    bench = await followed(5)
    bench.shelf.clear_log()
    bench.shelf.log_event(*(event(number, THEN + 1000 + number, 2) for number in range(1, 8)))
    seen = await bench.poll(EVENTS)
    assert ids(seen) == [1, 2, 3, 4, 5, 6, 7]
    assert not only(seen).reached_mark


async def test_a_log_cleared_while_it_is_read_for_the_first_time_is_not_joined_with_the_one_after_it() -> None:
    """Planted bug: record 1 of the old log and record 2 of the new one are told as one log, and the new 1 never."""
    bench = device(40, pace=Pace(poll_deadline=timedelta(seconds=3)))
    bench.shelf.takes = 0.1
    archive = Archive()
    await bench.poll(EVENTS)
    assert 0 < len(bench.driver._known.unread_sel.raws) < 40
    bench.shelf.clear_log()
    bench.shelf.log_event(*(event(number, THEN + 1000 + number) for number in range(1, 41)))
    for _ in range(8):
        bench.marks = archive.take(await bench.poll(EVENTS))
    assert {record[2:].hex() for record in bench.shelf.log} <= set(archive.stored.values())


async def test_a_log_emptied_is_told_empty() -> None:
    bench = await followed(5)
    bench.shelf.clear_log()
    for _ in range(2):
        reading = only(await bench.poll(EVENTS))
        assert (reading.records, reading.total) == ((), 0)


async def test_a_record_that_was_dropped_behind_our_back_is_not_taken_for_reached() -> None:
    bench = await followed(5)
    bench.shelf.log[:] = [event(number, THEN + number) for number in range(8, 12)]
    bench.shelf.log_added += 6
    reading = only(await bench.poll(EVENTS))
    assert (ids(await bench.poll(EVENTS))[-1], reading.reached_mark) == (11, False)


async def test_twelve_hundred_entries_of_a_slow_device_are_told_once_and_whole() -> None:
    bench = device(1200)
    bench.shelf.takes = 0.25
    polls = [await bench.poll(EVENTS)]
    while not polls[-1].logs:
        assert any("the next poll goes on" in problem.reason for problem in polls[-1].problems)
        polls.append(await bench.poll(EVENTS))
    assert len(polls) > 5
    assert ids(polls[-1]) == list(range(1, 1201))
    assert all(seen.seconds < 50 for seen in polls)


async def test_many_new_entries_of_a_slow_device_come_poll_by_poll() -> None:
    bench = await followed(3)
    bench.shelf.log_event(*(event(number, THEN + number) for number in range(4, 404)))
    bench.shelf.takes = 0.5
    told: list[int] = []
    while 403 not in told:
        seen = await bench.poll(EVENTS)
        assert only(seen).reached_mark
        told += [one for one in ids(seen) if one not in told]
    assert told == list(range(3, 404))


async def test_ids_with_gaps_cost_guesses_and_no_record() -> None:
    bench = device(0)
    bench.shelf.log_event(*(event(7 * number, THEN + number) for number in range(1, 60)))
    assert ids(await bench.poll(EVENTS)) == [7 * number for number in range(1, 60)]
    assert bench.shelf.count(SEL_ENTRY) < 90


async def test_a_full_log_that_wraps_is_looked_at_by_its_newest_record() -> None:
    bench = await followed(6)
    bench.shelf.log_free = 0
    await bench.poll(EVENTS)
    del bench.shelf.log[0]
    bench.shelf.log.append(event(7, THEN + 90))
    seen = await bench.poll(EVENTS)
    assert ids(seen) == [6, 7]
    assert not only(seen).keeps_oldest
    assert not any("full" in problem.reason for problem in seen.problems)


async def test_a_full_log_that_drops_what_is_new_is_told() -> None:
    bench = await followed(6)
    bench.shelf.log_free, bench.shelf.log_flags = 0, 0x82
    seen = await bench.poll(EVENTS)
    assert only(seen).keeps_oldest
    assert any("is full and drops new records" in problem.reason for problem in seen.problems)


async def test_a_record_that_cannot_be_read_holds_the_mark_and_is_given_up_as_a_gap_in_the_end() -> None:
    bench = await followed(3)
    bench.shelf.log_event(*(event(number, THEN + number) for number in range(4, 9)))
    bench.shelf.faults.append(refused(5, 0xFF))
    readings = [only(await bench.poll(EVENTS)) for _ in range(TRIES)]
    assert all(reading.unread and not reading.gap for reading in readings[:-1])
    assert (readings[-1].gap, readings[-1].records[-1].record_id) == (True, "8")
    assert ids(await bench.poll(EVENTS)) == [8]


async def test_a_first_reading_that_is_stuck_tells_what_it_has_in_the_end() -> None:
    bench = device(8)
    bench.shelf.faults.append(refused(5, 0xFF))
    polls = [await bench.poll(EVENTS) for _ in range(TRIES)]
    assert all(seen.logs == () and EVENTS not in seen.answered for seen in polls[:-1])
    assert ids(polls[-1]) == [1, 2, 3, 4, 8]
    assert only(polls[-1]).gap


@pytest.mark.parametrize(
    ("ahead", "hours"), [(0, 0), (5 * 3600, 0), (-8 * 3600, 0), (5 * 3600 + 1800, 0), (-20 * 365 * 86_400, None)]
)
async def test_a_log_that_keeps_local_time_is_told_in_ours(ahead: int, hours: int | None) -> None:
    bench = device(0)
    bench.shelf.log_ahead = ahead
    bench.shelf.log_event(event(1, THEN + ahead))
    seen = await bench.poll(EVENTS)
    (record,) = only(seen).records
    assert record.created_at is not None
    apart = abs(record.created_at.timestamp() - THEN)
    assert apart <= 2 if hours is not None else apart > 86_400
    assert any("clock of the log" in problem.reason for problem in seen.problems) is bool(ahead)
    await bench.poll(EVENTS)
    assert bench.shelf.count(SEL_TIME) == 0


@pytest.mark.parametrize(
    ("offset", "said"),
    [
        (None, ""),
        (30.0, ""),
        (18_000.0, "5.0 h ahead of ours, as if set to local time"),
        (-18_000.0, "5.0 h behind ours"),
        (400.0, "7 min ahead of ours, set wrongly"),
        (-1.5e9, "17361 days behind ours: its times mean nothing"),
    ],
)
def test_a_clock_that_is_off_is_told_in_words(offset: float | None, said: str) -> None:
    assert said in clock_trouble(offset)
    assert bool(said) == bool(clock_trouble(offset))


async def test_a_sensor_renamed_does_not_make_its_old_records_new() -> None:
    bench = await followed(5)
    bench.shelf.records[0] = numeric(1, "Front Inlet")
    bench.shelf.sdr_added += 60
    await bench.poll(Aspect.COMPONENTS)
    seen = await bench.poll(EVENTS)
    assert (ids(seen), only(seen).reached_mark) == ([5], True)


async def test_nothing_is_ever_sent_that_could_change_the_log() -> None:
    bench = await followed(20)
    for _ in range(3):
        bench.shelf.log_event(event(len(bench.shelf.log) + 1, THEN + 500))
        await bench.poll()
        assert bench.shelf.count((0x0A, 0x42), (0x0A, 0x44), (0x0A, 0x46), (0x0A, 0x47), (0x0A, 0x49)) == 0


# ---- any history -----------------------------------------------------------------------------------------------------


class Archive:
    """What ingest makes of the readings, without a database."""

    def __init__(self) -> None:
        self.state: LogState | None = None
        self.stored: dict[tuple[int, bytes], str] = {}
        self.own: list[str] = []

    def take(self, seen: Observation) -> dict[str, LogMark]:
        for reading in seen.logs:
            told = follow(
                self.state,
                reading,
                lambda generation, records: {
                    identity: (generation, identity) in self.stored for identity in map(identity_of, records)
                },
                generation=1,
                received_at=seen.taken_at,
            )
            self.state = told.state
            for one in told.events:
                if one.record.message_id.startswith("Fleetmon."):
                    self.own.append(one.record.message_id)
                else:
                    key = (one.generation, identity_of(one.record))
                    assert key not in self.stored, f"told twice: {one.record}"
                    self.stored[key] = one.record.content
        return {LOG: self.state.mark} if self.state and self.state.mark else {}


@pytest.mark.parametrize("seed", range(60))
async def test_any_history_of_a_log_is_told_whole_and_once(seed: int) -> None:
    """Events come, somebody clears, the log wraps, the device is slow: each record in it at a look is stored once."""
    rng = random.Random(seed)
    bench = device(rng.choice((0, 5, 40)), pace=Pace(poll_deadline=timedelta(seconds=rng.choice((3, 50)))))
    archive, happened, at = Archive(), [record[2:].hex() for record in bench.shelf.log], THEN + 10_000
    next_id, room = len(happened) + 1, rng.choice((0, 60))
    for _ in range(rng.randint(4, 14)):
        await bench.clock.advance(300)
        bench.shelf.takes = rng.choice((0.0, 0.0, 0.05))
        if rng.random() < 0.15:
            bench.shelf.clear_log()
            next_id = 1 if rng.random() < 0.7 else next_id
        for _ in range(rng.choice((0, 0, 1, 2, 20))):
            at += rng.randint(1, 60)
            record = event(next_id, at, rng.randint(1, 3), offset=rng.choice((7, 9)))
            bench.shelf.log_event(record)
            happened.append(record[2:].hex())
            next_id += 1
            if room and len(bench.shelf.log) > room:
                del bench.shelf.log[0]
        for _ in range(8):  # a slow device needs several polls
            seen = await bench.poll(EVENTS)
            bench.marks = archive.take(seen)
            if seen.logs and not seen.logs[0].truncated:
                break
        kept = set(archive.stored.values())
        lost = [raw for raw in (record[2:].hex() for record in bench.shelf.log) if raw not in kept]
        assert not lost, f"seed {seed}: {len(lost)} of {len(bench.shelf.log)} records were never told"
    assert set(archive.stored.values()) <= set(happened)
