"""What `fleetmon poll ipmi://...` tells is what ipmitool and FreeIPMI read of the same BMC, value by value.

The BMCs are OpenIPMI's ipmi_sim with every recorded machine it can run, and our emulated ones. Where the two clients
differ from each other, the comment beside the exception says why we side with whom.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from emulator.run import running_fleet
from fleetmon.cli.poll import endpoint_of, observe
from fleetmon.cli.poll_report import as_object
from fleetmon.drivers.base import Credentials, Secret
from fleetmon.model import Aspect
from tests.emulator_client import EPOCH
from tests.ipmi_peers import ELSEWHERE, FreeIpmi, Ipmitool, ToldFru, ToldSensor
from tests.ipmi_sim import PASSWORD, USER, ipmi_sim, recorded, telling_machine

UNITS = {
    "degrees C": "Cel",
    "RPM": "{rev}/min",
    "Volts": "V",
    "Watts": "W",
    "Amps": "A",
    "percent": "%",
    "CFM": "[cft_i]/min",
}
LIMITS = {
    "LNR": "lower_fatal", "LCR": "lower_critical", "LNC": "lower_caution",
    "UNC": "upper_caution", "UCR": "upper_critical", "UNR": "upper_fatal",
}  # fmt: skip
ROUNDED = 0.0051
"""FreeIPMI prints two decimals, ipmitool three."""


@dataclass(frozen=True, slots=True)
class Read:
    """One BMC as three programs read it."""

    ours: dict[str, Any]
    ipmitool: list[ToldSensor]
    """Sensors that give numbers, in the order of the SDR."""
    freeipmi: list[ToldSensor]
    """The same ones."""
    unwell: list[str]
    """Sensors that FreeIPMI finds in a bad state, also those without a number; what is absent is no fault (F89)."""
    records: list[bytes]
    events: list[dict[str, str]]
    frus: list[ToldFru]
    freeipmi_frus: list[ToldFru]


async def read_by_all(
    address: str, user: str, password: str, folder: Path, *, cipher: int, workarounds: str = ""
) -> Read:
    """Read it with all three, one after the other."""
    ours = await polled(address, user, password)
    peers = Ipmitool(address, user, password, cipher), FreeIpmi(address, user, password, folder, cipher, workarounds)
    return await asyncio.to_thread(_read_by_peers, ours, *peers, folder)


def _read_by_peers(ours: dict[str, Any], ipmitool: Ipmitool, freeipmi: FreeIpmi, folder: Path) -> Read:
    sensors = freeipmi.sensors()
    return Read(
        ours,
        ipmitool.sensors(),
        [sensor for sensor in sensors if sensor.unit != "N/A"],
        [sensor.name for sensor in sensors if sensor.state in ("Warning", "Critical") and not sensor.of_presence],
        ipmitool.records(folder),
        freeipmi.events(),
        ipmitool.frus(),
        freeipmi.frus(),
    )


async def polled(address: str, user: str, password: str) -> dict[str, Any]:
    """The object of `fleetmon poll -o json`."""
    endpoint = endpoint_of(address, insecure=False, fingerprint=None)
    credentials = Credentials(user=user, password=Secret(password))
    return as_object(await observe(endpoint, credentials, frozenset(Aspect), 50))


# ---- how they agree --------------------------------------------------------------------------------------------------


def disagreements(read: Read) -> Iterator[str]:
    """Everything on which we and another program differ."""
    yield from _of_sensors(read)
    yield from _of_states(read)
    yield from _of_the_log(read)
    yield from _of_inventories(read)


def _of_sensors(read: Read) -> Iterator[str]:
    """Every sensor with a number: value, unit and all six thresholds."""
    ours = {reading["source"]: reading for reading in read.ours["readings"]}
    absent = [found["component"] for found in read.ours["health"] if found["state"] == "Absent"]
    told = list(_paired(read.ipmitool, read.freeipmi))
    for tool, free in told:
        where = f"sensor {tool.name!r} ({tool.number:02X}h, record {free.record})"
        reading = ours.pop(f"sdr/{free.record:04X}", None)
        if reading is None:
            if tool.value is not None and free.value is not None:
                yield f"{where}: ours has no such sensor, they read {tool.value}"
        elif reading["reason"] == "Absent" and reading["component"] in absent:
            continue  # an empty socket: the clients tell the 0 that stands in the answer, we tell that there is nothing
        else:
            yield from (f"{where}: {words}" for words in _of_one_sensor(reading, tool, free))
    yield from (f"{source}: only ours has it" for source in ours if source.startswith("sdr/"))


def _paired(ipmitool: list[ToldSensor], freeipmi: list[ToldSensor]) -> Iterator[tuple[ToldSensor, ToldSensor]]:
    """The same sensor as both tell it. Both go by the order of the SDR; FreeIPMI leaves out other controllers' ones."""
    left = iter(freeipmi)
    free = next(left, None)
    for tool in ipmitool:
        if free is not None and free.name == tool.name:
            yield tool, free
            free = next(left, None)
    assert free is None, f"{free} has no fellow"


def _of_one_sensor(reading: dict[str, Any], tool: ToldSensor, free: ToldSensor) -> Iterator[str]:
    if not _same(reading["value"], tool.value):
        yield f"ours {reading['value']} ({reading['reason']}), ipmitool {tool.value}"
    if free.value is not None and not _same(reading["value"], free.value):
        yield f"ours {reading['value']}, FreeIPMI {free.value}"
    if tool.unit and reading["unit"] != UNITS.get(tool.unit) and not _is_margin(tool):
        yield f"ours in {reading['unit']}, ipmitool in {tool.unit}"
    for short, long in LIMITS.items():
        limit = reading["thresholds"].get(long)
        for who, told in (("ipmitool", tool), ("FreeIPMI", free)):
            if short in told.limits and not _same(limit, told.limits[short]):
                yield f"{long}: ours {limit}, {who} {told.limits[short]}"
        if limit is not None and tool.value is not None and short not in tool.limits and short not in free.limits:
            yield f"{long}: ours {limit}, neither of them has one"


