"""The emulator as a Redfish service: who may come in, what is where, and how it is asked for."""

from __future__ import annotations

from typing import Any

import pytest

from tests.emulator_client import client_of

SESSIONS = "/redfish/v1/SessionService/Sessions"
ONE_OF_EACH = ["web-01", "db-a01", "db-c01", "store-01", "gpu-01", "ci-01"]


def links(value: Any) -> list[str]:
    """Every link in a document that leads to a resource."""
    if isinstance(value, list):
        return [link for item in value for link in links(item)]
    if not isinstance(value, dict):
        return []
    own = [value[key] for key in ("@odata.id", "Members@odata.nextLink", "DataSourceUri", "Uri") if key in value]
    return [link for link in own if "#" not in link] + [link for item in value.values() for link in links(item)]


@pytest.mark.parametrize("machine", ONE_OF_EACH)
async def test_every_link_leads_somewhere_and_every_resource_names_itself(machine: str) -> None:
    async with client_of() as client:
        seen: dict[str, Any] = {}
        waiting = ["/redfish/v1"]
        while waiting:
            path = waiting.pop()
            if path not in seen:
                seen[path] = document = await client.get(machine, path)
                waiting += links(document)
        assert len(seen) > 150
        for path, document in seen.items():
            if "?" not in path and "@odata.id" in document:
                assert document["@odata.id"].rstrip("/") == path.rstrip("/")


async def test_only_the_root_is_open_to_everyone() -> None:
    async with client_of("one_server") as client:
        for path, expected in [
            ("/redfish", 200),
            ("/redfish/v1", 200),
            ("/redfish/v1/", 200),
            ("/redfish/v1/Systems", 401),
        ]:
            status, document, _ = await client.ask("web-01", path, headers={})
            assert status == expected, path
        assert document["error"]["@Message.ExtendedInfo"][0]["Resolution"]


async def test_a_session_opens_the_door_and_ends_with_delete() -> None:
    async with client_of("one_server") as client:
        status, headers = await client.login("web-01")
        assert status == 201
        token = {"X-Auth-Token": headers["X-Auth-Token"]}
        assert (await client.ask("web-01", "/redfish/v1/Systems", headers=token))[0] == 200
        assert (await client.ask("web-01", headers["Location"], headers=token))[1]["UserName"] == "operator"
        assert (await client.ask("web-01", headers["Location"], method="DELETE", headers=token))[0] == 204
        assert (await client.ask("web-01", "/redfish/v1/Systems", headers=token))[0] == 401


async def test_the_session_table_is_full_after_its_limit_and_idle_sessions_make_room() -> None:
    async with client_of() as client:
        statuses = [(await client.login("store-01"))[0] for _ in range(5)]
        assert statuses == [201, 201, 201, 201, 503]
        client.fleet.advance(301)
        assert (await client.login("store-01"))[0] == 201
        assert len(client.fleet.ledger.since(0, what="session_expired")) == 4


async def test_a_used_session_does_not_expire() -> None:
    async with client_of() as client:
        token = {"X-Auth-Token": (await client.login("store-01"))[1]["X-Auth-Token"]}
        for _ in range(4):
            client.fleet.advance(200)
            assert (await client.ask("store-01", "/redfish/v1/Systems", headers=token))[0] == 200


async def test_a_wrong_password_is_refused_and_noted() -> None:
    async with client_of("one_server") as client:
        assert (await client.login("web-01", password="guess"))[0] == 401
        assert [row["user"] for row in client.fleet.ledger.since(0, what="login_refused")] == ["operator"]


async def test_an_unchanged_resource_answers_304_to_its_etag() -> None:
    async with client_of("one_server") as client:
        path = "/redfish/v1/Systems/System.1"
        _, _, headers = await client.ask("web-01", path)
        again = client.basic | {"If-None-Match": headers["ETag"]}
        assert (await client.ask("web-01", path, headers=again))[0] == 304
        await client.ask("web-01", path, method="PATCH", body={"IndicatorLED": "Blinking"})
        assert (await client.ask("web-01", path, headers=again))[0] == 200


async def test_a_change_may_need_the_etag_and_must_not_use_an_old_one() -> None:
    async with client_of() as client:
        path, body = "/redfish/v1/Systems/Self", {"LocationIndicatorActive": True}
        _, _, headers = await client.ask("gpu-01", path)
        current = client.basic | {"If-Match": headers["ETag"]}
        assert (await client.ask("gpu-01", path, method="PATCH", body=body))[0] == 428
        assert (await client.ask("gpu-01", path, method="PATCH", body=body, headers=current))[0] == 200
        assert (await client.ask("gpu-01", path, method="PATCH", body=body, headers=current))[0] == 412
        assert client.fleet.machine("gpu-01").led


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"Colour": "red"}, "PropertyUnknown"),
        ({"IndicatorLED": "Purple"}, "PropertyValueNotInList"),
        ({"Boot": {"BootSourceOverrideTarget": "Moon"}}, "PropertyValueNotInList"),
        ({"AssetTag": 5}, "PropertyValueTypeError"),
        ([], "MalformedJSON"),
    ],
)
async def test_an_impossible_change_is_refused_and_changes_nothing(body: Any, message: str) -> None:
    async with client_of("one_server") as client:
        path = "/redfish/v1/Systems/System.1"
        before = await client.get("web-01", path)
        status, document, _ = await client.ask("web-01", path, method="PATCH", body=body)
        assert status == 400
        assert document["error"]["@Message.ExtendedInfo"][0]["MessageId"].endswith(message)
        assert await client.get("web-01", path) == before


