"""Every fault of the catalogue that a device brings about over IPMI, set by its id and seen datagram by datagram."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from emulator.fleet import parse_fleet
from emulator.named_fault import FaultRefusedError
from tests.emulator_client import Client, client_of
from tests.rmcp_client import Rmcp, SilentError, console

APP, SENSOR, STORAGE = 0x06, 0x04, 0x0A
DEVICE_ID = (APP, 0x01)
PLAN = parse_fleet(
    {
        "site": [{"name": "core-1"}],
        "rack": [{"name": "R01", "servers": ["web-01 = halden-w1 @ 10 over redfish, ipmi"]}],
    }
)


class Wire:
    """A machine, and consoles that speak to its UDP port."""

    def __init__(self, client: Client, stack: contextlib.AsyncExitStack) -> None:
        self.client, self._stack = client, stack
        self.fleet = client.fleet

    async def line(self) -> Rmcp:
        """Another console."""
        lan = self.fleet.bmc("web-01").lan
        assert lan is not None
        return await self._stack.enter_async_context(console(lan.port))

    async def login(self) -> Rmcp:
        """A console with a session."""
        line = await self.line()
        assert await line.login(self.fleet.user, self.fleet.password) == 0
        return line


@contextlib.asynccontextmanager
async def wire_of() -> AsyncIterator[Wire]:
    async with client_of(PLAN) as client, contextlib.AsyncExitStack() as stack:
        yield Wire(client, stack)


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    async with wire_of() as wire:
        yield wire


async def answered(asking: Awaitable[Any]) -> bool:
    """Whether an answer comes in time."""
    try:
        await asking
    except SilentError:
        return False
    return True


# ---- what each id looks like ----

Look = Callable[[Wire], Awaitable[bool]]


async def f78(wire: Wire) -> bool:
    line = await wire.line()
    heard = 0
    for tag in range(40):
        line.send(bytes.fromhex(f"0600ff06000011be80{tag:02x}0000"))
        heard += await answered(line.next(0.02))
    lan = wire.fleet.bmc("web-01").lan
    assert lan is not None
    return 0 < heard < 40 == lan.tally.datagrams


async def f79(wire: Wire) -> bool:
    line = await wire.login()
    return [await answered(line.ask(*DEVICE_ID)) for _ in range(6)] == [True] * 4 + [False, True]


async def f80(wire: Wire) -> bool:
    line = await wire.line()
    return await line.pings() and (await line.next())[8] == 0x40


async def f81(wire: Wire) -> bool:
    for _ in range(4):
        await wire.login()
    return await (await wire.line()).open(17) == 0x01


async def f82(wire: Wire) -> bool:
    older, newer = await wire.login(), await wire.login()
    return [await answered(line.ask(*DEVICE_ID)) for line in (older, newer)] == [False, True]


async def f83(wire: Wire) -> bool:
    line = await wire.line()
    return [await line.open(17), await line.login(wire.fleet.user, wire.fleet.password, 3)] == [0x04, 0]


async def f84(wire: Wire) -> bool:
    line = await wire.line()
    assert await line.open(17) == 0
    assert await line.challenge(wire.fleet.user, wire.fleet.password) == 0
    return line.junk == 8 and await line.prove() == 0


async def f85(wire: Wire) -> bool:
    line = await wire.login()
    return [(await line.ask(*DEVICE_ID))[0] for _ in range(4)] == [0xC0] * 3 + [0]


async def f86(wire: Wire) -> bool:
    line = await wire.line()
    return not await line.pings() and not await answered(line.open(17))


async def f88(wire: Wire) -> bool:
    line = await wire.login()
    return [(await line.ask(STORAGE, 0x23, bytes((0, 0, 0, 0, 0, count))))[0] for count in (17, 16)] == [0xCA, 0]


async def f89(wire: Wire) -> bool:
    line = await wire.login()
    code, data = await line.ask(SENSOR, 0x2D, b"\x01")
    return code == 0 and data[0] == 0 and bool(data[1] & 0x20)


async def f90(wire: Wire) -> bool:
    """Whoever knows a user's name is let in."""
    line = await wire.line()
    status = await line.login(wire.fleet.user, "no idea", 0)
    return status == 0 and (await line.ask(*DEVICE_ID))[0] == 0


