"""Every recorded Redfish tree, served over the wire and polled: what an independent reader counted, our driver sees."""

from __future__ import annotations

import contextlib
import functools
import json
import math
import ssl
from datetime import UTC, datetime

import pytest

from emulator.certificates import server_context
from emulator.mockup import running_mockup
from fleetmon.drivers.redfish.bodies import BadBody, parse
from fleetmon.drivers.redfish.gate import overall_of, power_of
from fleetmon.drivers.redfish.learning import health_of, readings_of, sight_of
from fleetmon.drivers.redfish.parse.parts import identity, parts, software
from fleetmon.drivers.redfish.parse.readings import told_by
from fleetmon.drivers.redfish.plan import Plan
from fleetmon.drivers.redfish.quirks import make_of, mend
from fleetmon.drivers.redfish.resource import Resource, key, kind_of
from fleetmon.model import Aspect, Inventory, Observation, Protocol, Reachability
from tests import recordings
from tests.oracle import FEWER, MORE, NO_COMPONENT, differences, expected_trees, poll, polls

ROOTED = expected_trees(rooted=True)
ROOTLESS = expected_trees(rooted=False)

needs_recordings = pytest.mark.skipif(not ROOTED, reason=recordings.ABSENT)


@functools.cache
def tls() -> ssl.SSLContext:
    return server_context("bmc")


@needs_recordings
@pytest.mark.parametrize("expected", ROOTED, ids=str)
async def test_a_recorded_device_is_seen_whole(expected, tmp_path):
    folder = recordings.unpacked(expected.tree, tmp_path)
    async with running_mockup(folder, ssl_context=tls()) as url:
        seen = await poll(url)
    assert (seen.reachability, seen.reason) == ("reachable", "")
    assert seen.answered >= {Aspect.HEARTBEAT, Aspect.COMPONENTS}
    assert differences(expected, seen) == []


@needs_recordings
def test_every_reasoned_difference_is_about_a_recorded_tree():
    trees = {expected.tree: expected for expected in ROOTED + ROOTLESS}
    assert all(seen < trees[tree].expect[name] for (tree, name), (seen, _) in FEWER.items())
    assert all(seen > trees[tree].expect[name] for (tree, name), (seen, _) in MORE.items())
    assert all(line in trees[tree].not_ok for tree, line in NO_COMPONENT)


@needs_recordings
async def test_a_sick_machine_costs_little_more_than_if_it_were_well(tmp_path):
    folder = recordings.unpacked("hpe-dl385-gen10plus-ilo5-critical", tmp_path)
    looks = (frozenset(Aspect), *2 * [frozenset({Aspect.COMPONENTS})])
    async with running_mockup(folder, ssl_context=tls()) as url:
        first, second, third = await polls(url, *looks)
    assert first.requests > 200, "the first look below trouble follows every link"
    assert second.requests <= third.requests <= 80, "walked without looking closely it costs 69"
    assert {health.component: health.health for health in first.health} == {
        health.component: health.health for health in third.health
    }


def through_the_parsers(files: dict[str, bytes]) -> Observation:
    """What the parsers make of payloads by path, without a service around them; bodies no parser takes are left out."""
    taken_at = datetime(2026, 1, 6, 8, 0, tzinfo=UTC)
    read = []
    for path, content in files.items():
        with contextlib.suppress(BadBody):
            read.append(Resource(path, parse(content).json, taken_at))
    systems = [resource.body for resource in read if kind_of(resource.body, resource.path) == "ComputerSystem"]
    resources = [mend(resource, make_of({}, systems)) for resource in read]
    sight = sight_of(resources, (), Plan())
    told = [value for resource in resources for value in told_by(resource)]
    readings, strange = readings_of(told, {key(resource.path): taken_at for resource in resources}, sight.catalog)
    assert not strange
    asked = frozenset({Aspect.SENSORS, Aspect.COMPONENTS, Aspect.INVENTORY})
    return Observation(
        protocol=Protocol.REDFISH,
        asked=asked,
        answered=asked,
        taken_at=taken_at,
        seconds=0,
        requests=0,
        reachability=Reachability.REACHABLE,
        power=power_of(resources),
        overall=overall_of(resources),
        readings=tuple(readings),
        health=health_of(sight),
        inventory=Inventory(
            identity=identity(resources),
            parts=(*parts(sight.things, sight.components), *software(resources)),
            taken_at=taken_at,
            complete=False,
        ),
    )


@pytest.mark.skipif(not ROOTLESS, reason=recordings.ABSENT)
@pytest.mark.parametrize("expected", ROOTLESS, ids=str)
def test_recorded_payloads_without_a_service_are_read_whole(expected, tmp_path):
    folder = recordings.unpacked(expected.tree, tmp_path)
    files = {"/" + str(file.parent.relative_to(folder)): file.read_bytes() for file in folder.rglob("index.json")}
    assert differences(expected, through_the_parsers(files)) == []


@needs_recordings
@pytest.mark.parametrize("folder", ["redfish-bad", "redfish-snippets"])
def test_broken_and_odd_payloads_are_read_as_far_as_they_go(folder):
    files = sorted((recordings.FOLDER / folder).rglob("*.json"))
    assert files
    for file in files:
        seen = through_the_parsers({f"/redfish/v1/Odd/{file.stem}": file.read_bytes()})
        assert all(math.isfinite(reading.number) for reading in seen.readings if reading.number is not None)


def snippet(name: str) -> Observation:
    file = recordings.FOLDER / "redfish-snippets" / f"{name}.json"
    path = json.loads(file.read_bytes())["@odata.id"]
    return through_the_parsers({path: file.read_bytes()})


@needs_recordings
def test_a_fan_of_ilo_4_tells_its_name_and_speed():
    (reading,) = snippet("hp-ilo4-thermal-fan").readings
    assert (reading.sensor.component.name, reading.number, reading.sensor.unit) == ("Fan 1", 15, "%")


@needs_recordings
def test_a_chassis_that_says_critical_and_open_is_told_with_its_reason():
    (chassis,) = snippet("supermicro-h14-chassis-critical").health
    assert (chassis.health, chassis.detail) == ("Critical", "open")


@needs_recordings
def test_an_adapter_with_a_billion_ports_is_one_adapter():
    seen = snippet("supermicro-networkadapter-absurd-counts")
    assert [health.component.kind for health in seen.health] == ["NetworkAdapter"]
    assert [part.properties for part in seen.inventory.parts] == [{}]
