"""ipmitool and FreeIPMI read the emulated machine itself: chassis, events, DCMI, and what they change is changed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from emulator.ipmi.truth import over_ipmi
from emulator.run import RunningFleet, running_fleet
from tests.emulator_client import EPOCH
from tests.ipmi_peers import FreeIpmi, Ipmitool

FAULTS = ({"fault": "fail_drive", "bay": 1}, {"fault": "fail_fan", "name": "Fan 2"}, {"fault": "open_chassis"})
MACHINES = ("plain-01", "store-01", "dell-01", "openbmc-01")


@pytest.fixture
async def fleet() -> AsyncIterator[RunningFleet]:
    async with running_fleet("ipmi_rack", real=lambda: EPOCH) as fleet:
        yield fleet


async def say(fleet: RunningFleet, machine: str, *command: str) -> str:
    """What ipmitool prints of a machine."""
    suite = fleet.machine(machine).family.ipmi.ciphers[-1]
    tool = Ipmitool(fleet.ipmi(machine), fleet.user, fleet.password, suite)
    return await asyncio.to_thread(tool.run, *command)


def table(text: str) -> dict[str, str]:
    """`name : value` lines."""
    pairs = (line.split(":", 1) for line in text.splitlines() if ":" in line)
    return {name.strip(): value.strip() for name, value in pairs}


@pytest.mark.parametrize("machine", MACHINES)
async def test_the_chassis_tells_its_faults_to_both(fleet: RunningFleet, machine: str, tmp_path: Path) -> None:
    for fault in FAULTS:
        fleet.strike(machine=machine, **fault)
    told = table(await say(fleet, machine, "chassis", "status"))
    names = ("System Power", "Main Power Fault", "Drive Fault", "Cooling/Fan Fault", "Chassis Intrusion")
    assert [told[name] for name in names] == ["on", "false", "true", "true", "active"]
    suite = fleet.machine(machine).family.ipmi.ciphers[-1]
    free = FreeIpmi(fleet.ipmi(machine), fleet.user, fleet.password, tmp_path, suite)
    told = table(await asyncio.to_thread(free.run, "ipmi-chassis", "--get-chassis-status"))
    names = ("System Power", "Power fault", "Drive Fault", "Cooling/fan fault", "Chassis intrusion")
    assert [told[name] for name in names] == ["on", "false", "true", "true", "active"]


@pytest.mark.parametrize("machine", MACHINES)
async def test_every_record_of_the_sel_is_named_by_its_sensor(fleet: RunningFleet, machine: str) -> None:
    for fault in FAULTS:
        fleet.strike(machine=machine, **fault)
    controller = fleet.bmc(machine).controller
    assert controller is not None
    truth = over_ipmi(controller)
    names = {sensor["number"]: sensor["name"] for sensor in truth["sensors"]}
    lines = (await say(fleet, machine, "sel", "elist")).splitlines()
    assert len(lines) == len(truth["sel"]) >= 6
    for line, record in zip(lines, truth["sel"], strict=True):
        number, _, _, subject, event, *_ = (word.strip() for word in line.split("|"))
        assert int(number, 16) == record["id"]
        assert subject.endswith(names[int(record["record"][22:24], 16)])
        assert event
    said = [line.split("|")[3:5] for line in lines[3:]]
    assert [event.strip() for _, event in said if "Drive" in event or "going" in event] == [
        "Drive Fault",
        "Lower Critical going low",
    ]


@pytest.mark.parametrize("machine", ["plain-01", "dell-01"])
async def test_dcmi_tells_the_watts_that_the_machine_draws(fleet: RunningFleet, machine: str) -> None:
    told = table(await say(fleet, machine, "dcmi", "power", "reading"))
    watts = fleet.machine(machine).reading("TotalPower")
    assert watts is not None
    assert told["Instantaneous power reading"] == f"{round(watts)} Watts"
    assert told["Power reading state is"] == "activated"


async def test_what_ipmitool_changes_is_changed(fleet: RunningFleet) -> None:
    machine = fleet.machine("plain-01")
    await say(fleet, "plain-01", "chassis", "power", "soft")
    fleet.advance(20)
    assert machine.power.state == "Off"
    rows = fleet.ledger.since(0, what="power_command")
    assert [row["reset_type"] for row in rows] == ["GracefulShutdown"]
    assert rows[0]["source"].startswith(f"{fleet.user}@127.0.0.1:")
    await say(fleet, "plain-01", "sel", "clear")
    assert [entry.message_id for entry in machine.logs["event"].entries] == ["Platform.1.0.LogCleared"]
    await say(fleet, "plain-01", "dcmi", "set_asset_tag", "row A, rack 1")
    assert machine.asset_tag == "row A, rack 1"
    await say(fleet, "plain-01", "sensor", "thresh", "Inlet Temp", "unc", "30")
    assert "| 30.000    |" in (await say(fleet, "plain-01", "sensor", "list")).splitlines()[0]


async def test_the_inventory_is_the_machines_own(fleet: RunningFleet) -> None:
    for name in ("plain-01", "store-01", "fujitsu-01"):
        told, machine = table(await say(fleet, name, "fru", "print", "0")), fleet.machine(name)
        assert told["Product Serial"] == told["Chassis Serial"] == machine.serial
        assert (told["Product Manufacturer"], told["Product Name"]) == (machine.family.vendor, machine.family.model)
