"""Faults of logs, and faults that last: a full log, a BMC that boots, entries that flap, retries after hours."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from fleetmon.drivers.base import Request
from fleetmon.drivers.fullness import fullness
from fleetmon.drivers.redfish.parse.logs import record
from fleetmon.model import Aspect, Observation, PowerState, Reachability
from tests.bench import MACHINE, STEADY, Bench, device
from tests.observations import device as a_device
from tests.observations import log_reading, opened, take

EVENTS = Aspect.EVENTS


async def test_F53_a_log_that_is_full_and_keeps_the_oldest_is_told(tmp_path):
    async with device() as bench, opened(tmp_path) as store:
        await store.fleet.add_device(a_device())
        await take(store, await bench.poll())
        bench.strike({"sel_full": True})
        again = await bench.poll()
        assert any("full and drops new records: events may be lost" in problem.reason for problem in again.problems)
        await take(store, again, await bench.poll(EVENTS))
        page = await store.events.page(device_id=a_device().device_id, limit=1000)
        assert [event.message_id for event in page.items].count("Fleetmon.LogFull") == 1


@pytest.mark.parametrize(
    ("total", "keeps_oldest", "said"), [(79, True, ""), (80, True, "80%"), (95, True, "95%"), (100, True, "is full"),
                                        (100, False, ""), (None, True, "")],
)  # fmt: skip
def test_F53_a_log_is_told_at_80_and_at_95_percent(total, keeps_oldest, said):
    told = fullness(log_reading(total=total, capacity=100, keeps_oldest=keeps_oldest))
    assert said in told
    assert bool(said) == bool(told)


async def test_F54_records_rotated_away_between_two_looks_are_a_gap(tmp_path):
    async with device() as bench, opened(tmp_path) as store:
        await store.fleet.add_device(a_device())
        (first,) = await take(store, await bench.poll())
        for _ in range(3):
            bench.fleet.machine(MACHINE).log("TemperatureNormal", "Inlet Temp")
        bench.strike({"rotate": 10_000})
        for _ in range(2):
            bench.fleet.machine(MACHINE).log("TemperatureNormal", "Inlet Temp")
        await take(store, await bench.driver.observe(Request(aspects=frozenset({EVENTS}), marks=first.marks)))
        page = await store.events.page(device_id=a_device().device_id)
        own = [event.message_id for event in page.items if event.message_id.startswith("Fleetmon.")]
        assert own == ["Fleetmon.LogGap"]


async def test_F56_entries_that_flap_are_stored_once_each(tmp_path):
    """Whether an alert flaps with them is alerting's matter; the record of it is whole and holds nothing twice."""
    async with device() as bench, opened(tmp_path) as store:
        await store.fleet.add_device(a_device())
        marks = (await take(store, await bench.poll()))[0].marks
        bench.strike({"flap_log": 3})
        for _ in range(4):
            seen = await bench.driver.observe(Request(aspects=frozenset({EVENTS, *STEADY}), marks=marks))
            marks = (await take(store, seen))[0].marks
        page = await store.events.page(device_id=a_device().device_id, limit=1000)
        keys = [(event.log, event.generation, event.record_id) for event in page.items]
        assert len(keys) == len(set(keys))
        assert len(keys) > 4 * 2 * 3


async def test_F56_a_log_that_grows_with_every_look_has_no_gap_and_no_look_grows_with_it(tmp_path):
    """As where reading a log, or logging in to read it, is itself written to the log."""
    async with device() as bench, opened(tmp_path) as store:
        await store.fleet.add_device(a_device())
        marks = (await take(store, await bench.poll()))[0].marks
        bench.strike({"append_on_read": 1}, match={"path": "/Entries"})
        costs, found = [], 0
        for _ in range(6):
            seen = await bench.driver.observe(Request(aspects=frozenset({EVENTS}), marks=marks))
            marks = (await take(store, seen))[0].marks
            costs.append(seen.requests)
            found += sum(len(log.records) for log in seen.logs)
        page = await store.events.page(device_id=a_device().device_id, limit=1000)
        assert not any(event.message_id.startswith("Fleetmon.") for event in page.items)
        keys = [(event.log, event.generation, event.record_id) for event in page.items]
        assert len(keys) == len(set(keys))
        assert found >= 5
        assert max(costs) <= 2


