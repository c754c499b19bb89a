"""Faults of parts, identities and words: dark hosts, blades that share a number, messages no registry explains."""

from __future__ import annotations

from datetime import timedelta

import pytest

from fleetmon.drivers.redfish.parse.logs import record
from fleetmon.drivers.redfish.parse.parts import identity
from fleetmon.drivers.redfish.resource import Resource
from fleetmon.ingest.components import AGREEING, compare
from fleetmon.model import Aspect
from fleetmon.storage.rows import ComponentRow
from tests.redfish_service import NOW, SYSTEM, V1, Json, collection, link, ok, resource, server
from tests.unit.test_redfish_driver import Bench

WALK = (Aspect.HEARTBEAT, Aspect.COMPONENTS, Aspect.INVENTORY)


# ---- F34 -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "proves"),
    [
        ({"BootProgress": {"LastState": "PCIResourceConfigStarted"}}, False),
        ({"BootProgress": {"LastState": "MemoryInitializationStarted"}}, False),
        ({"PowerState": "Off"}, False),
        ({"PowerState": "PoweringOn"}, False),
        ({"BootProgress": {"LastState": "OSRunning"}}, True),
        ({"BootProgress": {"LastState": "SetupEntered"}}, True),
        ({"BootProgress": {"LastState": None}}, True),
        ({}, True),
    ],
)
async def test_F34_what_a_dark_or_starting_host_does_not_show_proves_nothing(said, proves):
    bodies = server()
    bench = Bench(bodies)
    await bench.poll()
    bench.body(SYSTEM).update(said)
    bench.body(f"{SYSTEM}/Storage/1")["Drives"] = []
    seen = await bench.poll(*WALK)
    assert not [health for health in seen.health if health.component.kind == "Drive"]
    assert (seen.components_complete, seen.inventory.complete) == (proves, proves)


async def test_F34_a_drive_is_gone_when_two_looks_at_a_running_host_agree():
    bench = Bench(server())
    first = await bench.poll()
    known = {
        health.component: ComponentRow(component=health.component, health=health, part=None) for health in first.health
    }
    drives = {health.component for health in first.health if health.component.kind == "Drive"}
    bench.body(f"{SYSTEM}/Storage/1")["Drives"] = []
    absences: dict[object, int] = {}
    for look in range(1, AGREEING + 1):
        seen = await bench.poll(*WALK)
        compared = compare(
            "web-01", known, absences, seen.health,
            complete=seen.components_complete, settled=True, at=NOW + timedelta(minutes=look),
        )  # fmt: skip
        assert set(compared.gone) == (drives if look == AGREEING else set())
        absences = dict.fromkeys(compared.missing, look)


# ---- F44 -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"Message": "Fan 3 failed", "MessageId": "Own.1.0.Fan"}, "Fan 3 failed"),
        ({"Message": "%1 at %2 degrees", "MessageArgs": ["Inlet", "47"]}, "Inlet at 47 degrees"),
        ({"Message": "%1 at %2 degrees", "MessageArgs": ["Inlet"]}, "Inlet at %2 degrees"),
        ({"Message": "%1 at %2 degrees"}, "%1 at %2 degrees"),
        ({"Message": "90 %9 done", "MessageArgs": [None, 3]}, "90 %9 done"),
        ({"MessageId": "Own.1.0.Hot", "MessageArgs": ["Inlet", 47], "Name": "Log Entry"}, "Own.1.0.Hot: Inlet, 47"),
        ({"MessageId": "Own.1.0.Hot", "MessageArgs": "x", "Name": "Log Entry"}, "Own.1.0.Hot"),
        ({"Message": None, "Name": "Log Entry 7"}, "Log Entry 7"),
        ({"Message": {"odd": 1}, "Description": "said so"}, "said so"),
        ({}, ""),
    ],
)
def test_F44_a_record_is_told_in_its_own_words_without_any_registry(entry, said):
    assert record(entry, "/redfish/v1/L/Entries/1", {}).message == said


