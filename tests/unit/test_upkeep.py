from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from fleetmon.clock import ManualClock
from fleetmon.model import Aspect
from fleetmon.settings import Retention
from fleetmon.storage import Store
from fleetmon.storage.rows import Worker
from fleetmon.upkeep import Chore, Upkeep, due
from tests.observations import START, STEADY, device, log_reading, observed, opened, reading, record, take


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START)


@pytest.fixture
async def store(tmp_path: Path, clock: ManualClock) -> AsyncIterator[Store]:
    async with opened(tmp_path, clock) as store:
        await store.fleet.add_device(device())
        yield store


async def nothing() -> None:
    pass


def test_a_chore_is_due_when_its_time_has_come() -> None:
    chore = Chore(name="sweep", every=timedelta(seconds=30), work=nothing)
    assert due((chore,), {}, 0.0) == [chore]
    assert due((chore,), {"sweep": 0.0}, 29.9) == []
    assert due((chore,), {"sweep": 0.0}, 30.0) == [chore]


async def test_a_silent_device_turns_stale_by_itself(store: Store, clock: ManualClock) -> None:
    await take(store, observed())
    before = await store.summaries.revision()
    running = asyncio.create_task(Upkeep(store=store, retention=Retention(), clock=clock).run())
    async with asyncio.timeout(30):  # a slow disk holds up the chores before it, while our clock runs on
        while await store.summaries.revision() == before:
            await clock.advance(5)
            await asyncio.sleep(0.002)
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
    summary = await store.summaries.one("web-01")
    assert summary is not None
    assert summary.stale
    assert [one.device_id for one in (await store.summaries.newer(before)).devices] == ["web-01"]


async def test_what_is_older_than_its_retention_is_forgotten(store: Store, clock: ManualClock) -> None:
    keeping = Retention(readings=timedelta(days=1), events=timedelta(days=3), changes=timedelta(days=3))
    upkeep = Upkeep(store=store, retention=keeping, clock=clock)
    for day in range(4):
        at = START + timedelta(days=day)
        logs = (log_reading(record(day + 1), at=at),)
        await take(
            store,
            observed(at, asked=STEADY | {Aspect.EVENTS}, readings=(reading("Inlet", 20.0, at),), logs=logs),
        )
    await clock.advance(timedelta(days=3, minutes=1))
    await upkeep.expire()
    rows = await store.telemetry_file.read("SELECT count(*) AS left_over FROM reading")
    assert rows[0]["left_over"] == 1
    assert [event.record_id for event in (await store.events.page()).items] == ["4", "3", "2"]


async def test_hours_that_are_over_are_sealed_and_rollups_forgotten_in_their_time(
    store: Store, clock: ManualClock
) -> None:
    keeping = Retention(readings=timedelta(days=2), five_minutes=timedelta(days=3), hours=timedelta(days=4))
    upkeep = Upkeep(store=store, retention=keeping, clock=clock)
    pages = "SELECT step, span / 3600000 AS hours FROM page ORDER BY step"
    for number in range(3):
        at = START + timedelta(minutes=number * 30)
        await store.telemetry.append("web-01", at, [reading("Inlet", 20.0, at)])
    found = []
    for minutes_on in (75, 0, 24 * 60, 60, 48 * 60, 24 * 60, 24 * 60):
        await clock.advance(timedelta(minutes=minutes_on))
        await upkeep.seal()
        await upkeep.expire()
        found.append([tuple(row) for row in await store.telemetry_file.read(pages)])
    day = [(0, 24), (300, 24), (3600, 24), (86400, 24)]
    assert found == [[(0, 1)], [(0, 1)], day, day, day[1:], day[2:], day[3:]]


async def test_an_idle_write_ahead_log_is_cut_to_nothing(store: Store, clock: ManualClock) -> None:
    await take(store, observed(readings=(reading("Inlet", 20.0),)))
    assert store.state.wal_bytes() > 0
    await Upkeep(store=store, retention=Retention(), clock=clock).watch_logs()
    assert (store.state.wal_bytes(), store.telemetry_file.wal_bytes()) == (0, 0)


async def test_a_request_nobody_serves_fails_and_a_long_dead_worker_is_forgotten(
    store: Store, clock: ManualClock
) -> None:
    wish = await store.polls.request("web-01")
    worker = Worker(worker_id="w", roles=("devices",), host="h", pid=1, started_at=START, beat_at=START)
    await store.workers.beat(worker)
    upkeep = Upkeep(store=store, retention=Retention(), clock=clock)
    await clock.advance(timedelta(minutes=9))
    await upkeep.tidy_requests()
    asked = await store.polls.requested(wish.poll_request_id)
    assert asked is not None
    assert asked.state == "requested"
    await clock.advance(timedelta(minutes=2))
    await upkeep.tidy_requests()
    asked = await store.polls.requested(wish.poll_request_id)
    assert asked is not None
    assert (asked.state, asked.reason) == ("failed", "nobody polled it in time")
    assert await store.workers.live(START) == [worker]
    await clock.advance(timedelta(days=2))
    await upkeep.tidy_requests()
    assert await store.workers.live(START) == []
    assert await store.polls.requested(wish.poll_request_id) is None


@pytest.mark.parametrize("put_right", [True, False])
async def test_a_clock_that_leaps_ahead_costs_no_history_unless_it_stays_there(
    store: Store, clock: ManualClock, put_right: bool
) -> None:
    upkeep = Upkeep(store=store, retention=Retention(), clock=clock)
    await take(store, observed(readings=(reading("Inlet", 20.0),), logs=(log_reading(record(1)),)))
    clock.step_wall_clock(timedelta(days=3700))
    await upkeep.expire()
    if put_right:
        clock.step_wall_clock(timedelta(days=-3700))
    for _ in range(30):
        await clock.advance(timedelta(hours=1))
        await upkeep.expire()
    (rows,) = await store.telemetry_file.read("SELECT count(*) AS readings FROM reading")
    assert (rows["readings"], len((await store.events.page()).items)) == ((1, 1) if put_right else (0, 0))


async def test_a_chore_that_is_broken_is_seen_and_starves_no_other(store: Store, clock: ManualClock) -> None:
    upkeep = Upkeep(store=store, retention=Retention(), clock=clock)
    done = []

    async def broken() -> None:
        raise RuntimeError("a bug")

    async def sweep() -> None:
        done.append("swept")

    often = timedelta(seconds=5)
    upkeep.chores = (Chore(name="broken", every=often, work=broken), Chore(name="sweep", every=often, work=sweep))
    with pytest.raises(RuntimeError, match="a bug"):
        await upkeep.run()
    assert done == ["swept"]
