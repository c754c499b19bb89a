"""What sensors and parts are called: components a person knows, and the same at every poll."""

from __future__ import annotations

import pytest

from fleetmon.drivers.ipmi.parse.entities import places
from fleetmon.drivers.ipmi.parse.points import directory, points, with_hysteresis, with_thresholds
from fleetmon.model import Component, ReadingType, Thresholds
from tests.ipmi_records import (
    BOARD,
    CHASSIS,
    CPU,
    DIMM,
    DRIVE_BAY,
    FAN,
    SUPPLY,
    compact,
    controller,
    event_only,
    fru_locator,
    full,
    point,
    told,
)

VOLTS, WATTS, RPM, PERCENT = (0, 4, 0), (0, 6, 0), (0, 18, 0), (1, 0, 0)


@pytest.mark.parametrize(
    ("record", "kind", "name"),
    [
        (full(name="CPU Temp", entity=(CPU, 1)), "Processor", "CPU 1"),
        (full(name="CPU1 Temp", entity=(CPU, 1)), "Processor", "CPU1"),
        (full(name="CPU2 Temp", entity=(BOARD, 1)), "Processor", "CPU2"),
        (full(name="P1 Therm Margin", entity=(CPU, 1)), "Processor", "P1"),
        (full(name="02-CPU 1", entity=(0x41, 1)), "Processor", "CPU 1"),
        (full(name="P1V8 AUX", sensor_type=2, units=VOLTS), "Chassis", "System Board"),
        (full(name="12V", sensor_type=2, units=VOLTS), "Chassis", "System Board"),
        (full(name="P1-DIMMA1", entity=(DIMM, 1)), "Memory", "P1-DIMMA1"),
        (full(name="DIMMA1 Temp", entity=(DIMM, 1)), "Memory", "DIMMA1"),
        (full(name="Temp_DIMM_AB", entity=(0x42, 1)), "Memory", "DIMM_AB"),
        (full(name="DIMM PG", sensor_type=2, units=VOLTS), "Chassis", "System Board"),
        (full(name="FAN1", entity=(FAN, 1), sensor_type=4, units=RPM), "Fan", "FAN1"),
        (full(name="Fan1A RPM", sensor_type=4, units=RPM), "Fan", "Fan1A"),
        (full(name="Fan 1A Tach", entity=(FAN, 1), sensor_type=4, units=RPM), "Fan", "Fan 1A"),
        (full(name="Fan 1 DutyCycle", entity=(FAN, 1), sensor_type=4, units=PERCENT), "Fan", "Fan 1"),
        (full(name="FAN_SYS0_TACH", entity=(FAN, 1), sensor_type=4, units=RPM), "Fan", "FAN_SYS0"),
        (compact(name="PS1 Fan1 Fail", entity=(SUPPLY, 1), sensor_type=4, event_type=3), "Fan", "PS1 Fan1"),
        (full(name="PS2 Input Power", entity=(SUPPLY, 1), sensor_type=11, units=WATTS), "PowerSupply", "PS2"),
        (full(name="54-P/S 1 Inlet", entity=(BOARD, 1)), "PowerSupply", "P/S 1"),
        (compact(name="PS1 Status", entity=(SUPPLY, 1), sensor_type=8), "PowerSupply", "PS1"),
        (compact(name="Status", entity=(SUPPLY, 2), sensor_type=8), "PowerSupply", "PS2"),
        (compact(name="PSU Redundancy", sensor_type=8, event_type=11), "Redundancy", "PSU Redundancy"),
        (compact(name="Pwr Unit Status", entity=(0x15, 1), sensor_type=9), "PowerDomain", "Pwr Unit"),
        (compact(name="HDD0", entity=(DRIVE_BAY, 0)), "Drive", "HDD0"),
        (compact(name="HDD 0 Status", entity=(4, 1)), "Drive", "HDD 0"),
        (compact(name="Drive 3", entity=(BOARD, 1)), "Drive", "Drive 3"),
        (full(name="NVMeSSD_0", entity=(BOARD, 16)), "Drive", "NVMeSSD_0"),
        (full(name="HSBP Temp", entity=(0x0F, 1)), "Chassis", "Drive Backplane"),
        (compact(name="Chassis Intru", entity=(BOARD, 1), sensor_type=5), "Chassis", "Chassis"),
        (compact(name="SEL", entity=(0, 1), sensor_type=0x10), "LogService", "SEL"),
        (compact(name="OS Watchdog", entity=(BOARD, 1), sensor_type=0x23), "ComputerSystem", "System"),
        (compact(name="CATERR", entity=(BOARD, 1), sensor_type=7, event_type=3), "Chassis", "System Board"),
        (compact(name="BMC FW Health", entity=(0x2E, 1), sensor_type=0x28), "Manager", "BMC"),
        (compact(name="VBAT", entity=(BOARD, 1), sensor_type=0x29), "Battery", "VBAT"),
        (compact(name="PCIe Slot1", entity=(BOARD, 1), sensor_type=0x13), "PCIeSlot", "PCIe Slot1"),
        (compact(name="Critical IRQ", entity=(BOARD, 1), sensor_type=0x13), "ComputerSystem", "System"),
        (compact(name="Dedicated NIC", entity=(BOARD, 1), sensor_type=0x25), "Assembly", "Dedicated NIC"),
        (compact(name="Presence", entity=(SUPPLY, 1), sensor_type=0x25), "PowerSupply", "PS1"),
        (full(name="Temp_Ambient_FP", entity=(0x40, 1)), "Chassis", "Chassis"),
        (full(name="GPU 1 Mem Temp", entity=(11, 3)), "Processor", "GPU 1"),
        (compact(name="GPU 1 Status", entity=(11, 3), sensor_type=0x17), "Processor", "GPU 1"),
        (compact(name="Status", entity=(11, 5), sensor_type=0x17), "PCIeDevice", "Add-in Card 5"),
        (full(name="CPU1 Riser Temp", entity=(11, 2)), "PCIeDevice", "Add-in Card 2"),
        (full(name="Odd", entity=(0xD3, 0x62)), "Chassis", "Entity D3h.2"),
    ],
)  # fmt: skip
def test_a_sensor_speaks_of_what_a_person_would_say(record, kind, name):
    assert point(record).component == Component(kind, name)


