"""The IPMI driver: a poll asks for little, a change for more, a failure is an observation, what is learned is kept."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta

import pytest

from fleetmon.clock import ManualClock
from fleetmon.drivers.base import Memory, Request
from fleetmon.drivers.ipmi.catalog import pack, unpack
from fleetmon.drivers.ipmi.messages import Command
from fleetmon.drivers.ipmi.sensors import FRESH, REST
from fleetmon.drivers.ipmi.session import Answer
from fleetmon.drivers.lane import Pace
from fleetmon.errors import AccessDenied, DeviceError, Unaskable, Unreachable
from fleetmon.model import Aspect, Component, Health, NoReading, Observation, PowerState, Reachability, ReadingType
from tests.ipmi_shelf import (
    CHASSIS,
    DEVICE_ID,
    LOST,
    NOT_THERE,
    NOW,
    READING,
    RESERVE_SDR,
    SDR,
    SDR_INFO,
    SEL_ENTRY,
    SEL_INFO,
    UNKNOWN,
    Bench,
    Shelf,
    discrete,
    event,
    le,
    numeric,
    states,
    value,
)

HEARTBEAT, SENSORS, COMPONENTS, EVENTS, INVENTORY = Aspect
LIFE = (HEARTBEAT, SENSORS)
DRIVE_FAULT = b"\x01\x00\x44"
DRIVES = Component("HealthGroup", "Drives")
BAY_3 = Component("Drive", "Drive Bay 3")


def server(numbers: int = 40) -> Shelf:
    """A server with so many temperatures, a drive bay and a supply."""
    shelf = Shelf(ManualClock(NOW))
    for number in range(1, numbers + 1):
        shelf.records.append(numeric(number, f"Temp {number}"))
        shelf.readings[0, number] = value(20 + number)
    shelf.records.append(discrete(0x80, "Drive Bay 3", 0x0D, entity=(4, 3)))
    shelf.records.append(discrete(0x81, "PS1 Status", 0x08, entity=(10, 1)))
    shelf.readings[0, 0x80] = shelf.readings[0, 0x81] = states(0x01)
    shelf.log_event(event(1, int(NOW.timestamp()) - 3600))
    return shelf


async def settled(shelf: Shelf | None = None, *, pace: Pace | None = None) -> Bench:
    """A bench whose device has been looked at whole."""
    bench = Bench(shelf or server(), pace=pace)
    await bench.poll(*LIFE, COMPONENTS, INVENTORY)
    await bench.poll(EVENTS)
    return bench


def values(seen: Observation) -> dict[str, float | NoReading]:
    return {reading.sensor.name: reading.value for reading in seen.readings}


def health_of(seen: Observation, component: Component) -> Health | None:
    return next((one.health for one in seen.health if one.component == component), None)


# ---- heartbeat -------------------------------------------------------------------------------------------------------


async def test_a_heartbeat_is_one_command_and_tells_nothing_but_life() -> None:
    bench = await settled()
    version = bench.driver.memory_version
    seen = await bench.poll(HEARTBEAT)
    assert seen.requests == 1
    assert seen.power is not None
    assert (seen.power.state, seen.power.source) == (PowerState.ON, "Get Chassis Status")
    assert seen.overall is not None
    assert seen.overall.health is Health.OK
    assert (seen.answered, seen.health, seen.readings, seen.logs) == (frozenset({HEARTBEAT}), (), (), ())
    assert bench.driver.memory_version == version


async def test_a_fault_bit_that_comes_makes_the_same_poll_look_for_the_drive() -> None:
    bench = await settled()
    bench.shelf.chassis = DRIVE_FAULT
    bench.shelf.readings[0, 0x80] = states(0x03)
    bench.shelf.log_event(event(2, int(NOW.timestamp()), 0x80, kind=0x0D, what=0x6F, offset=1))
    seen = await bench.poll(HEARTBEAT)
    assert health_of(seen, BAY_3) is Health.CRITICAL
    assert health_of(seen, DRIVES) is Health.CRITICAL
    assert [record.record_id for log in seen.logs for record in log.records] == ["1", "2"]
    again = await bench.poll(HEARTBEAT)
    assert again.requests == 1


async def test_a_drive_fault_that_no_sensor_explains_is_told_all_the_same_and_told_ended() -> None:
    bench = await settled()
    bench.shelf.chassis = DRIVE_FAULT
    seen = await bench.poll(HEARTBEAT)
    assert seen.overall is not None
    assert (seen.overall.health, seen.overall.detail) == (Health.CRITICAL, "drive fault (Get Chassis Status)")
    assert health_of(seen, DRIVES) is Health.CRITICAL
    assert health_of(seen, BAY_3) is Health.OK
    bench.shelf.chassis = b"\x01\x00\x40"
    assert health_of(await bench.poll(HEARTBEAT), DRIVES) is Health.OK
    assert health_of(await bench.poll(HEARTBEAT), DRIVES) is Health.OK


async def test_a_change_whose_reason_could_not_be_read_is_looked_into_by_the_next_heartbeat() -> None:
    bench = await settled()
    bench.shelf.chassis, bench.shelf.readings[0, 0x80] = DRIVE_FAULT, states(0x03)
    bench.shelf.faults.append(lambda command: Unreachable("no answer") if command[:2] != CHASSIS else None)
    assert health_of(await bench.poll(HEARTBEAT), BAY_3) is None
    bench.shelf.faults.clear()
    assert health_of(await bench.poll(HEARTBEAT), BAY_3) is Health.CRITICAL
    assert (await bench.poll(HEARTBEAT)).requests == 1


async def test_a_witness_never_looks_for_the_why() -> None:
    bench = Bench(server())
    await bench.poll(HEARTBEAT, witness=True)
    bench.shelf.chassis = b"\x00\x00\x4c"
    seen = await bench.poll(HEARTBEAT, witness=True)
    assert seen.requests == 1
    assert seen.power is not None
    assert seen.power.state is PowerState.OFF
    assert seen.logs == ()


async def test_a_device_without_a_chassis_is_alive_and_its_power_unknown() -> None:
    bench = await settled()
    bench.shelf.faults.append(lambda command: Answer(UNKNOWN, b"") if command[:2] == CHASSIS else None)
    seen = await bench.poll(HEARTBEAT)
    assert (seen.reachability, seen.answered, seen.power) == (Reachability.REACHABLE, frozenset({HEARTBEAT}), None)


@pytest.mark.parametrize("answer", [b"", b"\x01"])
async def test_a_short_chassis_status_is_never_read_as_off(answer: bytes) -> None:
    bench = Bench(server())
    bench.shelf.chassis = answer
    seen = await bench.poll(HEARTBEAT)
    assert seen.power is not None
    assert seen.power.state is (PowerState.ON if answer else PowerState.UNKNOWN)


# ---- sensors ---------------------------------------------------------------------------------------------------------


async def test_forty_sensors_cost_at_most_forty_four_requests() -> None:
    shelf = server(40)
    shelf.watts = 310
    bench = await settled(shelf)
    seen = await bench.poll(*LIFE)
    assert values(seen)["Temp 7"] == 27.0
    assert sum(reading.number is not None for reading in seen.readings) == 41
    assert seen.requests == 43
    assert bench.shelf.count(READING) == 40
    assert bench.shelf.count(SDR, SDR_INFO, SEL_ENTRY, DEVICE_ID) == 0


async def test_what_the_machine_draws_is_a_reading_of_the_whole_device() -> None:
    shelf = server(1)
    shelf.watts = 310
    reading = next(one for one in (await Bench(shelf).poll(*LIFE)).readings if one.sensor.type is ReadingType.POWER)
    assert (reading.sensor.component.kind, reading.value) == ("Device", 310.0)


async def test_a_device_without_dcmi_is_asked_for_it_once() -> None:
    bench = await settled(server(2))
    await bench.poll(*LIFE)
    assert (await bench.poll(*LIFE)).requests == 4


async def test_a_sensor_that_is_not_there_is_asked_again_after_an_hour() -> None:
    bench = await settled(server(3))
    del bench.shelf.readings[0, 2]
    assert values(await bench.poll(*LIFE))["Temp 2"] is NoReading.ABSENT
    assert "Temp 2" not in values(await bench.poll(*LIFE))
    bench.shelf.readings[0, 2] = value(50)
    await bench.clock.advance(REST)
    assert values(await bench.poll(*LIFE))["Temp 2"] == 50.0


async def test_what_was_not_there_while_the_host_was_dark_is_asked_when_it_is_on() -> None:
    bench = await settled(server(3))
    bench.shelf.chassis = b"\x00\x00\x40"
    del bench.shelf.readings[0, 2]
    assert values(await bench.poll(*LIFE))["Temp 2"] is NoReading.ABSENT
    bench.shelf.chassis = b"\x01\x00\x40"
    bench.shelf.readings[0, 2] = value(50)
    assert values(await bench.poll(*LIFE))["Temp 2"] == 50.0


async def test_a_sensor_that_has_no_reading_on_a_dark_host_is_off_and_not_faulty() -> None:
    bench = await settled(server(3))
    bench.shelf.chassis = b"\x00\x00\x40"
    bench.shelf.readings[0, 2] = bytes([0, 0xE0, 0])
    assert values(await bench.poll(*LIFE))["Temp 2"] is NoReading.OFF
    assert values(await bench.poll(*LIFE))["Temp 2"] is NoReading.OFF


async def test_one_silent_sensor_costs_itself_and_is_left_alone_for_a_while() -> None:
    bench = await settled(server(20))
    silence = Unreachable("no answer")
    bench.shelf.faults.append(lambda command: silence if command == Command(*READING, b"\x05") else None)
    told = values(await bench.poll(*LIFE))
    assert told["Temp 5"] is NoReading.TIMEOUT
    assert len([one for one in told.values() if isinstance(one, float)]) == 19
    before = bench.shelf.count(READING)
    assert len(values(await bench.poll(*LIFE))) == 19
    assert before == 20
    assert bench.shelf.count(READING) == 19


async def test_a_device_that_falls_silent_in_the_midst_keeps_what_it_said() -> None:
    bench = await settled(server(40))

    def dies(command: Command) -> Answer | DeviceError | None:
        return Unreachable("no answer") if command[:2] == READING and command.data[0] > 20 else None

    bench.shelf.faults.append(dies)
    seen = await bench.poll(*LIFE)
    assert seen.reachability is Reachability.REACHABLE
    assert len([one for one in values(seen).values() if isinstance(one, float)]) == 20
    assert SENSORS in seen.answered
    assert any("no answer" in problem.reason for problem in seen.problems)


async def test_a_slow_device_is_read_in_turns_and_every_sensor_has_one() -> None:
    bench = await settled(server(40))
    bench.shelf.takes = 2.0
    polls = [values(await bench.poll(*LIFE)) for _ in range(3)]
    assert all(0 < len(told) < 40 for told in polls)
    assert set().union(*polls) == {f"Temp {number}" for number in range(1, 41)}


async def test_a_device_that_takes_all_the_time_there_is_ends_the_poll_in_time() -> None:
    bench = await settled(server(40), pace=Pace(poll_deadline=timedelta(seconds=20)))
    bench.shelf.takes = 1.0
    began = bench.clock.monotonic()
    seen = await bench.poll(*LIFE, COMPONENTS)
    assert bench.clock.monotonic() - began <= 20
    assert seen.reachability is Reachability.REACHABLE
    assert not seen.components_complete


async def test_a_fan_is_judged_by_its_speed_and_its_states_together() -> None:
    shelf = server(1)
    shelf.records.append(numeric(0x20, "Fan 1", entity=(29, 1), kind=0x04, unit=18))
    shelf.records.append(discrete(0x21, "Fan 1 Status", 0x04, entity=(29, 1), event=0x07))
    shelf.readings |= {(0, 0x20): value(100), (0, 0x21): states(0x04)}
    bench = await settled(shelf)
    seen = await bench.poll(*LIFE)
    fans = [one for one in seen.health if one.component.kind == "Fan"]
    assert [one.health for one in fans] == [Health.CRITICAL]
    assert bench.shelf.count(READING) == 2


async def test_after_a_restart_no_fan_is_judged_by_half_of_what_tells_of_it() -> None:
    shelf = server(1)
    shelf.records.append(numeric(0x20, "Fan 1", entity=(29, 1), kind=0x04, unit=18))
    shelf.records.append(discrete(0x21, "Fan 1 Status", 0x04, entity=(29, 1), event=0x07))
    shelf.readings |= {(0, 0x20): value(100), (0, 0x21): states(0x04)}
    bench = await settled(shelf)
    after = Bench(shelf, memory=bench.driver.memory())
    assert (await after.poll(*LIFE)).health == ()


async def test_components_are_judged_by_numbers_just_read() -> None:
    bench = await settled(server(10))
    await bench.poll(*LIFE)
    await bench.poll(COMPONENTS)
    assert bench.shelf.count(READING) == 2
    await bench.clock.advance(FRESH + 1)
    seen = await bench.poll(COMPONENTS)
    assert bench.shelf.count(READING) == 12
    assert seen.components_complete


async def test_a_threshold_crossed_is_told_and_told_ended() -> None:
    bench = await settled(server(2))
    bench.shelf.records[0] = numeric(1, "Temp 1", readable=0x10)
    bench.shelf.sdr_added += 1
    bench.shelf.readings[0, 1] = value(95, 0x10)
    await bench.poll(*LIFE, COMPONENTS)
    sensor = next(one for one in (await bench.poll(*LIFE)).health if one.component.kind == "Sensor")
    assert sensor.health is Health.CRITICAL
    bench.shelf.readings[0, 1] = value(40)
    assert health_of(await bench.poll(*LIFE), sensor.component) is Health.OK
    after = Bench(bench.shelf, memory=bench.driver.memory())
    assert health_of(await after.poll(*LIFE), sensor.component) is Health.OK


async def test_factors_of_a_non_linear_sensor_are_asked_once_for_each_raw_value() -> None:
    shelf = server(1)
    shelf.records.append(numeric(0x30, "Coolant", linear=0x70))
    shelf.readings[0, 0x30] = value(10)
    shelf.factors[0x30, 10] = bytes([11, 3, 0, 0, 0, 0, 0])
    bench = await settled(shelf)
    assert values(await bench.poll(*LIFE))["Coolant"] == 30.0
    assert bench.shelf.count((0x04, 0x23)) == 0


# ---- thresholds ------------------------------------------------------------------------------------------------------


async def test_thresholds_are_asked_once_and_again_with_an_inventory() -> None:
    shelf = server(0)
    shelf.records.append(numeric(0x30, "Inlet", readable=0x18))
    shelf.readings[0, 0x30] = value(22)
    shelf.thresholds[0x30] = bytes([0x18, 0, 0, 0, 35, 42, 0])
    bench = Bench(shelf)
    await bench.poll(*LIFE, COMPONENTS)
    assert bench.shelf.count((0x04, 0x27)) == 1
    inlet = next(one.sensor for one in (await bench.poll(*LIFE)).readings if one.sensor.name == "Inlet")
    assert (inlet.thresholds.upper_caution, inlet.thresholds.upper_critical) == (35.0, 42.0)
    await bench.poll(COMPONENTS)
    assert bench.shelf.count((0x04, 0x27)) == 0
    await bench.poll(INVENTORY)
    assert bench.shelf.count((0x04, 0x27)) == 0, "somebody asked for the inventory again: once a day is enough"
    await bench.clock.advance(86_400)
    restarted = Bench(shelf, memory=bench.driver.memory())
    shelf.thresholds[0x30] = bytes([0x18, 0, 0, 0, 33, 42, 0])
    seen = await restarted.poll(*LIFE, INVENTORY)
    assert restarted.shelf.count((0x04, 0x27)) == 1
    assert next(one.sensor.thresholds.upper_caution for one in seen.readings if one.sensor.name == "Inlet") == 33.0


# ---- sensor data records ---------------------------------------------------------------------------------------------


async def test_records_are_read_once_and_looked_after_by_one_command() -> None:
    bench = await settled()
    await bench.poll(COMPONENTS)
    assert bench.shelf.count(SDR_INFO) == 1
    assert bench.shelf.count(SDR) == 0


async def test_records_that_changed_are_read_again() -> None:
    bench = await settled(server(2))
    bench.shelf.records.append(numeric(0x40, "New"))
    bench.shelf.readings[0, 0x40] = value(33)
    bench.shelf.sdr_added += 60
    await bench.poll(COMPONENTS)
    assert values(await bench.poll(*LIFE))["New"] == 33.0


async def test_records_survive_a_restart_and_are_shared_by_devices_alike() -> None:
    bench = await settled()
    kept = json.loads(json.dumps(bench.driver.memory().plan))
    after = Bench(server(), memory=Memory(plan=kept))
    seen = await after.poll(*LIFE)
    assert len(seen.readings) == 40
    assert after.shelf.count(SDR, DEVICE_ID) == 0
    first = {id(reading.sensor) for reading in (await bench.poll(*LIFE)).readings}
    assert first == {id(reading.sensor) for reading in seen.readings}


async def test_what_is_remembered_of_a_device_is_small() -> None:
    bench = await settled(server(100))
    assert len(json.dumps(bench.driver.memory().plan)) < 5_000


@pytest.mark.parametrize(
    "plan", [{"version": 0}, {"version": 1}, {"version": 1, "device": "zz"}, {"version": 1, "device": None, "sel": []}]
)
async def test_a_memory_of_no_use_is_learned_afresh(plan: dict[str, object]) -> None:
    assert len((await Bench(server(3), memory=Memory(plan=plan)).poll(*LIFE)).readings) == 3


def test_remembered_bytes_unpack_to_no_more_than_a_device_can_have() -> None:
    with pytest.raises(ValueError, match="more than any device has"):
        unpack(pack(bytes(1 << 22)))


async def test_another_firmware_is_learned_afresh() -> None:
    bench = await settled(server(2))
    bench.shelf.device_id = bytes.fromhex("20 01 03 00 02 9f a2 02 00 00 01 00 00 00 00")
    seen = await bench.poll(COMPONENTS, INVENTORY)
    assert bench.shelf.count(SDR) > 0
    assert seen.inventory is not None
    assert seen.inventory.identity.firmware == "3.00"


async def test_behind_a_new_login_nothing_is_told_under_the_names_of_before() -> None:
    bench = await settled(server(3))
    bench.shelf.logins += 1
    assert (await bench.poll(*LIFE)).requests == 5 + 2, "Get Device ID and Get SDR Repository Info"
    assert bench.shelf.count(SDR) == 0
    bench.shelf.logins += 1
    bench.shelf.records[:3] = [numeric(number, f"Fan inlet {number}") for number in (1, 2, 3)]
    bench.shelf.sdr_added += 60
    assert set(values(await bench.poll(*LIFE))) == {"Fan inlet 1", "Fan inlet 2", "Fan inlet 3"}
    assert (await bench.poll(*LIFE)).requests == 5


async def test_a_heartbeat_behind_a_new_login_leaves_the_look_at_who_answers_to_the_next_poll() -> None:
    bench = await settled(server(3))
    bench.shelf.logins += 1
    assert (await bench.poll(HEARTBEAT)).requests == 1
    await bench.poll(*LIFE)
    assert bench.shelf.count(DEVICE_ID, SDR_INFO) == 2


async def test_while_records_are_read_anew_no_number_is_told() -> None:
    bench = await settled(server(3))
    bench.shelf.sdr_added += 60
    bench.shelf.faults.append(lambda command: Answer(0xC0, b"") if command[:2] == SDR else None)
    await bench.poll(COMPONENTS)
    seen = await bench.poll(*LIFE)
    assert (seen.readings, SENSORS in seen.answered) == ((), False)
    bench.shelf.faults.clear()
    assert len((await bench.poll(*LIFE)).readings) == 3


async def test_a_device_that_tells_its_own_records_is_read_too() -> None:
    shelf = server(2)
    own = {(0x0A, 0x20): Answer(UNKNOWN, b""), (0x04, 0x20): Answer(0, bytes([4, 0x01]))}

    def device_sdrs(command: Command) -> Answer | None:
        if command[:2] == (0x04, 0x21):
            return Answer(0, shelf._0a_23(command.data, 0))  # type: ignore[arg-type]  # bytes, of a record that is there
        return own.get((command.netfn, command.code))

    shelf.faults.append(device_sdrs)
    assert len((await Bench(shelf).poll(*LIFE)).readings) == 2


async def test_a_device_without_any_records_is_not_asked_for_them_in_every_poll() -> None:
    shelf = server(0)
    shelf.records.clear()
    bench = await settled(shelf)
    seen = await bench.poll(*LIFE)
    assert {HEARTBEAT, SENSORS} == seen.answered
    assert bench.shelf.count(SDR_INFO) == 0


async def test_a_reservation_that_is_lost_is_had_anew() -> None:
    shelf = server(6)
    shelf.sdr_most = 16
    stolen = iter(range(3))

    def thief(command: Command) -> Answer | None:
        if command[:2] == SDR and command.data[4] and next(stolen, None) is not None:
            shelf.reservation += 1
            return Answer(LOST, b"")
        return None

    shelf.faults.append(thief)
    bench = Bench(shelf)
    assert len((await bench.poll(*LIFE)).readings) == 6
    assert bench.shelf.count(RESERVE_SDR) == 4


async def test_two_who_read_at_the_same_time_do_not_steal_from_each_other_for_ever() -> None:
    shelf = server(6)
    shelf.sdr_most = 16
    shelf.faults.append(lambda command: Answer(LOST, b"") if command[:2] == SDR and command.data[4] else None)
    bench = Bench(shelf)
    seen = await bench.poll(*LIFE)
    assert SENSORS not in seen.answered
    assert any("another program" in problem.reason for problem in seen.problems)
    assert bench.shelf.count(RESERVE_SDR) < 8
    shelf.faults.clear()
    assert len((await bench.poll(*LIFE)).readings) == 6


async def test_a_chain_of_records_that_leads_back_into_itself_ends() -> None:
    shelf = server(3)
    shelf.faults.append(
        lambda command: (
            Answer(0, le(1, 2) + shelf.records[2])
            if command == Command(*SDR, le(0, 2) + le(3, 2) + b"\0\xff")
            else None
        )
    )
    assert len((await Bench(shelf).poll(*LIFE)).readings) == 3


# ---- the outcome -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "reachability"),
    [
        (Unreachable("no answer within 10 s"), Reachability.UNREACHABLE),
        (AccessDenied("the password is wrong", cure="correct it"), Reachability.ACCESS_DENIED),
    ],
)
async def test_a_poll_that_fails_is_an_observation(error: DeviceError, reachability: Reachability) -> None:
    shelf = server(3)
    shelf.faults.append(lambda _: error)
    seen = await Bench(shelf).poll(*LIFE)
    assert seen.reachability is reachability
    assert error.reason in seen.reason
    assert seen.answered == frozenset()


async def test_too_little_privilege_is_told_with_its_cure_and_costs_nothing_else() -> None:
    bench = await settled(server(3))
    bench.shelf.faults.append(lambda command: Answer(0xD4, b"") if command[:2] == SEL_INFO else None)
    seen = await bench.poll(*LIFE)
    assert len(seen.readings) == 3
    assert any("give the user of this credential set the privilege User" in one.reason for one in seen.problems)


async def test_sensors_of_other_controllers_are_not_read_for_those_of_the_bmc() -> None:
    shelf = server(2)
    shelf.records.append(numeric(1, "Satellite", owner=0x2C, record_id=0x50))
    seen = await Bench(shelf).poll(*LIFE, COMPONENTS)
    assert "Satellite" not in values(seen)
    assert any("2Ch has sensors of its own" in problem.reason for problem in seen.problems)


async def test_two_polls_of_one_driver_at_once_come_one_after_the_other() -> None:
    bench = Bench(server(30))
    bench.shelf.takes = 0.01
    wanted = Request(aspects=frozenset({HEARTBEAT, SENSORS}))
    polls = await asyncio.gather(*(bench.driver.observe(wanted) for _ in range(3)))
    assert [len(seen.readings) for seen in polls] == [30, 30, 30]
    assert bench.shelf.count(SDR_INFO) == 1


async def test_numbers_of_what_is_not_there_measure_nothing() -> None:
    shelf = server(1)
    shelf.records.append(numeric(0x30, "PS1 Temp", entity=(10, 1)))
    shelf.readings |= {(0, 0x30): value(0, 0x02), (0, 0x81): states(0)}
    bench = Bench(shelf)
    seen = await bench.poll()
    assert values(seen)["PS1 Temp"] is NoReading.ABSENT
    assert not any(one.component.kind == "Sensor" for one in seen.health)
    after = Bench(shelf, memory=bench.driver.memory())
    assert values(await after.poll(*LIFE))["PS1 Temp"] is NoReading.ABSENT


# ---- raw -------------------------------------------------------------------------------------------------------------


async def test_raw_gives_bytes_and_only_reads() -> None:
    bench = await settled(server(2))
    told = await bench.driver.raw("0x06 0x01")
    assert (told["command"], told["data"][:5]) == ("Get Device ID", "20 01")
    assert len((await bench.driver.raw("sdr"))["records"]) == 4
    assert list((await bench.driver.raw("sel"))["newest"]) == ["0001"]
    assert (await bench.driver.raw("04/2D 01"))["completion"] == "done (00h)"
    assert (await bench.driver.raw("04/2D 7F"))["completion"] == f"not present ({NOT_THERE:02X}h)"


@pytest.mark.parametrize(
    "resource",
    ["00/02 01", "0x06 0x02", "0A/47", "0A 44", "2C/02 00 01", "/redfish/v1", "", "06", "zz/01", "06/37/", "30 01"],
)
async def test_raw_sends_nothing_that_could_change_something(resource: str) -> None:
    bench = await settled(server(1))
    bench.shelf.asked.clear()
    if resource == "06/37/":
        assert (await bench.driver.raw(resource))["command"] == "Get System GUID"
        return
    with pytest.raises(Unaskable):
        await bench.driver.raw(resource)
    assert bench.shelf.asked == []
