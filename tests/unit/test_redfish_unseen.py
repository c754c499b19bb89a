"""Trees that nobody here has seen before: valid by the standard, told in ways no recording showed."""

from __future__ import annotations

import json
import random

import pytest

from fleetmon.drivers.redfish.plan import TURNS
from fleetmon.drivers.redfish.resource import Resource, is_resource, key
from fleetmon.model import Aspect, Health, ReadingType
from tests.redfish_service import (
    CHASSIS,
    MANAGER,
    SYSTEM,
    V1,
    Json,
    ShelfSession,
    collection,
    link,
    ok,
    resource,
    server,
)
from tests.unit.test_redfish_driver import Bench
from tests.unit.test_redfish_strange_vendors import WAYS, kinds, links_only, modern_server


def directory(bodies: dict[str, Json]) -> Json:
    """An index of every resource: where it stands, its type, and what may be done to it, but not what it says."""
    entries = [
        {"@odata.id": path, "@odata.type": body["@odata.type"], "ETag": 'W/"1"', "HttpMethods": ["GET"]}
        for path, body in bodies.items()
    ]
    return resource(f"{V1}/Directory", "Directory", Instances=entries)


async def test_an_index_of_all_resources_hides_none_of_them():
    bodies = server()
    adapters, adapter = f"{SYSTEM}/BaseNetworkAdapters", f"{SYSTEM}/BaseNetworkAdapters/1"
    bodies[adapters] = collection(adapters, "OwnAdapter", [adapter])
    bodies[adapter] = resource(adapter, "OwnAdapter", Name="NIC", Status=ok() | {"Health": "Warning"})
    bodies[f"{V1}/Directory"] = directory(bodies)
    bodies[SYSTEM]["Oem"] = {
        "Contoso": {
            "Links": {"Directory": link(f"{V1}/Directory"), "Adapters": link(adapters)},
            "Network": {"Status": {"Health": "Warning"}},
        }
    }
    seen = await Bench(bodies).poll()
    assert adapter in {told.source for told in seen.health if told.health is Health.WARNING}


def test_an_entry_that_says_nothing_of_itself_is_a_reference_whatever_its_length():
    assert not is_resource(directory(server())["Instances"][0])
    assert is_resource({"@odata.id": CHASSIS, "@odata.type": "#Chassis.v1_0_0.Chassis", "Name": "1U", "X": 1})


def pool(bodies: dict[str, Json], blocks: str) -> None:
    """A resource block of two drives, one of them the first drive of the system; the other belongs to no system."""
    free = f"{blocks}/1/Drives/9"
    bodies[blocks] = collection(blocks, "ResourceBlock", [f"{blocks}/1"])
    bodies[f"{blocks}/1"] = resource(
        f"{blocks}/1", "ResourceBlock", Status=ok(), Drives=[link(f"{SYSTEM}/Storage/1/Drives/1"), link(free)]
    )
    bodies[free] = resource(free, "Drive", Name="Bay 9", Status=ok() | {"Health": "Critical"}, SerialNumber="D9")


@pytest.mark.parametrize("expand", [0, 2])
@pytest.mark.parametrize("service", ["CompositionService", ""])
async def test_parts_that_no_system_uses_yet_are_seen_in_their_resource_block(service, expand):
    bodies = server(drives=2, expand=expand)
    if service:
        bodies[f"{V1}/{service}"] = resource(
            f"{V1}/{service}", service, Status=ok(), ResourceBlocks=link(f"{V1}/{service}/ResourceBlocks")
        )
        bodies[f"{V1}/"][service] = link(f"{V1}/{service}")
        pool(bodies, f"{V1}/{service}/ResourceBlocks")
    else:
        bodies[f"{V1}/"]["ResourceBlocks"] = link(f"{V1}/ResourceBlocks")
        pool(bodies, f"{V1}/ResourceBlocks")
    bench = Bench(bodies, expand=expand)
    for _ in range(2):
        seen = await bench.poll()
        drives = {told.component.name: told.health for told in seen.health if told.component.kind == "Drive"}
        assert drives == {"Bay 1": Health.OK, "Bay 2": Health.OK, "Bay 9": Health.CRITICAL}


