"""The driver: one poll asks for little, a change for more, a failure is an observation, what is learned is kept."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

import pytest

from fleetmon.clock import ManualClock
from fleetmon.drivers.base import Memory, Opening, Request
from fleetmon.drivers.lane import Lane, Pace
from fleetmon.drivers.redfish.driver import RedfishDriver
from fleetmon.drivers.redfish.logbook import TRIES
from fleetmon.drivers.redfish.parse.logs import record
from fleetmon.drivers.redfish.plan import Plan
from fleetmon.drivers.redfish.steady import STANDSTILL
from fleetmon.drivers.registry import open_driver
from fleetmon.errors import AccessDenied, Busy, ConfigError, Garbled, Unaskable, Unreachable, Unsupported, Untrusted
from fleetmon.model import (
    Aspect,
    Component,
    Endpoint,
    Health,
    LogMark,
    Observation,
    PowerState,
    Protocol,
    Reachability,
)
from tests.redfish_service import (
    CHASSIS,
    MANAGER,
    NOW,
    SYSTEM,
    V1,
    Json,
    ShelfSession,
    collection,
    link,
    log_entries,
    ok,
    resource,
    server,
)

EVERYTHING = frozenset(Aspect)
STEADY = (Aspect.HEARTBEAT, Aspect.SENSORS)
EVENT_1 = record(log_entries(1, 1)[0], "/", {}).content_hash


class Bench:
    """A driver over a shelf."""

    def __init__(self, bodies: dict[str, Json] | None = None, *, expand: int = 0, memory: Memory | None = None) -> None:
        self.clock = ManualClock(NOW)
        self.shelf = ShelfSession(bodies or server(), expand=expand)
        lane = Lane(device="https://bmc", clock=self.clock, pace=Pace(poll_deadline=timedelta(seconds=5)))
        endpoint = Endpoint(protocol=Protocol.REDFISH, address="https://bmc")
        opening = Opening(endpoint=endpoint, credentials=None, lane=lane, clock=self.clock, memory=memory or Memory())
        self.driver = RedfishDriver(opening, self.shelf)  # type: ignore[arg-type]

    async def poll(self, *aspects: Aspect, marks: object = None) -> Observation:
        await self.clock.advance(1)
        self.shelf.now = self.clock.now()
        self.shelf.asked.clear()
        return await self.driver.observe(Request(aspects=frozenset(aspects) or EVERYTHING, marks=marks or {}))

    @property
    def plan(self) -> Plan:
        return self.driver._known.plan

    def body(self, path: str) -> Json:
        return self.shelf.bodies[path.lower()]


def healths(seen: Observation) -> dict[Component, Health]:
    return {told.component: told.health for told in seen.health}


def identities(seen: Observation) -> set[tuple[object, ...]]:
    return {(r.sensor.component, r.sensor.name, r.sensor.type) for r in seen.readings}


async def test_the_first_poll_answers_whatever_was_asked():
    seen = await Bench().poll()
    assert (seen.reachability, seen.answered, seen.components_complete) == (Reachability.REACHABLE, EVERYTHING, True)
    assert seen.power is not None
    assert (seen.power.state, seen.power.source) == (PowerState.ON, SYSTEM)
    assert seen.overall is not None
    assert seen.overall.health is Health.OK
    assert seen.identity is not None
    assert seen.identity.serial_number == "S1"
    assert seen.inventory is not None
    assert seen.inventory.complete
    assert {record.record_id for log in seen.logs for record in log.records} == {"1", "2", "3"}
    assert seen.problems == ()


async def test_every_sensor_and_component_is_told_once():
    seen = await Bench().poll()
    assert len(identities(seen)) == len(seen.readings)
    assert len(healths(seen)) == len(seen.health)


async def test_a_steady_poll_takes_three_requests():
    bench = Bench()
    first = await bench.poll()
    steady = await bench.poll(*STEADY)
    assert steady.requests == 3
    assert steady.answered == set(STEADY)
    assert identities(steady) == identities(first)
    assert all(reading.taken_at == bench.clock.now() for reading in steady.readings)


async def test_a_heartbeat_takes_one_request():
    bench = Bench()
    await bench.poll()
    seen = await bench.poll(Aspect.HEARTBEAT)
    assert (seen.requests, seen.power is not None, seen.readings) == (1, True, ())


async def test_a_walk_after_the_first_begins_where_the_hardware_is():
    bench = Bench()
    first = await bench.poll(Aspect.COMPONENTS, Aspect.INVENTORY)
    again = await bench.poll(Aspect.COMPONENTS, Aspect.INVENTORY)
    assert again.requests < first.requests
    assert healths(again) == healths(first)
    assert again.components_complete


async def test_a_walk_for_components_does_not_ask_for_software():
    bench = Bench()
    await bench.poll()
    seen = await bench.poll(Aspect.COMPONENTS)
    assert not any("UpdateService" in path for path in bench.shelf.asked)
    assert seen.inventory is None


async def test_a_change_at_the_gate_has_the_components_read_at_once():
    bench = Bench()
    await bench.poll()
    assert Aspect.COMPONENTS not in (await bench.poll(*STEADY)).answered
    bench.body(SYSTEM)["Status"] = ok(HealthRollup="Critical")
    bench.body(f"{SYSTEM}/Storage/1/Drives/1")["Status"] = {"State": "Enabled", "Health": "Critical"}
    seen = await bench.poll(*STEADY)
    assert Aspect.COMPONENTS in seen.answered
    assert healths(seen)[Component("Drive", "Bay 1")] is Health.CRITICAL
    assert seen.overall is not None
    assert seen.overall.health is Health.CRITICAL
    assert Aspect.COMPONENTS not in (await bench.poll(*STEADY)).answered


def sick(gadgets: int = 30) -> dict[str, Json]:
    """A server whose drive has failed, whose vendor tells of much more, and one thing of that is ill too."""
    bodies = server(drives=6)
    bodies[f"{SYSTEM}/Storage/1/Drives/1"]["Status"] = {"State": "Enabled", "Health": "Critical"}
    bodies[SYSTEM]["Status"] = ok(HealthRollup="Critical")
    paths = [f"{SYSTEM}/Gadgets/{n}" for n in range(1, gadgets + 1)]
    bodies |= {path: resource(path, "ContosoGadget", Status=ok()) for path in paths}
    bodies[paths[3]]["Status"] = {"Health": "Warning"}
    bodies[f"{SYSTEM}/Gadgets"] = collection(f"{SYSTEM}/Gadgets", "ContosoGadget", paths)
    bodies[SYSTEM]["Oem"] = {"Contoso": {"Gadgets": link(f"{SYSTEM}/Gadgets")}}
    return bodies


async def test_a_sick_machine_is_looked_at_closely_once_and_then_costs_little_more_than_a_healthy_one():
    healthy, bench = Bench(server(drives=6)), Bench(sick())
    for each in (healthy, bench):
        await each.poll()
    assert any("/Gadgets/30" in path for path in bench.shelf.asked)
    before = healths(await bench.poll(*STEADY, Aspect.COMPONENTS))
    cost = len(bench.shelf.asked)
    await healthy.poll(*STEADY, Aspect.COMPONENTS)
    assert cost <= len(healthy.shelf.asked) + 1
    assert before[Component("ContosoGadget", "4")] is Health.WARNING
    assert not any(component.name == "5" for component in before)


async def test_new_trouble_on_a_sick_machine_has_what_was_silent_looked_at_again():
    bench = Bench(sick())
    await bench.poll()
    bench.body(f"{SYSTEM}/Memory/1")["Status"] = {"State": "Enabled", "Health": "Critical"}
    bench.body(f"{SYSTEM}/Gadgets/9")["Status"] = {"Health": "Critical"}
    seen = healths(await bench.poll(*STEADY, Aspect.COMPONENTS))
    assert (seen[Component("Memory", "DIMM 1")], seen[Component("ContosoGadget", "9")]) == (Health.CRITICAL,) * 2
    bench.body(f"{SYSTEM}/Memory/1")["Status"] = ok()
    await bench.poll(*STEADY, Aspect.COMPONENTS)
    bench.body(f"{SYSTEM}/Memory/1")["Status"] = {"State": "Enabled", "Health": "Critical"}
    await bench.poll(*STEADY, Aspect.COMPONENTS)
    assert not any("/Gadgets/30" in path for path in bench.shelf.asked), "trouble that comes and goes was looked into"


async def test_other_words_at_the_gate_and_the_passing_of_an_hour_have_what_was_silent_looked_at_again():
    bench = Bench(sick())
    await bench.poll()
    bench.body(f"{SYSTEM}/Gadgets/9")["Status"] = {"Health": "Critical"}
    assert Component("ContosoGadget", "9") not in healths(await bench.poll(*STEADY, Aspect.COMPONENTS))
    bench.body(SYSTEM)["Status"] = ok(Health="Warning", HealthRollup="Critical")
    assert Component("ContosoGadget", "9") in healths(await bench.poll(*STEADY))
    bench.body(f"{SYSTEM}/Gadgets/12")["Status"] = {"Health": "Warning"}
    assert Component("ContosoGadget", "12") not in healths(await bench.poll(*STEADY, Aspect.COMPONENTS))
    await bench.clock.advance(3600)
    assert Component("ContosoGadget", "12") in healths(await bench.poll(*STEADY, Aspect.COMPONENTS))


async def test_every_inventory_of_a_sick_machine_tells_the_parts_of_the_first():
    bodies = sick()
    bodies[f"{SYSTEM}/Gadgets/4"] = resource(f"{SYSTEM}/Gadgets/4", "Port", Status={"Health": "Warning"})
    bench = Bench(bodies)
    first = (await bench.poll()).inventory
    assert first is not None
    for _ in range(2):
        again = (await bench.poll(Aspect.INVENTORY)).inventory
        assert again is not None
        assert {part.component for part in again.parts} == {part.component for part in first.parts}
        assert Component("Port", "4") in {part.component for part in again.parts}


async def test_a_machine_has_the_same_parts_sick_and_well_again():
    bench, bodies = Bench(sick()), server(drives=6)
    expected = healths(await Bench(bodies).poll()).keys()
    assert healths(await bench.poll()).keys() - {Component("ContosoGadget", "4")} == expected
    for path in (SYSTEM, f"{SYSTEM}/Storage/1/Drives/1", f"{SYSTEM}/Gadgets/4"):
        bench.body(path)["Status"] = ok()
    seen = await bench.poll(*STEADY, Aspect.COMPONENTS)
    assert healths(seen).keys() - {Component("ContosoGadget", "4")} == expected
    assert seen.components_complete


async def test_what_only_trouble_leads_to_and_cannot_be_read_leaves_the_look_complete():
    bench = Bench(sick())
    bench.shelf.failures[f"{SYSTEM}/Gadgets/7"] = Garbled("no JSON", resource=f"{SYSTEM}/Gadgets/7")
    seen = await bench.poll()
    assert seen.components_complete
    assert [problem.resource for problem in seen.problems] == [f"{SYSTEM}/Gadgets/7"]


async def test_a_power_change_is_seen_at_the_gate():
    bench = Bench()
    await bench.poll()
    bench.body(SYSTEM)["PowerState"] = "Off"
    seen = await bench.poll(Aspect.HEARTBEAT)
    assert seen.power is not None
    assert seen.power.state is PowerState.OFF


@pytest.mark.parametrize(
    ("said", "state"), [("Starting", PowerState.UNKNOWN), (7, PowerState.UNKNOWN), ("on", PowerState.ON)]
)
async def test_F68_a_power_state_nobody_knows_is_unknown_and_never_off(said, state):
    bodies = server()
    bodies[SYSTEM]["PowerState"] = said
    seen = await Bench(bodies).poll(Aspect.HEARTBEAT)
    assert seen.power is not None
    assert seen.power.state is state


async def test_a_device_that_does_not_tell_its_power_has_none():
    bodies = server()
    del bodies[SYSTEM]["PowerState"]
    assert (await Bench(bodies).poll(Aspect.HEARTBEAT)).power is None


async def test_a_failing_fan_is_seen_with_the_readings():
    bench = Bench()
    await bench.poll()
    bench.body(f"{CHASSIS}/Thermal")["Fans"][0]["Status"] = {"State": "Enabled", "Health": "Critical"}
    seen = await bench.poll(*STEADY)
    assert healths(seen)[Component("Fan", "Fan 1")] is Health.CRITICAL


async def test_what_was_ill_stays_told_when_it_is_well_again():
    bench = Bench()
    bench.body(f"{CHASSIS}/Thermal")["Temperatures"][0]["Status"] = {"Health": "Warning"}
    ill = await bench.poll()
    assert healths(ill)[Component("Sensor", "Temp 0")] is Health.WARNING
    bench.body(f"{CHASSIS}/Thermal")["Temperatures"][0]["Status"] = ok()
    assert healths(await bench.poll(Aspect.COMPONENTS))[Component("Sensor", "Temp 0")] is Health.OK


def with_lone_sensors(count: int = 9) -> dict[str, Json]:
    """A server without `$expand` that tells some sensors in a resource each and nowhere else."""
    paths = [f"{CHASSIS}/Sensors/lone{n}" for n in range(count)]
    bodies = server() | {
        path: resource(path, "Sensor", Name=f"Lone {n}", Reading=20 + n, ReadingType="Temperature", Status=ok())
        for n, path in enumerate(paths)
    }
    bodies[f"{CHASSIS}/Sensors"] = collection(f"{CHASSIS}/Sensors", "Sensor", paths)
    bodies[CHASSIS]["Sensors"] = link(f"{CHASSIS}/Sensors")
    return bodies


async def lone_sensors(bench: Bench, polls: int = 3) -> set[str]:
    seen = [await bench.poll(*STEADY) for _ in range(polls)]
    return {r.sensor.name for one in seen for r in one.readings if r.sensor.name.startswith("Lone")}


async def test_a_sensor_read_in_turn_is_still_read_after_walks_that_leave_it_to_the_polls():
    bench = Bench(with_lone_sensors())
    await bench.poll()
    assert len(await lone_sensors(bench)) == 9
    for _ in range(3):
        await bench.poll(Aspect.COMPONENTS)
        assert not any("lone" in path for path in bench.shelf.asked)
    assert len(await lone_sensors(bench)) == 9


async def test_a_report_of_sensors_that_walks_leave_to_it_is_still_the_cheapest_way_after_them():
    """Sensor resources that repeat Thermal are left out of walks; the report names its values by them."""
    bodies = server(temperatures=6)
    places = [f"{CHASSIS}/Sensors/t{n}" for n in range(6)]
    for n, path in enumerate(places):
        told = {"Name": f"Temp {n}", "Reading": bodies[f"{CHASSIS}/Thermal"]["Temperatures"][n]["ReadingCelsius"]}
        bodies[path] = resource(path, "Sensor", ReadingType="Temperature", Status=ok(), **told)
    bodies[f"{CHASSIS}/Sensors"] = collection(f"{CHASSIS}/Sensors", "Sensor", places)
    bodies[CHASSIS]["Sensors"] = link(f"{CHASSIS}/Sensors")
    bench = Bench(bodies)
    await bench.poll()
    known = bench.plan.catalog.by_property.keys()
    assert any("/sensors/t5" in name for name in known)
    await bench.poll(Aspect.COMPONENTS)
    assert not any("/Sensors/t" in path for path in bench.shelf.asked)
    assert bench.plan.catalog.by_property.keys() == known
    assert len({sensor.key for sensor in bench.plan.catalog.sensors}) == len(bench.plan.catalog.sensors)


async def test_a_sensor_read_in_turn_that_is_gone_costs_one_walk():
    bench = Bench(with_lone_sensors())
    await bench.poll()
    del bench.shelf.bodies[f"{CHASSIS}/Sensors/lone4".lower()]
    await lone_sensors(bench)
    assert len(await lone_sensors(bench)) == 8
    asked = len(bench.shelf.asked)
    await bench.poll(*STEADY)
    assert len(bench.shelf.asked) <= asked <= 6


async def test_a_new_sensor_is_named_by_a_walk_in_the_same_poll():
    bench = Bench()
    await bench.poll()
    bench.body(f"{CHASSIS}/Thermal")["Temperatures"].append({"MemberId": "9", "Name": "New", "ReadingCelsius": 33})
    seen = await bench.poll(*STEADY)
    assert any(reading.sensor.name == "New" for reading in seen.readings)
    assert (await bench.poll(*STEADY)).requests == 3


async def test_F02_after_a_restart_the_plan_is_used_without_learning_again():
    bench = Bench()
    first = await bench.poll()
    memory = json.loads(json.dumps(bench.driver.memory().plan))
    after = Bench(memory=Memory(plan=memory))
    seen = await after.poll(*STEADY)
    assert seen.requests == 3
    assert identities(seen) == identities(first)


async def test_the_version_of_the_memory_grows_only_when_there_is_something_new_to_remember():
    bench = Bench()
    fresh = bench.driver.memory_version
    await bench.poll()
    learned = bench.driver.memory_version
    assert learned > fresh
    await bench.poll(*STEADY)
    await bench.poll()
    assert bench.driver.memory_version == learned
    bench.body(f"{CHASSIS}/Thermal")["Temperatures"].append({"MemberId": "9", "Name": "New", "ReadingCelsius": 33})
    await bench.poll(*STEADY)
    assert bench.driver.memory_version > learned


async def test_F48_devices_of_a_model_share_what_they_are_read_by_and_what_one_learns_stays_its_own():
    """Planted bug: a catalog changed in place tells one device's new sensor to all devices like it."""
    one, other = Bench(), Bench()
    await one.poll()
    before = await other.poll()
    assert one.plan is other.plan
    one.body(f"{CHASSIS}/Thermal")["Temperatures"].append({"MemberId": "9", "Name": "New", "ReadingCelsius": 33})
    await one.poll(*STEADY)
    assert one.plan is not other.plan
    assert identities(await other.poll(*STEADY)) == identities(before)
    after = Bench(memory=Memory(plan=json.loads(json.dumps(other.driver.memory().plan))))
    assert after.plan is other.plan


