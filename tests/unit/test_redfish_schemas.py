"""What the schemas allow and few machines have: each kind is reached by its link, told under its name, and measured."""

from __future__ import annotations

import pytest

from tests.redfish_service import CHASSIS, SYSTEM, V1, Json, collection, link, ok, resource, server
from tests.unit.test_redfish_driver import STEADY, Bench

ROOT = f"{V1}/"
UNIT = f"{V1}/ThermalEquipment/CDUs/1"
SHELF = f"{V1}/PowerEquipment/PowerShelves/1"
HALL = f"{V1}/Facilities/1"

# Where the members hang, under which property, of what type.
MEMBERS = [
    (CHASSIS, "Drives", "Drive"), (CHASSIS, "Memory", "Memory"), (CHASSIS, "Processors", "Processor"),
    (CHASSIS, "NetworkAdapters", "NetworkAdapter"), (CHASSIS, "PCIeDevices", "PCIeDevice"),
    (CHASSIS, "TrustedComponents", "TrustedComponent"), (CHASSIS, "FabricAdapters", "FabricAdapter"),
    (SYSTEM, "Storage", "Storage"), (SYSTEM, "SimpleStorage", "SimpleStorage"),
    (SYSTEM, "EthernetInterfaces", "EthernetInterface"), (SYSTEM, "GraphicsControllers", "GraphicsController"),
    (SYSTEM, "FabricAdapters", "FabricAdapter"), (SYSTEM, "USBControllers", "USBController"),
    (f"{CHASSIS}/ThermalSubsystem", "Fans", "Fan"), (f"{CHASSIS}/ThermalSubsystem", "Pumps", "Pump"),
    (f"{CHASSIS}/ThermalSubsystem", "Heaters", "Heater"), (f"{CHASSIS}/ThermalSubsystem", "Filters", "Filter"),
    (f"{CHASSIS}/ThermalSubsystem", "CoolantConnectors", "CoolantConnector"),
    (f"{CHASSIS}/ThermalSubsystem/LeakDetection", "LeakDetectors", "LeakDetector"),
    (f"{CHASSIS}/PowerSubsystem", "PowerSupplies", "PowerSupply"),
    (f"{CHASSIS}/PowerSubsystem", "Batteries", "Battery"),
    (f"{SYSTEM}/Storage/1", "Volumes", "Volume"), (f"{SYSTEM}/Storage/1", "Controllers", "StorageController"),
    (f"{SYSTEM}/Storage/1", "StoragePools", "StoragePool"),
    (UNIT, "Pumps", "Pump"), (UNIT, "Reservoirs", "Reservoir"), (UNIT, "Filters", "Filter"),
    (UNIT, "PrimaryCoolantConnectors", "CoolantConnector"), (UNIT, "SecondaryCoolantConnectors", "CoolantConnector"),
    (SHELF, "PowerSupplies", "PowerSupply"), (SHELF, "Branches", "Circuit"), (SHELF, "Outlets", "Outlet"),
    (SHELF, "OutletGroups", "OutletGroup"), (SHELF, "Mains", "Circuit"), (SHELF, "Feeders", "Circuit"),
    (f"{V1}/PowerEquipment", "RackPDUs", "PowerDistribution"),
    (f"{V1}/PowerEquipment", "TransferSwitches", "PowerDistribution"),
    (f"{V1}/PowerEquipment", "FloorPDUs", "PowerDistribution"),
    (f"{V1}/PowerEquipment", "Switchgear", "PowerDistribution"),
    (f"{V1}/PowerEquipment", "UPSs", "PowerDistribution"),
    (f"{V1}/ThermalEquipment", "HeatExchangers", "CoolingUnit"),
    (f"{V1}/ThermalEquipment", "ImmersionUnits", "CoolingUnit"),
    (f"{V1}/ThermalEquipment", "RPUs", "CoolingUnit"), (f"{V1}/ThermalEquipment", "CoolingLoops", "CoolingLoop"),
    (f"{V1}/ThermalEquipment", "LeakDetectors", "LeakDetector"),
    (f"{V1}/Fabrics/1", "Switches", "Switch"), (f"{V1}/Fabrics/1/Switches/1", "Ports", "Port"),
    (ROOT, "Storage", "Storage"), (ROOT, "Cables", "Cable"), (ROOT, "StorageSystems", "ComputerSystem"),
    (HALL, "PowerDomains", "PowerDomain"),
]  # fmt: skip

HOLDERS: dict[str, tuple[str, str, str]] = {
    f"{CHASSIS}/ThermalSubsystem": ("ThermalSubsystem", CHASSIS, "ThermalSubsystem"),
    f"{CHASSIS}/ThermalSubsystem/LeakDetection": (
        "LeakDetection",
        f"{CHASSIS}/ThermalSubsystem",
        "LeakDetection",
    ),
    f"{CHASSIS}/PowerSubsystem": ("PowerSubsystem", CHASSIS, "PowerSubsystem"),
    f"{V1}/PowerEquipment": ("PowerEquipment", ROOT, "PowerEquipment"),
    f"{V1}/ThermalEquipment": ("ThermalEquipment", ROOT, "ThermalEquipment"),
    UNIT: ("CDUs/", f"{V1}/ThermalEquipment", "CoolingUnit"),
    SHELF: ("PowerShelves/", f"{V1}/PowerEquipment", "PowerDistribution"),
    HALL: ("Facilities/", ROOT, "Facility"),
    f"{V1}/Fabrics/1": ("Fabrics/", ROOT, "Fabric"),
    f"{V1}/Fabrics/1/Switches/1": ("Switches/", f"{V1}/Fabrics/1", "Switch"),
}
"""How what holds the members is reached: property (a collection with a slash), from where, and its type."""


