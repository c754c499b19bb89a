"""What a second endpoint tells goes by the names that are known, where they are surely the same."""

from __future__ import annotations

import pytest

from fleetmon.ingest.standins import as_witness, in_place, is_told_by, same_components, under_known_names
from fleetmon.model import DEVICE, Component, ComponentHealth, Health, Protocol, ReadingType
from fleetmon.storage.rows import ComponentRow
from tests.observations import health, observed, part, reading, sensor


def named(kind: str, *names: str) -> list[Component]:
    return [Component(kind, name) for name in names]


@pytest.mark.parametrize(
    ("kind", "theirs", "ours"),
    [
        ("Drive", ["Drive 0", "Drive 1"], ["Drive Bay 0", "Drive Bay 1"]),
        ("Drive", ["Drive 00", "Drive 01"], ["Disk.Bay.0", "Disk.Bay.1"]),
        ("Fan", ["Fan1A", "Fan1B"], ["Fan 1A", "Fan 1B"]),
        ("Memory", ["DIMM_A1", "DIMM_B1"], ["DIMM A1", "DIMM B1"]),
        ("PowerSupply", ["PS1", "PS2"], ["PSU 1", "PSU 2"]),
        ("Processor", ["P1", "P2"], ["P1", "P2"]),
    ],
)
def test_names_that_say_the_same_are_of_one_component(kind: str, theirs: list[str], ours: list[str]) -> None:
    told, known = named(kind, *theirs), named(kind, *ours)
    assert same_components(told, known) == dict(zip(told, known, strict=True))


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        (["Drive 1", "Drive 2"], ["Drive Bay 0", "Drive Bay 1"]),
        (["Drive 1"], ["Drive Bay 0", "Drive Bay 1"]),
        (["Drive 1", "HDD 1"], ["Drive Bay 1"]),
        (["Drive"], ["Drive Bay 1"]),
    ],
)
def test_numbers_that_may_be_counted_from_elsewhere_prove_nothing(theirs: list[str], ours: list[str]) -> None:
    assert same_components(named("Drive", *theirs), named("Drive", *ours)) == {}


def rows(*known: ComponentHealth, told_by: str = "", **more: object) -> dict[Component, ComponentRow]:
    return {
        one.component: ComponentRow(component=one.component, health=one, part=None, told_by=told_by, **more)
        for one in known
    }


def test_a_stand_in_calls_nothing_mended() -> None:
    known = rows(health("Drive", "Drive Bay 0", Health.CRITICAL), health("Drive", "Drive Bay 1"))
    assert in_place([health("Drive", "Drive 0"), health("Drive", "Drive 1")], known, "ipmi") == ()


def test_a_stand_in_takes_back_what_it_said_itself() -> None:
    known = rows(health("Drive", "Drive Bay 0")) | rows(health("Drive", "Bay 9", Health.CRITICAL), told_by="ipmi")
    (told,) = in_place([health("Drive", "Bay 9")], known, "ipmi")
    assert told.health is Health.OK


def test_what_is_ill_and_known_to_nobody_is_told_under_its_own_name() -> None:
    known = rows(health("Drive", "Drive Bay 0"), health("Drive", "Drive Bay 1"))
    said = [health("Drive", "Slot X", Health.WARNING), health("Drive", "Slot Y"), health("Watchdog", "Timer")]
    told = in_place(said, known, "ipmi")
    assert [one.component.name for one in told] == ["Slot X", "Timer"], "of watchdogs the first endpoint says nothing"


def test_where_nothing_is_known_all_is_told() -> None:
    said = [health("Drive", "Drive 0"), health("Fan", "Fan 1", Health.CRITICAL)]
    assert in_place(said, {}, "ipmi") == tuple(said)


def test_a_part_that_the_first_endpoint_knows_is_not_the_stand_ins_own() -> None:
    bay = Component("Drive", "Drive Bay 0")
    known = {
        bay: ComponentRow(
            component=bay, health=health("Drive", "Drive Bay 0"), part=part("Drive Bay 0"), told_by="ipmi"
        )
    }
    (told,) = in_place([health("Drive", "Drive Bay 0", Health.CRITICAL)], known, "ipmi")
    assert told.component == bay


def test_a_witness_tells_only_what_is_ill_and_as_a_warning() -> None:
    said = observed(
        protocol=Protocol.IPMI,
        overall=ComponentHealth(
            component=DEVICE, health=Health.CRITICAL, state="", taken_at=observed().taken_at, source="x"
        ),
        health=(health("HealthGroup", "Drives", Health.CRITICAL), health("HealthGroup", "Cooling")),
        readings=(reading("Inlet Temp", 22.0),),
    )
    told = as_witness(said)
    assert [(one.component.name, one.health) for one in told.health] == [("Drives over IPMI", Health.WARNING)]
    assert (told.overall, told.readings, told.power) == (None, (), said.power)
    alone = as_witness(observed(protocol=Protocol.IPMI, overall=said.overall))
    assert [one.component.name for one in alone.health] == ["Device over IPMI"]


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        (("Chassis", "System Board", "Inlet Temp"), ("Chassis", "1", "Inlet Temp")),
        (("PowerSupply", "PSU1", "PSU1 Temp"), ("PowerSupply", "PSU 1", "Temperature")),
        (("Chassis", "Expansion Board 1", "PCIe Zone 1 Temp"), ("Chassis", "1", "PCIe Zone 1 Temp")),
        (("Memory", "DIMM A10", "DIMM A10 Temp"), ("Memory", "DIMM A10", "Temperature")),
    ],
)
def test_a_sensor_goes_by_the_name_it_is_known_by(theirs: tuple[str, str, str], ours: tuple[str, str, str]) -> None:
    known = sensor(ours[2], component=Component(*ours[:2]), source="/redfish/v1/x")
    other = sensor("Zone 9 Temp")
    said = reading(sensor(theirs[2], component=Component(*theirs[:2]), source="sdr/0001"), 22.0)
    (told,) = under_known_names([said], [known, other], "ipmi")
    assert told.sensor.key == known.key
    assert told.sensor.source == "sdr/0001 (ipmi)"
    (again,) = under_known_names([said], [told.sensor, other], "ipmi")
    assert again.sensor.key == known.key, "and so it does at the next poll"


def test_a_sensor_of_another_type_or_of_which_there_are_two_keeps_its_own_name() -> None:
    ours = [sensor("Inlet Temp"), sensor("Inlet Temp", component=Component("Chassis", "2"))]
    told = under_known_names(
        [reading("Inlet Temp", 22.0), reading(sensor("Inlet", ReadingType.POWER), 1.0)], ours, "ipmi"
    )
    assert all(is_told_by(one.sensor, "ipmi") for one in told)