async def test_a_remembered_path_that_is_gone_is_learned_afresh():
    bench = Bench()
    await bench.poll()
    moved = json.loads(json.dumps(bench.shelf.bodies).replace("/redfish/v1/Systems/1", "/redfish/v1/Systems/Self"))
    bench.shelf.bodies = {
        path.replace("/redfish/v1/systems/1", "/redfish/v1/systems/self"): body for path, body in moved.items()
    }
    seen = await bench.poll(*STEADY)
    assert seen.power is not None
    assert seen.power.source == f"{V1}/Systems/Self"
    assert (await bench.poll(*STEADY)).requests == 3


async def test_a_thermal_resource_that_is_gone_has_the_plan_mended():
    bench = Bench()
    await bench.poll()
    del bench.shelf.bodies[f"{CHASSIS}/Thermal".lower()]
    seen = await bench.poll(*STEADY)
    assert seen.reachability is Reachability.REACHABLE
    assert (await bench.poll(*STEADY)).requests == 2


@pytest.mark.parametrize(
    ("failure", "reachability"),
    [
        (Unreachable("nothing listens", cure="correct the address"), Reachability.UNREACHABLE),
        (AccessDenied("refused"), Reachability.ACCESS_DENIED),
        (Untrusted("changed"), Reachability.UNTRUSTED),
        (Busy("busy", resource=f"{V1}/"), Reachability.BUSY),
        (Garbled("html", resource=f"{V1}/"), Reachability.GARBLED),
        (Unsupported("no Redfish", resource=f"{V1}/"), Reachability.UNSUPPORTED),
    ],
)
async def test_a_poll_that_fails_is_an_observation(failure, reachability):
    bench = Bench()
    bench.shelf.failures[f"{V1}/"] = failure
    seen = await bench.poll()
    assert (seen.reachability, seen.answered, seen.requests) == (reachability, frozenset(), 1)
    assert failure.reason in seen.reason
    assert failure.cure in seen.reason
    assert seen.power is None


