"""Every accent and kind of the emulator, asked in this process: trees hold together, rows show, faults are told."""

from __future__ import annotations

import base64
import inspect
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import emulator
from emulator.accents.families import FAMILIES
from emulator.accents.model import Accent, Family
from emulator.accents.plain import PLAIN_FAMILIES
from emulator.clock import Clock
from emulator.faults import Fleet
from emulator.fleet import parse_fleet, read_fleet
from emulator.plant import Plant
from emulator.redfish.tree import tree_of
from emulator.server import Reply, Request
from emulator.truth import rarer_parts, told_paths
from tests.emulator_client import EPOCH

BASIC = {"authorization": "Basic " + base64.b64encode(b"operator:emulated").decode()}
PLAIN = {family.name for family in PLAIN_FAMILIES}
ACCENTED = [family for family in FAMILIES.values() if family.name not in PLAIN and family.name != "blade"]
SERVERS = [family for family in ACCENTED if family.kind == "server" and family.processors]

Documents = dict[str, Any]


def fleet_of(*families: str) -> Fleet:
    """One machine of each family, `m1` and so on, whose clock stands still."""
    servers = [f"m{n} = {f} @ {10 * n - 9}" for n, f in enumerate(families, 1)]
    rack = {"name": "R1", "height_u": 10 * len(families), "servers": servers}
    return Fleet(Plant(parse_fleet({"site": [{"name": "s"}], "rack": [rack]}), Clock(lambda: EPOCH)))


async def ask(fleet: Fleet, path: str, *, machine: str = "m1", method: str = "GET", body: Any = None) -> Reply:
    """The BMC's reply, faults and all."""
    raw = b"" if body is None else json.dumps(body).encode()
    outcome = fleet.bmcs[machine].serve(Request(method, path, BASIC, raw, "127.0.0.1:9"))
    reply = await outcome if inspect.isawaitable(outcome) else outcome
    assert isinstance(reply, Reply)
    return reply


def _read(reply: Reply) -> Any:
    assert isinstance(reply.body, bytes)
    return json.loads(reply.body)


async def document_at(fleet: Fleet, path: str, *, machine: str = "m1") -> Any:
    """The document at a path."""
    reply = await ask(fleet, path, machine=machine)
    assert reply.status == 200, path
    return _read(reply)


def links(value: Any) -> Iterator[str]:
    """Every link in a document that leads to a resource."""
    if isinstance(value, list):
        for item in value:
            yield from links(item)
    elif isinstance(value, dict):
        for key in ("@odata.id", "Members@odata.nextLink", "DataSourceUri", "Uri", "href", "@Redfish.ActionInfo"):
            if isinstance(value.get(key), str) and "#" not in value[key]:
                yield value[key]
        for item in value.values():
            yield from links(item)


async def everything(fleet: Fleet, machine: str = "m1") -> Documents:
    """Every document that links lead to; a status where there is none."""
    seen: Documents = {}
    waiting = ["/redfish/v1"]
    while waiting:
        path = waiting.pop().rstrip("/")
        if path not in seen:
            reply = await ask(fleet, path, machine=machine)
            seen[path] = _read(reply) if reply.status == 200 else reply.status
            waiting += links(seen[path])
    return seen


@pytest.mark.parametrize("family", ACCENTED, ids=lambda family: family.name)
async def test_every_link_of_an_accent_leads_somewhere_and_every_resource_names_itself(family: Family) -> None:
    seen = await everything(fleet_of(family.name))
    broken = [row.match["path"] for row in family.accents if "status" in row.fault]
    astray = [path for path, told in seen.items() if isinstance(told, int)]
    assert [path for path in astray if not any(path.endswith(end) for end in broken)] == []
    assert len(astray) == len(broken)
    for path, document in seen.items():
        if "?" not in path and isinstance(document, dict) and "@odata.id" in document:
            assert document["@odata.id"].rstrip("/") == path
    assert len(seen) > 100


@contextmanager
def without(family: Family, row: Accent) -> Iterator[None]:
    """The family without one of its rows, by the same name."""
    rest = tuple(other for other in family.accents if other is not row)
    try:
        FAMILIES[family.name] = replace(family, accents=rest)
        tree_of.cache_clear()
        yield
    finally:
        FAMILIES[family.name] = family
        tree_of.cache_clear()


