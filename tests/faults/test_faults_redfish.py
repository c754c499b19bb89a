"""The faults of a Redfish device, one test each: what it does wrong, and what a poll makes of it.

The device is the emulator, except where it must do what no server library can be made to do.
"""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta
from typing import Any

import orjson
import pytest

from fleetmon.clock import ManualClock
from fleetmon.drivers.base import Opening, Request
from fleetmon.drivers.lane import Lane
from fleetmon.drivers.redfish.bodies import MAX_BYTES
from fleetmon.drivers.redfish.driver import RedfishDriver
from fleetmon.drivers.redfish.resource import key
from fleetmon.model import (
    Aspect,
    Component,
    Endpoint,
    Health,
    NoReading,
    Observation,
    Protocol,
    Reachability,
    ReadingType,
)
from tests.bench import EVERYTHING, MACHINE, STEADY, SYSTEM, Answer, device, head_of, http, opened, wire
from tests.emulator_client import client_of
from tests.redfish_service import CHASSIS as BODY_CHASSIS
from tests.redfish_service import SYSTEM as BODY_SYSTEM
from tests.redfish_service import ShelfSession, server


def temperatures(seen: Observation) -> list[Any]:
    return [r for r in seen.readings if r.sensor.type is ReadingType.TEMPERATURE]


# ---- sessions and transport ----


async def test_F01_a_full_session_table_is_busy_and_is_not_answered_with_more_logins():
    async with device() as bench:
        bench.strike({"max_sessions": 1})
        assert (await bench.client.login(MACHINE))[0] == 201
        seen = await bench.poll()
        assert seen.reachability is Reachability.BUSY
        assert bench.noted("login_full") == 1
        assert bench.lane.breaker.refusals == 0


async def test_F02_a_session_is_used_again_after_a_restart():
    async with device() as bench:
        await bench.poll()
        memory = bench.driver.memory()
        await bench.driver.suspend()
        again, _, _ = opened(bench.address, memory=memory)
        seen = await again.observe(Request(aspects=STEADY))
        await again.close()
        assert seen.answered == STEADY
        assert (bench.noted("login"), bench.noted("logout")) == (1, 1)
        assert seen.requests <= 3


async def test_F03_a_session_that_ends_early_is_opened_again_once():
    async with device() as bench:
        bench.strike("F03")
        await bench.poll()
        bench.fleet.advance(31)
        seen = await bench.steady()
        assert seen.answered == STEADY
        assert bench.noted("login") == 2


async def test_F04_a_reset_bmc_that_forgot_us_is_no_failure_at_logout():
    async with device() as bench:
        await bench.poll()
        bench.fleet.bmc(MACHINE).sessions.clear()
        await bench.driver.close()
        seen = await bench.steady()
        assert seen.reachability is Reachability.REACHABLE


async def test_F05_two_refused_logins_then_silence():
    async with device(password="wrong") as bench:
        bench.strike("F05")
        for _ in range(6):
            seen = await bench.poll()
            assert seen.reachability is Reachability.ACCESS_DENIED
        assert bench.noted("login_refused") == 2
        assert bench.noted("locked_out") == 0
        assert "not trying again before" in seen.reason
        assert "correct the user or password" in seen.reason
        assert seen.requests == 0
        await bench.clock.advance(timedelta(minutes=10, seconds=1))
        await bench.poll()
        assert bench.noted("login_refused") == 3


async def test_F05_new_credentials_are_tried_at_once():
    async with device(password="wrong") as bench:
        await bench.poll()
        await bench.poll()
        corrected, _, _ = opened(bench.address, version=2, lane=bench.lane)
        assert (await corrected.observe(Request(aspects=STEADY))).reachability is Reachability.REACHABLE
        await corrected.close()


async def test_F06_a_session_without_location_is_used_all_the_same():
    async with device() as bench:
        bench.strike("F06")
        seen = await bench.poll()
        assert seen.answered == EVERYTHING
        await bench.steady()
        assert bench.noted("login") == 1