async def test_a_boot_override_for_once_is_gone_after_the_boot() -> None:
    async with client_of("one_server") as client:
        path = "/redfish/v1/Systems/System.1"
        boot = {"Boot": {"BootSourceOverrideTarget": "Pxe", "BootSourceOverrideEnabled": "Once"}}
        status, document, _ = await client.ask("web-01", path, method="PATCH", body=boot)
        assert (status, document["Boot"]["BootSourceOverrideTarget"]) == (200, "Pxe")
        await client.ask(
            "web-01", f"{path}/Actions/ComputerSystem.Reset", method="POST", body={"ResetType": "ForceRestart"}
        )
        assert (await client.get("web-01", path))["Boot"]["BootSourceOverrideEnabled"] == "Disabled"


async def test_expand_brings_the_members_and_is_refused_where_it_is_not_offered() -> None:
    async with client_of() as client:
        path = "/redfish/v1/Chassis/Enclosure.1/Sensors"
        root = await client.get("web-01", "/redfish/v1")
        assert root["ProtocolFeaturesSupported"]["ExpandQuery"]["NoLinks"] is True
        expanded = await client.get("web-01", f"{path}?$expand=.($levels=1)")
        assert all("Reading" in member for member in expanded["Members"])
        assert (await client.ask("web-01", f"{path}?$expand=.($levels=9)"))[0] == 400
        assert (await client.ask("store-01", "/redfish/v1/Systems?$expand=."))[0] == 501


async def test_expand_of_links_follows_links_only() -> None:
    async with client_of("one_server") as client:
        document = await client.get("web-01", "/redfish/v1/Systems/System.1?$expand=~")
        assert document["Links"]["Chassis"][0]["ChassisType"] == "RackMount"
        assert set(document["Storage"]) == {"@odata.id"}


async def test_a_log_comes_in_pages_newest_first() -> None:
    async with client_of("one_server") as client:
        path: str | None = "/redfish/v1/Managers/Bmc.1/LogServices/Lifecycle/Entries"
        ids, pages = [], 0
        while path:
            page = await client.get("web-01", path)
            ids += [int(member["Id"]) for member in page["Members"]]
            pages, path = pages + 1, page.get("Members@odata.nextLink")
        assert pages == 2
        assert ids == sorted(ids, reverse=True)
        assert len(ids) == page["Members@odata.count"]


async def test_top_and_skip_cut_a_collection() -> None:
    async with client_of("one_server") as client:
        path = "/redfish/v1/Managers/Bmc.1/LogServices/Lifecycle/Entries"
        whole = await client.get("web-01", path)
        part = await client.get("web-01", f"{path}?$top=3&$skip=2")
        assert part["Members"] == whole["Members"][2:5]
        assert (await client.ask("web-01", f"{path}?$top=many"))[0] == 400


async def test_clearing_a_log_leaves_the_entry_that_says_so() -> None:
    async with client_of("one_server") as client:
        service = await client.get("web-01", "/redfish/v1/Managers/Bmc.1/LogServices/SEL")
        target = service["Actions"]["#LogService.ClearLog"]["target"]
        assert (await client.ask("web-01", target, method="POST", body={}))[0] == 204
        entries = await client.get("web-01", service["Entries"]["@odata.id"])
        assert [entry["MessageId"] for entry in entries["Members"]] == ["Platform.1.0.LogCleared"]


async def test_the_metric_report_tells_what_the_sensors_tell() -> None:
    async with client_of("one_server") as client:
        report = await client.get("web-01", "/redfish/v1/TelemetryService/MetricReports/AllSensors")
        assert len(report["MetricValues"]) >= 60
        for value in report["MetricValues"][::7]:
            sensor = await client.get("web-01", value["MetricProperty"].removesuffix("/Reading"))
            assert float(value["MetricValue"]) == sensor["Reading"]


async def test_old_and_new_resources_tell_the_same_numbers() -> None:
    async with client_of("one_server") as client:
        chassis = "/redfish/v1/Chassis/Enclosure.1"
        thermal = await client.get("web-01", f"{chassis}/Thermal")
        sensor = await client.get("web-01", f"{chassis}/Sensors/Inlet")
        fan = await client.get("web-01", f"{chassis}/ThermalSubsystem/Fans/3")
        power = await client.get("web-01", f"{chassis}/Power")
        metrics = await client.get("web-01", f"{chassis}/PowerSubsystem/PowerSupplies/1/Metrics")
        assert thermal["Temperatures"][0]["ReadingCelsius"] == sensor["Reading"]
        assert thermal["Fans"][2]["Reading"] == fan["SpeedPercent"]["SpeedRPM"]
        assert power["PowerSupplies"][0]["PowerInputWatts"] == metrics["InputPowerWatts"]["Reading"]