async def test_a_device_that_stops_answering_keeps_what_it_said():
    bench = Bench()
    await bench.poll()
    bench.shelf.failures[f"{CHASSIS}/Thermal"] = Unreachable("no answer", resource=f"{CHASSIS}/Thermal")
    bench.shelf.failures[f"{CHASSIS}/Power"] = Unreachable("no answer", resource=f"{CHASSIS}/Power")
    seen = await bench.poll(*STEADY)
    assert seen.reachability is Reachability.REACHABLE
    assert seen.power is not None
    assert f"{CHASSIS}/Thermal" in {problem.resource for problem in seen.problems}


async def test_a_component_that_could_not_be_read_is_not_called_gone():
    bench = Bench()
    await bench.poll()
    bench.shelf.failures[f"{SYSTEM}/Storage/1"] = Garbled("failed (HTTP 500)", resource=f"{SYSTEM}/Storage/1")
    seen = await bench.poll(Aspect.COMPONENTS, Aspect.INVENTORY)
    assert not seen.components_complete
    assert seen.inventory is not None
    assert not seen.inventory.complete


async def test_F10_a_slow_device_is_read_over_several_polls():
    bench = Bench(server(dimms=16))
    answer = bench.shelf.get

    async def slowly(path: str):
        await bench.clock.advance(1)
        return await answer(path)

    bench.shelf.get = slowly  # type: ignore[method-assign]
    first = await bench.poll(*STEADY)
    assert Aspect.COMPONENTS not in first.answered
    assert not first.components_complete
    assert any("wait for the next poll" in problem.reason for problem in first.problems)
    polls = 1
    while not (seen := await bench.poll(*STEADY)).components_complete:
        polls += 1
        assert polls < 20
    assert len(seen.health) > len(first.health)