async def peculiarities(family_name: str) -> dict[str, str]:
    """What a client can see of a family: every document, some answers' headers, and refusals."""
    fleet = fleet_of(family_name)
    for detector in fleet.plant.machines["m1"].parts.leak_detectors[:1]:
        fleet.strike({"machine": "m1", "fault": "leak", "name": detector.name})
    seen = {path: json.dumps(told) for path, told in (await everything(fleet)).items()}
    root, gone = await ask(fleet, "/redfish/v1"), await ask(fleet, "/redfish/v1/Nowhere")
    policies = {name: value for fault in fleet.bmcs["m1"].wire for name, value in fault.policies.items()}
    return {**seen, "root": repr(root.headers), "gone": repr(gone.body), "policies": repr(policies)}


@pytest.mark.parametrize("family", ACCENTED, ids=lambda family: family.name)
async def test_every_row_of_an_accent_can_be_seen_from_outside(family: Family) -> None:
    told = await peculiarities(family.name)
    for row in family.accents:
        with without(family, row):
            plain = await peculiarities(family.name)
        changed = {what for what in told.keys() | plain.keys() if told.get(what) != plain.get(what)}
        assert changed, f"{row.name} changes nothing"
        assert row.evidence, row.name


SILENT = {("supermicro-x10", "fail_drive"), ("supermicro-x10", "predict_drive"), ("supermicro-x10", "wear_drive"),
    ("dpu", "fail_fan"), ("dpu", "fail_power_supply")}  # fmt: skip
"""What a firmware tells in its log alone, or a machine has not."""
TOLD_ELSEWHERE = {("gpu-hgx", "fail_power_supply")}
"""What the part's own resource has no word for, and sensors and redundancy have."""
STRIKES: dict[str, dict[str, Any]] = {
    "fail_drive": {"bay": 0},
    "predict_drive": {"bay": 0},
    "wear_drive": {"bay": 0, "percent": 4.0},
    "fail_fan": {},
    "fail_power_supply": {},
    "overheat": {"celsius": 25.0},
    "ecc_errors": {"count": 500, "uncorrected": 1},
}


@pytest.mark.parametrize("family", SERVERS, ids=lambda family: family.name)
async def test_what_breaks_is_told_in_every_accent(family: Family) -> None:
    for fault, fields in STRIKES.items():
        if (family.name, fault) in SILENT:
            continue
        fleet = fleet_of(family.name)
        fleet.plant.clock.hold(EPOCH)
        before = await everything(fleet)
        fleet.strike({"machine": "m1", "fault": fault, **fields})
        fleet.plant.clock.hold(EPOCH + 600)
        fleet.plant.agenda.settle()
        after = await everything(fleet)
        changed = {path for path in before if before[path] != after.get(path) and "/Log" not in path}
        assert changed, f"{family.name} does not tell of {fault}"
        part = {"fail_drive": "Drive Bay 0", "fail_fan": "Fan 1", "fail_power_supply": "PSU 1"}.get(fault, "")
        path = told_paths(fleet.bmcs["m1"]).get(part, "").partition("#")[0]
        elsewhere = (family.name, fault) in TOLD_ELSEWHERE
        assert not path or elsewhere or path in changed, (family.name, fault, path)


async def test_a_log_entry_of_a_fault_is_in_every_accent() -> None:
    for family in SERVERS:
        fleet = fleet_of(family.name)
        fleet.strike({"machine": "m1", "fault": "ecc_errors", "count": 500})
        entry = fleet.plant.machines["m1"].logs["event"].entries[-1]
        bmc = fleet.bmcs["m1"]
        path = bmc.tree.told(f"{bmc.places.log('event')}/Entries/{entry.number}")
        document = await document_at(fleet, path)
        assert document["Id"] == str(entry.number), family.name
        assert "Created" in document, family.name


