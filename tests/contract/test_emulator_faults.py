"""Faults are planted through the control API and read back by a plain client, from the BMC and from the ledger."""

from __future__ import annotations

import asyncio
import json
import ssl
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest

from emulator.accents.model import Accent
from emulator.fault_ids import PRESETS
from emulator.fault_rows import FAULTS, NAMED_IDS
from emulator.fleet import read_fleet
from emulator.wire_catalogue import EFFECTS
from tests.emulator_client import Client, client_of

SYSTEM = "/redfish/v1/Systems/System.1"
CHASSIS = "/redfish/v1/Chassis/Enclosure.1"
EVENTS = "/redfish/v1/Managers/Bmc.1/LogServices/SEL/Entries"
RESET = f"{SYSTEM}/Actions/ComputerSystem.Reset"


async def strike(client: Client, **fault: Any) -> str:
    """Sets a fault over the control API; its id."""
    status, answer = await client.control("POST", "/faults", fault)
    assert status == 201, answer
    return str(answer["id"])


async def heal(client: Client, fault_id: str) -> None:
    """Ends a fault over the control API."""
    assert (await client.control("DELETE", f"/faults/{fault_id}"))[0] == 200


async def raw(client: Client, machine: str, path: str) -> tuple[dict[str, str], bytes]:
    """Headers and untouched bytes of an answer."""
    port = urlsplit(client.fleet.address(machine)).port
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: {client.basic['Authorization']}\r\n\r\n".encode())
    head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    headers = {line.split(": ")[0].lower(): line.split(": ", 1)[1] for line in head[1:] if line}
    body = await reader.readexactly(int(headers["content-length"]))
    writer.close()
    return headers, body


# ---- drives, fans, supplies, memory, links ----


async def test_a_failing_drive_degrades_its_volume_and_the_spare_is_rebuilt() -> None:
    async with client_of() as client:
        drive, volume = f"{SYSTEM}/Storage/1/Drives/Bay.3", f"{SYSTEM}/Storage/1/Volumes/1"
        await strike(client, machine="db-a01", fault="fail_drive", bay=3, rebuild_seconds=100)
        document = await client.get("db-a01", drive)
        assert (document["Status"]["Health"], document["StatusIndicator"]) == ("Critical", "Fail")
        client.fleet.advance(50)
        spare = await client.get("db-a01", f"{SYSTEM}/Storage/1/Drives/Bay.11")
        assert (spare["HotspareType"], spare["StatusIndicator"]) == ("None", "Rebuild")
        rebuilding = await client.get("db-a01", volume)
        assert rebuilding["Status"]["Health"] == "Warning"
        assert rebuilding["Operations"][0]["PercentageComplete"] == 50
        assert (await client.get("db-a01", SYSTEM))["Status"]["HealthRollup"] == "Critical"
        client.fleet.advance(51)
        whole = await client.get("db-a01", volume)
        assert whole["Status"]["Health"] == "OK"
        assert {"@odata.id": f"{SYSTEM}/Storage/1/Drives/Bay.11"} in whole["Links"]["Drives"]
        told = [entry["MessageId"].rpartition(".")[2] for entry in (await client.get("db-a01", EVENTS))["Members"]]
        assert told[:4] == ["VolumeOk", "RebuildStarted", "VolumeDegraded", "DriveFailure"]


async def test_healing_a_drive_swaps_it() -> None:
    async with client_of() as client:
        drive = f"{SYSTEM}/Storage/1/Drives/Bay.1"
        before = await client.get("web-01", drive)
        fault = await strike(client, machine="web-01", fault="predict_drive", bay=1)
        predicted = await client.get("web-01", drive)
        assert (predicted["FailurePredicted"], predicted["Status"]["Health"]) == (True, "Warning")
        await heal(client, fault)
        after = await client.get("web-01", drive)
        assert after["FailurePredicted"] is False
        assert after["SerialNumber"] != before["SerialNumber"]