async def test_a_live_report_is_read_in_place_of_everything_else_and_given_up_when_it_stands_still():
    bodies = server()
    report = f"{V1}/TelemetryService/MetricReports/All"
    entries = bodies[f"{CHASSIS}/Thermal"]["Temperatures"]
    values = [
        {"MetricProperty": f"{CHASSIS}/Thermal#/Temperatures/{n}/ReadingCelsius", "MetricValue": str(20 + n)}
        for n in range(len(entries))
    ]
    del bodies[f"{CHASSIS}/Thermal"]["Fans"]
    bodies[f"{CHASSIS}/Power"] = resource(f"{CHASSIS}/Power", "Power")
    bodies[f"{V1}/"]["TelemetryService"] = link(f"{V1}/TelemetryService")
    bodies[f"{V1}/TelemetryService"] = resource(
        f"{V1}/TelemetryService", "TelemetryService", MetricReports=link(f"{V1}/TelemetryService/MetricReports")
    )
    bodies[f"{V1}/TelemetryService/MetricReports"] = collection(
        f"{V1}/TelemetryService/MetricReports", "MetricReport", [report]
    )
    bodies[report] = resource(report, "MetricReport", Timestamp="2026-01-06T08:00:01Z", MetricValues=values)
    bodies[MANAGER]["DateTime"] = "2026-01-06T08:00:01Z"
    bench = Bench(bodies)
    await bench.poll()
    seen = await bench.poll(*STEADY)
    assert bench.shelf.asked == [SYSTEM, report]
    assert len(seen.readings) == len(entries)
    await bench.clock.advance(STANDSTILL)
    given_up = await bench.poll(*STEADY)
    assert any("stands still" in problem.reason for problem in given_up.problems)
    await bench.poll(*STEADY)
    assert bench.shelf.asked == [SYSTEM, f"{CHASSIS}/Thermal"]