async def test_F06_a_service_root_that_wants_a_login_first_gets_one():
    async with device() as bench:
        bench.strike({"root_401": True})
        assert (await bench.poll()).answered == EVERYTHING


@pytest.mark.parametrize(
    "fault", [{"status": 503, "retry_after": 30}, {"status": 503, "retry_after": 30, "body_only": True}]
)
async def test_F07_a_busy_bmc_is_busy_and_not_down(fault):
    async with device() as bench:
        bench.strike(fault)
        seen = await bench.poll()
        assert seen.reachability is Reachability.BUSY
        assert seen.requests == 1


async def test_F08_a_resource_that_fails_loses_only_itself():
    async with device() as bench:
        bench.strike({"status": 500}, match={"path": "/UpdateService*"})
        seen = await bench.poll()
        assert seen.reachability is Reachability.REACHABLE
        assert seen.readings
        assert any(health.component.kind == "Drive" for health in seen.health)
        assert any("UpdateService" in problem.resource for problem in seen.problems)
        assert seen.inventory is not None
        assert not seen.inventory.complete


async def test_F10_a_slow_bmc_ends_with_its_deadline_and_keeps_what_it_said():
    async with device(poll_deadline=0.6, request_timeout=5) as bench:
        bench.strike({"latency": 0.25})
        seen = await asyncio.wait_for(bench.poll(), 3)
        assert seen.reachability is Reachability.REACHABLE
        assert not seen.components_complete
        assert any("within 0.6 s" in problem.reason for problem in seen.problems)


async def test_F11_a_bmc_that_accepts_and_never_answers_costs_one_timeout():
    async with device(request_timeout=0.2, poll_deadline=5) as bench:
        bench.strike("F11")
        seen = await asyncio.wait_for(bench.poll(), 3)
        assert (seen.reachability, seen.reason) == (Reachability.UNREACHABLE, "/redfish/v1/: no answer within 0.2 s")


async def test_F12_an_answer_that_drips_ends_with_the_wall_clock():
    async with device(request_timeout=0.3, poll_deadline=5) as bench:
        bench.strike("F12")
        seen = await asyncio.wait_for(bench.poll(), 3)
        assert seen.reachability is Reachability.UNREACHABLE


async def test_F13_a_kept_connection_that_is_dropped_costs_nothing():
    async with device() as bench:
        await bench.poll()
        bench.strike("F13")
        for _ in range(3):
            seen = await bench.steady()
            assert (seen.answered, seen.problems) == (STEADY, ())


