"""The UDP proxy that can fail, in front of a plain echo: what it does to datagrams, and what it says it did."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from typing import Any

import pytest

from emulator.proxy import RuleError
from emulator.udp_proxy import MOST_FLOWS, UdpProxy, running_udp_proxy
from tests.rmcp_client import Rmcp, SilentError, console


class Echo(asyncio.DatagramProtocol):
    """Sends back what comes, as often as it comes."""

    def connection_made(self, transport: Any) -> None:
        self.transport, self.seen = transport, list[bytes]()

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.seen.append(data)
        self.transport.sendto(data, addr)


@contextlib.asynccontextmanager
async def fronted(*rules: dict[str, Any], **options: Any) -> AsyncIterator[tuple[UdpProxy, Rmcp, Echo]]:
    """A proxy in front of an echo, and a client in front of the proxy."""
    transport, echo = await asyncio.get_running_loop().create_datagram_endpoint(Echo, local_addr=("127.0.0.1", 0))
    port = transport.get_extra_info("sockname")[1]
    async with running_udp_proxy(f"ipmi://127.0.0.1:{port}", rules, **options) as proxy, console(proxy.port) as line:
        try:
            yield proxy, line, echo
        finally:
            transport.close()


async def taken(line: Rmcp, patience: float = 0.15) -> list[bytes]:
    """Everything that comes until nothing more does."""
    got = []
    with contextlib.suppress(SilentError):
        while True:
            got.append(await line.next(patience))
    return got


NUMBERS = [bytes((n, 0)) for n in range(8)]
UP, DOWN = {"direction": "up"}, {"direction": "down"}


async def sent(line: Rmcp) -> list[bytes]:
    """What comes back of eight numbered datagrams."""
    for datagram in NUMBERS:
        line.send(datagram)
        await asyncio.sleep(0.005)
    return await taken(line)


async def test_without_rules_everything_goes_through_to_its_own_client() -> None:
    async with fronted() as (proxy, line, _), console(proxy.port) as other:
        other.send(b"other")
        assert await sent(line) == NUMBERS
        assert await taken(other) == [b"other"]
        assert (proxy.passed, proxy.log) == ({"down": 9, "up": 9}, [])
        assert proxy.address == f"ipmi://127.0.0.1:{proxy.port}"


@pytest.mark.parametrize(
    ("rule", "back", "reached"),
    [
        ({"match": UP, "when": {"nth": 3}, "fault": {"drop": True}}, [0, 1, 3, 4, 5, 6, 7], 7),
        ({"match": DOWN, "when": {"nth": 3}, "fault": {"drop": True}}, [0, 1, 3, 4, 5, 6, 7], 8),
        ({"when": {"every": 4}, "fault": {"duplicate": 2}}, [0, 1, 2, 3, 3, 3, 4, 5, 6, 7, 7, 7], 8),
        ({"match": UP, "when": {"nth": 1}, "fault": {"duplicate": 1}}, [0, 0, 1, 2, 3, 4, 5, 6, 7], 9),
        ({"when": {"nth": 2}, "fault": {"reorder": 3}}, [0, 2, 3, 4, 1, 5, 6, 7], 8),
        ({"when": {"nth": 2}, "fault": {"delay": 0.1}}, [0, 2, 3, 4, 5, 6, 7, 1], 8),
    ],
)
async def test_a_rule_meets_datagrams_of_its_direction(rule: dict[str, Any], back: list[int], reached: int) -> None:
    async with fronted(rule) as (proxy, line, echo):
        assert [datagram[0] for datagram in await sent(line)] == back
        assert len(echo.seen) == reached
        assert proxy.fired("r1") == (2 if "every" in rule["when"] else 1)
        row = proxy.log[0]
        assert (row["sequence"], row["direction"]) == (1, rule.get("match", DOWN)["direction"])


async def test_what_nobody_overtakes_comes_late_all_the_same() -> None:
    async with fronted({"when": {"nth": 8}, "fault": {"reorder": 5}}) as (_, line, _):
        assert await sent(line) == NUMBERS[:7]
        assert await line.next(1.5) == NUMBERS[7]


async def test_datagrams_are_spoilt_and_cut() -> None:
    rules = ({"when": {"nth": 1}, "fault": {"flip": 0}}, {"when": {"nth": 2}, "fault": {"truncate": 1}})
    async with fronted(*rules) as (_, line, _):
        assert (await sent(line))[:3] == [b"\x01\x00", b"\x01", b"\x02\x00"]


async def test_chance_comes_from_the_seed_and_healing_ends_it() -> None:
    rule = {"when": {"prob": 0.5}, "fault": {"drop": True}}
    answers = []
    for seed in (1, 1, 2):
        async with fronted(rule, seed=seed) as (proxy, line, _):
            answers.append(await sent(line))
            proxy.heal("r1")
            assert await sent(line) == NUMBERS
    assert answers[0] == answers[1] != answers[2]


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({"fault": {"reset": 1}}, "one fault of drop, delay, duplicate"),
        ({"fault": {"drop": 1}}, "drop is 1; it takes true"),
        ({"fault": {"duplicate": 65}}, "at most 64"),
        ({"fault": {"delay": 1}, "match": {"direction": "left"}}, "up or down"),
    ],
)
async def test_a_rule_that_makes_no_sense_is_refused(rule: dict[str, Any], said: str) -> None:
    with pytest.raises(RuleError, match=said):
        UdpProxy("127.0.0.1:623").set(rule)


async def test_clients_beyond_the_most_make_the_first_one_give_way() -> None:
    async with fronted() as (proxy, line, echo):
        for n in range(MOST_FLOWS + 5):
            proxy.datagram_received(b"x", ("127.0.0.1", 1_024 + n))
        await asyncio.sleep(0.2)
        assert await line.exchange(b"y") == b"y"
        assert len(echo.seen) <= MOST_FLOWS + 6


async def test_the_command_line_says_where_it_listens_and_what_it_did() -> None:
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(Echo, local_addr=("127.0.0.1", 0))
    port = transport.get_extra_info("sockname")[1]
    rule = json.dumps({"when": {"nth": 1}, "fault": {"drop": True}})
    command = [sys.executable, "-m", "emulator.udp_proxy", "--target", f"127.0.0.1:{port}", "--rule", rule]
    child = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
    try:
        assert child.stdout is not None
        said = (await child.stdout.readline()).decode().split()
        assert said[0] == "proxy"
        async with console(int(said[1].rpartition(":")[2])) as line:
            line.send(b"lost")
            assert await taken(line) == []
            assert await line.exchange(b"kept") == b"kept"
        child.send_signal(signal.SIGTERM)
        rows = [json.loads(row) for row in (await child.stdout.read()).splitlines()]
        assert [(row["rule"], row["fault"], row["direction"]) for row in rows] == [("r1", "drop", "down")]
        assert await child.wait() == 0
    finally:
        transport.close()
        if child.returncode is None:
            child.kill()