def in_two_storages(bodies: dict[str, Json], kind: str, **fields: object) -> None:
    """A part of the same make below each of two storages, in lists of their own."""
    name = f"{kind}s"
    bodies[f"{SYSTEM}/Storage"] = collection(
        f"{SYSTEM}/Storage", "Storage", [f"{SYSTEM}/Storage/{number}" for number in (7, 8)]
    )
    for number in (7, 8):
        storage = f"{SYSTEM}/Storage/{number}"
        held = f"{storage}/{name}/1"
        bodies[storage] = resource(storage, "Storage", Status=ok(), **{name: link(f"{storage}/{name}")})
        bodies[f"{storage}/{name}"] = collection(f"{storage}/{name}", kind, [held])
        bodies[held] = resource(held, kind, Name="One", Status=ok(), CapacityBytes=10**12, **fields)


ZEROS = [
    ("Volume", {"Identifiers": [{"DurableNameFormat": "NGUID", "DurableName": "0" * 32}]}),
    ("Volume", {"Identifiers": [{"DurableNameFormat": "EUI", "DurableName": "00-00-00-00-00-00-00-00"}]}),
    ("Drive", {"Model": "P4510", "SerialNumber": "00000000"}),
]


@pytest.mark.parametrize(("kind", "fields"), ZEROS)
async def test_parts_whose_number_is_all_zeros_are_not_taken_for_one(kind, fields):
    bodies = server()
    in_two_storages(bodies, kind, **fields)
    seen = await Bench(bodies).poll()
    assert sum(told.component.kind == kind for told in seen.health) == 2


async def test_a_number_that_two_drives_of_one_list_bear_makes_no_drive_another():
    bodies = server()
    in_two_storages(bodies, "Drive", Model="P4510", SerialNumber="SAMPLE-1")
    twin = f"{SYSTEM}/Storage/7/Drives/2"
    bodies[twin] = bodies[f"{SYSTEM}/Storage/7/Drives/1"] | {"@odata.id": twin, "Id": "2"}
    bodies[f"{SYSTEM}/Storage/7/Drives"]["Members"].append(link(twin))
    seen = await Bench(bodies).poll()
    assert sum(told.component.kind == "Drive" for told in seen.health) == 3


async def test_a_collection_the_root_names_and_does_not_have_spoils_no_later_walk():
    bodies = server()
    root = bodies[f"{V1}/"]
    root["Systems"] = root.pop("Systems")
    del bodies[f"{V1}/Systems"]
    bodies[CHASSIS]["Links"] = {"ComputerSystems": [link(SYSTEM)]}
    bench = Bench(bodies)
    first = await bench.poll()
    again = await bench.poll()
    alone = await bench.poll(Aspect.COMPONENTS)
    assert {told.component for told in first.health} == {told.component for told in again.health}
    assert (again.answered, alone.answered) == (first.answered, {Aspect.COMPONENTS})
    assert alone.components_complete


async def test_a_device_that_moved_all_its_collections_is_learned_again_from_its_root():
    bench = Bench(server())
    await bench.poll()
    moved = {path.replace("Systems", "Nodes").replace("Chassis", "Frames"): body for path, body in server().items()}
    told = json.loads(json.dumps(moved).replace("/Systems", "/Nodes").replace("/Chassis", "/Frames"))
    told = {path: body for path, body in told.items() if "Managers" not in path}
    told[f"{V1}/"].pop("Managers")
    bench.shelf.bodies = {key(path): body for path, body in told.items()}
    await bench.poll(Aspect.COMPONENTS)
    seen = await bench.poll(Aspect.COMPONENTS)
    assert seen.answered == {Aspect.COMPONENTS}
    assert {told.component.name for told in seen.health if told.component.kind == "Drive"} == {"Bay 1", "Bay 2"}


class Choosy(ShelfSession):
    """A service that expands every collection but those that `plain` names."""

    plain: tuple[str, ...] = ()

    async def get(self, path: str, priority: object = None) -> Resource:
        bare = path.partition("?")[0]
        return await super().get(bare if bare.endswith(self.plain) else path, priority)


