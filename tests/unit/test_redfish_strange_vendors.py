"""Vendors nobody has seen: one server told in many odd ways, and always the same components and readings."""

from __future__ import annotations

import copy
import json
import random
import re
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from fleetmon.model import Aspect, Observation
from tests import recordings
from tests.redfish_service import CHASSIS, SYSTEM, V1, Json, collection, link, ok, resource, server
from tests.unit.test_redfish_driver import Bench

Bodies = dict[str, Json]


def modern_server() -> Bodies:
    """The server with fans and supplies told a second time, sensors on their own, a network adapter and a volume."""
    bodies = server(drives=3)
    fans, supplies = f"{CHASSIS}/ThermalSubsystem/Fans", f"{CHASSIS}/PowerSubsystem/PowerSupplies"
    sensors, adapters = f"{CHASSIS}/Sensors", f"{CHASSIS}/NetworkAdapters"
    volumes = f"{SYSTEM}/Storage/1/Volumes"
    added = [
        resource(f"{CHASSIS}/ThermalSubsystem", "ThermalSubsystem", Status=ok(), Fans=link(fans)),
        collection(fans, "Fan", [f"{fans}/{n}" for n in (1, 2)]),
        *(
            resource(f"{fans}/{n}", "Fan", Name=f"Fan {n}", Status=ok(), SpeedPercent={"Reading": 40, "SpeedRPM": 6000})
            for n in (1, 2)
        ),
        resource(f"{CHASSIS}/PowerSubsystem", "PowerSubsystem", Status=ok(), PowerSupplies=link(supplies)),
        collection(supplies, "PowerSupply", [f"{supplies}/{n}" for n in (1, 2)]),
        *(
            resource(f"{supplies}/{n}", "PowerSupply", Name=f"PSU {n}", Status=ok(), SerialNumber=f"P{n - 1}")
            for n in (1, 2)
        ),
        collection(sensors, "Sensor", [f"{sensors}/{n}" for n in ("inlet", "rail")]),
        resource(f"{sensors}/inlet", "Sensor", Name="Inlet", Reading=22, ReadingType="Temperature", Status=ok()),
        resource(f"{sensors}/rail", "Sensor", Name="12V", Reading=12.1, ReadingUnits="V", Status=ok()),
        collection(adapters, "NetworkAdapter", [f"{adapters}/1"]),
        resource(f"{adapters}/1", "NetworkAdapter", Name="NIC", Status=ok(), Ports=link(f"{adapters}/1/Ports")),
        collection(f"{adapters}/1/Ports", "Port", [f"{adapters}/1/Ports/1"]),
        resource(f"{adapters}/1/Ports/1", "Port", Name="Port 1", Status=ok()),
        collection(volumes, "Volume", [f"{volumes}/1"]),
        resource(f"{volumes}/1", "Volume", Name="Boot", Status=ok(), CapacityBytes=10**12),
    ]
    bodies |= {body["@odata.id"]: body for body in added}
    for name in ("ThermalSubsystem", "PowerSubsystem", "Sensors", "NetworkAdapters"):
        bodies[CHASSIS][name] = link(f"{CHASSIS}/{name}")
    bodies[f"{SYSTEM}/Storage/1"]["Volumes"] = link(volumes)
    return bodies


# ---- ways of telling it --------------------------------------------------------------------------------------


def everywhere(value: Any, change: Callable[[Any], Any]) -> Any:
    """The value with `change` made to everything inside it, the innermost first."""
    if isinstance(value, dict):
        value = {name: everywhere(inner, change) for name, inner in value.items()}
    elif isinstance(value, list):
        value = [everywhere(inner, change) for inner in value]
    return change(value)


def objects(bodies: Bodies, change: Callable[[Json], Json]) -> Bodies:
    """The bodies with every object in them changed."""
    changed = everywhere(bodies, lambda value: change(value) if isinstance(value, dict) else value)
    return dict(changed)


def links_only(bodies: Bodies, change: Callable[[str], Json]) -> Bodies:
    """The bodies with every bare link written otherwise."""
    return objects(bodies, lambda found: change(found["@odata.id"]) if list(found) == ["@odata.id"] else found)