async def test_a_worn_drive_tells_its_life_and_its_media_errors() -> None:
    async with client_of() as client:
        await strike(client, machine="web-01", fault="wear_drive", bay=0, percent=4, media_errors=14)
        drive = await client.get("web-01", f"{SYSTEM}/Storage/1/Drives/Bay.0")
        assert drive["PredictedMediaLifeLeftPercent"] == 4
        assert drive["Oem"]["Emulated"]["MediaErrorCount"] == 14
        assert drive["Status"]["Health"] == "Warning"


async def test_a_failed_fan_stands_still_and_the_others_hurry() -> None:
    async with client_of() as client:
        before = await client.get("web-01", f"{CHASSIS}/Thermal")
        fault = await strike(client, machine="web-01", fault="fail_fan", name="Fan 6")
        after = await client.get("web-01", f"{CHASSIS}/Thermal")
        assert (after["Fans"][5]["Reading"], after["Fans"][5]["Status"]["Health"]) == (0, "Critical")
        assert after["Fans"][0]["Reading"] > before["Fans"][0]["Reading"] * 1.1
        assert (await client.get("web-01", f"{CHASSIS}/ThermalSubsystem/Fans/6"))["Status"]["Health"] == "Critical"
        await heal(client, fault)
        assert (await client.get("web-01", f"{CHASSIS}/Thermal"))["Fans"][5]["Reading"] > 1_000


async def test_an_overheated_inlet_warms_everything_behind_it_and_is_logged_once() -> None:
    async with client_of() as client:
        fault = await strike(client, machine="web-01", fault="overheat", celsius=18)
        client.fleet.advance(1_000)
        thermal = await client.get("web-01", f"{CHASSIS}/Thermal")
        assert thermal["Temperatures"][0]["Status"]["Health"] == "Critical"
        assert (await client.get("web-01", CHASSIS))["Status"]["Health"] == "Critical"
        await heal(client, fault)
        client.fleet.advance(1_000)
        assert (await client.get("web-01", CHASSIS))["Status"]["Health"] == "OK"
        told = [
            e["MessageId"].rpartition(".")[2]
            for e in (await client.get("web-01", EVENTS))["Members"]
            if "Inlet" in e["Message"]
        ]
        assert told == ["TemperatureNormal", "TemperatureCritical", "TemperatureHigh"]


async def test_a_failed_supply_gives_its_watts_to_the_other() -> None:
    async with client_of() as client:
        await strike(client, machine="web-01", fault="fail_power_supply", name="PSU 1")
        power = await client.get("web-01", f"{CHASSIS}/Power")
        first, second = power["PowerSupplies"]
        assert (first["PowerOutputWatts"], first["Status"]["Health"]) == (0, "Critical")
        assert second["PowerInputWatts"] == pytest.approx(power["PowerControl"][0]["PowerConsumedWatts"], rel=0.03)
        assert power["Redundancy"][0]["Status"]["Health"] == "Warning"


async def test_corrected_errors_are_counted_and_trip_an_alarm() -> None:
    async with client_of() as client:
        await strike(client, machine="web-01", fault="ecc_errors", name="DIMM B3", count=128)
        dimm = await client.get("web-01", f"{SYSTEM}/Memory/11")
        metrics = await client.get("web-01", dimm["Metrics"]["@odata.id"])
        assert (dimm["Name"], dimm["Status"]["Health"]) == ("DIMM B3", "Warning")
        assert metrics["LifeTime"]["CorrectableECCErrorCount"] == 128


async def test_a_lost_feed_is_seen_by_every_supply_on_it_and_by_nothing_else() -> None:
    async with client_of() as client:
        await strike(client, rack="R01", fault="lose_feed", feed="A")
        power = await client.get("db-a01", f"{CHASSIS}/Power")
        assert [supply["LineInputStatus"] for supply in power["PowerSupplies"]] == ["LossOfInput", "Normal"]
        assert (await client.get("db-a01", SYSTEM))["PowerState"] == "On"
        lost = client.fleet.ledger.since(0, what="log_entry")
        assert sum("PowerLost" in row["message_id"] for row in lost) == 2 * sum(
            m.family.supplies // 2 for m in client.fleet.fleet.plant.machines.values()
        )