def test_everything_of_one_thing_is_called_alike():
    found = points(
        told(
            compact(1, "PSU1 Status", entity=(SUPPLY, 1), sensor_type=8),
            full(2, "PSU1 Input", entity=(SUPPLY, 1), sensor_type=11, units=WATTS),
            full(3, "Temp", entity=(SUPPLY, 1)),
            compact(4, "CPU_0", entity=(CPU, 1), sensor_type=7),
            full(5, "Temp_CPU0", entity=(0x41, 1)),
            full(6, "Volt_VR_CPU0", entity=(BOARD, 1), sensor_type=2, units=VOLTS),
        )
    )
    assert [one.component.name for one in found] == ["PSU1", "PSU1", "PSU1", "CPU_0", "CPU_0", "CPU_0"]


def test_spellings_of_one_module_are_one_and_a_span_of_modules_is_none_of_them():
    names = ("P1-DIMMA1", "P1_DIMM_A1", "P1 DIMM 1-6", "P1 DIMM 16")
    found = points(told(*(full(number, name, entity=(DIMM, 1)) for number, name in enumerate(names))))
    assert [one.component.name for one in found] == ["P1-DIMMA1", "P1-DIMMA1", "P1 DIMM 1-6", "P1 DIMM 16"]


def test_a_gpu_is_no_cpu_of_the_same_number():
    found = points(told(full(1, "CPU 1 Temp", entity=(CPU, 1)), full(2, "GPU 1 Temp", entity=(11, 3))))
    assert [one.component.name for one in found] == ["CPU 1", "GPU 1"]


def test_a_bare_letter_is_a_name_where_there_is_no_better_one():
    temperature = full(1, "P1_TEMP_SENS", entity=(CPU, 1))
    assert point(temperature).component.name == "P1"
    assert point(temperature, full(2, "CPU 1 VR Temp", entity=(BOARD, 1))).component.name == "CPU 1"


def test_a_part_and_its_sensors_bear_the_name_of_the_part():
    repository = told(
        full(1, "Temp", entity=(CPU, 1)),
        full(2, "Temp", entity=(CPU, 2)),
        compact(3, "Status", entity=(SUPPLY, 1), sensor_type=8),
        full(4, "PS2 Current", entity=(SUPPLY, 2), sensor_type=3, units=(0, 5, 0)),
        fru_locator(1, "CPU1", (CPU, 1)),
        fru_locator(2, "CPU2", (CPU, 2)),
        fru_locator(3, "Pwr Supply 1 FRU", (SUPPLY, 1)),
        fru_locator(4, "Pwr Supply 2 FRU", (SUPPLY, 2)),
        fru_locator(0, "MB FRU", (BOARD, 1)),
    )
    assert [one.component.name for one in points(repository)] == ["CPU1", "CPU2", "Pwr Supply 1", "Pwr Supply 2"]
    where = places(repository)
    assert [where.part(one) for one in repository.frus] == [
        Component("Processor", "CPU1"),
        Component("Processor", "CPU2"),
        Component("PowerSupply", "Pwr Supply 1"),
        Component("PowerSupply", "Pwr Supply 2"),
        Component("Chassis", "MB"),
    ]


