"""What devices tell of the wire, as rows: written by its changes, and found again from either end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from fleetmon.clock import ManualClock
from fleetmon.model import (
    Component,
    ComponentHealth,
    Device,
    DeviceKind,
    Endpoint,
    Health,
    Neighbour,
    Part,
    Protocol,
    Station,
)
from fleetmon.storage import health, links
from fleetmon.storage.store import open_store
from fleetmon.topology import Verdict, connections

NOW = datetime(2026, 1, 6, 8, tzinfo=UTC)
MAC = "02:00:00:00:00:11"


def neighbour(port="Ethernet3", **said):
    plain = dict.fromkeys(
        ("chassis_id", "port_id", "port_description", "system_name", "system_description", "address"), ""
    )
    return Neighbour(port=port, **(plain | said))


def device(name, kind=DeviceKind.SERVER, cables=()):
    endpoint = Endpoint(protocol=Protocol.SNMP, address=f"snmp://{name}")
    return Device(device_id=name, name=name, kind=kind, endpoints=(endpoint,), cables=cables)


@pytest.fixture
async def store(tmp_path):
    store = await open_store(tmp_path, clock=ManualClock())
    await store.fleet.add_device(device("web-11", cables=(("NIC 1", "leaf-1/Ethernet3"),)))
    await store.fleet.add_device(device("leaf-1", DeviceKind.SWITCH))
    nic = Part(component=Component("Port", "NIC 1"), slot="", source="", properties={"mac_address": MAC.upper()})
    await store.state.write(lambda connection: health.put_parts(connection, "web-11", [nic]))
    yield store
    await store.close()


async def tell(store, at=NOW, *, neighbours=None, stations=None):
    await store.state.write(
        lambda connection: links.put(connection, "leaf-1", at, neighbours=neighbours, stations=stations)
    )


async def seen(store, of):
    found = connections(await store.links.wiring({of}))
    return [(str(one.near), one.verdict) for one in found if one.near.device_id == of]


async def test_a_cable_comes_back_with_its_device(store):
    assert (await store.fleet.device("web-11")).cables == (("NIC 1", "leaf-1/Ethernet3"),)


@pytest.mark.parametrize(
    "told",
    [{"neighbours": [neighbour(port_id=MAC)]}, {"neighbours": [neighbour(system_name="WEB-11", port_id="NIC 1")]},
     {"stations": [Station(port="Ethernet3", mac=MAC, vlan=7)]}],
)  # fmt: skip
async def test_a_link_is_found_from_either_end(store, told):
    await tell(store, **told)
    assert await seen(store, "web-11") == [("web-11/NIC 1", Verdict.AGREES)]
    assert await seen(store, "leaf-1") == [("leaf-1/Ethernet3", Verdict.AGREES)]


async def test_what_is_still_so_keeps_its_since_and_what_is_not_told_any_more_goes(store):
    await tell(store, neighbours=[neighbour(port_id=MAC)], stations=[Station(port="Ethernet9", mac=MAC)])
    later = NOW + timedelta(minutes=10)
    await tell(store, later, neighbours=[neighbour(port_id=MAC), neighbour("Ethernet4")], stations=[])
    wiring = await store.links.wiring({"leaf-1"})
    assert {one.neighbour.port: one.since for one in wiring.heard} == {"Ethernet3": NOW, "Ethernet4": later}
    assert wiring.learned == []
    assert wiring.looked_at == {"leaf-1": later}


async def test_what_was_not_asked_stays(store):
    await tell(store, neighbours=[neighbour(port_id=MAC)])
    await tell(store, NOW + timedelta(minutes=10), neighbours=None, stations=None)
    wiring = await store.links.wiring({"leaf-1"})
    assert len(wiring.heard) == 1
    assert wiring.looked_at == {"leaf-1": NOW}


async def test_an_address_with_a_crowd_before_it_hangs_elsewhere(store):
    await store.fleet.add_device(device("leaf-2", DeviceKind.SWITCH))
    many = [Station(port="Ethernet48", mac=f"02:00:00:00:01:{n:02x}") for n in range(9)]
    await tell(store, stations=[Station(port="Ethernet3", mac=MAC)])
    await store.state.write(
        lambda connection: links.put(
            connection, "leaf-2", NOW, neighbours=[], stations=[*many, Station(port="Ethernet48", mac=MAC)]
        )
    )
    assert await seen(store, "web-11") == [("web-11/NIC 1", Verdict.AGREES)]


async def test_a_removed_device_and_another_address_leave_nothing_of_the_wire(store):
    await tell(store, neighbours=[neighbour(port_id=MAC)], stations=[Station(port="Ethernet3", mac=MAC)])
    await store.fleet.remove_device("leaf-1")
    for table in ("neighbour", "station", "wire_look"):
        assert await store.state.read(f"SELECT 1 FROM {table}") == []


async def test_addresses_are_looked_up_and_not_searched_for(store):
    def plan(connection):
        return [
            row["detail"]
            for row in connection.execute(f"EXPLAIN QUERY PLAN {links._PORT} AND {links._MAC} IN ('a', 'b')").fetchall()
        ]

    assert any("component_by_mac" in line for line in await store.state.look(plan))


@pytest.mark.parametrize(
    ("half_a_day_ago", "state", "detail", "now"),
    [("down", "Enabled", "", "up"), ("up", "StandbyOffline", "no link", "down"), ("up", "InTest", "", "up")],
)
async def test_whether_a_port_has_a_link_is_what_was_told_last(store, half_a_day_ago, state, detail, now):
    port = Component("Port", "Ethernet3")
    told = Part(
        component=port, slot="", source="", properties={"mac_address": "02:00:00:00:00:99", "link": half_a_day_ago}
    )
    await store.state.write(lambda connection: health.put_parts(connection, "leaf-1", [told]))
    source = "1.3.6.1.2.1.2.2.1.8.3"
    one = ComponentHealth(component=port, health=Health.OK, state=state, detail=detail, taken_at=NOW, source=source)
    await store.state.write(lambda connection: health.put_health(connection, "leaf-1", [one]))
    (found,) = [one for one in (await store.links.wiring({"leaf-1"})).ports if one.device_id == "leaf-1"]
    assert found.link == now
