"""The walk: along links that lead to hardware, few requests on a healthy device, all on a sick one, with an end."""

from __future__ import annotations

import pytest

from fleetmon.clock import ManualClock
from fleetmon.drivers.redfish.resource import Resource, key
from fleetmon.drivers.redfish.walk import MAX_PAGES, MAX_WEIGHT, Expand, Walk
from fleetmon.errors import AccessDenied, Busy, Garbled, Unreachable
from tests.redfish_service import CHASSIS, MANAGER, SYSTEM, V1, Json, Shelf, collection, link, ok, resource, server


async def walked(bodies: dict[str, Json], *, expand: int = 0, **more: object) -> tuple[Walk, Shelf]:
    shelf, walk = Shelf(bodies, expand=expand), Walk(**more)
    walk.start()
    await walk.run(shelf)
    return walk, shelf


async def test_the_hardware_is_reached_and_nothing_else():
    walk, shelf = await walked(server())
    assert {key(f"{SYSTEM}/Storage/1/Drives/2"), key(f"{CHASSIS}/Power"), key(MANAGER)} <= walk.resources.keys()
    assert walk.finished
    assert not any(
        "Registries" in path or "Bios" in path or "Sessions" in path or "Entries" in path for path in shelf.asked
    )


async def test_every_resource_is_asked_for_once():
    _, shelf = await walked(server(drives=4, dimms=8))
    assert len(shelf.asked) == len({key(path) for path in shelf.asked})


async def test_what_tells_most_is_read_first():
    _, shelf = await walked(server())
    first = shelf.asked[:9]
    assert SYSTEM in first
    assert f"{CHASSIS}/Thermal" in first


async def test_expand_saves_most_requests_where_it_works():
    _, plain = await walked(server(drives=8, dimms=16))
    walk, expanded = await walked(server(drives=8, dimms=16, expand=4), expand=4)
    assert walk.expand_worked
    assert len(expanded.asked) <= 8 < len(plain.asked)
    assert {key(f"{SYSTEM}/Memory/16"), key(f"{SYSTEM}/Storage/1/Drives/8")} <= walk.resources.keys()


async def test_expand_that_is_claimed_and_not_done_is_found_out_by_its_content():
    walk, shelf = await walked(server(expand=4), expand=0)
    assert not walk.expand_worked
    assert walk.expand == Expand()
    assert sum("$expand" in path for path in shelf.asked) == 1
    assert key(f"{SYSTEM}/Memory/2") in walk.resources


async def test_expand_that_fails_costs_one_request_and_no_resource():
    shelf, walk = Shelf(server(expand=1), expand=1), Walk()
    plain = shelf.get

    async def get(path: str):
        if "$expand" in path:
            shelf.asked.append(path)
            raise Garbled("failed (HTTP 500)", resource=path)
        return await plain(path)

    shelf.get = get  # type: ignore[method-assign]
    walk.start()
    await walk.run(shelf)
    assert sum("$expand" in path for path in shelf.asked) == 1
    assert walk.problems == []
    assert key(f"{SYSTEM}/Memory/2") in walk.resources


async def test_many_references_are_fetched_by_one_more_look_at_what_holds_them():
    walk, shelf = await walked(server(drives=24, expand=2), expand=2)
    assert key(f"{SYSTEM}/Storage/1/Drives/24") in walk.resources
    assert not any("/Drives/" in path for path in shelf.asked)


async def test_F08_a_resource_that_fails_loses_only_itself():
    shelf, walk = Shelf(server()), Walk()
    shelf.failures[f"{CHASSIS}/Thermal"] = Garbled("failed (HTTP 500)", resource=f"{CHASSIS}/Thermal")
    walk.start()
    await walk.run(shelf)
    assert [problem.resource for problem in walk.problems] == [f"{CHASSIS}/Thermal"]
    assert key(f"{CHASSIS}/Power") in walk.resources


async def test_a_link_to_what_is_not_there_is_no_problem():
    bodies = server()
    del bodies[f"{SYSTEM}/Memory/1"]
    walk, _ = await walked(bodies)
    assert walk.problems == []
    assert walk.finished


@pytest.mark.parametrize("failure", [AccessDenied("refused"), Unreachable("nothing listens")])
async def test_a_device_that_fails_as_a_whole_ends_the_walk_at_once(failure):
    shelf, walk = Shelf(server()), Walk()
    shelf.failures[SYSTEM] = failure
    walk.start()
    with pytest.raises(type(failure)):
        await walk.run(shelf)