# ---- F47 -----------------------------------------------------------------------------------------------------


def enclosure(blades: int = 4) -> dict[str, Json]:
    """Blades behind one BMC, all of whose chassis tell the enclosure's serial number."""
    bodies = {body["@odata.id"]: body for body in [resource(f"{V1}/", "ServiceRoot", RedfishVersion="1.6.0")]}
    root, shell = bodies[f"{V1}/"], f"{V1}/Chassis/Enclosure"
    systems = [f"{V1}/Systems/Blade{n}" for n in range(1, blades + 1)]
    homes = [f"{V1}/Chassis/Blade{n}" for n in range(1, blades + 1)]
    root |= {name: link(f"{V1}/{name}") for name in ("Systems", "Chassis")}
    added = [
        collection(f"{V1}/Systems", "ComputerSystem", systems),
        collection(f"{V1}/Chassis", "Chassis", [shell, *homes]),
        resource(
            shell, "Chassis", Name="Enclosure", SerialNumber="ENC1", Model="SX", Status=ok(),
            Links={"Contains": [link(home) for home in homes]},
        ),
    ]  # fmt: skip
    for n, (system, home) in enumerate(zip(systems, homes, strict=True), 1):
        drives = f"{system}/Storage/1/Drives/1"
        added += [
            resource(
                system, "ComputerSystem", Name="Blade", SerialNumber=f"B{n}", UUID=f"u-{n}", PowerState="On",
                BiosVersion="1", Status=ok(), Storage=link(f"{system}/Storage"), Links={"Chassis": [link(home)]},
            ),
            resource(home, "Chassis", Name="Blade", SerialNumber="ENC1", Status=ok()),
            collection(f"{system}/Storage", "Storage", [f"{system}/Storage/1"]),
            resource(f"{system}/Storage/1", "Storage", Name="Storage", Status=ok(), Drives=[link(drives)]),
            resource(drives, "Drive", Name="Drive 1", SerialNumber=f"SN-{n}", Model="M", Status=ok()),
        ]  # fmt: skip
    return bodies | {body["@odata.id"]: body for body in added}


async def test_F47_an_enclosure_is_itself_and_each_blade_is_told_apart():
    seen = await Bench(enclosure()).poll()
    assert (seen.identity.serial_number, seen.identity.model, len(seen.identity.systems)) == ("ENC1", "SX", 4)
    drives = sorted(health.component.name for health in seen.health if health.component.kind == "Drive")
    assert drives == [f"Blade{n} Drive 1" for n in range(1, 5)]
    systems = [part for part in seen.inventory.parts if part.component.kind == "ComputerSystem"]
    assert sorted(part.serial_number for part in systems) == ["B1", "B2", "B3", "B4"]


async def test_F47_a_blade_that_fails_is_named():
    bodies = enclosure()
    bodies[f"{V1}/Systems/Blade3/Storage/1/Drives/1"]["Status"] = {"State": "Enabled", "Health": "Critical"}
    seen = await Bench(bodies).poll()
    assert [health.component.name for health in seen.health if health.health == "Critical"] == ["Blade3 Drive 1"]


async def test_F47_one_dark_blade_takes_no_drive_of_its_own_with_it():
    bench = Bench(enclosure())
    await bench.poll()
    bench.body(f"{V1}/Systems/Blade2")["PowerState"] = "Off"
    bench.body(f"{V1}/Systems/Blade2/Storage/1")["Drives"] = []
    assert not (await bench.poll(*WALK)).components_complete


def test_F47_a_baseboard_of_accelerators_is_not_the_machine():
    host = resource(
        f"{V1}/Systems/Host", "ComputerSystem", SerialNumber="HOST", Status=ok(),
        Actions={"#ComputerSystem.Reset": {"target": "/x"}},
    )  # fmt: skip
    board = resource(f"{V1}/Systems/Board", "ComputerSystem", SerialNumber="BOARD", Status=ok())
    found = identity(Resource(body["@odata.id"], body, NOW) for body in (board, host))
    assert found.serial_number == "HOST"