async def test_without_any_feed_machine_and_bmc_are_dark_and_come_back_as_they_were() -> None:
    async with client_of("one_server") as client:
        faults = [await strike(client, rack="R01", fault="lose_feed", feed=feed) for feed in "AB"]
        assert (await client.control("GET", "/machines/web-01"))[1]["power"] == "Off"
        with pytest.raises(OSError, match="Cannot connect"):
            await client.ask("web-01", "/redfish/v1")
        for fault in faults:
            await heal(client, fault)
        client.fleet.advance(100)
        await client.fleet.bmc("web-01").listening()
        assert (await client.get("web-01", SYSTEM))["PowerState"] == "On"


async def test_a_dropped_link_is_down_at_both_ends() -> None:
    async with client_of() as client:
        _, truth = await client.control("GET", "/machines/web-01")
        port = truth["ports"][0]
        fault = await strike(client, switch=port["switch"], fault="drop_link", port=port["switch_port"])
        interface = await client.get("web-01", f"{SYSTEM}/EthernetInterfaces/NIC.1")
        assert interface["LinkStatus"] == "LinkDown"
        assert port["switch_port"] in client.fleet.fleet.plant.switches[port["switch"]].down
        await heal(client, fault)
        assert (await client.get("web-01", f"{SYSTEM}/EthernetInterfaces/NIC.1"))["LinkStatus"] == "LinkUp"


async def test_a_flapping_link_goes_down_and_up_until_healed() -> None:
    async with client_of() as client:
        _, truth = await client.control("GET", "/machines/web-01")
        port = truth["ports"][0]
        await strike(client, switch=port["switch"], fault="flap_link", port=port["switch_port"], period=5, seconds=60)
        client.fleet.advance(100)
        told = [row["message_id"] for row in client.fleet.ledger.since(0, machine="web-01", what="log_entry")]
        assert sum("LinkDown" in message for message in told) == 12
        assert client.fleet.machine("web-01").parts.ports[0].up


# ---- the BMC ----


async def test_a_hung_bmc_takes_the_request_and_never_answers() -> None:
    async with client_of("one_server") as client:
        fault = await strike(client, machine="web-01", fault="hang_bmc")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(client.ask("web-01", "/redfish/v1"), 0.3)
        await heal(client, fault)
        assert (await client.ask("web-01", "/redfish/v1"))[0] == 200


async def test_a_lost_site_is_silent_and_its_machines_run_on() -> None:
    async with client_of("one_server") as client:
        await strike(client, site="core-1", fault="lose_site", seconds=60)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(client.ask("web-01", "/redfish/v1"), 0.3)
        assert (await client.control("GET", "/machines/web-01"))[1]["power"] == "On"
        client.fleet.advance(61)
        assert (await client.ask("web-01", "/redfish/v1"))[0] == 200


async def test_a_slow_bmc_takes_longer() -> None:
    async with client_of("one_server") as client:
        await strike(client, machine="web-01", fault="slow_bmc", latency=0.2)
        loop = asyncio.get_running_loop()
        since = loop.time()
        await client.get("web-01", SYSTEM)
        assert loop.time() - since >= 0.2


async def test_rejected_credentials_and_a_locked_account_refuse_the_right_password() -> None:
    async with client_of("one_server") as client:
        fault = await strike(client, machine="web-01", fault="reject_credentials")
        assert (await client.login("web-01"))[0] == 401
        await heal(client, fault)
        assert (await client.login("web-01"))[0] == 201
        await strike(client, machine="web-01", fault="lock_out", seconds=60)
        assert (await client.login("web-01"))[0] == 401
        client.fleet.advance(61)
        assert (await client.login("web-01"))[0] == 201


async def test_a_sliding_lockout_starts_again_with_every_try() -> None:
    async with client_of("one_server") as client:
        await strike(client, machine="web-01", fault={"lockout": {"n": 3, "sec": 100, "sliding": True}})
        for _ in range(3):
            assert (await client.login("web-01", password="guess"))[0] == 401
        client.fleet.advance(60)
        assert (await client.login("web-01"))[0] == 401
        client.fleet.advance(60)
        assert (await client.login("web-01"))[0] == 401
        client.fleet.advance(101)
        assert (await client.login("web-01"))[0] == 201


# ---- power ----


