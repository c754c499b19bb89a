"""A device with two endpoints: who is asked what, how soon a change is stored, and that nothing is told twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from fleetmon.access.vault import Vault
from fleetmon.clock import ManualClock
from fleetmon.devices import Devices
from fleetmon.drivers.base import Memory, Opening, Request
from fleetmon.keeper import StoreKeeper
from fleetmon.metrics import Metrics
from fleetmon.model import (
    DEVICE,
    Aspect,
    Component,
    ComponentHealth,
    Device,
    Endpoint,
    Health,
    LogReading,
    LogRecord,
    Observation,
    Power,
    PowerState,
    Protocol,
    Reachability,
    Reading,
    ReadingType,
    Sensor,
)
from fleetmon.settings import Polling
from fleetmon.storage import Store
from fleetmon.storage.rows import DeviceSummary
from tests.observations import START, device, opened

REDFISH = Endpoint(protocol=Protocol.REDFISH, address="https://10.0.0.7")
IPMI = Endpoint(protocol=Protocol.IPMI, address="ipmi://10.0.0.7")
EVERY = frozenset(Aspect)
BUSY = ("poll web-01", "poll now web-01", "quiet heartbeats")


class Machine:
    """What both protocols look at, each in its own words."""

    def __init__(self) -> None:
        self.power: dict[Protocol, PowerState] = dict.fromkeys(Protocol, PowerState.ON)
        self.dead: set[Protocol] = set()
        self.drives = {0: Health.OK, 1: Health.OK}
        self.log: list[tuple[datetime, str, str]] = []
        """When, as Redfish says it, as the SEL says it."""

    def fail_drive(self, at: datetime, bay: int = 1) -> None:
        self.drives[bay] = Health.CRITICAL
        self.log.append((at, f"Drive {bay} in bay {bay} has failed.", f"Drive {bay} Drive Slot: Drive Fault asserted"))


class Scripted:
    """A driver that answers at once with what its machine is like."""

    seen_spki = None
    memory_version = 1

    def __init__(self, opening: Opening, clock: ManualClock, machine: Machine) -> None:
        self.protocol = opening.endpoint.protocol
        self.clock, self.machine = clock, machine
        self.asked: list[tuple[datetime, frozenset[Aspect], bool]] = []

    async def observe(self, request: Request) -> Observation:
        at = self.clock.now()
        self.asked.append((at, request.aspects, request.witness))
        if self.protocol in self.machine.dead:
            return self._observed(at, request, frozenset(), reachability=Reachability.UNREACHABLE, reason="no answer")
        said = self._redfish if self.protocol is Protocol.REDFISH else self._ipmi
        power = Power(state=self.machine.power[self.protocol], taken_at=at, source=self.protocol.value)
        return self._observed(at, request, request.aspects, power=power, **said(at, request))

    def _observed(self, at: datetime, request: Request, answered: frozenset[Aspect], **more: Any) -> Observation:
        plain: dict[str, Any] = {"seconds": 0.0, "requests": 1, "reachability": Reachability.REACHABLE}
        return Observation(
            protocol=self.protocol, asked=request.aspects, answered=answered, taken_at=at, **plain | more
        )

    def _redfish(self, at: datetime, request: Request) -> dict[str, Any]:
        said: dict[str, Any] = {"overall": self._one(DEVICE, self._worst(), at)}
        if Aspect.SENSORS in request.aspects:
            said["readings"] = (self._reading(Component("Chassis", "1"), "Inlet Temp", 21.0, at),)
        if Aspect.COMPONENTS in request.aspects:
            drives = self.machine.drives.items()
            said["health"] = tuple(self._one(Component("Drive", f"Drive Bay {bay}"), word, at) for bay, word in drives)
            said["components_complete"] = True
        if Aspect.EVENTS in request.aspects:
            said["logs"] = (self._log("SEL", at, words=1),)
        return said

    def _ipmi(self, at: datetime, request: Request) -> dict[str, Any]:
        groups = (
            self._one(Component("HealthGroup", "Drives"), self._worst(), at),
            self._one(Component("HealthGroup", "Cooling"), Health.OK, at),
        )
        said: dict[str, Any] = {"overall": self._one(DEVICE, self._worst(), at), "health": groups}
        if Aspect.SENSORS in request.aspects:
            said["readings"] = (
                self._reading(Component("Chassis", "1"), "Inlet Temp", 22.0, at),
                self._reading(Component("Chassis", "1"), "Zone 3", 33.0, at),
            )
        if Aspect.COMPONENTS in request.aspects:
            drives = self.machine.drives.items()
            one_each = tuple(self._one(Component("Drive", f"Drive {bay}"), word, at) for bay, word in drives)
            said["health"] = (*groups, *one_each)
            said["components_complete"] = True
        if Aspect.EVENTS in request.aspects:
            said["logs"] = (self._log("IPMI SEL", at, words=2),)
        return said

    def _worst(self) -> Health:
        return max(self.machine.drives.values(), key=lambda word: word.rank)

    def _one(self, component: Component, word: Health, at: datetime) -> ComponentHealth:
        source = f"/{self.protocol.value}/{component.name}"
        return ComponentHealth(component=component, health=word, state="Enabled", taken_at=at, source=source)

    def _reading(self, component: Component, name: str, value: float, at: datetime) -> Reading:
        sensor = Sensor(component=component, name=name, type=ReadingType.TEMPERATURE, source=f"{self.protocol}/{name}")
        return Reading(sensor=sensor, value=value, taken_at=at)

    def _log(self, log: str, at: datetime, *, words: int) -> LogReading:
        records = tuple(
            LogRecord(
                record_id=str(number if words == 2 else 100 + number),
                severity=Health.CRITICAL if words == 1 else Health.WARNING,
                message=entry[words],
                source=f"/{log}/{number}",
                created_at=entry[0],
                created_text=entry[0].isoformat(),
            )
            for number, entry in enumerate(self.machine.log, start=1)
        )
        return LogReading(log=log, source=f"/{log}", records=records, taken_at=at, reached_mark=True)

    def memory(self) -> Memory:
        return Memory()

    async def raw(self, resource: str) -> Any:
        return {"resource": resource, "over": self.protocol.value}

    async def close(self) -> None: ...

    async def suspend(self) -> None: ...


class Bench:
    """The role with a real store, a scripted machine and a clock that tests move."""

    def __init__(self, store: Store, clock: ManualClock, polling: Polling, dead: Iterable[Protocol]) -> None:
        self.store, self.clock, self.machine = store, clock, Machine()
        self.machine.dead |= set(dead)
        self.drivers: dict[Protocol, Scripted] = {}
        self.metrics = Metrics()
        keeper = StoreKeeper(
            store=store, vault=Vault(b"k" * 32), polling=polling, worker_id="one", clock=clock, changed=asyncio.Event()
        )
        self.devices = Devices(
            keeper=keeper, open_driver=self._open, polling=polling, clock=clock, metrics=self.metrics
        )

    def _open(self, opening: Opening) -> Scripted:
        self.drivers[opening.endpoint.protocol] = Scripted(opening, self.clock, self.machine)
        return self.drivers[opening.endpoint.protocol]

    async def let_pass(self, seconds: float) -> None:
        """Second by second; the store has time for what it is given."""
        for _ in range(int(seconds)):
            await self.devices.tick()
            await self.clock.advance(0.5)
            await self._settle()
            await self.clock.advance(0.5)

    async def _settle(self) -> None:
        """Until no poll is under way: drivers answer at once, so only the store is waited for."""
        while any(task.get_name() in BUSY for task in asyncio.all_tasks()):
            await self.store.state.write(lambda _: None)
            await asyncio.sleep(0)

    async def until(self, true: Any, *, within: float) -> float:
        """Seconds until it is so of the summary; fails when it is not in time."""
        for second in range(int(within) + 1):
            if true(await self.summary()):
                return second
            await self.let_pass(1)
        pytest.fail(f"not within {within:g} s: {await self.summary()}")

    async def summary(self) -> DeviceSummary:
        found = await self.store.summaries.one("web-01")
        assert found is not None
        return found

    async def components(self) -> dict[str, Health]:
        rows = await self.store.components.of_device("web-01")
        return {f"{row.component.kind} {row.component.name}": row.health.health for row in rows if row.health}

    async def events(self) -> list[str]:
        page = await self.store.events.page(device_id="web-01")
        return [event.message for event in reversed(page.items)]

    def asked(self, protocol: Protocol, since: datetime) -> list[frozenset[Aspect]]:
        return [aspects for at, aspects, _ in self.drivers[protocol].asked if at >= since]


@asynccontextmanager
async def bench(
    directory: Path, *endpoints: Endpoint, polling: Polling | None = None, dead: Iterable[Protocol] = ()
) -> AsyncIterator[Bench]:
    clock = ManualClock(START)
    async with opened(directory, clock) as store:
        await store.fleet.add_device(device(endpoints=endpoints))
        bench = Bench(store, clock, polling or Polling(), dead)
        running = asyncio.create_task(bench.devices.run())
        await clock.advance(0)
        try:
            yield bench
        finally:
            running.cancel()
            with pytest.raises(asyncio.CancelledError):
                await running


async def test_over_ipmi_a_heartbeat_comes_every_ten_seconds_and_the_rest_as_ever(tmp_path: Path) -> None:
    async with bench(tmp_path, IPMI) as b:
        await b.let_pass(30)
        began = b.clock.now()
        await b.let_pass(600)
        asked = b.asked(Protocol.IPMI, began)
        assert 59 <= len(asked) <= 64
        assert sum(Aspect.SENSORS in aspects for aspects in asked) in (9, 10, 11)
        assert sum(Aspect.COMPONENTS in aspects for aspects in asked) in (1, 2)


async def test_quiet_heartbeats_change_no_summary_and_are_told_all_the_same(tmp_path: Path) -> None:
    """Planted bug: each of them goes through ingest, and every watcher of the fleet is told of it."""
    async with bench(tmp_path, IPMI) as b:
        await b.let_pass(130)
        before, began = await b.summary(), b.clock.now()
        await b.let_pass(120)
        after = await b.summary()
        assert after.revision - before.revision in (2, 3), "the sensors were read twice, and no more was told"
        (state,) = await b.store.endpoints.of_device(device(endpoints=(IPMI,)))
        heard = max(at for at, _, _ in b.drivers[Protocol.IPMI].asked)
        assert state.seen_at is not None
        assert heard - state.seen_at <= timedelta(seconds=16), "written every five seconds, asked every ten"
        assert state.power_at == state.seen_at
        assert b.metrics.registry.get_sample_value("fleetmon_quiet_heartbeats_total") >= 15
        assert began


async def test_when_our_clock_is_put_back_no_witness_is_seen_in_the_future(tmp_path: Path) -> None:
    async with bench(tmp_path, REDFISH, IPMI) as b:
        await b.let_pass(130)
        b.clock.step_wall_clock(-timedelta(hours=1))
        await b.let_pass(30)
        _, witness = await b.store.endpoints.of_device(device(endpoints=(REDFISH, IPMI)))
        assert witness.seen_at is not None
        assert timedelta(0) <= b.clock.now() - witness.seen_at <= timedelta(seconds=16)


@pytest.mark.parametrize("when", [0, 3, 7, 11, 17])
async def test_a_change_of_power_is_stored_within_ten_seconds(tmp_path: Path, when: int) -> None:
    async with bench(tmp_path, IPMI) as b:
        await b.let_pass(130 + when)
        b.machine.power[Protocol.IPMI] = PowerState.OFF
        assert await b.until(lambda seen: seen.power is PowerState.OFF, within=11) <= 11


async def test_a_fault_bit_is_stored_within_ten_seconds_and_so_is_that_it_went(tmp_path: Path) -> None:
    async with bench(tmp_path, IPMI) as b:
        await b.let_pass(133)
        b.machine.drives[1] = Health.CRITICAL
        await b.until(lambda seen: seen.health is Health.CRITICAL, within=11)
        b.machine.drives[1] = Health.OK
        await b.until(lambda seen: seen.health is Health.OK, within=11)


async def test_an_unreachable_bmc_is_told_within_ten_seconds_and_its_power_is_known_for_three_intervals(
    tmp_path: Path,
) -> None:
    async with bench(tmp_path, IPMI) as b:
        await b.let_pass(133)
        b.machine.dead.add(Protocol.IPMI)
        await b.until(lambda seen: seen.reachability is Reachability.UNREACHABLE, within=11)
        await b.let_pass(60)
        assert (await b.summary()).power is PowerState.ON, "three heartbeats without an answer are thirty seconds"
        await b.until(lambda seen: seen.power is PowerState.UNKNOWN, within=150)
        b.machine.dead.clear()
        await b.until(lambda seen: seen.power is PowerState.ON and not seen.stale, within=61)


async def test_what_was_not_yet_written_of_quiet_heartbeats_is_written_on_the_way_out(tmp_path: Path) -> None:
    async with bench(tmp_path, IPMI) as b:
        await b.let_pass(185)
        store = b.store
        b.devices._noted_at = float("inf")
        await b.let_pass(21)
        heard = max(at for at, _, _ in b.drivers[Protocol.IPMI].asked)
        await b.devices._close_all()
        (state,) = await store.endpoints.of_device(device(endpoints=(IPMI,)))
        assert state.seen_at == heard


async def test_a_second_endpoint_only_vouches_for_the_first(tmp_path: Path) -> None:
    async with bench(tmp_path, REDFISH, IPMI) as b:
        await b.let_pass(700)
        assert {aspects for _, aspects, _ in b.drivers[Protocol.IPMI].asked} == {frozenset({Aspect.HEARTBEAT})}
        assert all(witness for _, _, witness in b.drivers[Protocol.IPMI].asked)
        assert not any(witness for _, _, witness in b.drivers[Protocol.REDFISH].asked)
        assert set(await b.components()) == {f"{DEVICE.kind} {DEVICE.name}", "Drive Drive Bay 0", "Drive Drive Bay 1"}
        assert await b.store.components.problems("web-01") == []


async def test_what_the_witness_sees_first_makes_the_first_endpoint_be_asked(tmp_path: Path) -> None:
    async with bench(tmp_path, REDFISH, IPMI) as b:
        await b.let_pass(200)
        b.machine.fail_drive(b.clock.now())
        await b.until(lambda seen: seen.health is Health.CRITICAL, within=22)
        assert (await b.summary()).health_reason.startswith("Drive Bay 1")
        assert await b.events() == ["Drive 1 in bay 1 has failed."]


async def test_what_a_witness_saw_first_is_told_by_the_first_endpoint_alone_once_it_knows_why(tmp_path: Path) -> None:
    """Planted bug: what explains a finding is looked for in what was known before the walk that explains it."""
    async with bench(tmp_path, REDFISH, IPMI) as b:
        await b.let_pass(130)
        b.machine.drives[1] = Health.CRITICAL
        await b.until(lambda now: now.health is Health.CRITICAL, within=15)
        await b.let_pass(10)
        assert "HealthGroup Drives over IPMI" not in await b.components()


async def test_a_witness_never_hides_that_the_first_endpoint_is_dead(tmp_path: Path) -> None:
    async with bench(tmp_path, REDFISH, IPMI) as b:
        await b.let_pass(130)
        b.machine.dead.add(Protocol.REDFISH)
        await b.let_pass(75)
        seen = await b.summary()
        assert seen.reachability is Reachability.UNREACHABLE
        assert "IPMI answers" in seen.reachability_reason
        assert seen.power is PowerState.ON
        await b.let_pass(600)
        seen = await b.summary()
        assert (seen.reachability, seen.power, seen.stale) == (Reachability.UNREACHABLE, PowerState.ON, False)


async def test_a_dead_witness_is_told_and_costs_nothing(tmp_path: Path) -> None:
    async with bench(tmp_path, REDFISH, IPMI) as b:
        await b.let_pass(130)
        b.machine.dead.add(Protocol.IPMI)
        await b.let_pass(700)
        seen = await b.summary()
        assert (seen.reachability, seen.power, seen.health) == (Reachability.REACHABLE, PowerState.ON, Health.OK)
        problems = await b.store.components.problems("web-01")
        assert [(row.problem.resource, row.problem.reason) for row in problems] == [("ipmi", "no answer")]
        b.machine.dead.clear()
        await b.let_pass(75)
        assert await b.store.components.problems("web-01") == []


async def test_the_second_stands_in_while_the_first_is_silent_and_stops_when_it_is_back(tmp_path: Path) -> None:
    async with bench(tmp_path, REDFISH, IPMI) as b:
        await b.let_pass(130)
        b.machine.dead.add(Protocol.REDFISH)
        silent = b.clock.now()
        await b.let_pass(700)
        asked = [(at, aspects) for at, aspects, _ in b.drivers[Protocol.IPMI].asked if at >= silent]
        first = next(at for at, aspects in asked if Aspect.SENSORS in aspects)
        assert timedelta(seconds=50) <= first - silent <= timedelta(seconds=135), "after two polls that failed"
        told = frozenset().union(*(aspects for _, aspects in asked))
        assert told == EVERY - {Aspect.INVENTORY}
        assert (await b.summary()).inlet.value == 22.0
        b.machine.dead.clear()
        await b.let_pass(100)
        back = b.clock.now()
        await b.let_pass(120)
        assert set(b.asked(Protocol.IPMI, back)) == {frozenset({Aspect.HEARTBEAT})}
        seen = await b.summary()
        assert (seen.reachability, seen.reachability_reason, seen.inlet.value) == (Reachability.REACHABLE, "", 21.0)


async def test_a_restart_remembers_who_stands_in(tmp_path: Path) -> None:
    async with bench(tmp_path, REDFISH, IPMI) as b:
        await b.let_pass(130)
        b.machine.dead.add(Protocol.REDFISH)
        await b.let_pass(400)
        lanes = {row.endpoint.protocol: row.missed for row in await b.store.lanes.all()}
        assert lanes[Protocol.REDFISH] >= 3
        assert lanes[Protocol.IPMI] == 0


async def test_no_component_and_no_reading_is_told_twice_nor_left_behind(tmp_path: Path) -> None:
    """Planted bug: what stood in for the first endpoint stays for ever, under its own names."""
    async with bench(tmp_path, REDFISH, IPMI) as b:
        await b.let_pass(200)
        before = await b.components()
        b.machine.dead.add(Protocol.REDFISH)
        await b.let_pass(400)
        assert set(await b.components()) == set(before), "Drive 0 and Drive 1 are the bays that are known"
        b.machine.drives[1] = Health.CRITICAL
        await b.until(lambda seen: seen.health is Health.CRITICAL, within=11)
        await b.let_pass(700)
        assert (await b.components())["Drive Drive Bay 1"] is Health.CRITICAL
        b.machine.dead.clear()
        b.machine.drives[1] = Health.OK
        await b.let_pass(200)
        assert await b.components() == before
        sensors = await b.store.telemetry.sensors("web-01")
        inlet = [row for row in sensors if row.sensor.name == "Inlet Temp"]
        assert len(inlet) == 1
        assert inlet[0].reading is not None
        assert inlet[0].reading.value == 21.0


async def test_an_event_is_stored_once_whoever_tells_it_first(tmp_path: Path) -> None:
    async with bench(tmp_path, REDFISH, IPMI) as b:
        b.machine.fail_drive(b.clock.now(), bay=0)
        await b.let_pass(400)
        assert await b.events() == ["Drive 0 in bay 0 has failed."]
        b.machine.dead.add(Protocol.REDFISH)
        await b.let_pass(300)
        assert await b.events() == ["Drive 0 in bay 0 has failed."], "the SEL holds it, and it was told before"
        b.machine.fail_drive(b.clock.now(), bay=1)
        await b.let_pass(400)
        assert len(await b.events()) == 2
        b.machine.dead.clear()
        await b.let_pass(400)
        page = await b.store.events.page(device_id="web-01")
        assert [event.message for event in page.items] == [
            "Drive 1 Drive Slot: Drive Fault asserted",
            "Drive 0 in bay 0 has failed.",
        ]
        assert not page.items[0].history, "it came after the last look at the other log"
        twins = await b.store.twins.of_events([event.event_id for event in page.items])
        assert [twins[event.event_id][0].message for event in page.items] == [
            "Drive 1 in bay 1 has failed.",
            "Drive 0 Drive Slot: Drive Fault asserted",
        ]


async def test_what_the_stand_in_finds_at_its_first_look_is_history_only_as_far_as_the_first_endpoint_looked(
    tmp_path: Path,
) -> None:
    async with bench(tmp_path, REDFISH, IPMI) as b:
        b.machine.log.append((b.clock.now() - timedelta(days=9), "The lid was opened.", "Chassis: general intrusion"))
        await b.let_pass(400)
        b.machine.dead.add(Protocol.REDFISH)
        await b.let_pass(20)
        b.machine.fail_drive(b.clock.now())
        await b.let_pass(300)
        page = await b.store.events.page(device_id="web-01")
        assert {event.message: event.history for event in page.items} == {
            "The lid was opened.": True,
            "Chassis: general intrusion": True,
            "Drive 1 Drive Slot: Drive Fault asserted": False,
        }


async def test_endpoints_that_go_on_contradicting_each_other_are_told_and_nobody_is_believed(tmp_path: Path) -> None:
    async with bench(tmp_path, REDFISH, IPMI) as b:
        await b.let_pass(130)
        b.machine.power[Protocol.IPMI] = PowerState.OFF
        await b.until(lambda seen: seen.power is PowerState.OFF, within=11)
        await b.until(lambda seen: seen.power is PowerState.UNKNOWN, within=140)
        seen = await b.summary()
        assert seen.power_reason == "Redfish says On, IPMI says Off"
        revision = seen.revision
        await b.let_pass(120)
        seen = await b.summary()
        assert seen.power_reason
        assert seen.revision - revision <= 4, "they are asked as often as ever, and nobody else is told more"
        b.machine.power[Protocol.IPMI] = PowerState.ON
        await b.until(lambda seen: seen.power is PowerState.ON and not seen.power_reason, within=11)


async def test_a_machine_that_is_switched_off_is_no_contradiction(tmp_path: Path) -> None:
    async with bench(tmp_path, REDFISH, IPMI) as b:
        await b.let_pass(130)
        for protocol in (Protocol.IPMI, Protocol.REDFISH):
            b.machine.power[protocol] = PowerState.OFF
            for _ in range(40):
                await b.let_pass(1)
                seen = await b.summary()
                assert seen.power is not PowerState.UNKNOWN
        assert seen.power is PowerState.OFF


async def test_poll_now_asks_each_endpoint_for_what_is_its_part(tmp_path: Path) -> None:
    async with bench(tmp_path, REDFISH, IPMI) as b:
        await b.let_pass(130)
        asked = b.clock.now()
        request = await b.store.polls.request("web-01")
        for _ in range(15):  # to claim a row takes the store a moment of real time
            b.devices.poke()
            await b.store.state.write(lambda _: None)
            await b.let_pass(1)
        done = await b.store.polls.requested(request.poll_request_id)
        assert done is not None
        assert done.state == "done"
        assert frozenset().union(*b.asked(Protocol.REDFISH, asked)) == EVERY
        assert set(b.asked(Protocol.IPMI, asked)) == {frozenset({Aspect.HEARTBEAT})}


async def test_an_endpoint_that_is_removed_leaves_nothing_behind(tmp_path: Path) -> None:
    async with bench(tmp_path, REDFISH, IPMI) as b:
        await b.let_pass(130)
        b.machine.dead.add(Protocol.IPMI)
        await b.let_pass(30)
        stored: Device | None = await b.store.fleet.device("web-01")
        assert stored is not None
        await b.store.fleet.edit_device(replace(stored, endpoints=stored.endpoints[:1]))
        await b.let_pass(70)
        assert await b.store.components.problems("web-01") == []
        assert {row.protocol for row in await b.store.polls.of_device("web-01")} == {Protocol.REDFISH}


async def test_what_a_removed_endpoint_alone_called_ill_is_held_against_nobody(tmp_path: Path) -> None:
    async with bench(tmp_path, REDFISH, IPMI) as b:
        await b.let_pass(130)
        b.drivers[Protocol.IPMI]._worst = lambda: Health.CRITICAL
        await b.let_pass(30)
        assert (await b.summary()).health is Health.WARNING
        stored: Device | None = await b.store.fleet.device("web-01")
        assert stored is not None
        await b.store.fleet.edit_device(replace(stored, endpoints=stored.endpoints[:1]))
        await b.let_pass(70)
        after = await b.summary()
        assert (after.health, after.health_reason) == (Health.OK, "")


async def test_a_device_removed_and_added_again_within_a_second_is_asked_for_everything_anew(tmp_path: Path) -> None:
    async with bench(tmp_path, IPMI) as b:
        await b.let_pass(130)
        await b.store.fleet.remove_device("web-01")
        await b.store.fleet.add_device(device(endpoints=(IPMI,)))
        added = b.clock.now()
        await b.let_pass(30)
        assert frozenset().union(*b.asked(Protocol.IPMI, added)) == EVERY
        assert {"Drive Drive 0", "Drive Drive 1"} <= (await b.components()).keys()


@pytest.mark.parametrize("endpoint", [REDFISH, IPMI], ids=["redfish", "ipmi"])
async def test_what_fell_due_while_a_device_was_silent_is_asked_for_as_soon_as_it_answers(tmp_path, endpoint) -> None:
    """Planted bug: one that is silent when it is added has no inventory for twelve hours."""
    async with bench(tmp_path, endpoint, dead=[endpoint.protocol]) as b:
        await b.let_pass(130)
        b.machine.dead.clear()
        back = b.clock.now()
        await b.let_pass(70)
        assert frozenset().union(*b.asked(endpoint.protocol, back)) == EVERY
        walks = [aspects for aspects in b.asked(endpoint.protocol, back) if Aspect.INVENTORY in aspects]
        assert len(walks) == 1


async def test_what_fell_due_while_a_device_was_silent_is_not_forgotten_over_an_edit(tmp_path: Path) -> None:
    async with bench(tmp_path, REDFISH, dead=[Protocol.REDFISH]) as b:
        await b.let_pass(130)
        stored: Device | None = await b.store.fleet.device("web-01")
        assert stored is not None
        await b.store.fleet.edit_device(replace(stored, endpoints=(replace(REDFISH, tls="legacy"),)))
        b.machine.dead.clear()
        await b.let_pass(130)
        assert frozenset().union(*b.asked(Protocol.REDFISH, START)) == EVERY
