"""A hostile BMC beside honest ones: what it costs in memory and time, and that the others do not feel it (S8)."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

from emulator.run import running_fleet
from fleetmon.drivers.base import Request
from fleetmon.model import Reachability
from tests.bench import EVERYTHING, STEADY, opened

ATTACKS: dict[str, dict[str, Any]] = {
    "a body of 200 MB": {"fault": {"body": 200 << 20}},
    "a gzip bomb, 1000:1": {"fault": {"gzip_bomb": 16}},
    "brackets, 100,000 deep": {"fault": {"deep": 100_000}},
    "a drip of 20 bytes a second": {"fault": {"drip": 20}},
    "pages without end": {"fault": {"nextLink": "++"}},
    "a header of 1 MB": {"fault": {"huge_header": 1 << 20}},
    "an answer that never comes": {"fault": {"hang": "forever"}},
    "a number of 5,000 digits": {"fault": {"huge_int": ["Id"]}},
    "100,000 members": {"fault": {"members": 100_000}, "match": {"path": "*/Entries*"}},
}
MOST_GROWTH = 64 << 20
"""Bytes of memory a hostile BMC may cost. The emulator that plays it lives in the same process and is in the figure."""
MOST_SECONDS = 60
HONEST = 3.0
"""Seconds an honest poll may take meanwhile; the emulator makes the bombs in this very loop, which is most of it."""


def resident() -> int:
    """Bytes of memory this process holds now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096


class Peak:
    """The most memory held while it watches."""

    def __init__(self) -> None:
        self.before = self.most = resident()

    async def watch(self) -> None:
        while True:
            self.most = max(self.most, resident())
            await asyncio.sleep(0.005)


@pytest.mark.parametrize("attack", ATTACKS)
async def test_S8_a_hostile_bmc_costs_little_and_nobody_else_feels_it(attack):
    seconds, growth, late = await attacked(ATTACKS[attack], deadline=2.5)
    assert seconds <= 5
    assert growth <= MOST_GROWTH
    assert late <= HONEST


@pytest.mark.soak
async def test_S8_at_the_usual_deadlines():
    for attack, fault in ATTACKS.items():
        seconds, growth, late = await attacked(fault, deadline=50)
        print(f"S8: {attack}: {seconds:.1f} s, +{growth >> 20} MiB, honest polls {late * 1000:.0f} ms at most")
        assert seconds <= MOST_SECONDS
        assert growth <= MOST_GROWTH
        assert late <= HONEST


async def attacked(fault: dict[str, Any], *, deadline: float) -> tuple[float, int, float]:
    """(seconds the hostile poll took, bytes the process grew meanwhile, seconds of the slowest honest poll)"""
    async with running_fleet("one_rack") as fleet:
        honest = [opened(fleet.address(name))[0] for name in ("web-02", "db-c01")]
        for driver in honest:
            assert (await driver.observe(Request(aspects=EVERYTHING))).reachability is Reachability.REACHABLE
        victim = opened(fleet.address("web-01"), poll_deadline=deadline, request_timeout=deadline * 0.6)[0]
        await victim.observe(Request(aspects=STEADY))
        fleet.strike(machine="web-01", **fault)
        peak, slowest = Peak(), 0.0
        watching = asyncio.create_task(peak.watch())
        started = time.monotonic()
        hostile = asyncio.create_task(victim.observe(Request(aspects=EVERYTHING)))
        while not hostile.done():
            for driver in honest:
                begun = time.monotonic()
                seen = await driver.observe(Request(aspects=STEADY))
                slowest = max(slowest, time.monotonic() - begun)
                assert seen.answered == STEADY
            await asyncio.sleep(0.05)
        seconds = time.monotonic() - started
        await hostile
        watching.cancel()
        await asyncio.gather(*(driver.suspend() for driver in (*honest, victim)))
        return seconds, peak.most - peak.before, slowest
