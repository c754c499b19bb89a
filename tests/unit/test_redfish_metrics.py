"""Wear, hours, errors and temperature that stand in the metrics of a part: told, and at no cost to the steady poll."""

from __future__ import annotations

import pytest

from fleetmon.drivers.redfish.parse.metrics import figures
from fleetmon.drivers.redfish.resource import Resource
from fleetmon.model import Aspect, Component, ReadingType
from tests.redfish_service import NOW, SYSTEM, Json, collection, link, resource, server
from tests.unit.test_redfish_driver import STEADY, Bench

SMART = {"PercentageUsed": 12, "AvailableSparePercent": 98, "PowerOnHours": 3000, "CompositeTemperatureCelsius": 34}


def told(kind: str, **body: object) -> dict[str, object]:
    path = f"{SYSTEM}/Parts/1"
    return dict(
        figures([Resource(f"{path}/Metrics", resource(f"{path}/Metrics", kind, **body), NOW)]).get(path.lower(), {})
    )


def test_a_drive_tells_wear_spare_hours_and_errors_by_its_metrics():
    assert told("DriveMetrics", NVMeSMART=SMART, BadBlockCount=7, PowerOnHours=None) == {
        "life_left_percent": 88,
        "spare_left_percent": 98,
        "power_on_hours": 3000,
        "bad_blocks": 7,
    }


@pytest.mark.parametrize(("used", "left"), [(0, 100), (100, 0), (255, 0), (-1, None), ("12", 88), (None, None)])
def test_a_drive_may_outlive_its_rating_and_has_nothing_left_then(used: object, left: int | None):
    assert told("DriveMetrics", NVMeSMART={"PercentageUsed": used}).get("life_left_percent") == left


def test_modules_and_processors_tell_their_errors():
    assert told("MemoryMetrics", LifeTime={"CorrectableECCErrorCount": 3, "UncorrectableECCErrorCount": 0}) == {
        "correctable_errors": 3,
        "uncorrectable_errors": 0,
    }
    assert told("ProcessorMetrics", PCIeErrors={"CorrectableErrorCount": 9}) == {"pcie_correctable_errors": 9}


def test_figures_that_cannot_be_are_not_told():
    assert told("DriveMetrics", NVMeSMART={"AvailableSparePercent": 180}, BadBlockCount=2**70) == {}
    assert told("DriveMetrics", NVMeSMART=["x"], BadBlockCount={}) == {}


def with_nvme() -> dict[str, Json]:
    """A server with `$expand` whose drives, a collection, each have metrics, and one whose vendor tells its warmth."""
    bodies = server(expand=4)
    drives = [f"{SYSTEM}/Storage/1/Drives/{n}" for n in (1, 2)]
    bodies[f"{SYSTEM}/Storage/1"]["Drives"] = link(f"{SYSTEM}/Storage/1/Drives")
    bodies[f"{SYSTEM}/Storage/1/Drives"] = collection(f"{SYSTEM}/Storage/1/Drives", "Drive", drives)
    bodies[drives[0]]["Metrics"] = link(f"{drives[0]}/Metrics")
    bodies[f"{drives[0]}/Metrics"] = resource(f"{drives[0]}/Metrics", "DriveMetrics", NVMeSMART=SMART)
    bodies[drives[1]]["Oem"] = {"Contoso": {"Temperature": 41, "PowerOnHours": 12}}
    return bodies


async def test_a_drive_has_its_wear_and_its_temperature_and_no_steady_poll_asks_for_them():
    plain, bench = Bench(server(expand=4), expand=4), Bench(with_nvme(), expand=4)
    await plain.poll()
    seen = await bench.poll()
    assert seen.inventory is not None
    drives = {part.component.name: part.properties for part in seen.inventory.parts if part.component.kind == "Drive"}
    assert (drives["Bay 1"]["life_left_percent"], drives["Bay 1"]["power_on_hours"]) == (88, 3000)
    assert drives["Bay 2"]["power_on_hours"] == 12
    warmth = {r.sensor.component: r.number for r in seen.readings if r.sensor.component.kind == "Drive"}
    assert warmth == {Component("Drive", "Bay 1"): 34, Component("Drive", "Bay 2"): 41}
    assert {r.sensor.type for r in seen.readings if r.sensor.component.kind == "Drive"} == {ReadingType.TEMPERATURE}
    for _ in range(2):
        await plain.poll(*STEADY)
        await bench.poll(*STEADY)
        assert len(bench.shelf.asked) == len(plain.shelf.asked)
        await bench.poll(Aspect.COMPONENTS)
