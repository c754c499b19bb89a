"""sushy, which drives servers in data centers, finds in a machine what the ledger knows to be there."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import sushy

from emulator.run import RunningFleet, running_fleet
from tests.contract.test_emulator_independent_clients import MACHINES, certificate

HOT = 1_790_000_000.0
"""Where time stands still, so that what is read and what is true do not drift apart."""


async def looked(fleet: RunningFleet, machine: str, folder: Path, look: Callable[[Any], Any]) -> Any:
    """What a look with sushy gives, over TLS with the certificate checked, signed in by session and out again."""
    trusted = await certificate(fleet, machine, folder)

    def whole() -> Any:
        auth = sushy.auth.SessionAuth(fleet.user, fleet.password)
        service = sushy.Sushy(fleet.address(machine), verify=trusted, auth=auth)
        try:
            return look(service)
        finally:
            auth.close()

    found = await asyncio.to_thread(whole)
    assert fleet.bmc(machine).tally.sessions.most == 1
    assert not fleet.bmc(machine).living_sessions()
    return found


def system_of(service: Any) -> Any:
    """The one system of a machine."""
    return service.get_system_collection().get_members()[0]


@pytest.mark.parametrize("machine", MACHINES)
async def test_processors_memory_ports_and_drives_are_as_many_as_there_are(machine: str, tmp_path: Path) -> None:
    async with running_fleet("one_rack", real=lambda: HOT) as fleet:

        def look(service: Any) -> tuple[Any, ...]:
            system = system_of(service)
            storage = system.storage.get_members()[0]
            return (
                len(system.processors.get_members()),
                system.memory_summary.size_gib,
                len(system.ethernet_interfaces.get_members()),
                sorted(drive.serial_number for drive in storage.drives),
                sum(volume.capacity_bytes for volume in storage.volumes.get_members()) > 0,
                service.get_update_service().firmware_inventory.get_members()[0].version != "",
            )

        truth = fleet.machine(machine)
        family = truth.family
        assert await looked(fleet, machine, tmp_path, look) == (
            family.processors + family.gpus,
            family.dimms * family.dimm_gib,
            family.ports,
            sorted(drive.serial for drive in truth.parts.drives),
            True,
            True,
        )


@pytest.mark.parametrize("machine", ["web-01", "store-01", "ci-01"])
async def test_temperatures_fans_and_supplies_read_as_they_are(machine: str, tmp_path: Path) -> None:
    async with running_fleet("one_rack", real=lambda: HOT) as fleet:

        def look(service: Any) -> tuple[list[float], list[float], list[float]]:
            chassis = service.get_chassis_collection().get_members()[0]
            return (
                [row.reading_celsius for row in chassis.thermal.temperatures],
                [row.reading for row in chassis.thermal.fans],
                [row.line_input_voltage for row in chassis.power.power_supplies],
            )

        temperatures, fans, volts = await looked(fleet, machine, tmp_path, look)
        truth = fleet.machine(machine)
        rows = dict(zip((row.key for row in truth.sensors.rows), truth.readings(), strict=True))
        types = {row.key: row.type for row in truth.sensors.rows}
        assert temperatures == pytest.approx([rows[key] for key in rows if types[key] == "Temperature"], abs=0.6)
        assert fans == pytest.approx([rows[f"Fan{n + 1}"] for n in range(truth.family.fans)], abs=1)
        assert volts == pytest.approx([rows[f"PSU{n + 1}InputVoltage"] for n in range(truth.family.supplies)], abs=1)


@pytest.mark.parametrize("machine", MACHINES)
async def test_the_power_is_switched_off_and_on_by_what_the_firmware_offers(machine: str, tmp_path: Path) -> None:
    async with running_fleet("one_rack", real=lambda: HOT) as fleet:
        states = []
        for reset in (sushy.RESET_TYPE_FORCE_OFF, sushy.RESET_TYPE_ON):

            def switch(service: Any, reset: Any = reset) -> bool:
                system = system_of(service)
                offered = reset in system.get_allowed_reset_system_values()
                system.reset_system(reset)
                return offered

            assert await looked(fleet, machine, tmp_path, switch)
            fleet.advance(60)
            states.append(await looked(fleet, machine, tmp_path, lambda service: system_of(service).power_state))
        assert states == [sushy.SYSTEM_POWER_STATE_OFF, sushy.SYSTEM_POWER_STATE_ON]


@contextlib.contextmanager
def receiver() -> Iterator[tuple[str, list[bytes], threading.Event]]:
    """A plain HTTP server that keeps what is posted to it."""
    got: list[bytes] = []
    came = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # the name http.server calls
            got.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(204)
            self.end_headers()
            came.set()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # as http.server names it
            """Says nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/events", got, came
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.mark.parametrize("machine", ["web-01", "gpu-01", "store-01", "ci-01"])
async def test_a_subscription_of_sushy_is_told_and_ends(machine: str, tmp_path: Path) -> None:
    async with running_fleet("one_rack", real=lambda: HOT) as fleet:
        with receiver() as (address, got, came):

            def look(service: Any) -> tuple[bool, int, int]:
                events = service.get_event_service()
                wish = {"Destination": address, "Protocol": "Redfish", "Context": "sushy", "EventTypes": ["Alert"]}
                made = events.subscriptions.create(wish)
                there = len(events.subscriptions.get_members())
                events.submit_test_event(
                    "1", "2026-11-21T00:00:00Z", "Alert", "Hello", [], "Ours.1.0.Hello", "/redfish/v1/Systems", "OK"
                )
                assert came.wait(5)
                made.delete()
                events.subscriptions.refresh(force=True)
                return made.context == "sushy", there, len(events.subscriptions.get_members())

            assert await looked(fleet, machine, tmp_path, look) == (True, 1, 0)
            assert b"Ours.1.0.Hello" in got[0]
