"""kill -9 in the middle of ingest: nothing acknowledged is lost, nothing is there twice (R1).

Proven by planted bugs: with the writer waking its callers before COMMIT, a kill loses acknowledged events; with the
identity of a record left out of its unique key, records read again after a kill are there twice.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from fleetmon.storage.database import Row
from fleetmon.storage.maintenance import check
from tests.observations import opened

KILLS = 10
CHILD = """
import asyncio, sys
from pathlib import Path
from tests.observations import *

async def one(store, number, name):
    at = START + minutes(number)
    records = [record(number * 3 + offset + 1, created_text=f"{number}/{offset}") for offset in range(3)]
    before = [record(number * 3, created_text=f"{number - 1}/2")] if number else []
    await take(
        store,
        observed(
            at,
            asked=STEADY | {Aspect.EVENTS},
            readings=tuple(reading(f"Temp {place}", 20.0 + number % 7, at) for place in range(20)),
            logs=(log_reading(*before, *records, at=at),),
        ),
        of=device(name),
    )
    print(name, number, flush=True)

async def main(directory, first):
    async with opened(Path(directory)) as store:
        for name in NAMES:
            if await store.fleet.device(name) is None:
                await store.fleet.add_device(device(name))
        print("ready", flush=True)
        for number in range(first, first + 100_000):
            await asyncio.gather(*(one(store, number, name) for name in NAMES))

NAMES = [f"web-{number}" for number in range(8)]
asyncio.run(main(sys.argv[1], int(sys.argv[2])))
"""


def run_until_killed(directory: Path, first: int, after: float) -> tuple[set[tuple[str, int]], str]:
    """What a child acknowledged before it was killed."""
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(directory), str(first)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert child.stdout is not None
    started = child.stdout.readline()
    time.sleep(after)
    child.send_signal(signal.SIGKILL)
    said, complaint = child.communicate()
    assert started == "ready\n", complaint
    lines = [line.split() for line in said.splitlines(keepends=True) if line.endswith("\n")]
    return {(name, int(number)) for name, number in lines}, complaint


async def stored_records(directory: Path) -> Counter[tuple[str, int]]:
    """How often each record of each device is stored."""
    async with opened(directory) as store:
        rows = await store.state.read("SELECT device_id, record_id, count(*) AS times FROM event GROUP BY 1, 2")
        return Counter({(row["device_id"], int(row["record_id"])): row["times"] for row in rows if _told(row)})


def _told(row: Row) -> bool:
    """By the device, not by ourselves."""
    return str(row["record_id"]).isdigit()


@pytest.mark.soak
async def test_R1_two_hundred_kills_with_another_seed(tmp_path: Path) -> None:
    seed = random.randrange(2**32)
    print(f"R1: 200 kills, seed {seed}")
    await kill_and_look(tmp_path, kills=200, seed=seed)


async def test_a_kill_loses_no_acknowledged_event_and_doubles_none(tmp_path: Path) -> None:
    await kill_and_look(tmp_path, kills=KILLS, seed=20260106)


async def kill_and_look(tmp_path: Path, *, kills: int, seed: int) -> None:
    data, chance = tmp_path / "data", random.Random(seed)
    acknowledged: set[tuple[str, int]] = set()
    for _ in range(kills):
        # What was under way when the last child died is read again, as from a device that still holds it.
        first = max((number for _, number in acknowledged), default=0)
        told, complaint = run_until_killed(data, first, chance.uniform(0.02, 0.25))
        assert not complaint
        acknowledged |= told
        stored = await stored_records(data)
        assert {(name, number * 3 + offset + 1) for name, number in acknowledged for offset in range(3)} <= set(stored)
        assert set(stored.values()) <= {1}

    assert len({number for _, number in acknowledged}) > kills
    async with opened(data) as store:
        for name in {name for name, _ in acknowledged}:
            assert await store.telemetry.latest(name)
    assert [one.problems for one in check(data)] == [(), ()]
