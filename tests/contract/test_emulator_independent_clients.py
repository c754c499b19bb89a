"""Clients written by others find their way through the emulator, with certificates checked."""

from __future__ import annotations

import asyncio
import json
import ssl
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import redfish
import requests
import sseclient
import sushy

from emulator.run import RunningFleet, running_fleet

MACHINES = ["web-01", "db-a01", "db-c01", "store-01", "gpu-01", "ci-01"]


async def certificate(fleet: RunningFleet, machine: str, folder: Path) -> str:
    """The machine's certificate in a file, as a client would pin it."""
    port = urlsplit(fleet.address(machine)).port
    text = await asyncio.to_thread(ssl.get_server_certificate, ("127.0.0.1", port))
    path = folder / "bmc.pem"
    path.write_text(text)
    return str(path)


@pytest.mark.parametrize("machine", MACHINES)
async def test_sushy_reads_system_storage_chassis_and_manager(machine: str, tmp_path: Path) -> None:
    async with running_fleet("one_rack") as fleet:
        trusted = await certificate(fleet, machine, tmp_path)

        def look() -> tuple[str, str, int, int, str]:
            auth = sushy.auth.SessionOrBasicAuth(fleet.user, fleet.password)
            service = sushy.Sushy(fleet.address(machine), verify=trusted, auth=auth)
            system = service.get_system_collection().get_members()[0]
            storage = system.storage.get_members()[0]
            manager = service.get_manager_collection().get_members()[0]
            chassis = service.get_chassis_collection().get_members()[0]
            assert chassis.model == system.model
            drives, volumes = len(storage.drives), len(storage.volumes.get_members())
            auth.close()
            return str(system.power_state), system.serial_number, drives, volumes, manager.firmware_version

        power, serial, drives, volumes, firmware = await asyncio.to_thread(look)
        truth = fleet.machine(machine)
        assert "ON" in power.upper()
        assert (serial, firmware) == (truth.serial, truth.family.firmware)
        assert (drives, volumes) == (truth.family.bays, len(truth.family.raid))


async def test_sushy_switches_a_machine_off_and_finds_it_off(tmp_path: Path) -> None:
    async with running_fleet("one_server") as fleet:
        trusted = await certificate(fleet, "web-01", tmp_path)
        auth = sushy.auth.SessionOrBasicAuth(fleet.user, fleet.password)

        def switch_off() -> sushy.resources.system.system.System:
            service = sushy.Sushy(fleet.address("web-01"), verify=trusted, auth=auth)
            system = service.get_system_collection().get_members()[0]
            system.reset_system(sushy.RESET_TYPE_FORCE_OFF)
            return system

        found = await asyncio.to_thread(switch_off)
        fleet.advance(10)
        await asyncio.to_thread(found.refresh, force=True)
        assert found.power_state == sushy.SYSTEM_POWER_STATE_OFF
        await asyncio.to_thread(auth.close)


@pytest.mark.parametrize("machine", MACHINES)
async def test_the_dmtf_client_signs_in_and_out(machine: str, tmp_path: Path) -> None:
    async with running_fleet("one_rack") as fleet:
        trusted = await certificate(fleet, machine, tmp_path)

        def look() -> int:
            client = redfish.redfish_client(
                base_url=fleet.address(machine), username=fleet.user, password=fleet.password, cafile=trusted
            )
            client.login(auth="session")
            status = client.get("/redfish/v1/Systems").status
            client.logout()
            return int(status)

        assert await asyncio.to_thread(look) == 200
        whats = [row["what"] for row in fleet.ledger.since(0, machine=machine, requests=False)]
        assert whats.count("login") == 1
        assert whats.count("logout") == 1
        assert not fleet.bmc(machine).living_sessions()


@pytest.mark.parametrize(("name", "machine"), [("one_rack", "web-01"), ("vendors", "lenovo-xcc-01")])
async def test_an_event_stream_client_reads_events_comments_and_all(name: str, machine: str, tmp_path: Path) -> None:
    async with running_fleet(name) as fleet:
        trusted = await certificate(fleet, machine, tmp_path)
        loop = asyncio.get_running_loop()

        def look() -> list[tuple[str, str]]:
            service = requests.Session()
            service.auth, service.verify, service.trust_env = (fleet.user, fleet.password), trusted, False
            uri = service.get(f"{fleet.address(machine)}/redfish/v1/EventService").json()["ServerSentEventUri"]
            with service.get(fleet.address(machine) + uri, stream=True, timeout=10) as stream:
                loop.call_soon_threadsafe(fleet.advance, 60)
                loop.call_soon_threadsafe(lambda: fleet.strike(machine=machine, fault="predict_drive", bay=0))
                events = sseclient.SSEClient(stream).events()
                told = [next(events), next(events)]
            return [(event.id, json.loads(event.data)["Events"][0]["EventType"]) for event in told]

        assert await asyncio.to_thread(look) == [("1", "Alert"), ("2", "StatusChange")]
