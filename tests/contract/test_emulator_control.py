"""The control API tells the truth, whatever the BMC says, and lets time pass."""

from __future__ import annotations

import base64
import math
from array import array
from typing import Any

import pytest

from tests.emulator_client import EPOCH, client_of


async def test_machines_are_listed_with_their_place_and_their_address() -> None:
    async with client_of() as client:
        status, answer = await client.control("GET", "/machines")
        machines = {item["name"]: item for item in answer["items"]}
        assert (status, len(machines)) == (200, 18)
        node = machines["ci-03"]
        assert (node["site"], node["rack"], node["position_u"], node["height_u"], node["slot"]) == (
            "core-1",
            "R01",
            24,
            2,
            "3",
        )
        assert node["endpoints"] == [{"protocol": "redfish", "address": client.fleet.address("ci-03")}]
        assert (node["kind"], node["power"], node["user"], node["faults"]) == ("server", "On", "operator", [])


async def test_the_frame_tells_sites_racks_switches_and_the_credentials() -> None:
    async with client_of("demo") as client:
        _, frame = await client.control("GET", "/fleet")
        assert [site["name"] for site in frame["sites"]] == ["core-1", "edge-2"]
        assert {rack["name"]: rack["site"] for rack in frame["racks"]}["R06"] == "edge-2"
        assert (frame["user"], frame["password"]) == (client.fleet.user, client.fleet.password)
        assert len(frame["switches"]) == 12


async def test_the_demo_rests_with_two_known_defects() -> None:
    async with client_of("demo") as client:
        unwell = {
            item["name"]: item["health"]
            for item in (await client.control("GET", "/machines"))[1]["items"]
            if item["health"] != "OK"
        }
        assert unwell == {"web-05": "Critical", "store-03": "Warning"}
        _, truth = await client.control("GET", "/machines/web-05")
        assert truth["log"]["event"][-1]["at"] < EPOCH - 86_400


@pytest.mark.parametrize("machine", ["web-01", "store-01", "gpu-01", "ci-01"])
async def test_the_truth_names_every_path_under_which_a_sensor_is_told(machine: str) -> None:
    async with client_of() as client:
        _, truth = await client.control("GET", f"/machines/{machine}")
        told = 0
        for sensor in truth["sensors"]:
            for path in sensor["paths"]:
                resource, _, pointer = path.partition("#")
                found: Any = await client.get(machine, resource)
                for step in pointer.strip("/").split("/") if pointer else ():
                    found = found[int(step)] if isinstance(found, list) else found[step]
                values = found.values() if isinstance(found, dict) else [found]
                assert any(isinstance(v, int | float) and math.isclose(v, sensor["value"]) for v in values), path
                told += 1
        assert told >= 30


async def test_history_joins_the_live_values() -> None:
    async with client_of("one_server") as client:
        target = f"/machines/web-01/history?from={EPOCH - 3600}&to={EPOCH}&step=60"
        _, history = await client.control("GET", target)
        _, truth = await client.control("GET", "/machines/web-01")
        assert history["count"] == 61
        last = {}
        for sensor, packed in zip(history["sensors"], history["columns"], strict=True):
            column = array("d", base64.b64decode(packed))
            assert len(column) == 61
            last[tuple(sensor["paths"])] = column[-1]
        for sensor in truth["sensors"]:
            assert last[tuple(sensor["paths"])] == pytest.approx(sensor["value"], rel=1e-6)


async def test_time_advances_for_the_whole_fleet() -> None:
    async with client_of("one_server") as client:
        assert await client.control("POST", "/time", {"advance": 3600}) == (200, {"now": EPOCH + 3600})
        manager = await client.get("web-01", "/redfish/v1/Managers/Bmc.1")
        assert manager["DateTime"] == "2026-09-21T15:13:20Z"


async def test_the_ledger_numbers_everything_without_gaps_and_goes_on_where_one_stopped() -> None:
    async with client_of("one_server") as client:
        await client.login("web-01")
        await client.get("web-01", "/redfish/v1/Systems")
        _, first = await client.control("GET", "/ledger?since=0")
        assert [row["sequence"] for row in first["items"]] == list(range(1, first["sequence"] + 1))
        await client.get("web-01", "/redfish/v1/Chassis")
        _, second = await client.control("GET", f"/ledger?since={first['sequence']}")
        assert [row["target"] for row in second["items"]] == ["/redfish/v1/Chassis"]
        _, logins = await client.control("GET", "/ledger?what=login&requests=false")
        assert [row["sessions"] for row in logins["items"]] == [1]


async def test_traffic_is_counted_by_request() -> None:
    async with client_of("one_server") as client:
        for _ in range(3):
            await client.get("web-01", "/redfish/v1/Systems?$top=1")
        traffic = (await client.control("GET", "/machines/web-01"))[1]["traffic"]
        assert traffic["by_request"] == {"GET /redfish/v1/Systems": 3}
        assert (traffic["most_in_flight"], traffic["in_flight"], traffic["connections"]) == (1, 0, 1)


@pytest.mark.parametrize(
    ("method", "target", "body", "status", "said"),
    [
        ("GET", "/nowhere", None, 404, "see /machines"),
        ("GET", "/machines/web-99", None, 404, "no machine 'web-99'"),
        ("DELETE", "/faults/f9", None, 404, "no fault 'f9'"),
        ("POST", "/time", {"advance": "soon"}, 400, "in seconds"),
        ("POST", "/time", [1], 400, "must be a JSON object"),
        ("GET", "/machines/web-01/history?from=1", None, 400, "to is None; it must be a number"),
        ("GET", "/machines/web-01/history?from=9&to=1&step=1", None, 400, "must not be after"),
        ("GET", "/machines/web-01/history?from=0&to=9999999&step=1", None, 400, "too many"),
        ("GET", "/ledger?since=now", None, 400, "since is 'now'"),
    ],
)
async def test_a_wrong_request_is_answered_with_what_would_be_right(
    method: str, target: str, body: Any, status: int, said: str
) -> None:
    async with client_of("one_server") as client:
        answered, document = await client.control(method, target, body)
        assert answered == status
        assert said in document["error"]


async def test_the_catalogue_teaches() -> None:
    async with client_of("one_server") as client:
        _, catalogue = await client.control("GET", "/catalogue")
        assert {"fault": "fail_fan", "target": "machine"}.items() <= next(
            row for row in catalogue["named"] if row["fault"] == "fail_fan"
        ).items()
        assert "F11" in catalogue["presets"]
        wire = {row["effect"]: row.get("payloads") for row in catalogue["wire"]}
        assert (wire["rakp_junk"], wire["status"]) == (["rakp1", "rakp3"], None)
        assert "ping" in wire["hang"]


async def test_the_story_happens_in_its_time() -> None:
    async with client_of("demo", story=True) as client:
        client.fleet.advance(61)
        assert client.fleet.fleet.plant.racks["R04"].feeds == {"A": False, "B": True}
        client.fleet.advance(100)
        drive = client.fleet.machine("db-a07").parts.drives[3]
        assert (drive.failed, drive.predicted, drive.media_errors) == (True, True, 75)
        client.fleet.advance(300)
        assert client.fleet.fleet.plant.racks["R04"].feeds == {"A": True, "B": True}
        assert not client.fleet.ledger.since(0, what="scene_refused")