async def test_two_silent_resources_in_a_row_are_a_silent_device():
    shelf, walk = Shelf(server(dimms=8)), Walk()
    for n in range(1, 9):
        shelf.failures[f"{SYSTEM}/Memory/{n}"] = Unreachable("no answer", resource=f"{SYSTEM}/Memory/{n}")
    walk.start()
    with pytest.raises(Unreachable):
        await walk.run(shelf)
    assert sum("/Memory/" in path for path in shelf.asked) == 2


async def test_one_busy_resource_is_set_aside():
    shelf, walk = Shelf(server()), Walk()
    shelf.failures[f"{SYSTEM}/Memory/1"] = Busy("busy (HTTP 503)", resource=f"{SYSTEM}/Memory/1")
    walk.start()
    await walk.run(shelf)
    assert walk.finished
    assert len(walk.problems) == 1


async def test_a_walk_that_is_cut_short_goes_on_where_it_stopped():
    shelf, walk = Shelf(server()), Walk()
    walk.start()
    await walk.run(shelf, lambda: len(shelf.asked) < 6)
    assert not walk.finished
    half = list(shelf.asked)
    await walk.run(shelf)
    assert walk.finished
    assert not set(half) & set(shelf.asked[len(half) :])


async def test_what_reports_trouble_is_looked_at_closely():
    bodies = server()
    gadget = resource(f"{SYSTEM}/Gadgets/1", "ContosoGadget", Status={"Health": "Warning"})
    bodies[gadget["@odata.id"]] = gadget
    bodies[SYSTEM]["Oem"] = {"Contoso": {"Gadgets": link(gadget["@odata.id"])}}
    walk, _ = await walked(bodies)
    assert key(gadget["@odata.id"]) not in walk.resources
    bodies[SYSTEM]["Status"] = ok(HealthRollup="Warning")
    walk, _ = await walked(bodies)
    assert key(gadget["@odata.id"]) in walk.resources


async def test_trouble_in_a_part_has_its_holder_looked_at():
    bodies = server()
    bodies[f"{SYSTEM}/Memory/1"]["Status"] = {"Health": "Critical"}
    board = resource(f"{SYSTEM}/Boards/1", "ContosoBoard", Status={"Health": "Critical"})
    bodies[board["@odata.id"]] = board
    bodies[SYSTEM]["Oem"] = {"Contoso": {"Links": {"Board": link(board["@odata.id"])}}}
    walk, _ = await walked(bodies)
    assert key(board["@odata.id"]) in walk.resources


async def test_what_only_trouble_leads_to_is_read_after_all_that_is_always_read():
    bodies = server(drives=4)
    oddity = resource(f"{SYSTEM}/Oddity", "ContosoOddity")
    bodies[oddity["@odata.id"]] = oddity
    bodies[SYSTEM] |= {"Status": ok(HealthRollup="Critical"), "Oddity": link(oddity["@odata.id"])}
    walk, shelf = await walked(bodies)
    assert shelf.asked[-1] == oddity["@odata.id"]
    assert walk.aside == {key(oddity["@odata.id"])}


async def test_what_trouble_brings_along_and_a_healthy_device_tells_too_is_not_aside():
    bodies = server(expand=2)
    inner = resource(f"{CHASSIS}/Sensors/1", "Sensor", Reading=20, ReadingType="Temperature", Status=ok())
    bodies[f"{CHASSIS}/Sensors"] = collection(f"{CHASSIS}/Sensors", "Sensor", [inner["@odata.id"]])
    bodies[inner["@odata.id"]] = inner
    bodies[SYSTEM] |= {"Status": ok(HealthRollup="Critical"), "Hottest": link(inner["@odata.id"])}
    bodies[CHASSIS]["Sensors"] = link(f"{CHASSIS}/Sensors")
    walk, _ = await walked(bodies, expand=2)
    assert key(inner["@odata.id"]) in walk.resources
    assert walk.aside == set()


async def test_F39_pages_are_followed_to_the_end():
    bodies = server(dimms=4)
    modules = [f"{SYSTEM}/Memory/{n}" for n in range(1, 5)]
    bodies[f"{SYSTEM}/Memory"] = {
        **collection(f"{SYSTEM}/Memory", "Memory", modules[:2]),
        "Members@odata.nextLink": f"{SYSTEM}/Memory?$skip=2",
    }
    bodies[f"{SYSTEM}/Memory?$skip=2".lower()] = collection(f"{SYSTEM}/Memory", "Memory", modules[2:])
    walk, _ = await walked(bodies)
    assert {key(module) for module in modules} <= walk.resources.keys()