def _is_margin(tool: ToldSensor) -> bool:
    """Degrees below a limit are no temperature: ours tells the number, and no unit."""
    return tool.unit == "degrees C" and any(word in tool.name.lower() for word in ("margin", "mrgn", "mgn"))


def _of_states(read: Read) -> Iterator[str]:
    """Every sensor FreeIPMI finds in a bad state makes a component unwell here, and the other way round."""
    unwell = [found for found in read.ours["health"] if found["health"] in ("Warning", "Critical")]
    if bool(unwell) != bool(read.unwell):
        yield f"unwell: ours {[found['component']['name'] for found in unwell]}, FreeIPMI {read.unwell}"


def _of_the_log(read: Read) -> Iterator[str]:
    """Every record of the SEL by its id, in its order, and the sensor it speaks of."""
    ours = read.ours["events"]
    ids = [str(int.from_bytes(record[:2], "little")) for record in read.records]
    if [event["record_id"] for event in ours] != ids:
        yield f"log: ours has records {[event['record_id'] for event in ours][:8]}..., ipmitool {ids[:8]}..."
        return
    if len(read.events) != len(ids):
        yield f"log: FreeIPMI has {len(read.events)} records, ipmitool {len(ids)}"
    for event, told in zip(ours, read.events, strict=False):
        if not _speaks_of(event, told):
            theirs = f"{told['Name']!r} {told['Event']!r}"
            yield f"log record {event['record_id']}: ours {event['message']!r}, FreeIPMI {theirs}"


def _speaks_of(event: dict[str, Any], told: dict[str, str]) -> bool:
    """Does our message name the same sensor? FreeIPMI numbers the sensors that share a record behind their name."""
    names = {told["Name"], re.sub(r" \d+$", "", told["Name"])}
    said = event["message"] + str(event["component"])
    return told["Name"].startswith(("Sensor #", "N/A")) or any(name in said for name in names)


def _of_inventories(read: Read) -> Iterator[str]:
    """Every serial and part number that both programs read of an inventory stands in ours."""
    inventory = read.ours["inventory"]
    said = {str(value) for part in [inventory["identity"], *inventory["parts"]] for value in part.values()}
    others = {fru.number: set(fru.fields.values()) for fru in read.freeipmi_frus}
    for fru in read.frus:
        for field, value in fru.fields.items():
            wanted = (
                field.endswith(("Serial", "Part Number")) and value in others.get(fru.number, ()) and value.strip(".")
            )
            if wanted and fru.number != ELSEWHERE and value not in said:
                yield f"FRU {fru.number} ({fru.name}): {field} {value!r} is not in ours"


def _same(ours: float | None, theirs: float | None) -> bool:
    if ours is None or theirs is None:
        return ours is theirs
    return abs(ours - theirs) <= ROUNDED


# ---- ipmi_sim --------------------------------------------------------------------------------------------------------

OLDER = {"cipher": 3, "workarounds": "opensesspriv"}
"""What ipmi_sim wants of its clients."""


@pytest.mark.parametrize("machine", recorded(), ids=lambda machine: machine.stem)
async def test_a_recorded_machine_is_read_as_ipmitool_and_freeipmi_read_it(machine: Path, tmp_path: Path) -> None:
    with ipmi_sim(machine) as bmc:
        read = await read_by_all(bmc.address, USER, PASSWORD, tmp_path, **OLDER)
    assert read.ours["reachability"] == "reachable"
    assert list(disagreements(read)) == []


async def test_a_machine_of_our_own_is_read_as_they_read_it(tmp_path: Path) -> None:
    with ipmi_sim(telling_machine(7)) as bmc:
        read = await read_by_all(bmc.address, USER, PASSWORD, tmp_path, **OLDER)
    assert len(read.ours["readings"]) == 40
    assert list(disagreements(read)) == []


# ---- the emulator ----------------------------------------------------------------------------------------------------

FAULTS: dict[str, dict[str, Any]] = {
    "plain-01": {"fault": "fail_drive", "bay": 1},
    "old-01": {"fault": "fail_power_supply"},
    "store-01": {"fault": "predict_drive", "bay": 0},
    "node-02": {},
    "gpu-01": {"fault": "fail_fan"},
    "dell-01": {"fault": "fail_drive", "bay": 0},
    "hpe-01": {"fault": "fail_fan"},
    "lenovo-01": {},
    "supermicro-01": {"fault": "fail_power_supply"},
    "openbmc-01": {"fault": "ecc_errors"},
    "ami-01": {},
    "cisco-01": {"fault": "overheat"},
    "huawei-01": {"fault": "fail_drive", "bay": 2},
    "fujitsu-01": {},
}
"""One machine of each way of speaking IPMI, and what is wrong with it while it is read."""


@pytest.mark.parametrize("machine", FAULTS)
async def test_an_emulated_machine_is_read_as_ipmitool_and_freeipmi_read_it(machine: str, tmp_path: Path) -> None:
    async with running_fleet("ipmi_rack", real=lambda: EPOCH) as fleet:
        if FAULTS[machine]:
            fleet.strike(machine=machine, **FAULTS[machine])
        fleet.advance(60)
        lan = fleet.bmc(machine).lan
        assert lan is not None
        suite = fleet.machine(machine).family.ipmi.ciphers[-1]
        read = await read_by_all(lan.address, fleet.user, fleet.password, tmp_path, cipher=suite)
    assert len(read.ipmitool) >= 30
    assert list(disagreements(read)) == []