def under_other_paths(bodies: Bodies, dice: random.Random) -> Bodies:
    """No collection and no member is called as anybody else calls it."""
    names: dict[str, str] = {}

    def moved(path: str) -> str:
        tail, mark, pointer = path[len(V1) :].partition("#")
        renamed = [names.setdefault(part, f"{dice.choice('qxz')}{len(names)}") for part in tail.split("/") if part]
        return V1 + "".join(f"/{name}" for name in renamed) + mark + pointer

    def change(value: Any) -> Any:
        return moved(value) if isinstance(value, str) and value.startswith(f"{V1}/") else value

    return {moved(path) if path != f"{V1}/" else path: everywhere(body, change) for path, body in bodies.items()}


def without(*names: str) -> Callable[[Bodies, random.Random], Bodies]:
    """Never a word under these names."""

    def drop(bodies: Bodies, dice: random.Random) -> Bodies:
        return objects(bodies, lambda found: {name: value for name, value in found.items() if name not in names})

    return drop


def members_inline(bodies: Bodies, dice: random.Random) -> Bodies:
    """Collections carry their members whole."""
    told = copy.deepcopy(bodies)
    for body in told.values():
        if isinstance(body.get("Members"), list):
            body["Members"] = [bodies.get(member["@odata.id"], member) for member in body["Members"]]
    return told


