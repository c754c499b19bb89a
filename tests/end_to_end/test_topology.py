"""The whole way: an emulated rack is polled over Redfish and SNMP, and its links are told from the wire."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import httpx
import pytest

from emulator.fleet import parse_fleet
from emulator.run import running_fleet
from fleetmon.app import running
from fleetmon.clock import SystemClock
from fleetmon.settings import Listen, Polling, Settings

PLAN = parse_fleet(
    {
        "site": [{"name": "core-1"}],
        "rack": [
            {
                "name": "R01",
                "servers": ["web-{01..02} = halden-w1 @ 10"],
                "switches": ["sw-{rack}-a = arista-eos @ 41"],
                "pdus": ["pdu-{rack}-a = apc-rpdu2-48 on A", "pdu-{rack}-b = apc-rpdu2-48 on B"],
            }
        ],
    }
)


@pytest.fixture
async def fleet():
    async with running_fleet(PLAN) as fleet:
        yield fleet


@pytest.fixture
async def api(fleet, tmp_path):
    settings = Settings(
        data=tmp_path / "data",
        configuration=tmp_path / "configuration",
        listen=Listen(port=0),
        polling=Polling(request_timeout=timedelta(seconds=5), connect_timeout=timedelta(seconds=2)),
    )
    async with (
        running(settings, clock=SystemClock()) as service,
        httpx.AsyncClient(base_url=f"{service.url}/api/v1", timeout=20) as client,
    ):
        await client.put("/credentials/bmc", json={"user": fleet.user, "password": fleet.password})
        await client.put("/credentials/snmp", json={"user": "", "password": fleet.password})
        yield client


def server(fleet, name, **more):
    return {
        "name": name,
        "kind": "server",
        "endpoints": [{"address": fleet.address(name), "credential": "bmc"}],
        **more,
    }


def agent(fleet, name, kind, **more):
    endpoint = {"protocol": "snmp", "address": fleet.snmp(name), "credential": "snmp"}
    return {"name": name, "kind": kind, "endpoints": [endpoint], **more}


async def links(api, device, wanted):
    """The links of a device by its own component, as soon as there are so many."""
    async with asyncio.timeout(40):
        while True:
            rows = (await api.get(f"/devices/{device}/links")).json()["items"]
            if len(found := {row["end"]["component"]: row for row in rows if wanted(row)}) >= 2:
                return found
            await asyncio.sleep(0.2)


async def test_what_hangs_on_what_is_told_from_the_wire_and_a_wrong_cable_is_named(fleet, api):
    site = (await api.post("/sites", json={"name": "core-1"})).json()["site_id"]
    assert (await api.post("/racks", json={"name": "R01", "site_id": site, "height_u": 42})).status_code == 201
    swapped = {"NIC Port 1": "sw-r01-a/Ethernet1", "NIC Port 2": "sw-r01-a/Ethernet7", "PSU 1": "pdu-r01-a/Outlet 1"}
    for draft in (
        server(fleet, "web-01", rack_id="R01", cables=swapped),
        server(fleet, "web-02", rack_id="R01"),
        agent(fleet, "sw-r01-a", "switch", rack_id="R01"),
        agent(fleet, "pdu-r01-a", "pdu", rack_id="R01", cables={"Inlet": "A"}),
        agent(fleet, "pdu-r01-b", "pdu", rack_id="R01"),
    ):
        answer = await api.post("/devices", json=draft)
        assert answer.status_code == 201, answer.text

    found = await links(api, "web-01", lambda row: row["seen"] and row["seen"]["source"] == "neighbour")
    assert found["NIC Port 1"]["verdict"] == "agrees"
    assert found["NIC Port 2"]["reason"] == "web-01/NIC Port 2 is on sw-r01-a/Ethernet2, not on sw-r01-a/Ethernet7"
    assert found["NIC Port 2"]["seen"]["seen_at"] is not None

    plugs = await links(api, "web-02", lambda row: row["seen"] and row["seen"]["source"] == "label")
    told = {name: (row["seen"]["to"]["device"], row["seen"]["to"]["component"]) for name, row in plugs.items()}
    assert told == {"PSU 1": ("pdu-r01-a", "Outlet 2"), "PSU 2": ("pdu-r01-b", "Outlet 2")}
    assert plugs["PSU 1"]["feed"] == "A"

    odd = (await api.get("/topology", params={"rack": "R01", "differing": True})).json()["items"]
    assert [row["end"]["component"] for row in odd] == ["NIC Port 2"]