async def test_power_faults_are_told_apart_by_what_follows() -> None:
    async with client_of("one_server") as client:
        noop = await strike(client, machine="web-01", fault="power_noop")
        assert (await client.ask("web-01", RESET, method="POST", body={"ResetType": "ForceOff"}))[0] == 204
        client.fleet.advance(300)
        assert client.fleet.machine("web-01").power.state == "On"
        await heal(client, noop)
        deaf = await strike(client, machine="web-01", fault="ignore_graceful")
        await client.ask("web-01", RESET, method="POST", body={"ResetType": "GracefulShutdown"})
        client.fleet.advance(300)
        assert client.fleet.machine("web-01").power.state == "On"
        await heal(client, deaf)
        await strike(client, machine="web-01", fault="power_lag", lag=45)
        await client.ask("web-01", RESET, method="POST", body={"ResetType": "ForceOff"})
        client.fleet.advance(44)
        assert client.fleet.machine("web-01").power.state == "On"
        client.fleet.advance(10)
        assert client.fleet.machine("web-01").power.state == "Off"
        commands = client.fleet.ledger.since(0, what="power_command")
        assert [row["reset_type"] for row in commands] == ["ForceOff", "GracefulShutdown", "ForceOff"]
        assert all(row["source"].startswith("operator@127.0.0.1:") for row in commands)


async def test_a_lying_bmc_tells_another_power_state_than_the_truth() -> None:
    async with client_of("one_server") as client:
        await strike(client, machine="web-01", fault="lie_power")
        assert (await client.get("web-01", SYSTEM))["PowerState"] == "Off"
        assert (await client.control("GET", "/machines/web-01"))[1]["power"] == "On"


async def test_a_lost_answer_leaves_the_command_executed() -> None:
    async with client_of("one_server") as client:
        await strike(client, machine="web-01", fault="lose_answer")
        with pytest.raises(aiohttp.ClientError):
            await client.ask("web-01", RESET, method="POST", body={"ResetType": "ForceOff"})
        client.fleet.advance(10)
        assert client.fleet.machine("web-01").power.state == "Off"
        assert len(client.fleet.ledger.since(0, what="power_command")) == 1


# ---- on the wire ----


@pytest.mark.parametrize("fault_id", [*PRESETS, *NAMED_IDS])
async def test_every_id_of_the_catalogue_can_be_set_and_healed(fault_id: str) -> None:
    async with client_of("one_server") as client:
        fault = await strike(client, machine="web-01", fault="wire", id=fault_id)
        await heal(client, fault)
        client.fleet.advance(100)
        await client.fleet.bmc("web-01").listening()
        assert (await client.ask("web-01", "/redfish/v1", headers={}))[0] == 200


async def test_a_fault_meets_only_what_it_matches_and_only_when_it_should() -> None:
    async with client_of("one_server") as client:
        await strike(
            client,
            machine="web-01",
            match={"method": "GET", "path": "/Thermal"},
            when={"every": 2},
            fault={"status": 500},
        )
        assert [(await client.ask("web-01", f"{CHASSIS}/Thermal"))[0] for _ in range(4)] == [200, 500, 200, 500]
        assert (await client.ask("web-01", f"{CHASSIS}/Power"))[0] == 200
        fired = client.fleet.ledger.since(0, what="fault_fired")
        assert [row["target"] for row in fired] == [f"{CHASSIS}/Thermal"] * 2
        assert (await client.control("GET", "/faults"))[1]["items"][0]["fired"] == 2


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ({"nth": 2}, [200, 500, 200]),
        ({"first": 2}, [500, 500, 200]),
        ({"prob": 0}, [200, 200, 200]),
        ({"prob": 1}, [500, 500, 500]),
        ({"after_s": 15}, [200, 200, 500]),
        ({"until_s": 15}, [500, 500, 200]),
        ({"state": "Off"}, [200, 200, 200]),
    ],
)
async def test_each_condition_decides_when_a_fault_fires(when: dict[str, Any], expected: list[int]) -> None:
    async with client_of("one_server") as client:
        await strike(client, machine="web-01", when=when, fault={"status": 500})
        statuses = []
        for _ in range(3):
            statuses.append((await client.ask("web-01", SYSTEM))[0])
            client.fleet.advance(10)
        assert statuses == expected


