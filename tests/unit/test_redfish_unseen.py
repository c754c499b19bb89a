"""Trees that nobody here has seen before: valid by the standard, told in ways no recording showed."""

from __future__ import annotations

from fleetmon.drivers.redfish.resource import is_resource
from fleetmon.model import Health
from tests.redfish_service import CHASSIS, SYSTEM, V1, Json, collection, link, ok, resource, server
from tests.unit.test_redfish_driver import Bench


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
