"""The TCP proxy that can fail, in front of a plain server: what it does to bytes, and what it says it did."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from emulator.proxy import Proxy, RuleError, running_proxy
from tests.emulator_client import client_of

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 200\r\n\r\n" + b"x" * 200
PATIENCE = 0.2


@contextlib.asynccontextmanager
async def fronted(*rules: dict[str, Any], **options: Any) -> AsyncIterator[Proxy]:
    """A proxy in front of a server that sends ANSWER for every line it is sent."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while await reader.readline():
                writer.write(ANSWER)
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, running_proxy(f"127.0.0.1:{port}", rules, **options) as proxy:
        yield proxy


async def asked(proxy: Proxy, patience: float = PATIENCE) -> tuple[bytes, str]:
    """What one connection gives for one line, and how it ends: `whole`, `end`, `reset` or `silence`."""
    got = b""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    except ConnectionError:
        return got, "reset"
    try:
        writer.write(b"hello\n")
        while len(got) < len(ANSWER):
            piece = await asyncio.wait_for(reader.read(65_536), patience)
            if not piece:
                return got, "end"
            got += piece
    except ConnectionError:
        return got, "reset"
    except TimeoutError:
        return got, "silence"
    finally:
        writer.transport.abort()
    return got, "whole"


@pytest.mark.parametrize(
    ("fault", "length", "end"),
    [
        ({"reset": "connect"}, 0, "reset"),
        ({"reset": 10}, 10, "reset"),
        ({"reset": 100}, 100, "reset"),
        ({"half_close": 50}, 50, "end"),
        ({"stall": 0}, 0, "silence"),
        ({"stall": 120}, 120, "silence"),
        ({"delay": 0.05}, len(ANSWER), "whole"),
        ({"flip": 230}, len(ANSWER), "whole"),
    ],
)
async def test_a_fault_breaks_the_stream_where_it_was_asked_to(fault: dict[str, Any], length: int, end: str) -> None:
    async with fronted({"fault": fault}) as proxy:
        got, how = await asked(proxy)
        assert how == end
        assert len(got) <= length if end == "reset" else len(got) == length
        if "flip" in fault:
            assert [n for n, (a, b) in enumerate(zip(got, ANSWER, strict=True)) if a != b] == [230]
        else:
            assert ANSWER.startswith(got)
        fired = [row for row in proxy.log if row["what"] == "fired"]
        assert [(row["fault"], row["rule"]) for row in fired] == [(next(iter(fault)), "r1")]


async def test_without_a_rule_everything_passes_and_is_counted() -> None:
    async with fronted() as proxy:
        assert await asked(proxy) == (ANSWER, "whole")
        await asyncio.sleep(0.05)
        assert [row["what"] for row in proxy.log] == ["connected", "closed"]
        assert (proxy.log[1]["down"], proxy.log[1]["up"]) == (len(ANSWER), 6)
        assert [row["sequence"] for row in proxy.log] == [1, 2]


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ({"nth": 2}, [2]),
        ({"first": 2}, [1, 2]),
        ({"every": 3}, [3, 6]),
        ({"after_s": 10}, [4, 5, 6]),
        ({"until_s": 10}, [1, 2, 3]),
    ],
)
async def test_a_rule_meets_the_connections_that_it_should(when: dict[str, Any], expected: list[int]) -> None:
    now = [0.0]
    async with fronted({"when": when, "fault": {"reset": "connect"}}, clock=lambda: now[0]) as proxy:
        ends = []
        for n in range(1, 7):
            now[0] = 0.0 if n < 4 else 10.0
            ends.append((await asked(proxy))[1])
        assert [n for n, end in enumerate(ends, 1) if end == "reset"] == expected
        assert proxy.fired("r1") == len(expected)


async def test_chance_is_the_same_for_the_same_seed() -> None:
    async def ends(seed: int) -> list[str]:
        async with fronted({"when": {"prob": 0.5}, "fault": {"reset": "connect"}}, seed=seed) as proxy:
            return [(await asked(proxy))[1] for _ in range(16)]

    first = await ends(3)
    assert first == await ends(3)
    assert first != await ends(4)
    assert set(first) == {"whole", "reset"}


async def test_a_rule_reaches_open_connections_and_what_it_stalled_goes_on_after_healing() -> None:
    async with fronted() as proxy:
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        writer.write(b"hello\n")
        await reader.readexactly(len(ANSWER))
        rule = proxy.set({"fault": {"stall": 0}})
        writer.write(b"hello\n")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(1), PATIENCE)
        proxy.heal(rule)
        assert await reader.readexactly(len(ANSWER)) == ANSWER
        writer.close()


@pytest.mark.parametrize(("fault", "least"), [({"drip": 1_000}, 0.2), ({"throttle": 1_000}, 0.2)])
async def test_a_slow_stream_comes_whole_and_takes_its_time(fault: dict[str, Any], least: float) -> None:
    async with fronted({"fault": fault}) as proxy:
        begun = time.monotonic()
        assert await asked(proxy, patience=2) == (ANSWER, "whole")
        assert time.monotonic() - begun >= least


async def test_what_the_client_sends_can_be_broken_too() -> None:
    async with fronted({"match": {"direction": "up"}, "fault": {"stall": 3}}) as proxy:
        assert await asked(proxy) == (b"", "silence")


async def test_a_target_that_is_not_there_is_a_reset() -> None:
    async with running_proxy("127.0.0.1:9") as proxy:
        assert (await asked(proxy))[1] == "reset"


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({"fault": {"explode": 1}}, "one fault of reset"),
        ({"fault": {"reset": -1}}, 'it takes RST: "connect"'),
        ({"fault": {"reset": 1, "stall": 2}}, "one fault of"),
        ({"when": {"state": "On"}, "fault": {"stall": 0}}, "when: state cannot be"),
        ({"match": {"path": "/x"}, "fault": {"stall": 0}}, "match takes a direction"),
        ({"faults": {}}, "not 'faults'"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused_with_what_would_be_right(rule: dict[str, Any], said: str) -> None:
    with pytest.raises(RuleError, match=said):
        Proxy("127.0.0.1:9").set(rule)


async def test_it_carries_tls_to_a_machine_and_breaks_it() -> None:
    async with client_of("one_server") as client, running_proxy(client.fleet.address("web-01")) as proxy:
        rule = proxy.set({"fault": {"flip": 400}})
        with pytest.raises(aiohttp.ClientError):
            await client.http.get(f"{proxy.address}/redfish/v1")
        proxy.heal(rule)
        async with client.http.get(f"{proxy.address}/redfish/v1") as response:
            assert response.status == 200


def test_it_runs_from_the_command_line_and_tells_its_log() -> None:
    rule = json.dumps({"fault": {"reset": "connect"}})
    command = [sys.executable, "-m", "emulator.proxy", "--target", "127.0.0.1:9", "--rule", rule]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("proxy tcp://127.0.0.1:")
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
