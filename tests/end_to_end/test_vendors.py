"""Every vendor's machine and every kind of machine, emulated and polled: what is told is what is true."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from emulator.fleet import read_fleet
from fleetmon.drivers.base import Request
from fleetmon.drivers.redfish.driver import RedfishDriver
from fleetmon.drivers.redfish.resource import key
from fleetmon.model import Aspect, ComponentHealth, Health, Observation, Part, PowerState
from tests.bench import EVERYTHING, STEADY, opened
from tests.emulator_client import Client, client_of

Truth = dict[str, Any]

KINDS = {
    "drives": "Drive", "fans": "Fan", "supplies": "PowerSupply", "volumes": "Volume", "outlets": "Outlet",
    "pumps": "Pump", "leak_detectors": "LeakDetector",
}  # fmt: skip
NUMBERED = {"drives": "Drive", "supplies": "PowerSupply", "dimms": "Memory"}
"""Parts with a serial number: those of the truth are told, and no others."""
SILENT = {
    ("supermicro-x10", "serial number"): "the firmware tells a placeholder",
    ("supermicro-x10", "drives"): "the firmware tells of no drive",
    ("supermicro-x10", "volumes"): "nor of a volume",
    ("hpe-ilo4", "Voltage"): "iLO tells no voltages of rails",
    ("hpe-ilo5", "Voltage"): "iLO tells no voltages of rails",
}
"""What a machine does not tell, and why."""
STEADY_LIMIT = {"blades": 16, "rack-pdu": 10, "gpu-hgx": 10}
"""Requests of a steady poll where 7 do not do: several systems, an outlet in each resource, many chassis."""


def one_of_each() -> list[tuple[str, str]]:
    """(name, family) of one machine of every family of the vendors' fleet."""
    found = {plan.family.name: plan.name for plan in reversed(read_fleet("vendors").servers)}
    return [(name, family) for family, name in sorted(found.items())]


def driver_of(client: Client, name: str) -> RedfishDriver:
    return opened(client.fleet.address(name), user=client.fleet.user, password=client.fleet.password)[0]


async def truth_of(client: Client, name: str) -> Truth:
    status, truth = await client.control("GET", f"/machines/{name}")
    assert status == 200
    return dict(truth)


# ---- what is told and what is true ---------------------------------------------------------------------------


def disagreements(family: str, seen: Observation, truth: Truth) -> Iterator[str]:
    """In what a first look differs from the truth."""
    if seen.answered != EVERYTHING:
        yield f"not answered: {sorted(EVERYTHING - seen.answered)} ({seen.reason})"
        return
    if (truth["kind"] == "server" or seen.power) and (seen.power is None or seen.power.state is not PowerState.ON):
        yield f"power {seen.power}"
    if truth["nodes"]:
        return
    if seen.identity.serial_number != truth["serial_number"] and (family, "serial number") not in SILENT:
        yield f"serial number {seen.identity.serial_number}, truly {truth['serial_number']}"
    yield from _counts(family, seen, truth)
    yield from _numbers(family, seen, truth)
    yield from _wear(family, seen, truth)
    yield from _readings(family, seen, truth)
    yield from (
        f"{told.component} is {told.health}"
        for told in seen.health
        if told.health in (Health.WARNING, Health.CRITICAL) and told.component.kind != "LogService"
    )


def present(truth: Truth, name: str) -> list[Truth]:
    return [part for part in truth[name] if part.get("state") != "Absent"]


def _counts(family: str, seen: Observation, truth: Truth) -> Iterator[str]:
    counted = Counter(told.component.kind for told in seen.health)
    for name, kind in KINDS.items():
        wanted = len(present(truth, name))
        if counted[kind] != wanted and (family, name) not in SILENT:
            yield f"{kind}: {counted[kind]} told, {wanted} there"


def _numbers(family: str, seen: Observation, truth: Truth) -> Iterator[str]:
    for name, kind in NUMBERED.items():
        told = {part.serial_number for part in _parts(seen, kind)}
        there = {part["serial_number"] for part in present(truth, name)}
        if (there - told or (name == "drives" and told - there)) and (family, name) not in SILENT:
            yield f"{kind}: not told {sorted(there - told)[:3]}, not there {sorted(told - there)[:3]}"