def numbers_as_strings(bodies: Bodies, dice: random.Random) -> Bodies:
    def spelled(value: Any) -> Any:
        return str(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else value

    return {path: everywhere(body, spelled) for path, body in bodies.items()}


def status_as_word(bodies: Bodies, dice: random.Random) -> Bodies:
    return objects(bodies, lambda found: found | {"Status": found["Status"]["Health"]} if "Status" in found else found)


def with_nulls(bodies: Bodies, dice: random.Random) -> Bodies:
    names = ("Description", "Location", "Oem", "RelatedItem", "Thresholds", "Redundancy", "PhysicalContext", "Links")
    return objects(bodies, lambda found: dict.fromkeys(names) | found if len(found) > 1 else found)


def with_noise(bodies: Bodies, dice: random.Random) -> Bodies:
    noise = {"Contoso": {"@odata.type": "#Own.v1_0_0.Own", "Flux": [None, {"Status": ok()}, 3, [[]]], "Next": link(V1)}}
    return {path: {"Oem": noise} | body for path, body in bodies.items()}


def shuffled(bodies: Bodies, dice: random.Random) -> Bodies:
    def change(found: Json) -> Json:
        return dict(dice.sample(list(found.items()), len(found)))

    return objects(bodies, change)


WAYS: dict[str, Callable[[Bodies, random.Random], Bodies]] = {
    "under other paths": under_other_paths,
    "with slashes at the end": lambda bodies, dice: links_only(bodies, lambda path: link(f"{path}/")),
    "with doubled slashes": lambda bodies, dice: links_only(bodies, lambda path: link(path.replace("/v1/", "/v1//"))),
    "in capitals": lambda bodies, dice: links_only(bodies, lambda path: link(path.replace("Systems", "SYSTEMS"))),
    "with hosts": lambda bodies, dice: links_only(bodies, lambda path: link(f"https://10.0.0.1{path}")),
    "with href": lambda bodies, dice: links_only(bodies, lambda path: {"href": path}),
    "without types": without("@odata.type"),
    "without ids": without("Id", "MemberId"),
    "without a count": without("Members@odata.count"),
    "without cross links": without("Links"),
    "with members inline": members_inline,
    "with numbers as strings": numbers_as_strings,
    "with a word for the status": status_as_word,
    "with nulls": with_nulls,
    "with noise": with_noise,
    "shuffled": shuffled,
}
TOGETHER = [
    ("under other paths", "with slashes at the end", "with numbers as strings", "with nulls", "shuffled"),
    ("without types", "with hosts", "with a word for the status", "with noise"),
    ("with members inline", "without cross links", "without a count", "in capitals"),
    ("under other paths", "with members inline", "with noise", "without ids"),
]


def told(bodies: Bodies, *ways: str, seed: int = 1) -> Bodies:
    dice = random.Random(seed)
    for way in ways:
        bodies = WAYS[way](copy.deepcopy(bodies), dice)
    return bodies


def kinds(seen: Observation) -> Counter[str]:
    return Counter(health.component.kind for health in seen.health)


def measured(seen: Observation) -> Counter[tuple[str, float]]:
    return Counter(
        (reading.sensor.type.value, reading.number) for reading in seen.readings if reading.number is not None
    )


PLAIN = {
    "Drive": 3,
    "Memory": 2,
    "Processor": 1,
    "Fan": 2,
    "PowerSupply": 2,
    "Port": 1,
    "NetworkAdapter": 1,
    "Volume": 1,
}


async def test_the_server_told_plainly_is_what_the_others_are_measured_by():
    seen = await Bench(modern_server()).poll()
    assert {kind: count for kind, count in kinds(seen).items() if kind in PLAIN} == PLAIN
    assert (seen.power.state, seen.identity.serial_number) == ("On", "S1")


@pytest.mark.parametrize("expand", [0, 4], ids=["plain", "expanded"])
@pytest.mark.parametrize("ways", [*((way,) for way in WAYS), *TOGETHER], ids=", ".join)
async def test_however_a_server_is_told_its_components_and_readings_are_the_same(ways, expand):
    plain = await Bench(modern_server()).poll()
    seen = await Bench(told(modern_server(), *ways), expand=expand).poll()
    assert kinds(seen) == kinds(plain)
    assert measured(seen) == measured(plain)
    assert (seen.power.state, seen.identity.serial_number) == ("On", "S1")
    assert len({health.component for health in seen.health}) == len(seen.health)
    assert len({(r.sensor.component, r.sensor.name, r.sensor.type) for r in seen.readings}) == len(seen.readings)


@pytest.mark.parametrize("ways", TOGETHER, ids=", ".join)
async def test_however_a_server_is_told_a_failed_part_is_found(ways):
    for path, kind in ((f"{SYSTEM}/Storage/1/Drives/2", "Drive"), (f"{SYSTEM}/Memory/1", "Memory")):
        bodies = modern_server()
        bodies[path]["Status"] = {"State": "Enabled", "Health": "Critical"}
        seen = await Bench(told(bodies, *ways)).poll()
        assert [health.component.kind for health in seen.health if health.health == "Critical"] == [kind]


@pytest.mark.parametrize("ways", TOGETHER, ids=", ".join)
async def test_however_a_server_is_told_a_steady_poll_is_as_cheap(ways):
    bench, plain = Bench(told(modern_server(), *ways)), Bench(modern_server())
    for one in (bench, plain):
        await one.poll()
    steady = (Aspect.HEARTBEAT, Aspect.SENSORS)
    assert (await bench.poll(*steady)).requests <= (await plain.poll(*steady)).requests


# Names are what a member of a list is told apart by where it has nothing else; without any, each still has its place.
async def test_a_server_without_any_names_has_as_many_components():
    plain = await Bench(modern_server()).poll()
    seen = await Bench(without("Name")(modern_server(), random.Random(1))).poll()
    assert kinds(seen) == kinds(plain)
    assert len({health.component for health in seen.health}) == len(seen.health)


SMALL = ("dmtf-public-localstorage", "dmtf-public-bladed", "gigabyte-h262-megarac", "supermicro-x10sdv-1")


def recorded(tree: str, folder: Any) -> Bodies:
    """A recorded tree as bodies by path; members of logs are left out."""
    found: Bodies = {}
    for file in recordings.unpacked(tree, folder).rglob("index.json"):
        path = f"/{file.parent.relative_to(folder / tree)}"
        body = json.loads(file.read_bytes())
        if isinstance(body, dict) and not re.search("(?i)/Entries|/Certificates", path):
            found[path if path != V1 else f"{V1}/"] = body
    return found


@pytest.mark.parametrize("way", ["under other paths", "with members inline", "shuffled", "with noise"])
@pytest.mark.parametrize("tree", SMALL)
async def test_however_a_recorded_device_is_told_its_components_are_the_same(tree, way, tmp_path):
    bodies = recorded(tree, tmp_path)
    everything = (Aspect.HEARTBEAT, Aspect.SENSORS, Aspect.COMPONENTS)
    plain, seen = await Bench(bodies).poll(*everything), await Bench(told(bodies, way)).poll(*everything)
    assert plain.health
    assert kinds(seen) == kinds(plain)
    assert measured(seen) == measured(plain)