async def test_idrac_10_refuses_to_switch_on_right_after_it_switched_off() -> None:
    fleet = fleet_of("dell-idrac10")
    reset = "/redfish/v1/Systems/System.Embedded.1/Actions/ComputerSystem.Reset"
    clock = fleet.plant.clock
    clock.hold(EPOCH)
    assert (await ask(fleet, reset, method="POST", body={"ResetType": "ForceOff"})).status == 204
    clock.hold(EPOCH + 5)
    assert (await ask(fleet, reset, method="POST", body={"ResetType": "On"})).status == 409
    clock.hold(EPOCH + 40)
    assert (await ask(fleet, reset, method="POST", body={"ResetType": "On"})).status == 204


async def test_a_pulled_drive_is_an_absent_one_where_firmware_lists_empty_bays_and_none_elsewhere() -> None:
    fleet = fleet_of("lenovo-xcc2", "dell-idrac9")
    for machine, told in (("m1", True), ("m2", False)):
        bmc = fleet.bmcs[machine]
        path = told_paths(bmc)["Drive Bay 3"]
        fleet.strike({"machine": machine, "fault": "pull_drive", "bay": 3})
        storage = await document_at(fleet, bmc.tree.told(bmc.places.storage), machine=machine)
        assert ({"@odata.id": path} in storage["Drives"]) is told
        document = await document_at(fleet, path, machine=machine)
        assert document["Status"] == {"State": "Absent"}
        assert fleet.plant.machines[machine].health()["Storage"] == "Warning"


# ---- kinds ----


async def test_blades_have_one_serial_number_and_each_its_own_power() -> None:
    fleet = fleet_of("blades")
    seen = await everything(fleet)
    blades = [seen[f"/redfish/v1/Chassis/Blade{n}"] for n in range(1, 5)]
    assert {blade["SerialNumber"] for blade in blades} == {fleet.plant.machines["m1"].serial}
    systems = [seen[f"/redfish/v1/Systems/Blade{n}"] for n in range(1, 5)]
    assert len({system["SerialNumber"] for system in systems}) == 4
    fleet.plant.clock.hold(EPOCH)
    reset = "/redfish/v1/Systems/Blade2/Actions/ComputerSystem.Reset"
    await ask(fleet, reset, method="POST", body={"ResetType": "ForceOff"})
    fleet.plant.clock.hold(EPOCH + 30)
    powers = [(await document_at(fleet, f"/redfish/v1/Systems/Blade{n}"))["PowerState"] for n in (1, 2)]
    assert powers == ["On", "Off"]
    assert fleet.plant.machines["m1:2"].power.state == "Off"


async def test_a_blade_is_struck_by_its_own_name_and_its_chassis_knows() -> None:
    fleet = fleet_of("blades")
    fleet.strike({"machine": "m1:3", "fault": "fail_drive", "bay": 0})
    path = told_paths(fleet.bmcs["m1:3"])["Drive Bay 0"]
    assert path.startswith("/redfish/v1/Systems/Blade3/")
    assert (await document_at(fleet, path))["Status"]["Health"] == "Critical"
    assert fleet.plant.machines["m1"].health()["Nodes"] == "Critical"


KIND_STRIKES = [
    ("power-shelf", "fail_power_supply", {}, "PSU 1", ("Status", "Health"), "Critical"),
    ("rack-pdu", "switch_outlet", {"name": "Outlet 4"}, "Outlet 4", ("PowerState",), "Off"),
    ("rack-cdu", "fail_pump", {}, "Pump 1", ("Status", "Health"), "Critical"),
    ("rack-cdu", "leak", {"name": "Leak Detector 2"}, "Leak Detector 2", ("DetectorState",), "LeakDetected"),
    ("jbof", "fail_drive", {"bay": 7}, "Drive Bay 7", ("Status", "Health"), "Critical"),
    ("gpu-hgx", "gpu_errors", {"uncorrected": 1}, "GPU 1", ("Status", "Health"), "Critical"),
    ("gpu-hgx", "leak", {}, "Leak Detector 1", ("DetectorState",), "Critical"),
    ("dpu", "predict_drive", {"bay": 0}, "Drive Bay 0", ("FailurePredicted",), True),
]


