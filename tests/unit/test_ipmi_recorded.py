"""The decoders against recorded machines: raw SDRs, readings and FRU inventories of Dell, Intel and Quanta boards."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cache

import pytest

from fleetmon.drivers.ipmi.parse.conditions import absent, conditions
from fleetmon.drivers.ipmi.parse.entities import places
from fleetmon.drivers.ipmi.parse.fru import Fru, fru, identity, part
from fleetmon.drivers.ipmi.parse.points import points
from fleetmon.drivers.ipmi.parse.sdr import repository
from fleetmon.drivers.ipmi.parse.sensors import Said, said
from fleetmon.model import Component, Health, NoReading
from tests import recordings

NOW = datetime(2026, 1, 6, 8, 0, tzinfo=UTC)
FOLDER = recordings.FOLDER / "ipmi"
MACHINES = ("dell_r630", "dell_r640", "dell_r730", "dell_r730xd", "quanta_d51", "s2600kp", "s2600tp")
BMC = "0x20"


@dataclass(frozen=True)
class Machine:
    """What an .emu file tells of the BMC itself."""

    sdrs: list[bytes] = field(default_factory=list)
    frus: dict[int, bytes] = field(default_factory=dict)
    raws: dict[int, int] = field(default_factory=dict)
    states: defaultdict[int, int] = field(default_factory=lambda: defaultdict(int))
    scanned: set[int] = field(default_factory=set)

    def answer(self, number: int) -> tuple[int, bytes]:
        """As it would answer Get Sensor Reading."""
        if number not in self.raws:
            return 0xCB, b""
        flags = 0x80 | (0x40 if number in self.scanned else 0)
        return 0, bytes([self.raws[number], flags]) + self.states[number].to_bytes(2, "little")


@cache
def machine(name: str) -> Machine:
    """One recorded machine; skips without the recordings."""
    file = FOLDER / "infrasim" / f"{name}.emu"
    if not file.is_file():
        pytest.skip(recordings.ABSENT)
    found = Machine()
    for line in file.read_text(errors="replace").replace("\\\n", " ").splitlines():
        match line.split():
            case ["main_sdr_add", _, *octets]:
                found.sdrs.append(bytes(int(octet, 16) for octet in octets))
            case ["mc_add_fru_data", _, fru_id, _, "data", *octets]:
                found.frus[int(fru_id, 16)] = bytes(int(octet, 16) for octet in octets)
            case ["sensor_set_value", owner, _, number, raw, *_] if owner == BMC:
                found.raws[int(number, 16)] = int(raw, 16)
            case ["sensor_set_bit", owner, _, number, bit, value, *_] if owner == BMC:
                found.states[int(number, 16)] |= int(value, 16) << int(bit)
            case ["sensor_set_event_support", owner, _, number, _, "scanning", *_] if owner == BMC:
                found.scanned.add(int(number, 16))
            case _:
                continue
    return found


@cache
def told(name: str) -> tuple[Said, ...]:
    """What every sensor of a machine says."""
    one = machine(name)
    return tuple(said(point, one.answer(point.number), NOW) for point in points(repository(one.sdrs)) if point.asked)


def value(name: str, component: str, sensor: str) -> float | NoReading:
    (found,) = [
        one.reading.value
        for one in told(name)
        if one.reading and (one.point.component.name, one.point.name) == (component, sensor)
    ]
    return found


@pytest.mark.parametrize("name", MACHINES)
def test_every_record_is_read_and_every_sensor_has_a_key_of_its_own(name):
    read = repository(machine(name).sdrs)
    assert read.problems == ()
    assert len(read.others) + len(read.frus) + len(read.controllers) > 1
    keys = [one.point.sensor.key for one in told(name) if one.point.sensor]
    assert len(keys) == len(set(keys)) >= 19


def kinds(name: str) -> Counter[str]:
    components = {one.point.component for one in told(name) if not one.unknown}
    return Counter(component.kind for component in components)


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("dell_r630", {"PowerSupply": 2, "Processor": 2, "Fan": 14, "Drive": 2, "Memory": 2}),
        ("dell_r640", {"PowerSupply": 2, "Processor": 2, "Fan": 16, "Drive": 1, "Memory": 2}),
        ("dell_r730", {"PowerSupply": 2, "Processor": 2, "Fan": 6, "Drive": 3, "Memory": 2}),
        ("quanta_d51", {"PowerSupply": 2, "Processor": 2, "Fan": 10, "Drive": 26, "Memory": 4}),
        ("s2600kp", {"PowerSupply": 2, "Processor": 2, "Fan": 10, "Drive": 3}),
    ],
)
def test_parts_are_counted_as_they_are(name, counts):
    assert {kind: kinds(name)[kind] for kind in counts} == counts


def test_numbers_are_what_other_programs_make_of_the_same_bytes():
    """A few that stay where nothing else is installed; end_to_end/test_ipmi_agreement.py holds all against ipmitool."""
    assert value("dell_r640", "CPU1", "Temp") == 48.0
    assert value("dell_r640", "CPU2", "Temp") == 45.0
    assert value("dell_r640", "System Board", "Inlet Temp") == 29.0
    assert value("dell_r640", "Fan1A", "Fan1A") == 5760.0
    assert value("dell_r640", "PS1", "Current 1") == 0.4
    assert value("dell_r640", "PS1", "Voltage 1") == 212.0
    assert value("dell_r640", "System Board", "Pwr Consumption") == 176.0
    assert value("s2600tp", "Baseboard", "BB +12.0V") == 12.046
    assert value("s2600tp", "Baseboard", "BB +3.3V Vbat") == 3.0489
    assert value("s2600tp", "Memory 1", "DIMM Thrm Mrgn 1") == -53.0
    assert value("quanta_d51", "MB", "Volt_P12V") == 12.12


def test_a_supply_without_input_is_what_is_wrong_with_a_recorded_server():
    wrong = [one for one in conditions(told("s2600tp"), NOW) if one.health.rank >= Health.WARNING.rank]
    assert [(one.component, one.health, one.detail) for one in wrong] == [
        (
            Component("Redundancy", "Pwr Unit Redund"),
            Health.CRITICAL,
            "redundancy lost, not redundant, resources suffice",
        ),
        (Component("PowerSupply", "Pwr Supply 1"), Health.CRITICAL, "PS1 Status: input lost"),
    ]


def test_a_server_that_is_well_has_nothing_wrong_and_its_empty_places_are_absent():
    found = conditions(told("dell_r640"), NOW)
    assert [one for one in found if one.health.rank >= Health.WARNING.rank] == []
    assert Component("Chassis", "BP0") in {one.component for one in found if one.state == "Absent"}
    assert Component("Processor", "CPU_1") in absent(told("quanta_d51"))


# ---- FRU inventories -------------------------------------------------------------------------------------------------


def inventories() -> Iterator[tuple[str, int, Fru]]:
    for name in MACHINES:
        for fru_id, raw in machine(name).frus.items():
            yield name, fru_id, fru(raw)


@pytest.mark.parametrize(
    ("name", "model", "serial_number"),
    [
        ("dell_r640", "PowerEdge R640", "1DJDLN2"),
        ("dell_r730", "PowerEdge R730", "28ZPBD2"),
        ("quanta_d51", "D51B-2U (dual 1G LoM)", "QTFCJ052806D1"),
        ("s2600kp", "S2600KP", "FC6PL142600005"),
    ],
)
def test_who_recorded_machines_are(name, model, serial_number):
    found = identity(fru(machine(name).frus[0]))
    assert (found.model, found.serial_number) == (model, serial_number)


def test_inventories_that_were_never_right_are_told_so_and_no_other():
    broken = {
        (name, fru_id)
        for name, fru_id, content in inventories()
        if content.problems and content == Fru(problems=content.problems)
    }
    assert broken == {
        *(("dell_r630", fru_id) for fru_id in (12, 13)),
        *(("dell_r730", fru_id) for fru_id in (12, 14, 15, 16)),
        *(("dell_r730xd", fru_id) for fru_id in (14, 15)),
        ("s2600kp", 3),
    }


def test_supplies_tell_what_they_can_give_even_where_their_checksum_is_wrong():
    supplies = {(name, fru_id): content.power_supply for name, fru_id, content in inventories()}
    watts = {place: supply.capacity_watts for place, supply in supplies.items() if supply}
    assert [watts[place] for place in (("dell_r640", 1), ("dell_r630", 1), ("s2600kp", 2))] == [750, 1100, 1600]


def test_parts_are_named_as_their_sensors_are():
    one = machine("dell_r640")
    read = repository(one.sdrs)
    where = places(read)
    named = {locator.fru_id: where.part(locator) for locator in read.frus if locator.logical}
    supply = part(fru(one.frus[1]), named[1], "fru/1")
    assert supply is not None
    assert supply.component == Component("PowerSupply", "PS1")
    assert supply.component in {said_one.point.component for said_one in told("dell_r640")}
    assert (supply.manufacturer, supply.serial_number) == ("DELL", "CNDED007CBAQQH")


@pytest.mark.parametrize(
    ("file", "board", "product", "made_at"),
    [
        ("kontron_am4010", ("Kontron", "AM4010", "0023721003", "35943"), ("Kontron", "AM4010", ""), date(2008, 4, 1)),
        (
            "fru_supermicro_x11scz-f",
            ("Supermicro", "X11SCZ-F", "VM211S003599", "MDB-X11SCZ-F-B"),
            ("RNT Rausch", "SRV-RNT-1U-DED-3-0002", "DS03210109"),
            date(2021, 1, 15),
        ),
    ],
)
def test_inventories_that_others_read_too(file, board, product, made_at):
    path = FOLDER / "fru" / f"{file}.bin"
    if not path.is_file():
        pytest.skip(recordings.ABSENT)
    found = fru(path.read_bytes())
    assert found.problems == ()
    assert found.board is not None
    assert found.product is not None
    assert (found.board.manufacturer, found.board.name, found.board.serial_number, found.board.part_number) == board
    assert (found.product.manufacturer, found.product.name, found.product.serial_number) == product
    assert found.board.made_at is not None
    assert found.board.made_at.date() == made_at