async def test_logs_are_read_from_the_mark_in_one_request():
    bench = Bench()
    (log,) = (await bench.poll()).logs
    newest = max(log.records, key=lambda record: int(record.record_id))
    mark = LogMark(record_id=newest.record_id, created_text=newest.created_text, content_hash=newest.content_hash)
    bench.body(f"{MANAGER}/LogServices/SEL/Entries")["Members"] = log_entries(1, 5)
    seen = await bench.poll(Aspect.EVENTS, marks={"SEL": mark})
    assert seen.requests == 1
    assert seen.logs[0].reached_mark
    assert seen.answered == {Aspect.EVENTS}


async def test_a_log_entry_that_fails_is_told_asked_for_again_and_given_up_after_some_looks():
    bench, entries = Bench(), f"{MANAGER}/LogServices/SEL/Entries"
    numbers = {f"{entries}/{n}": log_entries(n, n)[0] for n in (1, 2, 3)}
    for path, entry in numbers.items():
        bench.shelf.bodies[path.lower()] = entry
    bench.shelf.bodies[entries.lower()] = collection(entries, "LogEntry", list(numbers))
    bench.shelf.failures[f"{entries}/2"] = Garbled("failed (HTTP 500)", resource=f"{entries}/2")
    mark = LogMark(record_id="1", created_text=numbers[f"{entries}/1"]["Created"], content_hash=EVENT_1)
    looks = [await bench.poll(Aspect.EVENTS, marks={"SEL": mark}) for _ in range(TRIES + 1)]
    assert [look.logs[0].gap for look in looks] == [False] * (TRIES - 1) + [True, False]
    for look in looks:
        assert {record.record_id for record in look.logs[0].records} == {"1", "3"}
        assert [problem.resource for problem in look.problems] == [f"{entries}/2"]


