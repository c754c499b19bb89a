"""ipmitool and FreeIPMI get into an emulated BMC, by either suite, and are kept out as they should be."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from emulator.control import traffic
from emulator.run import RunningFleet, running_fleet
from emulator.udp_proxy import running_udp_proxy
from tests.contract.test_emulator_ipmi_faults import PLAN
from tests.emulator_client import EPOCH
from tests.ipmi_peers import FreeIpmi, Ipmitool, installed


@pytest.fixture
async def fleet() -> AsyncIterator[RunningFleet]:
    async with running_fleet(PLAN, real=lambda: EPOCH) as fleet:
        yield fleet


def ipmitool(fleet: RunningFleet, cipher: int = 17, address: str = "") -> Ipmitool:
    return Ipmitool(address or fleet.ipmi("web-01"), fleet.user, fleet.password, cipher)


async def refusal(fleet: RunningFleet, *options: str, password: str = "") -> str:
    """What ipmitool complains of when it is not let in."""
    port = fleet.ipmi("web-01").rpartition(":")[2]
    line = [installed("ipmitool"), "-I", "lanplus", "-H", "127.0.0.1", "-p", port, "-E", *options, "mc", "info"]
    environment = {**os.environ, "IPMI_PASSWORD": password or fleet.password}
    done = await asyncio.to_thread(
        subprocess.run, line, env=environment, check=False, capture_output=True, timeout=60, text=True
    )
    assert done.returncode
    return str(done.stderr)


@pytest.mark.parametrize("cipher", [3, 17])
async def test_ipmitool_gets_in_and_out(fleet: RunningFleet, cipher: int) -> None:
    tool = ipmitool(fleet, cipher)
    assert await asyncio.to_thread(tool.run, "chassis", "power", "status") == "Chassis Power is on\n"
    told = await asyncio.to_thread(tool.run, "session", "info", "active")
    for line in (
        "slot count                    : 4",
        "active sessions               : 1",
        "ADMINISTRATOR",
        "IPMIv2/RMCP+",
    ):
        assert line in told
    assert [row["cipher"] for row in fleet.ledger.since(0, what="login")] == [cipher] * 2
    assert len(fleet.ledger.since(0, what="logout")) == 2


async def test_ipmitool_learns_the_best_suite_by_itself(fleet: RunningFleet) -> None:
    tool = ipmitool(fleet)
    told = await asyncio.to_thread(tool.run, "channel", "getciphers", "ipmi", "1")
    assert [line.split()[0] for line in told.splitlines()[1:]] == ["3", "17"]
    port = fleet.ipmi("web-01").rpartition(":")[2]
    line = [installed("ipmitool"), "-I", "lanplus", "-H", "127.0.0.1", "-p", port, "-U", fleet.user, "-E", "mc", "guid"]
    environment = {**os.environ, "IPMI_PASSWORD": fleet.password}
    done = await asyncio.to_thread(subprocess.run, line, env=environment, check=True, capture_output=True, timeout=60)
    assert b"System GUID" in done.stdout
    assert [row["cipher"] for row in fleet.ledger.since(0, what="login")] == [17, 17]


@pytest.mark.parametrize("cipher", [3, 17])
async def test_freeipmi_gets_in_and_out(fleet: RunningFleet, cipher: int, tmp_path: Path) -> None:
    peer = FreeIpmi(fleet.ipmi("web-01"), fleet.user, fleet.password, tmp_path, cipher)
    assert (await asyncio.to_thread(peer.run, "ipmipower", "--stat")).endswith(": on\n")
    assert "IPMI Version" in await asyncio.to_thread(peer.run, "bmc-info")
    assert {row["cipher"] for row in fleet.ledger.since(0, what="login")} == {cipher}
    assert len(fleet.ledger.since(0, what="logout")) == len(fleet.ledger.since(0, what="login"))


async def test_who_is_not_let_in_is_told_why(fleet: RunningFleet) -> None:
    assert "invalid authentication algorithm" in await refusal(fleet, "-U", fleet.user, "-C", "0")
    assert "invalid integrity algorithm" in await refusal(fleet, "-U", fleet.user, "-C", "1")
    assert "Unable to establish" in await refusal(fleet, "-U", fleet.user, "-C", "17", password="wrong")
    assert "Unable to establish" in await refusal(fleet, "-U", "nobody", "-C", "17")
    assert [row["user"] for row in fleet.ledger.since(0, what="login_refused")] == ["nobody"]
    fleet.advance(61)
    traffic(fleet.fleet)
    assert len(fleet.ledger.since(0, what="login_abandoned")) == 1, "it sees that the proof is wrong, and just goes"
    assert fleet.ledger.since(0, what="login") == []


async def test_a_line_that_loses_doubles_and_reorders_costs_ipmitool_nothing_but_time(fleet: RunningFleet) -> None:
    rules = (
        {"when": {"every": 5}, "fault": {"drop": True}},
        {"when": {"every": 3}, "fault": {"duplicate": 1}},
        {"match": {"direction": "up"}, "when": {"every": 4}, "fault": {"duplicate": 1}},
    )
    async with running_udp_proxy(fleet.ipmi("web-01"), rules) as proxy:
        tool = ipmitool(fleet, address=proxy.address)
        told = await asyncio.to_thread(tool.run, "chassis", "power", "status")
        assert told == "Chassis Power is on\n"
        assert proxy.log
