"""Faults below HTTP, by a proxy between the driver and the BMC: what breaks is one poll, and nothing is left behind."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from emulator.proxy import running_proxy
from fleetmon.drivers.base import Request
from fleetmon.model import Reachability
from tests.bench import EVERYTHING, MACHINE, STEADY, opened
from tests.emulator_client import client_of

LINES: dict[str, dict[str, Any]] = {
    "reset at once": {"fault": {"reset": "connect"}},
    "reset in the handshake": {"fault": {"reset": 100}},
    "reset in an answer": {"fault": {"reset": 6_000}},
    "closed half": {"fault": {"half_close": 6_000}},
    "stalled in the handshake": {"fault": {"stall": 0}},
    "stalled in an answer": {"fault": {"stall": 6_000}},
    "one byte at a time": {"fault": {"drip": 200}},
    "slow": {"fault": {"throttle": 20_000}},
    "a bit flipped": {"fault": {"flip": 5_000}},
    "a bit flipped on the way there": {"fault": {"flip": 900}, "match": {"direction": "up"}},
    "the first connection reset": {"when": {"first": 1}, "fault": {"reset": 3_000}},
}


@pytest.mark.parametrize("line", LINES)
async def test_F10_F12_F13_F22_a_broken_line_costs_one_poll_and_leaves_nothing_behind(line):
    async with client_of("one_server") as client, running_proxy(client.fleet.address(MACHINE)) as proxy:
        driver, lane, _ = opened(proxy.address, request_timeout=0.4, poll_deadline=1.5, connect_timeout=0.4)
        rule = proxy.set(LINES[line])
        broken = await asyncio.wait_for(driver.observe(Request(aspects=EVERYTHING)), 3)
        assert broken.reachability in (Reachability.REACHABLE, Reachability.UNREACHABLE, Reachability.GARBLED)
        assert "\n" not in broken.reason
        assert proxy.fired(rule)
        proxy.heal(rule)
        seen = await driver.observe(Request(aspects=EVERYTHING))
        steady = await driver.observe(Request(aspects=STEADY))
        assert (seen.reachability, steady.answered, steady.problems) == (Reachability.REACHABLE, STEADY, ())
        await driver.close()
        tally = client.fleet.ledger.tallies[MACHINE]
        assert tally.most_in_flight <= 1
        assert tally.sessions.most <= 2
        assert tally.refused == 0
        assert lane.breaker.refusals == 0