async def test_a_log_is_not_taken_for_known_before_its_first_look_was_whole():
    bench, entries = Bench(), f"{MANAGER}/LogServices/SEL/Entries"
    bench.shelf.bodies[entries.lower()] = collection(entries, "LogEntry", [f"{entries}/1"])
    seen = await bench.poll()
    assert (seen.logs, Aspect.EVENTS in seen.answered) == ((), False)
    bench.shelf.bodies[f"{entries}/1".lower()] = log_entries(1, 1)[0]
    seen = await bench.poll(Aspect.EVENTS)
    assert [record.record_id for record in seen.logs[0].records] == ["1"]


async def test_a_log_service_in_trouble_is_told_and_stays_told_with_its_age():
    bench = Bench()
    bench.body(f"{MANAGER}/LogServices/SEL")["Status"] = {"Health": "Critical"}
    seen = await bench.poll()
    told = next(health for health in seen.health if health.component.kind == "LogService")
    again = await bench.poll(Aspect.COMPONENTS)
    kept = next(health for health in again.health if health.component.kind == "LogService")
    assert kept == replace(told, taken_at=kept.taken_at)
    assert kept.taken_at < bench.clock.now()


async def test_a_service_without_anything_is_reachable_and_empty():
    seen = await Bench({f"{V1}/": resource(f"{V1}/", "ServiceRoot", RedfishVersion="1.0.0")}).poll()
    assert (seen.reachability, seen.answered) == (Reachability.REACHABLE, EVERYTHING - {Aspect.SENSORS})
    assert (seen.readings, seen.health, seen.power) == ((), (), None)