LOOKS: dict[str, Look] = {
    "F78": f78, "F79": f79, "F80": f80, "F81": f81, "F82": f82, "F83": f83, "F84": f84, "F85": f85, "F86": f86,
    "F88": f88, "F89": f89, "F90": f90,
}  # fmt: skip
"""What a client sees of a fault that is set by its id alone."""


@pytest.mark.parametrize("fault_id", LOOKS)
async def test_a_fault_set_by_its_id_is_seen_on_the_wire_and_counted(wire: Wire, fault_id: str) -> None:
    status, _ = await wire.client.control("POST", "/faults", {"machine": "web-01", "fault": fault_id})
    assert status == 201
    assert await LOOKS[fault_id](wire)
    rows = wire.fleet.ledger.since(0, what="fault_fired")
    assert rows
    assert {row["method"] for row in rows} == {"IPMI"}


OWN = {"F81"}
"""What this firmware does anyway: four sessions are all it has."""


@pytest.mark.parametrize("fault_id", sorted({*LOOKS} - OWN))
async def test_without_the_fault_nothing_of_it_is_seen(wire: Wire, fault_id: str) -> None:
    try:
        seen = await LOOKS[fault_id](wire)
    except SilentError:
        seen = False
    assert not seen


# ---- which datagrams are met ----


async def test_a_fault_without_match_is_on_both_protocols_and_a_match_chooses_one(wire: Wire) -> None:
    line = await wire.login()
    faults = {
        "both": wire.fleet.strike(machine="web-01", fault={"hang": "forever"}),
    }
    assert not await answered(line.ask(*DEVICE_ID))
    wire.fleet.heal(faults.pop("both"))
    wire.fleet.strike(machine="web-01", fault={"hang": "forever"}, match={"path": "/Systems"})
    assert await answered(line.ask(*DEVICE_ID))
    wire.fleet.strike(machine="web-01", fault={"hang": "forever"}, match={"netfn": APP, "command": 0x01})
    assert not await answered(line.ask(*DEVICE_ID))
    assert await answered(line.ask(STORAGE, 0x40))
    assert (await wire.client.ask("web-01", "/redfish/v1"))[0] == 200


async def test_the_truth_about_a_machine_has_who_is_in_over_ipmi(wire: Wire) -> None:
    line = await wire.login()
    await line.ask(*DEVICE_ID)
    _, truth = await wire.client.control("GET", "/machines/web-01")
    (session,) = truth["ipmi"]["sessions"]
    assert session["client"].startswith("127.0.0.1:")
    assert [session[key] for key in ("id", "user", "privilege", "cipher")] == [1, wire.fleet.user, 2, 17]
    assert truth["ipmi"]["traffic"]["by_request"] == {"IPMI 06h/01h": 1}
    wire.fleet.advance(61)
    assert (await wire.client.control("GET", "/machines/web-01"))[1]["ipmi"]["sessions"] == []


async def test_a_slow_bmc_is_slow_over_ipmi_too(wire: Wire) -> None:
    line = await wire.login()
    wire.fleet.strike(machine="web-01", fault="slow_bmc", latency=0.1)
    line.send(line.sealed(*DEVICE_ID))
    assert not await answered(line.next(0.05))
    assert await answered(line.next(0.2))


