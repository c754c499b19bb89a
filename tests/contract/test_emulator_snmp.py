"""The emulator's SNMP agents, as net-snmp sees them: recordings, switches, distribution units, UPSes, faults, traps."""

from __future__ import annotations

import asyncio
import contextlib
import re
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from emulator.fault_ids import ELSEWHERE, SNMP_IDS
from emulator.fleet import FleetFileError, parse_fleet
from emulator.named_fault import FaultRefusedError
from emulator.run import RunningFleet, running_fleet
from emulator.snmp import ber
from emulator.snmp.recorded import NoRecordingError, recorded
from emulator.snmp.serve import running_recordings

pytestmark = pytest.mark.skipif(shutil.which("snmpbulkwalk") is None, reason="net-snmp's tools are not installed")

IF, IFX = "1.3.6.1.2.1.2.2.1", "1.3.6.1.2.1.31.1.1.1"
SYS_NAME, UPTIME = "1.3.6.1.2.1.1.5.0", "1.3.6.1.2.1.1.3.0"
RPDU2 = "1.3.6.1.4.1.318.1.1.26"
PRIVATE = ("-v3", "-l", "authPriv", "-u", "operator", "-a", "SHA-256", "-A", "emulated", "-x", "AES", "-X", "emulated")
V2C = ("-v2c", "-c", "emulated")


async def tool(program: str, address: str, *arguments: str, how: tuple[str, ...] = V2C) -> str:
    """What a program of net-snmp prints, numbers bare; its errors too."""
    place = address.removeprefix("snmp://")
    process = await asyncio.create_subprocess_exec(
        program, *how, "-Onqe", "-r0", "-t1", place, *arguments, stdout=-1, stderr=asyncio.subprocess.STDOUT
    )
    return (await process.communicate())[0].decode(errors="replace")


async def walked(address: str, column: str, how: tuple[str, ...] = V2C) -> dict[str, str]:
    """Index to value of one column."""
    printed = await tool("snmpbulkwalk", address, column, how=how)
    found = re.findall(rf"^\.{re.escape(column)}\.(\S+) (.*)$", printed, re.MULTILINE)
    return {index: value.strip().strip('"') for index, value in found}


async def asked(address: str, *oids: str, how: tuple[str, ...] = V2C) -> list[str]:
    """The value of each identifier."""
    printed = await tool("snmpget", address, *oids, how=how)
    return [line.partition(" ")[2].strip().strip('"') for line in printed.splitlines()]


@contextlib.asynccontextmanager
async def rack(traps: tuple[str, int] | None = None, version: int = 2) -> AsyncIterator[RunningFleet]:
    """The rack of everything that speaks SNMP, at a time that only moves when it is told to."""
    async with running_fleet("snmp_rack", real=lambda: 1_700_000_000.0, traps=traps, trap_version=version) as fleet:
        yield fleet


def truth(fleet: RunningFleet, name: str) -> dict[str, Any]:
    return fleet.fleet.devices[name].truth()


def fed(fleet: RunningFleet, machine: str) -> list[bool]:
    """Which of its power supplies have input."""
    return [supply.fed for supply in fleet.machine(machine).parts.supplies]


def feeds(fleet: RunningFleet) -> list[bool]:
    """Whether feed A of each rack is alive."""
    return [rack.feeds["A"] for rack in fleet.fleet.plant.racks.values()]


# ---- recordings ----

REC = """1.3.6.1.2.1.1.1.0|4|a switch
1.3.6.1.2.1.1.2.0|6|1.3.6.1.4.1.32473.1
1.3.6.1.2.1.1.5.0|4x|ff00c3a9
1.3.6.1.2.1.2.2.1.10.1|65|4294967295
1.3.6.1.2.1.31.1.1.1.6.1|70|18446744073709551615
1.3.6.1.2.1.4.20.1.1.10.0.0.1|64|10.0.0.1
1.3.6.1.2.1.99.1.1.1.4.7|2|-40
"""
WALK = """.1.3.6.1.2.1.1.1.0 = STRING: "two
lines"
.1.3.6.1.2.1.1.3.0 = Timeticks: (161500) 0:26:55.00
.1.3.6.1.2.1.1.4.0 = No Such Object available on this agent at this OID
.1.3.6.1.2.1.2.2.1.6.1 = Hex-STRING: 02 00 5E 10 00 01
.1.3.6.1.2.1.2.2.1.8.1 = INTEGER: up(1)
"""