async def test_families_differ_in_what_they_offer() -> None:
    async with client_of() as client:
        old = await client.get("store-01", "/redfish/v1/Chassis/1")
        new = await client.get("gpu-01", "/redfish/v1/Chassis/Self")
        assert {"Thermal", "Power"} <= set(old)
        assert not {"ThermalSubsystem", "Sensors"} & set(old)
        assert {"ThermalSubsystem", "PowerSubsystem", "Sensors"} <= set(new)
        assert not {"Thermal", "Power"} & set(new)
        assert "TelemetryService" not in await client.get("store-01", "/redfish/v1")


async def test_a_reset_takes_its_time() -> None:
    async with client_of("one_server") as client:
        path = "/redfish/v1/Systems/System.1"
        status, _, _ = await client.ask(
            "web-01", f"{path}/Actions/ComputerSystem.Reset", method="POST", body={"ResetType": "GracefulShutdown"}
        )
        assert status == 204
        assert (await client.get("web-01", path))["PowerState"] == "PoweringOff"
        client.fleet.advance(13)
        off = await client.get("web-01", path)
        assert (off["PowerState"], off["BootProgress"]["LastState"]) == ("Off", "None")
        await client.ask("web-01", f"{path}/Actions/ComputerSystem.Reset", method="POST", body={"ResetType": "On"})
        assert (await client.get("web-01", path))["PowerState"] == "PoweringOn"
        client.fleet.advance(60)
        on = await client.get("web-01", path)
        assert (on["PowerState"], on["BootProgress"]["LastState"]) == ("On", "OSRunning")


@pytest.mark.parametrize(("body", "status"), [({}, 400), ({"ResetType": "Explode"}, 400), ({"ResetType": "On"}, 409)])
async def test_a_reset_that_makes_no_sense_is_refused_and_not_recorded(body: dict[str, str], status: int) -> None:
    async with client_of() as client:
        path = "/redfish/v1/Systems/1/Actions/ComputerSystem.Reset"
        assert (await client.ask("store-01", path, method="POST", body=body))[0] == status
        assert not client.fleet.ledger.since(0, what="power_command")


async def test_a_family_answers_a_reset_with_a_task_that_completes() -> None:
    async with client_of() as client:
        path = "/redfish/v1/Systems/Self/Actions/ComputerSystem.Reset"
        status, task, headers = await client.ask("gpu-01", path, method="POST", body={"ResetType": "ForceOff"})
        assert (status, task["TaskState"]) == (202, "Running")
        client.fleet.advance(10)
        assert (await client.get("gpu-01", headers["Location"]))["TaskState"] == "Completed"


async def test_a_reset_bmc_goes_away_and_comes_back_on_its_port_knowing_nobody() -> None:
    async with client_of("one_server") as client:
        token = {"X-Auth-Token": (await client.login("web-01"))[1]["X-Auth-Token"]}
        before = client.fleet.address("web-01")
        path = "/redfish/v1/Managers/Bmc.1/Actions/Manager.Reset"
        assert (await client.ask("web-01", path, method="POST", body={"ResetType": "GracefulRestart"}))[0] == 204
        client.fleet.advance(1)
        with pytest.raises(OSError, match="Cannot connect"):
            await client.ask("web-01", "/redfish/v1")
        client.fleet.advance(61)
        await client.fleet.bmc("web-01").listening()
        assert client.fleet.address("web-01") == before
        assert (await client.ask("web-01", "/redfish/v1/Systems", headers=token))[0] == 401
        assert (await client.ask("web-01", "/redfish/v1/Systems"))[0] == 200


async def test_what_is_not_there_and_what_is_not_allowed_is_said_properly() -> None:
    async with client_of("one_server") as client:
        assert (await client.ask("web-01", "/redfish/v1/Nowhere"))[0] == 404
        status, _, headers = await client.ask("web-01", "/redfish/v1/Systems", method="DELETE")
        assert (status, headers["Allow"]) == (405, "GET, HEAD")


async def test_a_firmware_update_is_a_task_and_noted() -> None:
    async with client_of("one_server") as client:
        target = (await client.get("web-01", "/redfish/v1/UpdateService"))["Actions"]["#UpdateService.SimpleUpdate"][
            "target"
        ]
        status, _, headers = await client.ask(
            "web-01", target, method="POST", body={"ImageURI": "https://127.0.0.1/x.bin"}
        )
        assert status == 202
        assert (await client.get("web-01", headers["Location"]))["TaskState"] == "Running"
        assert client.fleet.ledger.since(0, what="firmware_update")