async def test_F15_a_changed_certificate_stops_everything_before_a_credential_is_sent():
    sent: list[bytes] = []

    async def record(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        sent.append(await reader.read(1000))

    async with wire(record) as address:
        driver, lane, _ = opened(address, pinned="ab" * 32)
        seen = await driver.observe(Request(aspects=EVERYTHING))
        await driver.close()
    assert seen.reachability is Reachability.UNTRUSTED
    assert re.search("the key [0-9a-f]{16}…, expected is abababababababab…; .* nothing was sent", seen.reason)
    assert "changed" not in seen.reason, "the expected key may be one that somebody has just typed"
    assert b"".join(sent) == b""
    assert lane.breaker.refusals == 0


async def test_F15_the_key_first_seen_is_told_so_that_it_can_be_pinned():
    async with device() as bench:
        await bench.poll()
        pin = bench.driver.seen_spki
        assert pin is not None
        again, _, _ = opened(bench.address, pinned=pin)
        assert (await again.observe(Request(aspects=STEADY))).reachability is Reachability.REACHABLE
        await again.close()


async def test_F15_a_self_signed_certificate_is_refused_where_an_authority_is_wanted():
    async with device(verify="ca") as bench:
        seen = await bench.poll()
        assert seen.reachability is Reachability.UNTRUSTED
        assert "cannot be verified" in seen.reason
        assert bench.requests == 0


async def test_F17_the_environment_changes_nothing(monkeypatch):
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nonexistent")
    async with device() as bench:
        assert (await bench.poll()).reachability is Reachability.REACHABLE


async def test_F18_a_redirect_is_not_followed_and_carries_no_secret():
    sent: list[str] = []

    async def evil(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        sent.append(await head_of(reader))

    async with wire(evil) as elsewhere, device() as bench:
        await bench.poll()
        bench.strike({"redirect": elsewhere + SYSTEM}, match={"path": SYSTEM})
        seen = await bench.steady()
        assert any("redirects elsewhere" in problem.reason for problem in seen.problems)
    assert sent == []


def with_slashes(moved: int, asked: list[str]) -> Answer:
    """A server that answers a path without a slash at its end by a redirect (`moved`) to the one with it."""
    bodies = {key(path): body for path, body in server().items()}
    sessions = "/redfish/v1/sessionservice/sessions"

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = await head_of(reader)
            length = re.search(r"(?i)content-length: (\d+)", head)
            if length:
                await reader.readexactly(int(length[1]))
            method, target, _ = head.split(" ", 2)
            asked.append(f"{method} {target}")
            body = bodies.get(key(target))
            if not target.endswith("/"):
                writer.write(http(b"", status=f"{moved} Moved", headers=f"Location: {target}/\r\n"))
            elif method == "POST" and key(target) == sessions:
                headers = f"X-Auth-Token: t\r\nLocation: {target}1/\r\n"
                writer.write(http(b"{}", status="201 Created", headers=headers))
            elif body is not None and method == "GET":
                writer.write(http(orjson.dumps(body)))
            else:
                writer.write(http(b"", status="404 Not Found"))
            await writer.drain()

    return answer


@pytest.mark.parametrize("moved", [301, 302, 307, 308])
async def test_F18_a_redirect_to_the_same_path_with_a_slash_is_gone_after_once(moved):
    asked: list[str] = []
    async with wire(with_slashes(moved, asked)) as address:
        driver, _, _ = opened(address)
        first = await driver.observe(Request(aspects=EVERYTHING))
        asked.clear()
        steady = await driver.observe(Request(aspects=STEADY))
        await driver.close()
    assert (first.reachability, steady.answered) == (Reachability.REACHABLE, STEADY)
    assert {told.component.name for told in first.health if told.component.kind == "Drive"} == {"Bay 1", "Bay 2"}
    assert not any("not followed" in problem.reason for problem in first.problems)
    assert all(line.endswith("/") for line in asked)


@pytest.mark.parametrize("place", ["https://127.0.0.1:1{}/", "//evil{}/", "/other{}/", "{}", "{}/../x/"])
async def test_F18_no_other_redirect_is_followed(place):
    async with device() as bench:
        await bench.poll()
        bench.strike({"redirect": place.format(SYSTEM)}, match={"path": SYSTEM})
        before = bench.requests
        seen = await bench.steady()
        assert any("redirects elsewhere" in problem.reason for problem in seen.problems)
        assert bench.requests == before + seen.requests


async def test_F19_a_body_compressed_against_our_wish_is_read():
    async with device() as bench:
        bench.strike("F19")
        assert (await bench.poll()).answered == EVERYTHING


@pytest.mark.parametrize("shape", ["str", "dict", "empty", "html"])
async def test_F20_an_error_of_any_shape_is_told_and_nothing_breaks(shape):
    async with device() as bench:
        bench.strike({"error_body": shape}, match={"path": "/UpdateService*"})
        seen = await bench.poll()
        assert seen.reachability is Reachability.REACHABLE
        assert seen.readings


async def test_F05_a_refusal_in_the_device_s_words_reads_on_with_our_cure():
    async with device(password="wrong") as bench:
        seen = await bench.poll()
        assert seen.reachability is Reachability.ACCESS_DENIED
        assert re.search(r"\w; correct the user or password", seen.reason), seen.reason


async def test_F21_a_page_for_people_is_told_as_such():
    async def page(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = await head_of(reader)
            assert "OData-Version: 4.0" in head
            writer.write(http(b"<html><title>Router</title></html>").replace(b"application/json", b"text/html"))
            await writer.drain()

    async with wire(page) as address:
        driver, _, _ = opened(address)
        seen = await driver.observe(Request(aspects=EVERYTHING))
        await driver.close()
    assert seen.reachability is Reachability.GARBLED
    assert "text/html" in seen.reason
    assert "<title>Router</title>" in seen.reason
    assert "address of a BMC" in seen.reason


@pytest.mark.parametrize("fault", [{"truncate": 0.7}, {"chunked_abort": 0.5}])
async def test_F22_a_truncated_body_loses_only_its_resource(fault):
    async with device() as bench:
        await bench.poll()
        bench.strike(fault, match={"path": "/MetricReports/*"})
        seen = await bench.steady()
        assert seen.power is not None
        assert any("MetricReports" in problem.resource for problem in seen.problems)
        assert temperatures(seen)


async def test_F23_there_is_never_more_than_one_request_in_flight():
    async with device() as bench:
        await asyncio.gather(*(bench.steady() for _ in range(4)), bench.driver.raw(SYSTEM))
        tally = bench.fleet.ledger.tallies[MACHINE]
        assert (tally.most_in_flight, tally.sessions.most) == (1, 1)


async def test_F24_a_session_does_not_outlive_its_password():
    async with device() as bench:
        await bench.poll()
        memory = bench.driver.memory()
        changed, _, _ = opened(bench.address, version=2, memory=memory)
        await changed.observe(Request(aspects=STEADY))
        await changed.close()
        assert bench.noted("login") == 2


# ---- payload ----


@pytest.mark.parametrize("fault", ["F25", "F27"])
async def test_F25_F27_what_is_no_number_has_a_reason_and_no_value(fault):
    async with device() as bench:
        bench.strike(fault, match={"path": "/Chassis*"})
        bench.strike({"status": 404}, match={"path": "/TelemetryService*"})
        seen = await bench.poll()
        assert temperatures(seen)
        assert all(reading.value is NoReading.FAULTY for reading in temperatures(seen))
        assert any(reading.number is not None for reading in seen.readings)


async def test_F26_a_fraction_where_a_count_is_expected_is_read():
    async with device() as bench:
        bench.strike({"set": {"CapacityMiB": 32768.5, "TotalCores": 15.5}})
        seen = await bench.poll()
        assert seen.inventory is not None
        memory = [part for part in seen.inventory.parts if part.component.kind == "Memory"]
        assert memory
        assert all(part.capacity_bytes == 32768 * 2**20 for part in memory)


@pytest.mark.parametrize("fault", ["F28", "F29"])
async def test_F28_F29_missing_and_mistyped_fields_do_not_fail_a_poll(fault):
    async with device() as bench:
        bench.strike(fault)
        seen = await bench.poll()
        assert seen.reachability is Reachability.REACHABLE
        assert seen.readings
        assert any(health.component.kind in ("Memory", "Drive") for health in seen.health)


async def test_F30_no_number_that_is_none_gets_through():
    async with device() as bench:
        await bench.poll()
        bench.strike("F30")
        bench.strike({"status": 404}, match={"path": "/TelemetryService*"})
        seen = await bench.poll()
        numbers = [reading.number for reading in seen.readings if reading.number is not None]
        assert all(number == number and abs(number) != float("inf") for number in numbers)
        assert any("no valid JSON" in problem.reason for problem in seen.problems)


async def test_F31_a_name_given_twice_is_noticed():
    async with device() as bench:
        bench.strike({"dup_key": "PowerState", "value": "On"}, match={"path": SYSTEM})
        await bench.poll()
        seen = await bench.poll(Aspect.HEARTBEAT)
        assert any("PowerState twice" in problem.reason for problem in seen.problems)


async def test_F33_a_spinning_disk_has_no_life_left_to_tell():
    async with device() as bench:
        bench.strike({"set": {"MediaType": "HDD", "PredictedMediaLifeLeftPercent": 0}}, match={"path": "*"})
        seen = await bench.poll()
        assert seen.inventory is not None
        drives = [part for part in seen.inventory.parts if part.component.kind == "Drive"]
        assert drives
        assert all("life_left_percent" not in drive.properties for drive in drives)
        assert all(health.health is Health.OK for health in seen.health if health.component.kind == "Drive")


async def test_F35_an_empty_bay_is_no_drive():
    async with device() as bench:
        before = {health.component for health in (await bench.poll()).health if health.component.kind == "Drive"}
        bench.strike({"set": {"Status": {"State": "Absent"}}}, match={"path": "*/Drives/*"})
        bench.strike({"set": {"ProtocolFeaturesSupported": {}}}, match={"path": "/redfish/v1"})
        plain, _, _ = opened(bench.address)
        seen = await plain.observe(Request(aspects=EVERYTHING))
        await plain.close()
        assert before
        assert not any(health.component.kind == "Drive" for health in seen.health)


async def test_F36_a_leaf_that_is_ill_is_seen_though_the_rollup_says_ok():
    async with device() as bench:
        bench.strike("F36")
        bench.strike("fail_drive", bay=1)
        seen = await bench.poll()
        assert seen.overall is not None
        assert seen.overall.health is Health.OK
        assert any(health.health is Health.CRITICAL and health.component.kind == "Drive" for health in seen.health)


async def test_F38_members_told_inline_are_the_same_members():
    async with device() as bench:
        before = {health.component for health in (await bench.poll()).health}
        bench.strike("F38")
        again, _, _ = opened(bench.address)
        assert {health.component for health in (await again.observe(Request(aspects=EVERYTHING))).health} == before
        await again.close()


async def test_F39_a_long_log_is_read_page_by_page_and_what_is_left_is_said():
    async with device() as bench:
        seen = await bench.poll()
        log = next(log for log in seen.logs if log.log == "Lifecycle")
        assert log.total is not None
        assert len(log.records) == log.total or log.truncated
        assert len(log.records) > 50


@pytest.mark.parametrize("way", ["self", "++"])
async def test_F41_pages_without_end_come_to_an_end(way):
    async with device() as bench:
        bench.strike({"nextLink": way}, match={"path": "*/Entries*"})
        seen = await bench.poll(Aspect.EVENTS)
        assert seen.reachability is Reachability.REACHABLE
        assert seen.requests < 120


async def test_F42_a_huge_body_is_stopped_at_the_cap():
    async with device() as bench:
        bench.strike({"body": 3 * MAX_BYTES}, match={"path": "*/Memory*"})
        bench.strike({"set": {"ProtocolFeaturesSupported": {}}}, match={"path": "/redfish/v1"})
        seen = await bench.poll()
        assert any("larger than" in problem.reason for problem in seen.problems)
        assert seen.readings


async def test_F46_a_failed_refresh_does_not_fall_back_to_basic():
    async with device() as bench:
        await bench.poll()
        bench.fleet.bmc(MACHINE).sessions.clear()
        bench.strike({"status": 404}, match={"method": "POST", "path": "*/Sessions*"})
        seen = await bench.steady()
        assert seen.answered == frozenset()
        rows = bench.fleet.ledger.since(0, machine=MACHINE, what="login_refused")
        assert not any(row.get("how") == "basic" for row in rows)
        assert not bench.driver._session.login.basic


async def test_F48_two_devices_never_get_each_other_s_answers():
    async with client_of("one_rack") as client:
        names = ["web-01", "web-02", "web-03", "db-a01"]
        drivers = {name: opened(client.fleet.address(name))[0] for name in names}
        seen = await asyncio.gather(*(driver.observe(Request(aspects=EVERYTHING)) for driver in drivers.values()))
        serials = [one.identity.serial_number for one in seen if one.identity is not None]
        assert len(set(serials)) == len(names)
        await asyncio.gather(*(driver.close() for driver in drivers.values()))


# ---- hostile answers ----


async def test_F112_deep_json_is_refused_before_it_is_parsed():
    async with device() as bench:
        bench.strike("F112", match={"path": "/MetricReports/*"})
        await bench.poll()
        bench.strike("F112", match={"path": SYSTEM})
        seen = await bench.steady()
        assert any(re.search("nested deeper|more than .* objects", problem.reason) for problem in seen.problems)


async def test_F113_a_decompression_bomb_is_stopped_at_the_cap():
    async with device() as bench:
        await bench.poll()
        bench.strike("F113", match={"path": SYSTEM})
        seen = await bench.steady()
        assert any("unpacks to more" in problem.reason for problem in seen.problems)


async def test_F114_a_number_of_5000_digits_loses_only_its_resource():
    async with device() as bench:
        await bench.poll()
        bench.strike("F114", match={"path": "*/Sensors/*"})
        bench.strike({"huge_int": "PowerState"}, match={"path": SYSTEM})
        seen = await bench.steady()
        assert any("no valid JSON" in problem.reason for problem in seen.problems)
        assert temperatures(seen)


async def test_F115_a_huge_header_is_refused():
    async with device() as bench:
        await bench.poll()
        bench.strike("F115", match={"path": SYSTEM})
        seen = await bench.steady()
        assert seen.reachability in (Reachability.REACHABLE, Reachability.GARBLED)
        assert seen.power is None


# ---- addresses that are none ----


async def reason_at(address: str, **options: Any) -> tuple[Reachability, str]:
    driver, _, _ = opened(address, **options)
    seen = await driver.observe(Request(aspects=EVERYTHING))
    await driver.close()
    assert "\n" not in seen.reason
    return seen.reachability, seen.reason


async def test_where_nothing_listens_the_address_is_to_be_corrected():
    reachability, reason = await reason_at("https://127.0.0.1:1")
    assert (reachability, "the address or port is wrong" in reason) == (Reachability.UNREACHABLE, True)


async def test_a_port_that_speaks_no_tls_is_told_as_such():
    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(http(b"{}", status="400 Bad Request"))

    async with wire(plain, tls=False) as address:
        reachability, reason = await reason_at(address.replace("http://", "https://"))
    assert reachability is Reachability.UNSUPPORTED
    assert "speaks no TLS" in reason
    assert "http://" in reason


async def test_a_web_server_that_is_no_bmc_is_told_as_such():
    async def not_found(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await head_of(reader):
            writer.write(http(b"", status="404 Not Found"))
            await writer.drain()

    async with wire(not_found) as address:
        reachability, reason = await reason_at(address)
    assert reachability is Reachability.UNSUPPORTED
    assert "no Redfish service here" in reason


async def test_over_plain_http_the_password_is_sent_only_when_asked_for_and_that_is_told():
    heads: list[str] = []
    root = b'{"@odata.id": "/redfish/v1/", "RedfishVersion": "1.0.0", "Chassis": {"@odata.id": "/redfish/v1/Chassis"}}'

    async def basic(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = await head_of(reader)
            heads.append(head)
            known = "Authorization: Basic" in head or head.startswith("GET /redfish/v1/ ")
            writer.write(http(root) if known else http(b"", status="401 Unauthorized"))
            await writer.drain()

    async with wire(basic, tls=False) as address:
        driver, _, _ = opened(address)
        seen = await driver.observe(Request(aspects=EVERYTHING))
        await driver.close()
    assert "Authorization" not in heads[0]
    assert any("Authorization: Basic" in head for head in heads)
    assert any("unencrypted" in problem.reason for problem in seen.problems)


async def test_F05_a_basic_password_that_is_refused_is_tried_twice_and_no_more():
    tries: list[str] = []

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = await head_of(reader)
            tries.extend(line for line in head.splitlines() if line.startswith("Authorization"))
            writer.write(http(b"", status="401 Unauthorized"))
            await writer.drain()

    async with wire(refuse, tls=False) as address:
        driver, _, _ = opened(address)
        for _ in range(5):
            seen = await driver.observe(Request(aspects=EVERYTHING))
            assert seen.reachability is Reachability.ACCESS_DENIED
        await driver.close()
    assert len(tries) == 2


async def test_a_login_answered_with_204_and_no_body_is_a_login():
    async def mockup(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = await head_of(reader)
            if head.startswith("POST"):
                await reader.readexactly(int(head.lower().partition("content-length: ")[2].split("\r\n")[0]))
                writer.write(b"HTTP/1.1 204 No Content\r\nX-Auth-Token: t\r\nLocation: /redfish/v1/S/1\r\n\r\n")
            elif "X-Auth-Token: t" in head or "GET /redfish/v1/ " in head:
                body = b'{"@odata.id": "/redfish/v1/", "SessionService": {"@odata.id": "/redfish/v1/SessionService"}}'
                writer.write(http(body))
            else:
                writer.write(http(b"", status="401 Unauthorized"))
            await writer.drain()

    async with wire(mockup) as address:
        driver, _, _ = opened(address)
        assert await driver.raw("/redfish/v1/Anything") != {}
        await driver.close()


async def test_no_secret_is_ever_printed():
    async with device() as bench:
        seen = await bench.poll()
        assert "emulated" not in repr(seen) + repr(bench.driver) + repr(vars(bench.driver))
        wrong, _, _ = opened(bench.address, password="hunter2-canary")
        denied = await wrong.observe(Request(aspects=EVERYTHING))
        assert "hunter2" not in repr(denied)
        await wrong.close()


async def test_components_keep_their_names_whatever_is_read():
    async with device() as bench:
        first = {health.component for health in (await bench.poll()).health}
        assert Component("Fan", "Fan 1") in first
        assert {health.component for health in (await bench.poll(Aspect.COMPONENTS)).health} == first


async def test_F48_five_hundred_devices_alike_share_what_is_alike_and_nothing_else():
    """Plans and sensors are shared between devices of one model; what each says must stay its own."""

    def service(number: int) -> dict[str, Any]:
        bodies = server(drives=1, dimms=1, temperatures=2, fans=1)
        bodies[BODY_SYSTEM]["SerialNumber"] = f"serial-{number}"
        bodies[f"{BODY_SYSTEM}/Storage/1/Drives/1"]["SerialNumber"] = f"drive-{number}"
        bodies[f"{BODY_CHASSIS}/Thermal"]["Temperatures"][0]["ReadingCelsius"] = number / 10
        return bodies

    clock = ManualClock()
    drivers = []
    for number in range(500):
        address = f"https://bmc-{number}"
        endpoint = Endpoint(protocol=Protocol.REDFISH, address=address)
        opening = Opening(endpoint=endpoint, credentials=None, lane=Lane(device=address, clock=clock), clock=clock)
        drivers.append(RedfishDriver(opening, session=ShelfSession(service(number))))
    first = await asyncio.gather(*(driver.observe(Request(aspects=EVERYTHING)) for driver in drivers))
    again = await asyncio.gather(*(driver.observe(Request(aspects=STEADY)) for driver in drivers))
    for number, (seen, steady) in enumerate(zip(first, again, strict=True)):
        assert seen.identity is not None
        assert seen.inventory is not None
        assert seen.identity.serial_number == f"serial-{number}"
        assert f"drive-{number}" in {part.serial_number for part in seen.inventory.parts}
        for poll in (seen, steady):
            assert number / 10 in {one.number for one in temperatures(poll)}