def test_the_second_part_of_one_entity_has_a_name_of_its_own():
    repository = told(fru_locator(0, "System Board", (BOARD, 1)), fru_locator(17, "OEM", (BOARD, 1)))
    assert [places(repository).part(one).name for one in repository.frus] == ["System Board", "OEM"]


def test_modules_that_share_an_entity_are_told_apart_by_their_names():
    repository = told(
        compact(1, "A ", entity=(DIMM, 1), sensor_type=0x0C, share=b"\x02\x01"),
        compact(3, "B ", entity=(DIMM, 1), sensor_type=0x0C, share=b"\x02\x01"),
    )
    assert [one.component.name for one in points(repository)] == ["DIMM A1", "DIMM A2", "DIMM B1", "DIMM B2"]


def test_things_of_one_name_are_told_apart_by_what_they_stand_in():
    found = points(
        told(
            compact(1, "ROMB Battery", entity=(11, 2), sensor_type=0x29),
            compact(2, "ROMB Battery", entity=(11, 4), sensor_type=0x29),
            fru_locator(1, "PERC1", (11, 2)),
            fru_locator(2, "PERC2", (11, 4)),
        )
    )
    assert [one.component.name for one in found] == ["PERC1 ROMB Battery", "PERC2 ROMB Battery"]


def test_a_presence_sensor_with_a_name_does_not_speak_of_the_board_it_is_on():
    found = points(
        told(
            compact(1, "TPM Presence", entity=(BOARD, 1), sensor_type=0x25),
            compact(2, "Presence", entity=(BOARD, 1), sensor_type=0x25),
        )
    )
    assert [one.component for one in found] == [Component("Assembly", "TPM"), Component("Chassis", "System Board")]


def test_sensors_of_one_name_in_one_component_have_keys_of_their_own_that_last():
    records = [full(number, "Temp", entity=(BOARD, 1)) for number in (1, 2)]
    first = [one.sensor.key for one in points(told(*records)) if one.sensor]
    assert [key[2] for key in first] == ["Temp (01h)", "Temp (02h)"]
    again = [one.sensor.key for one in points(told(*reversed(records))) if one.sensor]
    assert sorted(again) == sorted(first)


def test_a_record_the_repository_holds_twice_is_one_sensor():
    assert [one.name for one in points(told(full(1, "Temp", record_id=1), full(1, "Temp", record_id=9)))] == ["Temp"]


def test_what_others_own_is_known_for_its_events_and_never_asked():
    found = points(
        told(
            full(1, "Mine"),
            full(2, "Of the ME", owner=0x2C),
            compact(3, "Of the BIOS", owner=0xB1),
            event_only(4, "Event"),
        )
    )
    assert [one.asked for one in found] == [True, False, False, False]
    who = directory(found)
    heard = [who.find(owner, 0, number) for owner, number in ((0x2C, 2), (0xB1, 3), (0x20, 4))]
    assert [one.name for one in heard if one] == ["Of the ME", "Of the BIOS", "Event"]
    assert who.find(0x20, 0, 3) is None
    assert who.find(0x20, 3, 1) is not None


def test_a_bmc_that_gets_its_own_address_wrong_is_asked_all_the_same():
    found = points(told(full(1, "Inlet", owner=0x24), full(2, "CPU", owner=0x24), full(3, "ME", owner=0x2C)))
    assert [one.asked for one in found] == [True, True, False]


def test_the_bmc_is_called_so_and_other_controllers_by_their_names():
    found = points(
        told(
            compact(1, "Health", entity=(0x2E, 1), sensor_type=0x28),
            compact(2, "ME Health", entity=(0x2E, 2), sensor_type=0x28),
            controller("Basbrd Mgmt Ctlr", (0x2E, 1)),
            controller("Mgmt Engine", (0x2E, 2), address=0x2C),
        )
    )
    assert [one.component for one in found] == [Component("Manager", "BMC"), Component("Manager", "Mgmt Engine")]


@pytest.mark.parametrize(
    ("name", "entity", "context"),
    [
        ("Inlet Temp", (BOARD, 1), "Intake"),
        ("01-Inlet Ambient", (0x37, 1), "Intake"),
        ("Temp 3", (0x40, 1), "Intake"),
        ("Exhaust Temp", (BOARD, 1), "Exhaust"),
        ("Exit Air Temp", (BOARD, 1), "Exhaust"),
        ("PS1 Inlet", (SUPPLY, 1), "PowerSupply"),
        ("CPU1 Temp", (CPU, 1), "CPU"),
        ("Peripheral Temp", (BOARD, 1), ""),
    ],
)
def test_the_air_a_device_takes_in_is_told_from_the_air_of_its_parts(name, entity, context):
    one = point(full(name=name, entity=entity))
    assert one.sensor is not None
    assert one.sensor.physical_context == context