def _wear(family: str, seen: Observation, truth: Truth) -> Iterator[str]:
    worn = {part.serial_number: part.properties.get("life_left_percent") for part in _parts(seen, "Drive")}
    for drive in present(truth, "drives"):
        left = worn.get(drive["serial_number"])
        if (family, "drives") not in SILENT and (left is None or abs(float(left) - drive["life_left"]) > 1.1):
            yield f"{drive['name']}: life left {left}, truly {drive['life_left']:.1f}"


def _readings(family: str, seen: Observation, truth: Truth) -> Iterator[str]:
    """Every sensor the machine tells of, with its value; a fan told as a share of its speed is not compared."""
    told = {pointed(reading.sensor.source): reading for reading in seen.readings}
    for sensor in truth["sensors"]:
        found = [told[pointed(path)] for path in sensor["paths"] if pointed(path) in told]
        for reading in found:
            comparable = reading.sensor.type == sensor["type"] and reading.number is not None
            if comparable and sensor["value"] is not None and abs(reading.number - sensor["value"]) > tolerance(sensor):
                yield f"{sensor['name']}: {reading.number}, truly {sensor['value']}"
        if sensor["paths"] and not found and (family, sensor["type"]) not in SILENT:
            yield f"{sensor['name']} is not told ({sensor['paths'][0]})"


def tolerance(sensor: Truth) -> float:
    """Firmware rounds to whole degrees, watts and volts."""
    return max(0.6, abs(float(sensor["value"])) * 0.01)


def pointed(source: str) -> str:
    """A source in one spelling, by the object it stands in."""
    path, _, pointer = source.partition("#")
    place = [part for part in pointer.split("/") if part][:2]
    return "/".join([key(path), *place]) if place and place[0] != "Reading" else key(path)


def _parts(seen: Observation, kind: str) -> list[Part]:
    return [part for part in seen.inventory.parts if part.component.kind == kind and part.serial_number]


async def test_every_machine_is_told_as_it_is():
    wrong: list[str] = []
    async with client_of("vendors") as client:
        for name, family in one_of_each():
            driver = driver_of(client, name)
            first = await driver.observe(Request(aspects=EVERYTHING))
            found = list(disagreements(family, first, await truth_of(client, name)))
            steady = await driver.observe(Request(aspects=STEADY))
            if steady.requests > STEADY_LIMIT.get(family, 7):
                found.append(f"{steady.requests} requests of a steady poll")
            if len({told.component for told in first.health}) != len(first.health):
                found.append("a name told twice")
            await driver.close()
            wrong += [f"{name}: {said}" for said in found[:6]]
    assert not wrong, "\n".join(wrong)


# ---- what fails is found -------------------------------------------------------------------------------------

FAILURES = {"drives": ("fail_drive", "bay"), "fans": ("fail_fan", "name"), "supplies": ("fail_power_supply", "name")}


def found_ill(seen: Observation, part: Truth, truth: Truth, kind: str) -> list[ComponentHealth]:
    """What is told of a part that is not well: it is known by its serial number, its place or its name."""
    numbers = {one.component for one in _parts(seen, kind) if one.serial_number == part.get("serial_number")}
    place = truth["paths"].get(part["name"])
    return [
        told
        for told in seen.health
        if told.component.kind == kind
        and (told.health in (Health.WARNING, Health.CRITICAL) or told.failure_predicted)
        and (told.component in numbers or (place and pointed(told.source) == pointed(place)) or not numbers)
    ]


async def test_what_fails_is_found_in_every_machine():
    missed: list[str] = []
    looked = 0
    async with client_of("vendors") as client:
        for name, family in one_of_each():
            truth = await truth_of(client, name)
            broken = [(what, present(truth, what)[0]) for what in FAILURES if present(truth, what)]
            broken = [(what, part) for what, part in broken if (family, what) not in SILENT]
            driver = driver_of(client, name)
            before = await driver.observe(Request(aspects=EVERYTHING))
            for what, part in broken:
                fault, field = FAILURES[what]
                status, told = await client.control(
                    "POST", "/faults", {"machine": name, "fault": fault, field: part[field]}
                )
                assert status in (200, 201), told
            after = await driver.observe(Request(aspects=STEADY | {Aspect.COMPONENTS, Aspect.INVENTORY}))
            await driver.close()
            for what, part in broken:
                looked += 1
                assert not found_ill(before, part, truth, KINDS[what])
                if not found_ill(after, part, truth, KINDS[what]):
                    missed.append(f"{name}: {part['name']}")
    assert looked > 60
    assert not missed, "\n".join(missed)