async def test_chance_is_the_same_for_the_same_seed() -> None:
    async def statuses(seed: int) -> list[int]:
        async with client_of("one_server", seed=seed) as client:
            await strike(client, machine="web-01", when={"prob": 0.5}, fault={"status": 500})
            return [(await client.ask("web-01", "/redfish/v1"))[0] for _ in range(20)]

    assert await statuses(1) == await statuses(1)
    assert await statuses(1) != await statuses(2)


async def test_a_busy_bmc_says_when_to_come_back_in_the_header_or_only_in_the_body() -> None:
    async with client_of("one_server") as client:
        fault = await strike(client, machine="web-01", fault={"status": 503, "retry_after": 30})
        status, _, headers = await client.ask("web-01", SYSTEM)
        assert (status, headers["Retry-After"]) == (503, "30")
        await heal(client, fault)
        await strike(client, machine="web-01", fault={"status": 503, "retry_after": 30, "body_only": True})
        status, document, headers = await client.ask("web-01", SYSTEM)
        assert "Retry-After" not in headers
        assert document["error"]["@Message.ExtendedInfo"][0]["MessageArgs"] == ["30"]


@pytest.mark.parametrize(
    ("effect", "path", "expected"),
    [
        ({"set": {"PowerState": "Quiesced"}}, SYSTEM, lambda d: d["PowerState"] == "Quiesced"),
        ({"set": {"/Status/Health": None}}, SYSTEM, lambda d: d["Status"]["Health"] is None),
        ({"drop_field": ["Status", "Name"]}, SYSTEM, lambda d: "Status" not in d and "Name" not in d),
        ({"swap_type": "Status"}, SYSTEM, lambda d: isinstance(d["Status"], str)),
        ({"swap_type": "Model"}, SYSTEM, lambda d: isinstance(d["Model"], dict)),
        ({"scale": {"ReadingCelsius": 0.01}}, f"{CHASSIS}/Thermal",
            lambda d: d["Temperatures"][0]["ReadingCelsius"] < 1),
        ({"inline_members": True}, "/redfish/v1/Systems", lambda d: "SystemType" in d["Members"][0]),
        ({"nextLink": "self"}, EVENTS, lambda d: d.get("Members@odata.nextLink") == EVENTS),
        ({"nextLink": "++"}, EVENTS, lambda d: d.get("Members@odata.nextLink", "").endswith("$skip=1")),
        ({"page_size": 1}, EVENTS, lambda d: len(d["Members"]) == 1 and "Members@odata.nextLink" in d),
        ({"members": 1000}, "/redfish/v1/Systems", lambda d: len(d["Members"]) == 1000),
        ({"rollup": "OK"}, SYSTEM, lambda d: d["Status"]["HealthRollup"] == "OK"),
        ({"clock": "1970"}, "/redfish/v1/Managers/Bmc.1", lambda d: d["DateTime"].startswith("1970-01-01")),
        ({"clock": -3600}, "/redfish/v1/Managers/Bmc.1", lambda d: d["DateTime"].endswith("13:13:20Z")),
        ({"tz": "-08:00"}, "/redfish/v1/Managers/Bmc.1", lambda d: d["DateTime"].endswith("06:13:20-08:00")),
        ({"tz": "none"}, "/redfish/v1/Managers/Bmc.1", lambda d: d["DateTime"].endswith("14:13:20")),
        ({"reset_types": ["On"]}, SYSTEM,
            lambda d: d["Actions"]["#ComputerSystem.Reset"]["ResetType@Redfish.AllowableValues"] == ["On"]),
        ({"no_expand": True}, "/redfish/v1", lambda d: not d["ProtocolFeaturesSupported"]["ExpandQuery"]["NoLinks"]),
    ],
)  # fmt: skip
async def test_a_payload_fault_changes_what_it_says(effect: dict[str, Any], path: str, expected: Any) -> None:
    async with client_of("one_server") as client:
        assert not expected(await client.get("web-01", path)) or "rollup" in effect
        await strike(client, machine="web-01", fault=effect)
        assert expected(await client.get("web-01", path))