async def test_a_lost_request_was_never_carried_out_and_a_lost_answer_was(wire: Wire) -> None:
    line = await wire.login()
    lan = wire.fleet.bmc("web-01").lan
    assert lan is not None
    for lost, count in (("request", 0), ("answer", 1)):
        fault = wire.fleet.strike(machine="web-01", fault={"lose_packet": lost})
        assert not await answered(line.ask(*DEVICE_ID))
        assert lan.tally.requests["IPMI 06h/01h"] == count
        wire.fleet.heal(fault)


async def test_commands_that_do_not_wait_for_an_answer_are_in_flight_together(wire: Wire) -> None:
    line = await wire.login()
    lan = wire.fleet.bmc("web-01").lan
    assert lan is not None
    wire.fleet.strike(machine="web-01", fault={"latency": 0.02})
    for _ in range(2):
        assert await answered(line.ask(*DEVICE_ID))
    assert (lan.tally.in_flight, lan.tally.most_in_flight) == (0, 1)
    line.send(line.sealed(*DEVICE_ID))
    assert await answered(line.ask(*DEVICE_ID))
    assert (lan.tally.in_flight, lan.tally.most_in_flight) == (0, 2)


async def test_a_power_command_is_obeyed_and_its_answer_lost_over_either_protocol(wire: Wire) -> None:
    line = await wire.login()
    assert (await line.ask(APP, 0x3B, b"\x04"))[0] == 0
    lost = wire.fleet.strike(machine="web-01", fault="lose_answer")
    assert await answered(line.ask(0x00, 0x01))
    assert not await answered(line.ask(0x00, 0x02, b"\x00"))
    wire.fleet.advance(10)
    assert wire.fleet.machine("web-01").power.state == "Off"
    wire.fleet.heal(lost)
    assert await line.ask(0x00, 0x02, b"\x01") == (0, b"")


async def test_a_bmc_that_starts_up_says_so_to_commands_for_a_while(wire: Wire) -> None:
    wire.fleet.strike(machine="web-01", fault={"bmc_reset": {"down": 60, "busy": 30}})
    assert not await (await wire.line()).pings()
    wire.fleet.advance(61)
    line = await wire.login()
    assert await line.ask(*DEVICE_ID) == (0xD2, b"")
    wire.fleet.advance(30)
    assert (await line.ask(*DEVICE_ID))[0] == 0


async def test_a_bmc_that_does_not_tell_its_ciphers_is_silent_about_them_alone(wire: Wire) -> None:
    line = await wire.line()
    assert await answered(line.outside(APP, 0x54, b"\x0e\x00\x80"))
    wire.fleet.strike(machine="web-01", fault={"ignore_get_cipher": True})
    assert not await answered(line.outside(APP, 0x54, b"\x0e\x00\x80"))
    assert await answered(line.outside(APP, 0x38, b"\x8e\x04"))


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({"fault": {"cc": 0}}, "from 1 to 255"),
        ({"fault": {"cc": 192}, "match": {"path": "/x"}}, "match knows payload, netfn, command"),
        ({"fault": {"cc": 192}, "match": {"payload": "rakp9"}}, "payload cannot be 'rakp9'"),
        ({"fault": {"cc": 192}, "match": {"netfn": 5}}, "netfn cannot be 5"),
        ({"fault": {"hang": "forever"}, "match": {"path": "/x", "netfn": 6}}, "not of both"),
        ({"fault": {"ciphers": [4]}}, "cipher suites of 0, 1, 2, 3, 15, 16, 17"),
        ({"fault": {"ciphers": []}}, "a list of cipher suites"),
        ({"fault": {"dup": 0}}, "how often"),
        ({"fault": {"no_reading": "never"}}, "unavailable or unscanned"),
        ({"fault": {"ciphers": [3]}, "match": {"payload": "rakp1"}}, "it takes no match"),
    ],
)
async def test_a_fault_that_makes_no_sense_is_refused(wire: Wire, wanted: dict[str, Any], said: str) -> None:
    with pytest.raises(FaultRefusedError, match=said):
        wire.fleet.strike(machine="web-01", **wanted)