async def test_recordings_are_served_as_they_were_written_down(tmp_path: Path) -> None:
    (tmp_path / "one.snmprec").write_text(REC)
    (tmp_path / "two.snmpwalk").write_text(WALK)
    public = ("-v2c", "-c", "public")
    async with running_recordings([tmp_path / "one.snmprec", tmp_path / "two.snmpwalk"]) as agents:
        one = await tool("snmpwalk", agents["one"].address, "1", how=public)
        two = await tool("snmpbulkwalk", agents["two"].address, "1", how=public)
        foreign = await tool("snmpget", agents["one"].address, SYS_NAME, how=("-v2c", "-c", "secret"))
    assert ".1.3.6.1.2.1.1.2.0 .1.3.6.1.4.1.32473.1" in one
    assert '.1.3.6.1.2.1.1.5.0 "FF 00 C3 A9 "' in one
    assert ".1.3.6.1.2.1.31.1.1.1.6.1 18446744073709551615" in one
    assert ".1.3.6.1.2.1.2.2.1.10.1 4294967295" in one
    assert ".1.3.6.1.2.1.4.20.1.1.10.0.0.1 10.0.0.1" in one
    assert ".1.3.6.1.2.1.99.1.1.1.4.7 -40" in one
    assert ".1.3.6.1.2.1.1.1.0 two\nlines" in two.replace('"', "")
    assert ".1.3.6.1.2.1.2.2.1.8.1 1" in two
    assert ".1.3.6.1.2.1.1.4.0" not in two
    assert "Timeout" in foreign


def test_a_file_that_is_no_recording_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.snmprec").write_text("hello\n")
    with pytest.raises(NoRecordingError, match="no recording"):
        recorded(tmp_path / "x.snmprec")


@pytest.mark.parametrize("number", [0, 127, 128, -1, -129, 2**31 - 1, -(2**31), 2**32 - 1, 2**63, 2**64 - 1])
def test_numbers_survive_their_encoding(number: int) -> None:
    tag, content, end = ber.element(ber.whole(number))
    assert (tag, ber.number_of(content), end) == (ber.INTEGER, number, len(ber.whole(number)))


# ---- who may ask ----


@pytest.mark.parametrize("digest", ["SHA", "SHA-224", "SHA-256", "SHA-384", "SHA-512"])
async def test_version_3_is_spoken_signed_and_encrypted(digest: str) -> None:
    async with rack() as fleet:
        how = ("-v3", "-u", "operator", "-a", digest, "-A", "emulated")
        private = await asked(
            fleet.snmp("sw-r01-a"), SYS_NAME, how=(*how, "-l", "authPriv", "-x", "AES", "-X", "emulated")
        )
        signed = await asked(fleet.snmp("sw-r01-a"), SYS_NAME, how=(*how, "-l", "authNoPriv"))
        wrong = await tool(
            "snmpget", fleet.snmp("sw-r01-a"), SYS_NAME,
            how=("-v3", "-u", "operator", "-a", digest, "-A", "emulated-not", "-l", "authNoPriv"),
        )  # fmt: skip
        bare = await tool("snmpget", fleet.snmp("sw-r01-a"), SYS_NAME, how=("-v3", "-u", "operator", "-l", "noAuth"))
        stranger = await tool("snmpget", fleet.snmp("sw-r01-a"), SYS_NAME, how=("-v3", "-u", "nobody", "-l", "noAuth"))
        assert private == signed == ["sw-r01-a"]
        assert "Authentication failure" in wrong
        assert "nsupported security level" in bare
        assert "Unknown user name" in stranger
        assert truth(fleet, "sw-r01-a")["traffic"]["snmp"]["refused"] == 3


