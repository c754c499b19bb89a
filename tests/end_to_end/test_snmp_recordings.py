"""Every recorded SNMP agent, read over the wire by the whole driver: nothing fails, every number is the recorded one.

All are served by the emulator's agent. A few are also served by snmpsim, whose way of answering is its own; all of them
with `pytest -m soak -k snmpsim`.
"""

from __future__ import annotations

import asyncio
import re
import resource
import shutil
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from emulator.snmp.serve import running_recordings
from fleetmon.clock import SystemClock
from fleetmon.drivers.base import Credentials, Opening, Request, Secret
from fleetmon.drivers.lane import Lane
from fleetmon.drivers.snmp.driver import SYS_OBJECT_ID, SnmpDriver
from fleetmon.drivers.snmp.parse.layout import lay_out, readings
from fleetmon.drivers.snmp.values import Value, text
from fleetmon.model import Aspect, Endpoint, Health, Observation, Protocol, Reachability, Reading
from tests.observations import START
from tests.recordings import ABSENT
from tests.snmp_captures import AGENTS, agent, names, profile_of, walk_of, whole
from tests.snmp_simulator import simulated
from tests.snmpd import COMMUNITY, snmpd

STEADY = frozenset({Aspect.HEARTBEAT, Aspect.SENSORS})
SEEN_WITH_SNMPSIM = (
    "apc_ap7900b.snmprec",
    "cumulus_mellanox.snmprec",
    "comware_a5500.snmprec",
    "centreon_hardware_pdu_cyberpower_snmp_CyberPower.snmpwalk",
)
PIECES = {
    "centreon_hardware_pdu_raritan_snmp_raritan.snmpwalk": "1.3.6.1.4.1.13742.6",
    "centreon_hardware_sensors_apc_snmp_sensors.snmpwalk": "1.3.6.1.4.1.318.1.3.8",
    "centreon_hardware_server_lenovo_xcc_snmp_system-health-critical.snmpwalk": "1.3.6.1.4.1.19046.11.1",
    "centreon_hardware_server_lenovo_xcc_snmp_system-health-nonRecoverable.snmpwalk": "1.3.6.1.4.1.19046.11.1",
    "centreon_hardware_server_lenovo_xcc_snmp_system-health-ok.snmpwalk": "1.3.6.1.4.1.19046.11.1",
    "centreon_hardware_ups_apc_snmp_ups-apc-battery-low.snmpwalk": "1.3.6.1.4.1.318.1.3.2",
    "centreon_hardware_ups_apc_snmp_ups-apc-battery-ok.snmpwalk": "1.3.6.1.4.1.318.1.3.2",
    "centreon_hardware_ups_apc_snmp_ups-apc-sensors.snmpwalk": "1.3.6.1.4.1.318.1.3.2",
    "centreon_network_aruba_aoscx_snmp_slim_aoscx-spanning-tree.snmpwalk": "1.3.6.1.4.1.47196.4.1.1",
}
"""Walks without the system group, and what its sysObjectID will have been."""


def driver_of(address: str, community: str) -> SnmpDriver:
    clock = SystemClock()
    return SnmpDriver(
        Opening(
            endpoint=Endpoint(protocol=Protocol.SNMP, address=address, verify="none"),
            credentials=Credentials(user="", password=Secret(community)),
            lane=Lane(device=f"{address} {community}", clock=clock),
            clock=clock,
        )
    )


async def polled_twice(address: str, community: str) -> tuple[Observation, Observation]:
    """The first look at everything, and a steady poll after it."""
    driver = driver_of(address, community)
    try:
        first = await driver.observe(Request(aspects=frozenset(Aspect)))
        return first, await driver.observe(Request(aspects=STEADY))
    finally:
        await driver.close()


def numbers(told: tuple[Reading, ...] | list[Reading]) -> dict[str, object]:
    return {f"{one.sensor.component} {one.sensor.name}": one.value for one in told}


def recorded_numbers(values: Mapping[str, Value]) -> dict[str, object]:
    """What the readings are by the file alone, without a wire and without a driver."""
    values = dict(values)
    layout = lay_out(profile := profile_of(values), whole(profile, values))
    return numbers(readings(layout, values, START))


def assert_read_whole(name: str, first: Observation, steady: Observation, object_id: str = "") -> None:
    for found in (first, steady):
        assert found.reachability is Reachability.REACHABLE, found.reason
        assert found.answered == found.asked
        assert not found.problems
    values = agent(name) | ({SYS_OBJECT_ID: object_id} if object_id else {})
    expected = recorded_numbers(values)
    assert numbers(first.readings) == expected
    assert numbers(steady.readings) == expected