def test_F44_a_message_without_registry_or_arguments_is_told_as_it_stands():
    raw = {"Id": "1", "MessageId": "Contoso.9.9.NoSuchMessage", "Message": "Fan %1 of %2 failed", "MessageArgs": []}
    assert record(raw, "/log/1", {}).message == "Fan %1 of %2 failed"
    bare = {"Id": "2", "MessageId": "Contoso.9.9.NoSuchMessage", "MessageArgs": []}
    assert record(bare, "/log/2", {}).message_id == "Contoso.9.9.NoSuchMessage"
    assert record({"Id": "3", "MessageArgs": {"odd": 1}, "Message": None, "Name": "Log Entry 3"}, "/log/3", {}).message
    assert record({"MessageArgs": None}, "/log/4", {}).record_id == "4"


async def answer(bench: Bench) -> Observation:
    """The first poll that is answered by anything: a port opens some turns of the loop after its time has come."""
    while (seen := await bench.steady()).reachability is Reachability.UNREACHABLE:
        await asyncio.sleep(0.01)
    return seen


async def test_F14_a_bmc_that_boots_is_not_a_server_that_is_down(tmp_path):
    async with device(request_timeout=2) as bench, opened(tmp_path) as store:
        await store.fleet.add_device(a_device())
        await take(store, await bench.poll())
        bench.strike({"bmc_reset": {"down": 60, "busy": 30, "login": 0.2}})
        seen = await bench.steady()
        assert seen.reachability is Reachability.UNREACHABLE
        await take(store, seen)
        bench.fleet.advance(61)
        busy = await answer(bench)
        assert busy.reachability is Reachability.BUSY
        (kept,) = await take(store, busy)
        assert kept.summary is not None
        assert kept.summary.power is PowerState.ON, "only the BMC was away"
        assert kept.summary.health_reason == ""
        bench.fleet.advance(31)
        await bench.clock.advance(timedelta(seconds=10))
        back = await bench.steady()
        assert (back.reachability, back.answered) == (Reachability.REACHABLE, STEADY)
        assert bench.noted("login") == 2
        assert bench.lane.breaker.refusals == 0


async def test_F45_retries_still_work_after_hours_of_faults():
    await hours_of_faults(polls=60)


@pytest.mark.soak
async def test_F45_retries_still_work_after_three_hours_of_a_poll_each_ten_seconds():
    print(f"F45: {await hours_of_faults(polls=1080)} requests in 3 hours of the injected clock, each fault repaired")


async def hours_of_faults(polls: int) -> int:
    """Sessions that end, connections that drop, one after the other; each poll must come through all the same."""
    async with device() as bench:
        await bench.poll()
        bench.strike({"close_on_reuse": True}, match={"method": "GET"}, when={"every": 3})  # a login is never repeated
        for number in range(polls):
            if number % 2:
                bench.fleet.bmc(MACHINE).sessions.clear()
            bench.fleet.advance(10)
            await bench.clock.advance(timedelta(seconds=10))
            seen = await bench.steady()
            assert (seen.answered, seen.problems) == (STEADY, ()), number
        assert bench.noted("login") == 1 + polls // 2
        return bench.requests


async def test_F09_nothing_is_created_yet_so_a_404_is_never_waited_for():
    """Tasks and jobs come with power; until then every 404 is final for its poll, and costs one request."""
    async with device() as bench:
        bench.strike({"status": 404}, match={"path": "*/TaskService*"})
        await bench.poll()
        asked = [row["target"] for row in bench.fleet.ledger.since(0, machine=MACHINE, what="request")]
        assert not [target for target in asked if "/Tasks" in target or "/Jobs" in target]


async def test_F43_no_read_depends_on_an_etag_and_nothing_is_patched():
    """ETags of any kind are ignored while reading; conditional reads would save a BMC nothing it does not do anyway."""
    for kind in ("weak", "dq", "empty", "stale"):
        async with device() as bench:
            bench.strike({"etag": kind})
            seen = await bench.poll()
            assert (seen.reachability, seen.problems) == (Reachability.REACHABLE, ())
            asked = bench.fleet.ledger.since(0, machine=MACHINE, what="request")
            assert {row["method"] for row in asked} <= {"GET", "POST", "DELETE"}