async def test_a_collection_that_is_not_expanded_costs_the_others_nothing():
    bodies = modern_server() | {f"{V1}/": server(expand=1)[f"{V1}/"]}
    rails = [f"{CHASSIS}/Sensors/rail{number}" for number in range(6)]
    bodies |= {
        path: resource(path, "Sensor", Name=path[-5:], Reading=12.0, ReadingType="Voltage", ReadingUnits="V")
        for path in rails
    }
    bodies[f"{CHASSIS}/Sensors"]["Members"] += [link(path) for path in rails]
    bench, choosy = Bench(bodies, expand=1), Bench(bodies, expand=1)
    choosy.shelf.__class__ = Choosy
    choosy.shelf.plain = ("/Processors", "/Sensors")
    everywhere, nearly = await bench.poll(), await choosy.poll()
    assert {told.component for told in nearly.health} == {told.component for told in everywhere.health}
    assert nearly.requests <= everywhere.requests + 1 + 2 + len(rails)
    steady = [await choosy.poll(Aspect.HEARTBEAT, Aspect.SENSORS) for _ in range(TURNS)]
    told = {reading.sensor.key for seen in steady for reading in seen.readings}
    assert told == {reading.sensor.key for reading in nearly.readings}


async def test_sensors_told_inside_their_collection_are_one_request_of_a_steady_poll():
    bodies = server()
    sensors = [
        resource(f"{CHASSIS}/Sensors/{number}", "Sensor", Name=f"Rail {number}", Reading=12.0, ReadingType="Voltage")
        for number in range(40)
    ]
    bodies[CHASSIS]["Sensors"] = link(f"{CHASSIS}/Sensors")
    bodies[f"{CHASSIS}/Sensors"] = collection(f"{CHASSIS}/Sensors", "Sensor", []) | {"Members": sensors}
    bench = Bench(bodies)
    first = await bench.poll()
    steady = await bench.poll(Aspect.HEARTBEAT, Aspect.SENSORS)
    assert steady.requests == 4
    assert {reading.sensor.key for reading in steady.readings} == {reading.sensor.key for reading in first.readings}


@pytest.mark.parametrize(
    "way", ["with hosts", "with href", "in capitals", "with slashes at the end", "percent-encoded"]
)
async def test_however_its_links_are_written_a_device_is_seen_the_same_in_every_poll(way):
    bodies = modern_server()
    if way == "percent-encoded":
        told = links_only(bodies, lambda path: link(path.replace("Drives/1", "Drives/%31").replace("Fans", "F%61ns")))
    else:
        told = WAYS[way](bodies, random.Random(1))
    bench = Bench(told)
    first, again = await bench.poll(), await bench.poll()
    assert kinds(first) == kinds(await Bench(modern_server()).poll())
    assert {part.component for part in again.health} == {part.component for part in first.health}
    assert (again.answered, again.problems, again.components_complete) == (first.answered, (), True)


async def test_a_drive_whose_link_is_written_with_and_without_percent_signs_is_one_drive():
    bodies = server(drives=1)
    bay, spelled = f"{SYSTEM}/Storage/1/Drives/Bay:1 (front)", f"{SYSTEM}/Storage/1/Drives/Bay%3A1%20%28front%29"
    bodies[bay] = bodies[spelled] = resource(bay, "Drive", Name="Front", Status=ok())
    bodies[f"{SYSTEM}/Storage/1"]["Drives"] = [link(bay)]
    bodies[CHASSIS]["Links"] = {"Drives": [link(spelled), link(spelled.replace("%3A", "%3a"))]}
    seen = await Bench(bodies).poll()
    assert [told.component.name for told in seen.health if told.component.kind == "Drive"] == ["Front"]


def test_a_slash_a_fragment_or_a_query_that_is_written_with_a_percent_sign_stays_so():
    assert key("/redfish/v1/X/a%2Fb") != key("/redfish/v1/X/a/b")
    assert key("/redfish/v1/X/a%23b%3Fc%2541") == "/redfish/v1/x/a%23b%3fc%2541"
    assert key(key("/redfish/v1/X/%2541")) == key("/redfish/v1/X/%2541")


async def test_a_data_source_that_is_told_with_its_host_is_the_sensor_it_names():
    bodies = modern_server()
    flow, supply = f"{CHASSIS}/Sensors/flow", f"{CHASSIS}/PowerSubsystem/PowerSupplies/1"
    bodies[flow] = resource(flow, "Sensor", Name="Mains frequency", Reading=50.1, ReadingType="Frequency")
    bodies[f"{CHASSIS}/Sensors"]["Members"].append(link(flow))
    bodies[supply]["Metrics"] = link(f"{supply}/Metrics")
    bodies[f"{supply}/Metrics"] = resource(
        f"{supply}/Metrics", "PowerSupplyMetrics", FrequencyHz={"Reading": 50.1, "DataSourceUri": f"https://bmc{flow}/"}
    )
    seen = await Bench(bodies).poll()
    told = [(r.sensor.component.kind, r.number) for r in seen.readings if r.sensor.type is ReadingType.FREQUENCY]
    assert told == [("PowerSupply", 50.1)]


