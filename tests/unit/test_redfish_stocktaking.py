"""An inventory alone reads what parts are made of, and tells the parts a walk over everything tells."""

from __future__ import annotations

from fleetmon.drivers.base import Memory
from fleetmon.model import Aspect, Part
from tests.redfish_service import CHASSIS, MANAGER, SYSTEM, Json, collection, link, ok, resource, server
from tests.unit.test_redfish_driver import Bench


def put(bodies: dict[str, Json], *added: Json) -> None:
    bodies.update({body["@odata.id"]: body for body in added})


def full_server() -> dict[str, Json]:
    """A server that tells its sensors three times, its power supplies and its network ports twice."""
    bodies = server()
    sensors = [f"{CHASSIS}/Sensors/{n}" for n in range(5)]
    supplies = [f"{CHASSIS}/PowerSubsystem/PowerSupplies/{n}" for n in range(2)]
    ports, nics = f"{CHASSIS}/NetworkAdapters/1/Ports", f"{SYSTEM}/EthernetInterfaces"
    own = f"{MANAGER}/EthernetInterfaces"
    put(bodies, collection(f"{CHASSIS}/Sensors", "Sensor", sensors))
    put(bodies, *(resource(path, "Sensor", Reading=20, ReadingType="Temperature") for path in sensors))
    put(bodies, resource(f"{CHASSIS}/EnvironmentMetrics", "EnvironmentMetrics", PowerWatts={"Reading": 212}))
    put(
        bodies,
        resource(f"{CHASSIS}/PowerSubsystem", "PowerSubsystem", PowerSupplies=link(supplies[0].rsplit("/", 1)[0])),
    )
    put(bodies, collection(f"{CHASSIS}/PowerSubsystem/PowerSupplies", "PowerSupply", supplies))
    for n, path in enumerate(supplies):
        put(bodies, resource(path, "PowerSupply", Name=f"PSU {n + 1}", SerialNumber=f"P{n}", Status=ok()))
    put(bodies, collection(f"{CHASSIS}/NetworkAdapters", "NetworkAdapter", [f"{CHASSIS}/NetworkAdapters/1"]))
    put(bodies, resource(f"{CHASSIS}/NetworkAdapters/1", "NetworkAdapter", Status=ok(), Ports=link(ports)))
    put(bodies, collection(ports, "Port", [f"{ports}/1"]), collection(nics, "EthernetInterface", [f"{nics}/1"]))
    mac = "02:00:00:00:00:0A"
    put(bodies, resource(f"{ports}/1", "Port", Status=ok(), Ethernet={"AssociatedMACAddresses": [mac]}))
    put(bodies, resource(f"{nics}/1", "EthernetInterface", Status=ok(), MACAddress=mac.lower()))
    put(bodies, collection(own, "EthernetInterface", [f"{own}/1"]))
    put(bodies, resource(f"{own}/1", "EthernetInterface", Status=ok(), MACAddress="02:00:00:00:00:0b"))
    for name in ("Sensors", "EnvironmentMetrics", "PowerSubsystem", "NetworkAdapters"):
        bodies[CHASSIS][name] = link(f"{CHASSIS}/{name}")
    bodies[SYSTEM]["EthernetInterfaces"], bodies[MANAGER]["EthernetInterfaces"] = link(nics), link(own)
    return bodies


def by_name(parts: tuple[Part, ...]) -> dict[tuple[str, str], tuple[object, ...]]:
    return {
        (part.component.kind, part.component.name): (part.slot, part.model, part.serial_number, part.properties)
        for part in parts
    }


async def test_an_inventory_alone_tells_the_same_parts_in_fewer_requests():
    bench = Bench(full_server())
    first = await bench.poll()
    both = await bench.poll(Aspect.COMPONENTS, Aspect.INVENTORY)
    alone = await bench.poll(Aspect.INVENTORY)
    assert by_name(alone.inventory.parts) == by_name(both.inventory.parts) == by_name(first.inventory.parts)
    assert alone.inventory.complete
    assert alone.answered == {Aspect.INVENTORY}
    assert alone.requests <= both.requests - 6
    for measured in ("Sensors", "EnvironmentMetrics", "PowerSubsystem", f"{SYSTEM}/EthernetInterfaces"):
        assert not [path for path in bench.shelf.asked if measured in path]
    assert f"{MANAGER}/EthernetInterfaces/1" in bench.shelf.asked


async def test_an_inventory_alone_says_nothing_of_health_it_has_not_seen():
    bench = Bench(full_server())
    await bench.poll()
    alone = await bench.poll(Aspect.INVENTORY)
    assert (alone.health, alone.components_complete) == ((), False)


async def test_what_only_one_resource_tells_is_read_for_an_inventory():
    bodies = full_server()
    bodies[f"{CHASSIS}/PowerSubsystem/PowerSupplies/1"]["FirmwareVersion"] = "1.2"
    bench = Bench(bodies)
    await bench.poll()
    alone = await bench.poll(Aspect.INVENTORY)
    assert "1.2" in {part.firmware for part in alone.inventory.parts}


async def test_a_part_that_is_new_is_found_by_an_inventory_alone():
    bench = Bench(full_server())
    await bench.poll()
    path = f"{SYSTEM}/Storage/1/Drives/9"
    bench.body(f"{SYSTEM}/Storage/1")["Drives"].append(link(path))
    bench.shelf.bodies[path.lower()] = resource(path, "Drive", Name="Bay 9", SerialNumber="D9", Status=ok())
    alone = await bench.poll(Aspect.INVENTORY)
    assert "D9" in {part.serial_number for part in alone.inventory.parts}


async def test_what_an_inventory_need_not_read_is_remembered_over_a_restart():
    bench = Bench(full_server())
    await bench.poll()
    memory = bench.driver.memory()
    before = await bench.poll(Aspect.INVENTORY)
    again = Bench(full_server(), memory=Memory(plan=memory.plan))
    assert (await again.poll(Aspect.INVENTORY)).requests == before.requests


async def test_an_inventory_is_whole_when_a_change_is_looked_into_in_the_same_poll():
    bench = Bench(full_server())
    await bench.poll()
    bench.body(SYSTEM)["Status"]["HealthRollup"] = "Warning"
    seen = await bench.poll(Aspect.HEARTBEAT, Aspect.INVENTORY)
    assert Aspect.INVENTORY in seen.answered
    assert "SoftwareInventory" in {part.component.kind for part in seen.inventory.parts}


async def test_a_port_and_its_interface_are_one_part():
    seen = await Bench(full_server()).poll()
    parts = [part for part in seen.inventory.parts if part.component.kind in ("Port", "EthernetInterface")]
    assert sorted(str(part.properties["mac_address"]).lower()[-2:] for part in parts) == ["0a", "0b"]