async def test_what_json_cannot_say_comes_as_bytes() -> None:
    async with client_of("one_server") as client:
        inlet = f"{CHASSIS}/Sensors/Inlet"
        for effect, found in [
            ({"raw": {"Reading": "NaN"}}, b'"Reading":NaN'),
            ({"raw": {"Reading": "1e999"}}, b'"Reading":1e999'),
            ({"huge_int": "Reading"}, b'"Reading":' + b"9" * 5_000),
            ({"dup_key": "Reading", "value": 999}, b'"Reading":999'),
            ({"deep": 100_000}, b"[" * 100_000),
        ]:
            fault = await strike(client, machine="web-01", fault=effect)
            assert found in (await raw(client, "web-01", inlet))[1]
            await heal(client, fault)
        plain = (await raw(client, "web-01", inlet))[1]
        await strike(client, machine="web-01", fault={"dup_key": "Reading", "value": 999})
        doubled = (await raw(client, "web-01", inlet))[1]
        assert doubled.count(b'"Reading":') == 2 * plain.count(b'"Reading":')
        assert json.loads(doubled)["Reading"] == 999


async def test_a_bomb_is_small_on_the_wire() -> None:
    async with client_of("one_server") as client:
        await strike(client, machine="web-01", fault={"gzip_bomb": 20})
        headers, body = await raw(client, "web-01", "/redfish/v1")
        assert headers["content-encoding"] == "gzip"
        assert len(body) < 100_000


async def test_a_truncated_body_is_no_json_and_an_aborted_one_breaks_off() -> None:
    async with client_of("one_server") as client:
        fault = await strike(client, machine="web-01", fault={"truncate": 0.7})
        with pytest.raises(json.JSONDecodeError):
            await client.ask("web-01", SYSTEM)
        await heal(client, fault)
        await strike(client, machine="web-01", fault={"chunked_abort": 0.5})
        with pytest.raises(aiohttp.ClientError):
            await client.ask("web-01", SYSTEM)


async def test_a_drip_sends_as_slowly_as_asked() -> None:
    async with client_of("one_server") as client:
        await strike(client, machine="web-01", fault={"drip": 50})
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(client.ask("web-01", SYSTEM), 0.5)


async def test_a_huge_body_is_as_large_as_asked() -> None:
    async with client_of("one_server") as client:
        await strike(client, machine="web-01", fault={"body": 5_000_000})
        address = client.fleet.address("web-01") + "/redfish/v1"
        async with client.http.get(address) as response:
            assert len(await response.read()) >= 5_000_000


async def test_a_connection_that_is_used_again_is_closed() -> None:
    async with client_of("one_server") as client:
        await client.get("web-01", SYSTEM)
        await strike(client, machine="web-01", fault={"close_on_reuse": True})
        with pytest.raises(aiohttp.ClientError):
            await client.ask("web-01", SYSTEM, method="PATCH", body={"AssetTag": "x"})
        assert (await client.ask("web-01", SYSTEM))[0] == 200


async def test_too_many_requests_at_once_hang_the_bmc() -> None:
    async with client_of("one_server") as client:
        await strike(client, machine="web-01", fault={"concurrency": 1, "seconds": 0.2})
        await strike(client, machine="web-01", fault={"latency": 0.5})
        answers = await asyncio.gather(*(client.ask("web-01", SYSTEM) for _ in range(2)), return_exceptions=True)
        assert sum(isinstance(answer, Exception) for answer in answers) == 1
        assert client.fleet.ledger.tallies["web-01"].most_in_flight == 2


async def test_a_redirect_leads_away_and_a_dropped_header_is_missing() -> None:
    async with client_of("one_server") as client:
        fault = await strike(client, machine="web-01", fault={"redirect": "https://127.0.0.1:1/evil"})
        status, _, headers = await client.ask("web-01", SYSTEM)
        assert (status, headers["Location"]) == (301, "https://127.0.0.1:1/evil")
        await heal(client, fault)
        await strike(client, machine="web-01", fault="wire", id="F06")
        status, headers = await client.login("web-01")
        assert status == 201
        assert "Location" not in headers