async def test_a_chassis_that_only_its_manager_names_is_found():
    bodies = modern_server()
    for name in ("Systems", "Chassis"):
        del bodies[f"{V1}/"][name]
    bodies[MANAGER]["Links"] = {"ManagerInChassis": link(CHASSIS)}
    bodies[CHASSIS]["Links"] = {"ComputerSystems": [link(SYSTEM)]}
    assert kinds(await Bench(bodies).poll()) == kinds(await Bench(modern_server()).poll())


UNITS = [
    ("Altitude", "Pa", 101_100.0, ReadingType.PRESSURE_PA, 101_100.0),
    ("PressurekPa", "Pa", 101_300.0, ReadingType.PRESSURE_KPA, 101.3),
    ("EnergyJoules", "kJ", 3.0, ReadingType.ENERGY_JOULES, 3000.0),
    ("Current", "Watts", 100, ReadingType.POWER, 100.0),
    (None, "CFM", 180, ReadingType.AIR_FLOW, 180.0),
    ("LiquidFlowLPM", "L/s", 0.5, ReadingType.LIQUID_FLOW_LPM, 30.0),
    ("Altitude", "m", 120.0, ReadingType.ALTITUDE, 120.0),
]


@pytest.mark.parametrize(("declared", "units", "told", "kind", "value"), UNITS)
async def test_a_reading_is_told_in_the_unit_of_its_type(declared, units, told, kind, value):
    path = f"{CHASSIS}/Sensors/odd"
    bodies = modern_server()
    bodies[path] = resource(path, "Sensor", Reading=told, ReadingType=declared, ReadingUnits=units)
    bodies[f"{CHASSIS}/Sensors"]["Members"].append(link(path))
    seen = await Bench(bodies).poll()
    assert [(r.sensor.type, r.number) for r in seen.readings if r.sensor.name == "odd"] == [(kind, value)]


def discrete(path: str, name: str, kind: str | None) -> Json:
    """A state that is told as if it were measured: a number without a unit, a range or limits."""
    return resource(path, "Sensor", Name=name, Reading=0, ReadingType=kind, ReadingUnits="", Status=ok())


async def test_a_state_that_is_told_as_a_number_without_a_unit_is_no_measurement():
    bodies = modern_server()
    for number, kind in enumerate(("Temperature", "Power", None)):
        path = f"{CHASSIS}/Sensors/d{number}"
        bodies[path] = discrete(path, f"Overtemp {number}", kind)
        bodies[f"{CHASSIS}/Sensors"]["Members"].append(link(path))
    margin = f"{CHASSIS}/Sensors/margin"
    bodies[margin] = discrete(margin, "CPU margin", "Temperature") | {"Reading": -51, "Thresholds": {}}
    bodies[f"{CHASSIS}/Sensors"]["Members"].append(link(margin))
    bodies[f"{CHASSIS}/Sensors/d1"]["Status"] = {"State": "Enabled", "Health": "Critical"}
    seen = await Bench(bodies).poll()
    names = {reading.sensor.name for reading in seen.readings}
    assert "CPU margin" in names
    assert not {name for name in names if name.startswith("Overtemp")}
    assert [(told.component.name, told.health) for told in seen.health if told.component.kind == "Sensor"] == [
        ("Overtemp 1", Health.CRITICAL)
    ]


async def test_a_share_of_speed_whose_source_counts_revolutions_is_told_once_and_in_revolutions():
    bodies = modern_server()
    tach = f"{CHASSIS}/Sensors/tach"
    bodies[tach] = resource(tach, "Sensor", Name="Rear", Reading=6431, ReadingType="AirFlow", ReadingUnits="RPM")
    bodies[f"{CHASSIS}/Sensors"]["Members"].append(link(tach))
    bodies[CHASSIS]["EnvironmentMetrics"] = link(f"{CHASSIS}/EnvironmentMetrics")
    bodies[f"{CHASSIS}/EnvironmentMetrics"] = resource(
        f"{CHASSIS}/EnvironmentMetrics",
        "EnvironmentMetrics",
        FanSpeedsPercent=[{"Reading": 6431, "DataSourceUri": tach}],
        PowerWatts={"Reading": 700},
    )
    bench = Bench(bodies)
    polls = [await bench.poll() for _ in range(3)]
    assert {r.sensor.type for seen in polls for r in seen.readings if r.number == 6431} == {ReadingType.ROTATIONAL}


