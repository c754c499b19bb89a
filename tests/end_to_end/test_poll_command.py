"""`fleetmon poll`: one look at one device, and one clear line where there is nothing to see."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import ssl
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from emulator.certificates import server_context
from emulator.mockup import running_mockup
from emulator.run import running_fleet
from tests import recordings

PASSWORD = "correct horse battery"


@dataclass(frozen=True)
class Outcome:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


async def run_poll(*arguments: str, password: str = PASSWORD) -> Outcome:
    """`fleetmon poll` as a process of its own, the password in the environment."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("FLEETMON_")}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "fleetmon", "poll", *arguments),
        env=environment | {"FLEETMON_PASSWORD": password, "NO_COLOR": "1"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(), 55)
    assert process.returncode is not None
    return Outcome(process.returncode, out.decode(), err.decode())


@contextlib.asynccontextmanager
async def https(answer: bytes, *, status: str = "200 OK", kind: str = "application/json") -> AsyncIterator[str]:
    """A TLS server that says the same to everyone, however little of it there is, and closes."""
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: 4000\r\nConnection: close\r\n\r\n"

    async def say(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(head.encode() + answer)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(say, "127.0.0.1", 0, ssl=server_context("bmc"))
    async with server:
        yield f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"


def assert_one_clear_line(outcome: Outcome, reachability: str, *words: str) -> None:
    """Exit 1, one line on stderr that has these words and no secret, and on stdout an object that says why, no more."""
    assert outcome.code == 1, outcome
    (line,) = outcome.err.strip().splitlines()
    assert "Traceback" not in line
    for word in words:
        assert word in line
    assert PASSWORD not in outcome.err + outcome.out
    told = outcome.json
    assert (told["reachability"], told["answered"]) == (reachability, [])
    assert told["reason"]
    assert not any((told["readings"], told["health"], told["events"], told["inventory"], told["power_state"]))


async def test_a_recorded_server_is_told_in_the_promised_shape(tmp_path):
    folder = recordings.unpacked("dmtf-public-localstorage", tmp_path)
    async with running_mockup(folder, ssl_context=server_context("bmc")) as url:
        outcome = await run_poll(url, "--user", "root", "--insecure", "-o", "json")
    assert (outcome.code, PASSWORD in outcome.out + outcome.err) == (0, False), outcome
    told = outcome.json
    assert told.keys() >= {"device", "power_state", "readings", "health", "events", "inventory", "problems"}
    assert (told["device"]["manufacturer"], told["device"]["model"]) == ("Contoso", "3500RX")
    assert told["power_state"] == "On"
    assert isinstance(told["requests"], int)
    assert told["seconds"] > 0
    assert sum(part["component"]["kind"] == "Drive" for part in told["health"]) == 4
    assert {"component", "health", "state", "failure_predicted", "detail"} <= told["health"][0].keys()
    for reading in told["readings"]:
        assert reading.keys() >= {"component", "sensor", "type", "unit", "value", "reason", "quality", "taken_at"}
        assert reading["component"].keys() == {"kind", "name"}
        assert (reading["value"] is None) == (reading["reason"] is not None)
        assert datetime.fromisoformat(reading["taken_at"]).tzinfo is not None
    assert any(reading["type"] == "Temperature" and reading["unit"] == "Cel" for reading in told["readings"])
    assert all({"resource", "reason"} <= problem.keys() for problem in told["problems"])


async def test_an_emulated_server_is_told_with_its_sensors():
    async with running_fleet("one_server") as fleet:
        outcome = await run_poll(
            fleet.address("web-01"), "--user", fleet.user, "--insecure", "-o", "json", password=fleet.password
        )
    assert outcome.code == 0, outcome
    told = outcome.json
    assert len([reading for reading in told["readings"] if reading["value"] is not None]) >= 60
    assert {part["component"]["kind"] for part in told["health"]} >= {
        "Drive",
        "Fan",
        "PowerSupply",
        "Memory",
        "Processor",
    }
    assert told["device"]["serial_number"]


async def test_a_wrong_password_is_told_in_one_line_and_tried_once():
    async with running_fleet("one_server") as fleet:
        url = fleet.address("web-01")
        outcome = await run_poll(url, "--user", fleet.user, "--insecure", "-o", "json")
        ledger = fleet.control_address + "/ledger?since=0&what=login_refused"
        async with aiohttp.ClientSession() as session, session.get(ledger) as answer:
            refused = (await answer.json())["items"]
    assert_one_clear_line(outcome, "access_denied", url, "password")
    assert len(refused) == 1


async def test_a_failing_drive_is_told(tmp_path):
    folder = recordings.unpacked("hpe-dl385-gen10plus-ilo5-critical", tmp_path)
    async with running_mockup(folder, ssl_context=server_context("bmc")) as url:
        told = (await run_poll(url, "--user", "root", "--insecure", "-o", "json")).json
    failing = [part for part in told["health"] if part["failure_predicted"]]
    assert [(part["component"]["kind"], part["health"]) for part in failing] == [("Drive", "Critical")]
    assert told["events"]


async def test_an_unknown_certificate_is_refused_before_the_password_is_sent(tmp_path):
    folder = recordings.unpacked("dmtf-public-catfish", tmp_path)
    async with running_mockup(folder, ssl_context=server_context("bmc")) as url:
        outcome = await run_poll(url, "--user", "root", "-o", "json")
    assert_one_clear_line(outcome, "untrusted", url, "certificate", "--insecure")


async def test_an_address_nobody_listens_at_is_told_in_one_line():
    async with https(b"") as url:
        pass
    outcome = await run_poll(url, "--user", "root", "--insecure", "-o", "json")
    assert_one_clear_line(outcome, "unreachable", url, "nothing listens")


async def test_without_json_a_failed_poll_says_nothing_but_its_line():
    async with https(b"") as url:
        pass
    outcome = await run_poll(url, "--user", "root", "--insecure")
    assert (outcome.code, outcome.out, outcome.err.count("\n")) == (1, "", 1)


async def test_a_web_server_that_is_no_bmc_is_told_in_one_line():
    async with https(b"<html><body>Welcome</body></html>".ljust(4000), kind="text/html") as url:
        outcome = await run_poll(url, "--user", "root", "--insecure", "-o", "json")
    assert_one_clear_line(outcome, "garbled", url, "/redfish/v1", "BMC")


async def test_a_web_server_without_redfish_is_told_in_one_line():
    async with https(b"no such page".ljust(4000), status="404 Not Found", kind="text/plain") as url:
        outcome = await run_poll(url, "--user", "root", "--insecure", "-o", "json")
    assert_one_clear_line(outcome, "unsupported", url, "/redfish/v1", "Redfish")


async def test_a_body_that_ends_in_the_middle_is_told_in_one_line():
    async with https(b'{"@odata.id": "/redfish/v1", "Systems": {"@od') as url:
        outcome = await run_poll(url, "--user", "root", "--insecure", "-o", "json")
    assert_one_clear_line(outcome, "garbled", url, "/redfish/v1", "middle")


@pytest.mark.parametrize("address", ["gopher://127.0.0.1", "https://", "not an address", "https://root:pw@127.0.0.1"])
async def test_an_impossible_address_is_told_before_anything_is_asked(address: str):
    outcome = await run_poll(address, "--user", "root", "-o", "json")
    assert outcome.code in (1, 2)
    assert outcome.out == ""
    assert "Traceback" not in outcome.err


async def test_a_password_file_that_is_not_there_is_told_in_one_line(tmp_path: Path):
    outcome = await run_poll("https://127.0.0.1:9", "--user", "root", "--password-file", str(tmp_path / "none"))
    assert outcome.code in (1, 2)
    assert str(tmp_path / "none") in outcome.err.replace("\n", "")
    assert "Traceback" not in outcome.err


# ---- over IPMI -------------------------------------------------------------------------------------------------------

OVER_IPMI = """
name = "old"
user = "monitor"
password = "correct horse batt"
seed = 3
[[site]]
name = "s"
[[rack]]
name = "R1"
site = "s"
servers = ["old-01 = halden-w1 @ 3 over ipmi"]
"""


@contextlib.asynccontextmanager
async def old_server(tmp_path: Path) -> AsyncIterator[str]:
    """The address of a server that speaks IPMI alone."""
    (tmp_path / "fleet.toml").write_text(OVER_IPMI)
    async with running_fleet(str(tmp_path / "fleet.toml")) as fleet:
        yield fleet.ipmi("old-01")


async def test_a_server_over_ipmi_is_told_in_the_same_shape(tmp_path):
    async with old_server(tmp_path) as address:
        outcome = await run_poll(address, "--user", "monitor", "-o", "json", password="correct horse batt")
    assert (outcome.code, outcome.err) == (0, ""), outcome
    told = outcome.json
    assert (told["protocol"], told["power_state"], told["overall"]) == ("ipmi", "On", "OK")
    assert told["asked"] == told["answered"]
    assert len([reading for reading in told["readings"] if reading["value"] is not None]) >= 40
    assert any(reading["thresholds"].get("upper_critical") for reading in told["readings"])
    assert {part["component"]["kind"] for part in told["health"]} >= {"Drive", "Fan", "PowerSupply", "Memory"}
    assert told["device"]["serial_number"]


async def test_a_heartbeat_over_ipmi_is_one_command(tmp_path):
    async with old_server(tmp_path) as address:
        arguments = (address, "--user", "monitor", "--aspects", "heartbeat", "-o", "json")
        outcome = await run_poll(*arguments, password="correct horse batt")
    assert (outcome.code, outcome.json["power_state"]) == (0, "On"), outcome
    assert outcome.json["requests"] <= 10, "the login is among them"


async def test_a_wrong_password_over_ipmi_is_one_line_with_its_cure(tmp_path):
    async with old_server(tmp_path) as address:
        outcome = await run_poll(address, "--user", "monitor", "-o", "json", password="another one")
    assert_one_clear_line(outcome, "access_denied", address, "correct the user or password")


async def test_a_bmc_that_answers_nothing_over_ipmi_is_one_line_with_what_to_look_at():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        address = f"ipmi://127.0.0.1:{silent.getsockname()[1]}"
        outcome = await run_poll(address, "--user", "monitor", "--timeout", "6", "-o", "json", password="short")
    assert_one_clear_line(outcome, "unreachable", address, "is IPMI over LAN enabled on the BMC")