async def test_a_restarted_engine_is_followed_with_its_new_boots_and_time() -> None:
    async with rack() as fleet:
        before = fleet.fleet.devices["sw-r01-a"].engine.boots
        fleet.strike(agent="sw-r01-a", fault="restart_agent")
        boots, uptime = await asked(fleet.snmp("sw-r01-a"), "1.3.6.1.6.3.10.2.1.2.0", UPTIME, how=PRIVATE)
        assert boots == str(before + 1)
        assert uptime == "0:0:00:00.00"


# ---- a switch ----


async def test_a_switch_tells_its_ports_and_who_is_at_their_other_end() -> None:
    async with rack() as fleet:
        address, told = fleet.snmp("sw-r01-a"), truth(fleet, "sw-r01-a")
        names, up = await walked(address, f"{IFX}.1"), await walked(address, f"{IF}.8")
        octets = await walked(address, f"{IFX}.6")
        assert [names[str(port["if_index"])] for port in told["ports"]] == [port["name"] for port in told["ports"]]
        assert [up[str(port["if_index"])] == "1" for port in told["ports"]] == [port["up"] for port in told["ports"]]
        assert [int(octets[str(p["if_index"])]) for p in told["ports"]] == [p["octets_in"] for p in told["ports"]]
        systems = await walked(address, "1.0.8802.1.1.2.1.4.1.1.9")
        ports = {int(index.split(".")[1]): name for index, name in systems.items()}
        cabled = {p["port"]: p.get("machine", p.get("switch")) for p in told["ports"] if p["up"]}
        assert ports == cabled
        learned = await walked(address, "1.3.6.1.2.1.17.7.1.2.2.1.2")
        macs = {bytes(map(int, index.split(".")[1:])).hex(":"): int(port) for index, port in learned.items()}
        for port in told["ports"]:
            if "machine" in port:
                assert macs[port["nic_mac"]] == port["port"]


async def test_a_dropped_link_is_down_at_both_ends_and_counts_nothing_more() -> None:
    async with rack() as fleet:
        address = fleet.snmp("sw-r01-a")
        machine, index = fleet.fleet.plant.switches["sw-r01-a"].cables[1]
        dropped = fleet.strike(switch="sw-r01-a", fault="drop_link", port=1)
        state, before = await asked(address, f"{IF}.8.1", f"{IFX}.6.1")
        fleet.advance(3_600)
        assert (state, (await asked(address, f"{IFX}.6.1"))[0]) == ("2", before)
        assert not machine.parts.ports[index].up
        fleet.heal(dropped)
        fleet.advance(3_600)
        state, after = await asked(address, f"{IF}.8.1", f"{IFX}.6.1")
        assert state == "1"
        assert int(after) > int(before)


async def test_renumbered_ports_keep_their_names_and_counts() -> None:
    async with rack() as fleet:
        address = fleet.snmp("sw-r01-a")
        before = await walked(address, f"{IFX}.1")
        counted = await walked(address, f"{IFX}.6")
        fleet.strike(agent="sw-r01-a", fault="swap_ifindex", port=3, other=7)
        after, again = await walked(address, f"{IFX}.1"), await walked(address, f"{IFX}.6")
        assert (after["3"], after["7"]) == (before["7"], before["3"])
        assert (again["3"], again["7"]) == (counted["7"], counted["3"])


async def test_counters_near_their_end_are_exact() -> None:
    async with rack() as fleet:
        fleet.strike(agent="sw-r01-a", fault="counter_near", port=2, bits=63, left=5)
        assert 2**63 - 10**12 < int((await asked(fleet.snmp("sw-r01-a"), f"{IFX}.10.2"))[0]) <= 2**63 - 5
        fleet.strike(agent="sw-r01-a", fault="counter_reset", port=2)
        assert await asked(fleet.snmp("sw-r01-a"), f"{IFX}.10.2") == ["0"]


# ---- power ----


