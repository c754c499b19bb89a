"""Observations into a real store."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from fleetmon.clock import ManualClock
from fleetmon.drivers.base import Memory
from fleetmon.drivers.lane import Breaker
from fleetmon.ingest import ingest
from fleetmon.model import (
    Aspect,
    Component,
    Endpoint,
    Health,
    Identity,
    NoReading,
    PowerState,
    Problem,
    Protocol,
    Quality,
    Reachability,
)
from fleetmon.settings import Polling
from fleetmon.storage import Store
from fleetmon.storage.rows import DeviceSummary
from tests.observations import (
    EVERYTHING,
    START,
    STEADY,
    VAULT,
    device,
    health,
    inventory,
    log_reading,
    minutes,
    observed,
    opened,
    part,
    reading,
    record,
    sensor,
    silence,
    sixty,
    take,
    walked,
)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with opened(tmp_path) as store:
        await store.fleet.add_device(device())
        yield store


async def summary(store: Store) -> DeviceSummary:
    found = await store.summaries.one("web-01")
    assert found is not None
    return found


async def test_a_poll_becomes_a_summary_and_readings(store: Store) -> None:
    await take(store, observed(readings=tuple(reading(one, 21.5) for one in sixty()), identity=Identity(model="X1")))
    seen = await summary(store)
    assert (seen.power, seen.reachability, seen.model) == (PowerState.ON, Reachability.REACHABLE, "X1")
    assert (seen.inlet.value, seen.outlet.value, seen.watts.value) == (21.5, 21.5, 21.5)
    assert (seen.polled_at, seen.seen_at, seen.stale) == (START, START, False)
    sensors = await store.telemetry.sensors("web-01")
    assert len(sensors) == 60
    assert {row.reading.value for row in sensors if row.reading} == {21.5}


async def test_a_failed_poll_erases_nothing_and_says_why(store: Store) -> None:
    good = walked(START, health("Fan", "Fan 1", Health.WARNING), readings=(reading("Inlet Temp", 24.0),))
    await take(store, good, silence(START + minutes(1)))
    seen = await summary(store)
    assert (seen.reachability, seen.reachability_reason) == (Reachability.UNREACHABLE, "no answer within 10 s")
    assert (seen.unreachable_since, seen.polled_at, seen.seen_at) == (
        START + minutes(1),
        START + minutes(1),
        START,
    )
    assert (seen.health, seen.inlet.value, seen.power) == (Health.WARNING, 24.0, PowerState.ON)
    assert len(await store.components.of_device("web-01")) == 1


async def test_a_bmc_that_answers_without_a_power_state_is_not_believed_on_for_ever(store: Store) -> None:
    await take(store, observed(), *(observed(START + minutes(number), power=None) for number in (1, 2)))
    assert (await summary(store)).power is PowerState.ON
    await take(store, observed(START + minutes(3), power=None))
    seen = await summary(store)
    assert (seen.power, seen.power_known, seen.reachability) == (
        PowerState.UNKNOWN,
        PowerState.ON,
        Reachability.REACHABLE,
    )


async def test_power_is_unknown_after_three_misses_and_its_last_word_is_kept(store: Store) -> None:
    await take(store, observed(), *(silence(START + minutes(number)) for number in (1, 2)))
    assert (await summary(store)).power is PowerState.ON
    await take(store, silence(START + minutes(3)))
    seen = await summary(store)
    assert (seen.power, seen.power_known, seen.power_at) == (PowerState.UNKNOWN, PowerState.ON, START)
    await take(store, observed(START + minutes(4)))
    seen = await summary(store)
    assert (seen.power, seen.misses, seen.unreachable_since) == (PowerState.ON, 0, None)
    assert seen.power_since == START + minutes(4)


async def test_silence_never_says_off(store: Store) -> None:
    await take(store, *(silence(START + minutes(number)) for number in range(9)))
    assert (await summary(store)).power is PowerState.UNKNOWN


async def test_a_device_never_reached_has_unknown_health(store: Store) -> None:
    await take(store, silence())
    assert (await summary(store)).health is Health.UNKNOWN


async def test_a_failing_drive_is_seen_on_the_device_and_remembered(store: Store) -> None:
    await take(store, walked(START, health("Drive", "Bay 3"), health("Drive", "Bay 4")))
    bad = health("Drive", "Bay 3", Health.CRITICAL, detail="not responding")
    (done,) = await take(store, walked(START + minutes(10), bad, health("Drive", "Bay 4")))
    seen = await summary(store)
    assert (seen.health, seen.health_reason) == (Health.CRITICAL, "Drive Bay 3: not responding")
    assert [(bay.name, bay.health) for bay in seen.bays] == [("Bay 3", Health.CRITICAL), ("Bay 4", Health.OK)]
    assert [change.after for change in done.health_changes] == [Health.CRITICAL]
    assert [change.after for change in await store.components.changes("web-01")] == [Health.CRITICAL]


async def test_one_component_told_alone_does_not_make_the_others_vanish(store: Store) -> None:
    both = [health("Fan", "Fan 1"), health("Drive", "Bay 1", Health.WARNING)]
    await take(store, walked(START, *both), observed(START + minutes(30), health=(health("Fan", "Fan 1"),)))
    assert (await summary(store)).health is Health.WARNING
    assert len(await store.components.of_device("web-01")) == 2


async def test_drives_that_vanish_while_the_host_is_off_are_not_removed(store: Store) -> None:
    drive, fan = health("Drive", "Bay 1"), health("Fan", "Fan 1")
    looks = [walked(START, drive, fan, inventory=inventory(part("Bay 1", "SN-1")))]
    looks += [walked(START + minutes(10 * number), fan, power=PowerState.OFF) for number in range(1, 5)]
    looks += [walked(START + minutes(50), fan), walked(START + minutes(55), fan)]
    await take(store, *looks)
    assert {row.component.kind for row in await store.components.of_device("web-01")} == {"Drive", "Fan"}
    assert (await store.components.inventory("web-01")).history == ()


async def test_a_drive_missed_twice_by_a_host_that_runs_is_removed(store: Store) -> None:
    drive, fan = health("Drive", "Bay 1"), health("Fan", "Fan 1")
    await take(
        store,
        walked(START, drive, fan, inventory=inventory(part("Bay 1", "SN-1"))),
        walked(START + minutes(20), fan),
    )
    assert len(await store.components.of_device("web-01")) == 2
    await take(store, walked(START + minutes(30), fan))
    assert [row.component for row in await store.components.of_device("web-01")] == [Component("Fan", "Fan 1")]
    history = (await store.components.inventory("web-01")).history
    assert [(change.what.value, change.slot) for change in history] == [("removed", "Bay 1")]


async def test_a_replaced_part_is_told_by_slot_and_by_serial(store: Store) -> None:
    for number, serial in enumerate(("SN-1", "SN-2")):
        at = START + minutes(720 * number)
        await take(store, observed(at, asked=EVERYTHING, inventory=inventory(part("Bay 1", serial), at=at)))
    stored = await store.components.inventory("web-01")
    assert [(change.what.value, change.slot) for change in stored.history] == [("replaced", "Bay 1")]
    assert [one.serial_number for one in stored.parts] == ["SN-2"]
    assert [change.what.value for change in await store.components.of_serial("SN-1")] == ["replaced"]
    assert await store.components.of_serial("") == []


async def test_records_are_stored_once_over_polls_and_restarts(store: Store, tmp_path: Path) -> None:
    one = observed(asked=STEADY | {Aspect.EVENTS}, logs=(log_reading(record(1), record(2)),))
    again = observed(START + minutes(5), asked=STEADY | {Aspect.EVENTS}, logs=(log_reading(record(2), record(3)),))
    first, second, third = await take(store, one, again, again)
    assert (first.events, second.events, third.events) == (2, 1, 0)
    assert second.marks["SEL"].record_id == "3"
    assert (await store.polls.marks("web-01"))["SEL"] == second.marks["SEL"]
    (without_logs,) = await take(store, observed(START + minutes(6)))
    assert without_logs.marks == second.marks
    page = await store.events.page(device_id="web-01")
    assert [(event.record_id, event.history) for event in page.items] == [("3", False), ("2", True), ("1", True)]


async def test_a_cleared_log_is_an_event_of_its_own_and_a_new_generation(store: Store) -> None:
    asked = STEADY | {Aspect.EVENTS}
    await take(
        store,
        observed(asked=asked, logs=(log_reading(*map(record, range(1, 9))),)),
        observed(START + minutes(5), asked=asked, logs=(log_reading(record(1, "new"), reached=False),)),
    )
    newest = (await store.events.page(device_id="web-01", limit=2)).items
    assert [(event.message_id, event.generation) for event in newest] == [("", 2), ("Fleetmon.LogCleared", 2)]


async def test_problems_stay_until_a_poll_that_asked_the_same_is_without_them(store: Store) -> None:
    odd = (Problem(resource="/drives/3", reason="answered 500"),)
    await take(store, observed(asked=EVERYTHING, problems=odd), observed(START + minutes(1)))
    (row,) = await store.components.problems("web-01")
    assert (row.problem, row.since) == (odd[0], START)
    await take(store, silence(START + minutes(2)))
    assert len(await store.components.problems("web-01")) == 1
    await take(store, observed(START + minutes(3), asked=EVERYTHING))
    assert await store.components.problems("web-01") == []


async def test_a_second_endpoint_that_is_silent_says_nothing_of_the_device(store: Store) -> None:
    stored = await store.fleet.device("web-01")
    assert stored is not None
    second = Endpoint(protocol=Protocol.IPMI, address="ipmi://127.0.0.1")
    both = await store.fleet.edit_device(replace(stored, endpoints=(*stored.endpoints, second)))
    await take(store, observed(), replace(silence(START + minutes(1)), protocol=Protocol.IPMI), of=both)
    assert (await summary(store)).reachability is Reachability.REACHABLE
    assert [row.problem.resource for row in await store.components.problems("web-01")] == ["ipmi"]


async def test_an_observation_of_a_device_that_left_is_dropped(store: Store) -> None:
    await store.fleet.remove_device("web-01")
    (done,) = await take(store, observed(readings=(reading("Inlet Temp", 24.0),)))
    assert done.summary is None
    assert await store.polls.of_device("web-01") == []


async def test_what_a_driver_remembers_survives_sealed(store: Store, tmp_path: Path) -> None:
    memory = Memory(plan={"sensors": "/report"}, session={"token": "canary-5e55"})
    for number in range(2):
        await ingest(
            observed(START + minutes(number)),
            device(),
            store=store,
            vault=VAULT,
            polling=Polling(),
            received_at=START,
            memory=memory,
            breaker=Breaker(refusals=number),
        )
    stored = await store.polls.memory("web-01", Protocol.REDFISH)
    assert stored is not None
    assert stored.plan == memory.plan
    assert VAULT.open_session("web-01", "redfish", stored.sealed_session) == memory.session
    breaker = await store.polls.breaker("web-01", Protocol.REDFISH)
    assert breaker is not None
    assert breaker.refusals == 1
    await store.state.checkpoint(truncate=True)
    assert all(b"canary-5e55" not in file.read_bytes() for file in tmp_path.iterdir())


async def test_a_poll_told_twice_is_stored_once(store: Store) -> None:
    poll = observed(readings=(reading("Inlet Temp", 24.0), reading("CPU Temp", NoReading.TIMEOUT)))
    await take(store, poll, poll)
    rows = await store.telemetry_file.read("SELECT count(*) AS polls FROM reading")
    assert rows[0]["polls"] == 1


async def test_every_aspect_asked_has_its_last_poll(store: Store) -> None:
    answered = frozenset({Aspect.HEARTBEAT})
    await take(store, observed(asked=STEADY, answered=answered, reason=""))
    told = {poll.aspect: poll.answered for poll in await store.polls.of_device("web-01")}
    assert told == {Aspect.HEARTBEAT: True, Aspect.SENSORS: False}


async def test_an_empty_slot_never_counts(store: Store) -> None:
    await take(store, walked(START, health("Drive", "Bay 1"), health("Drive", "Bay 2", state="Absent")))
    assert [row.component.name for row in await store.components.of_device("web-01")] == ["Bay 1"]
    assert (await summary(store)).subsystems[0].present == 1


async def test_a_stale_device_is_fresh_again_with_its_next_answer(tmp_path: Path) -> None:
    clock = ManualClock(START)
    async with opened(tmp_path, clock) as store:
        await store.fleet.add_device(device())
        await take(store, observed())
        assert await store.summaries.mark_stale(START + minutes(3)) == 0
        assert await store.summaries.mark_stale(START + minutes(3.1)) == 1
        assert (await summary(store)).stale
        assert (await store.summaries.counts()).fleet.stale == 1
        await take(store, silence(START + minutes(4)))
        assert (await summary(store)).stale
        await take(store, observed(START + minutes(5)))
        assert not (await summary(store)).stale
        assert (await store.summaries.counts()).fleet.stale == 0


async def test_a_sensor_of_another_kind_does_not_disturb(store: Store) -> None:
    await take(store, observed(readings=(reading(sensor("Inlet Temp"), 24.0),)))
    await take(store, observed(START + minutes(1), readings=(reading(sensor("CPU Temp"), 50.0, START + minutes(1)),)))
    seen = await summary(store)
    assert (seen.inlet.value, seen.inlet.taken_at) == (24.0, START)


async def test_an_implausible_reading_is_kept_and_flagged(store: Store) -> None:
    for number, value in enumerate((24.0, 98.0, 900.0)):
        at = START + minutes(number)
        inlet = reading(sensor("Inlet Temp", physical_context="Intake"), value, at)
        await take(store, observed(at, readings=(inlet,)))
        quality = (await summary(store)).inlet.quality
        assert quality is (Quality.GOOD, Quality.SUSPECT, Quality.BAD)[number]
    (row,) = await store.telemetry.sensors("web-01")
    span = await store.telemetry.readings("web-01", row.sensor_id, start=START, end=START + minutes(9))
    assert [point.suspect for point in span.points if point.mean is not None] == [False, True, True]


async def test_what_is_said_of_a_resource_now_replaces_what_another_poll_said_of_it(store: Store) -> None:
    def waiting(count: int) -> tuple[Problem, ...]:
        return (Problem(resource="/redfish/v1", reason=f"{count} resources wait for the next poll"),)

    await take(
        store,
        observed(asked=frozenset({Aspect.SENSORS}), problems=waiting(28)),
        observed(START + minutes(1), asked=frozenset({Aspect.COMPONENTS}), problems=waiting(14)),
    )
    told = await store.components.problems("web-01")
    assert [row.problem.reason for row in told] == ["14 resources wait for the next poll"]


async def test_a_poll_that_brings_nothing_new_of_its_components_says_when_they_were_seen(store: Store) -> None:
    """Planted bug: leaving the instant alone makes a component that is looked at every minute look forgotten."""
    fan = health("Fan", "Fan 1")
    await take(store, walked(START, fan, health("Drive", "Bay 1")))
    later = START + minutes(1)
    await take(store, observed(later, health=(replace(fan, taken_at=later),)))
    seen = {row.component.name: row.health.taken_at for row in await store.components.of_device("web-01") if row.health}
    assert seen == {"Fan 1": later, "Bay 1": START}


@pytest.mark.parametrize(
    "news",
    [
        {"health": Health.CRITICAL},
        {"failure_predicted": True},
        {"detail": "bearing worn"},
        {"state": "StandbyOffline"},
        {"source": "/moved"},
        {"component": Component("Fan", "Fan 2")},
    ],
    ids=lambda news: next(iter(news)),
)
async def test_whatever_is_new_of_a_component_is_never_taken_for_nothing_new(
    store: Store, news: dict[str, object]
) -> None:
    fan = health("Fan", "Fan 1")
    await take(store, walked(START, fan))
    told = replace(fan, taken_at=START + minutes(1), **news)
    await take(store, observed(START + minutes(1), health=(told,)))
    assert told in [row.health for row in await store.components.of_device("web-01")]


async def test_a_whole_look_that_shows_one_component_less_is_no_look_without_news(store: Store) -> None:
    """Planted bug: taking "all that was told is as known" for "all is as known" never counts a part as missing."""
    one, other = health("Drive", "Bay 1"), health("Drive", "Bay 2")
    for number in range(0, 40, 10):
        at = START + minutes(number)
        seen = (one, other) if number == 0 else (one,)
        await take(store, walked(at, *(replace(drive, taken_at=at) for drive in seen)))
    assert [row.component.name for row in await store.components.of_device("web-01")] == ["Bay 1"]