async def test_the_accent_of_a_family_is_there_from_the_start() -> None:
    plan = read_fleet("one_server")
    accent = Accent(name="late-null", evidence="invented", match={"path": "/Systems/*"}, fault={"set": {"Model": None}})
    server = replace(plan.servers[0], family=replace(plan.servers[0].family, accents=(accent,)))
    async with client_of(replace(plan, servers=(server,))) as client:
        assert (await client.get("web-01", SYSTEM))["Model"] is None
        assert (await client.get("web-01", CHASSIS))["Model"] == server.family.model


async def test_a_fleet_may_have_a_certificate_for_each_machine() -> None:
    plan = read_fleet("one_rack")
    async with client_of(replace(plan, servers=plan.servers[:2], story=(), distinct_certificates=True)) as client:
        found = set()
        for name in client.fleet.fleet.bmcs:
            port = urlsplit(client.fleet.address(name)).port
            found.add(await asyncio.to_thread(ssl.get_server_certificate, ("127.0.0.1", port)))
        assert len(found) == 2


async def test_a_cleared_log_starts_its_ids_again() -> None:
    async with client_of("one_server") as client:
        await strike(client, machine="web-01", fault={"clear_log": "event"})
        assert [entry["Id"] for entry in (await client.get("web-01", EVENTS))["Members"]] == ["1"]


async def test_drives_vanish_while_the_machine_is_off() -> None:
    async with client_of("one_server") as client:
        await strike(client, machine="web-01", fault="wire", id="F34")
        assert len((await client.get("web-01", f"{SYSTEM}/Storage/1"))["Drives"]) == 4
        await client.ask("web-01", RESET, method="POST", body={"ResetType": "ForceOff"})
        client.fleet.advance(10)
        assert (await client.get("web-01", f"{SYSTEM}/Storage/1"))["Drives"] == []


# ---- what is refused ----


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ({"machine": "web-01", "fault": "explode"}, "known are fail_drive"),
        ({"machine": "web-99", "fault": "fail_fan"}, "no machine 'web-99'"),
        ({"machine": "web-01", "fault": "fail_drive"}, "'bay' is needed"),
        ({"machine": "web-01", "fault": "fail_drive", "bay": 77}, "bays 0 to 3"),
        ({"machine": "web-01", "fault": "fail_drive", "bay": "two"}, "which is no int"),
        ({"machine": "web-01", "fault": "fail_fan", "colour": "red"}, "unknown field 'colour'"),
        ({"machine": "web-01", "fault": "fail_fan", "name": "Fan 99"}, "Fan 8, not 'Fan 99'"),
        ({"machine": "web-01", "fault": {"explode": 1}}, "known are latency"),
        ({"machine": "web-01", "fault": {"latency": "long"}}, "it takes seconds"),
        ({"machine": "web-01", "fault": {"latency": 1, "colour": 2}}, "not 'colour'"),
        ({"machine": "web-01", "fault": {"latency": 1}, "when": {"sometimes": 1}}, "when knows nth"),
        ({"machine": "web-01", "fault": {"latency": 1}, "when": {"nth": 0}}, "when: nth cannot be 0"),
        ({"machine": "web-01", "fault": {"latency": 1}, "match": {"oid": "1"}}, "match knows method, path"),
        ({"machine": "web-01", "fault": "wire", "id": "F999"}, "no preset for 'F999'"),
        ({"machine": "web-01", "fault": "wire"}, "say what happens"),
        ({"rack": "R01", "fault": "lose_feed", "feed": "C"}, "feed is A or B"),
        ({"switch": "sw-r01-a", "fault": "drop_link", "port": 99}, "not in 99"),
    ],
)
async def test_a_fault_that_makes_no_sense_is_refused_with_what_would_be_right(
    fault: dict[str, Any], said: str
) -> None:
    async with client_of("one_server") as client:
        status, answer = await client.control("POST", "/faults", fault)
        assert status == 400
        assert said in answer["error"]
        assert (await client.control("GET", "/faults"))[1]["items"] == []


def test_every_fault_effect_and_id_is_in_the_manual() -> None:
    manual = (Path(__file__).parents[2] / "docs" / "emulator.md").read_text()
    assert [name for name in [*FAULTS, *EFFECTS] if f"`{name}`" not in manual] == []
    assert [fault_id for fault_id in [*PRESETS, *NAMED_IDS] if fault_id not in manual] == []