async def test_an_outlet_gives_what_hangs_on_it_takes_and_takes_it_away() -> None:
    async with rack() as fleet:
        address, told = fleet.snmp("pdu-r01-a"), truth(fleet, "pdu-r01-a")
        names, watts = await walked(address, f"{RPDU2}.9.4.3.1.3"), await walked(address, f"{RPDU2}.9.4.3.1.7")
        assert names["1"] == told["outlets"][0]["feeds"] == "web-01 PSU 1"
        assert {n: int(w) for n, w in watts.items()} == {str(o["number"]): round(o["watts"]) for o in told["outlets"]}
        cut = fleet.strike(agent="pdu-r01-a", fault="cut_outlet", outlet=1)
        assert await asked(address, f"{RPDU2}.9.2.3.1.5.1", f"{RPDU2}.9.4.3.1.7.1") == ["1", "0"]
        assert fed(fleet, "web-01") == [False, True]
        fleet.heal(cut)
        assert fed(fleet, "web-01") == [True, True]
        assert await asked(address, f"{RPDU2}.9.2.3.1.5.1") == ["2"]


async def test_a_lost_feed_is_seen_by_machines_outlets_phases_and_switches() -> None:
    async with rack() as fleet:
        watts = int((await asked(fleet.snmp("pdu-r01-b"), f"{RPDU2}.4.3.1.5.1"))[0])
        fleet.strike(rack="R01", fault="lose_feed", feed="A")
        volts, load = await asked(fleet.snmp("pdu-r01-a"), f"{RPDU2}.6.3.1.6.1", f"{RPDU2}.4.3.1.5.1")
        assert (volts, load) == ("0", "0")
        assert int((await asked(fleet.snmp("pdu-r01-b"), f"{RPDU2}.4.3.1.5.1"))[0]) > 1.5 * watts
        assert fed(fleet, "web-01") == [False, True]
        assert (await walked(fleet.snmp("sw-r01-a"), "1.3.6.1.2.1.131.1.1.1.3"))["100"] == "2"
        assert set((await walked(fleet.snmp("pdu-r02-a"), f"{RPDU2}.6.3.1.6")).values()) == {"230"}


async def test_an_outlet_that_is_off_stays_off_when_its_feed_comes_back() -> None:
    async with rack() as fleet:
        fleet.strike(agent="pdu-r01-a", fault="cut_outlet", outlet=1)
        lost = fleet.strike(rack="R01", fault="lose_feed", feed="A")
        fleet.heal(lost)
        assert (fed(fleet, "web-01"), fed(fleet, "web-02")) == ([False, True], [True, True])


async def test_a_ups_holds_its_feed_as_long_as_its_battery_lasts() -> None:
    battery, output = "1.3.6.1.2.1.33.1.2", "1.3.6.1.2.1.33.1.4"
    async with rack() as fleet:
        address = fleet.snmp("ups-core-1-a")
        assert await asked(address, f"{battery}.1.0", f"{battery}.4.0", f"{output}.1.0") == ["2", "100", "3"]
        lost = fleet.strike(agent="ups-core-1-a", fault="lose_mains")
        fleet.advance(600)
        seconds, charge, source, alarms = await asked(
            address, f"{battery}.2.0", f"{battery}.4.0", f"{output}.1.0", "1.3.6.1.2.1.33.1.6.1.0"
        )
        assert (seconds, source, alarms) == ("600", "5", "1")
        assert int(charge) < 100
        assert feeds(fleet) == [True, True]
        fleet.advance(truth(fleet, "ups-core-1-a")["seconds_left"] + 60)
        assert feeds(fleet) == [False, False]
        assert "Timeout" in await tool("snmpget", address, SYS_NAME)
        fleet.heal(lost)
        assert feeds(fleet) == [True, True]
        assert await asked(address, f"{output}.1.0") == ["3"]


# ---- faults ----


async def test_a_column_that_goes_in_a_circle_is_noticed() -> None:
    async with rack() as fleet:
        fleet.strike(agent="sw-r01-a", fault="oid_loop", oid=f"{IF}.2")
        assert "not increasing" in await tool("snmpbulkwalk", fleet.snmp("sw-r01-a"), f"{IF}.2")