@pytest.mark.parametrize("name", names() or ["none"])
async def test_a_recorded_agent_is_read_whole(name: str) -> None:
    if name == "none":
        pytest.skip(ABSENT)
    file = AGENTS / name
    async with running_recordings([file]) as agents:
        first, steady = await polled_twice(agents[file.stem].address, "public")
    assert_read_whole(name, first, steady)


@pytest.mark.parametrize(("name", "object_id"), PIECES.items())
async def test_a_piece_of_a_walk_is_read_as_what_it_is_a_piece_of(name: str, object_id: str, tmp_path: Path) -> None:
    file = tmp_path / name
    file.write_bytes(present(name).read_bytes().rstrip() + f"\n.{SYS_OBJECT_ID} = OID: .{object_id}\n".encode())
    async with running_recordings([file]) as agents:
        first, steady = await polled_twice(agents[file.stem].address, "public")
    assert_read_whole(name, first, steady, object_id)
    assert first.health or first.readings
    if "critical" in name:
        assert Health.CRITICAL in {one.health for one in first.health}


async def test_snmpsim_serving_recordings_is_read_whole() -> None:
    with simulated([present(name) for name in SEEN_WITH_SNMPSIM]) as address:
        for name in SEEN_WITH_SNMPSIM:
            assert_read_whole(name, *await polled_twice(address, Path(name).stem))


@pytest.mark.soak
async def test_snmpsim_serving_every_recording_is_read_whole() -> None:
    started, values = time.monotonic(), 0
    with simulated([present(name) for name in names()]) as address:
        for name in names():
            first, steady = await polled_twice(address, Path(name).stem)
            values += len(steady.readings)
            print(
                f"{name}: {first.requests} and {steady.requests} requests, {len(steady.readings)} readings", flush=True
            )
            if b":numeric|" in present(name).read_bytes():  # snmpsim lets these numbers move
                assert steady.readings
                assert not steady.problems
            else:
                assert_read_whole(name, first, steady)
    spent = resource.getrusage(resource.RUSAGE_SELF).ru_utime
    print(f"{len(names())} recordings, {values} readings, {time.monotonic() - started:.0f} s, {spent:.1f} s of our CPU")


def present(name: str) -> Path:
    if not (AGENTS / name).is_file():
        pytest.skip(ABSENT)
    return AGENTS / name


# ---- net-snmp's client beside us -------------------------------------------------------------------------------------


def net_snmp(program: str, address: str, community: str, *oids: str) -> dict[str, Value]:
    """What snmpbulkwalk or snmpget tells, by OID."""
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed (Debian: snmp)")
    command = [program, "-v2c", f"-c{community}", "-Onet", "-Oe", address.removeprefix("snmp://"), *oids]
    done = subprocess.run(
        command, capture_output=True, check=True, timeout=30, env={"MIBS": "", "PATH": "/usr/bin:/bin"}
    )
    return walk_of(done.stdout.decode("utf-8", "surrogateescape"))


async def test_our_numbers_of_a_recording_are_those_of_snmpbulkwalk() -> None:
    file = present("arista_eos_vrf.snmprec")
    async with running_recordings([file]) as agents:
        address = agents[file.stem].address
        walked = await asyncio.to_thread(net_snmp, "snmpbulkwalk", address, "public", "1")
        _, steady = await polled_twice(address, "public")
    assert len(steady.readings) > 300
    assert numbers(steady.readings) == recorded_numbers(walked)


async def test_our_numbers_of_snmpd_lie_between_two_readings_of_snmpget() -> None:
    with snmpd() as running:
        driver = driver_of(running.address, COMMUNITY)
        try:
            first = await driver.observe(Request(aspects=frozenset(Aspect)))
            assert not first.problems
            walked = await asyncio.to_thread(net_snmp, "snmpbulkwalk", running.address, COMMUNITY, "1")
            steady = await driver.observe(Request(aspects=STEADY))
            again = await asyncio.to_thread(net_snmp, "snmpbulkwalk", running.address, COMMUNITY, "1")
        finally:
            await driver.close()
    before, ours, after = recorded_numbers(walked), numbers(steady.readings), recorded_numbers(again)
    assert set(ours) == set(before) == set(after)
    counters = {name for name in ours if re.search(r"(in|out)$", name)}
    assert counters, text(walked.get("1.3.6.1.2.1.1.1.0"))
    for name in counters:
        assert before[name] <= ours[name] <= after[name], name  # type: ignore[operator]  # numbers, as told
    still = {name for name in ours if before[name] == after[name]}
    assert {name: ours[name] for name in still} == {name: before[name] for name in still}