ODD: Iterable[object] = (None, "text", 7, -1.5, True, [], [None, 7, "x"], {}, {"@odata.id": 3}, [[{}]])


@pytest.mark.parametrize("odd", ODD, ids=repr)
async def test_F29_no_field_of_a_wrong_type_fails_a_poll(odd):
    small = {"drives": 1, "dimms": 1, "temperatures": 1, "fans": 1}
    for path, body in server(**small).items():
        for name in body:
            if path == f"{V1}/" and name in ("Systems", "Chassis"):
                continue
            bodies = server(**small)
            bodies[path][name] = odd
            seen = await Bench(bodies).poll()
            assert seen.reachability is Reachability.REACHABLE, (path, name, seen.reason)


async def test_a_raw_resource_is_read_from_the_device_alone():
    bench = Bench()
    assert (await bench.driver.raw(SYSTEM))["SerialNumber"] == "S1"
    for foreign in ("https://elsewhere/redfish/v1", "/etc/passwd", "/redfish/v1/../x", "redfish/v1"):
        with pytest.raises(Unaskable):
            await bench.driver.raw(foreign)


@pytest.mark.parametrize("address", ["bmc", "ftp://bmc", ""])
def test_an_address_that_is_none_is_refused_before_anything_is_sent(address):
    clock = ManualClock()
    endpoint = Endpoint(protocol=Protocol.REDFISH, address=address)
    with pytest.raises(ConfigError):
        open_driver(Opening(endpoint=endpoint, credentials=None, lane=Lane(device="x", clock=clock), clock=clock))