# ---- thresholds ------------------------------------------------------------------------------------------------------

LIMITS = Thresholds(
    lower_fatal=1, lower_critical=2, lower_caution=3, upper_caution=40, upper_critical=45, upper_fatal=50
)


def test_thresholds_are_in_the_unit_of_the_sensor():
    one = point(full(readable=0x3F, raws=bytes([50, 45, 40, 1, 2, 3])))
    assert one.sensor is not None
    assert one.sensor.thresholds == LIMITS
    warm = point(full(units=(0, 2, 0), readable=0x08, raws=bytes([0, 0, 104, 0, 0, 0])))
    assert warm.sensor is not None
    assert warm.sensor.thresholds == Thresholds(upper_caution=40)


def test_thresholds_set_since_replace_those_of_the_record():
    one = point(full(readable=0x3F, raws=bytes([90, 80, 70, 0, 0, 1])))
    now = with_thresholds(one, (0, bytes([0x3F, 3, 2, 1, 40, 45, 50])))
    assert now.sensor is not None
    assert now.sensor.thresholds == LIMITS
    none = with_thresholds(one, (0, bytes([0x00, 3, 2, 1, 40, 45, 50])))
    assert none.sensor is not None
    assert not none.sensor.thresholds
    assert with_thresholds(one, (0xCB, b"")) is one
    assert with_thresholds(one, (0, b"\x3f\x01")) is one


def test_thresholds_that_contradict_each_other_are_none():
    for raws in (bytes(6), bytes([1, 2, 3, 40, 45, 50])):
        one = point(full(readable=0x3F, raws=raws))
        assert one.sensor is not None
        assert not one.sensor.thresholds


def test_a_falling_scale_turns_thresholds_round_only_where_its_maker_did():
    """A tachometer counts time: the longer, the slower."""
    slow, fast = 200, 20
    by_value = point(full(linear=7, m=1, exponent=-3, units=RPM, readable=0x12, raws=bytes([0, fast, 0, 0, slow, 0])))
    by_raw = point(full(linear=7, m=1, exponent=-3, units=RPM, readable=0x12, raws=bytes([0, slow, 0, 0, fast, 0])))
    for one in (by_value, by_raw):
        assert one.sensor is not None
        assert one.sensor.thresholds == Thresholds(lower_critical=5.0, upper_critical=50.0)


def test_hysteresis_is_in_the_unit_of_the_sensor():
    one = point(full(m=5, exponent=-1, hysteresis=(4, 2)))
    assert one.hysteresis == (2.0, 1.0)
    assert with_hysteresis(one, (0, bytes([1, 0]))).hysteresis == (0.5, 0.0)
    assert with_hysteresis(one, (0xC1, b"")) is one
    assert point(full(linear=7, hysteresis=(4, 2))).hysteresis is None


def test_a_range_is_told_where_it_is_less_than_a_byte_can_say():
    def span(**more):
        one = point(full(**more))
        assert one.sensor is not None
        return one.sensor.range_min, one.sensor.range_max

    assert span(span=(0, 100)) == (0, 100)
    assert span(span=(0, 255)) == (None, None)
    assert span(span=(0x80, 0x7F), units=(0x80, 1, 0)) == (None, None)
    assert span(span=(0, 0)) == (None, None)


def test_a_discrete_sensor_has_no_reading_unless_its_record_gives_it_a_unit():
    assert point(compact()).sensor is None
    assert point(full(event_type=0x6F, sensor_type=0x0D, units=(0xC0, 0, 0))).sensor is None
    assert point(full(event_type=0x0A, sensor_type=4, units=(0, 0, 0))).sensor is None
    fan = point(full(name="Fan 1", event_type=0x0A, sensor_type=4, entity=(FAN, 1), units=PERCENT))
    assert fan.sensor is not None
    assert fan.sensor.type is ReadingType.PERCENT
    assert not fan.sensor.thresholds
    assert fan.record.readable == 0


def test_the_first_of_several_bears_the_bare_name():
    found = points(told(full(1, "Exhaust", entity=(CHASSIS, 1)), full(2, "Exhaust 2", entity=(CHASSIS, 2))))
    assert [one.component.name for one in found] == ["Chassis", "Chassis 2"]


def test_a_chassis_is_one_chassis():
    found = points(told(full(1, "System Airflow", entity=(CHASSIS, 1)), compact(2, "Intru", sensor_type=5)))
    assert {one.component for one in found} == {Component("Chassis", "Chassis")}