@pytest.mark.parametrize("expand", [0, 2])
async def test_a_port_that_is_told_as_port_and_as_network_port_is_one_port(expand):
    bodies = modern_server()
    bodies[f"{V1}/"] = server(expand=expand)[f"{V1}/"]
    adapter = f"{CHASSIS}/NetworkAdapters/1"
    bodies[adapter]["NetworkPorts"] = link(f"{adapter}/NetworkPorts")
    bodies[f"{adapter}/NetworkPorts"] = collection(
        f"{adapter}/NetworkPorts", "NetworkPort", [f"{adapter}/NetworkPorts/1"]
    )
    bodies[f"{adapter}/NetworkPorts/1"] = resource(f"{adapter}/NetworkPorts/1", "NetworkPort", Status=ok())
    seen = await Bench(bodies, expand=expand).poll()
    assert [told.component.kind for told in seen.health if "Port" in told.component.kind] == ["Port"]
    del bodies[adapter]["Ports"]
    seen = await Bench(bodies, expand=expand).poll()
    assert [told.component.kind for told in seen.health if "Port" in told.component.kind] == ["NetworkPort"]


async def test_an_adapter_that_two_chassis_list_is_one_adapter_and_two_of_one_list_stay_two():
    bodies = modern_server()
    other = f"{V1}/Chassis/2"
    bodies[f"{V1}/Chassis"]["Members"].append(link(other))
    bodies[other] = resource(other, "Chassis", Status=ok(), NetworkAdapters=link(f"{other}/NetworkAdapters"))
    one, twin = f"{CHASSIS}/NetworkAdapters/1", f"{other}/NetworkAdapters/SIOC1"
    bodies[f"{other}/NetworkAdapters"] = collection(f"{other}/NetworkAdapters", "NetworkAdapter", [twin])
    for path in (one, twin):
        card = {"Model": "SIOC", "SerialNumber": "FCH20487P5X"}
        bodies[path] = bodies.get(path, {}) | resource(path, "NetworkAdapter", Name="Card", Status=ok(), **card)
    assert kinds(await Bench(bodies).poll())["NetworkAdapter"] == 1
    bodies[f"{other}/NetworkAdapters/SIOC2"] = bodies[twin] | {"@odata.id": f"{other}/NetworkAdapters/SIOC2"}
    bodies[f"{other}/NetworkAdapters"]["Members"].append(link(f"{other}/NetworkAdapters/SIOC2"))
    assert kinds(await Bench(bodies).poll())["NetworkAdapter"] == 3


async def test_what_a_sick_system_shall_be_after_a_reset_is_no_second_system():
    bodies = modern_server()
    bodies[SYSTEM]["Status"] = ok() | {"Health": "Critical"}
    bodies[SYSTEM]["@Redfish.Settings"] = {"SettingsObject": link(f"{SYSTEM}/Settings")}
    bodies[f"{SYSTEM}/Settings"] = resource(f"{SYSTEM}/Settings", "ComputerSystem", Boot={"BootOrder": []})
    bench = Bench(bodies)
    first = await bench.poll()
    assert first.identity.systems == (SYSTEM,)
    assert bench.plan.gates == (SYSTEM,)
    steady = [(await bench.poll(Aspect.HEARTBEAT, Aspect.SENSORS)).requests for _ in range(3)]
    assert max(steady) <= 4


async def test_an_inventory_alone_has_the_leak_detectors_that_a_look_at_everything_has():
    bodies = modern_server()
    leaks = f"{CHASSIS}/ThermalSubsystem/LeakDetection"
    bodies[f"{CHASSIS}/ThermalSubsystem"]["LeakDetection"] = link(leaks)
    bodies[leaks] = resource(leaks, "LeakDetection", Status=ok(), LeakDetectors=link(f"{leaks}/LeakDetectors"))
    bodies[f"{leaks}/LeakDetectors"] = collection(
        f"{leaks}/LeakDetectors", "LeakDetector", [f"{leaks}/LeakDetectors/1"]
    )
    bodies[f"{leaks}/LeakDetectors/1"] = resource(f"{leaks}/LeakDetectors/1", "LeakDetector", Status=ok())
    bench = Bench(bodies)
    whole, alone = await bench.poll(), await bench.poll(Aspect.INVENTORY)
    assert {part.component for part in alone.inventory.parts} == {part.component for part in whole.inventory.parts}