def reached(bodies: dict[str, Json], path: str) -> dict[str, Json]:
    """The bodies with `path` there and linked to."""
    if path in bodies:
        return bodies
    name, above, kind = HOLDERS[path]
    reached(bodies, above)
    bodies[path] = resource(path, kind, Status=ok())
    if name.endswith("/"):
        many = path.rpartition("/")[0]
        bodies[many] = collection(many, kind, [path])
        bodies[above][name[:-1]] = link(many)
    else:
        bodies[above][name] = link(path)
    return bodies


def with_member(
    holder: str, name: str, kind: str, *, typed: bool = True, **said: object
) -> tuple[dict[str, Json], str]:
    """A server with one more thing, hung below `holder` in a collection of its own, and the path of the thing."""
    bodies = reached(server(drives=0, dimms=0, fans=0), holder)
    many = f"{holder.rstrip('/')}/{name}"
    bodies[many] = collection(many, kind, [f"{many}/X9"])
    bodies[holder][name] = link(many)
    bodies[f"{many}/X9"] = resource(f"{many}/X9", kind, Name="The one", Status=ok(), **said)
    if not typed:
        del bodies[f"{many}/X9"]["@odata.type"]
    return bodies, f"{many}/X9"


@pytest.mark.parametrize("typed", [True, False], ids=["typed", "untyped"])
@pytest.mark.parametrize(("holder", "name", "kind"), MEMBERS)
async def test_a_thing_is_reached_by_its_link_and_told_under_its_kind(holder, name, kind, typed):
    bodies, path = with_member(holder, name, kind, typed=typed)
    seen = await Bench(bodies).poll()
    assert [health.component.kind for health in seen.health if health.source == path] == [kind]


@pytest.mark.parametrize(("holder", "name", "kind"), MEMBERS)
async def test_a_thing_that_fails_is_told(holder, name, kind):
    bodies, path = with_member(holder, name, kind)
    bodies[path]["Status"] = {"State": "Enabled", "Health": "Critical"}
    seen = await Bench(bodies).poll()
    assert [health.source for health in seen.health if health.health == "Critical"] == [path]


MEASURED = [
    (f"{CHASSIS}/PowerSubsystem", "Batteries", "Battery", {"ChargePercent": {"Reading": 88}}, "%", 88),
    (SHELF, "Outlets", "Outlet", {"PowerWatts": {"Reading": 120}}, "W", 120),
    (SHELF, "Outlets", "Outlet", {"EnergykWh": {"Reading": 7}}, "kW.h", 7),
    (SHELF, "Outlets", "Outlet", {"FrequencyHz": {"Reading": 50}}, "Hz", 50),
    (SHELF, "Mains", "Circuit", {"PolyPhaseVoltage": {"Line1ToNeutral": {"Reading": 231}}}, "V", 231),
    (SHELF, "Mains", "Circuit", {"PolyPhaseCurrentAmps": {"Line2": {"Reading": 5.5}}}, "A", 5.5),
    (UNIT, "Pumps", "Pump", {"PumpSpeedPercent": {"Reading": 60, "SpeedRPM": 3000}}, "{rev}/min", 3000),
    (UNIT, "Reservoirs", "Reservoir", {"FluidLevelPercent": {"Reading": 95}}, "%", 95),
    (UNIT, "PrimaryCoolantConnectors", "CoolantConnector", {"FlowLitersPerMinute": {"Reading": 40}}, "L/min", 40),
    (UNIT, "PrimaryCoolantConnectors", "CoolantConnector", {"SupplyTemperatureCelsius": {"Reading": 22}}, "Cel", 22),
    (UNIT, "PrimaryCoolantConnectors", "CoolantConnector", {"DeltaPressurekPa": {"Reading": 110}}, "kPa", 110),
    (UNIT, "PrimaryCoolantConnectors", "CoolantConnector", {"HeatRemovedkW": {"Reading": 9}}, "kW", 9),
    (f"{CHASSIS}/ThermalSubsystem", "Fans", "Fan", {"PowerWatts": {"Reading": 12}}, "W", 12),
]


@pytest.mark.parametrize(("holder", "name", "kind", "said", "unit", "value"), MEASURED)
async def test_what_a_thing_measures_is_told_with_its_unit(holder, name, kind, said, unit, value):
    bodies, path = with_member(holder, name, kind, **said)
    bench = Bench(bodies)
    first = await bench.poll()
    found = [(reading.sensor.unit, reading.number) for reading in first.readings if path in reading.sensor.source]
    assert (unit, value) in found
    assert (await bench.poll(*STEADY)).requests <= 5