async def test_a_column_that_never_ends_goes_on() -> None:
    async with rack() as fleet:
        fleet.strike(agent="sw-r01-a", fault="grow_table", oid=f"{IF}.2")
        answer = await tool("snmpbulkget", fleet.snmp("sw-r01-a"), "-Cn0", "-Cr500", f"{IF}.2.52")
        assert f".{IF}.2.552 " in answer


async def test_bulks_that_are_too_large_are_refused_or_answered_with_gaps() -> None:
    async with rack() as fleet:
        address = fleet.snmp("sw-r01-a")
        gaps = fleet.strike(agent="sw-r01-a", fault="max_rep_bug", most=10)
        assert f".{IF}.1.12 " not in await tool("snmpbulkget", address, "-Cr20", f"{IF}.1")
        fleet.heal(gaps)
        assert f".{IF}.1.12 " in await tool("snmpbulkget", address, "-Cr20", f"{IF}.1")
        fleet.strike(agent="sw-r01-a", fault="too_big", most=10)
        assert "tooBig" in await tool("snmpbulkget", address, "-Cr20", f"{IF}.1")
        assert len(await asked(address, *(f"{IF}.1.{n}" for n in range(1, 11)))) == 10


async def test_time_wraps_and_engines_tell_the_wrong_time() -> None:
    async with rack() as fleet:
        address = fleet.snmp("sw-r01-m")
        fleet.strike(agent="sw-r01-m", fault="uptime_near_end", left=100)
        assert (await asked(address, UPTIME))[0].startswith("497:")
        fleet.advance(101)
        assert (await asked(address, UPTIME))[0].startswith("0:0:00:0")
        told = int((await asked(address, "1.3.6.1.6.3.10.2.1.3.0"))[0])
        fleet.strike(agent="sw-r01-m", fault="engine_time", by=9_999)
        assert int((await asked(address, "1.3.6.1.6.3.10.2.1.3.0", how=PRIVATE))[0]) == told + 9_999


async def test_lost_requests_strange_names_and_a_silent_agent() -> None:
    async with rack() as fleet:
        address = fleet.snmp("sw-r01-a")
        fleet.strike(agent="sw-r01-a", fault="name_bytes", hex="ff00")
        assert await asked(address, SYS_NAME) == ["FF 00 "]
        fleet.strike(agent="sw-r01-a", fault="agent_misses", count=1)
        assert "Timeout" in await tool("snmpget", address, SYS_NAME)
        assert "FF 00" in await tool("snmpget", address, SYS_NAME)
        fleet.strike(agent="sw-r01-a", fault="agent_silent")
        assert "Timeout" in await tool("snmpget", address, SYS_NAME)


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ({"agent": "web-01", "fault": "agent_silent"}, "no agent 'web-01'"),
        ({"agent": "pdu-r01-a", "fault": "swap_ifindex"}, "is a pdu, no switch"),
        ({"agent": "sw-r01-a", "fault": "counter_reset", "port": 99}, "ports 1 to 52"),
        ({"agent": "sw-r01-a", "fault": "lose_mains"}, "no UPS"),
        ({"agent": "sw-r01-a", "fault": "oid_loop", "oid": "x"}, "no object identifier"),
    ],
)
async def test_a_fault_that_an_agent_cannot_have_is_refused(fault: dict[str, Any], said: str) -> None:
    async with rack() as fleet:
        with pytest.raises(FaultRefusedError, match=said):
            fleet.strike(**fault)


@pytest.mark.parametrize("fault_id", SNMP_IDS)
async def test_every_id_of_the_catalogue_can_be_set_on_an_agent_and_healed(fault_id: str) -> None:
    async with rack(("127.0.0.1", 9)) as fleet:
        fault = fleet.strike(agent="sw-r01-a", fault="wire", id=fault_id)
        assert fault.name == SNMP_IDS[fault_id]
        fleet.heal(fault)
        if fault_id == "F97":
            await tool("snmpget", fleet.snmp("sw-r01-a"), SYS_NAME)
        assert await asked(fleet.snmp("sw-r01-a"), SYS_NAME, how=PRIVATE) == ["sw-r01-a"]