@pytest.mark.parametrize(("family", "fault", "fields", "part", "where", "told"), KIND_STRIKES)
async def test_what_breaks_in_a_kind_is_told_where_the_truth_says_and_heals(
    family: str, fault: str, fields: dict[str, Any], part: str, where: tuple[str, ...], told: Any
) -> None:
    fleet = fleet_of(family)
    path = told_paths(fleet.bmcs["m1"])[part]

    async def value() -> Any:
        found = await document_at(fleet, path)
        for step in where:
            found = found[step]
        return found

    before = await value()
    active = fleet.strike({"machine": "m1", "fault": fault, **fields})
    assert before != told
    assert await value() == told
    fleet.heal(active.id)
    assert await value() == before


async def test_a_broken_nvlink_is_down_on_its_port_and_in_the_truth() -> None:
    fleet = fleet_of("gpu-hgx")
    fleet.strike({"machine": "m1", "fault": "drop_nvlink", "name": "GPU 3", "link": 2})
    port = "/redfish/v1/Systems/HGX_Baseboard_0/Processors/GPU_SXM_3/Ports/NVLink_2"
    assert (await document_at(fleet, port))["LinkStatus"] == "LinkDown"
    assert rarer_parts(fleet.bmcs["m1"])["gpus"][2]["nvlinks_down"] == [2]


async def test_a_gpu_s_own_log_tells_the_entries_of_its_baseboard() -> None:
    fleet = fleet_of("gpu-hgx")
    fleet.strike({"machine": "m1", "fault": "gpu_errors", "name": "GPU 2", "uncorrected": 1})
    own = await document_at(fleet, "/redfish/v1/Chassis/HGX_GPU_SXM_2/LogServices/XID/Entries")
    other = await document_at(fleet, "/redfish/v1/Chassis/HGX_GPU_SXM_1/LogServices/XID/Entries")
    assert other["Members"] == []
    path = own["Members"][0]["@odata.id"]
    assert path.startswith("/redfish/v1/Systems/HGX_Baseboard_0/LogServices/EventLog/Entries/")
    assert (await document_at(fleet, path)) == own["Members"][0]
    assert own["Members"][0]["Links"]["OriginOfCondition"] == {"@odata.id": "/redfish/v1/Chassis/HGX_GPU_SXM_2"}


async def test_pages_of_an_hgx_overlap() -> None:
    fleet = fleet_of("gpu-hgx")
    first = await document_at(fleet, "/redfish/v1/Chassis/DGX/Sensors")
    assert len(first["Members"]) == first["Members@odata.count"]
    second = await document_at(fleet, first["Members@odata.nextLink"])
    assert second["Members"] == first["Members"][75:]


async def test_a_flapping_fan_fills_the_log_until_it_is_healed() -> None:
    fleet = fleet_of("halden-w1")
    clock, log = fleet.plant.clock, fleet.plant.machines["m1"].logs["event"]
    clock.hold(EPOCH)
    before = len(log.entries)
    active = fleet.strike({"machine": "m1", "fault": "flap_fan", "period": 10.0})
    clock.hold(EPOCH + 95)
    fleet.plant.agenda.settle()
    assert [entry.message_id.rpartition(".")[2] for entry in log.entries][before:] == ["FanFailed", "FanRestored"] * 5
    fleet.heal(active.id)
    clock.hold(EPOCH + 300)
    fleet.plant.agenda.settle()
    assert len(log.entries) == before + 10


def test_the_fleet_of_vendors_has_every_accent_and_kind() -> None:
    standing = {server.family.name for server in read_fleet("vendors").servers}
    assert {family.name for family in ACCENTED} <= standing


def test_vendors_are_named_in_the_accents_alone() -> None:
    words = re.compile(
        r"dell|idrac|\bhpe?\b|\bilo\b|lenovo|supermicro|openbmc|nvidia|cisco|huawei|fujitsu|megarac", re.IGNORECASE
    )
    files = [path for path in Path(emulator.__file__).parent.rglob("*.py") if path.parent.name != "accents"]
    assert len(files) > 40
    assert [path.name for path in files if words.search(path.read_text())] == []


def test_a_family_without_an_accent_has_no_dialect() -> None:
    fleet = fleet_of(*PLAIN)
    assert all(bmc.tree.dialect is None and bmc.tree.answers == () for bmc in fleet.bmcs.values())