async def test_F41_pages_that_go_in_a_circle_end():
    bodies = server()
    bodies[f"{SYSTEM}/Memory"]["Members@odata.nextLink"] = f"{SYSTEM}/Memory"
    walk, shelf = await walked(bodies)
    assert walk.finished
    assert shelf.asked.count(f"{SYSTEM}/Memory") <= 2


async def test_F41_pages_without_end_end():
    class Endless(Shelf):
        async def get(self, path: str):
            if path.startswith(f"{SYSTEM}/Memory?"):
                self.asked.append(path)
                number = int(path.partition("=")[2])
                page = collection(f"{SYSTEM}/Memory", "Memory", [])
                found = await super().get(f"{SYSTEM}/Processors/1")
                body = {**page, "Members@odata.nextLink": f"{SYSTEM}/Memory?$skip={number + 1}"}
                return type(found)(path, body, found.taken_at)
            return await super().get(path)

    bodies = server()
    bodies[f"{SYSTEM}/Memory"]["Members@odata.nextLink"] = f"{SYSTEM}/Memory?$skip=1"
    shelf, walk = Endless(bodies), Walk()
    walk.start()
    await walk.run(shelf)
    assert walk.finished
    assert sum("?$skip=" in path for path in shelf.asked) <= MAX_PAGES


async def test_F38_members_told_inline_need_no_request():
    bodies = server(dimms=2)
    bodies[f"{SYSTEM}/Memory"]["Members"] = [bodies.pop(f"{SYSTEM}/Memory/{n}") for n in (1, 2)]
    walk, shelf = await walked(bodies)
    assert key(f"{SYSTEM}/Memory/2") in walk.resources
    assert f"{SYSTEM}/Memory/2" not in shelf.asked


async def test_links_with_slashes_fragments_and_hosts_lead_to_the_same_place():
    bodies = server(dimms=3)
    bodies[f"{SYSTEM}/Memory"]["Members"] = [
        link(f"{SYSTEM}/Memory/1/"), link(f"https://bmc.example{SYSTEM}/Memory/2"), link(f"{SYSTEM}/Memory/3#/Status"),
    ]  # fmt: skip
    walk, _ = await walked(bodies)
    assert {key(f"{SYSTEM}/Memory/{n}") for n in (1, 2, 3)} <= walk.resources.keys()


@pytest.mark.parametrize("odd", [None, "text", 7, [None, 3, "x"], {"@odata.id": 5}, {"@odata.id": ""}, [[[]]]])
async def test_links_of_the_wrong_shape_are_passed_over(odd):
    bodies = server()
    bodies[SYSTEM]["Memory"] = odd
    bodies[f"{SYSTEM}/Storage"]["Members"] = odd
    walk, _ = await walked(bodies)
    assert walk.finished
    assert key(f"{CHASSIS}/Thermal") in walk.resources


async def test_a_link_that_leads_away_is_told_and_not_followed():
    bodies = server()
    bodies[SYSTEM]["Memory"] = link("http://169.254.169.254/latest")
    walk, shelf = await walked(bodies)
    assert any("leads nowhere" in problem.reason for problem in walk.problems)
    assert not any("169" in path for path in shelf.asked)


async def test_what_is_told_elsewhere_is_skipped():
    walk, shelf = await walked(server(), skip=frozenset({key(f"{SYSTEM}/Memory"), "UpdateService"}))
    assert not any("Memory" in path or "UpdateService" in path for path in shelf.asked)
    assert ("Systems", f"{V1}/Systems") in walk.entrances