def test_every_id_of_snmp_is_somebodys_doing() -> None:
    assert [n for n in range(91, 106) if f"F{n}" not in {*SNMP_IDS, *ELSEWHERE}] == []


async def test_numbers_told_as_zeros_are_numbers_again_afterwards() -> None:
    async with rack() as fleet:
        before = await asked(fleet.snmp("sw-r01-a"), f"{IFX}.1.1", f"{IFX}.6.1")
        zeros = fleet.strike(agent="sw-r01-a", fault="F98")
        assert await asked(fleet.snmp("sw-r01-a"), f"{IFX}.1.1", f"{IFX}.6.1") == [before[0], "0"]
        fleet.heal(zeros)
        assert await asked(fleet.snmp("sw-r01-a"), f"{IFX}.1.1", f"{IFX}.6.1") == before
        assert before[1] != "0"


# ---- traps ----


class Heard(asyncio.DatagramProtocol):
    """Keeps what comes."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[bytes] = asyncio.Queue()

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.queue.put_nowait(data)


@pytest.mark.parametrize("version", [2, 3])
async def test_a_link_that_goes_down_is_told_unasked(version: int) -> None:
    loop = asyncio.get_running_loop()
    transport, heard = await loop.create_datagram_endpoint(Heard, local_addr=("127.0.0.1", 0))
    try:
        async with rack(transport.get_extra_info("sockname"), version) as fleet:
            fleet.strike(switch="sw-r01-a", fault="drop_link", port=1)
            message = await asyncio.wait_for(heard.queue.get(), 5)
            rows = fleet.ledger.since(0, what="trap_sent")
    finally:
        transport.close()
    assert [row["trap"] for row in rows if row["machine"] == "sw-r01-a"] == ["1.3.6.1.6.3.1.1.5.3"]
    link_down = ber.oid((1, 3, 6, 1, 6, 3, 1, 1, 5, 3))
    assert (link_down in message) == (version == 2)
    assert b"operator" in message or version == 2


async def test_a_storm_of_traps_comes_at_once_and_is_counted() -> None:
    loop = asyncio.get_running_loop()
    transport, heard = await loop.create_datagram_endpoint(Heard, local_addr=("127.0.0.1", 0))
    try:
        async with rack(transport.get_extra_info("sockname")) as fleet:
            fleet.strike(agent="sw-r01-a", fault="trap_storm", count=50)
            messages = [await asyncio.wait_for(heard.queue.get(), 5) for _ in range(50)]
            (row,) = fleet.ledger.since(0, what="trap_storm")
    finally:
        transport.close()
    assert (row["count"], len(set(messages))) == (50, 50)


# ---- fleet files and the control API ----


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ({"switches": ["sw = ghost @ 41"]}, "no family 'ghost' of switch"),
        ({"switches": ["sw = petrel-120 @ 41"]}, "no family 'petrel-120' of switch"),
        ({"pdus": ["pdu = apc-rpdu2"]}, "is no PDU"),
        ({"upses": ["ups = petrel-120 on A"]}, "is no UPS"),
        ({"pdus": ["a = apc-rpdu2 on A", "a = apc-rpdu2 on B"]}, "two of the name 'a'"),
    ],
)
def test_a_fleet_file_says_what_there_is_and_is_told_what_is_wrong(rows: dict[str, Any], said: str) -> None:
    with pytest.raises(FleetFileError, match=said):
        parse_fleet({"site": [{"name": "core-1"}], "rack": [{"name": "R01", **rows}]})


async def test_a_thousand_agents_answer_from_one_process() -> None:
    async with running_fleet("thousand_agents") as fleet:
        assert len(fleet.fleet.devices) == 1_000
        some = list(fleet.fleet.devices)[::125]
        assert await asyncio.gather(*(asked(fleet.snmp(name), SYS_NAME) for name in some)) == [[name] for name in some]