async def test_a_service_heavier_than_any_server_is_not_read_to_its_end():
    heavy = {f"/redfish/v1/Systems/{number}": {"Name": str(number)} for number in range(50)}
    members = [{"@odata.id": path} for path in heavy]
    tree = {
        "/redfish/v1": {"Systems": {"@odata.id": "/redfish/v1/Systems"}},
        "/redfish/v1/Systems": {"Members": members},
        **heavy,
    }

    class Heavy:
        asked = 0

        async def get(self, path):
            self.asked += 1
            return Resource(path, tree[path.rstrip("/")], ManualClock().now(), weight=MAX_WEIGHT // 10)

    fetch, walk = Heavy(), Walk(expand=Expand())
    walk.start()
    await walk.run(fetch)
    assert fetch.asked <= 12
    assert walk.finished
    assert "the rest is not read" in walk.problems[-1].reason


def with_processor_ports(bodies: dict[str, Json], count: int = 4) -> dict[str, Json]:
    """The server, with ports of a processor, which no walk asks for."""
    ports = [f"{SYSTEM}/Processors/1/Ports/{n}" for n in range(count)]
    bodies[f"{SYSTEM}/Processors/1"]["Ports"] = link(f"{SYSTEM}/Processors/1/Ports")
    bodies[f"{SYSTEM}/Processors/1/Ports"] = collection(f"{SYSTEM}/Processors/1/Ports", "Port", ports)
    bodies |= {path: resource(path, "Port", Status=ok()) for path in ports}
    return bodies


async def test_a_walk_keeps_the_same_resources_whether_or_not_they_come_expanded():
    plain, _ = await walked(with_processor_ports(server()))
    whole, _ = await walked(with_processor_ports(server(expand=6)), expand=6)
    assert plain.resources.keys() == whole.resources.keys()


@pytest.mark.parametrize(("health", "kept"), [("Critical", True), ("OK", False)])
async def test_what_is_ill_is_kept_where_expand_brings_it_unasked(health, kept):
    bodies, path = server(expand=6), f"{SYSTEM}/Memory/1/Assembly"
    bodies[f"{SYSTEM}/Memory/1"]["Assembly"] = link(path)
    bodies[path] = resource(path, "Assembly", Assemblies=[{"Name": "Board", "Status": {"Health": health}}])
    walk, _ = await walked(bodies, expand=6)
    assert (key(path) in walk.resources) is kept


async def test_a_collection_that_comes_inside_another_resource_is_read_once_more_and_not_member_by_member():
    bodies = server(expand=6, dimms=16)
    _, shelf = await walked(bodies, expand=2)
    assert f"{SYSTEM}/Memory?$expand=.($levels=2)" in shelf.asked
    assert f"{SYSTEM}/Memory/16" not in shelf.asked


async def test_firmware_named_like_something_not_followed_is_read():
    bodies = server(expand=6)
    path = f"{V1}/UpdateService/FirmwareInventory/BIOS"
    bodies[f"{V1}/UpdateService/FirmwareInventory"]["Members"].append(link(path))
    bodies[path] = resource(path, "SoftwareInventory", Version="2.1")
    walk, _ = await walked(bodies, expand=6)
    assert key(path) in walk.resources


async def test_the_ports_of_a_switch_that_joins_processors_are_read_in_trouble_alone():
    fabric = f"{V1}/Fabrics/F"
    ports = [f"{fabric}/Switches/S/Ports/{n}" for n in range(3)]
    bodies = server()
    bodies[f"{V1}/"]["Fabrics"] = link(f"{V1}/Fabrics")
    bodies[f"{V1}/Fabrics"] = collection(f"{V1}/Fabrics", "Fabric", [fabric])
    bodies[fabric] = resource(fabric, "Fabric", Switches=link(f"{fabric}/Switches"))
    bodies[f"{fabric}/Switches"] = collection(f"{fabric}/Switches", "Switch", [f"{fabric}/Switches/S"])
    bodies[f"{fabric}/Switches/S"] = resource(
        f"{fabric}/Switches/S", "Switch", SwitchType="NVLink", Status=ok(), Ports=link(f"{fabric}/Switches/S/Ports")
    )
    bodies[f"{fabric}/Switches/S/Ports"] = collection(f"{fabric}/Switches/S/Ports", "Port", ports)
    bodies |= {path: resource(path, "Port", Status=ok()) for path in ports}
    walk, _ = await walked(bodies)
    assert key(ports[0]) not in walk.resources
    bodies[f"{fabric}/Switches/S"]["Status"]["HealthRollup"] = "Warning"
    walk, _ = await walked(bodies)
    assert key(ports[0]) in walk.resources


@pytest.mark.parametrize(("kind", "read"), [("GPU", True), ("CPU", False), (None, False)])
async def test_an_accelerator_is_asked_for_its_own_temperature_and_power(kind, read):
    bodies, path = server(), f"{SYSTEM}/Processors/1/EnvironmentMetrics"
    bodies[f"{SYSTEM}/Processors/1"] |= {"ProcessorType": kind, "EnvironmentMetrics": link(path)}
    bodies[path] = resource(path, "EnvironmentMetrics", PowerWatts={"Reading": 300})
    walk, _ = await walked(bodies)
    assert (key(path) in walk.resources) is read
